"""data_prep/webdataset.py: tars as WebDataset, lhotse and `unitdisc shards` write them become a manifest."""

import gzip
import io
import json
import os
import runpy
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import listed, make_corpus, make_lines

from unitdisc.api.shards import PackingOptions, shards
from unitdisc.corpus import CorpusError
from unitdisc.corpus.manifest import write_manifest
from unitdisc.media.audio import read_audio

SCRIPT = Path(__file__).parent.parent / "data_prep" / "webdataset.py"


def prepare(*arguments: str | Path) -> None:
    runpy.run_path(str(SCRIPT))["main"]([str(argument) for argument in arguments])


def sound(ticks: int = 8000, kind: str = "FLAC") -> bytes:
    content = io.BytesIO()
    soundfile.write(content, 0.1 * np.random.default_rng(ticks).standard_normal(ticks), 16_000, format=kind)
    return content.getvalue()


def write_tar(path: Path, files: dict[str, bytes | str | dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            content = json.dumps(content) if isinstance(content, dict) else content
            content = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_samples_become_utterances(tmp_path):
    files = {
        "a.flac": sound(),
        "a.json": {"transcript": "one", "meta": {"reader": 7}, "gender": "Female"},
        "train/b 1.txt": " two\n",
        "train/b 1.WAV": sound(9000, "WAV"),
        "labels.txt": "no sample of its own",
    }
    path = write_tar(tmp_path / "raw" / "x.tar", files)
    prepare(tmp_path / "raw", tmp_path / "out", "--speaker-field", "meta.reader")
    first, second = listed(tmp_path / "out" / "all.jsonl")
    assert (first.id, first.text, first.speaker, first.gender, first.ticks) == ("a", "one", "7", "f", 8000)
    assert (second.id, second.text, second.speaker, second.ticks) == ("train-b_1", "two", None, 9000)
    assert first.path.startswith(f"{path}:")
    wave, _ = soundfile.read(io.BytesIO(files["a.flac"]), dtype="float32")
    np.testing.assert_array_equal(read_audio(first), wave)


def test_keys_that_every_shard_counts_anew_stay_apart(tmp_path):
    for name in ("00", "01"):
        write_tar(tmp_path / "raw" / f"{name}.tar", {"0.flac": sound(), "1.flac": sound(9000)})
    prepare(tmp_path / "raw", tmp_path / "out")
    assert [u.id for u in listed(tmp_path / "out" / "all.jsonl")] == ["00-0", "00-1", "01-0", "01-1"]


def test_shards_of_one_name_in_several_folders_stay_apart(tmp_path):
    for name in ("train/00", "dev/00"):
        write_tar(tmp_path / "raw" / f"{name}.tar", {"0.flac": sound(), "1.flac": sound(9000)})
    (tmp_path / "raw/dev/00.tar").rename(tmp_path / "elsewhere.tar")
    (tmp_path / "raw/dev/00.tar").symlink_to(tmp_path / "elsewhere.tar")
    write_tar(tmp_path / "raw/test/00.tar", {"0.flac": sound()})
    prepare(tmp_path / "raw", tmp_path / "out")
    found = [u.id for u in listed(tmp_path / "out" / "all.jsonl")]
    assert found == ["elsewhere-0", "elsewhere-1", "raw-test-00-0", "raw-train-00-0", "raw-train-00-1"]


def test_what_unitdisc_packed_comes_back(tmp_path):
    manifest = make_corpus(tmp_path / "corpus", 5)
    for whole in (False, True):
        packed = listed(shards(manifest, tmp_path / f"packed{whole}", PackingOptions(whole=whole)))
        prepare(tmp_path / f"packed{whole}", tmp_path / "out")
        found = listed(tmp_path / "out" / "all.jsonl")
        assert [replace(u, path="") for u in found] == [replace(u, path="") for u in packed]
        np.testing.assert_array_equal(read_audio(found[0]), read_audio(packed[0]))


def test_lines_of_handwriting_come_back(tmp_path):
    manifest = make_lines(tmp_path / "lines", 3)
    shards(manifest, tmp_path / "packed", PackingOptions())
    prepare(tmp_path / "packed", tmp_path / "out")
    assert [replace(u, path="") for u in listed(tmp_path / "out" / "all.jsonl")] == [
        replace(u, path="") for u in listed(manifest)
    ]


def test_shar_of_lhotse_is_read(tmp_path):
    """Names end at their last dot there, and the cuts beside the tar know the texts."""
    write_tar(tmp_path / "raw/recording.000000.tar", {"a-0.5.flac": sound(), "a-0.5.json": {}, "a-0.7.flac": sound(9)})
    cuts = [{"id": f"a-0.{n}", "supervisions": [{"text": f"text {n}", "speaker": "ann"}]} for n in (5, 7)]
    with gzip.open(tmp_path / "raw/cuts.000000.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(cut) + "\n" for cut in cuts)
    prepare(tmp_path / "raw", tmp_path / "out")
    found = [(u.id, u.text, u.speaker, u.ticks) for u in listed(tmp_path / "out" / "all.jsonl")]
    assert found == [("a-0.5", "text 5", "ann", 8000), ("a-0.7", "text 7", "ann", 9)]


def write_shar(folder: Path, *cuts: dict, ticks: int = 48_000) -> None:
    """Recordings of three seconds, and what the cuts beside them say."""
    write_tar(folder / "recording.000000.tar", {f"{cut['id']}.flac": sound(ticks) for cut in cuts})
    with gzip.open(folder / "cuts.000000.jsonl.gz", "wt") as file:
        file.writelines(json.dumps({"start": 0.0, "duration": 3.0, **cut}) + "\n" for cut in cuts)


def supervision(id: str, start: float, duration: float, speaker: str, text: str, **more) -> dict:
    return {"id": id, "start": start, "duration": duration, "speaker": speaker, "text": text, **more}


def test_every_supervision_is_an_utterance_of_its_own(tmp_path, capsys):
    aligned = {
        "word": [["how", 1.2, 0.3, None], ["now", 1.5, 0.25, 0.9]],
        "phoneme": [{"symbol": "h", "start": 9, "duration": 1}],
    }
    said = [
        supervision("a", 0, 1, "ann", "good morning", gender="F"),
        supervision("b", 1, 1, "bob", "how now", gender="unknown", alignment=aligned),
        supervision("c", 1.75, 1.5, "ann", "fine"),
        supervision("d", 3.5, 1, "eve", "outside"),
    ]
    one = [supervision("e", 0.5, 2, "eve", "alone")]
    write_shar(
        tmp_path / "raw",
        {"id": "conv-1", "supervisions": said},
        {"id": "conv-2", "supervisions": one},
        {"id": "conv-3"},
    )
    prepare(tmp_path / "raw", tmp_path / "out")
    found = {u.id: u for u in listed(tmp_path / "out" / "all.jsonl")}
    assert {id: (u.start, u.ticks, u.speaker, u.text, u.gender) for id, u in found.items()} == {
        "a": (0, 16_000, "ann", "good morning", "f"),
        "b": (16_000, 16_000, "bob", "how now", None),
        "c": (28_000, 20_000, "ann", "fine", None),
        "conv-2": (8000, 32_000, "eve", "alone", None),
        "conv-3": (0, 48_000, None, None, None),
    }
    assert found["b"].alignment == {"word": [(3200, 8000, "how"), (8000, 12_000, "now")]}
    whole, _ = soundfile.read(io.BytesIO(sound(48_000)), dtype="float32")
    np.testing.assert_array_equal(read_audio(found["b"]), whole[16_000:32_000])
    assert capsys.readouterr().err.splitlines() == [
        "the gender 'unknown' is neither that of women nor of men, and is left out: 1 (b)",
        "supervisions whose alignment 'phoneme' does not fit them, left out: 1 (b)",
        "supervisions beyond their cut, cut to it: 1 (c)",
        "supervisions beyond their cut, left out: 1 (d)",
        "supervisions that overlap one before, so that both are heard: 1 (c)",
        "cuts without supervisions, of which nobody knows who speaks: 1 (conv-3)",
    ]
    prepare(tmp_path / "raw", tmp_path / "out", "--test-speakers", "bob")
    assert [u.id for u in listed(tmp_path / "out" / "test.jsonl")] == ["b"]


def test_a_supervision_is_of_its_channel(tmp_path, capsys):
    """A call of two sides that speak at once: nobody is heard in the other's utterance."""
    times = [("a", 0, 2, 4), ("b", 1, 2, 5), ("both", 0, 1, [4, 5]), ("c", 1.5, 1, [5])]
    said = [supervision(id, start, duration, id, "x", channel=channel) for id, start, duration, channel in times]
    write_shar(tmp_path / "raw", {"id": "call", "channel": [4, 5], "supervisions": said})
    prepare(tmp_path / "raw", tmp_path / "out")
    found = {u.id: u.channel for u in listed(tmp_path / "out" / "all.jsonl")}
    assert found == {"a": 0, "b": 1, "both": None, "c": 1}
    assert capsys.readouterr().err.splitlines() == [
        "supervisions that overlap one before, so that both are heard: 1 (c)"
    ]
    said[0]["channel"] = 6
    write_shar(tmp_path / "raw", {"id": "call", "channel": [4, 5], "supervisions": said[:1]})
    prepare(tmp_path / "raw", tmp_path / "out")
    assert capsys.readouterr().err.splitlines() == [
        "supervisions of a channel that their cut does not have, of which all are heard: 1 (call)"
    ]


def test_supervisions_of_cuts_that_are_mixed_count_from_their_tracks(tmp_path):
    tracks = [
        {"offset": offset, "cut": {"id": name, "duration": 1, "supervisions": [supervision(name, 0.5, 1, name, name)]}}
        for name, offset in (("ann", 0), ("bob", 1.25))
    ]
    write_shar(tmp_path / "raw", {"id": "mix", "type": "MixedCut", "tracks": tracks})
    prepare(tmp_path / "raw", tmp_path / "out")
    found = [(u.id, u.speaker, u.start, u.ticks) for u in listed(tmp_path / "out" / "all.jsonl")]
    assert found == [("ann", "ann", 8000, 16_000), ("bob", "bob", 28_000, 16_000)]


def test_overlaps_are_said_of_all_that_are_heard_and_what_has_no_length_is_left_out(tmp_path, capsys):
    times = [("a", 0, 3), ("b", 0.5, 0.5), ("c", 2, 0.5), ("d", 2.5, 0)]
    said = [supervision(id, start, duration, "ann", "x") for id, start, duration in times]
    write_shar(tmp_path / "raw", {"id": "cut", "supervisions": said})
    prepare(tmp_path / "raw", tmp_path / "out")
    assert [u.id for u in listed(tmp_path / "out" / "all.jsonl")] == ["a", "b", "c"]
    assert capsys.readouterr().err.splitlines() == [
        "supervisions without length, left out: 1 (d)",
        "supervisions that overlap one before, so that both are heard: 2 (b, c)",
    ]


def test_supervisions_that_share_an_id_are_called_after_their_cuts(tmp_path):
    """As where a long recording is cut into windows, and a supervision is in two of them."""
    same = [supervision("a/1", 0, 1, "ann", "x"), supervision("b", 1, 1, "bob", "y")]
    write_shar(tmp_path / "raw", {"id": "w-1", "supervisions": same}, {"id": "w-2", "supervisions": same[:1] * 2})
    prepare(tmp_path / "raw", tmp_path / "out")
    found = [(u.id, u.speaker) for u in listed(tmp_path / "out" / "all.jsonl")]
    assert found == [("b", "bob"), ("w-1-1", "ann"), ("w-2-1", "ann"), ("w-2-2", "ann")]


def test_a_cut_may_be_a_part_of_what_is_in_the_tar(tmp_path, capsys):
    said = [supervision("a", 0, 1, "ann", "x"), supervision("b", 1, 1, "bob", "y")]
    part = {"id": "c", "start": 0.5, "duration": 2.0, "supervisions": said}
    write_shar(tmp_path / "raw", part, {"id": "d", "start": 7.0, "duration": 3.5, "supervisions": said[:1]})
    write_tar(tmp_path / "raw" / "target_recording.000000.tar", {"c.flac": sound()})
    prepare(tmp_path / "raw", tmp_path / "out")
    found = [(u.id, u.start, u.ticks) for u in listed(tmp_path / "out" / "all.jsonl")]
    assert found == [("a", 8000, 16_000), ("b", 24_000, 16_000), ("d", 0, 16_000)]
    said = capsys.readouterr().err
    assert "recordings that are shorter than their cut: 1 (d)" in said
    assert "tars of other fields of the cuts than `recording`, left out: 1 (target_recording.000000.tar)" in said


@pytest.mark.parametrize(
    "line", ["{", '{"id": "a", "supervisions": [{"start": "x"}]}', '{"id": "a", "duration": "y"}', "[]"]
)
def test_cuts_that_are_none_are_named(tmp_path, capsys, line):
    write_tar(tmp_path / "raw/recording.000000.tar", {"a.flac": sound()})
    (tmp_path / "raw/cuts.000000.jsonl").write_text(line)
    write_tar(tmp_path / "raw/x.tar", {"b.flac": sound()})
    prepare(tmp_path / "raw", tmp_path / "out")
    assert "cuts.000000.jsonl: no cuts of lhotse (" in capsys.readouterr().err


DOTS = {  # names in a tar, the texts that are found, and the samples that are left out
    "dots, digits and blanks": (
        "talk 1.0 intro.flac, talk 1.0 intro.txt, talk 1.0 intro.json, talk 1.5 outro.flac, talk 1.5 outro.json",
        {"talk_1.0_intro": "talk 1.0 intro.txt", "talk_1.5_outro": "talk 1.5 outro.json"},
    ),
    "one of them alone": ("talk 1.0 intro.json, talk 1.0 intro.flac", {"talk_1.0_intro": "talk 1.0 intro.json"}),
    "apart in the tar": (
        "v1.2/b.1.flac, v1.2/b.2.flac, v1.2/b.2.txt, v1.2/b.1.txt",
        {"v1.2-b.1": "v1.2/b.1.txt", "v1.2-b.2": "v1.2/b.2.txt"},
    ),
    "numbers without texts": ("utt.1.flac, utt.2.flac", {"utt.1": None, "utt.2": None}),
    "speaker and sentence": (
        "ann.x.flac, ann.x.txt, ann.y.flac, ann.y.en.txt",
        {"ann.x": "ann.x.txt", "ann.y": "ann.y.en.txt"},
    ),
    "and what all sentences share": (
        "ann.x.flac, ann.x.txt, ann.y.flac, ann.json",
        {"ann.x": "ann.x.txt", "ann.y": "ann.json"},
    ),
    "a name that begins another": (
        "a.1.flac, a.1.txt, a.1.2.flac, a.1.2.txt",
        {"a.1": "a.1.txt", "a.1.2": "a.1.2.txt"},
    ),
    "kinds, as is usual": ("a.audio.flac, a.json, b.audio.flac, b.text.txt", {"a": "a.json", "b": "b.text.txt"}),
    "all files in a row": ("a.flac, b.flac, a.txt, b.json", {"a": "a.txt", "b": "b.json"}),
}


@pytest.mark.parametrize("case", DOTS)
def test_names_with_dots_keep_their_samples_texts_and_speakers(tmp_path, capsys, case):
    names, expected = DOTS[case]
    kinds = {
        "flac": lambda name: sound(),
        "txt": lambda name: name,
        "json": lambda name: {"text": name, "speaker": f"speaker of {name}"},
    }
    write_tar(tmp_path / "raw/x.tar", {name: kinds[name.rpartition(".")[2]](name) for name in names.split(", ")})
    prepare(tmp_path / "raw", tmp_path / "out")
    found = {u.id: u for u in listed(tmp_path / "out" / "all.jsonl")}
    assert {id: u.text for id, u in found.items()} == expected
    for id, text in expected.items():
        if text and text.endswith(".json"):
            assert found[id].speaker == f"speaker of {text}"
    assert capsys.readouterr().err == ""


def test_samples_that_may_be_one_or_several_are_said(tmp_path, capsys):
    files = {
        "a.clean.wav": sound(kind="WAV"),
        "a.noisy.wav": sound(kind="WAV"),
        "a.json": {"text": "x"},
        "b.flac": sound(),
    }
    write_tar(tmp_path / "raw/x.tar", files | {"list.txt": "x", "README": "y", "c.m4a": "z"})
    prepare(tmp_path / "raw", tmp_path / "out")
    assert [u.id for u in listed(tmp_path / "out" / "all.jsonl")] == ["b"]
    said = capsys.readouterr().err
    cure = "say with --extension which is meant, such as clean.wav, or wav if each is of a sample of its own"
    assert f"x.tar: a has the recordings or images ['clean.wav', 'noisy.wav']; {cure}" in said
    files = "files without a recording or an image of their name, left out: 3 (list.txt, README, c.m4a)"
    assert files in said.splitlines()
    for extension, expected in (("wav", {"a.clean": "x", "a.noisy": "x"}), ("Noisy.wav", {"a": "x"})):
        prepare(tmp_path / "raw", tmp_path / "out", "--extension", extension)
        assert {u.id: u.text for u in listed(tmp_path / "out" / "all.jsonl")} == expected


def test_ids_with_dots_survive_packing(tmp_path):
    corpus = listed(make_corpus(tmp_path / "corpus", 3))
    names = ["talk 1.0".replace(" ", "_"), "talk_1.5", "..x.flac"]
    write_manifest(tmp_path / "c.jsonl", [replace(u, id=name, text=name) for u, name in zip(corpus, names)])
    packed = listed(shards(tmp_path / "c.jsonl", tmp_path / "packed", PackingOptions()))
    prepare(tmp_path / "packed", tmp_path / "out")
    assert [(u.id, u.text) for u in listed(tmp_path / "out" / "all.jsonl")] == [(name, name) for name in sorted(names)]
    with tarfile.open(Path(packed[0].path.rpartition(":")[0])) as tar:
        assert all(member.name.count(".") == 1 for member in tar)  # so that WebDataset cuts them where they end


def test_what_is_bad_is_said_and_left_out(tmp_path, capsys):
    files = {"a.flac": sound(), "b.flac": b"no sound", "c.flac": sound(), "c.json": "{torn", "d.flac": sound()}
    files |= {"e.clean.wav": sound(kind="WAV"), "e.noisy.wav": sound(kind="WAV")}
    whole = write_tar(tmp_path / "raw" / "00.tar", files).read_bytes()
    (tmp_path / "raw" / "01.tar").write_bytes(whole[:30_000])
    prepare(tmp_path / "raw", tmp_path / "out")
    assert [u.id for u in listed(tmp_path / "out" / "all.jsonl")] == ["00-a", "00-d", "01-a"]
    said = capsys.readouterr().err
    for message in (
        "cannot be read",
        "c.json: not JSON",
        "--extension",
        "01.tar: the tar is trunc",
    ):
        assert message in said
    with pytest.raises(CorpusError):
        prepare(tmp_path / "raw", tmp_path / "out", "--strict")
    prepare(tmp_path / "raw", tmp_path / "out", "--extension", "clean.wav")
    assert [u.id for u in listed(tmp_path / "out" / "all.jsonl")] == ["e"]


def test_two_samples_of_one_name_in_a_tar_are_not_taken_for_one(tmp_path, capsys):
    files = {"a.flac": sound(), "./a.flac": sound(9000), "b.flac": sound(), "c.txt": "x", "c.flac": sound()}
    write_tar(tmp_path / "raw" / "00.tar", files | {"./c.txt": "y"})
    prepare(tmp_path / "raw", tmp_path / "out")
    assert [u.id for u in listed(tmp_path / "out" / "all.jsonl")] == ["b"]
    said = capsys.readouterr().err
    assert "00.tar: there is a second './a.flac' beside the first" in said
    assert "a second './c.txt' beside" in said


def test_a_folder_without_tars_is_refused(tmp_path):
    with pytest.raises(CorpusError, match=r"no \.tar files in it; give the folder"):
        prepare(tmp_path, tmp_path / "out")


def test_what_is_left_out_is_said_even_if_nothing_is_left(tmp_path, capsys):
    write_tar(tmp_path / "raw" / "a.tar", {"a.mp4": "video", "a.txt": "text"})
    with pytest.raises(CorpusError, match="nothing in it can be used"):
        prepare(tmp_path / "raw", tmp_path / "out")
    assert "files without a recording or an image of their name, left out: 2 (a.mp4, a.txt)" in capsys.readouterr().err


def test_names_and_texts_of_other_systems(tmp_path, capsys):
    """What is not UTF-8, in names or texts, leaves out its sample; ids that are too long are shortened."""
    latin, long = os.fsdecode(b"sch\xf6n"), "a" * 120 + "/" + "b" * 120
    files = {f"{name}.flac": sound() for name in ("good", latin, "text", "json", long)}
    files |= {"good.txt": "\ufeffx\u2028y\r\n", "text.txt": b"fr\xe8re", "json.json": '{"text": "\\ud83d"}'}
    write_tar(tmp_path / "raw" / "x.tar", dict(sorted(files.items())))
    write_tar(tmp_path / "raw" / os.fsdecode(b"\xf6.tar"), {"other.flac": sound()})
    prepare(tmp_path / "raw", tmp_path / "out")
    found, said = listed(tmp_path / "out" / "all.jsonl"), capsys.readouterr().err
    assert {each.id[:5]: each.text for each in found} == {"aaaaa": None, "good": "x\u2028y"}
    assert all(len(each.id.encode()) <= 200 for each in found) and "its name is too long for an id" in said
    assert "text.txt:1: not UTF-8 (byte 0xe8)" in said and "is half a character (U+D83D)" in said
    assert r"the id is 'sch\\xf6n', but ids name files and begin lines: not UTF-8 (byte 0xf6)" in said
    assert r"\\xf6.tar:" in said and said.count("left out: ") == 4
