"""Units as a data set of Hugging Face and as cuts of lhotse: what is written, and that it is read again."""

import gzip
import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import RATE, listed, make_corpus, make_lines, tree

from unitdisc.api.prepare import prepare
from unitdisc.corpus import CorpusError, Interval
from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import Encoding, Encodings, EncodingsWriter
from unitdisc.exports import ExportError, export, read_units
from unitdisc.files.text import read_text
from unitdisc.reports.card import card

HOP = 160


def coded(folder: Path, utterances, hop: int = HOP) -> Encodings:
    """Random codes in runs."""
    writer = EncodingsWriter(folder, {"rate": None, "stride": hop, "offset": hop / 2, "num_codes": 9, "point": "units"})
    rng = np.random.default_rng(0)
    for utterance in utterances:
        centres = np.arange(hop / 2, utterance.ticks, hop)
        codes = np.repeat(rng.integers(0, 9, len(centres)), 4)[: len(centres)]
        writer.write(Encoding(utterance.id, centres, np.zeros((len(centres), 1), np.float32), codes=codes))
    writer.finish()
    return Encodings.open(folder)


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """Utterances of three kinds: all of a file, a stretch of one, and one channel of two."""
    home = tmp_path_factory.mktemp("speech")
    whole, part, channel = listed(make_corpus(home / "corpus", 3))
    phones = [Interval(start - 400, end - 400, label) for start, end, label in part.alignment["phone"] if start >= 400]
    part = replace(part, start=400, ticks=part.ticks - 400, alignment={"phone": phones}, text="á b")
    samples, _ = soundfile.read(channel.path)
    soundfile.write(home / "both.wav", np.stack([samples, samples[::-1] / 2], 1), RATE)
    channel = replace(channel, path=str(home / "both.wav"), channel=1, speaker=None)
    return [whole, part, channel], coded(home / "units", [whole, part, channel])


def rows_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in read_text(folder / "metadata.jsonl").splitlines()]


def test_recordings_become_a_data_set(speech, tmp_path):
    spoken, encodings = speech
    export(encodings, spoken, tmp_path, ["dataset"])
    rows = rows_of(tmp_path / "dataset")
    assert [row["file_name"] for row in rows] == ["u00.wav", "u01.wav", "u02.wav"]
    assert {path.name for path in (tmp_path / "dataset").iterdir()} == {
        "metadata.jsonl",
        *(r["file_name"] for r in rows),
    }
    for row, utterance in zip(rows, spoken):
        units = read_units(encodings, utterance).intervals
        assert (row["id"], row["speaker"], row["text"]) == (utterance.id, utterance.speaker, utterance.text)
        found = [*zip(row["starts"], row["ends"], row["units"])]
        assert found == [(start / RATE, end / RATE, int(label)) for start, end, label in units]
        samples, rate = soundfile.read(tmp_path / "dataset" / row["file_name"], always_2d=True)
        source, _ = soundfile.read(utterance.path, always_2d=True)
        wanted = source[utterance.start : utterance.start + utterance.ticks, utterance.channel or 0]
        assert rate == RATE and samples.shape == (utterance.ticks, 1) and np.abs(samples[:, 0] - wanted).max() < 1e-4
    assert (tmp_path / "dataset" / "u00.wav").read_bytes() == Path(spoken[0].path).read_bytes()


def test_line_images_become_a_data_set(tmp_path):
    lines = listed(make_lines(tmp_path, 2))
    encodings = coded(tmp_path / "units", lines, 2)
    export(encodings, lines, tmp_path / "out", ["dataset"])
    rows = rows_of(tmp_path / "out" / "dataset")
    for row, line in zip(rows, lines):
        assert (tmp_path / "out" / "dataset" / row["file_name"]).read_bytes() == Path(line.path).read_bytes()
        assert row["ends"][-1] == line.ticks and row["starts"][0] == 0 and isinstance(row["ends"][-1], int)
    half = replace(lines[0], ticks=lines[0].ticks // 2, text=None, alignment={})
    with pytest.raises(ExportError, match="line00: is a part of an image"):
        export(coded(tmp_path / "half", [half], 2), [half], tmp_path / "part", ["dataset"])
    Path(lines[0].path).unlink()
    with pytest.raises(CorpusError, match=r"line00\.png: no such file"):
        export(encodings, lines, tmp_path / "gone", ["dataset"])


@pytest.mark.slow
@pytest.mark.skipif(find_spec("datasets") is None, reason="the package datasets is not installed")
@pytest.mark.parametrize("kind", ["audio", "image"])
def test_datasets_reads_it(kind, speech, tmp_path):
    from datasets import load_dataset

    if kind == "audio" and find_spec("torchcodec") is None:
        pytest.skip("datasets reads no recordings without the package torchcodec")
    used, encodings = speech
    if kind == "image":
        used = listed(make_lines(tmp_path, 2))
        encodings = coded(tmp_path / "units", used, 2)
    export(encodings, used, tmp_path / "out", ["dataset"])
    folder, cache = str(tmp_path / "out" / "dataset"), str(tmp_path / "cache")
    found = load_dataset(f"{kind}folder", data_dir=folder, split="train", cache_dir=cache)
    rows = {row["id"]: row for row in found.remove_columns(kind)}
    for wanted in rows_of(tmp_path / "out" / "dataset"):
        assert {**wanted} == rows[wanted["id"]] | {"file_name": wanted["file_name"]}
    if kind == "image":
        assert {image.size[0] for image in found["image"]} == {line.ticks for line in used}


def test_cuts_of_lhotse_have_the_units(speech, tmp_path):
    spoken, encodings = speech
    (path,) = export(encodings, spoken, tmp_path, ["lhotse"]).files
    assert path.read_bytes()[3:8] == bytes(5)  # no name and no date, so that the same cuts are the same bytes
    cuts = [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    for cut, utterance in zip(cuts, spoken):
        (supervision,) = cut["supervisions"]
        assert (cut["type"], cut["channel"]) == ("MonoCut", utterance.channel or 0)
        assert cut["start"] == utterance.start / RATE and cut["duration"] == utterance.ticks / RATE
        assert supervision["start"] == 0 and supervision["duration"] == cut["duration"]
        assert supervision.get("speaker") == utterance.speaker and supervision.get("text") == utterance.text
        last, start, duration = supervision["alignment"]["unit"][-1]
        assert start + duration == pytest.approx(cut["duration"]) and last.isdecimal()
        assert {*supervision["alignment"]} == {"unit", *utterance.alignment}


def test_stretches_of_one_recording_have_it_under_one_id(speech, tmp_path):
    spoken, _ = speech
    first = replace(spoken[0], ticks=3000, alignment={})
    for name in ("u00.wav", "u00.flac", "u01.wav"):
        (tmp_path / name).write_bytes(Path(first.path).read_bytes())
    places = [("a", "u00.wav", 0), ("b", "u00.wav", 3000), ("c", "u00.flac", 0), ("d", "u01.wav", 5)]
    parts = [replace(first, id=id, path=str(tmp_path / path), start=start) for id, path, start in places]
    (path,) = export(coded(tmp_path / "units", parts), parts, tmp_path / "out", ["lhotse"]).files
    cuts = [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    assert [cut["recording"]["id"] for cut in cuts] == ["u00.wav", "u00.wav", "u00.flac", "u01"]
    assert [cut["supervisions"][0]["recording_id"] for cut in cuts] == ["u00.wav", "u00.wav", "u00.flac", "u01"]
    assert cuts[0]["recording"] == cuts[1]["recording"] and cuts[1]["start"] == 3000 / RATE


def test_our_own_cuts_are_read_again(speech, tmp_path):
    spoken, encodings = speech
    (path,) = export(encodings, spoken, tmp_path / "out", ["lhotse"]).files
    prepare(path, tmp_path / "again")
    again = {each.id: each for each in read_corpus(tmp_path / "again" / "all.jsonl")}
    for utterance in spoken:
        found = again[utterance.id]
        assert (found.start, found.ticks, found.text) == (utterance.start, utterance.ticks, utterance.text)
        assert found.alignment["unit"] == read_units(encodings, utterance).intervals
        assert found.alignment["phone"] == utterance.alignment["phone"]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("lhotse") is None, reason="the extra `lhotse` is not installed")
def test_lhotse_reads_them(speech, tmp_path):
    from lhotse import CutSet
    from lhotse.qa import validate

    spoken, encodings = speech
    both = replace(spoken[2], id="u03", channel=None)
    encodings = coded(tmp_path / "units", [*spoken, both])
    (path,) = export(encodings, [*spoken, both], tmp_path, ["lhotse"]).files
    cuts = CutSet.from_file(path)
    validate(cuts, read_data=True)
    for cut, utterance in zip(cuts, [*spoken, both]):
        source, _ = soundfile.read(utterance.path, always_2d=True)
        stretch = source[utterance.start : utterance.start + utterance.ticks].T
        wanted = stretch if utterance.channel is None else stretch[[utterance.channel]]
        assert np.abs(cut.load_audio() - wanted).max() < 1e-4


@pytest.mark.parametrize(
    "change,format,message",
    [
        ({"path": "sox a.wav -t wav - |"}, "lhotse", "lhotse reads files; choose the format dataset"),
        ({"path": "sox a.wav -t wav - |"}, "dataset", "which is not run; write the recording to a file"),
        ({"path": "corpus.ark:123"}, "lhotse", "u00: is a part of corpus.ark, but lhotse reads files"),
        ({"rate": None}, "lhotse", "u00: has no rate"),
        ({"rate": None, "height": 30, "path": "shard.tar:123"}, "dataset", "write line images to files of their own"),
        ({"rate": None, "height": 30, "start": 5}, "dataset", "u00: is a part of an image"),
    ],
)
def test_what_cannot_be_taken_away_is_said(change, format, message, speech, tmp_path):
    spoken, encodings = speech
    with pytest.raises(ExportError, match=message):
        export(encodings, [replace(spoken[0], **change)], tmp_path, [format])
    assert not list(tmp_path.rglob("*.json*"))


def test_a_data_set_is_not_mixed_with_other_files(speech, tmp_path):
    spoken, encodings = speech
    for part in (spoken[:2], spoken[:2]):  # the same once more
        export(encodings, part, tmp_path, ["dataset"])
    before = tree(tmp_path)
    with pytest.raises(ExportError, match="has a data set with 'u01', which is not of this one"):
        export(encodings, spoken[:1], tmp_path, ["dataset"])
    copies = [replace(u, path=str(tmp_path / "dataset" / "u01.wav"), start=0) for u in spoken[:2]]
    with pytest.raises(ExportError, match="u00 is read from there; name another folder"):  # or u01.wav is written over
        export(encodings, copies, tmp_path, ["dataset"])
    assert tree(tmp_path) == before
    (tmp_path / "dataset" / "metadata.jsonl").write_text("[]\n")
    with pytest.raises(ExportError, match=r"metadata\.jsonl:1: of no export"):
        export(encodings, spoken[:2], tmp_path, ["dataset"])


# A model, with its card


def test_scores_are_on_the_card():
    measured = {"within": 0.0712, "across": 0.1}
    scores = {
        "abx": {"encoder": measured},
        "probes": {"encoder": {"labels": {"accuracy": 0.5}}},
        "corpus": {"speech": "3 s"},
    }
    told = {"options": {"encoder": {"kind": "a|b"}}, "corpus": {"columns": 1200}}
    text = card("m", told, checksum="0", codes=8, scores=scores, licence=None, cite=None)
    assert "| encoder | 7.1 | 10.0 |" in text and "| encoder | labels | 50.0 |" in text
    assert "speech: 3 s" in text and "1,200 pixel columns" in text and "license:" not in text and "Not stated" in text
    cited = card("m", told, checksum="0", codes=8, scores={}, licence="no", cite="@misc{a_b,\n  title={C}}")
    assert 'license: "no"\n' in cited  # which YAML takes for false without the marks
    assert cited.endswith("```bibtex\n@misc{a_b,\n  title={C}}\n```\n")
