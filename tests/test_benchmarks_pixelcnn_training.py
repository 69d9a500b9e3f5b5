"""benchmarks/pixelcnn_training.py: the plain formulation is the same network, and everything is timed."""

import importlib
import json
import os
from pathlib import Path

import pytest
import torch

from unitdisc.decoders import pixel_layers

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def pixelcnn_training(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(pixel_layers, "MANY", 1)  # few gates are computed as many are
    return importlib.import_module("pixelcnn_training")


@pytest.fixture
def plain_pixelcnn(pixelcnn_training):
    return importlib.import_module("baselines.plain_pixelcnn")


@pytest.mark.parametrize("channels,layers,first_kernel", [(4, 1, 3), (4, 3, 5), (64, 2, 7)])
def test_the_plain_formulation_has_the_same_loss_and_gradients(plain_pixelcnn, channels, layers, first_kernel):
    torch.manual_seed(0)
    ours = plain_pixelcnn.PixelCNN(6, 5, channels=channels, layers=layers, first_kernel=first_kernel)
    plain = plain_pixelcnn.PlainPixelCNN.of(ours)
    target, condition = torch.randint(4, (2, 12, 5)), torch.randn(2, 3, 6, requires_grad=True)
    found, grads = [], []
    for decoder in (ours, plain):
        log_prob = decoder.log_prob(target, condition)
        (log_prob * torch.linspace(1, 2, 12)).mean().backward()
        found.append(log_prob)
        grads.append(condition.grad)
        condition.grad = None
    torch.testing.assert_close(*found)
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-6)
    for parameter in (*ours.parameters(), *plain.parameters()):
        parameter.data = parameter.grad
    parts = zip(plain_pixelcnn.parts(ours), plain.parts(), strict=True)
    for mine, theirs in parts:
        torch.testing.assert_close(theirs.reshape(mine.shape), mine, rtol=1e-4, atol=1e-6)


def test_every_weight_is_taken_over(plain_pixelcnn):
    ours = plain_pixelcnn.PixelCNN(6, 5, channels=4, layers=2, first_kernel=3)
    assert sum(part.numel() for part in plain_pixelcnn.parts(ours)) == sum(p.numel() for p in ours.parameters())


@pytest.mark.slow
def test_every_way_has_the_same_loss_and_gradients(pixelcnn_training):
    sizes, found = pixelcnn_training.TINY | {"channels": 64}, []
    names = [pixelcnn_training.PLAIN, *pixelcnn_training.PARTS, pixelcnn_training.OURS, pixelcnn_training.CHECKPOINT]
    for name in names:
        found.append(pixelcnn_training.stepper(sizes, name)())
    torch.testing.assert_close(found, found[:1] * len(found))


@pytest.mark.slow
def test_a_way_does_without_its_parts(pixelcnn_training, monkeypatch):
    called = []
    original = pixelcnn_training.pixels.gated
    monkeypatch.setattr(pixelcnn_training.pixels, "gated", lambda *args: called.append(1) or original(*args))
    pixelcnn_training.stepper(pixelcnn_training.TINY, pixelcnn_training.OURS)()
    assert len(called) == 3  # both stacks of the first layer, one of the last
    pixelcnn_training.stepper(pixelcnn_training.TINY, pixelcnn_training.CROPPED)()
    assert len(called) == 3


@pytest.mark.slow
def test_products_are_counted_as_torch_counts_them(pixelcnn_training):
    from torch.utils.flop_counter import FlopCounterMode

    sizes = pixelcnn_training.MODELS["small"] | {"batch": 1, "columns": 16}
    step = pixelcnn_training.stepper(sizes, pixelcnn_training.OURS)
    with FlopCounterMode(display=False) as counter:
        step()
    assert pixelcnn_training.operations(**sizes) == pytest.approx(counter.get_total_flops(), rel=0.05)


@pytest.mark.slow
def test_a_child_has_the_environment_it_is_given(pixelcnn_training):
    assert pixelcnn_training.in_child(pixelcnn_training.KEEPS, os.getenv, "MALLOC_TOP_PAD_") == str(2**28)


def test_all_is_timed(pixelcnn_training, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pixelcnn_training, "in_child", lambda environment, function, *args: function(*args))
    monkeypatch.setattr(pixelcnn_training, "compile_loss", lambda decoder: None)  # which takes a minute
    output = tmp_path / "found.json"
    pixelcnn_training.main(["--quick", "--output", str(output)])
    found = json.loads(output.read_text())
    timed = found["ways"]["tiny"]
    for allocator in ("as it is", "allocator keeps memory"):
        assert list(timed[allocator]["cpu"]) == list(timed["memory"])
        assert all(values[1] > 0 for values in timed[allocator]["cpu"].values())
    assert [(row["size"], row["value"]) for row in found["growing"]] == [("columns", 8), ("columns", 16)]
    shown = capsys.readouterr().out
    assert "| and few levels apart: ours | as it is |" in shown
    assert "| compiled, which took " in shown
