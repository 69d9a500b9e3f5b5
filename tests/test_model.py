"""The whole model: every loss is optimised, padding changes nothing, and every part learns."""

import itertools
from dataclasses import replace

import pytest
import torch

from unitdisc.batch import Batch, cut
from unitdisc.bottlenecks import BOTTLENECKS
from unitdisc.conditioning import Conditioner, TimeJitter
from unitdisc.decoders import DECODERS
from unitdisc.encoders import ENCODERS
from unitdisc.experiment import config
from unitdisc.model import PROBE_POINTS, UnitModel
from unitdisc.objectives import Reconstruction

VQ = {"num_codes": 8, "warmup_steps": 0}
BOTTLENECK_OPTIONS = {
    "vq": VQ,
    "piecewise-vq": VQ,
    "residual-vq": VQ,
    "grouped-vq": VQ,
    "kmeans": {"num_codes": 8, "warmup_steps": 1},
    "gaussian": {"free_bits": 0.0},
    "sparse": {"active": 2},
}
DECODER_OPTIONS = {
    "frames": {"channels": 8},
    "wavenet": {"channels": 8, "skip_channels": 8, "layers": 3},
    "pixelcnn": {"channels": 8, "layers": 2, "first_kernel": 3, "direction": "both"},
    "columns": {"channels": 8, "layers": 3},
    "deconv": {"channels": 8, "layers": 1},
    "flow": {"flows": 2, "channels": 8},
    "flow-columns": {"flows": 2, "channels": 8},
    "diffusion": {"channels": 8, "layers": 2},
    "diffusion-columns": {"channels": 8, "layers": 2},
    "vocoder": {"channels": 8, "layers": 2, "hop": 10},
    "flow-wave": {"flows": 2, "channels": 8, "layers": 2, "hop": 10, "group": 2, "early": 0},
}
TARGET_DIM = {"log-mel": 5, "mu-law": 256, "grey": 6, "wave": 1}


def tiny_model(bottleneck="vq", decoder="frames", stride=2):
    torch.manual_seed(0)
    encoder = ENCODERS["conv"](in_dim=13, dim=16, stride=stride)
    options = {"kind": bottleneck, **BOTTLENECK_OPTIONS.get(bottleneck, {})}
    middle = config.build("bottleneck", BOTTLENECKS, options, "vq", in_dim=16, dim=4, frame_rate=50.0)
    conditioner = Conditioner(middle.dim, num_speakers=2, dim=8)
    output = DECODERS[decoder](conditioner.dim, TARGET_DIM[DECODERS[decoder].target], **DECODER_OPTIONS[decoder])
    return UnitModel(encoder, middle, Reconstruction(), TimeJitter(), conditioner, output)


def tiny_batch(decoder="frames"):
    kind = DECODERS[decoder].target
    steps = 160 if kind in ("mu-law", "wave") else 16
    made = {
        "log-mel": lambda: torch.randn(2, steps, 5),
        "mu-law": lambda: torch.randint(256, (2, steps)),
        "grey": lambda: torch.randint(4, (2, steps, 6)),
        "wave": lambda: 0.1 * torch.randn(2, steps),
    }
    target = made[kind]()
    lengths = torch.tensor([steps, steps * 3 // 4])
    return Batch(
        torch.randn(2, 24, 13), torch.tensor([24, 16]), torch.tensor([4, 4]), target, lengths, 16, torch.tensor([0, 1])
    )


def pairs() -> list:
    """Every bottleneck with one decoder, every decoder with one bottleneck; the others are slow."""
    return [
        pytest.param(bottleneck, decoder, marks=() if bottleneck == "vq" or decoder == "frames" else pytest.mark.slow)
        for bottleneck, decoder in itertools.product(BOTTLENECKS, DECODERS)
    ]


@pytest.mark.parametrize("bottleneck,decoder", pairs())
def test_learns(bottleneck, decoder):
    model, batch = tiny_model(bottleneck, decoder), tiny_batch(decoder)
    if decoder.startswith("diffusion"):  # what is noise itself cannot be told from noise
        batch = replace(batch, target=batch.target[:, :1].expand_as(batch.target))
    rates = {"diffusion": 1e-2, "diffusion-columns": 2e-3}
    optimiser = torch.optim.Adam(model.parameters(), rates.get(decoder, 3e-2))
    first = model.eval()(batch).losses["reconstruction"].item()
    model.train()
    slow = bottleneck == "gmm" or decoder.startswith("diffusion")  # averages of batches; noise at every step
    whole = bottleneck.startswith("global")  # one latent of an item, of which losses leap before they fall
    for _ in range(160 if slow and whole else 60 if slow else 15):
        optimiser.zero_grad()
        model(batch).loss.backward()
        optimiser.step()
    assert model.eval()(batch).losses["reconstruction"].item() < first - 0.05


@pytest.mark.parametrize("bottleneck", BOTTLENECKS)
def test_every_loss_of_the_bottleneck_is_optimised(bottleneck):
    model, batch = tiny_model(bottleneck).eval(), tiny_batch()
    units, _ = model.units_of(batch)
    output = model(batch)
    assert output.losses.keys() == {"reconstruction", *units.losses}
    torch.testing.assert_close(output.loss, output.losses["reconstruction"] + sum(units.losses.values()))


@pytest.mark.parametrize("decoder", DECODERS)
def test_every_weight_gets_a_gradient(decoder):
    model = tiny_model(decoder=decoder)
    model(tiny_batch(decoder)).loss.backward()
    without = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert not [name for name in without if not name.startswith("decoder.embed")]


@pytest.mark.parametrize("decoder", DECODERS)
def test_reconstruction_ignores_padding(decoder):
    model, batch = tiny_model(decoder=decoder).eval(), tiny_batch(decoder)
    before = model(batch)
    batch.features[1, 16:] = 50.0
    batch.target[1, int(batch.target_lengths[1]) :] = 3
    after = model(batch)
    torch.testing.assert_close(before.losses, after.losses)


def test_a_crop_with_context_has_the_units_of_the_whole():
    """Latents of a crop are those of the whole utterance, because the encoder saw what surrounds the crop."""
    model = tiny_model("linear").eval()
    whole = torch.randn(1, 60, 13)
    units, _ = model.encode(whole, torch.tensor([60]))
    features = whole[:, 12:44]  # frames 20 to 36, and 8 more on either side
    batch = Batch(
        features,
        torch.tensor([32]),
        torch.tensor([8]),
        torch.randn(1, 16, 5),
        torch.tensor([16]),
        16,
        torch.tensor([0]),
    )
    cropped, lengths = model.units_of(batch)
    assert lengths.tolist() == [8]
    torch.testing.assert_close(cropped.latents, units.latents[:, 10:18])


@pytest.mark.parametrize("stride", [2, 4])
def test_probe_points_are_the_announced_ones_at_one_rate(stride):
    model = tiny_model(stride=stride).eval()
    points, codes, lengths = model.probe_points(torch.randn(2, 24, 13), torch.tensor([24, 15]))
    assert tuple(points) == PROBE_POINTS
    assert {frames.shape[:2] for frames in points.values()} == {(2, 24 // stride)} == {tuple(codes.shape)}
    assert lengths.tolist() == [24 // stride, -(-15 // stride)]


@pytest.mark.parametrize("decoder", DECODERS)
def test_units_can_be_heard_again(decoder):
    model = tiny_model(decoder=decoder).eval()
    units, lengths = model.encode(torch.randn(2, 8, 13), torch.tensor([8, 6]))
    generator = torch.Generator().manual_seed(0)
    size = 80 if DECODERS[decoder].target == "wave" else 16
    target = model.resynthesise(units.latents, lengths, torch.tensor([0, 1]), size, generator)
    assert target.shape[:2] == (2, size)


def test_the_speaker_reaches_the_decoder_only():
    model, batch = tiny_model().eval(), tiny_batch()
    other = Batch(**{**vars(batch), "speakers": torch.tensor([1, 0])})
    assert torch.equal(model.units_of(batch)[0].latents, model.units_of(other)[0].latents)
    assert model(batch).losses["reconstruction"] != model(other).losses["reconstruction"]


def test_cut_takes_frames_and_zeros_past_the_end():
    frames = torch.arange(12.0).reshape(2, 6, 1)
    assert cut(frames, torch.tensor([0, 4]), 3)[..., 0].tolist() == [[0, 1, 2], [10, 11, 0]]
