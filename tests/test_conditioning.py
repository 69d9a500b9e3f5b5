"""Jitter as in the paper, and conditions that carry the speaker and nothing of the padding."""

import pytest
import torch

from unitdisc.conditioning import Conditioner, TimeJitter


def jittered(latents, lengths=None, probability=0.12):
    lengths = torch.full((len(latents),), latents.shape[1]) if lengths is None else lengths
    return TimeJitter(probability)(latents, lengths)


def test_a_latent_is_replaced_by_either_neighbour_with_the_total_probability():
    latents = torch.arange(200_000.0)[None, :, None]
    step = (jittered(latents) - latents)[0, 1:-1, 0]
    assert set(step.unique().tolist()) == {-1.0, 0.0, 1.0}
    assert 0.057 < (step < 0).float().mean() < 0.063
    assert 0.057 < (step > 0).float().mean() < 0.063


def test_every_item_jitters_on_its_own():
    latents = torch.arange(1000.0)[None, :, None].repeat(2, 1, 1)
    moved = jittered(latents)
    assert not torch.equal(moved[0], moved[1])


def test_no_jitter_at_evaluation():
    latents = torch.randn(2, 50, 3)
    assert TimeJitter(1.0).eval()(latents, torch.tensor([50, 50])) is latents


def test_gradient_reaches_the_neighbour():
    latents = torch.randn(1, 100, 1, requires_grad=True)
    jittered(latents, probability=0.5).sum().backward()
    assert latents.grad.sum() == 100
    assert {0.0, 2.0} <= set(latents.grad.flatten().tolist())


def test_nothing_comes_from_padding_or_outside():
    latents = torch.randn(64, 9, 1)
    latents[:, 5:] = float("nan")
    moved = jittered(latents, torch.full((64,), 5), probability=1.0)
    assert moved[:, :5].isfinite().all()


@pytest.mark.parametrize("speaker,width", [("none", 6), ("one-hot", 8), ("embedding", 10)])
def test_condition_carries_the_content_and_the_speaker(speaker, width):
    conditioner = Conditioner(latent_dim=3, num_speakers=2, dim=6, speaker=speaker, speaker_dim=4)
    latents, lengths = torch.randn(3, 5, 3), torch.tensor([5, 5, 3])
    condition = conditioner(latents, lengths, torch.tensor([0, 1, -1]))
    assert condition.shape == (3, 5, width)
    assert conditioner.dim == width
    assert torch.equal(condition[..., :6], conditioner.mix(latents, lengths))
    if speaker != "none":
        assert not torch.equal(condition[0, 0, 6:], condition[1, 0, 6:])
        assert (condition[2, :, 6:] == 0).all()  # unknown


def test_mixing_ignores_padding():
    conditioner = Conditioner(latent_dim=3, num_speakers=2)
    latents = torch.randn(1, 6, 3)
    noisy = latents.clone()
    noisy[0, 4:] = 100.0
    lengths = torch.tensor([4])
    torch.testing.assert_close(conditioner.mix(latents, lengths)[:, :4], conditioner.mix(noisy, lengths)[:, :4])
    torch.testing.assert_close(conditioner.mix(latents[:, :4], lengths), conditioner.mix(noisy, lengths)[:, :4])


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        TimeJitter(1.5)
    with pytest.raises(ValueError, match="'none', 'one-hot' or 'embedding'"):
        Conditioner(3, 2, speaker="guess")
