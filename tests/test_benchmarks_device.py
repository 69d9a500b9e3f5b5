"""The tables of GPUs (--device), on a CPU and models of no size, and not compiled."""

import importlib
import json
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
CPU = torch.device("cpu")


@pytest.fixture
def script(monkeypatch):
    """A benchmark by its name. What would be compiled is left as it is: that takes a minute."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    device_training = importlib.import_module("device_training")
    monkeypatch.setattr(device_training, "compile_loss", lambda decoder: None)
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **options: None)
    monkeypatch.setattr(device_training, "COPIED", {"cpu": 2**16})
    monkeypatch.setattr(device_training, "ENOUGH", 0.0)
    return importlib.import_module


def tiny(module) -> dict:
    return module.TINY.get("tiny", module.TINY)


NAMES = ["wavenet_training", "pixelcnn_training"]


@pytest.mark.parametrize("name", NAMES)
def test_every_way_is_timed_and_bounded(script, name, tmp_path, capsys):
    module, output = script(name), tmp_path / "found.json"
    module.main(["--quick", "--device", "cpu", "--output", str(output)])
    (row,) = json.loads(output.read_text())["sizes"].values()
    ways = script("device_training").WAYS
    assert list(row["ways"]) == [way.name for way in ways]
    for way in row["ways"].values():
        assert way["seconds"]["median"] > 0
        assert way["rate"] == pytest.approx(row["values"] / way["seconds"]["median"])
    assert row["bound"]["products"] > 0
    assert row["bound"]["memory"] == pytest.approx(row["bound"]["bytes"] / row["bound"]["copied_a_second"])
    shown = capsys.readouterr().out
    assert shown.startswith("Not run on a GPU")
    assert "| bound: " in shown


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_way_has_the_same_loss(script, name):
    module, device_training = script(name), script("device_training")
    losses = {
        way.name: device_training.step_of(module.NETWORK, way, tiny(module), CPU)() for way in device_training.WAYS
    }
    first = losses.pop("plain, float32")
    for way, loss in losses.items():
        torch.testing.assert_close(loss.float(), first, rtol=0.01, atol=0, msg=way)


@pytest.mark.slow
def test_products_are_those_that_the_other_tables_count(script):
    wavenet, pixelcnn = script("wavenet_training"), script("pixelcnn_training")

    def counted(module, size):
        return sum(6 * one.rows * one.inputs * one.outputs * one.times for one in module.NETWORK.products(size))

    assert counted(wavenet, wavenet.SMALL) == wavenet.products(wavenet.SMALL, rows=8)[1]
    for size in pixelcnn.MODELS.values():
        assert counted(pixelcnn, size) == pytest.approx(pixelcnn.operations(**size), rel=0.05)


@pytest.mark.slow
def test_a_batch_that_does_not_fit_is_halved(script, monkeypatch):
    module, device_training = script("wavenet_training"), script("device_training")
    step_of, tried = device_training.step_of, []

    def step_of_few(network, way, size, device):
        tried.append(size["batch"])
        if size["batch"] > 2:
            raise torch.OutOfMemoryError("too many")
        return step_of(network, way, size, device)

    monkeypatch.setattr(device_training, "step_of", step_of_few)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    _, about = device_training.first_step(module.NETWORK, device_training.WAYS[3], tiny(module) | {"batch": 8}, CPU)
    assert tried == [8, 4, 2]
    assert about["batch"] == 2


def test_samples_are_drawn_on_a_device(script, tmp_path, capsys, monkeypatch):
    module, output = script("wavenet_sampling"), tmp_path / "found.json"
    monkeypatch.setattr(module, "LARGE", 32)
    module.main(["--quick", "--device", "cpu", "--repetitions", "2", "--output", str(output)])
    (row,) = json.loads(output.read_text())["rows"]
    assert row["samples_per_second"]["queues, torch"] > 0
    assert row["same_streams"] is None
    assert "Not run on a GPU" in capsys.readouterr().out


def test_memory_is_that_of_a_job_alone(script):
    devices = script("devices")
    large = torch.zeros(64 * 2**18) + 1  # 64 MB of before
    found = devices.peak_memory(lambda: torch.zeros(40 * 2**18) + 1, CPU)
    assert 75 < found < 100  # twice 40 MB
    assert devices.peak_memory(lambda: large.sum(), CPU) < 20
