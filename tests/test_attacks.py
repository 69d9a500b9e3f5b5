"""What others made is opened: nothing that came with it runs, and nothing is written but where it was asked for."""

import io
import json
import os
import pickle
import shutil
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from manuscripts import alto
from PIL import Image
from tiny import RATE, record

from unitdisc.api.prepare import prepare
from unitdisc.clustering.codebook_files import read_codebook
from unitdisc.encodings import Encodings
from unitdisc.evaluation.foreign import open_encodings
from unitdisc.experiment.experiment import load
from unitdisc.language.storage import open_language_model

pytest_plugins = ["tiny_fixtures"]
PROCESSES = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pty.spawn", "os.startfile")
NETWORK = ("socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request")
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod")
HARMLESS = ("collections", "torch", "numpy", "_codecs")  # what pickles of tensors and arrays name
watched: list[tuple[str, tuple]] | None = None
hooked = False


def hear(event: str, arguments: tuple) -> None:
    if watched is not None and (event in (*PROCESSES, *NETWORK, *CHANGES, "pickle.find_class") or event == "open"):
        watched.append((event, arguments))


@contextmanager
def watching(*allowed: Path) -> Iterator[list[str]]:
    """Gives what was done that should not be: processes, connections, classes of pickles, writing elsewhere."""
    global watched, hooked
    if not hooked:
        sys.addaudithook(hear)
        hooked = True
    watched, found = [], []
    try:
        yield found
    finally:
        seen, watched = watched, None
        found += [each for event, arguments in seen if (each := wrong(event, arguments, allowed))]


def wrong(event: str, arguments: tuple, allowed: tuple[Path, ...]) -> str:
    if event == "pickle.find_class":
        return "" if arguments[0].partition(".")[0] in HARMLESS else f"pickle names {arguments}"
    if event not in ("open", *CHANGES):
        return f"{event} {arguments}"
    if event == "open":
        writes = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        paths = arguments[:1] if writes else ()
    else:
        paths = arguments[:2] if event in ("os.rename", "os.link", "os.symlink") else arguments[:1]
    real = [Path(os.path.realpath(os.fsdecode(path))) for path in paths if isinstance(path, (str, bytes, os.PathLike))]
    out = [path for path in real if not any(path.is_relative_to(os.path.realpath(place)) for place in allowed)]
    return f"{event} {out[0]}" if out and out[0] != Path(os.devnull) else ""


class Planted:
    """What a pickle would do to whoever loads it."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def pickled(value: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(value, 2))


def in_torch(value: object, path: Path) -> None:
    torch.save({"model": value}, path)


def in_array(value: object, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.array([value], object), allow_pickle=True)


OPENED: dict[str, Callable[[Path], object]] = {
    "model.safetensors": load,
    "experiment.json": load,
    "speakers.json": load,
    "statistics.json": lambda folder: load(folder)[0].signals(folder),
    "u00.npy": lambda folder: Encodings.open(folder)["u00"],
    "units.jsonl": Encodings.open,
    "encodings.json": Encodings.open,
    "a.npy": lambda folder: read_codebook(folder / "a.npy"),
    "a.pt": lambda folder: [*open_encodings(folder / "pt", RATE, 50.0)],
    "model.arpa": lambda folder: open_language_model(folder / "model.arpa"),
}


@pytest.fixture
def folder(tiny_experiment, tiny_encodings, tmp_path) -> Path:
    """An experiment and encodings in one folder."""
    home = shutil.copytree(tiny_experiment, tmp_path / "of others")
    shutil.copytree(tiny_encodings / "bottleneck", home, dirs_exist_ok=True)
    (home / "pt").mkdir()
    return home


def test_the_watch_sees_what_it_is_for(tmp_path):
    with watching(tmp_path / "in") as found:
        (tmp_path / "in").mkdir()
        (tmp_path / "out").mkdir()
        (tmp_path / "in/a").write_text("")
        (tmp_path / "in/a").rename(tmp_path / "out/a")
        os.system("true")
        pickle.loads(pickle.dumps(Planted(tmp_path / "planted")))
    assert [each.split()[0] for each in found] == ["os.mkdir", "os.rename", "os.system", "pickle", "os.mkdir"]


@pytest.mark.parametrize("write", [pickled, in_torch, in_array])
@pytest.mark.parametrize("name", OPENED)
def test_what_others_made_runs_nothing(folder, tmp_path, name, write):
    """Every file that is opened, in the place of which there is something that runs when it is unpickled."""
    path = folder / "pt" / name if name.endswith(".pt") else folder / name
    write(Planted(tmp_path / "harm"), path)
    with watching() as found, pytest.raises((ValueError, OSError)):
        OPENED[name](folder)
    assert not found
    assert not (tmp_path / "harm").exists()


# Folders and archives that are prepared


def line_image(path: Path) -> None:
    Image.fromarray(np.full((100, 400), 255, np.uint8)).save(path)


def pages(raw: Path, secret: Path) -> None:
    """Pages whose images are elsewhere, by every way to say so."""
    line_image(secret / "p.png")
    (raw / "link.png").symlink_to(secret / "p.png")
    for number, image in enumerate(("../secret/p.png", str(secret / "p.png"), "link.png", "file:///etc/passwd", "-")):
        (raw / f"p{number}.xml").write_text(alto(image=image), encoding="utf-8")


def samples(raw: Path, secret: Path) -> None:
    """A tar whose members lead out, link elsewhere, or are named to be code."""
    record(secret / "a.wav", 6400, 0)
    wave = (secret / "a.wav").read_bytes()
    with tarfile.open(raw / "a.tar", "w") as tar:
        for name in (
            "../../out.wav",
            "/tmp/unitdisc-absolute.wav",
            "ok.wav",
            "x/../../y.wav",
            "__init__.py",
            "CON.wav",
        ):
            info = tarfile.TarInfo(name)
            info.size = len(wave)
            tar.addfile(info, io.BytesIO(wave))
        for kind, name in ((tarfile.SYMTYPE, "s.wav"), (tarfile.LNKTYPE, "l.wav"), (tarfile.FIFOTYPE, "f.wav")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, str(secret / "a.wav")
            tar.addfile(info)


def cuts(raw: Path, secret: Path) -> None:
    """A list whose recordings are commands."""
    sources = [{"type": "command", "channels": [0], "source": f"touch {secret}/ran"}]
    sources += [{"type": "file", "channels": [0], "source": f"touch {secret}/ran |"}]
    rows = []
    for number, source in enumerate(sources):
        recording = {"id": "r", "sources": [source], "sampling_rate": RATE, "num_samples": 6400, "duration": 0.4}
        rows.append({"id": f"c{number}", "start": 0, "duration": 0.4, "channel": 0, "recording": recording})
    (raw / "cuts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def kaldi(raw: Path, secret: Path) -> None:
    """A data directory whose recordings are commands, and whose names lead out."""
    (raw / "wav.scp").write_text(f"a touch {secret}/ran |\n../../b {secret}/a.wav\n")
    (raw / "utt2spk").write_text("a s\n../../b ../s\n")


@pytest.mark.parametrize("make", [pages, samples, cuts, kaldi], ids=lambda make: make.__name__)
def test_a_folder_of_others_is_prepared_in_its_place_alone(make, tmp_path, monkeypatch):
    raw, secret, out = (tmp_path / name for name in ("raw", "secret", "out"))
    raw.mkdir()
    secret.mkdir()
    make(raw, secret)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(raw)
    with watching(out) as found, suppress(ValueError, OSError):
        prepare(raw, out)
    assert not found
    assert sorted(path for path in tmp_path.rglob("*") if not path.is_relative_to(out)) == before
    assert not [path for path in out.rglob("*") if path.is_symlink()]
