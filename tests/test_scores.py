"""All scores in one: complete, fit for JSON, and null with a reason where a corpus cannot tell."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import Interval, Utterance, corpus_checksum
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.evaluation import intervals, report_scores
from unitdisc.evaluation.abx import AbxProtocol, Sampling, abx, label_items, triphone_items
from unitdisc.evaluation.abx.cells import across_pairs, cells_across, cells_of, grouped, pairs_in_contexts
from unitdisc.evaluation.probes import models as readers
from unitdisc.evaluation.report_scores import score, usual_sampling

RNG = np.random.default_rng(0)
POINTS = ("mfcc", "encoder", "bottleneck")


def corpus() -> list[Utterance]:
    utterances = []
    for number in range(12):
        labels = ["SIL", "a", *RNG.choice(["p", "t"], 1), "a", *RNG.choice(["p", "t"], 1), "a", "SIL"]
        intervals = [Interval(300 * i, 300 * (i + 1), str(label)) for i, label in enumerate(labels)]
        speaker = number % 4
        utterances.append(
            Utterance(
                f"u{number:02}",
                "x.wav",
                f"s{speaker}",
                2100,
                1000,
                gender="fm"[speaker % 2],
                alignment={"phone": intervals},
            )
        )
    return utterances


CORPUS = corpus()


def encode(folder: Path, with_codes: bool) -> Encodings:
    folder.mkdir(parents=True)
    codes = {}
    for utterance in CORPUS:
        np.save(folder / f"{utterance.id}.npy", RNG.standard_normal((21, 4)).astype(np.float32))
        codes[utterance.id] = RNG.integers(3, size=21).tolist() if with_codes else None
    lines = [json.dumps({"utterance": name, "codes": value}) for name, value in codes.items()]
    (folder / "units.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "encodings.json").write_text(json.dumps({"stride": 100, "offset": 50, "rate": 1000}))
    return Encodings.open(folder)


@pytest.fixture(scope="module")
def points(tmp_path_factory) -> dict[str, Encodings]:
    home = tmp_path_factory.mktemp("encodings")
    return {point: encode(home / point, point == "bottleneck") for point in POINTS}


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """There is nothing to learn here."""
    monkeypatch.setattr(readers, "ITERATIONS", 3)
    monkeypatch.setattr(intervals, "RESAMPLES", 20)


def strict(value) -> str:
    return json.dumps(value, allow_nan=False)


def test_every_figure_is_there_and_fit_for_json(points):
    told = []
    scores = score(points, CORPUS, points["mfcc"], progress=lambda *step: told.append(step))
    assert json.loads(strict(scores)) == scores
    assert list(scores["abx"]) == list(scores["probes"]) == list(POINTS)
    for point in POINTS:
        assert all(0 <= scores["abx"][point][speaker] <= 1 for speaker in ("within", "across"))
        assert scores["abx_counts"][point]["across"]["triplets"] > 0
        assert all(0 <= scores["probes"][point][probe]["accuracy"] <= 1 for probe in ("labels", "speaker", "gender"))
        assert scores["probes"][point]["mel"]["r2"] <= 1
    units = scores["units"]
    assert np.sum(units["confusion"]["counts"]) == units["frames"] == 12 * 5 * 3  # pauses are left out
    assert units["usage"]["frames"] == 12 * 21
    assert units["bitrate"]["seconds"] == pytest.approx(12 * 2.1)
    assert units["bitrate_collapsed"]["symbols"] < units["bitrate"]["symbols"]
    assert units["boundaries"]["strict"]["reference"] == 12 * 6
    assert scores["settings"]["corpus"] == corpus_checksum(CORPUS)
    assert [done for done, _, _ in told] == list(range(len(POINTS) * 6 + 1))
    assert {jobs for _, jobs, _ in told} == {len(POINTS) * 6 + 1}


def test_the_figures_are_those_of_their_own_functions(points):
    scores = score({"encoder": points["encoder"]}, CORPUS)
    for speaker in ("within", "across"):
        assert scores["abx"]["encoder"][speaker] == abx(triphone_items(CORPUS), points["encoder"], speaker).error
    words = score({"encoder": points["encoder"]}, CORPUS, context="any")
    assert words["abx"]["encoder"]["across"] == abx(label_items(CORPUS, "phone"), points["encoder"], "across").error


def test_abx_is_of_the_sample_that_was_asked_for_and_says_so(points):
    some, sampling = {"encoder": points["encoder"]}, Sampling(max_size_group=2, max_x_across=1, seed=5)
    scores = score(some, CORPUS, context="any", sampling=sampling)
    items, protocol = label_items(CORPUS, "phone"), AbxProtocol(sampling=sampling)
    drawn, whole = (abx(items, points["encoder"], "across", each) for each in (protocol, None))
    assert scores["abx"]["encoder"]["across"] == drawn.error
    assert scores["abx_counts"]["encoder"]["across"]["triplets"] == drawn.triplets < whole.triplets
    assert scores["settings"]["abx"]["sampling"]["seed"] == 5
    assert score(some, CORPUS)["settings"]["abx"]["sampling"] is None


def test_a_sample_is_usual_where_there_is_more_to_compare_than_can_be(monkeypatch):
    one_context, triphones = label_items(CORPUS, "phone"), triphone_items(CORPUS)
    assert pairs_in_contexts(one_context) == len(one_context) ** 2 == (12 * 5) ** 2
    assert pairs_in_contexts(triphones) < len(triphones) ** 2
    monkeypatch.setattr(report_scores, "MOST_PAIRS", 3599)
    assert usual_sampling(CORPUS, "phone", "any") == Sampling()
    assert usual_sampling(CORPUS, "phone", "triphone") is None
    monkeypatch.setattr(report_scores, "MOST_PAIRS", 3600)
    assert usual_sampling(CORPUS, "phone", "any") is None
    for items in (one_context, triphones):
        groups = grouped(items, np.arange(len(items)))
        assert cells_across(groups) == len(cells_of(groups, across_pairs(groups))) > 0
    monkeypatch.setattr(
        report_scores, "MOST_CELLS", cells_across(grouped(one_context, np.arange(len(one_context)))) - 1
    )
    assert usual_sampling(CORPUS, "phone", "any") == Sampling()
    assert usual_sampling(CORPUS, "phone", "triphone") is None


def test_line_images_are_asked_for_characters_scribes_and_columns(points):
    lines = [
        replace(u, rate=None, height=32, gender=None, alignment={"character": u.alignment["phone"]}) for u in CORPUS
    ]
    told = []
    scores = score({"encoder": points["encoder"]}, lines, points["mfcc"], progress=lambda *step: told.append(step))
    assert scores["probes"]["encoder"].keys() == {"labels", "speaker", "columns"}
    assert scores["settings"]["tier"] == "character" and scores["settings"]["abx"]["context"] == "any"
    items = label_items(lines, "character")
    assert scores["abx"]["encoder"]["across"] == abx(items, points["encoder"], "across").error
    assert [done for done, _, _ in told] == list(range(2 + 3 + 1))
    known = score({"encoder": points["encoder"]}, [replace(line, gender="f") for line in lines])["probes"]["encoder"]
    assert known.keys() == {"labels", "speaker", "gender", "columns"}
    assert "no pixel frames to reconstruct" in known["columns"]["why"]


def test_the_same_seed_gives_the_same_scores(points):
    some = {"bottleneck": points["bottleneck"]}
    assert strict(score(some, CORPUS, seed=1)) == strict(score(some, CORPUS, seed=1))


@pytest.mark.parametrize(
    "change",
    [
        {"alignment": {}},
        {"gender": None},
        {"speaker": None},
        {"speaker": "s"},
        {"rate": None},
        {"alignment": {"phone": [Interval(0, 2100, "SIL")]}},
        {"speaker": None, "gender": None, "alignment": {}, "rate": None},
    ],
)
def test_what_a_corpus_cannot_tell_is_null_and_says_why(change, points):
    some = {point: points[point] for point in ("encoder", "bottleneck")}
    scores = score(some, [replace(utterance, **change) for utterance in CORPUS], points["mfcc"])
    strict(scores)
    for errors in scores["abx"].values():
        assert (None in errors.values()) == ("why" in errors)
    for probes in scores["probes"].values():
        for probe in probes.values():
            assert (None in probe.values()) == ("why" in probe)
    if change.get("alignment") == {}:
        assert "no items" in scores["abx"]["encoder"]["why"]
        assert "tier 'phone'" in scores["units"]["why"]
        assert scores["units"]["usage"]["used"] == 3
    if change == {"speaker": "s"}:
        assert scores["abx"]["encoder"]["within"] is not None
        assert scores["abx"]["encoder"]["across"] is None
        assert scores["units"]["many_to_one"] is None
    if change == {"rate": None}:
        assert "has no rate" in scores["units"]["bitrate"]["why"]


def test_a_model_without_codes_has_no_unit_scores(points):
    assert "why" in score({"encoder": points["encoder"]}, CORPUS)["units"]
    assert "has no codes" in score({"bottleneck": points["encoder"]}, CORPUS)["units"]["why"]


def test_utterances_without_the_tier_are_left_out_of_what_needs_it(points):
    some = [replace(CORPUS[0], alignment={}), *CORPUS[1:]]
    point = {"encoder": points["encoder"]}
    assert score(point, some)["abx"] == score(point, CORPUS[1:])["abx"]


def test_missing_encodings_are_named(points):
    with pytest.raises(EncodingsError, match=r"elsewhere.npy: no such encoding"):
        score(points, [*CORPUS, replace(CORPUS[0], id="elsewhere")])
