"""Kaldi data directories in and out."""

import os
import subprocess
from itertools import pairwise
from pathlib import Path

import kaldiio
import numpy as np
import pytest

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.kaldi import read_kaldi, write_kaldi
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.media.audio import read_audio, write_audio

RATE = 16000


def noise(ticks: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, ticks)


@pytest.fixture
def wavs(tmp_path) -> dict[str, Path]:
    """Two recordings: rec1 of 2 s at 16 kHz and rec2 of 1 s at 11.025 kHz."""
    paths = {"rec1": tmp_path / "wav" / "rec1.wav", "rec2": tmp_path / "wav" / "rec2.wav"}
    write_audio(paths["rec1"], noise(2 * RATE), RATE)
    write_audio(paths["rec2"], noise(11025, seed=1), 11025)
    return paths


@pytest.fixture
def directory(tmp_path, wavs):
    """Writes a data directory of the two recordings, with the files given."""

    def write(**files: str) -> Path:
        folder = tmp_path / "data"
        folder.mkdir(exist_ok=True)
        scp = "".join(f"{id} {path}\n" for id, path in wavs.items())
        for name, content in ({"wav_scp": scp} | files).items():
            (folder / name.replace("_", ".")).write_text(content)
        return folder

    return write


def whole(wavs) -> list[Utterance]:
    tiers = {"phone": [Interval(0, 1600, "a"), Interval(1600, 3201, ""), Interval(4000, 4001, "ʃ")]}
    return [
        Utterance("s1-a", str(wavs["rec1"]), "s1", 2 * RATE, RATE, 0, "f", "hello you", tiers),
        Utterance("s2-b", str(wavs["rec2"]), "s2", 11025, 11025, 0, "m", None, {"word": [Interval(3, 11025, "b")]}),
        Utterance("zé", str(wavs["rec1"]), None, 2 * RATE, RATE),
    ]


def parts(wavs) -> list[Utterance]:
    phones = [Interval(0, 7, "a"), Interval(7, 8000, "b")]
    return [
        Utterance("s1-a", str(wavs["rec1"]), "s1", 12345, RATE, 1, "f", "hello", {"phone": phones}),
        Utterance("s1-b", str(wavs["rec1"]), "s1", 9999, RATE, 15000, "f", "you", {"phone": phones[:1]}),
        Utterance("s2-c", str(wavs["rec2"]), "s2", 11024, 11025, 1, None, "there"),
    ]


@pytest.mark.parametrize("make", [whole, parts])
def test_what_is_written_is_read_back(tmp_path, wavs, make):
    write_kaldi(tmp_path / "out", reversed(make(wavs)))
    assert read_kaldi(tmp_path / "out") == make(wavs)
    assert read_corpus(tmp_path / "out") == make(wavs)


def test_segments_are_written_only_if_needed(tmp_path, wavs):
    write_kaldi(tmp_path / "whole", whole(wavs))
    write_kaldi(tmp_path / "parts", parts(wavs))
    write_kaldi(tmp_path / "beginning", [Utterance("a", str(wavs["rec1"]), None, RATE, RATE)])
    assert (tmp_path / "beginning" / "segments").read_text() == "a rec1 0.000000 1.000000\n"
    assert not (tmp_path / "whole" / "segments").exists()
    assert (tmp_path / "parts" / "wav.scp").read_text() == "".join(f"{id} {path}\n" for id, path in wavs.items())


def test_recordings_of_one_name_are_told_apart(tmp_path, wavs):
    other = tmp_path / "other" / "rec1.wav"
    write_audio(other, noise(RATE), RATE)
    utterances = [*parts(wavs), Utterance("z", str(other), "s3", 100, RATE, 5)]
    write_kaldi(tmp_path / "out", utterances)
    assert read_kaldi(tmp_path / "out") == utterances


def test_every_table_is_sorted_as_kaldi_sorts(tmp_path, wavs):
    ids = ["a", "B", "a-1", "a1", "Z", "é", "_", "ａ", "𝒶"]  # the last two: UTF-16 would sort them the other way
    speakers = [f"s{id}" for id in reversed(ids)]  # whose order is another
    utterances = [
        Utterance(id, str(wavs["rec1"]), speaker, 10, RATE, 7, "f", "x") for id, speaker in zip(ids, speakers)
    ]
    write_kaldi(tmp_path / "out", utterances)
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == ["segments", "spk2gender", "spk2utt", "text", "utt2spk", "wav.scp"]
    for file in files:
        command = ["sort", "-c", "-k1,1", str(file)]
        assert subprocess.run(command, env={**os.environ, "LC_ALL": "C"}, check=False).returncode == 0, file


def test_segments_are_those_kaldiio_cuts(directory):
    folder = directory(segments="a rec1 0.5 1.25\nb rec1 0 2\nc rec2 0.2 0.4\n")
    cut = kaldiio.load_scp(str(folder / "wav.scp"), segments=str(folder / "segments"))
    utterances = read_kaldi(folder)
    assert [utterance.id for utterance in utterances] == ["a", "b", "c"]
    for utterance in utterances:
        rate, levels = cut[utterance.id]
        assert utterance.rate == rate
        np.testing.assert_array_equal(read_audio(utterance), (levels / 2**15).astype(np.float32))


def test_segments_may_reach_the_end_or_a_little_more(directory):
    folder = directory(segments="a rec1 0.5 -1\nb rec1 1.5 2.5\nc rec1 1.5 2.6\n")
    ends = {utterance.id: utterance.start + utterance.ticks for utterance in read_kaldi(folder)}
    assert ends == {"a": 2 * RATE, "b": 2 * RATE, "c": 2.6 * RATE}  # the last is for the checks to find


def test_the_tables_are_read(directory):
    folder = directory(
        utt2spk="rec1 s1\nrec2 rec2\n", spk2gender="s1 f\nrec2 m\n", text="rec1 hello  you\nrec2\n", other_ctm=""
    )
    first, second = read_kaldi(folder)
    assert (first.speaker, first.gender, first.text) == ("s1", "f", "hello  you")
    assert (second.speaker, second.gender, second.text) == (None, "m", None)  # Kaldi's way to not know a speaker
    assert first.alignment == {}


def test_a_directory_may_have_no_tables_but_wav_scp(directory):
    assert [(u.id, u.speaker, u.ticks, u.rate) for u in read_kaldi(directory())] == [
        ("rec1", None, 2 * RATE, RATE),
        ("rec2", None, 11025, 11025),
    ]


SEGMENTS = "a rec1 0.5 1.0\nb rec1 1.0 2.0\n"


def test_ctm_by_utterance_counts_from_the_utterance(directory):
    folder = directory(segments=SEGMENTS, phone_ctm=";; a comment\na 1 0.1 0.2 x\na 1 0.3 0.2 y 0.99\nb A 0 1 <eps>\n")
    first, second = read_kaldi(folder)
    assert first.alignment == {"phone": [Interval(1600, 4800, "x"), Interval(4800, 8000, "y")]}
    assert second.alignment == {"phone": [Interval(0, RATE, "")]}


def test_ctm_in_capitals_is_read(directory):
    folder = directory(phone_ctm="rec1 1 0.1 0.2 x\n")
    (folder / "phone.ctm").rename(folder / "phone.CTM")
    assert [interval.label for interval in read_kaldi(folder)[0].alignment["phone"]] == ["x"]


def test_ctm_by_recording_counts_from_the_recording(directory):
    lines = "rec1 1 0.3 0.1 before\nrec1 1 0.6 0.1 x\nrec1 1 0.7 0.2 y\nrec1 1 0.9 0.3 across\nrec1 1 1.5 0.25 z\n"
    first, second = read_kaldi(directory(segments=SEGMENTS, word_ctm=lines))
    assert first.alignment["word"] == [Interval(1600, 3200, "x"), Interval(3200, 6400, "y")]
    assert second.alignment["word"] == [Interval(0, 3200, "across"), Interval(8000, 12000, "z")]  # its middle is here


def test_ctm_by_file_and_channel_counts_from_the_recording(directory):
    channels = "rec1 sw02001 A\nrec2 sw02001 B\n"
    folder = directory(segments=SEGMENTS, word_ctm="sw02001 A 0.6 0.1 x\nsw02001 B 0.1 0.1 y\n")
    (folder / "reco2file_and_channel").write_text(channels)
    assert read_kaldi(folder)[0].alignment["word"] == [Interval(1600, 3200, "x")]


def test_times_that_touch_in_seconds_touch_in_ticks(directory):
    edges = [0, 2, 14, 19, 23, 28, 57, 66, 100]  # 0.02 + 0.12 and 0.14 are half a tick apart from two sides
    lines = "".join(f"rec2 1 {s / 100:.2f} {(e - s) / 100:.2f} x\n" for s, e in pairwise(edges))
    intervals = read_kaldi(directory(phone_ctm=lines))[1].alignment["phone"]
    assert len(intervals) == 8
    assert [interval.end for interval in intervals] == [*(interval.start for interval in intervals[1:]), 11025]


def test_a_frame_too_many_is_cut_and_what_has_no_length_left_out(directory):
    lines = "rec1 1 0 0.51 a\nrec1 1 0.5 0 none\nrec1 1 0.5 1.51 b\n"
    assert read_kaldi(directory(phone_ctm=lines))[0].alignment["phone"] == [
        Interval(0, 8160, "a"),
        Interval(8160, 2 * RATE, "b"),
    ]


def test_relative_paths_start_here_or_at_the_folder(directory, tmp_path, monkeypatch):
    folder = directory(wav_scp="rec1 wav/rec1.wav\nrec2 ../wav/rec2.wav\n")
    monkeypatch.chdir(tmp_path)
    assert [utterance.ticks for utterance in read_kaldi(folder)] == [2 * RATE, 11025]


def test_archives_are_read(directory, tmp_path):
    levels = (noise(RATE) * 2**15).astype(np.int16)
    kaldiio.save_ark(str(tmp_path / "x.ark"), {"a": (RATE, levels), "b": (RATE, levels[:500])}, str(tmp_path / "x.scp"))
    folder = directory(wav_scp=(tmp_path / "x.scp").read_text())
    assert [utterance.ticks for utterance in read_kaldi(folder)] == [RATE, 500]
    write_kaldi(tmp_path / "out", read_kaldi(folder))
    assert read_kaldi(tmp_path / "out") == read_kaldi(folder)


def test_pipes_run_only_if_allowed(directory, tmp_path, wavs):
    pipe = f"touch {tmp_path / 'ran'}; cat {wavs['rec1']} |"
    folder = directory(wav_scp=f"a {pipe}\n")
    with pytest.raises(CorpusError, match=r"wav.scp:1: a is a pipe, which runs a command .* allow pipes"):
        read_corpus(folder)
    assert not (tmp_path / "ran").exists()
    utterances = read_corpus(folder, allow_pipes=True)
    assert [(utterance.path, utterance.ticks) for utterance in utterances] == [(pipe, 2 * RATE)]
    assert (tmp_path / "ran").exists()
    write_kaldi(tmp_path / "out", utterances)
    assert read_kaldi(tmp_path / "out", allow_pipes=True) == utterances
    write_manifest(tmp_path / "piped.jsonl", utterances)
    with pytest.raises(CorpusError, match=r"piped.jsonl: the recording of a is a pipe"):
        read_corpus(tmp_path / "piped.jsonl")
    assert read_corpus(tmp_path / "piped.jsonl", allow_pipes=True) == utterances


def test_one_bad_recording_does_not_hide_the_others(directory, wavs):
    wavs["rec1"].write_text("no recording")
    folder = directory(segments="a rec1 0 1\nb rec2 0 1\n", phone_ctm="a 1 0 1 x\nb 1 0 1 y\n")
    first, second = read_kaldi(folder)
    assert (first.ticks, first.rate, first.alignment) == (0, None, {})
    assert second.alignment == {"phone": [Interval(0, 11025, "y")]}


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"wav_scp": ""}, "wav.scp: no recordings in it"),
        ({"wav_scp": "a\n"}, "wav.scp:1: a has no path"),
        ({"wav_scp": "a x.wav\n\na y.wav\n"}, "wav.scp:3: a is already on line 1"),
        ({"wav_scp": "a/b x.wav\n"}, "the utterance 'a/b' cannot name a file"),
        ({"utt2spk": "rec1 s1\n"}, r"utt2spk: lacks rec2 \(1 in all\)"),
        ({"spk2gender": "s1 female\n"}, "spk2gender: 'female' is not a gender; write f or m"),
        ({"segments": "a rec1 0\n"}, "segments:1: has 3 fields, not 4; write UTTERANCE RECORDING START END"),
        ({"segments": "a rec1 0\u00a01\n"}, "segments:1: has 3 fields, not 4"),
        ({"segments": "a rec1 0 x\n"}, "segments:1: could not convert string to float"),
        ({"segments": "a rec1 1 0.5\n"}, "segments:1: ends at 0.5 s, but starts at 1 s"),
        ({"segments": "a rec1 -1 0.5\n"}, "segments:1: cannot start at -1 s"),
        ({"segments": "a rec1 nan 0.5\n"}, "segments:1: cannot start at nan s"),
        ({"segments": "a rec1 0 1e308\n"}, r"segments:1: cannot end at 1e\+308 s"),
        ({"segments": "b rec1 0 1\na rec3 0 1\n"}, "segments:2: wav.scp has no recording 'rec3'"),
        ({"phone_ctm": "rec1 1 0.5 x\n"}, "phone.ctm:1: has 4 fields, not 5 or 6; write UTTERANCE CHANNEL START"),
        ({"phone_ctm": "rec1 1 0.5 x a\n"}, "phone.ctm:1: could not convert string to float"),
        ({"phone_ctm": "rec1 1 0.5 -1 a\n"}, "phone.ctm:1: times must be finite, not negative, and"),
        ({"phone_ctm": "rec1 1 0.5 inf a\n"}, "phone.ctm:1: times must be finite"),
        ({"phone_ctm": "rec1 1 0.5 1 a\nrec1 1 1 0.5 b\n"}, "phone.ctm:2: starts at 1 s, before line 1 ends at 1.5 s"),
        ({"phone_ctm": "rec1 1 1.5 1 a\n"}, "phone.ctm:1: ends at 2.5 s, but 'rec1' has only 2 s"),
        ({"phone_ctm": "rec9 1 0 1 a\n"}, "phone.ctm:1: there is no utterance 'rec9'"),
    ],
)
def test_a_wrong_line_is_named(directory, files, says):
    with pytest.raises(CorpusError, match=says):
        read_kaldi(directory(**files))


def test_a_table_that_is_not_utf8_is_an_error(directory):
    folder = directory()
    (folder / "text").write_bytes(b"rec1 ok\nrec2 caf\xe9\n")
    with pytest.raises(CorpusError, match="text:2: not UTF-8"):
        read_kaldi(folder)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rate": None}, "a: has no rate or no samples"),
        ({"ticks": 0, "alignment": {}}, "a: has no rate or no samples"),
        ({"speaker": "s 1"}, "a: the speaker 's 1' has a space in it"),
        ({"alignment": {"my/tier": []}}, "a: the tier 'my/tier' cannot name a file"),
        ({"alignment": {"word": [Interval(0, 1, "a b")]}}, "a: the word label 'a b' has a space in it"),
        ({"id": "b", "gender": "m"}, "b: is m, but s1 was f"),
    ],
)
def test_what_kaldi_cannot_hold_is_not_written(tmp_path, wavs, changes, says):
    fields = {"id": "a", "path": str(wavs["rec1"]), "speaker": "s1", "ticks": 10, "rate": RATE, "gender": "f"}
    utterances = [Utterance(**fields | {"id": "a0"}), Utterance(**fields | changes)]
    with pytest.raises(CorpusError, match=says):
        write_kaldi(tmp_path / "out", utterances)
    assert not (tmp_path / "out").exists()


def test_corpora_are_not_mixed(tmp_path, wavs):
    write_kaldi(tmp_path / "out", parts(wavs))
    write_kaldi(tmp_path / "out", parts(wavs))  # the same again is fine
    with pytest.raises(CorpusError, match=r"out: already holds \['segments'\] of another corpus"):
        write_kaldi(tmp_path / "out", whole(wavs))
    assert read_kaldi(tmp_path / "out") == parts(wavs)


def test_a_manifest_is_a_corpus_too(tmp_path, wavs):
    write_manifest(tmp_path / "corpus.jsonl", whole(wavs))
    assert read_corpus(tmp_path / "corpus.jsonl") == list(read_manifest(tmp_path / "corpus.jsonl")) == whole(wavs)


def test_anything_else_is_no_corpus_and_the_error_knows_better(tmp_path, wavs):
    write_manifest(tmp_path / "manifests" / "corpus.jsonl", whole(wavs))
    write_kaldi(tmp_path / "kaldi" / "train", whole(wavs))
    for path, says in {
        "nothing": "no such file or folder; give a .jsonl manifest or a Kaldi data directory",
        "manifests": r"a folder without wav.scp or images.scp; .*did you mean .*manifests/corpus.jsonl\?",
        "kaldi": r"a folder without wav.scp or images.scp; .*did you mean .*kaldi/train\?",
        "kaldi/train/wav.scp": r"neither a manifest nor a folder; .*did you mean .*kaldi/train\?",
        "wav/rec1.wav": "neither a manifest nor a folder; give a .jsonl manifest",
    }.items():
        with pytest.raises(CorpusError, match=f"{tmp_path / path}: {says}"):
            read_corpus(tmp_path / path)
