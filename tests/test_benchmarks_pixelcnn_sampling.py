"""benchmarks/pixelcnn_sampling.py, on a model and lines of no size."""

import importlib
import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def pixelcnn_sampling(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("pixelcnn_sampling")


@pytest.mark.slow
def test_every_way_to_draw_is_timed(pixelcnn_sampling, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pixelcnn_sampling, "MODELS", {"tiny": {"channels": 4, "layers": 1, "first_kernel": 3}})
    output = tmp_path / "found.json"
    arguments = ["--lines", "2", "--columns", "8", "--rows", "4", "--passes", "2", "--repetitions", "2"]
    pixelcnn_sampling.main([*arguments, "--output", str(output)])
    rates = json.loads(output.read_text())["models"]["tiny"]
    ways = ["a pass over the line", "a pass over what a pixel sees", "caches, torch", "compiled"]
    assert list(rates) == [*ways, "bound"]
    assert all(0 < rate["least"] <= rate["median"] <= rate["most"] for rate in rates.values())
    assert "| tiny | compiled |" in capsys.readouterr().out


def test_what_a_pixel_sees_is_enough_to_draw_it(pixelcnn_sampling):
    """A pass over less than the line says the same of the pixel, so that it may be timed in its place."""
    torch = pixelcnn_sampling.torch
    torch.manual_seed(0)
    decoder = pixelcnn_sampling.PixelCNN(pixelcnn_sampling.CONDITION_DIM, 4, channels=4, layers=1, first_kernel=3)
    condition, levels = torch.randn(1, 16, pixelcnn_sampling.CONDITION_DIM), torch.randint(4, (1, 16, 4))
    whole = decoder.parameters_of("left-to-right", levels, condition)[:, 8]
    reach = decoder.stack.receptive_field
    seen = slice(8 - reach, 9)
    part = decoder.parameters_of("left-to-right", levels[:, seen], condition[:, seen])[:, reach]
    torch.testing.assert_close(part, whole)
