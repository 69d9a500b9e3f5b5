"""A corpus that is validated in shards: together they say what one run says, and leave the same behind."""

import multiprocessing
import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from killed_process import run_until_killed
from PIL import Image
from tiny import settings

from unitdisc.corpus import Problem, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.validation import known_good
from unitdisc.corpus.validation import report as validation
from unitdisc.corpus.validation.known_good import GoodRecordings
from unitdisc.corpus.validation.report import validate
from unitdisc.jobs import Shard

pytest_plugins = ["tiny_fixtures"]

RATE = 16_000


@pytest.fixture
def utterances(tmp_path) -> list[Utterance]:
    made = []
    for i in range(9):
        path = tmp_path / "wav" / f"u{i}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, 0.1 * np.random.default_rng(i).standard_normal(4000), RATE)
        made.append(Utterance(f"u{i}", str(path), f"s{i % 2}", 4000, RATE))
    return made


def in_shards(corpus: Path, count: int, **options) -> list[list[Problem]]:
    return [validate(corpus, shard=shard, **options) for shard in Shard(1, count).siblings()]


def spoil(utterances: list[Utterance], listed: bool) -> list[Utterance]:
    """Something wrong of every kind; without rates in the list, if they are not `listed`."""
    soundfile.write(utterances[1].path, np.zeros(4000), RATE)
    soundfile.write(utterances[2].path, 0.1 * np.random.default_rng(9).standard_normal(4000), 8000)
    Path(utterances[3].path).write_bytes(b"no sound")
    Path(utterances[4].path).unlink()
    spoilt = [*utterances, replace(utterances[5], id="late", start=3000), replace(utterances[6], id="part", ticks=90)]
    return [replace(each, rate=RATE if listed else None) for each in spoilt]


@pytest.mark.parametrize("count", [2, 3, 20])
@pytest.mark.parametrize("listed", [True, False])
def test_shards_say_together_what_one_run_says(utterances, tmp_path, count, listed):
    manifest = tmp_path / "c.jsonl"
    write_manifest(manifest, spoil(utterances, listed))
    with manifest.open("a") as file:
        file.write('{"id": "u0", "path": "x.wav", "speaker": "s", "ticks": 5}\n{"id": 3}\n')
    found = in_shards(manifest, count)
    together = [problem for problems in found for problem in problems]
    assert len(together) > 7
    whole = validate(manifest)
    assert sorted(together, key=repr) == sorted(whole, key=repr)
    assert [p for p in found[0] if p.line in (12, 13)] == [p for p in whole if p.line in (12, 13)]


@pytest.mark.parametrize("count", [2, 20])
def test_shards_of_a_directory_say_together_what_one_run_says(utterances, tmp_path, count):
    spoil(utterances, True)
    folder = tmp_path / "kaldi"
    folder.mkdir()
    (folder / "wav.scp").write_text("".join(f"{u.id} {u.path}\n" for u in utterances))
    (folder / "utt2spk").write_text("".join(f"{u.id}-a s0\n{u.id}-b s0\n" for u in utterances) + "odd\n")
    segments = "".join(f"{u.id}-a {u.id} 0 0.1\n{u.id}-b {u.id} 0.1 0.256\n" for u in utterances)
    (folder / "segments").write_text(segments)
    times = "".join(f"{u.id}-a 1 0 0.09 x\n{u.id}-a 1 0.09 {1 + place} y\n" for place, u in enumerate(utterances))
    (folder / "phone.ctm").write_text(times + "nobody 1 0 0.1 x\nshort\n")
    found = in_shards(folder, count)
    together = [problem for problems in found for problem in problems]
    whole = validate(folder)
    assert {Path(problem.file).name for problem in whole} >= {"phone.ctm", "wav.scp", "segments", "utt2spk"}
    assert sorted(together, key=repr) == sorted(whole, key=repr)


def test_line_images_are_shared_too(tmp_path):
    lines = []
    for i in range(5):
        path = tmp_path / f"{i}.png"
        Image.fromarray(np.full((20, 90), 255, np.uint8)).save(path)
        lines.append(Utterance(f"u{i}", str(path), "s", 90, height=20))
    (tmp_path / "3.png").write_bytes(b"none")
    write_manifest(tmp_path / "c.jsonl", lines)
    found = in_shards(tmp_path / "c.jsonl", 2)
    assert all(found)
    assert sorted((each for problems in found for each in problems), key=repr) == sorted(
        validate(tmp_path / "c.jsonl"), key=repr
    )


def test_every_file_is_heard_by_one_shard_and_then_by_none(utterances, opened, tmp_path, unitdisc):
    """Utterances of one file stay together."""
    halves = [replace(each, id=f"{each.id}b", start=2000, ticks=2000) for each in utterances]
    write_manifest(tmp_path / "c.jsonl", [*(replace(each, ticks=2000) for each in utterances), *halves])
    command = ("validate", tmp_path / "c.jsonl", "--cache", tmp_path / "cache")
    for index in (3, 1, 2):
        opened.clear()
        assert unitdisc(*command, "--shard", f"{index}/3").out.endswith("0 errors, 0 warnings\n")
        assert sorted(opened) == [f"u{i}" for i in range(index - 1, 9, 3)]
    opened.clear()
    assert unitdisc(*command).code == 0
    options = [*settings(training__steps=1), "--cache", tmp_path / "cache"]
    assert unitdisc("train", "small", tmp_path / "c.jsonl", tmp_path / "x", *options).code == 0
    assert not opened


def test_shards_at_the_same_time_keep_all_they_hear(utterances, tmp_path):
    write_manifest(tmp_path / "c.jsonl", utterances)
    fork = multiprocessing.get_context("fork")
    listen = partial(validate, tmp_path / "c.jsonl", cache=tmp_path / "x", workers=1)
    workers = [fork.Process(target=listen, kwargs={"shard": shard}) for shard in Shard(1, 4).siblings()]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert len(GoodRecordings(tmp_path / "x").known) == 9


def test_a_killed_shard_is_completed(utterances, opened, tmp_path, monkeypatch):
    write_manifest(tmp_path / "c.jsonl", utterances)
    monkeypatch.setattr(known_good, "SAVE_EVERY", 2)

    def work() -> None:
        original, left = GoodRecordings.add, [4]

        def fatal(self, *arguments):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            original(self, *arguments)

        GoodRecordings.add = fatal
        validate(tmp_path / "c.jsonl", cache=tmp_path / "x", workers=1, shard=Shard(1, 2))

    run_until_killed(work)
    for index in (1, 2):
        assert validate(tmp_path / "c.jsonl", cache=tmp_path / "x", shard=Shard(index, 2)) == []
    assert len(opened) == 9 - 2, "what was kept before the kill is not heard again"
    assert len(GoodRecordings(tmp_path / "x").known) == 9


def test_the_rate_of_most_does_not_depend_on_the_shard(utterances, tmp_path, monkeypatch):
    """A shard may have none but the odd ones; of many files without a rate some headers say it."""
    for seed, odd in enumerate(utterances[::3], start=9):
        soundfile.write(odd.path, 0.1 * np.random.default_rng(seed).standard_normal(4000), 8000)
    monkeypatch.setattr(validation, "HEADERS", 5)
    write_manifest(tmp_path / "c.jsonl", [replace(each, rate=None) for each in utterances])
    found = in_shards(tmp_path / "c.jsonl", 3)
    assert [len(problems) for problems in found] == [3, 0, 0]
    assert all("has 8000 samples per second, but most have 16000" in problem.what for problem in found[0])
    assert in_shards(tmp_path / "c.jsonl", 3, rate=8000)[0] == []
