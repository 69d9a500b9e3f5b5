"""A tiny experiment made once for many tests, and the command line as a person calls it, but without a process.

Test files that use them say `pytest_plugins = ["tiny_fixtures"]`.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import typer
from tiny import line_settings, make_corpus, make_lines, settings

from unitdisc import commands as cli
from unitdisc.api.encode import encode, features
from unitdisc.api.train import train
from unitdisc.corpus.validation import recordings
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.model import PROBE_POINTS

command_of = cache(typer.main.get_command)  # else made anew for every run, which takes as long as many a run


@dataclass(frozen=True)
class Finished:
    """What a command left on the terminal."""

    code: int
    out: str
    err: str


@pytest.fixture
def unitdisc(monkeypatch, capsys) -> Callable[..., Finished]:
    """Runs `unitdisc ARGUMENTS` in this process."""

    def run(*arguments: str | Path) -> Finished:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["unitdisc", *map(str, arguments)])
        monkeypatch.setattr(typer.main, "get_command", command_of)
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        return Finished(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory) -> Path:
    """The manifest of a tiny corpus; not to be changed."""
    return make_corpus(tmp_path_factory.mktemp("tiny") / "corpus")


@pytest.fixture(scope="session")
def tiny_experiment(tiny_corpus) -> Path:
    """An experiment trained on the tiny corpus for a few steps; not to be changed."""
    folder = tiny_corpus.parent.parent / "experiment"
    train("small", tiny_corpus, folder, settings()[1::2], device="cpu")
    return folder


@pytest.fixture(scope="session")
def tiny_encodings(tiny_corpus, tiny_experiment) -> Path:
    """The tiny corpus at every probe point of the tiny experiment, and its features; not to be changed."""
    folder = tiny_corpus.parent.parent / "encodings"
    encode(tiny_experiment, tiny_corpus, folder, PROBE_POINTS, device="cpu")
    features(tiny_corpus, folder / "mfcc", AcousticFeatures(normalise="none"))
    return folder


@pytest.fixture(scope="session")
def tiny_lines(tmp_path_factory) -> Path:
    """The manifest of a tiny corpus of line images; not to be changed."""
    return make_lines(tmp_path_factory.mktemp("lines") / "corpus")


@pytest.fixture(scope="session")
def tiny_line_experiment(tiny_lines) -> Path:
    """An experiment trained on the tiny line images for a few steps; not to be changed."""
    folder = tiny_lines.parent.parent / "experiment"
    train("small-handwriting", tiny_lines, folder, line_settings()[1::2], device="cpu")
    return folder


@pytest.fixture(scope="session")
def tiny_line_encodings(tiny_lines, tiny_line_experiment) -> Path:
    """The tiny line images at every probe point of their experiment, and their columns; not to be changed."""
    folder = tiny_lines.parent.parent / "encodings"
    encode(tiny_line_experiment, tiny_lines, folder, PROBE_POINTS, device="cpu")
    features(tiny_lines, folder / "columns", ColumnFeatures(height=16))
    return folder


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """The names of the files that are listened to."""
    names, original = [], recordings.open_audio

    def open_audio(path, *rest):
        names.append(Path(path).stem)
        return original(path, *rest)

    monkeypatch.setattr(recordings, "open_audio", open_audio)
    return names
