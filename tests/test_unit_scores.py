"""All scores of units in one: complete, fit for JSON, the same as of their own functions; and `unitdisc score`."""

import json
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import Interval, Utterance, corpus_checksum
from unitdisc.corpus.manifest import write_manifest
from unitdisc.encodings import Encodings
from unitdisc.evaluation.units.bitrate import unit_bitrates
from unitdisc.evaluation.units.boundaries import unit_boundaries
from unitdisc.evaluation.units.clustering import labelled_codes, named_confusion, unit_scores
from unitdisc.evaluation.units.codes import coded
from unitdisc.evaluation.units.unit_scores import BITRATES, score_units
from unitdisc.evaluation.units.vocabulary import vocabulary_scores
from unitdisc.evaluation.units.words import unit_terms
from unitdisc.reports.score_rows import measure
from unitdisc.reports.sections import UNIT_FIGURES

pytest_plugins = ["tiny_fixtures"]
RNG = np.random.default_rng(0)


def corpus() -> list[Utterance]:
    utterances = []
    for number in range(8):
        labels = ["SIL", *RNG.choice(["a", "p", "t"], 6), "SIL"]
        phones = [Interval(200 * i, 200 * (i + 1), str(label)) for i, label in enumerate(labels)]
        words = [Interval(200, 600, "w"), Interval(600, 1400, "v")]
        tiers = {"phone": phones, "word": words}
        utterances.append(Utterance(f"u{number}", "x.wav", f"s{number % 3}", 1600, 1000, alignment=tiers))
    return utterances


CORPUS = corpus()


def encode(folder: Path, with_codes: bool = True) -> Path:
    folder.mkdir(parents=True)
    lines = []
    for utterance in CORPUS:
        np.save(folder / f"{utterance.id}.npy", RNG.standard_normal((16, 2)).astype(np.float32))
        codes = np.repeat(RNG.integers(4, size=8), 2).tolist() if with_codes else None
        lines.append(json.dumps({"utterance": utterance.id, "codes": codes}))
    (folder / "units.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "encodings.json").write_text(json.dumps({"stride": 100, "offset": 50, "rate": 1000}))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return encode(tmp_path_factory.mktemp("units") / "bottleneck")


def strict(value) -> str:
    return json.dumps(value, allow_nan=False)


def test_every_score_is_there_and_is_that_of_its_own_function(folder):
    encodings = Encodings.open(folder)
    units = coded(encodings, CORPUS)
    found = score_units(encodings, CORPUS, "word")
    assert json.loads(strict(found)) == found
    expected = asdict(unit_scores(named_confusion(labelled_codes(units, "word")))) | asdict(unit_bitrates(units))
    assert {name: found[name] for name in expected} == expected
    assert found["boundaries"] == asdict(unit_boundaries(units, "word"))
    assert found["terms"] == asdict(unit_terms(units, "word", "phone"))
    assert found["vocabulary"] == asdict(vocabulary_scores(units, "word"))
    assert 0 < found["many_to_one"] <= 1
    assert "many_to_one_learnt" not in found


def test_the_tolerance_and_the_spelling_are_those_asked_for(folder):
    encodings = Encodings.open(folder)
    units = coded(encodings, CORPUS)
    found = score_units(encodings, CORPUS, "word", tolerance=250, spelling="word")
    assert found["boundaries"] == asdict(unit_boundaries(units, "word", 250))
    assert found["boundaries"] != asdict(unit_boundaries(units, "word"))
    assert found["terms"] == asdict(unit_terms(units, "word", "word"))


def test_codes_are_counted_and_sure_to_an_interval(folder):
    found = score_units(Encodings.open(folder), CORPUS, "phone")
    assert found["codes"] == found["usage"]["used"] == 4
    assert {"ami", "many_to_one", "many_to_one_other_utterances"} <= found["intervals"].keys()
    for name, (low, high) in found["intervals"].items():
        assert low <= found[name] <= high


def test_names_learnt_on_the_same_utterances_give_the_same_data_score(folder):
    encodings = Encodings.open(folder)
    found = score_units(encodings, CORPUS, "phone", learn=(encodings, CORPUS))
    assert found["many_to_one_learnt"] == found["many_to_one_same_data"]
    apart = score_units(encodings, CORPUS[:4], "phone", learn=(encodings, CORPUS[4:]))
    assert apart["many_to_one_learnt"] < apart["many_to_one_same_data"]


@pytest.mark.parametrize(
    "change,lost",
    [
        ({"alignment": {}}, {"boundaries", "terms", "vocabulary"}),
        ({"rate": None}, {*BITRATES, "terms"}),
        ({"alignment": {"phone": [Interval(0, 1600, "SIL")]}}, {"boundaries", "terms", "vocabulary"}),
        ({"alignment": {"phone": [Interval(0, 1600, "a")]}}, {"boundaries"}),
    ],
)
def test_what_a_corpus_cannot_tell_says_why(folder, change, lost):
    found = score_units(Encodings.open(folder), [replace(utterance, **change) for utterance in CORPUS], "phone")
    strict(found)
    assert {name for name, value in found.items() if isinstance(value, dict) and "why" in value} == lost
    assert found["usage"]["used"] == 4


def test_every_figure_that_a_report_shows_of_units_is_there(folder):
    found = score_units(Encodings.open(folder), CORPUS, "phone")
    shown = {title: measure({"units": found}, "units", *figure.path).value for title, figure in UNIT_FIGURES.items()}
    of_images = {"bits per 100 columns", "bits per 100 columns, runs", "bits per label, runs"}
    assert {title for title, value in shown.items() if value is None} == of_images
    assert shown["boundary F1"] == found["boundaries"]["strict"]["f1"]
    assert shown["R-value"] == found["boundaries"]["strict"]["r_value"]


def test_without_codes_every_score_says_so(tmp_path):
    found = score_units(Encodings.open(encode(tmp_path / "x", with_codes=False)), CORPUS, "phone")
    for value in (found, found["usage"], found["boundaries"], found["terms"], *(found[name] for name in BITRATES)):
        assert "has no codes" in value["why"]


def test_the_checksum_is_that_of_what_is_scored_and_not_of_where_it_lies():
    same = corpus_checksum(reversed(CORPUS))
    assert same == corpus_checksum([replace(utterance, path="elsewhere.wav", text="hm") for utterance in CORPUS])
    changed = [
        replace(CORPUS[0], id="v0"),
        replace(CORPUS[0], speaker=None),
        replace(CORPUS[0], gender="f"),
        replace(CORPUS[0], ticks=1601),
        replace(CORPUS[0], rate=1001),
        replace(CORPUS[0], alignment={"phone": CORPUS[0].alignment["phone"]}),
        replace(CORPUS[0], alignment=CORPUS[0].alignment | {"word": [Interval(200, 601, "w")]}),
    ]
    assert len({same, *(corpus_checksum([other, *CORPUS[1:]]) for other in changed)}) == len(changed) + 1


@pytest.fixture
def manifest(tmp_path) -> Path:
    write_manifest(tmp_path / "corpus.jsonl", CORPUS)
    return tmp_path / "corpus.jsonl"


def test_score_prints_tables_and_keeps_how(unitdisc, folder, manifest, tmp_path):
    output = tmp_path / "scores.json"
    elsewhere = [replace(u, id=f"{u.id}-learnt", path="y.wav") for u in CORPUS]
    write_manifest(tmp_path / "learn.jsonl", elsewhere)
    shutil.copytree(folder, tmp_path / "learn")
    for path in (tmp_path / "learn").glob("*.npy"):
        path.rename(path.with_name(f"{path.stem}-learnt.npy"))
    listed = (folder / "units.jsonl").read_text()
    (tmp_path / "learn" / "units.jsonl").write_text(re.sub(r'"(u\d)"', r'"\1-learnt"', listed))
    more = ["--learn-encodings", tmp_path / "learn", "--learn-corpus", tmp_path / "learn.jsonl"]
    result = unitdisc("score", folder, manifest, "--tier", "word", "--tolerance", "30", "-o", output, *more)
    assert result.code == 0, result.err
    kept = json.loads(output.read_text())
    found = kept["units"]
    for row, value in (
        ("many-to-one, same data (purity)", found["purity"]),
        ("many-to-one, codes named on other utterances", found["many_to_one_learnt"]),
        ("strict, one to one", found["boundaries"]["strict"]["precision"]),
        ("lenient", found["boundaries"]["lenient"]["precision"]),
        ("tokens", found["boundaries"]["token"]["precision"]),
        ("NED", found["terms"]["ned"]),
        ("type", found["terms"]["type"]["precision"]),
    ):
        line = next(line for line in result.out.splitlines() if line.strip().startswith(row))
        assert f"{value:.4f}" in line
    low, high = found["intervals"]["ami"]
    assert f"{found['ami']:.4f}  {low:.4f} to {high:.4f}" in result.out
    assert "tolerance 30 ms" in result.out
    assert kept["settings"]["boundaries"]["tolerance"]["ms"] == 30
    assert kept["settings"]["corpus"] == corpus_checksum(CORPUS)
    assert kept["settings"]["spelling"] == "phone"


def test_codes_are_not_named_by_the_utterances_scored(unitdisc, folder, manifest):
    result = unitdisc("score", folder, manifest, "--learn-encodings", folder, "--learn-corpus", manifest)
    assert result.code == 1
    assert "u0: is in the corpus to learn from and in the one to score, like 7 more" in result.err


def test_tier_tolerance_and_spelling_of_the_command_are_those_of_its_scores(unitdisc, folder, manifest, tmp_path):
    more = ["--tier", "word", "--tolerance", "250", "--spelling", "word", "-o", tmp_path / "scores.json"]
    result = unitdisc("score", folder, manifest, *more)
    assert result.code == 0, result.err
    found = json.loads((tmp_path / "scores.json").read_text())["units"]
    assert found == score_units(Encodings.open(folder), CORPUS, "word", tolerance=250, spelling="word")
    assert found["terms"] != score_units(Encodings.open(folder), CORPUS, "word", tolerance=250)["terms"]


def test_pictures_are_scored_in_columns(unitdisc, folder, tmp_path):
    write_manifest(tmp_path / "lines.jsonl", [replace(utterance, rate=None) for utterance in CORPUS])
    result = unitdisc("score", folder, tmp_path / "lines.jsonl")
    assert result.code == 0, result.err
    assert "tolerance 1 columns" in result.out
    assert "has no rate, so its ticks are no seconds" in result.out


@pytest.mark.parametrize(
    "more,message",
    [
        (["--tolerance", "-1"], "--tolerance must be 0 or more ms (or pixel columns), not -1"),
        (["--tolerance", "nan"], "--tolerance must be 0 or more"),
        (["--tier", "tone"], "corpus.jsonl: has no tier 'tone'; choose one of ['phone', 'word'] with --tier"),
        (["--learn-corpus", "x.jsonl"], "--learn-encodings and --learn-corpus belong together"),
    ],
)
def test_options_that_make_no_sense_are_refused(unitdisc, folder, manifest, more, message):
    result = unitdisc("score", folder, manifest, *more)
    assert result.code == 1
    assert message in result.err
    assert "Traceback" not in result.err


def test_encodings_without_codes_end_the_command(unitdisc, manifest, tmp_path):
    result = unitdisc("score", encode(tmp_path / "linear", with_codes=False), manifest)
    assert result.code == 1
    assert "linear: has no codes; only a bottleneck with a codebook gives units" in result.err


def test_codes_are_counted_where_there_are_no_labels(unitdisc, folder, tmp_path):
    write_manifest(tmp_path / "bare.jsonl", [replace(utterance, alignment={}) for utterance in CORPUS])
    result = unitdisc("score", folder, tmp_path / "bare.jsonl")
    assert result.code == 0, result.err
    assert result.out.count("not measured: no utterance has") == 3
    assert "perplexity" in result.out
