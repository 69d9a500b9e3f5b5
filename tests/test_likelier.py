"""The lexical and syntactic tasks of ZeroSpeech 2021: their files go round, and figures are those of the challenge."""

import csv
import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import CorpusError
from unitdisc.evaluation.zerospeech.likelier import (
    kind_table,
    pair_scores,
    pair_table,
    read_gold,
    read_scores,
    write_scores,
)

ROOT = Path(__file__).parent.parent
COLUMNS = {
    "lexical": ["id", "filename", "voice", "frequency", "word", "phones", "length", "correct"],
    "syntactic": ["id", "filename", "voice", "type", "subtype", "transcription", "correct"],
}


@pytest.fixture(scope="module")
def main():
    return runpy.run_path(str(ROOT / "eval" / "zerospeech2021_language.py"))["main"]


def write_gold(path: Path, task: str, rows: list[list]) -> None:
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS[task], *rows])


def lexical_rows(rng: np.random.Generator, nonwords: int) -> list[list]:
    rows = []
    for number in range(40):
        frequency, length = int(rng.choice([0, 1, 4, 5, 19, 20, 99, 100])), int(rng.integers(3, 7))
        for voice in "AB":
            rows.append([number, f"w{number}{voice}", voice, frequency, f"word{number}", "a b", length, 1])
            for k in range(nonwords if voice == "A" else 1):  # voices count alike, whatever they say
                rows.append([number, f"n{number}{voice}{k}", voice, "", f"no{number}x{k}", "a c", length, 0])
    return rows


def syntactic_rows() -> list[list]:
    rows = []
    for kind in ("agreement", "order"):
        for number in range(12):
            for voice in "AB":
                rows.append([number, f"{kind}r{number}{voice}", voice, kind, "all", f"so, it {number} is", 1])
                rows.append([number, f"{kind}w{number}{voice}", voice, kind, "all", f"it {number} so is", 0])
    return rows


@pytest.fixture(params=[1, 3], ids=["ZeroSpeech", "BabySLM"])
def data(request, tmp_path: Path) -> Path:
    """A data set in the layout of both, and scores of it, some of them alike."""
    rng = np.random.default_rng(request.param)
    for task, rows in (("lexical", lexical_rows(rng, request.param)), ("syntactic", syntactic_rows())):
        write_gold(tmp_path / "data" / task / "dev" / "gold.csv", task, rows)
        values = rng.choice([-1.5, -2.0, -3.25, -40.0], len(rows))
        scores = "".join(f"{row[1]} {value}\n" for row, value in sorted(zip(rows, values), key=lambda each: each[0][1]))
        (tmp_path / "submission" / task).mkdir(parents=True)
        (tmp_path / "submission" / task / "dev.txt").write_text(scores)
    return tmp_path


def by_hand(data: Path, task: str) -> dict[tuple, float]:
    """Row by row, as the evaluation programs have it: voices averaged for every pair."""
    scores = dict(line.split() for line in (data / "submission" / task / "dev.txt").read_text().splitlines())
    with (data / "data" / task / "dev" / "gold.csv").open() as file:
        rows = [*csv.DictReader(file)]
    won: dict[tuple, dict[str, list[float]]] = {}
    for right in rows:
        for wrong in rows:
            same = all(right[name] == wrong[name] for name in {"id", "voice", "type", "subtype"} & {*right})
            if same and (right["correct"], wrong["correct"]) == ("1", "0"):
                one, other = float(scores[right["filename"]]), float(scores[wrong["filename"]])
                key = (right.get("type", ""), right["id"])
                won.setdefault(key, {}).setdefault(right["voice"], []).append((one > other) + (one == other) / 2)
    return {key: float(np.mean([np.mean(each) for each in voices.values()])) for key, voices in won.items()}


@pytest.mark.parametrize("task", ["lexical", "syntactic"])
def test_scores_are_those_of_counting(main, data, task):
    found = main(["score", str(data / "submission"), str(data / "data"), "--output", str(data / "out")])
    expected = by_hand(data, task)
    assert found[f"{task} dev"]["accuracy"] == pytest.approx(np.mean([*expected.values()]))
    low, high = found[f"{task} dev"]["interval"]
    assert low < found[f"{task} dev"]["accuracy"] < high
    with (data / "out" / f"score_{task}_dev_by_pair.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert sorted(float(row["score"]) for row in rows) == pytest.approx(sorted(expected.values()), abs=1e-4)
    assert float((data / "out" / f"overall_accuracy_{task}_dev.txt").read_text()) == found[f"{task} dev"]["accuracy"]


def test_tables_are_by_frequency_length_and_type(main, data):
    main(["score", str(data / "submission"), str(data / "data"), "--output", str(data / "out")])
    counts = {}
    for name in ("lexical_dev_by_frequency", "lexical_dev_by_length", "syntactic_dev_by_type"):
        with (data / "out" / f"score_{name}.csv").open() as file:
            rows = [*csv.DictReader(file)]
        assert [*rows[0]] == [name.rpartition("_")[2], "n", "score", "std"]
        counts[name] = {row[name.rpartition("_")[2]]: int(row["n"]) for row in rows}
    assert [*counts["lexical_dev_by_frequency"]] == ["oov", "1-5", "6-20", "21-100", ">100"]
    assert counts["syntactic_dev_by_type"] == {"agreement": 12, "order": 12}
    assert sum(counts["lexical_dev_by_frequency"].values()) == sum(counts["lexical_dev_by_length"].values()) == 40


def test_bands_are_those_of_the_challenge(tmp_path):
    """1-5 is what is heard once to four times there, for bands are cut without their upper end."""
    rows = []
    for number, frequency in enumerate([0, 1, 4, 5, 19, 20, 99, 100]):
        rows += [
            [number, f"w{number}", "A", frequency, "w", "a", 3, 1],
            [number, f"n{number}", "A", "", "n", "a", 3, 0],
        ]
    write_gold(tmp_path / "g" / "gold.csv", "lexical", rows)
    items = read_gold(tmp_path / "g" / "gold.csv", "lexical")
    pairs = pair_scores(items, {item.name: float(item.correct) for item in items}, "lexical", tmp_path)
    assert kind_table(pairs, "frequency") == (
        "frequency,n,score,std\noov,1,1.0000,\n1-5,2,1.0000,0.0000\n6-20,2,1.0000,0.0000\n"
        "21-100,2,1.0000,0.0000\n>100,1,1.0000,\n"
    )
    assert pair_table(pairs, "lexical").splitlines()[:2] == ["word,non word,score", "w,n,1.0000"]


def test_bits_become_scores(main, tmp_path):
    rows = [{"utterance": "b", "symbols": 3, "bits": 12.5}, {"utterance": "a", "symbols": 1, "bits": 0.1 + 0.2}]
    (tmp_path / "bits.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    main(["write", str(tmp_path / "s"), "lexical", "dev", str(tmp_path / "bits.jsonl")])
    assert (tmp_path / "s" / "lexical" / "dev.txt").read_text() == "a -0.30000000000000004\nb -12.5\n"
    main(["write", str(tmp_path / "s"), "syntactic", "test", str(tmp_path / "bits.jsonl"), "--per-symbol"])
    assert read_scores(tmp_path / "s" / "syntactic" / "test.txt") == {"a": -0.15000000000000002, "b": -3.125}


def test_scores_go_round(tmp_path):
    scores = {"x": -1 / 3, "y": -1e-300, "z": -12345678.9}
    write_scores(tmp_path / "dev.txt", scores)
    assert read_scores(tmp_path / "dev.txt") == scores


def test_only_recordings_of_the_data_are_written(main, data, tmp_path, capsys):
    names = [item.name for item in read_gold(data / "data" / "lexical" / "dev" / "gold.csv", "lexical")]
    lines = [json.dumps({"utterance": name, "symbols": 1, "bits": 1.0}) + "\n" for name in [*names, "other"]]
    (tmp_path / "bits.jsonl").write_text("".join(lines))
    arguments = [str(tmp_path / "s"), "lexical", "dev", str(tmp_path / "bits.jsonl"), "--data", str(data / "data")]
    assert {*main(["write", *arguments])} == {*names}
    assert "1 utterances are of no recording" in capsys.readouterr().err
    (tmp_path / "bits.jsonl").write_text("".join(lines[1:]))
    with pytest.raises(CorpusError, match="1 recordings have no score"):
        main(["write", *arguments])


def test_check_compares_with_recordings(main, data, capsys):
    main(["check", str(data / "submission"), str(data / "data")])
    assert "of every recording one" in capsys.readouterr().out
    (data / "data" / "lexical" / "dev" / "gold.csv").unlink()  # as of test sets, which have recordings alone
    (data / "data" / "lexical" / "dev" / "one.wav").touch()
    with pytest.raises(CorpusError, match=r"dev.txt: 1 recordings have no score \(one\); score them too"):
        main(["check", str(data / "submission"), str(data / "data")])


@pytest.mark.parametrize(
    "line,told",
    [
        ("w0A", "must be the name of a recording and a number"),
        ("w0A low", "must be the name of a recording and a number"),
        ("w0A nan", "must be the name of a recording and a number"),
        ("w0A -1 2", "must be the name of a recording and a number"),
        ("w1A -1", "'w1A' is there twice"),
    ],
)
def test_wrong_lines_are_named(main, data, line, told):
    path = data / "submission" / "lexical" / "dev.txt"
    lines = path.read_text().splitlines()
    lines[-1] = line
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(CorpusError, match=rf"dev.txt:{len(lines)}: .*{told}"):
        main(["score", str(data / "submission"), str(data / "data")])


def test_incomplete_gold_and_scores_are_refused(main, data):
    gold = data / "data" / "syntactic" / "dev" / "gold.csv"
    whole = gold.read_text().splitlines()
    gold.write_text("\n".join(whole[:-1]) + "\n")
    with pytest.raises(CorpusError, match="1 scores are of no recording"):
        main(["score", str(data / "submission"), str(data / "data")])
    scores = data / "submission" / "syntactic" / "dev.txt"
    scores.write_text("".join(f"{line}\n" for line in scores.read_text().splitlines() if "orderw11B" not in line))
    with pytest.raises(CorpusError, match="of order all 11 by B there are 1 right and 0 wrong ones"):
        main(["score", str(data / "submission"), str(data / "data")])
    gold.write_text("\n".join([*whole[:1], whole[1][:-1] + "2"]) + "\n")
    with pytest.raises(CorpusError, match=r"gold.csv:2: correct is '2', but must be 0 or 1"):
        main(["score", str(data / "submission"), str(data / "data")])


def test_nothing_to_score_is_an_error(main, data, tmp_path):
    with pytest.raises(CorpusError, match="no such folder"):
        main(["score", str(tmp_path / "none"), str(data / "data")])
    with pytest.raises(CorpusError, match="has no scores of anything"):
        main(["score", str(data / "submission"), str(tmp_path / "submission")])
