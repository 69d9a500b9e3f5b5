"""Recordings found good are not listened to again, all others are."""

import multiprocessing
import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import settings

from unitdisc.corpus import Utterance
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.corpus.table import UtteranceTable
from unitdisc.corpus.validation.checks import check_recordings
from unitdisc.corpus.validation.known_good import GoodRecordings
from unitdisc.corpus.validation.recordings import Listening
from unitdisc.corpus.validation.report import validate

pytest_plugins = ["tiny_fixtures"]

RATE = 16_000


@pytest.fixture
def corpus(tmp_path) -> list[Utterance]:
    made = []
    for i in range(4):
        path = tmp_path / "wav" / f"u{i}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, 0.1 * np.random.default_rng(i).standard_normal(4000), RATE)
        made.append(Utterance(f"u{i}", str(path), "s", 4000, RATE))
    return made


def check(utterances, folder: Path, **options):
    return check_recordings(UtteranceTable.of(utterances), Listening(**options), GoodRecordings(folder))


def test_good_recordings_are_heard_once(corpus, opened, tmp_path):
    first = check(corpus, tmp_path / "cache")
    assert sorted(opened) == ["u0", "u1", "u2", "u3"]
    opened.clear()
    again = check(corpus, tmp_path / "cache")
    assert not opened
    assert again.good.tolist() == first.good.tolist() == [0, 1, 2, 3]
    assert again.rates.tolist() == first.rates.tolist() == [RATE] * 4


def test_what_changed_is_heard_again(corpus, opened, tmp_path):
    check(corpus, tmp_path / "cache")
    opened.clear()
    os.utime(corpus[0].path, (1, 1))
    soundfile.write(corpus[1].path, np.zeros(4000), RATE)
    shorter = [*corpus[:2], replace(corpus[2], ticks=3000), replace(corpus[3], rate=8000)]
    found = check(shorter, tmp_path / "cache")
    assert sorted(opened) == ["u0", "u1", "u2", "u3"]
    assert found.good.tolist() == [0, 2]
    assert [problem.what.split()[-1] for problem in found.problems] == ["silent", "8000"]


def test_bad_recordings_are_named_every_time(corpus, opened, tmp_path):
    soundfile.write(corpus[2].path, np.zeros(4000), RATE)
    first = check(corpus, tmp_path / "cache").problems
    opened.clear()
    assert check(corpus, tmp_path / "cache").problems == first
    assert opened == ["u2"]


def test_other_rates_are_found_among_what_was_heard(corpus, tmp_path):
    soundfile.write(corpus[3].path, 0.1 * np.random.default_rng(9).standard_normal(4000), 8000)
    corpus[3] = replace(corpus[3], rate=None)
    assert not check(corpus, tmp_path / "cache", resample=True).problems
    (problem,) = check(corpus, tmp_path / "cache").problems
    assert problem.what == "has 8000 samples per second, but most have 16000"


def test_a_rate_is_said_to_be_mislisted_even_if_resampling_was_allowed_before(corpus, opened, tmp_path):
    corpus[3] = replace(corpus[3], rate=8000, ticks=2000)
    assert not check(corpus, tmp_path / "cache", resample=True).problems
    opened.clear()
    assert not check(corpus, tmp_path / "cache", resample=True).problems
    assert not opened
    (problem,) = check(corpus, tmp_path / "cache").problems
    assert problem.what == "has 16000 samples per second, but u3 is listed with 8000"


def test_a_glance_is_not_kept_but_spared(corpus, opened, tmp_path):
    check(corpus, tmp_path / "cache", thorough=False)
    assert not (tmp_path / "cache").exists()
    check(corpus, tmp_path / "cache")
    opened.clear()
    check(corpus, tmp_path / "cache", thorough=False)
    assert not opened


@pytest.mark.parametrize("content", [b"", b"torn", b"\x93NUMPY"])
def test_a_damaged_record_counts_as_none(corpus, opened, tmp_path, content):
    check(corpus, tmp_path / "cache")
    (record,) = (tmp_path / "cache").iterdir()
    record.write_bytes(content)
    opened.clear()
    check(corpus, tmp_path / "cache")
    assert len(opened) == 4
    (record,) = (tmp_path / "cache").iterdir()
    assert len(np.load(record)) == 4


def test_without_a_folder_nothing_is_kept(corpus, opened):
    check(corpus, None)
    check(corpus, None)
    assert len(opened) == 8


def test_records_of_two_runs_are_kept_together(tmp_path):
    one, other = GoodRecordings(tmp_path), GoodRecordings(tmp_path)
    keys = np.random.default_rng(0).integers(1, 2**63, (6, 2)).astype(np.uint64)
    for place, record in enumerate([one, other, one, other, one, other]):
        record.add(keys[place], 100 + place)
    one.save()
    other.save()
    assert GoodRecordings(tmp_path).rates(keys).tolist() == [100, 101, 102, 103, 104, 105]
    assert GoodRecordings(tmp_path).rates(keys ^ np.array([0, 1], np.uint64)).tolist() == [0] * 6
    assert GoodRecordings(tmp_path).rates(keys ^ np.array([1, 0], np.uint64)).tolist() == [0] * 6
    assert GoodRecordings(tmp_path).rates(np.zeros((1, 2), np.uint64)).tolist() == [0]


def add_some(folder: Path, number: int) -> None:
    """Adds 100 recordings one by one."""
    record = GoodRecordings(folder)
    for key in keys_of(number):
        record.add(key, RATE)
        record.save()


@cache
def keys_of(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(1, 2**63, (100, 2)).astype(np.uint64)


def test_processes_that_add_at_the_same_time_lose_nothing(tmp_path):
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=add_some, args=(tmp_path, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        known = GoodRecordings(tmp_path)  # while they are at it
        assert all((GoodRecordings(tmp_path).rates(known.known[:, :2]) == RATE).all() for _ in range(2))
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert all((GoodRecordings(tmp_path).rates(keys_of(number)) == RATE).all() for number in range(4))
    assert len(list(tmp_path.iterdir())) < 20


def test_many_files_become_few(tmp_path):
    add_some(tmp_path, 1)
    assert len(list(tmp_path.iterdir())) <= 8
    assert (GoodRecordings(tmp_path).rates(keys_of(1)) == RATE).all()


@pytest.mark.parametrize("call", ["replace", "unlink"])
def test_a_killed_process_loses_no_more_than_its_last(tmp_path, monkeypatch, call):
    add_some(tmp_path, 1)
    record = GoodRecordings(tmp_path)
    for key in keys_of(2):
        record.add(key, RATE)

    def fatal(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, call, fatal)
        record.save()
    left = GoodRecordings(tmp_path)
    assert (left.rates(keys_of(1)) == RATE).all()
    assert (left.rates(keys_of(2)) == (RATE if call == "unlink" else 0)).all()


def test_what_an_older_version_kept_is_known(corpus, opened, tmp_path):
    check(corpus, tmp_path / "cache")
    (record,) = (tmp_path / "cache").iterdir()
    record.rename(record.with_name("heard.npy"))
    opened.clear()
    check(corpus, tmp_path / "cache")
    assert not opened


def test_what_was_good_by_other_rules_is_heard_again(corpus, opened, tmp_path, monkeypatch):
    check(corpus, tmp_path / "cache")
    opened.clear()
    monkeypatch.setattr("unitdisc.corpus.validation.known_good.RULES", 1)
    check(corpus, tmp_path / "cache")
    assert len(opened) == len(corpus)


def test_training_does_not_listen_to_what_was_validated(corpus, opened, tmp_path, unitdisc):
    write_manifest(tmp_path / "corpus.jsonl", corpus)
    listen = ("validate", tmp_path / "corpus.jsonl", "--cache", tmp_path / "cache")
    assert unitdisc(*listen).code == 0
    assert len(opened) == 4
    opened.clear()
    assert unitdisc(*listen).out.endswith("0 errors, 0 warnings\n")
    options = [*settings(training__steps=1), "--cache", tmp_path / "cache"]
    assert unitdisc("train", "small", tmp_path / "corpus.jsonl", tmp_path / "x", *options).code == 0
    assert not opened


def test_what_validation_finds_is_the_same_with_a_record(corpus, tmp_path):
    soundfile.write(corpus[2].path, np.zeros(4000), RATE)
    write_manifest(tmp_path / "corpus.jsonl", [*corpus, replace(corpus[0], id="late", start=3000, ticks=2000)])
    plain = validate(tmp_path / "corpus.jsonl")
    assert [problem.line for problem in plain] == [1, 4]
    for _ in range(2):
        assert validate(tmp_path / "corpus.jsonl", cache=tmp_path / "cache") == plain


def test_a_trusted_corpus_is_not_looked_at(corpus, opened, tmp_path, unitdisc):
    soundfile.write(corpus[0].path, np.zeros(4000), RATE)
    write_manifest(tmp_path / "corpus.jsonl", corpus)
    made = unitdisc("features", tmp_path / "corpus.jsonl", tmp_path / "mfcc", "--trust")
    assert made.code == 0 and not opened
    assert "u0.wav: u0 is silent; take it off the list" in made.err  # found when it is needed


def test_a_trusted_file_whose_rate_nobody_knows_and_that_is_missing_is_left_out(corpus, tmp_path, unitdisc):
    Path(corpus[1].path).unlink()
    write_manifest(tmp_path / "corpus.jsonl", [replace(utterance, rate=None) for utterance in corpus])
    made = unitdisc("features", tmp_path / "corpus.jsonl", tmp_path / "mfcc", "--trust")
    assert made.code == 0
    assert f"{corpus[1].path}: no such file" in made.err
    assert f"1 left out, {len(corpus) - 1} kept" in made.err
    shard = unitdisc("features", tmp_path / "corpus.jsonl", tmp_path / "shards", "--trust", "--shard", "1/2")
    assert shard.code == 1 and f"{corpus[1].path}: no such file" in shard.err  # others might divide another corpus


def test_a_list_is_trusted_no_further_than_it_goes(corpus, opened, tmp_path, unitdisc):
    """Another rate or no length is seen from the list; a rate that it does not say, from the file."""
    soundfile.write(corpus[3].path, 0.1 * np.random.default_rng(9).standard_normal(4000), 8000)
    unknown = replace(corpus[3], rate=None)
    listed = [corpus[0], replace(corpus[1], rate=8000), replace(corpus[2], ticks=10), unknown]
    write_manifest(tmp_path / "corpus.jsonl", listed)
    made = unitdisc("features", tmp_path / "corpus.jsonl", tmp_path / "mfcc", "--trust")
    assert made.code == 0
    assert "u1 has 8000 samples per second, but must have 16000" in made.err
    assert "u2 is shorter than half a frame (10 samples)" in made.err
    assert "u3 has 8000 samples per second" in made.err
    assert "3 left out, 1 kept" in made.err
    assert [each.id for each in read_manifest(tmp_path / "corpus.jsonl")] == ["u0", "u1", "u2", "u3"]
