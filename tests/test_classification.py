"""Frame classification: the loss is that of torch, over latents inside, and its prediction is a posterior."""

import json
import runpy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from parallel_training import SPEAKERS, batch_of, settings

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.encodings import Encodings
from unitdisc.experiment import Experiment, config

ROOT = Path(__file__).parent.parent


def experiment(**options) -> Experiment:
    return Experiment(settings("classify") | {"objective": {"kind": "classify", **options}}, SPEAKERS, {})


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_cross_entropy_of_all_latents_inside(smoothing):
    one = experiment(smoothing=smoothing)
    torch.manual_seed(0)
    model = one.build().double().eval()
    batch = batch_of(0, one, model.encoder.stride)
    found = model(batch)
    units, lengths = model.units_of(batch)
    logits = model.objective.head(units.latents.relu())
    inside = [(item, step) for item in range(len(lengths)) for step in range(int(lengths[item]))]
    assert len(inside) < logits.shape[0] * logits.shape[1]  # there is padding, which counts for nothing
    rows = torch.stack([logits[place] for place in inside])
    codes = torch.stack([batch.codes[place][0] for place in inside])
    expected = F.cross_entropy(rows, codes, label_smoothing=smoothing)
    assert float(found.losses["classification"]) == pytest.approx(float(expected), rel=1e-5)


def test_what_it_tells_is_the_square_root_of_a_posterior():
    one = experiment()
    model = one.build().double().eval()
    batch = batch_of(0, one, model.encoder.stride)
    points, _, _ = model.probe_points(batch.features, batch.lengths)
    posteriors = points["prediction"].square()
    torch.testing.assert_close(posteriors.sum(-1), torch.ones_like(posteriors[..., 0]))
    logits = model.objective.head(points["bottleneck"].relu())
    torch.testing.assert_close(posteriors, logits.softmax(-1))


def test_it_learns_what_it_is_told():
    one = experiment()
    torch.manual_seed(0)
    model = one.build().double()
    batch = batch_of(0, one, model.encoder.stride)
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    first = last = None
    for _ in range(40):
        optimiser.zero_grad()
        last = model(batch).loss
        last.backward()
        optimiser.step()
        first = float(last) if first is None else first
    assert float(last) < 0.7 * first


def test_smoothing_is_a_share():
    for wrong in (-0.1, 1.0):
        with pytest.raises((config.ConfigError, ValueError), match="smoothing must be"):
            experiment(smoothing=wrong).build()


def test_true_labels_are_codes_of_every_frame(tmp_path):
    """By hand: two utterances at 1000 ticks a second and 100 frames; silence and what has no label are one code."""
    script = runpy.run_path(str(ROOT / "eval" / "labels_as_codes.py"))
    phones = {
        "a": [Interval(0, 20, "sil"), Interval(20, 45, "AA"), Interval(45, 60, "B")],
        "b": [Interval(10, 30, "B"), Interval(30, 34, "SIL")],
    }
    utterances = [
        Utterance(name, f"{name}.wav", "s", ticks, 1000, alignment={"phone": phones[name]})
        for name, ticks in (("a", 60), ("b", 38))
    ]
    write_manifest(tmp_path / "some.jsonl", utterances)
    assert script["main"]([str(tmp_path / "some.jsonl"), str(tmp_path / "phones")]) == ["AA", "B", "SIL"]
    assert json.loads((tmp_path / "phones/labels.json").read_text()) == ["AA", "B", "SIL"]
    found = Encodings.open(tmp_path / "phones")
    assert found["a"].codes.tolist() == [2, 2, 0, 0, 1, 1]  # the frame centred on 45 is of B
    assert found["b"].codes.tolist() == [2, 1, 1, 2]
    assert found["b"].centres.tolist() == [5, 15, 25, 35]
    assert found["a"].frames.argmax(1).tolist() == found["a"].codes.tolist() and found["a"].frames.sum() == 6
    with pytest.raises(CorpusError, match="a has no labels in tier 'word'"):
        script["main"]([str(tmp_path / "some.jsonl"), str(tmp_path / "words"), "--tier", "word"])


def test_true_labels_of_line_images_are_codes_of_frames_so_many_columns_wide(tmp_path):
    script = runpy.run_path(str(ROOT / "eval" / "labels_as_codes.py"))["main"]
    tier = {"character": [Interval(0, 4, "a"), Interval(6, 8, "b")]}
    write_manifest(tmp_path / "lines.jsonl", [Utterance("a", "a.png", "s", 8, alignment=tier, height=16)])
    lines = [str(tmp_path / "lines.jsonl"), str(tmp_path / "codes"), "--tier", "character"]
    for options, why in (
        ([], "or --columns for line images"),
        (["--columns", "0"], "--columns is of line images, and 1"),
    ):
        with pytest.raises(CorpusError, match=why):
            script([*lines, *options])
    assert script([*lines, "--columns", "2"]) == ["SIL", "a", "b"]
    found = Encodings.open(tmp_path / "codes")["a"]
    assert (found.codes.tolist(), found.centres.tolist()) == ([1, 1, 0, 2], [1, 3, 5, 7])
