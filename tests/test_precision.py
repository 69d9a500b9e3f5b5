"""Training in 16 bits and with gates computed twice: options that change rounding or memory, not what is learned."""

import json

import numpy as np
import pytest
import safetensors.torch
import soundfile
import torch
from tiny import OPTIONS

from unitdisc.api.train import train
from unitdisc.corpus import Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.experiment import config, load
from unitdisc.model import UnitModel
from unitdisc.training.trainer import TrainingOptions


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    utterances = []
    for i in range(8):
        soundfile.write(folder / f"u{i}.wav", 0.1 * rng.standard_normal(8_000), 16_000)
        utterances.append(Utterance(f"u{i}", str(folder / f"u{i}.wav"), f"s{i % 2}", 8_000, 16_000))
    write_manifest(folder / "train.jsonl", utterances)
    return folder / "train.jsonl"


def losses(folder) -> list[float]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line["losses"]["reconstruction"] for line in lines if line["split"] == "train"]


def trained(corpus, folder, **options):
    settings = OPTIONS | {"bottleneck.batch_norm": "true"} | {k.replace("__", "."): v for k, v in options.items()}
    if settings.get("decoder.kind") == '"wavenet"':
        small = {"decoder.skip_channels": 12, "training.batch_size": 2, "training.crop": 4}
        settings = {name: value for name, value in (settings | small).items() if name != "target.bins"}
    train("small", corpus, folder, [f"{name}={value}" for name, value in settings.items()], device="cpu")
    return safetensors.torch.load_file(folder / "model.safetensors")


@pytest.mark.parametrize("kind", ["frames", "wavenet"])
def test_sixteen_bits_learn_the_same(corpus, tmp_path, monkeypatch, kind):
    """Encoder and decoder see 16 bits; weights, bottleneck and losses 32."""
    seen = []
    units_of = UnitModel.units_of

    def watched(self, batch):
        handle = self.bottleneck.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].dtype))
        hooked = self.encoder.register_forward_hook(lambda _, __, outputs: seen.append(outputs[0].dtype))
        try:
            return units_of(self, batch)
        finally:
            handle.remove()
            hooked.remove()

    monkeypatch.setattr(UnitModel, "units_of", watched)
    options = {"decoder__kind": f'"{kind}"'}
    for precision in ("float32", "bfloat16"):
        seen.clear()
        found = trained(corpus, tmp_path / precision, training__precision=f'"{precision}"', **options)
        expected = torch.bfloat16 if precision == "bfloat16" else torch.float32
        assert seen[:2] == [expected, torch.float32]
        assert {weight.dtype for weight in found.values() if weight.is_floating_point()} == {torch.float32}
    full, half = losses(tmp_path / "float32"), losses(tmp_path / "bfloat16")
    assert full != half
    np.testing.assert_allclose(half, full, atol=0.05)


@pytest.mark.parametrize("kind", ["frames", "wavenet"])
def test_gates_computed_twice_train_the_same_model(corpus, tmp_path, kind):
    options = {"decoder__kind": f'"{kind}"'}
    first = trained(corpus, tmp_path / "kept", **options)
    second = trained(corpus, tmp_path / "again", decoder__checkpoint="true", **options)
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-5, atol=1e-6)


def test_a_run_may_go_on_with_gates_computed_twice(corpus, tmp_path):
    trained(corpus, tmp_path, training__steps=3)
    trained(corpus, tmp_path, training__steps=6, decoder__checkpoint="true")
    assert load(tmp_path)[1].decoder.stack.checkpoint


def test_a_run_of_a_version_without_these_options_goes_on(corpus, tmp_path):
    trained(corpus, tmp_path, training__steps=3)
    written = json.loads((tmp_path / "experiment.json").read_text())
    del written["options"]["training"]["precision"], written["options"]["decoder"]["checkpoint"]
    (tmp_path / "experiment.json").write_text(json.dumps(written))
    trained(corpus, tmp_path, training__steps=6)
    assert len(losses(tmp_path)) == 6


def test_an_unknown_precision_is_refused():
    with pytest.raises(config.ConfigError, match=r"precision must be one of .*'float16'"):
        config.construct("[training]", TrainingOptions, {"precision": "float16"})
