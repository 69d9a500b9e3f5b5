"""Processes that train together share the recordings, and agree on what can be used."""

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch.distributed as dist

from unitdisc.corpus import Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.validation import recordings
from unitdisc.corpus.validation.known_good import GoodRecordings
from unitdisc.corpus.validation.usable_corpus import usable_table
from unitdisc.data.acoustic_features import AcousticFeatures

RATE = 16_000


@pytest.fixture
def corpus(tmp_path) -> Path:
    """Eleven utterances of nine files, whose rates are not listed; something is wrong with five."""
    utterances = []
    for i in range(9):
        path = tmp_path / f"u{i}.wav"
        soundfile.write(path, 0.1 * np.random.default_rng(i).standard_normal(4000), 8000 if i == 2 else RATE)
        utterances.append(Utterance(f"u{i}", str(path), "s", 4000))
    soundfile.write(utterances[1].path, np.zeros(4000), RATE)
    Path(utterances[4].path).write_bytes(b"no sound")
    late, part = replace(utterances[5], id="late", start=3000), replace(utterances[6], id="part", ticks=900)
    utterances[7] = replace(utterances[7], ticks=10)
    write_manifest(tmp_path / "c.jsonl", [*utterances, late, part])
    return tmp_path / "c.jsonl"


def use(corpus: Path, cache: Path, output: Path, rank: int = 0, world: int = 1) -> None:
    """Writes what a process finds in a corpus, and which files it opens."""
    if world > 1:
        rendezvous = f"file://{output.parent / 'rendezvous'}"
        dist.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=world)
    opened, original = [], recordings.open_audio
    recordings.open_audio = lambda path, *rest: [opened.append(Path(path).stem), original(path, *rest)][1]
    table = usable_table(corpus, AcousticFeatures(), CorpusAccess(cache), thorough=True)
    recordings.open_audio = original
    found = [[utterance.id, utterance.rate] for utterance in table]
    output.write_text(json.dumps({"found": found, "opened": sorted(opened)}))


@pytest.mark.parametrize("world", [2, 3])
def test_every_file_is_opened_by_one_process_and_all_know_what_is_wrong(corpus, tmp_path, capfd, world):
    use(corpus, tmp_path / "alone", tmp_path / "alone.json")
    alone, said = json.loads((tmp_path / "alone.json").read_text()), capfd.readouterr().err
    assert len(alone["found"]) == 6
    assert said.count("left out: ") == 5
    fork = multiprocessing.get_context("fork")
    outputs = [tmp_path / f"{rank}.json" for rank in range(world)]
    processes = [
        fork.Process(target=use, args=(corpus, tmp_path / "x", outputs[rank], rank, world)) for rank in range(world)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * world
    found = [json.loads(output.read_text()) for output in outputs]
    assert all(each["found"] == alone["found"] for each in found)
    assert sorted(name for each in found for name in each["opened"]) == alone["opened"]
    assert all(len(each["opened"]) < 6 for each in found)
    assert "".join(line for line in capfd.readouterr().err.splitlines(True) if "left out" in line) == said
    kept = [GoodRecordings(tmp_path / name).known.tolist() for name in ("alone", "x")]
    assert kept[0] == kept[1]
