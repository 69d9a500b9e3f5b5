"""Every kind of model on a pretended GPU: nothing is mixed, the numbers are the CPU's, and hardly anything waits."""

import json
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from pretended_device import DEVICE, MixedDevicesError, pretended, two_pretended_processes
from tiny_models import LSTM, VARIANTS, cases

from unitdisc.batch import Batch, padding_mask
from unitdisc.decoders.sampling.batched import SampleRequest, sample_several
from unitdisc.encoders import conv
from unitdisc.encoders.image_batch_norm import moments
from unitdisc.experiment import Experiment, save_weights
from unitdisc.inference.agreement import AUDIO, CODES, IMAGES, SPEAKERS, batch_of
from unitdisc.inference.encode_corpus import encode_batch
from unitdisc.inference.likelihood import log_probs
from unitdisc.training.trainer import Progress, Trainer, TrainingOptions

pytestmark = pytest.mark.filterwarnings("ignore")


encoded = torch.no_grad()(encode_batch.__wrapped__)  # not in inference mode, which knows no tensors like these


def trainer_of(
    experiment: Experiment, folder: Path, device: str, steps: int = 99, dtype: torch.dtype = torch.float32, **special
) -> Trainer:
    """Its steps are small: of a gradient that is zero but for rounding, Adam takes the sign for a whole step."""
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    every = {"valid_every": steps, "checkpoint_every": steps, "log_every": 1, "halve_at": [], "learning_rate": 1e-6}
    every |= special
    return Trainer(
        lambda: experiment.build().to(dtype),
        TrainingOptions(steps=steps, batch_size=4, crop=16, **every),
        folder,
        device,
        Progress(),
    )


def trained(
    experiment: Experiment, folder: Path, device: str, steps: int, special: dict, dtype: torch.dtype = torch.float32
) -> tuple[Trainer, list]:
    """Trains, validates and saves; gives all losses that were logged."""
    trainer = trainer_of(experiment, folder, device, steps, dtype, **special)
    stride = trainer.model.encoder.stride

    def batch_in(seed: int, items: int = 4) -> Batch:
        found = batch_of(experiment, stride, seed, items)
        return found.changed(lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor)

    batches = [batch_in(seed) for seed in range(steps)]

    def keep(model) -> None:
        if hasattr(model.bottleneck, "calibrate"):
            with torch.no_grad():
                batch = batches[0].to(device)
                encoded, lengths = model.encoder(batch.features, batch.lengths)
            model.bottleneck.calibrate([(encoded, padding_mask(lengths, encoded.shape[1]))])
        save_weights(folder, model)

    trainer.run(lambda step: batches[step:], [batch_in(9, 3)], keep)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return trainer, [value for line in log for value in line["losses"].values()]


def sampled(experiment: Experiment, model, device: str) -> list[np.ndarray]:
    """Two items, as `unitdisc resynthesise` draws them."""
    target, drawn = experiment.target(), {}
    features = batch_of(experiment, model.encoder.stride, 3).features[:2].to(device)
    with torch.inference_mode():
        units, lengths = model.encode(features, torch.tensor([features.shape[1]] * 2, device=device))
        conditions = model.conditioner(units.latents, lengths, torch.tensor([0, 1], device=device))[:, :2]
    size = 2 * (4 if target.steps_per_frame > 1 else model.encoder.stride)
    given = torch.zeros(3, experiment.features().height, dtype=torch.long) if experiment.features().images else None
    items = [
        SampleRequest(condition, size, torch.Generator().manual_seed(0), None if given is None else given.to(device))
        for condition in conditions
    ]
    sample_several(model.decoder, items, 1.0, lambda index, found: drawn.update({index: found.cpu().numpy()}))
    return [drawn[index] for index in range(2)]


def numbers(options: dict, special: dict, device: str, folder: Path, thorough: bool) -> dict:
    """All that a model comes to, from training to samples."""
    experiment = Experiment(options, SPEAKERS, {})
    wide = torch.float64  # for training, in which a rounding may give a frame to another code
    trainer, losses = trained(experiment, folder, device, 6 if thorough else 2, special, wide)
    stride = trainer.model.encoder.stride
    features = [frames.numpy() for frames in batch_of(experiment, stride, 3).features]
    if thorough:
        assert trainer_of(experiment, folder, device, 6, wide, **special).step == 6
    model = experiment.build().to(device).eval()
    model.load_state_dict(trainer.average.copy.state_dict())
    points, codes, _ = encoded(model, features, torch.device(device))
    found = {"losses": losses, **points, "codes": 0 if codes is None else codes}
    if thorough:
        with torch.inference_mode():
            right, _ = log_probs(model, batch_of(experiment, stride, 0).to(device))
        found |= {"likelihood": right.double().sum().cpu().item()}
        found |= {"samples": np.stack(sampled(experiment, model, device))}
    return found


def assert_as_on_cpu(name: str, folder: Path, here: dict, thorough: bool) -> None:
    options, special = cases(thorough)[name]
    with pretended():
        there = numbers(options, special, DEVICE.type, folder, thorough)
    assert there.keys() == here.keys()
    for what in here:
        np.testing.assert_allclose(there[what], here[what], rtol=1e-4, atol=1e-4, err_msg=what)


@pytest.fixture(scope="module")
def on_cpu(tmp_path_factory) -> Callable[[str], dict]:
    """The numbers of a kind on the CPU, in 64 bits."""
    folder = tmp_path_factory.mktemp("cpu")
    return cache(lambda name: numbers(*cases(every=False)[name], "cpu", folder / name, thorough=False))


@pytest.mark.parametrize("name", cases(every=False))
def test_a_model_is_on_the_device_what_it_is_on_the_cpu(name, on_cpu, tmp_path):
    assert_as_on_cpu(name, tmp_path, on_cpu(name), thorough=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", cases(every=True))
def test_every_variant_trains_goes_on_and_draws_there(name, tmp_path):
    here = numbers(*cases(every=True)[name], "cpu", tmp_path / "here", thorough=True)
    assert_as_on_cpu(name, tmp_path / "there", here, thorough=True)


def test_a_fault_that_is_planted_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(conv, "padding_mask", lambda lengths, size: torch.ones(len(lengths), size, dtype=torch.bool))
    options, special = cases(every=False)["linear"]
    with pretended(), pytest.raises(MixedDevicesError, match=r"mul: tensors of both devices at encoders/conv\.py:\d+"):
        numbers(options, special, DEVICE.type, tmp_path, thorough=False)
    with pretended():
        with pytest.raises(MixedDevicesError, match="generator"):
            torch.rand(3, generator=torch.Generator(), device=DEVICE)
        with pytest.raises(MixedDevicesError, match="numpy"):
            torch.ones(3).to(DEVICE).numpy()


def test_what_a_gpu_is_waited_for_is_counted():
    with pretended() as record:
        x = torch.arange(6.0).to(DEVICE)
        assert (record.waits, record.copies) == ([], ["?"])
        assert (x + 1).sum().sqrt().shape == ()
        x[x > 2], x.nonzero(), float(x[0]), x.cpu(), x.unique(), bool((x > 2).any())
        assert len(record.waits) == 6
        x[torch.tensor([1, 2])]
        assert len(record.copies) == 2


def steady(options: dict, steps: int = 4, **special) -> tuple[list[str], list[str], list[str]]:
    """Of the last of some steps, of which nothing is logged: what waits before the decoder, and after it; copies."""
    experiment = Experiment(options, SPEAKERS, {})
    after = []
    with pretended() as record, pytest.MonkeyPatch.context() as patch:
        folder = Path("nowhere")
        patch.setattr(Path, "mkdir", lambda *_, **__: None)
        trainer = trainer_of(experiment, folder, DEVICE.type, log_every=99, **special)
        trainer.log = type("Log", (), {"write": lambda *_, **__: None})()
        log_prob = trainer.model.decoder.log_prob
        trainer.model.decoder.log_prob = lambda *inputs: (after.append(len(record.waits)), log_prob(*inputs))[1]
        for seed in range(steps):
            batch = batch_of(experiment, trainer.model.encoder.stride, seed).to(DEVICE)
            record.clear()
            after.clear()
            trainer.train_step(trainer.model, batch, 0.0)
    return record.waits[: after[0]], record.waits[after[0] :], record.copies


WAITS = {  # at most, in a step; none of them from the decoder on
    "vq": 1,
    "piecewise-vq": 4,
    "residual-vq": 2,
    "grouped-vq": 2,
}


@pytest.mark.parametrize("kind", VARIANTS)
def test_a_step_hardly_waits_and_never_from_the_decoder_on(kind):
    before, after, _ = steady(AUDIO | {"bottleneck": {"kind": kind, **VARIANTS[kind][0]}})
    assert not after
    assert len(before) <= WAITS.get(kind, 0), Counter(before)


@pytest.mark.parametrize(
    "bottleneck",
    [
        CODES | {"kind": "vq", "batch_norm": True, "codebook": "gradient", "decay": 0.5},  # so that codes fall idle
        CODES | {"kind": "piecewise-vq", "pooling": True},
    ],
)
def test_options_of_a_codebook_wait_no_more(bottleneck):
    before, after, _ = steady(AUDIO | {"bottleneck": bottleneck})
    assert not after
    assert len(before) <= WAITS[bottleneck["kind"]], Counter(before)


def test_parts_of_a_step_wait_no_more_each():
    before, after, _ = steady(AUDIO | {"bottleneck": {"kind": "vq", **CODES}}, gradient_accumulation=2)
    assert len(before + after) <= 2, Counter(before + after)


def test_an_lstm_waits_for_the_lengths():
    before, after, _ = steady(IMAGES | {"encoder": LSTM, "bottleneck": {"kind": "linear"}})
    assert not after
    assert len(before) <= 2, Counter(before)


def test_encoding_copies_only_the_points_that_are_asked_for(tmp_path):
    experiment = Experiment(AUDIO | {"bottleneck": {"kind": "linear"}}, SPEAKERS, {})
    features = [frames.numpy() for frames in batch_of(experiment, 2, 3).features]
    with pretended() as record:
        model = experiment.build().eval().to(DEVICE)
        record.clear()
        points, _, _ = encoded(model, features, DEVICE, ["bottleneck"])
    assert points.keys() == {"bottleneck"}
    assert len(record.waits) == 2  # the point and the lengths


@pytest.mark.parametrize("kind", ["vq", "piecewise-vq", "soft", "pca", "sparse"])
def test_collectives_get_tensors_of_the_device(kind, tmp_path):
    """All of a step that is logged, and of a validation."""
    variants = VARIANTS[kind][:1] + [CODES | {"batch_norm": True, "codebook": "gradient"}] * (kind == "vq")
    for number, variant in enumerate(variants):
        experiment, seen = Experiment(AUDIO | {"bottleneck": {"kind": kind, **variant}}, SPEAKERS, {}), Counter()
        with pretended(), two_pretended_processes(seen):
            trainer = trainer_of(experiment, tmp_path / f"{number}", DEVICE.type)
            trainer.log = type("Log", (), {"write": lambda *_, **__: None})()
            for seed in range(3):
                trainer.train_step(trainer.model, batch_of(experiment, 2, seed).to(DEVICE), 0.0)
            trainer.validate([batch_of(experiment, 2, 9, 3)])
        assert seen["all_reduce"] > 3


@pytest.mark.parametrize("name", cases(every=False))
def test_every_kind_trains_in_sixteen_bits(name, on_cpu, tmp_path):
    options, special = cases(every=False)[name]
    experiment = Experiment(options, SPEAKERS, {})
    losses = trained(experiment, tmp_path, "cpu", 2, special | {"precision": "bfloat16"})[1]
    np.testing.assert_allclose(losses, on_cpu(name)["losses"], rtol=0.1, atol=0.05)


def test_the_sums_of_batch_norm_have_all_digits():
    """A mean over 67,584 pixels, more than 16 bits can count."""
    x = (torch.randn(32, 132, 16, 4) + 0.5).relu().bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        mean, variance = moments(x, torch.ones(32, 132, dtype=torch.bool))
    torch.testing.assert_close(mean, x.float().mean((0, 1, 2)), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(variance, x.float().var((0, 1, 2), correction=0), rtol=1e-5, atol=1e-6)
