"""benchmarks/wavenet_sampling.py, on a model of no size; its baseline draws what ours draws."""

import importlib
import json
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def wavenet_sampling(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("wavenet_sampling")


@pytest.mark.slow
def test_every_way_to_draw_is_timed(wavenet_sampling, tmp_path, capsys):
    threads = torch.get_num_threads()
    output = tmp_path / "found.json"
    try:
        wavenet_sampling.main(["--quick", "--repetitions", "2", "--output", str(output)])
    finally:
        torch.set_num_threads(threads)
    (row,) = json.loads(output.read_text())["tables"]["quick"]
    rates = row["samples_per_second"]
    assert list(rates) == ["a pass over the past", "queues, torch", "queues, compiled"]
    assert all(row["spread"][way][0] <= rate <= row["spread"][way][1] for way, rate in rates.items())
    assert row["share"] == pytest.approx(rates["queues, compiled"] / row["bound"])
    assert "| queues, compiled |" in capsys.readouterr().out


@pytest.mark.parametrize("kernel", [2, 3])
def test_a_pass_over_the_past_draws_what_queues_draw(wavenet_sampling, kernel):
    torch.manual_seed(0)
    decoder = wavenet_sampling.WaveNet(5, 256, channels=8, skip_channels=12, layers=5, cycle=3, kernel=kernel)
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    decoder = decoder.double().eval()
    condition, uniform = torch.randn(2, 4, 5).double(), torch.rand(2, 80).double()
    codes = torch.zeros(2, 80, dtype=torch.long)
    naive = wavenet_sampling.NaiveWaveNet(decoder)
    assert naive.receptive_field < 80  # so that the pass leaves something out
    naive.draw(codes, condition, uniform, 0, 80)
    assert torch.equal(codes, decoder.sample_with_torch(condition, uniform))


def test_the_bound_counts_every_weight_that_is_multiplied_with(wavenet_sampling):
    decoder = wavenet_sampling.WaveNet(5, 256, channels=6, skip_channels=7, layers=3)
    found = sum(matrix.numel() for matrix in wavenet_sampling.matrices(decoder))
    assert found == 3 * 12 * 12 + 3 * 7 * 6 + 2 * 6 * 6 + 7 * 7 + 256 * 7
