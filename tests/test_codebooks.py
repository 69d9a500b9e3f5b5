"""Codebooks: how codes start, follow their frames, restart, are placed again, and keep their meaning."""

import pytest
import torch
from torch import Tensor

from unitdisc.batch import padding_mask
from unitdisc.bottlenecks.centroids import kmeans
from unitdisc.bottlenecks.codebooks import CODEBOOKS, CodebookOptions
from unitdisc.bottlenecks.quantiser import Quantised, Quantiser

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
            found.losses["codebook"].backward()
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
        sizes.append(len(one.recent))
        copy.load_state_dict(one.state_dict())
        assert torch.equal(copy.recent, one.recent)
    assert sizes == [14, 0, 0]


def test_kmeans_finds_clusters_and_copes_with_few_frames():
    frames = torch.tensor([[0.0, 0.0], [0.0, 0.1], [9.0, 9.0], [9.0, 9.1]])
    centroids, sizes = kmeans(frames, 2, torch.Generator())
    torch.testing.assert_close(centroids.sort(0).values, torch.tensor([[0.0, 0.05], [9.0, 9.05]]))
    assert sizes.tolist() == [2, 2]
    centroids, _ = kmeans(frames, 7, torch.Generator())
    assert centroids.shape == (7, 2)
    assert centroids.isfinite().all()


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
