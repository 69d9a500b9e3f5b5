"""Every encoder tells the truth about its stride, offset and reach, and ignores padding."""

import pytest
import torch

from unitdisc.encoders import ENCODERS

VARIANTS = {
    "50 Hz": ("conv", {"dim": 8}),
    "25 Hz": ("conv", {"dim": 8, "stride": 4}),
    "identity": ("identity", {}),
    "identity in context": ("identity", {"stride": 4, "context": 3}),
    "identity at 100 Hz": ("identity", {"stride": 1}),
    "identity of three": ("identity", {"stride": 3, "context": 1}),
}


def test_every_encoder_is_tested():
    assert {kind for kind, _ in VARIANTS.values()} == set(ENCODERS)


@pytest.fixture(params=VARIANTS)
def encoder(request):
    kind, options = VARIANTS[request.param]
    encoder = ENCODERS[kind](in_dim=3, **options)
    for layer in getattr(encoder, "layers", []):  # no unit may die, or what it sees would not show
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
        assert encoder.reach == -(-len(seen) // 2)


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


@pytest.mark.parametrize("stride,context", [(1, 0), (2, 0), (2, 1), (3, 2)])
def test_identity_lays_frames_side_by_side(stride, context):
    """Zeros stand for what lies outside of the utterance."""
    encoder = ENCODERS["identity"](in_dim=3, stride=stride, context=context)
    features = torch.randn(1, 7, 3)
    encoded, lengths = encoder(features, torch.tensor([7]))
    assert encoder.dim == encoded.shape[2] == (stride + 2 * context) * 3
    for t in range(int(lengths)):
        seen = range(stride * t - context, stride * (t + 1) + context)
        expected = [features[0, i] if 0 <= i < 7 else torch.zeros(3) for i in seen]
        assert torch.equal(encoded[0, t], torch.cat(expected))


def test_other_strides_are_refused():
    with pytest.raises(ValueError, match=r"2 \(50 Hz\) or 4 \(25 Hz\), not 3"):
        ENCODERS["conv"](in_dim=3, stride=3)
    with pytest.raises(ValueError, match="1 or more, not 0"):
        ENCODERS["identity"](in_dim=3, stride=0)
