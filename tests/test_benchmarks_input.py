"""benchmarks/manifests.py, loading.py and encoding.py run, on corpora of no size."""

import importlib
import json
from pathlib import Path

import pytest

pytest_plugins = ["tiny_fixtures"]

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def test_a_manifest_is_read_and_validated(benchmark, tmp_path, monkeypatch, capsys):
    manifests = benchmark("manifests")
    monkeypatch.setattr(manifests, "CASES", ("json", "read", "validate, known"))
    manifests.main(["--quick", "--intervals", "3", "--output", str(tmp_path / "found.json")])
    rows = json.loads((tmp_path / "found.json").read_text())["rows"]
    assert [row["case"] for row in rows] == ["json", "read", "validate, known"]
    assert all(row["cpu"]["median"] > 0 and row["megabytes"]["median"] > 1 for row in rows)
    assert "| 200 | read | unitdisc |" in capsys.readouterr().out


@pytest.mark.slow
def test_every_way_to_begin_is_measured(benchmark, capsys):
    manifests = benchmark("manifests")
    manifests.main(["--quick", "--peer", f"same={BENCHMARKS.parent}"])
    out = capsys.readouterr().out
    assert all(f"| {case} | unitdisc |" in out for case in manifests.CASES)
    assert "| train | same |" in out


def test_batches_are_counted_from_every_source(benchmark, tiny_corpus, tmp_path, monkeypatch, capsys):
    loading = benchmark("loading")
    monkeypatch.setattr(loading, "training_rate", lambda *_: {"rate": 1.0, "cpu": 1.0})
    loading.main([str(tiny_corpus), "--quick", "--workers", "0", "--output", str(tmp_path / "found.json")])
    rows = json.loads((tmp_path / "found.json").read_text())["presets"]["small"]["rows"]
    assert {row["source"] for row in rows} == set(loading.SOURCES)
    assert all(row["per_second"] > 0 for row in rows)
    assert "| soundfile alone, whole files |" in capsys.readouterr().out


@pytest.mark.slow
def test_batches_of_line_images_are_counted_too(benchmark, tiny_lines, monkeypatch, capsys):
    loading = benchmark("loading")
    monkeypatch.setattr(loading, "training_rate", lambda *_: {"rate": 1.0, "cpu": 1.0})
    found = loading.main([str(tiny_lines), "--quick", "--workers", "0"])["presets"]["small-handwriting"]
    assert {row["source"] for row in found["rows"]} == set(loading.SOURCES) - {"files, in parts"}
    assert "| Pillow alone, whole files |" in capsys.readouterr().out


@pytest.mark.slow
def test_growth_of_memory_is_told(benchmark, tiny_corpus, monkeypatch, capsys):
    loading = benchmark("loading")
    read = loading.read
    small = ["encoder.dim=8", "decoder.channels=8", "decoder.layers=2", "training.batch_size=4"]
    monkeypatch.setattr(loading, "read", lambda preset, overrides: read(preset, [*overrides, *small]))
    loading.main([str(tiny_corpus), "--draws", "40"])
    assert "| files, in parts | 40 |" in capsys.readouterr().out


def test_encoding_is_timed_and_compared(benchmark, tiny_corpus, tmp_path, monkeypatch, capsys):
    encoding = benchmark("encoding")
    monkeypatch.setattr(encoding, "compared", lambda *_: {"same": True, "times": {"unitdisc": encoding.spread(RUNS)}})
    encoding.main([str(tiny_corpus), "--quick", "--output", str(tmp_path / "found.json")])
    split = json.loads((tmp_path / "found.json").read_text())["presets"]["small"]["split"]
    assert set(split["cpu"]) == set(encoding.PARTS)
    assert 0 < split["bound"] < 100
    assert "| small | 1 | unitdisc |" in capsys.readouterr().out


RUNS = [{"wall": 1.0, "cpu": 0.5}, {"wall": 2.0, "cpu": 0.6}]
