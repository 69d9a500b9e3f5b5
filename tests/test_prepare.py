"""unitdisc prepare: splits, tables, corpora of other tools, and runs that are stopped, repeated or kept out."""

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from field_folders import RATE, bursts, noise, write

import unitdisc as package
from unitdisc import CutOptions, PrepareOptions
from unitdisc.api import prepare_sources
from unitdisc.api.prepare import prepare
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.manifest import read_manifest
from unitdisc.files.locks import locked
from unitdisc.prep.recordings import folder as recording_folder

pytest_plugins = ["tiny_fixtures"]


@pytest.fixture
def raw(tmp_path) -> Path:
    """Three recordings by each of four speakers."""
    for speaker in ("ann", "bob", "cy", "dee"):
        for number in range(3):
            write(tmp_path / "raw" / speaker / f"{number}.wav", noise(0.5, 10 * ord(speaker[0]) + number))
    return tmp_path / "raw"


def corpus(path: Path) -> dict[str, Utterance]:
    return {each.id: each for each in read_manifest(path)}


def sound(seconds: float, seed: int, kind: str = "FLAC") -> bytes:
    content = io.BytesIO()
    soundfile.write(content, noise(seconds, seed), RATE, format=kind)
    return content.getvalue()


# The command


def test_the_command_says_what_it_found_and_what_to_do_next(unitdisc, raw, tmp_path):
    done = unitdisc("prepare", raw, tmp_path / "out", "--test-speakers", "1", "--seed", "3")
    assert done.code == 0, done.err
    assert f"{raw}: 12 recordings (12 wav) in 4 folders." in done.err
    verdict, following = done.out.splitlines()
    train, test = tmp_path / "out" / "train.jsonl", tmp_path / "out" / "test.jsonl"
    assert verdict == f"{train}, {test}: 0 errors, 0 warnings; 0 left out"
    assert following == f"Next: unitdisc train small {train} exp/out"
    assert len({u.speaker for u in corpus(train).values()}) == 3 and len(corpus(test)) == 3
    assert not {u.speaker for u in corpus(train).values()} & {u.speaker for u in corpus(test).values()}
    again = unitdisc("prepare", raw, tmp_path / "again", "--test-speakers", "1", "--seed", "3")
    assert again.code == 0 and corpus(tmp_path / "again" / "test.jsonl").keys() == corpus(test).keys()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--longest", "0"], "--longest 0.0: must be a second or more"),
        (["--pause", "0"], "--pause 0.0: must be from 0.05 seconds to --longest"),
        (["--channels", "left"], "--channels left: must be auto, average, each, or a number from 0"),
        (["--channels", "1"], "has 1 channel, and --channels asks for 1; the first is 0"),
        (["--resample", "16"], "--resample 16: must be samples per second"),
        (["--speaker-from", "file"], "--speaker-from file: must be folder, none, or name:REGEX"),
        (["--speaker-from", "name:("], "is no regular expression"),
        (["--speaker-from", "name:xyz"], "must be folder, none, or name:REGEX with a group"),
        (["--test-share", "2"], "--test-share 2.0: must be between 0 and 1"),
        (["--test-speakers", "9"], "would hold out 4 of 4 speakers"),
        (["--test-speakers", "eve"], "no speakers ['eve'] to hold out"),
        (["--test-speakers", "1", "--test-share", "0.1"], "--test-speakers and --test-share exclude each other"),
        (["--table", "gone.tsv"], "gone.tsv"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(unitdisc, raw, tmp_path, options, why):
    done = unitdisc("prepare", raw, tmp_path / "out", *options)
    assert done.code == 1 and why in " ".join(done.err.split()), done.err
    assert not (tmp_path / "out" / "all.jsonl").exists()


def test_no_folder_no_corpus(unitdisc, raw, tmp_path):
    done = unitdisc("prepare", tmp_path / "gone", tmp_path / "out")
    assert done.code == 1 and "gone: no such file or folder; give a folder of recordings" in done.err
    (tmp_path / "text.pdf").write_bytes(b"x")
    done = unitdisc("prepare", tmp_path / "text.pdf", tmp_path / "out")
    assert done.code == 1 and "text.pdf: is no recording, and no list of any" in done.err
    done = unitdisc("prepare", raw / "ann" / "0.wav", tmp_path / "out")
    assert done.code == 0 and [*corpus(tmp_path / "out" / "all.jsonl")] == ["0"]


# Splits


def test_equal_recordings_stay_on_one_side(raw, tmp_path):
    for speaker in ("ann", "bob", "cy"):
        (raw / speaker / "same.wav").write_bytes((raw / "dee" / "0.wav").read_bytes())
    for seed in range(5):
        result = prepare(raw, tmp_path / "out", PrepareOptions(test_share=0.3, seed=seed))
        sides = {split: corpus(path) for split, path in result.manifests.items()}
        same = {split for split, found in sides.items() for id in found if id.endswith("same") or id == "dee-0"}
        assert len(same) == 1 and len(sides["train"]) + len(sides["test"]) == 15


def test_utterances_of_one_recording_stay_together_unless_there_is_but_one(tmp_path, capsys):
    spans = [(1, 2), (4, 5), (7, 8), (9.5, 10)]
    write(tmp_path / "raw" / "a.wav", bursts(11, spans))
    options = PrepareOptions(cut=CutOptions(longest=3), test_share=0.25)
    result = prepare(tmp_path / "raw", tmp_path / "out", options)
    assert [len(corpus(path)) for path in result.manifests.values()] == [3, 1]
    assert "There is one recording, whose utterances are split by chance." in capsys.readouterr().err
    for name in "bcd":
        write(tmp_path / "raw" / f"{name}.wav", np.roll(bursts(11, spans), ord(name)))
    result = prepare(tmp_path / "raw", tmp_path / "out", options)
    train, test = ({u.path for u in corpus(result.manifests[side]).values()} for side in ("train", "test"))
    assert len(train) == 3 and len(test) == 1 and not train & test


# Tables


def test_a_table_says_who_speaks_what(raw, tmp_path, capsys):
    rows = ["file;Speaker_ID;sentence;sex;split", "ann/0.wav;eva;so it was;female;train", "bob/1;otto;;m;test",
            "gone.wav;x;;;"]  # fmt: skip
    (raw / "people.csv").write_text("\n".join(rows) + "\n")
    result = prepare(raw, tmp_path / "out")
    found = {id: each for path in result.manifests.values() for id, each in corpus(path).items()}
    assert sorted(result.manifests) == ["all", "train"]  # `1` is the name of four recordings
    assert (found["ann-0"].speaker, found["ann-0"].text, found["ann-0"].gender) == ("eva", "so it was", "f")
    said = " ".join(capsys.readouterr().err.split())
    assert "and a table of them, people.csv" in said
    assert "rows of people.csv that name no recording that is there, left out: 2 (people.csv:3 bob/1" in said
    assert "recordings that no row of people.csv names: 11" in said
    (raw / "more.tsv").write_text("file\tspeaker\nbob/1.wav\totto\n")
    prepare(raw, tmp_path / "out")
    assert "of which one can be given with --table; not read: 2 (more.tsv, people.csv)" in capsys.readouterr().err
    result = prepare(raw, tmp_path / "out", PrepareOptions(table=raw / "more.tsv"))
    assert corpus(result.manifests["all"])["bob-1"].speaker == "otto" and len(result.manifests) == 1


def test_a_table_may_cut_recordings(tmp_path, capsys):
    write(tmp_path / "raw" / "talk.wav", noise(4, 1))
    rows = ["path\tclient_id\tstart\tend\ttext", "talk.wav\tann\t0.5\t1.25\tso", "talk.wav\tbob\t2\t3\tit",
            "talk.wav\tbob\t3\t9\twas", "talk.wav\tbob\tx\t3\twas"]  # fmt: skip
    (tmp_path / "raw" / "rows.tsv").write_text("\n".join(rows) + "\n")
    found = corpus(prepare(tmp_path / "raw", tmp_path / "out", PrepareOptions(resample=8000)).manifests["all"])
    assert {id: (u.start / 8000, u.ticks / 8000, u.speaker, u.text) for id, u in found.items()} == {
        "talk-0000050": (0.5, 0.75, "ann", "so"),
        "talk-0000200": (2, 1, "bob", "it"),
        "talk-0000000": (0, 3, "bob", "was"),
    }
    said = capsys.readouterr().err
    assert "rows of stretches that are not in their recording, left out: 1" in said
    assert "times in the column 'start' that are no numbers, left out: 1 (rows.tsv:5)" in said


# Corpora of other tools


def cut(id: str, path: Path, start: float, duration: float, *supervisions: dict, channel: int = 0) -> dict:
    source = {"type": "file", "channels": [0, 1], "source": str(path)}
    recording = {"id": "r", "sources": [source], "sampling_rate": RATE, "num_samples": 1, "duration": 1}
    about = {"id": id, "start": start, "duration": duration, "channel": channel, "supervisions": [*supervisions]}
    return {**about, "recording": recording, "type": "MonoCut"}


@pytest.mark.parametrize("zipped", [False, True])
def test_cuts_of_lhotse(tmp_path, capsys, zipped):
    stereo = write(tmp_path / "wav" / "r.wav", np.stack([noise(4, 1), noise(4, 2)], 1))
    said = {"id": "s1", "start": 0.5, "duration": 1.0, "speaker": "ann", "text": "so", "channel": 1}
    cuts = [
        cut("one", stereo, 1.0, 2.0, said, channel=1),
        cut("two", Path("wav/r.wav"), 0.0, 1.0),
        cut("three", tmp_path / "gone.wav", 0.0, 1.0),
        {**cut("four", stereo, 0.0, 1.0), "tracks": [{}]},
    ]
    content = "".join(json.dumps(each) + "\n" for each in cuts).encode()
    name = "cuts.jsonl.gz" if zipped else "my-cuts.jsonl"
    (tmp_path / name).write_bytes(gzip.compress(content) if zipped else content)
    result = prepare(tmp_path / name, tmp_path / "out")
    found = corpus(result.manifests["all"])
    assert result.said == f"cuts of lhotse ({name})"
    assert {id: (u.start / RATE, u.ticks / RATE, u.channel, u.speaker, u.text) for id, u in found.items()} == {
        "one": (1.5, 1.0, 1, "ann", "so"),  # a cut of one supervision
        "two": (0.0, 1.0, 0, None, None),
    }
    said = capsys.readouterr().err
    assert "gone.wav: no such file" in said and "the cut 'four' is mixed of several recordings" in said


def test_no_command_of_a_cut_is_run(tmp_path, capsys):
    evil = cut("one", tmp_path / "x", 0, 1)
    evil["recording"]["sources"][0] |= {"type": "command", "source": f"touch {tmp_path}/ran |"}
    (tmp_path / "cuts.jsonl").write_text(json.dumps(evil) + "\n")
    with pytest.raises(CorpusError, match="nothing in it can be used"):
        prepare(tmp_path / "cuts.jsonl", tmp_path / "out")
    assert not (tmp_path / "ran").exists()
    assert "the recording 'r' comes from command, where one file is needed" in capsys.readouterr().err


def test_a_webdataset(tmp_path):
    (tmp_path / "raw").mkdir()
    with tarfile.open(tmp_path / "raw" / "00.tar", "w") as tar:
        for name, content in {"a.flac": sound(1, 1), "a.json": b'{"text": "so", "speaker": "ann"}'}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    result = prepare(tmp_path / "raw", tmp_path / "out")
    (found,) = corpus(result.manifests["all"]).values()
    assert result.said == "1 tar of samples (WebDataset)" and (found.text, found.speaker) == ("so", "ann")
    with pytest.raises(CorpusError, match="`resample` is for folders of recordings"):
        prepare(tmp_path / "raw", tmp_path / "out", PrepareOptions(resample=8000))


def test_a_manifest_is_split(raw, tmp_path):
    made = prepare(raw, tmp_path / "one").manifests["all"]
    result = prepare(made, tmp_path / "two", PrepareOptions(test_speakers="bob"))
    assert len(corpus(result.manifests["test"])) == 3 and result.kind == "manifest"


def test_an_audiofolder(tmp_path):
    write(tmp_path / "raw" / "train" / "a.wav")
    (tmp_path / "raw" / "train" / "metadata.csv").write_text("file_name,transcription\na.wav,so\n")
    (found,) = corpus(prepare(tmp_path / "raw", tmp_path / "out").manifests["all"]).values()
    assert found.text == "so" and found.speaker is None


def test_rows_of_arrow_need_pyarrow(tmp_path, monkeypatch):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "data-00000-of-00001.arrow").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(CorpusError, match="is read with pyarrow, which is not installed; `pip install pyarrow`, or"):
        prepare(tmp_path / "raw", tmp_path / "out")


@pytest.mark.parametrize("kind", ["saved", "saved dict", "parquet"])
def test_a_data_set_of_hugging_face(tmp_path, kind):
    pyarrow = pytest.importorskip("pyarrow")
    ipc, parquet = pytest.importorskip("pyarrow.ipc"), pytest.importorskip("pyarrow.parquet")
    gone = {"bytes": None, "path": "gone.wav"}
    audio = [{"bytes": sound(0.5, 1), "path": None}, {"bytes": sound(1, 2, "WAV"), "path": "b.wav"}, gone]
    columns = {"audio": audio, "sentence": ["so", "it", "was"], "client_id": ["ann", "bob", "cy"]}
    table = pyarrow.table({**columns, "gender": ["female", None, None]})
    home = tmp_path / "raw" / ("test" if kind == "saved dict" else "data" if kind == "parquet" else "")
    home.mkdir(parents=True)
    if kind == "parquet":
        parquet.write_table(table, home / "test-00000-of-00001.parquet")
    else:
        for name in ("data-00000-of-00001.arrow", "cache-1234.arrow"):
            with ipc.new_stream(home / name, table.schema) as writer:
                writer.write_table(table)
        (home / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    if kind == "saved dict":
        (tmp_path / "raw" / "dataset_dict.json").write_text('{"splits": ["test"]}')
    result = prepare(tmp_path / "raw", tmp_path / "out")
    split = "all" if kind == "saved" else "test"
    found = corpus(result.manifests[split])
    assert {id: (u.ticks, u.text, u.speaker, u.gender) for id, u in found.items()} == {
        f"{split}-0000001": (8000, "so", "ann", "f"),
        f"{split}-0000002": (16000, "it", "bob", None),
    }
    assert {Path(u.path).suffix for u in found.values()} == {".flac", ".wav"}


# Runs that are stopped, repeated, or kept out


def test_what_was_found_out_is_not_found_out_again(raw, tmp_path, monkeypatch):
    write(raw / "eve" / "long.wav", bursts(8, [(1, 2), (4, 5)]))
    (raw / "eve" / "long.txt").write_text("lost")
    options = PrepareOptions(cut=CutOptions(longest=3))
    heard = []
    original = recording_folder.utterances_in

    def utterances_in(whole, *rest):
        heard.append(whole.id)
        if len(heard) == stop_at:
            raise KeyboardInterrupt
        return original(whole, *rest)

    monkeypatch.setattr(recording_folder, "utterances_in", utterances_in)
    stop_at = 8
    with pytest.raises(KeyboardInterrupt):
        prepare(raw, tmp_path / "out", options)
    assert not (tmp_path / "out" / "all.jsonl").exists() and not (tmp_path / "out" / ".lock").exists()
    with (tmp_path / "out" / prepare_sources.JOURNAL).open("ab") as file:
        file.write(b'{"key": "cut o')  # as a run that is killed leaves it
    stop_at = 0
    once = prepare(raw, tmp_path / "out", options)
    assert len(heard) == 8 + 6
    assert b"cut o" not in (tmp_path / "out" / prepare_sources.JOURNAL).read_bytes()
    whole = prepare(raw, tmp_path / "whole", options)
    assert (tmp_path / "out/all.jsonl").read_text() == (tmp_path / "whole/all.jsonl").read_text()
    heard.clear()
    assert prepare(raw, tmp_path / "out", options).manifests == once.manifests and not heard
    write(raw / "ann" / "0.wav", noise(0.7, 99))
    (raw / "eve" / "long.txt").write_text("another text")
    prepare(raw, tmp_path / "out", options)
    assert heard == ["ann-0", "eve-long"]
    heard.clear()
    prepare(raw, tmp_path / "out", PrepareOptions(cut=CutOptions(longest=4)))
    assert len(heard) == 13
    assert len(whole.manifests) == 1


def test_notes_are_said_again(raw, tmp_path, capsys):
    write(raw / "eve" / "long.wav", bursts(8, [(1, 2), (4, 5)]))
    (raw / "eve" / "long.txt").write_text("lost")
    for _ in range(2):
        prepare(raw, tmp_path / "out", PrepareOptions(cut=CutOptions(longest=3)))
        assert "texts of recordings that are cut, left out" in capsys.readouterr().err


def test_a_copy_that_is_gone_is_written_again(raw, tmp_path):
    options = PrepareOptions(resample=8000)
    before = prepare(raw, tmp_path / "out", options).manifests["all"].read_text()
    (tmp_path / "out" / "audio" / "ann-0.flac").unlink()
    assert prepare(raw, tmp_path / "out", options).manifests["all"].read_text() == before
    assert (tmp_path / "out" / "audio" / "ann-0.flac").exists()


def test_manifests_of_a_run_before_go_and_those_of_others_stay(raw, tmp_path):
    out = tmp_path / "out"
    prepare(raw, out)
    prepare(raw, out, PrepareOptions(test_share=0.2))
    assert sorted(path.name for path in out.glob("[a-z]*.jsonl")) == ["test.jsonl", "train.jsonl"]
    asked = json.loads((out / "prepare.json").read_text())["options"]
    assert asked["test_share"] == 0.2 and asked["cut"]["vad"] == "energy"
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "train.jsonl").write_text("{}\n")
    with pytest.raises(CorpusError, match=r"holds train\.jsonl, which `unitdisc prepare` did not write"):
        prepare(raw, tmp_path / "theirs")
    assert (tmp_path / "theirs" / "train.jsonl").read_text() == "{}\n"
    (out / "prepare.json").write_text("{")
    with pytest.raises(CorpusError, match="damaged"):
        prepare(raw, out)


def test_two_runs_keep_out_of_one_folder(unitdisc, raw, tmp_path):
    with locked(tmp_path / "out"):
        done = unitdisc("prepare", raw, tmp_path / "out")
    assert done.code == 1 and "another run is writing there" in done.err


def test_strict_ends_at_the_first_bad_file(raw, tmp_path):
    write(raw / "ann" / "silent.wav", np.zeros(RATE))
    with pytest.raises(CorpusError, match=r"ann-silent is silent"):
        prepare(raw, tmp_path / "out", access=CorpusAccess(strict=True))
    result = prepare(raw, tmp_path / "out")
    assert len(result.left_out) == 1 and len(corpus(result.manifests["all"])) == 12


@pytest.mark.slow
def test_a_run_that_is_killed_is_completed(raw, tmp_path):
    """kill -9 at some moments, then to the end: the same bytes as of a run that nobody disturbed."""
    for number in range(40):
        write(raw / "eve" / f"{number:02d}.wav", np.roll(bursts(30, [(1, 5), (8, 12), (20, 26)]), number))
    command = [sys.executable, "-m", "unitdisc", "prepare", str(raw), "--longest", "10", "--resample", "8000"]
    environment = os.environ | {"PYTHONPATH": str(Path(package.__file__).parent.parent)}
    for wait in (2.5, 4.0, 6.0):
        running = subprocess.Popen([*command, str(tmp_path / "out")], env=environment, stderr=subprocess.DEVNULL)
        time.sleep(wait)
        running.send_signal(signal.SIGKILL)
        running.wait()
    subprocess.run([*command, str(tmp_path / "out")], env=environment, check=True, capture_output=True)
    subprocess.run([*command, str(tmp_path / "whole")], env=environment, check=True, capture_output=True)
    assert (tmp_path / "out/all.jsonl").read_bytes() == (tmp_path / "whole/all.jsonl").read_bytes()
    for path in (tmp_path / "whole/audio").iterdir():
        assert (tmp_path / "out/audio" / path.name).read_bytes() == path.read_bytes()
    assert not list((tmp_path / "out").rglob("*.tmp"))
