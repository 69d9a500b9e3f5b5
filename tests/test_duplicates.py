"""What a list, or two lists of a split, hold more than once."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import RATE

from unitdisc.corpus import Problem, Utterance
from unitdisc.corpus.kaldi.writing import write_kaldi
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.validation import duplicates
from unitdisc.corpus.validation.report import validate
from unitdisc.jobs import Shard
from unitdisc.media.image import write_image

pytest_plugins = ["tiny_fixtures"]


def noise(seed: int, ticks: int = 4000) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(ticks)


def recorded(path: Path, seed: int) -> str:
    soundfile.write(path, noise(seed), RATE)
    return str(path)


def said(problems: list[Problem], folder: Path) -> list[str]:
    return [
        f"{Path(p.file).name}:{p.line} {p.what}".replace(f"{folder}/", "") for p in problems if "least" not in p.what
    ]


@pytest.fixture
def manifest(tmp_path) -> Path:
    """Copies, a symbolic link, a copy of which the middle differs, the same part twice, and parts of one file."""
    paths = {name: recorded(tmp_path / f"{name}.wav", seed) for seed, name in enumerate("abc")}
    shutil.copy(paths["a"], tmp_path / "copy.wav")
    (tmp_path / "link.wav").symlink_to(paths["b"])
    content = bytearray((tmp_path / "c.wav").read_bytes())
    content[4000] ^= 1
    (tmp_path / "nearly.wav").write_bytes(content)
    names = ["a", "b", "c", "copy", "link", "nearly"]
    made = [Utterance(f"{i}-{name}", str(tmp_path / f"{name}.wav"), "s", 4000, RATE) for i, name in enumerate(names)]
    made += [Utterance("6-c", paths["c"], "s", 4000, RATE), Utterance("7-part", paths["c"], "s", 2000, RATE)]
    write_manifest(tmp_path / "c.jsonl", made)
    content = (tmp_path / "c.jsonl").read_text().replace('"4-link", "path": "b.wav"', '"4-link", "path": "link.wav"')
    (tmp_path / "c.jsonl").write_text(content)
    return tmp_path / "c.jsonl"


IN_ONE = [
    "c.jsonl:4 copy.wav is equal to a.wav of line 1",
    "c.jsonl:5 link.wav is equal to b.wav of line 2",
    "c.jsonl:7 '6-c' is the same part of c.wav as '2-c' of line 3",
]


@pytest.mark.parametrize("ends", [1 << 16, 100])
def test_what_is_there_twice_is_found(manifest, tmp_path, monkeypatch, ends):
    """Whether the ends of files are all of them or not; with a cache, of which another run has the rest."""
    monkeypatch.setattr(duplicates, "ENDS", ends)
    assert said(validate(manifest), tmp_path) == IN_ONE
    assert {problem.severity for problem in validate(manifest)} == {"warning"}
    opened = []
    own = duplicates.digest
    monkeypatch.setattr(duplicates, "digest", lambda *args: opened.append(args) or own(*args))
    for again in (False, True):
        opened.clear()
        assert said(validate(manifest, cache=tmp_path / "cache"), tmp_path) == IN_ONE
        assert bool([args for args in opened if len(args) > 1]) != again  # what is not changed is not opened again
    for count in (2, 5):
        shards = [validate(manifest, cache=tmp_path / "cache", shard=shard) for shard in Shard(1, count).siblings()]
        assert sorted(line for some in shards for line in said(some, tmp_path)) == IN_ONE
    recorded(tmp_path / "copy.wav", 9)
    assert said(validate(manifest, cache=tmp_path / "cache"), tmp_path) == IN_ONE[1:]


def test_files_of_all_sizes_are_not_opened(tmp_path, monkeypatch):
    for number in range(3):
        soundfile.write(tmp_path / f"{number}.wav", noise(number, 3000 + number), RATE)
    made = [Utterance(f"u{i}", str(tmp_path / f"{i}.wav"), None, 3000 + i, RATE) for i in range(3)]
    write_manifest(tmp_path / "c.jsonl", made)
    monkeypatch.setattr(duplicates, "digest", lambda *args: pytest.fail("opened"))
    assert validate(tmp_path / "c.jsonl") == []


def split(tmp_path: Path) -> tuple[list[Utterance], list[Utterance]]:
    paths = {name: recorded(tmp_path / f"{name}.wav", seed) for seed, name in enumerate("abcd")}
    shutil.copy(paths["b"], tmp_path / "copy.wav")
    train = [
        Utterance("1", paths["a"], "s", 4000, RATE),
        Utterance("2", paths["b"], "s", 4000, RATE),
        Utterance("3", paths["c"], "s", 2000, RATE),
        Utterance("5", paths["d"], "s", 4000, RATE, channel=0),
    ]
    test = [
        Utterance("1", paths["a"], "s", 4000, RATE),  # the same line
        Utterance("4", str(tmp_path / "copy.wav"), "s", 3000, RATE, 900),  # most of a copy
        Utterance("6", paths["c"], "s", 2100, RATE, 1900),  # another part, but for a little
        Utterance("7", paths["c"], "s", 1500, RATE, 1000),
    ]
    return train, test


IN_BOTH = [
    "test.jsonl:1 '1' is in train.jsonl, too: '1' of line 1",
    "test.jsonl:2 '4' is in train.jsonl, too: '2' of line 2",
    "test.jsonl:4 '7' is in train.jsonl, too: '3' of line 3",
    "test.jsonl:None 1 of its 1 speakers are in train.jsonl, too, as 's'",
]


def test_what_two_lists_have_in_common_is_found(unitdisc, tmp_path):
    train, test = split(tmp_path)
    for name, some in (("train", train), ("test", test)):
        write_manifest(tmp_path / f"{name}.jsonl", some)
    paths = [tmp_path / "train.jsonl", tmp_path / "test.jsonl"]
    assert [said(validate(path), tmp_path) for path in paths] == [[], []]
    found = validate(*paths)
    assert sorted(said(found, tmp_path)) == IN_BOTH
    assert {problem.severity for problem in found} == {"warning"}
    shards = [validate(*paths, shard=shard) for shard in Shard(1, 3).siblings()]
    assert sorted(line for some in shards for line in said(some, tmp_path)) == IN_BOTH
    result = unitdisc("validate", *paths)
    assert result.code == 0
    assert result.out == f"{paths[0]}, {paths[1]}: 0 errors, 4 warnings\n"
    assert "what is tested was learned" in result.err
    assert unitdisc("validate", *paths, tmp_path / "none.jsonl").code == 1


def test_kaldi_directories_are_compared_too(tmp_path):
    train, test = split(tmp_path)
    write_manifest(tmp_path / "train.jsonl", train[:3])
    write_kaldi(tmp_path / "test", test)
    about = [line for line in said(validate(tmp_path / "train.jsonl", tmp_path / "test"), tmp_path) if "too" in line]
    assert about == [line.replace("test.jsonl", "segments") for line in IN_BOTH[:-1]]  # speakers are of manifests
    wavs = "".join(f"{name} {tmp_path / path}.wav\n" for name, path in (("x", "a"), ("y", "b"), ("z", "copy")))
    (tmp_path / "whole").mkdir()
    for name, content in (("wav.scp", wavs + f"zz {tmp_path / 'a.wav'}\n"), ("utt2spk", "x s\ny s\nz s\nzz s\n")):
        (tmp_path / "whole" / name).write_text(content)
    found = [line for line in said(validate(tmp_path / "whole"), tmp_path) if "equal" in line or "same" in line]
    assert found == [
        "wav.scp:3 copy.wav is equal to b.wav of line 2",
        "wav.scp:4 'zz' is the same part of a.wav as 'x' of line 1",
    ]


def test_two_channels_are_no_repetition(tmp_path):
    soundfile.write(tmp_path / "c.wav", np.stack([noise(1), noise(2)], 1), RATE)
    one, other = (Utterance(f"u{i}", str(tmp_path / "c.wav"), None, 4000, RATE, channel=i) for i in (0, 1))
    write_manifest(tmp_path / "both.jsonl", [one, other])
    for name, utterance in (("train", one), ("test", other)):
        write_manifest(tmp_path / f"{name}.jsonl", [utterance])
    assert validate(tmp_path / "both.jsonl") == validate(tmp_path / "train.jsonl", tmp_path / "test.jsonl") == []


def test_lines_of_writing_are_compared(tmp_path):
    ink = np.random.default_rng(0).random((60, 20))
    for name in ("a", "b"):
        write_image(tmp_path / f"{name}.png", ink)
    lines = [Utterance(name, str(tmp_path / f"{name}.png"), None, 60, height=20) for name in "ab"]
    write_manifest(tmp_path / "both.jsonl", lines)
    assert said(validate(tmp_path / "both.jsonl"), tmp_path) == ["both.jsonl:2 b.png is equal to a.png of line 1"]
    for name, line in zip(("train", "test"), lines):
        write_manifest(tmp_path / f"{name}.jsonl", [line])
    found = said(validate(tmp_path / "train.jsonl", tmp_path / "test.jsonl"), tmp_path)
    assert found == ["test.jsonl:1 'b' is in train.jsonl, too: 'a' of line 1"]
