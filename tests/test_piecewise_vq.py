"""Piecewise-constant VQ: the constraint holds in training, and the learnt switch cost keeps it at inference."""

import pytest
import torch

from unitdisc.batch import padding_mask
from unitdisc.bottlenecks.codes.codebooks import CodebookOptions
from unitdisc.bottlenecks.piecewise_vq import SOLVERS, PiecewiseVQ

FRAME_RATE = 50.0


def bottleneck(num_codes: int = 12, dim: int = 6, **options) -> PiecewiseVQ:
    """A bottleneck whose projection changes nothing and whose codes stay where they are."""
    torch.manual_seed(0)
    made = PiecewiseVQ(dim, FRAME_RATE, dim, CodebookOptions(num_codes, decay=1 - 1e-9, warmup_steps=0), **options)
    torch.nn.init.eye_(made.project.weight)
    torch.nn.init.zeros_(made.project.bias)
    return made


def speech(made: PiecewiseVQ, batch: int, frames: int, seed: int, noise: float = 0.7) -> torch.Tensor:
    """Frames that stay near a code for five frames on average: [B, T, D]."""
    random = torch.Generator().manual_seed(seed)
    codes = torch.randint(made.num_codes, (batch, frames), generator=random)
    change = torch.rand(batch, frames, generator=random) < 0.2
    change[:, 0] = True
    last = torch.where(change, torch.arange(frames), 0).cummax(1).values
    clean = made.quantiser.codebook.vectors[codes.gather(1, last)]
    return clean + noise * torch.randn(clean.shape, generator=random)


def changes(codes: torch.Tensor, mask: torch.Tensor) -> int:
    return int(((codes[:, 1:] != codes[:, :-1]) & mask[:, 1:]).sum())


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("rate", [2.0, 8.0, 12.0, 16.0])
def test_codes_change_as_often_as_asked_for(solver, rate):
    made = bottleneck(solver=solver, units_per_second=rate)
    mask = padding_mask(torch.tensor([64, 64, 30, 1]), 64)
    found = made(speech(made, 4, 64, 1), mask)
    wanted = rate / FRAME_RATE * (63 + 63 + 29)
    assert abs(changes(found.codes, mask) - wanted) <= 1.5
    torch.testing.assert_close(found.metrics["units_per_second"], torch.tensor(rate), atol=0.5, rtol=0)


def test_the_constraint_is_on_the_batch_and_not_on_each_utterance():
    made = bottleneck()
    frames = torch.cat([speech(made, 1, 64, 1, noise=0.1), made.quantiser.codebook.vectors[:1].expand(1, 64, -1)])
    codes = made(frames, torch.ones(2, 64, dtype=torch.bool)).codes
    assert (codes[1] == codes[1, 0]).all()
    assert changes(codes[:1], torch.ones(1, 64, dtype=torch.bool)) > 8


def test_the_learnt_switch_cost_keeps_the_rate_on_whole_recordings():
    """Short crops begin and end in the middle of units; were their number counted, recordings would have too many."""
    made = bottleneck(units_per_second=12.0)
    crops = torch.ones(16, 20, dtype=torch.bool)
    for seed in range(60):
        made(speech(made, 16, 20, seed), crops)
    made.eval()
    found = made(speech(made, 2, 5000, 99), torch.ones(2, 5000, dtype=torch.bool))
    assert 11.5 < float(found.metrics["units_per_second"]) < 12.5


def test_a_dearer_change_makes_fewer_units_at_inference():
    made = bottleneck().eval()
    frames, mask = speech(made, 2, 200, 3), torch.ones(2, 200, dtype=torch.bool)
    counts = []
    for switch_cost in (0.0, 1.0, 10.0, 1e9):
        made.switch_cost.fill_(switch_cost)
        counts.append(changes(made(frames, mask).codes, mask))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[1] > counts[2] > counts[3] == 0


def test_the_switch_cost_is_saved_and_evaluation_leaves_it_alone():
    made, copy = bottleneck(), bottleneck()
    mask = torch.ones(2, 64, dtype=torch.bool)
    made(speech(made, 2, 64, 1), mask)
    copy.load_state_dict(made.state_dict())
    assert float(copy.switch_cost) == float(made.switch_cost) > 0
    made.eval()(speech(made, 2, 64, 2), mask)
    assert float(made.switch_cost) == float(copy.switch_cost)


def test_distances_are_squared_or_not():
    """An outlier makes a change worth while sooner if its distance is squared."""
    for squared, expected in ((True, 2), (False, 0)):
        made = bottleneck(num_codes=2, dim=1, squared=squared).eval()
        made.quantiser.codebook.vectors.copy_(torch.tensor([[0.0], [4.0]]))
        made.switch_cost.fill_(3.0)
        frames = torch.tensor([0.0, 0.0, 4.0, 0.0, 0.0]).view(1, 5, 1)
        mask = torch.ones(1, 5, dtype=torch.bool)
        assert changes(made(frames, mask).codes, mask) == expected


def test_pooling_gives_every_frame_of_a_unit_the_mean_of_all():
    made = bottleneck(pooling=True)
    frames = speech(made, 2, 30, 5).requires_grad_()
    mask = padding_mask(torch.tensor([30, 11]), 30)
    codes = made(frames, mask).codes
    pooled = made.pool(frames, codes, mask)
    for row, length in ((0, 30), (1, 11)):
        for frame in range(length):
            first = last = frame
            while first and codes[row, first - 1] == codes[row, frame]:
                first -= 1
            while last + 1 < length and codes[row, last + 1] == codes[row, frame]:
                last += 1
            torch.testing.assert_close(pooled[row, frame], frames[row, first : last + 1].mean(0))
    torch.testing.assert_close(pooled[~mask], frames[~mask])
    pooled[0, 0].sum().backward()
    own = codes[0] == codes[0, 0]
    length = int(own.cumprod(0).sum())
    torch.testing.assert_close(frames.grad[0, :length], torch.full((length, 6), 1 / length))


def test_commitment_is_of_the_pooled_frames():
    made = bottleneck(pooling=True, commitment=1.0)
    frames, mask = speech(made, 2, 30, 5), torch.ones(2, 30, dtype=torch.bool)
    found = made(frames, mask).averaged(mask)
    pooled = made.pool(frames, found.codes, mask)
    expected = (pooled - found.latents).square().mean()
    torch.testing.assert_close(found.losses["commitment"], expected)


@pytest.mark.parametrize("training", [True, False])
def test_half_precision_will_do(training):
    made = bottleneck().train(training)
    mask = torch.ones(2, 64, dtype=torch.bool)
    frames = speech(made, 2, 64, 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = made(frames, mask)
    assert found.codes.shape == (2, 64)
    assert found.latents.isfinite().all()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"solver": "telepathy"}, "choose one of"),
        ({"units_per_second": 0.0}, "above 0 and at most 50"),
        ({"units_per_second": 51.0}, "above 0 and at most 50"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        bottleneck(**options)
