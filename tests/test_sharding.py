"""Work that is split over shards comes to what one run comes to, in whatever order and however often they run."""

import errno
import itertools
import multiprocessing
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from killed_process import run_until_killed
from tiny import RATE, listed, make_corpus, record, tree

from unitdisc.api.encode import encode, features
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.manifest import write_manifest
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.encodings.resumable import line_index, sorted_lines, unit_list_writer
from unitdisc.encodings.resumable.unit_list_writer import UnitListWriter
from unitdisc.inference import encode_corpus as encoding
from unitdisc.jobs import WHOLE, Shard

pytest_plugins = ["tiny_fixtures"]

POINTS = ["projection", "bottleneck"]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(encoding, "FRAMES_IN_A_BATCH", 120)
    monkeypatch.setattr(sorted_lines, "IN_MEMORY", 1000)  # a few lines
    monkeypatch.setattr(line_index, "FEWEST", 3)


@pytest.fixture(scope="module")
def corpus(tiny_corpus, tmp_path_factory) -> Path:
    """The tiny corpus with voices that the model does not know."""
    path = tmp_path_factory.mktemp("corpus") / "corpus.jsonl"
    strangers = [replace(u, speaker=f"new{i % 3}" if i % 2 else u.speaker) for i, u in enumerate(listed(tiny_corpus))]
    write_manifest(path, strangers)
    return path


@pytest.fixture(scope="module")
def in_one_run(corpus, tiny_experiment, tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "FRAMES_IN_A_BATCH", 120)
        encode(tiny_experiment, corpus, folder, POINTS, device="cpu")
    return tree(folder)


def run(experiment: Path, corpus: Path, folder: Path, shard: Shard) -> None:
    encode(experiment, corpus, folder, POINTS, device="cpu", access=CorpusAccess(shard=shard))


def test_shards_share_everything_out():
    things = list(range(10))
    for count in (1, 3, 10, 12):
        shares = [list(shard.of(things)) for shard in Shard(1, count).siblings()]
        assert sorted(itertools.chain(*shares)) == things
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize(
    "text", ["0/4", "5/4", "1/0", "3", "a/b", "1/2/3", "-1/4", "1.0/4", "", "/", "1/1000000000000"]
)
def test_nonsense_is_no_shard(text):
    with pytest.raises(ValueError, match=f"`shard` {text}.*(counted from 1|must be I/N)"):
        Shard.parse(text)
    assert Shard.parse(None) == WHOLE
    assert Shard.parse("3/8") == Shard(3, 8)


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), pytest.param((2, 3, 1), marks=pytest.mark.slow)])
def test_shards_come_to_what_one_run_does(corpus, tiny_experiment, in_one_run, tmp_path, order):
    for index in order[:-1]:
        run(tiny_experiment, corpus, tmp_path, Shard(index, 3))
        with pytest.raises(EncodingsError, match=f"its shards .*{order[-1]}/3.* are not finished; run them again"):
            Encodings.open(tmp_path / "projection")
    run(tiny_experiment, corpus, tmp_path, Shard(order[-1], 3))
    assert tree(tmp_path) == in_one_run


def test_shards_at_the_same_time_need_no_locks(corpus, tiny_experiment, in_one_run, tmp_path):
    fork = multiprocessing.get_context("fork")
    for _ in range(2):  # the second time everything is there
        workers = [
            fork.Process(target=run, args=(tiny_experiment, corpus, tmp_path, shard))
            for shard in Shard(1, 4).siblings()
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [worker.exitcode for worker in workers] == [0] * 4
        assert tree(tmp_path) == in_one_run


def test_more_shards_than_batches_do_no_harm(corpus, tiny_experiment, in_one_run, tmp_path):
    for shard in Shard(1, 9).siblings():
        run(tiny_experiment, corpus, tmp_path, shard)
    assert tree(tmp_path) == in_one_run


def test_a_shard_that_is_run_again_changes_nothing(corpus, tiny_experiment, in_one_run, tmp_path, monkeypatch):
    for index in (1, 2, 1, 2):
        run(tiny_experiment, corpus, tmp_path, Shard(index, 2))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    monkeypatch.setattr(encoding, "encode_batch", lambda *_: pytest.fail("encoded again"))
    run(tiny_experiment, corpus, tmp_path, Shard(2, 2))
    run(tiny_experiment, corpus, tmp_path, Shard(3, 5))
    encode(tiny_experiment, corpus, tmp_path, POINTS, device="cpu")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")} == before
    assert tree(tmp_path) == in_one_run


def killed_while_writing(work, call: int) -> None:
    """Does work in another process, which is killed (-9) half-way through the n-th array."""

    def child() -> None:
        save, left = np.save, [call]

        def fatal(file, array):
            left[0] -= 1
            if left[0] == 0:
                file.write(b"\x93NUMPY half")
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)
            save(file, array)

        np.save = fatal
        work()

    run_until_killed(child)


@pytest.mark.parametrize("call", [1, 4])
def test_a_killed_shard_is_completed_by_itself(corpus, tiny_experiment, in_one_run, tmp_path, call):
    killed_while_writing(lambda: run(tiny_experiment, corpus, tmp_path, Shard(1, 2)), call)
    run(tiny_experiment, corpus, tmp_path, Shard(2, 2))
    with pytest.raises(EncodingsError, match="its shards 1/2 are not finished"):
        Encodings.open(tmp_path / "projection")
    run(tiny_experiment, corpus, tmp_path, Shard(1, 2))
    assert tree(tmp_path) == in_one_run


def test_one_run_completes_what_shards_left(corpus, tiny_experiment, in_one_run, tmp_path):
    killed_while_writing(lambda: run(tiny_experiment, corpus, tmp_path, Shard(1, 3)), 3)
    run(tiny_experiment, corpus, tmp_path, Shard(2, 3))
    encode(tiny_experiment, corpus, tmp_path, POINTS, device="cpu")
    assert tree(tmp_path) == in_one_run


def test_lists_that_nobody_put_together_are_read_as_they_are(
    corpus, tiny_experiment, in_one_run, tmp_path, monkeypatch
):
    """As where two shards finish at once on a file system that shows each what the other did a little later."""
    with monkeypatch.context() as patch:
        patch.setattr(UnitListWriter, "put_together", lambda self: None)
        for shard in Shard(1, 3).siblings():
            run(tiny_experiment, corpus, tmp_path, shard)
    assert not (tmp_path / "bottleneck/units.jsonl").exists()
    found = Encodings.open(tmp_path / "bottleneck")
    run(tiny_experiment, corpus, tmp_path, Shard(2, 3))
    assert tree(tmp_path) == in_one_run
    again = Encodings.open(tmp_path / "bottleneck")
    assert found.codes == again.codes


@pytest.mark.parametrize(
    "shards", [pytest.param([1, 2], marks=pytest.mark.slow), [2, 1], [1], pytest.param([2], marks=pytest.mark.slow)]
)
def test_what_changed_is_encoded_again_by_its_shard(tiny_experiment, tmp_path, shards):
    utterances = []
    for i in range(5):
        record(tmp_path / f"u{i}.wav", 8000 + 400 * i, seed=i)
        utterances.append(Utterance(f"u{i}", str(tmp_path / f"u{i}.wav"), "s0", 8000 + 400 * i, RATE))
    write_manifest(tmp_path / "c.jsonl", utterances)
    for shard in Shard(1, 2).siblings():
        run(tiny_experiment, tmp_path / "c.jsonl", tmp_path / "x", shard)
    for i in [i for index in shards for i in {1: [0, 1, 4], 2: [2, 3]}[index]]:  # batches of two
        record(tmp_path / f"u{i}.wav", 8000 + 400 * i, seed=10 + i)
    for index in shards:
        run(tiny_experiment, tmp_path / "c.jsonl", tmp_path / "x", Shard(index, 2))
    encode(tiny_experiment, tmp_path / "c.jsonl", tmp_path / "y", POINTS, device="cpu")
    assert tree(tmp_path / "x") == tree(tmp_path / "y")


def test_a_bad_file_is_reported_by_one_shard(tiny_experiment, tmp_path, capsys):
    utterances = []
    for i in range(6):
        record(tmp_path / f"u{i}.wav", 8000, seed=i)
        utterances.append(Utterance(f"u{i}", str(tmp_path / f"u{i}.wav"), "new", 8000, RATE))
    (tmp_path / "u3.wav").write_bytes(b"no sound")
    write_manifest(tmp_path / "c.jsonl", utterances)
    said = []
    for shard in Shard(1, 3).siblings():
        run(tiny_experiment, tmp_path / "c.jsonl", tmp_path / "x", shard)
        said.append(capsys.readouterr().err.count("left out: "))
    assert sorted(said) == [0, 0, 1]
    encode(tiny_experiment, tmp_path / "c.jsonl", tmp_path / "y", POINTS, device="cpu")
    assert tree(tmp_path / "x") == tree(tmp_path / "y")


@pytest.mark.parametrize("normalise", ["none", "utterance", "speaker", "global"])
def test_features_in_shards_are_those_of_one_run(corpus, tmp_path, normalise):
    options = AcousticFeatures(normalise=normalise)
    features(corpus, tmp_path / "a" / "mfcc", options)
    for index in (2, 3, 1):
        features(corpus, tmp_path / "b" / "mfcc", options, access=CorpusAccess(shard=Shard(index, 3)))
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def shards_on_the_command_line(unitdisc, arguments: Sequence) -> list[int]:
    return [unitdisc(*arguments, "--shard", f"{index}/2").code for index in (1, 2)]


def test_the_command_line_takes_shards(unitdisc, corpus, tiny_experiment, tmp_path):
    assert shards_on_the_command_line(unitdisc, ["encode", tiny_experiment, corpus, tmp_path / "x"]) == [0, 0]
    assert shards_on_the_command_line(unitdisc, ["features", corpus, tmp_path / "x/mfcc"]) == [0, 0]
    assert Encodings.open(tmp_path / "x/condition").codes.keys() == Encodings.open(tmp_path / "x/mfcc").codes.keys()
    refused = unitdisc("encode", tiny_experiment, corpus, tmp_path / "y", "--shard", "0/2")
    assert refused.code == 1
    assert "counted from 1" in refused.err
    assert not (tmp_path / "y").exists()


def line(utterance: str, code: int) -> str:
    return f'{{"utterance": "{utterance}", "codes": [{code}]}}'


@pytest.mark.parametrize("late", ["while the lists are put together", "at the last moment", "when they have been"])
def test_a_shard_that_begins_again_keeps_its_new_codes(late, tmp_path, monkeypatch):
    """While the other finishes: neither the old codes nor no codes at all stand beside the new frames in the end."""
    again = []

    def begin_again():
        if not again:
            again.append(UnitListWriter(tmp_path, Shard(1, 2)))
            again[0].open()
            again[0].reopen()
            again[0].add("a", line("a", 2))

    def then(function, when):
        def both(*arguments):
            found = function(*arguments)
            if when():
                begin_again()
            return found

        return both

    def begun(utterance, shard):
        (tmp_path / f"{utterance}.npy").touch()
        units = UnitListWriter(tmp_path, shard)
        units.open()
        units.reopen()
        units.add(utterance, line(utterance, 1))
        return units

    begun("a", Shard(1, 2)).finish(["a"])
    last = begun("b", Shard(2, 2))
    moments = {
        "while": ("write_lines", lambda: any(tmp_path.glob(".*.together.tmp"))),
        "at": ("finished_lists", lambda: any(tmp_path.glob(".*.together.tmp"))),
        "when": ("file_at", (tmp_path / "units.jsonl").exists),
    }
    name, when = moments[late.split()[0]]
    monkeypatch.setattr(unit_list_writer, name, then(getattr(unit_list_writer, name), when))
    last.finish(["b"])
    assert again
    assert (tmp_path / "units.jsonl").exists() == (late == "at the last moment")
    again[0].finish(["a"])
    assert (tmp_path / "units.jsonl").read_text().splitlines() == [line("a", 2), line("b", 1)]
    assert not list(tmp_path.glob("units.jsonl.*"))


@pytest.mark.parametrize("verb", ["encode", "features"])
def test_a_shard_that_can_read_nothing_is_not_finished(verb, tiny_experiment, tmp_path):
    """As on a machine without the disk: the folder may not be declared complete without its share."""
    utterances = [Utterance(f"u{i}", str(tmp_path / f"{i}.wav"), "s", 9600, RATE) for i in range(4)]  # two a batch
    record(tmp_path / "0.wav", 9600, seed=0)
    write_manifest(tmp_path / "corpus.jsonl", utterances)

    def begin(shard):
        access = CorpusAccess(trust=True, shard=shard)
        if verb == "encode":
            arguments = (tiny_experiment, tmp_path / "corpus.jsonl", tmp_path / "x", ["projection"])
            encode(*arguments, device="cpu", access=access)
        else:
            features(
                tmp_path / "corpus.jsonl", tmp_path / "x" / "projection", AcousticFeatures(rate=RATE), access=access
            )

    begin(Shard(1, 2))
    with pytest.raises(CorpusError, match=r"2 of 2 utterances could not be used, the first: .*wav"):
        begin(Shard(2, 2))
    with pytest.raises(EncodingsError, match="its shards 2/2 are not finished"):
        Encodings.open(tmp_path / "x" / "projection")


@pytest.mark.parametrize("verb", ["encode", "features"])
def test_shards_that_saw_different_recordings_make_no_whole(verb, tiny_experiment, tmp_path):
    """One could not read what the others could, and divided a shorter list: some utterances are nobody's."""
    corpus = make_corpus(tmp_path / "corpus", 9)

    def begin(folder, shard):
        access = CorpusAccess(shard=shard)
        if verb == "encode":
            encode(tiny_experiment, corpus, tmp_path / folder, ["projection"], device="cpu", access=access)
        else:
            features(
                corpus, tmp_path / folder / "projection", AcousticFeatures(rate=RATE, normalise="none"), access=access
            )

    gone = tmp_path / "corpus" / "u03.wav"
    begin("whole", WHOLE)
    begin("shards", Shard(1, 3))
    gone.rename(tmp_path / "elsewhere.wav")
    begin("shards", Shard(2, 3))
    (tmp_path / "elsewhere.wav").rename(gone)
    told = "its 3 shards took shares of different utterances: .*; run all of them again"
    with pytest.raises(EncodingsError, match=told):
        begin("shards", Shard(3, 3))
    with pytest.raises(EncodingsError, match=told):
        Encodings.open(tmp_path / "shards" / "projection")
    with pytest.raises(EncodingsError, match=told):
        begin("shards", Shard(1, 3))
    begin("shards", Shard(2, 3))
    assert tree(tmp_path / "shards") == tree(tmp_path / "whole")


class Full:
    """A file on a disk without room."""

    def write(self, *_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    writelines = close = write

    def tell(self):
        return 0


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    units = UnitListWriter(tmp_path, WHOLE)
    units.open()
    units.file.close()
    units.file = Full()
    with pytest.raises(OSError, match=r"units\.jsonl\.part: cannot be written \(No space left.*; make room there"):
        units.add("a", line("a", 1))
    monkeypatch.setattr(sorted_lines, "TemporaryFile", lambda dir: Full())
    refused = pytest.raises(OSError, match=rf"{tmp_path}: cannot be written \(No space left.*; make room there")
    with refused, sorted_lines.SortedLines(tmp_path, str) as lines:
        for number in range(100):
            lines.add(str(number), b"x" * 100)
