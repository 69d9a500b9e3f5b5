"""Small cases of what tests/crash and tests/fuzz found once, each of which ended in a traceback or left something."""

import errno
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import zlib
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import RATE, listed, make_corpus, record

from unitdisc.api import discover_rounds
from unitdisc.api import report as report_of_model
from unitdisc.clustering import codebook_files
from unitdisc.corpus import CorpusError
from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import EncodingsError
from unitdisc.evaluation import report_scores
from unitdisc.evaluation.abx import Sampling
from unitdisc.evaluation.formats import read_km, read_units
from unitdisc.experiment.experiment import ExperimentError, load
from unitdisc.files import UnwritableError, atomic, refusals, take_away, write_text
from unitdisc.files.tensors import write_tensors
from unitdisc.files.text import read_json
from unitdisc.media import decoding
from unitdisc.media.codecs.decoder import open_again
from unitdisc.media.image import read_line
from unitdisc.prep import lhotse_cuts, lhotse_shar
from unitdisc.prep.lhotse_cuts import is_cut_list, read_cut_list
from unitdisc.prep.lhotse_shar import read_cuts
from unitdisc.prep.notes import Notes
from unitdisc.prep.recordings import folder as recording_folder
from unitdisc.prep.recordings.resampling import Target, write_resampled, write_to
from unitdisc.prep.scripts import collect
from unitdisc.training.codes import feature_codes

pytest_plugins = ["tiny_fixtures"]
DEEP = "[" * 100_000


def ended() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


# What killed runs leave


def test_what_a_killed_process_left_half_written_goes_when_another_writes_there(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "tidied", set())
    here, gone = atomic.machine(), ended()
    elsewhere = "0000" if here != "0000" else "1111"
    left = [f".a.npy.{gone}-{here}abcdef.tmp", f".b c\n.txt.{gone}-{here}012345.tmp"]
    stay = [f".a.npy.{os.getpid()}-{here}abcdef.tmp", f".a.npy.{gone}-{elsewhere}abcdef.tmp", ".own.tmp", "x.tmp"]
    for name in (*left, *stay):
        (tmp_path / name).write_bytes(b"half")
    write_text(tmp_path / "other.txt", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {*stay, "other.txt"}


def test_a_temporary_name_is_told_from_others(tmp_path):
    with atomic.written_aside(tmp_path / "a.npy") as aside:
        found = atomic.TEMPORARY.fullmatch(aside.name)
        assert (int(found[1]), found[2]) == (os.getpid(), atomic.machine())
        aside.touch()


def test_a_list_that_cannot_be_opened_for_more_is_named_with_a_cure(unitdisc, tiny_corpus, tmp_path, monkeypatch):
    original = Path.open

    def full(path, mode="r", *rest, **more):
        if "a" in mode:
            raise OSError(28, "No space left on device", str(path))
        return original(path, mode, *rest, **more)

    monkeypatch.setattr(Path, "open", full)
    said = unitdisc("features", tiny_corpus, tmp_path / "x")
    assert said.code == 1
    assert "units.jsonl.part: cannot be written (No space left on device); make room there" in " ".join(
        said.err.split()
    )


def test_a_file_that_cannot_be_removed_is_named(tmp_path, monkeypatch):
    def refused(path, missing_ok=False):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(
        UnwritableError, match=r"old\.tar: cannot be written, nor removed \(Read-only file system\); make"
    ):
        take_away(tmp_path / "old.tar")


def test_arrays_that_cannot_be_written_are_named(tmp_path):
    (tmp_path / "a.safetensors").mkdir()
    with pytest.raises(UnwritableError, match=r"a\.safetensors: cannot be written"):
        write_tensors(tmp_path / "a.safetensors", {"a": np.eye(2)}, {"card": {}})
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_arrays_on_a_full_disk_are_named(tmp_path, monkeypatch):
    """safetensors, asked to write, has errors and temporary files of its own."""

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UnwritableError, match=r"a\.safetensors: cannot be written \(No space left on device\)"):
        write_tensors(tmp_path / "a.safetensors", {"a": np.eye(2)}, {"card": {}})
    assert not list(tmp_path.iterdir())


def test_a_codebook_that_is_there_has_its_card(tmp_path, monkeypatch):
    """Killed between the two, a run leaves no codebook whose frames nobody knows."""

    def killed(path, array):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(codebook_files, "write_array", killed)
        codebook_files.write_codebook(tmp_path / "codebook.npy", np.eye(2), {"frames_of": {"features": "mfcc"}})
    assert [path.name for path in tmp_path.iterdir()] == ["codebook.json"]
    codebook_files.write_codebook(tmp_path / "codebook.npy", np.eye(2), {})
    (tmp_path / "codebook.npy.part").write_bytes(b"")  # of a run killed after that
    feature_codes(tmp_path, None, (), num_codes=2, stride=1, seed=0, progress=None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["codebook.json", "codebook.npy"]


def test_what_templates_were_to_go_on_from_goes_when_they_are_there(tmp_path, monkeypatch):
    for name in ("templates.safetensors", "templates.safetensors.part", "templates.safetensors.part-2", "other.part"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.setattr(discover_rounds, "read_templates", lambda path: path.name)
    place = discover_rounds.Place(tmp_path, *[None] * (len(fields(discover_rounds.Place)) - 1))
    found = discover_rounds.first_templates(place, None, None, (), options=None, polarity="auto")
    assert found == "templates.safetensors"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.part", "templates.safetensors"]


class Full(io.BytesIO):
    """A file on a disk that has room for so many writes."""

    def __init__(self, room: int):
        super().__init__()
        self.room, self.writes = room, 0

    def write(self, content):
        self.writes += 1
        if self.writes > self.room:
            raise OSError(28, "No space left on device")
        return super().write(content)


def test_a_copy_that_cannot_be_written_is_no_bad_recording(tmp_path, monkeypatch):
    """soundfile goes on as if nothing were, and what it wrote would be taken for whole."""
    record(tmp_path / "a.wav", 200_000, 0)
    whole = Full(10**9)
    write_to(Target(whole), tmp_path / "a.wav", 8000)
    original = Path.open
    for room in (0, 1, whole.writes // 2, whole.writes - 1):  # the last: it is the header that is written again

        def opened(path, *rest, room=room, **more):
            return Full(room) if ".flac" in path.name else original(path, *rest, **more)

        monkeypatch.setattr(Path, "open", opened)
        with pytest.raises(UnwritableError, match=r"a\.flac: cannot be written \(No space left on device\)"):
            write_resampled(tmp_path / "a.wav", tmp_path / "a.flac", 8000)
        assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_recordings_are_not_left_out_for_a_full_disk(tmp_path, unitdisc, monkeypatch):
    def full(source, target, rate):
        if target.stem == "a":
            raise UnwritableError(f"{target}: cannot be written (No space left on device); make room there")
        return write_resampled(source, target, rate)

    for seed, name in enumerate("ab"):
        record(tmp_path / f"{name}.wav", 8000, seed)
    monkeypatch.setattr(recording_folder, "write_resampled", full)
    said = unitdisc("prepare", tmp_path, tmp_path / "out", "--resample", "8000")
    assert said.code == 1 and "unitdisc: " in said.err and "a.flac: cannot be written" in " ".join(said.err.split())
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_no_reason_to_leave_a_source_out(tmp_path):
    def make(name: str) -> str:
        write_text(tmp_path / "file" / name, "")
        return name

    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableError, match="cannot be written"):
        collect(["a", "b"], make, strict=False, raw=tmp_path)


# What is no fault of a file


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_recordings_are_not_left_out_where_no_more_files_can_be_opened(unitdisc, tmp_path, monkeypatch, number):
    """libsndfile does not say why it cannot open one."""
    corpus = make_corpus(tmp_path, 3)

    def opened(stream):
        if "u01" in stream:
            raise soundfile.LibsndfileError(2)
        return open_again(stream)

    def refused(path):
        return OSError(number, os.strerror(number)) if "u01" in str(path) else None

    monkeypatch.setattr(decoding, "open_again", opened)
    monkeypatch.setattr(refusals, "refusal_of", refused)
    said = unitdisc("features", corpus, tmp_path / "x")
    assert said.code == 1 and not (tmp_path / "x").exists()
    assert (
        f"u01.wav: cannot be opened ({os.strerror(number)}); use fewer workers, or allow more (ulimit -n)" in said.err
    )
    monkeypatch.setattr(refusals, "refusal_of", lambda path: None)
    assert "left out" in unitdisc("features", corpus, tmp_path / "x").err  # it is the file's own fault


def test_what_is_behind_an_error_is_found():
    def too_many():
        try:
            raise OSError(errno.EMFILE, "x")
        except OSError as error:
            raise CorpusError("labels cannot be read") from error

    with pytest.raises(refusals.TooManyFilesError, match=r"a\.ctm: cannot be opened \("):
        try:
            too_many()
        except CorpusError as error:
            refusals.refuse_blameless(error, "a.ctm")
    with pytest.raises(UnwritableError):
        refusals.refuse_blameless(UnwritableError("b cannot be written"), "a.ctm")
    refusals.refuse_blameless(CorpusError("its own fault"), "nowhere.ctm")
    refusals.refuse_blameless(OSError(errno.EIO, "its own fault"), "nowhere.ctm")


def test_images_are_not_left_out_where_no_more_files_can_be_opened(tiny_lines, monkeypatch):
    def opened(path, *rest, **more):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))

    (first, *_) = listed(tiny_lines)
    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(refusals.TooManyFilesError, match="cannot be opened"):
        read_line(first)


def test_a_report_makes_no_folder_that_it_does_not_fill(unitdisc, tiny_experiment, tiny_corpus, tmp_path, monkeypatch):
    """Killed, it would leave it."""
    experiment = shutil.copytree(tiny_experiment, tmp_path / "experiment")
    found = []

    def stopped(*_):
        found.extend(sorted(path.name for path in (experiment / "encodings").glob("*/*")))
        raise CorpusError("stop here")

    monkeypatch.setattr(report_of_model, "usable_utterances", stopped)
    assert unitdisc("report", experiment, tiny_corpus, "--device", "cpu").code == 1
    assert found == ["bottleneck", "condition", "encoder", "features", "log-mel", "mfcc", "projection"]
    assert not (experiment / "encodings").exists()


# A report of many


def test_a_report_can_be_of_some_utterances_and_abx_of_a_sample(
    unitdisc, tiny_experiment, tiny_corpus, tmp_path, monkeypatch
):
    experiment, asked, shown = shutil.copytree(tiny_experiment, tmp_path / "experiment"), {}, []
    monkeypatch.setattr(report_of_model, "score", lambda *_, **options: asked.update(options) or {"settings": {}})
    monkeypatch.setattr(report_of_model, "write_report", lambda *given, **more: shown.append((given, more)))
    monkeypatch.setattr(report_scores, "MOST_PAIRS", 0)
    monkeypatch.setattr(report_of_model, "MANY", 4)
    asking = ("report", experiment, tiny_corpus, "--device", "cpu", "--context", "any")

    some = unitdisc(*asking, "--utterances", 5, "--seed", 3)
    assert (some.code, asked["sampling"]) == (0, Sampling())
    assert "a report of 5 utterances, drawn by chance of 12" in some.err
    assert "ABX is of a sample: at most 10 items of one label and speaker, and 5 other speakers for each" in some.err
    (_, chosen, _), more = shown.pop()
    assert more["scores"]["settings"]["drawn"] == {"utterances": 5, "of": 12, "seed": 3}
    kept = experiment / "encodings" / "corpus-5-by-seed-3"
    assert {path.stem for path in (kept / "bottleneck").glob("*.npy")} == {each.id for each in chosen}
    usable = listed(tiny_corpus)
    fewer, others = (report_of_model.drawn(usable, *how) for how in ((3, 3), (5, 4)))
    assert {each.id for each in fewer} < {each.id for each in chosen} != {each.id for each in others}

    every = unitdisc(*asking, "--all-items")
    assert (every.code, asked["sampling"]) == (0, None)
    assert "12 utterances, each with a file at 7 points: 84 files; --utterances 2 makes one of fewer" in every.err
    assert len(shown.pop()[0][1]) == 12 and (experiment / "encodings" / "corpus" / "bottleneck").exists()
    unitdisc(*asking, "--utterances", 5, "--seed", 3, "--max-x-across", 2, "--sampling-seed", 4)
    assert asked["sampling"] == Sampling(max_size_group=None, max_x_across=2, seed=4)
    assert "leave out either" in unitdisc(*asking, "--all-items", "--max-x-across", 2).err
    assert "must be 1 or more" in unitdisc(*asking, "--utterances", 0).err


# JSON nested without end


def test_json_without_end_is_none(tmp_path):
    (tmp_path / "a.json").write_text(DEEP)
    with pytest.raises(ValueError, match="without end"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("name", ["experiment.json", "speakers.json"])
def test_an_experiment_without_end_is_named(tiny_experiment, tmp_path, name):
    experiment = shutil.copytree(tiny_experiment, tmp_path / "x")
    (experiment / name).write_text(DEEP)
    with pytest.raises(ExperimentError, match=rf"{name}: damaged \(lists or objects in each other without end\)"):
        load(experiment)


def test_units_and_cuts_without_end_are_named(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(f"{DEEP}\n")
    with pytest.raises(EncodingsError, match=r"a\.jsonl:1: must be"):
        read_units(path)
    with pytest.raises(CorpusError, match=r"a\.jsonl:1: no cut of lhotse \(lists or objects in each other"):
        read_cut_list([path], strict=True, notes=Notes())
    with pytest.raises(CorpusError, match=r"a\.jsonl: no cuts of lhotse \(lists or objects in each other"):
        read_cuts(path)
    assert not is_cut_list(path)


# Options of an experiment that somebody changed


@pytest.mark.parametrize(
    "table,option,value,said",
    [
        ("features", "hop", 0.5, "option hop must be int, not 0.5"),
        ("features", "no", 1, r"has no option \['no'\]"),
        ("features", "rate", 10**400, r"option rate must be below 2\^63, not a number of 401 digits"),
    ],
)
def test_an_experiment_whose_options_are_none_is_named(tiny_experiment, tmp_path, table, option, value, said):
    experiment = shutil.copytree(tiny_experiment, tmp_path / "x")
    fields = json.loads((experiment / "experiment.json").read_text())
    fields["options"].setdefault(table, {})[option] = value
    (experiment / "experiment.json").write_text(json.dumps(fields))
    with pytest.raises(ExperimentError, match=rf"experiment\.json: damaged \(.*({said})"):
        load(experiment)


# Lists of recordings


def test_a_path_too_long_for_a_file_is_one_that_is_not_there(tmp_path):
    record(tmp_path / "a.wav", 6400, 0)
    (tmp_path / "wav.scp").write_text(f"a {'x' * 5000}/a.wav\nb a.wav\n")
    found = {each.id: each.path for each in read_corpus(tmp_path)}
    assert found["b"] == str(tmp_path / "a.wav")


def cut(source: object, name: str = "s") -> dict:
    recording = {"id": "r", "sources": [{"type": "file", "channels": [0], "source": str(source)}]}
    recording |= {"sampling_rate": RATE, "num_samples": 6400, "duration": 0.4}
    said = {"id": name, "recording_id": "r", "start": 0.0, "duration": 0.3, "channel": 0, "text": "a"}
    return {"id": "c", "start": 0.0, "duration": 0.4, "channel": 0, "supervisions": [said], "recording": recording}


def read_list(folder: Path, cuts: list[dict]) -> list:
    (folder / "cuts.jsonl").write_text("".join(json.dumps(each) + "\n" for each in cuts))
    return read_cut_list([folder / "cuts.jsonl"], strict=True, notes=Notes())


def test_cuts_of_one_name_are_told_apart_by_their_recordings(tmp_path):
    record(tmp_path / "a.wav", 6400, 0)
    record(tmp_path / "b.wav", 6400, 1)
    found = read_list(tmp_path, [cut(tmp_path / "a.wav"), cut(tmp_path / "b.wav")])
    assert [each.id for each in found] == ["a-c", "b-c"]


def test_a_cut_without_an_id_is_named_by_its_line(tmp_path):
    record(tmp_path / "a.wav", 6400, 0)
    with pytest.raises(CorpusError, match=r"cuts\.jsonl:1: the id is ''"):
        read_list(tmp_path, [cut(tmp_path / "a.wav") | {"id": ""}])


def test_a_recording_with_a_name_too_long_is_not_there(tmp_path):
    with pytest.raises(CorpusError, match=r"/a\.wav: "):
        read_list(tmp_path, [cut(f"{'x' * 5000}/a.wav")])


def test_packed_cuts_that_are_damaged_or_a_bomb_are_named(tmp_path, monkeypatch):
    path = tmp_path / "cuts.jsonl.gz"
    packed = bytearray(gzip.compress(b'{"id": "a"}\n' * 50, mtime=0))
    packed[12:14] = b"\xff\xff"
    with pytest.raises(zlib.error):
        gzip.decompress(packed)
    path.write_bytes(packed)
    with pytest.raises(CorpusError, match=r"cuts\.jsonl\.gz: cannot be read \(Error -3"):
        read_cut_list([path], strict=True, notes=Notes())
    with pytest.raises(CorpusError, match=r"cuts\.jsonl\.gz: no cuts of lhotse \(Error -3"):
        read_cuts(path)
    path.write_bytes(gzip.compress(b"\0" * (1 << 20)))
    for module in (lhotse_cuts, lhotse_shar):
        monkeypatch.setattr(module, "LONGEST", 1 << 18)
    with pytest.raises(CorpusError, match="line 1 has more than 0 MB"):
        read_cut_list([path], strict=True, notes=Notes())
    with pytest.raises(CorpusError, match="more than 0 MB"):
        read_cuts(path)


def test_a_table_of_km_that_names_no_file_is_refused(tmp_path):
    """Found by garbage that looks for code it has not reached."""
    (tmp_path / "a.tsv").write_text("/audio\na.wav\t100\n.\t100\n./a.wav\t100\n")
    (tmp_path / "a.km").write_text("1 2\n3\n4\n")
    with pytest.raises(EncodingsError, match=r"a\.km:2: is of '\.', by the table beside it, which names no file"):
        read_km(tmp_path / "a.km")
