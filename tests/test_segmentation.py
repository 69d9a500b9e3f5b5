"""The script that scores any segmentation: the same figures as for units, and segments that do not fit."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.manifest import write_manifest

SCRIPT = Path(__file__).parent.parent / "eval/segmentation.py"


@pytest.fixture(scope="module")
def main():
    spec = importlib.util.spec_from_file_location("segmentation", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


PHONES = [Interval(0, 100, "SIL"), Interval(100, 300, "a"), Interval(300, 600, "b")]
UTTERANCE = Utterance("u", "u.wav", "s", 600, 1000, alignment={"phone": PHONES})
SEGMENTS = replace(UTTERANCE, alignment={"segment": [Interval(90, 200, "1"), Interval(200, 310, "2")]})


def run(main, folder: Path, *more: str, found: Utterance = SEGMENTS):
    write_manifest(folder / "reference.jsonl", [UTTERANCE, replace(UTTERANCE, id="unlabelled", alignment={})])
    write_manifest(folder / "found.jsonl", [found])
    return main([str(folder / "reference.jsonl"), str(folder / "found.jsonl"), *more])


def test_segments_are_scored_against_labels(main, tmp_path, capsys):
    scores = run(main, tmp_path, "-o", str(tmp_path / "scores.json"))
    # 90, 200, 310 against 100 and 300
    assert (scores.strict.precision, scores.strict.recall, scores.utterances) == (2 / 3, 1, 1)
    kept = json.loads((tmp_path / "scores.json").read_text())
    assert kept["boundaries"]["strict"]["r_value"] == scores.strict.r_value
    assert kept["settings"]["found_tier"] == "segment"
    assert f"{scores.strict.r_value:.4f}" in capsys.readouterr().out
    assert run(main, tmp_path, "--tolerance", "5").strict.recall == 0


@pytest.mark.parametrize(
    "found,more,message",
    [
        (
            replace(SEGMENTS, id="v"),
            (),
            r"found\.jsonl: no tier 'segment' of u, which .*jsonl has labels of",
        ),
        (SEGMENTS, ("--found-tier", "word"), r"found\.jsonl: no tier 'word' of u"),
        (
            replace(SEGMENTS, ticks=700),
            (),
            r"found\.jsonl: u has 700 ticks at rate 1000, but 600 ticks at",
        ),
        (replace(SEGMENTS, rate=500), (), r"u has 600 ticks at rate 500, but"),
        (SEGMENTS, ("--tier", "tone"), r"reference\.jsonl: no utterance has a tier 'tone'; choose another"),
    ],
)
def test_segments_that_do_not_fit_are_refused(main, tmp_path, found, more, message):
    with pytest.raises(CorpusError, match=message):
        run(main, tmp_path, *more, found=found)
