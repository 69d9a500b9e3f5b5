"""Every encoder tells the truth about its stride, offset and reach, and ignores padding."""

import copy

import pytest
import torch

from unitdisc.encoders import ENCODERS
from unitdisc.encoders.context import ContextEncoder
from unitdisc.encoders.conv2d import full_height
from unitdisc.encoders.experiment import ExperimentFrames
from unitdisc.encoders.image_batch_norm import NORMS

VARIANTS = {  # kind and options; in_dim is 3 unless it is among them
    "50 Hz": ("conv", {"dim": 8}),
    "25 Hz": ("conv", {"dim": 8, "stride": 4}),
    "50 Hz, nothing but the halving": ("conv", {"dim": 8, "kernel": 1}),
    "25 Hz, wide": ("conv", {"dim": 8, "stride": 4, "kernel": 5}),
    "identity": ("identity", {}),
    "identity in context": ("identity", {"stride": 4, "context": 3}),
    "identity at 100 Hz": ("identity", {"stride": 1}),
    "identity of three": ("identity", {"stride": 3, "context": 1}),
    "context of convolutions": ("context", {"dim": 8, "layers": 2}),
    "context before, of convolutions": ("context", {"dim": 8, "stride": 4, "layers": 2, "causal": True}),
    "GRU": ("context", {"dim": 8, "context": "gru", "layers": 2, "stride": 1}),
    "GRU before": ("context", {"dim": 8, "context": "gru", "layers": 1, "causal": True}),
    "LSTM": ("context", {"dim": 8, "context": "lstm", "layers": 1, "stride": 3}),
    "Transformer": ("context", {"dim": 128, "context": "transformer", "layers": 2}),
    "Transformer before": ("context", {"dim": 8, "context": "transformer", "layers": 1, "causal": True}),
    "experiment": ("experiment", {"network": {"encoder": {"kind": "conv", "dim": 8}, "dim": 6}, "frozen": False}),
    "experiment, frozen, of lines": (
        "experiment",
        {"in_dim": 16, "network": {"encoder": {"kind": "conv2d", "channels": [4, 4, 8], "stride": 2}, "dim": 6}},
    ),
    "experiment, its encoder": (
        "experiment",
        {"point": "encoder", "network": {"encoder": {"kind": "identity", "stride": 3, "context": 1}, "dim": 6}},
    ),
    "lines": ("conv2d", {"in_dim": 16, "channels": [4, 4, 8, 8]}),
    "lines by columns": ("conv2d", {"in_dim": 8, "channels": [8], "stride": 1, "norm": "none"}),
    "lines by thirds": ("conv2d", {"in_dim": 24, "channels": [4, 8], "stride": 3, "norm": "layer", "feedforward": 2}),
    "lines by twelve": ("conv2d", {"in_dim": 32, "channels": [4, 4, 4, 8, 8], "stride": 12}),
    "lines with LSTM": ("conv2d", {"in_dim": 16, "channels": [4, 4, 8], "stride": 2, "blstm": 2, "blstm_dim": 5}),
}


def test_every_encoder_is_tested():
    """That of networks of others, which wants one, in test_pretrained.py."""
    assert {kind for kind, _ in VARIANTS.values()} == set(ENCODERS) - {"pretrained"}


def tiny(kind, in_dim=3, **options):
    torch.manual_seed(0)
    encoder = ENCODERS[kind](in_dim=in_dim, **options)
    inner, inside = (
        (encoder.network, options["network"]["encoder"]["kind"]) if kind == "experiment" else (encoder, kind)
    )
    for layer in (
        inner.layers if inside in ("conv", "conv2d") else ()
    ):  # no unit may die, or what it sees would not show
        torch.nn.init.uniform_(layer.weight, 0.01, 0.1)
        torch.nn.init.constant_(layer.bias, 1.0)
    encoder.in_dim = in_dim
    return encoder.double().eval()


@pytest.fixture(params=VARIANTS)
def encoder(request):
    kind, options = VARIANTS[request.param]
    return tiny(kind, **options)


def random_features(encoder, batch, frames):
    return torch.randn(batch, frames, encoder.in_dim).double()


def test_lengths_and_shapes(encoder):
    lengths = torch.tensor([21, 17, 1])
    encoded, shorter = encoder(random_features(encoder, 3, 21), lengths)
    assert shorter.tolist() == [-(-length // encoder.stride) for length in lengths.tolist()]
    assert encoded.shape == (3, int(shorter[0]), encoder.dim)


def test_stride_offset_and_reach_are_true(encoder):
    """The input frames that a latent depends on lie evenly around stride * t + offset, or before; an LSTM sees all."""
    encoder.blstm = None
    local = isinstance(encoder, ContextEncoder) and encoder.network.reach is None  # of which reach is told
    causal = isinstance(encoder, ContextEncoder) and encoder.causal and not local
    size = max(80, 20 * encoder.stride)
    frames = random_features(encoder, 1, size).requires_grad_()
    encoded, _ = (encoder.local if local else encoder)(frames, torch.tensor([size]))
    weights = torch.randn(encoded.shape[2]).double()  # the sum over a norm would be constant
    for t in (9, 10):
        (gradient,) = torch.autograd.grad(encoded[0, t] @ weights, frames, retain_graph=True)
        seen = gradient[0].abs().sum(-1).nonzero()[:, 0]
        centre = encoder.stride * t + encoder.offset
        before, after = centre - seen[0] + 0.5, seen[-1] - centre + 0.5
        assert encoder.reach == before.ceil()
        assert after == (3 * encoder.stride / 2 if causal else before)


@pytest.mark.parametrize("stride,field", [(2, 16), (4, 30)])
def test_receptive_field_is_the_papers(stride, field):
    assert 2 * ENCODERS["conv"](in_dim=3, dim=4, stride=stride).reach == field


def test_padding_changes_nothing(encoder):
    features = random_features(encoder, 2, 40)
    noisy = features.clone()
    noisy[1, 27:] = 100.0
    lengths = torch.tensor([40, 27])
    clean, sizes = encoder(features, lengths)
    padded, _ = encoder(noisy, lengths)
    alone, _ = encoder(features[1:, :27], lengths[1:])
    torch.testing.assert_close(clean, padded, rtol=0, atol=0)
    torch.testing.assert_close(clean[1, : sizes[1]], alone[0])


def test_padding_changes_nothing_in_training_either(encoder):
    """What a batch norm gathers is of the columns inside alone."""
    encoder.train()
    features, lengths = random_features(encoder, 2, 36), torch.tensor([36, 24])
    noisy = torch.cat([features, random_features(encoder, 2, 12)], dim=1)
    noisy[1, 24:] = 100.0
    state = copy.deepcopy(encoder.state_dict())
    clean, sizes = encoder(features, lengths)
    gathered = copy.deepcopy(encoder.state_dict())
    encoder.load_state_dict(state)
    padded, _ = encoder(noisy, lengths)
    torch.testing.assert_close(clean[0], padded[0, : sizes[0]])
    torch.testing.assert_close(clean[1, : sizes[1]], padded[1, : sizes[1]])
    for name, value in encoder.state_dict().items():
        torch.testing.assert_close(value, gathered[name])


def test_every_weight_learns(encoder):
    encoder.train()
    encoded, _ = encoder(random_features(encoder, 2, 40), torch.tensor([40, 27]))
    if isinstance(encoder, ExperimentFrames) and encoder.frozen:
        assert not encoded.requires_grad and not any(module.training for module in encoder.modules())
        return
    if encoded.requires_grad:
        (encoded * torch.randn_like(encoded)).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None and (parameter.grad != 0).any(), name


def test_what_lies_past_the_end_is_zero(encoder):
    encoded, sizes = encoder(random_features(encoder, 2, 40), torch.tensor([40, 13]))
    assert (encoded[1, sizes[1] :] == 0).all()
    assert (encoded[1, : sizes[1]] != 0).any()


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


@pytest.mark.parametrize("height", [8, 9, 16, 24, 32, 48, 64])
@pytest.mark.parametrize("stride", [1, 2, 4, 6, 8, 12])
def test_lines_of_any_height_become_one_row(height, stride):
    encoder = ENCODERS["conv2d"](in_dim=height, channels=[2, 2, 2, 3], stride=stride).eval()
    encoded, lengths = encoder(torch.rand(2, 50, height), torch.tensor([50, 7]))
    assert encoded.shape == (2, -(-50 // stride), 3)
    assert lengths.tolist() == [-(-50 // stride), -(-7 // stride)]


def test_every_row_of_a_line_is_seen():
    for height in (8, 9, 24, 32, 50, 64):
        encoder = tiny("conv2d", in_dim=height, channels=[4, 4, 8, 8])
        features = random_features(encoder, 1, 40).requires_grad_()
        encoder(features, torch.tensor([40]))[0][0, 5].sum().backward()
        assert (features.grad[0, 4 * 5 + 1] != 0).all()


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("columns,stride", [(3, 1), (4, 2), (5, 3)])
def test_a_convolution_of_full_height_is_a_convolution(columns, stride, width):
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(width, 5, (columns, 4), (stride, 1), (1, 0)).to(memory_format=torch.channels_last)
    inputs = (torch.randn(2, 4 * stride, 4, width, requires_grad=True), *layer.parameters())
    expected = layer(inputs[0].permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    found, weights = full_height(inputs[0], layer), torch.randn(expected.shape)
    torch.testing.assert_close(found, expected)
    grads = [torch.autograd.grad((y * weights).sum(), inputs) for y in (found, expected)]
    torch.testing.assert_close(*grads)


def test_lines_are_read_backwards_from_their_own_end():
    """The last unit of every item knows nothing, backwards, but its own input."""
    encoder = tiny("conv2d", in_dim=16, channels=[4, 4, 8], stride=2, blstm=1, blstm_dim=5)
    features, lengths = random_features(encoder, 3, 40), torch.tensor([40, 33, 2])
    encoded, sizes = encoder(features, lengths)
    lstm, encoder.blstm = encoder.blstm, None
    inputs, _ = encoder(features, lengths)
    for item, size in enumerate(sizes.tolist()):
        last = lstm(inputs[item : item + 1, size - 1 : size])[0][0, 0, 5:]
        torch.testing.assert_close(encoded[item, size - 1, 5:], last)


def test_batch_norm_is_torchs_where_nothing_is_padded():
    ours, theirs = NORMS["batch"](5).double(), torch.nn.BatchNorm2d(5).double()
    x, inside = torch.randn(3, 7, 4, 5).double() + 2, torch.ones(3, 7, dtype=torch.bool)
    for layer in (ours, theirs):
        torch.nn.init.constant_(layer.weight, 1.5)
        torch.nn.init.constant_(layer.bias, -0.5)
    expected = theirs(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(ours(x, inside), expected)
    torch.testing.assert_close(ours.mean, theirs.running_mean)
    torch.testing.assert_close(ours.variance, 0.9 + 0.1 * x.var((0, 1, 2), correction=0))
    ours.eval(), theirs.eval()
    torch.nn.init.constant_(theirs.running_var, 3.0)
    torch.nn.init.constant_(ours.variance, 3.0)
    torch.testing.assert_close(ours(x, inside), theirs(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))


def test_layer_norm_is_of_one_column_alone():
    x, inside = torch.randn(3, 7, 4, 5).double() + 2, torch.ones(3, 7, dtype=torch.bool)
    normalised = NORMS["layer"](5).double()(x, inside)
    torch.testing.assert_close(normalised.mean((2, 3)), torch.zeros(3, 7).double(), atol=1e-12, rtol=0)
    torch.testing.assert_close(normalised.std((2, 3), correction=0), torch.ones(3, 7).double(), atol=1e-4, rtol=0)


def test_default_lines_are_as_wide_as_published():
    encoder = ENCODERS["conv2d"](in_dim=32, blstm=2)
    assert [layer.out_channels for layer in encoder.layers] == [64, 128, 256, 256, 512, 512, 512]
    assert (encoder.stride, encoder.dim) == (4, 64)
    assert 6e6 < sum(parameter.numel() for parameter in encoder.parameters()) < 8e6


@pytest.mark.parametrize(
    "options,message",
    [
        ({"channels": []}, "list the width of every convolution"),
        ({"channels": [8, 0]}, "list the width of every convolution"),
        ({"channels": [8, "8"]}, "list the width of every convolution"),
        ({"channels": [8, 8], "stride": 12}, "2 \\* 2 \\* 3 needs 4 convolutions or more"),
        ({"stride": 0}, "stride must be 1 or more, not 0"),
        ({"norm": "instance"}, "norm must be one of .*'layer'.* not 'instance'"),
    ],
)
def test_options_that_make_no_encoder_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ENCODERS["conv2d"](in_dim=16, **options)
