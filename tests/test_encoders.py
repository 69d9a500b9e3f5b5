"""Every encoder tells the truth about its stride, offset and reach, and ignores padding."""

import pytest
import torch

from unitdisc.encoders import ENCODERS

VARIANTS = {"50 Hz": ("conv", {"dim": 8}), "25 Hz": ("conv", {"dim": 8, "stride": 4})}


def test_every_encoder_is_tested():
    assert {kind for kind, _ in VARIANTS.values()} == set(ENCODERS)


@pytest.fixture(params=VARIANTS)
def encoder(request):
    kind, options = VARIANTS[request.param]
    encoder = ENCODERS[kind](in_dim=3, **options)
    for layer in encoder.layers:  # no unit may die, or what it sees would not show
        torch.nn.init.uniform_(layer.weight, 0.01, 0.1)
        torch.nn.init.constant_(layer.bias, 1.0)
    return encoder.double().eval()


def test_lengths_and_shapes(encoder):
    lengths = torch.tensor([21, 17, 1])
    encoded, shorter = encoder(torch.randn(3, 21, 3).double(), lengths)
    assert shorter.tolist() == [-(-length // encoder.stride) for length in lengths.tolist()]
    assert encoded.shape == (3, int(shorter[0]), encoder.dim)


def test_stride_offset_and_reach_are_true(encoder):
    """The input frames that a latent depends on lie evenly around stride * t + offset."""
    frames = torch.randn(1, 80, 3).double().requires_grad_()
    encoded, _ = encoder(frames, torch.tensor([80]))
    for t in (9, 10):
        (gradient,) = torch.autograd.grad(encoded[0, t].sum(), frames, retain_graph=True)
        seen = gradient[0].abs().sum(-1).nonzero()[:, 0]
        assert (seen[0] + seen[-1]) / 2 == encoder.stride * t + encoder.offset
        assert len(seen) == 2 * encoder.reach


@pytest.mark.parametrize("stride,field", [(2, 16), (4, 30)])
def test_receptive_field_is_the_papers(stride, field):
    assert 2 * ENCODERS["conv"](in_dim=3, dim=4, stride=stride).reach == field


def test_padding_changes_nothing(encoder):
    features = torch.randn(2, 40, 3).double()
    noisy = features.clone()
    noisy[1, 27:] = 100.0
    lengths = torch.tensor([40, 27])
    clean, sizes = encoder(features, lengths)
    padded, _ = encoder(noisy, lengths)
    alone, _ = encoder(features[1:, :27], lengths[1:])
    torch.testing.assert_close(clean, padded, rtol=0, atol=0)
    torch.testing.assert_close(clean[1, : sizes[1]], alone[0])


def test_other_strides_are_refused():
    with pytest.raises(ValueError, match=r"2 \(50 Hz\) or 4 \(25 Hz\), not 3"):
        ENCODERS["conv"](in_dim=3, stride=3)
