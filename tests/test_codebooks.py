"""Codebooks: how codes start, follow their frames, restart, are placed again, and keep their meaning."""

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise, permutations

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing
from scipy.stats import chisquare
from torch import Tensor

from unitdisc.batch import padding_mask
from unitdisc.bottlenecks.base import Replaceable
from unitdisc.bottlenecks.codes import quantiser as quantisers
from unitdisc.bottlenecks.codes.codebooks import CODEBOOKS, CodebookOptions
from unitdisc.bottlenecks.codes.placement import kmeans, kmeans_again, shortest_moves, spread
from unitdisc.bottlenecks.codes.quantiser import Quantised, Quantiser, next_kmeans
from unitdisc.bottlenecks.codes.reservoir import Reservoir
from unitdisc.training.checkpoints import RunningAverage
from unitdisc.training.optimisers import adam, reset_replaced_rows, set_rate
from unitdisc.training.weights import weights

MASK = padding_mask(torch.tensor([9, 5]), 9)


def quantiser(dim: int = 2, **options) -> Quantiser:
    return Quantiser(dim, CodebookOptions(**options))


def run(one: Quantiser, frames: Tensor, mask: Tensor | None = None) -> Quantised:
    mask = torch.ones(frames.shape[:2], dtype=torch.bool) if mask is None else mask
    return one(frames, mask, lambda costs, mask: costs.argmin(-1) * mask)


@pytest.mark.parametrize("codebook", CODEBOOKS)
def test_codes_follow_their_frames(codebook):
    one = quantiser(num_codes=2, decay=0.5, warmup_steps=0, codebook=codebook)
    frames = torch.tensor([[[5.0, 5.0], [-5.0, -5.0]]]).repeat(4, 8, 1)
    optimiser = torch.optim.Adam(one.parameters(), 0.3) if codebook == "gradient" else None
    for _ in range(100):
        found = run(one, frames)
        if optimiser:
            optimiser.zero_grad()
            found.losses["codebook"].mean().backward()
            optimiser.step()
    vectors = one.codebook.vectors.detach().sort(0).values
    torch.testing.assert_close(vectors, torch.tensor([[-5.0, -5.0], [5.0, 5.0]]), atol=0.05, rtol=0)


@pytest.mark.parametrize("codebook", CODEBOOKS)
def test_idle_codes_restart_with_fresh_statistics(codebook):
    """As in a known fault of other codebooks, old sums would drag the code back to where nobody needs it."""
    one = quantiser(num_codes=4, decay=0.5, warmup_steps=0, codebook=codebook)
    with torch.no_grad():
        one.codebook.vectors.copy_(torch.tensor([[0.0, 0.0], [1e3, 0.0], [0.0, 1e3], [1e3, 1e3]]))
    for _ in range(20):
        run(one, torch.randn(4, 16, 2))
    assert one.codebook.vectors.abs().max() < 5
    assert (one.codebook.counts > 0.1).all()
    if codebook == "moving-average":
        means = one.codebook.sums / one.codebook.counts[:, None]
        torch.testing.assert_close(means, one.codebook.vectors)


@pytest.mark.parametrize("codebook", CODEBOOKS)
def test_idle_codes_restart_on_frames(codebook):
    one = quantiser(num_codes=4, decay=0.5, warmup_steps=0, codebook=codebook)
    with torch.no_grad():
        one.codebook.vectors.copy_(torch.tensor([[0.0, 0.0], [1e3, 0.0], [0.0, 1e3], [1e3, 1e3]]))
    before = one.codebook.vectors.detach().clone()
    restarted = torch.zeros(4, dtype=torch.bool)
    while not restarted[1:].all():
        frames = 3 + torch.rand(4, 16, 2)
        run(one, frames)
        new = (one.codebook.vectors.detach() != before).all(1) & ~restarted & torch.tensor([False, True, True, True])
        nearest = torch.cdist(one.codebook.vectors.detach()[new], frames.flatten(0, 1)).amin(1)
        torch.testing.assert_close(nearest, torch.zeros_like(nearest), atol=1e-4, rtol=0)
        restarted |= new


def test_warm_up_passes_frames_and_ends_in_kmeans():
    one = quantiser(num_codes=3, warmup_steps=4)
    centres = torch.tensor([[5.0, 0.0], [-5.0, 0.0], [0.0, 5.0]])
    for _ in range(4):
        frames = centres[torch.randint(3, (2, 30))] + 0.01 * torch.randn(2, 30, 2)
        found = run(one, frames)
        assert found.warm
        assert found.codes is None
        assert torch.equal(found.quantised, frames)
    found = run(one, frames)
    assert not found.warm
    assert 0 < (found.quantised - frames).abs().max() < 0.1


def test_nothing_is_assigned_during_the_warm_up():
    one = quantiser(num_codes=3, warmup_steps=1)
    frames = torch.randn(2, 9, 2)

    def never(costs, mask):
        raise AssertionError

    one(frames, MASK, never)
    with pytest.raises(AssertionError):
        one(frames, MASK, never)


def test_codes_used_are_counted_apart_from_restarts():
    """One frame over and over uses one code, however often the idle ones restart."""
    one = quantiser(num_codes=8, decay=0.9, warmup_steps=0)
    for _ in range(100):
        found = run(one, torch.ones(2, 9, 2), MASK)
    assert found.metrics["codes_used"] == 1


def test_the_memory_of_the_warm_up_is_given_back():
    one, copy = quantiser(num_codes=3, warmup_steps=2), quantiser(num_codes=3, warmup_steps=2)
    sizes = []
    for _ in range(3):
        run(one, torch.randn(2, 9, 2), MASK)
        sizes.append(len(one.reservoir.frames))
        copy.load_state_dict(one.state_dict())
        assert torch.equal(copy.reservoir.frames, one.reservoir.frames)
    assert sizes == [14, 0, 0]


def test_kmeans_finds_clusters_and_copes_with_few_frames():
    frames = torch.tensor([[0.0, 0.0], [0.0, 0.1], [9.0, 9.0], [9.0, 9.1]])
    found = kmeans(frames, 2, torch.Generator())
    torch.testing.assert_close(found.centroids.sort(0).values, torch.tensor([[0.0, 0.05], [9.0, 9.05]]))
    assert found.sizes.tolist() == [2, 2]
    found = kmeans(frames, 7, torch.Generator())
    assert found.centroids.shape == (7, 2)
    assert found.centroids.isfinite().all()


@pytest.mark.parametrize("codebook", CODEBOOKS)
def test_codes_left_alone_for_long_stay_where_they_are(codebook):
    """Without restarts, the averages of a code that nobody uses fade to nothing over nothing."""
    one = quantiser(num_codes=2, decay=0.5, warmup_steps=0, restart=False, codebook=codebook)
    with torch.no_grad():
        one.codebook.vectors.copy_(torch.tensor([[0.0, 0.0], [99.0, 0.0]]))
    if codebook == "moving-average":
        one.codebook.sums.copy_(one.codebook.vectors)
    for _ in range(300):
        run(one, torch.randn(4, 16, 2))
    torch.testing.assert_close(one.codebook.vectors[1].detach(), torch.tensor([99.0, 0.0]))
    run(one, torch.tensor([[[90.0, 0.0]]]))
    if codebook == "moving-average":
        torch.testing.assert_close(one.codebook.vectors[1], torch.tensor([90.0, 0.0]))


def test_kmeans_comes_at_growing_intervals():
    due = {next_kmeans(step, 0, 7) for step in range(1, 60)}
    assert due == {1, 2, 4, 7, 11, 17, 26, None}
    assert [next_kmeans(step, 10, 2) for step in (1, 10, 11, 16, 17, 25, 26)] == [10, 10, 16, 16, 25, 25, None]
    assert [next_kmeans(step, 10, 0) for step in (1, 10, 11)] == [10, 10, None]
    assert next_kmeans(10**6, 100, 10**9) < 15 * 10**5  # however many times are allowed


def placed(monkeypatch, one: Quantiser, frames: Tensor, steps: int) -> list[int]:
    """The steps after which k-means placed the codes."""
    found = []
    estimate = Quantiser.estimate
    monkeypatch.setattr(
        Quantiser, "estimate", lambda self, generator: (found.append(int(self.steps)), estimate(self, generator))
    )
    for _ in range(steps):
        run(one, frames)
    return found


@pytest.mark.parametrize("codebook", CODEBOOKS)
def test_codes_are_placed_again_and_keep_their_meaning(codebook, monkeypatch):
    """Frames turn by a little: each code goes with its own cluster, whatever order k-means finds them in."""
    centres = 5 * torch.randn(6, 3)
    options = {"num_codes": 6, "warmup_steps": 2, "restart": False, "decay": 1 - 1e-7, "codebook": codebook}
    one = quantiser(3, **options, reestimations=2)
    assert placed(monkeypatch, one, centres.repeat(1, 8, 1), 3) == [2]
    before = run(one.eval(), centres[None]).codes[0]
    assert sorted(before.tolist()) == list(range(6))
    moved = centres + 0.5 * torch.randn(6, 3)
    assert placed(monkeypatch, one.train(), moved.repeat(1, 8, 1), 5) == [4, 7]
    torch.testing.assert_close(one.codebook.vectors[before].detach(), moved)
    assert torch.equal(run(one.eval(), moved[None]).codes[0], before)


def test_frames_are_moved_as_little_as_can_be():
    codes, centroids, members = torch.randn(6, 3), torch.randn(6, 3), torch.tensor([9.0, 1.0, 5.0, 2.0, 7.0, 3.0])
    costs = torch.cdist(codes, centroids).square() * members[:, None]
    rows = torch.arange(6)
    best = min(float(costs[rows, list(order)].sum()) for order in permutations(range(6)))
    places = shortest_moves(codes, centroids, members)
    assert float(costs[rows, places].sum()) == pytest.approx(best, rel=1e-2)
    shuffled = torch.randperm(6)
    assert torch.equal(shortest_moves(codes, codes[shuffled], members), shuffled.argsort())


def test_idle_codes_far_away_do_not_change_what_others_mean():
    """By distance alone it would pay to push each of a row of codes one place on, to bring the idle one in."""
    codes = torch.tensor([[0.0], [1.0], [2.0], [-99.0]])
    centroids = torch.tensor([[2.0], [1.0], [0.0], [3.0]])
    assert shortest_moves(codes, centroids, torch.ones(4)).tolist() == [1, 0, 3, 2]
    assert shortest_moves(codes, centroids, torch.tensor([5.0, 5.0, 5.0, 0.0])).tolist() == [2, 1, 0, 3]


def test_kmeans_again_finds_work_for_idle_codes():
    """Two codes hold six clusters, four lie far from everything: all six are found, and the two keep theirs."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0], [20.0, 20.0], [40.0, 0.0], [40.0, 20.0]])
    sizes = torch.tensor([10, 20, 30, 40, 50, 60])
    frames = centres.repeat_interleave(sizes, 0) + 0.1 * torch.randn(210, 2)
    codes = torch.tensor([[1e3, 0.0], [0.5, 0.0], [1e3, 1e3], [0.0, 1e3], [39.0, 20.0], [-1e3, 0.0]])
    found = kmeans_again(codes, frames, generator)
    assert sorted(found.sizes.tolist()) == sizes.tolist()
    assert found.sizes[[1, 4]].tolist() == [10, 60]
    torch.testing.assert_close(found.centroids[[1, 4]], centres[[0, 5]], atol=0.1, rtol=0)


def test_codes_are_spread_over_what_is_far_from_the_others():
    """With chances in proportion to the squared distance, as k-means++ does; a frame that has a code has none."""
    codes, frames = torch.tensor([[0.0], [7.0]]), torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    generator = torch.Generator().manual_seed(0)
    drawn = [int(spread(codes, frames, torch.tensor([False, True]), generator)[1]) for _ in range(280)]
    counts = np.bincount(drawn, minlength=4)
    assert counts[0] == 0
    assert chisquare(counts[1:], 20 * np.array([1, 4, 9])).pvalue > 0.01
    same = spread(codes, torch.zeros(5, 1), torch.tensor([False, True]), generator)
    assert same.tolist() == [[0.0], [0.0]]


def test_statistics_are_those_of_a_step_after_codes_are_placed_again(monkeypatch):
    """Were they of the whole reservoir, averages would hardly move for as many steps as it was filled in."""
    one = quantiser(num_codes=4, warmup_steps=0, reestimations=7, reservoir=100, decay=0.5)
    found = []
    monkeypatch.setattr(quantisers, "kmeans_again", lambda *a: found.append(kmeans_again(*a)) or found[-1])
    for _ in range(26):  # k-means after the last
        run(one, torch.randn(2, 20, 2))
    assert torch.equal(one.codebook.vectors, found[6].centroids)  # not moved on by frames of other codes
    assert one.codebook.counts.sum() == pytest.approx(40, rel=0.1)
    torch.testing.assert_close(one.codebook.sums / one.codebook.counts[:, None], one.codebook.vectors)


def test_the_reservoir_is_an_even_sample():
    """Every frame is in it with the same probability, wherever in the stream, and however the stream was cut."""
    kept = np.zeros(60)
    generator = torch.Generator().manual_seed(0)
    for _ in range(800):
        reservoir = Reservoir(capacity=9, dim=1)
        for part in torch.arange(60.0)[:, None].split([4, 1, 13, 0, 40, 2]):
            reservoir.keep_evenly(part, generator)
        frames = reservoir.frames[:, 0].long()
        assert len(frames.unique()) == 9
        kept[frames.numpy()] += 1
    assert chisquare(kept).pvalue > 0.01


def test_the_reservoir_follows_algorithm_r():
    """Frame by frame, as Vitter wrote it down."""
    reservoir, frames = Reservoir(capacity=5, dim=1), torch.randn(200, 1)
    kept, chances = [], torch.Generator().manual_seed(3)
    for number, part in enumerate(frames.split(20)):
        reservoir.keep_evenly(part, torch.Generator().manual_seed(number))
        generator = torch.Generator().manual_seed(number)
        chances = torch.rand(20 - max(0, 5 - len(kept)), generator=generator, dtype=torch.float64).tolist()
        for i, frame in enumerate(part.flatten().tolist()):
            if len(kept) < 5:
                kept.append(frame)
                continue
            place = int(chances.pop(0) * (20 * number + i + 1))
            if place < 5:
                kept[place] = frame
        assert torch.equal(reservoir.frames.flatten(), torch.tensor(kept))
    assert reservoir.seen == 200


@pytest.mark.parametrize("warmup_steps", [0, 9])
def test_only_valid_frames_reach_the_reservoir(warmup_steps):
    one = quantiser(num_codes=6, warmup_steps=warmup_steps, reestimations=9, reservoir=3)
    for step in range(6):
        frames = torch.full((2, 9, 2), float(step)) + torch.rand(2, 9, 2)
        frames[1, 5:] = float("nan")
        run(one, frames, MASK)
    assert len(one.reservoir.frames) == 18
    assert one.reservoir.frames.isfinite().all()


def test_what_only_training_needs_is_not_among_the_weights():
    one = quantiser(num_codes=4, warmup_steps=9)
    run(one, torch.randn(2, 9, 2), MASK)
    assert weights(one).keys() == {"steps", "usage", "codebook.vectors"}
    assert one.state_dict().keys() - weights(one).keys() == {
        "codebook.counts",
        "codebook.sums",
        "reservoir.frames",
        "reservoir.seen",
    }


@pytest.mark.parametrize("codebook", CODEBOOKS)
def test_the_running_average_takes_codes_as_they_are(codebook):
    """The average of where a code was and where it restarted is nowhere; the reservoir is not kept twice."""
    model, copy = (
        torch.nn.ModuleDict({"bottleneck": quantiser(num_codes=4, warmup_steps=0, reestimations=9, codebook=codebook)})
        for _ in range(2)
    )
    for part in (model, copy):
        part["project"] = torch.nn.Linear(2, 2)
    average = RunningAverage(model, copy, decay=0.9)
    for step in range(1, 6):
        run(model["bottleneck"], torch.randn(2, 9, 2), MASK)
        average.update(step)
    assert torch.equal(copy["bottleneck"].codebook.vectors, model["bottleneck"].codebook.vectors)
    assert copy["bottleneck"].steps == 5
    assert len(model["bottleneck"].reservoir.frames) > len(copy["bottleneck"].reservoir.frames) == 0


OPTIONS = {
    "moving average": {},
    "no restarts": {"restart": False},
    "gradient": {"codebook": "gradient", "codebook_rate": 10.0},
}


def trained(one: Quantiser, batches: list[Tensor], optimiser: torch.optim.Adam | None) -> None:
    """Trains codes on batches; the learning rate halves after step 20."""
    for frames in batches:
        step = int(one.steps)
        torch.manual_seed(step)
        found = run(one, frames, MASK)
        if optimiser is not None:
            set_rate(optimiser, 0.1 * 0.5 ** (step // 20))
            optimiser.zero_grad()
            (found.losses["codebook"] * MASK).mean().backward()
            reset_replaced_rows(optimiser, [one.codebook.vectors])
            optimiser.step()


@pytest.mark.parametrize("options", OPTIONS)
def test_a_codebook_resumes_in_mid_schedule_bit_for_bit(options):
    """Before, between and right after k-means at steps 4, 7, 11, 17 and 26."""
    settings = {"num_codes": 5, "warmup_steps": 4, "reestimations": 4, "reservoir": 4, **OPTIONS[options]}
    batches = list(torch.randn(30, 2, 9, 2).cumsum(0))

    def made() -> tuple[Quantiser, torch.optim.Adam | None]:
        one = quantiser(**settings)
        return one, adam(one.parameters(), 0.01) if "codebook" in settings else None

    (one, optimiser), left = made(), {}
    stops = [0, 2, 4, 5, 10, 11, 20, 27, 30]
    for start, stop in pairwise(stops):
        trained(one, batches[start:stop], optimiser)
        left[stop] = deepcopy((one.state_dict(), optimiser and optimiser.state_dict()))
    expected, _ = left.pop(30)
    for stop, (state, of_optimiser) in left.items():
        one, optimiser = made()
        one.load_state_dict(state)
        if optimiser is not None:
            optimiser.load_state_dict(of_optimiser)
        trained(one, batches[stop:], optimiser)
        found = one.state_dict()
        assert [name for name in expected if not torch.equal(expected[name], found[name])] == [], stop


def test_momentum_does_not_drag_codes_that_were_put_elsewhere():
    """A code that was pulled one way for long, and then restarts, stays until its new frames pull it."""
    one = quantiser(num_codes=3, decay=0.5, warmup_steps=0, codebook="gradient")
    with torch.no_grad():
        one.codebook.vectors.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0], [90.0, 0.0]]))
    optimiser = adam(one.parameters(), 0.1)
    far = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [99.0, 0.0]]]).repeat(1, 6, 1)
    trained(one, [far.repeat(2, 1, 1)[:, :9]] * 20, optimiser)
    assert one.codebook.vectors[2, 0] > 91
    near = far[:, [0, 1, 0, 1, 0, 1, 0, 1, 0]].repeat(2, 1, 1)
    while not (restarted := one.codebook.vectors[2, 0] < 50):
        trained(one, [near], optimiser)
    assert restarted
    assert float(one.codebook.vectors[2, 0].detach()) in (0.0, 1.0)  # where it was put, to the bit
    assert (optimiser.state[one.codebook.vectors]["exp_avg"][2] == 0).all()


def test_codes_that_restart_take_steps_like_the_others():
    """The squares of the gradients of a code that nobody used have faded: its steps would be many times too long."""
    weight = torch.nn.Parameter(torch.zeros(4, 1))
    optimiser = torch.optim.Adam([{"params": [weight], "rate_factor": 1.0}], 0.1)
    pull = torch.tensor([[1.0], [1.0], [1.0], [0.0]])
    for _ in range(3000):
        weight.grad = pull.clone() * torch.randn(4, 1)
        optimiser.step()
    before = weight.detach().clone()
    weight.grad, weight.replaced = torch.ones(4, 1), torch.tensor([False, False, False, True])
    assert isinstance(weight, Replaceable)
    reset_replaced_rows(optimiser, [weight])
    optimiser.step()
    assert weight[3] == before[3] == 0
    assert weight.replaced is None
    for _ in range(3):
        weight.grad = torch.ones(4, 1)
        optimiser.step()
    assert abs(weight[3]) < 3 * 0.1


def test_codes_learn_at_a_rate_of_their_own():
    one = quantiser(num_codes=3, warmup_steps=0, codebook="gradient", codebook_rate=10.0)
    model = torch.nn.ModuleDict({"project": torch.nn.Linear(2, 2), "quantiser": one})
    optimiser = adam(model.parameters(), 1.0)
    for rate in (0.4, 0.2):
        set_rate(optimiser, rate)
        rates = {id(weight): group["lr"] for group in optimiser.param_groups for weight in group["params"]}
        assert rates[id(one.codebook.vectors)] == pytest.approx(10 * rate)
        assert {rates[id(weight)] for weight in model["project"].parameters()} == {rate}
    assert len(adam(quantiser(codebook="gradient").parameters(), 1.0).param_groups) == 1


def share_of_training(rank: int, address: str, settings: dict, folder: str) -> None:
    """What one of two processes does: half of every batch."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=2, timeout=timedelta(seconds=120))
    try:
        for name, options in settings.items():
            one = codebook_after(options, slice(2 * rank, 2 * rank + 2))
            torch.save(one.state_dict(), f"{folder}/{name}-{rank}.pt")
    finally:
        dist.destroy_process_group()


def share_elsewhere(_: int, address: str, settings: dict, folder: str) -> None:
    """The second process, on a machine that rounds differently."""
    quantisers.kmeans = lambda *arguments: replace(kmeans(*arguments), centroids=kmeans(*arguments).centroids + 0.1)
    share_of_training(1, address, settings, folder)


def codebook_after(options: dict, share: slice) -> Quantiser:
    """A quantiser after 30 steps on a share of each batch; most frames are in a corner, so that codes fall idle."""
    torch.manual_seed(1)
    one = quantiser(**options)
    mask = padding_mask(torch.tensor([9, 5, 7, 2]), 9)
    for step in range(30):
        torch.manual_seed(step)
        frames = torch.randn(4, 9, 2) * torch.tensor([5.0, 0.2])[torch.randint(2, (4, 1, 1))] + step
        run(one, frames[share], mask[share])
    return one


def test_two_processes_have_one_codebook(tmp_path):
    """They restart the same codes on the same frames and draw the same reservoir, from the frames of both.

    A known fault of other codebooks is to let every process restart codes by itself.
    """
    base = {"num_codes": 6, "decay": 0.6, "reservoir": 3}
    settings = {
        "start": {**base, "warmup_steps": 3},
        "again": {**base, "warmup_steps": 3, "reestimations": 4},
        "gradient": {**base, "warmup_steps": 3, "reestimations": 4, "codebook": "gradient"},
        "random": {**base, "warmup_steps": 0},
    }
    address = f"file://{tmp_path / 'meeting'}"
    arguments = (address, settings, str(tmp_path))
    elsewhere = torch.multiprocessing.start_processes(
        share_elsewhere, arguments, nprocs=1, join=False, start_method="fork"
    )
    share_of_training(0, *arguments)
    assert elsewhere.join(timeout=60)
    for name, options in settings.items():
        alone = codebook_after(options, slice(None)).state_dict()
        first, second = (torch.load(tmp_path / f"{name}-{rank}.pt") for rank in (0, 1))
        assert first.keys() == alone.keys()
        assert [part for part in first if not torch.equal(first[part], second[part])] == []
        torch.testing.assert_close(first["usage"], alone["usage"])


@pytest.mark.parametrize(
    "options,message",
    [
        ({"codebook": "telepathy"}, "unknown codebook 'telepathy': choose one of"),
        ({"decay": 1.0}, "decay 1.0 keeps codes where they are"),
        ({"reservoir": 0}, "reservoir must be at least 1 frame per code"),
        ({"codebook_rate": 10.0}, 'set codebook = "gradient"'),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CodebookOptions(**options)
