"""What is said of units before there are any, who else is in a folder, and which version this is."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from tiny import settings

from unitdisc import __version__
from unitdisc.api.export import parts_of_files
from unitdisc.bottlenecks.codes.codebooks import CodebookOptions
from unitdisc.bottlenecks.codes.quantiser import codebook_waits
from unitdisc.bottlenecks.residual_vq import ResidualQuantiser
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.files.locks import Holder, locked

pytest_plugins = ["tiny_fixtures"]


def test_the_version_is_one_short_line(unitdisc):
    said = unitdisc("--version")
    assert said.code == 0 and said.out.startswith(f"unitdisc {__version__} (Python 3.") and said.out.count("\n") == 1


@pytest.mark.parametrize(("done", "waits"), [((0, 0), (0, 8)), ((3, 0), (3, 8)), ((5, 1), (5, 8)), ((8, 4), None)])
def test_stages_of_a_codebook_begin_one_after_the_other(done, waits):
    stages = ResidualQuantiser(2, 2, CodebookOptions(num_codes=2, warmup_steps=4))
    for stage, steps in zip(stages.stages, done):
        stage.steps = torch.tensor(steps)
    assert codebook_waits(stages) == waits
    assert codebook_waits(torch.nn.Linear(1, 1)) is None


def test_a_codebook_that_has_not_begun_is_no_continuous_bottleneck(unitdisc, tiny_corpus, tmp_path):
    early = settings(training__steps=2, bottleneck__warmup_steps=5)
    assert unitdisc("train", "small", tiny_corpus, tmp_path / "exp", *early, "--device", "cpu").code == 0
    encode = ("encode", tmp_path / "exp", tiny_corpus, tmp_path / "enc", "--device", "cpu")
    assert "trained for 2 steps, and codes are placed after 5" in unitdisc(*encode).err
    why = "its codebook has not been started yet: the model was trained for 2 steps, and codes are placed after 5"
    for command in (
        ("export", tmp_path / "enc/bottleneck", tiny_corpus, tmp_path / "out"),
        ("score", tmp_path / "enc/bottleneck", tiny_corpus),
        ("segment", tmp_path / "enc/projection", tiny_corpus, tmp_path / "u", "--solver", "nearest"),
    ):
        more = ("--experiment", tmp_path / "exp") if command[0] == "segment" else ()
        said = unitdisc(*command, *more)
        assert said.code == 1 and why.replace("the model", "it" if more else "the model") in " ".join(said.err.split())
        assert "continuous" not in said.err
    shown = json.loads(unitdisc("inspect", tmp_path / "exp").out)
    assert shown["codebook"] == "not started: trained for 2 steps, codes are placed after 5"


def test_a_second_run_in_a_folder_ends_at_once(unitdisc, tiny_corpus, tmp_path):
    train = ("train", "small", tiny_corpus, tmp_path / "exp", *settings(training__steps=1), "--device", "cpu")
    features = ("features", tiny_corpus, tmp_path / "mfcc")
    with locked(tmp_path / "exp"), locked(tmp_path / "mfcc"):
        for command in (train, features):
            said = unitdisc(*command)
            assert said.code == 1 and f"another run is writing there: process {os.getpid()}, since" in said.err
            assert len(said.err.splitlines()) == 1
        assert [path.name for path in (tmp_path / "mfcc").iterdir()] == [".lock"]
    gone = json.dumps(asdict(replace(Holder.this(), process=2**22 + 1)))
    (tmp_path / "mfcc").mkdir(exist_ok=True)
    (tmp_path / "mfcc/.lock").write_text(gone)
    said = unitdisc(*features)
    assert said.code == 0 and "was killed there, and left its lock" in said.err
    assert not (tmp_path / "mfcc/.lock").exists() and (tmp_path / "mfcc/units.jsonl").exists()


def test_km_is_written_of_whole_files_alone(unitdisc, tiny_corpus, tiny_encodings, tmp_path):
    point, out = tiny_encodings / "bottleneck", tmp_path / "out"
    said = unitdisc("export", point, tiny_corpus, out, "--format", "km")
    assert said.code == 0, said.err
    table = (out / "units.tsv").read_text().splitlines()
    assert all((Path(table[0]) / row.split("\t")[0]).is_file() for row in table[1:])
    first, *others = read_manifest(tiny_corpus)
    assert list(parts_of_files([first])) == []
    shorter = replace(first, ticks=first.ticks // 2, alignment={})
    (why,) = parts_of_files([shorter])
    assert f"ends at sample {shorter.ticks}, and its file {first.path} at {first.ticks}" in why
    write_manifest(tmp_path / "packed.jsonl", [replace(first, path="000000.tar:81408"), *others])
    said = unitdisc("export", point, tmp_path / "packed.jsonl", tmp_path / "no", "--format", "km")
    assert said.code == 1 and "000000.tar, but fairseq, which reads .km, reads whole files" in said.err
    assert not (tmp_path / "no").exists()
    said = unitdisc("export", point, tmp_path / "packed.jsonl", tmp_path / "rest")
    assert said.code == 0 and "left out: the format km, for" in said.err
    assert {path.name for path in (tmp_path / "rest").iterdir()} == {
        "units.jsonl",
        "units.ctm",
        "textgrid",
        "elan",
        "audacity",
    }
