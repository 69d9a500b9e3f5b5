"""All that evaluation reads, small and right, and ways to spoil it; paths are those of the working directory."""

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from unitdisc.clustering.codebook_files import write_codebook
from unitdisc.corpus import Interval, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.encodings import Encoding, EncodingsWriter
from unitdisc.evaluation.zerospeech.submissions import PARTS

Spoil = Callable[[], None]

RATE, STRIDE, FRAMES, DIM = 16_000, 160, 40, 3
NAMES = ("u0", "u1", "u2", "u3")
HEADINGS = "#file onset offset #phone prev-phone next-phone speaker\n"


# A small folder of everything, right


def frames(utterance: str) -> np.ndarray:
    return np.random.default_rng(int(utterance[1:])).standard_normal((FRAMES, DIM)).astype(np.float32)


def utterance(home: Path, name: str, tier: str = "phone") -> Utterance:
    """0.4 s of `x a x b x a x b` by one of two speakers."""
    phones = [Interval(800 * i, 800 * (i + 1), label) for i, label in enumerate("xaxbxaxb")]
    path, voice = str(home / f"{name}.wav"), int(name[1:]) % 2
    return Utterance(name, path, f"s{voice}", FRAMES * STRIDE, RATE, 0, "fm"[voice], alignment={tier: phones})


def items(end: Callable[[int], float], start: Callable[[int], float]) -> str:
    lines = [
        f"{name} {start(i):g} {end(i):g} {'ab'[i % 2]} x x s{int(name[1:]) % 2}\n" for name in NAMES for i in range(4)
    ]
    return HEADINGS + "".join(lines)


def write_encodings(folder: Path, regular: bool = True) -> None:
    grid = {"point": folder.name, "stride": STRIDE, "offset": STRIDE / 2, "rate": RATE}
    writer = EncodingsWriter(folder, grid if regular else {"point": folder.name, "rate": RATE})
    for name in NAMES:
        centres = STRIDE * (np.arange(FRAMES) + 0.5)
        writer.write(Encoding(name, centres, frames(name), np.arange(FRAMES) // 5 % 3), regular)
    writer.finish()


META = {
    "author": "A",
    "affiliation": "B",
    "description": "C",
    "open_source": False,
    "train_set": "D",
    "visually_grounded": False,
    "gpu_budget": 0.0,
    "parameters": {
        "phonetic": {"metric": "cosine", "frame_shift": 0.01},
        "semantic": {"metric": "cosine", "pooling": "mean"},
    },
}


def write_everything(home: Path) -> None:
    """Corpora, encodings, item files, gold, and the data of three challenges: small, and nothing wrong with them."""
    write_manifest(home / "corpus.jsonl", (utterance(home, name) for name in NAMES))
    write_manifest(home / "found.jsonl", (utterance(home, name, "segment") for name in NAMES))
    write_encodings(home / "enc")
    write_encodings(home / "irregular", regular=False)
    (home / "theirs").mkdir()
    for name in NAMES:
        np.save(home / "theirs" / f"{name}.npy", frames(name))
    (home / "test.item").write_text(items(lambda i: (i + 1) / 10, lambda i: i / 10))
    (home / "gold.phn").write_text("f 0 0.1 a\nf 0.1 0.2 b\nf 0.2 0.3 a\n")
    (home / "gold.wrd").write_text("f 0 0.2 ab\nf 0.2 0.3 a\n")
    (home / "found.class").write_text("Class 1\nf 0 0.1\nf 0.2 0.3\n\n")
    write_codebook(home / "book/codes.npy", frames("u0")[:4], {"frames_of": {"point": "enc"}})
    write_2017(home)
    write_2019(home)
    write_2021(home)


def write_2017(home: Path) -> None:
    write_encodings(home / "enc17/english/1s/bottleneck")
    (home / "data17/english").mkdir(parents=True)
    shutil.copy(home / "test.item", home / "data17/english/1s.item")


def write_2019(home: Path) -> None:
    (home / "data19/english").mkdir(parents=True)
    (home / "data19/english.item").write_text(items(lambda i: 1, lambda i: 0))
    (home / "data19/english/bitrate_filelist.txt").write_text("".join(f"{name}.txt 0.4\n" for name in NAMES))
    (home / "sub19/english/test").mkdir(parents=True)
    (home / "sub19/metadata.yaml").write_text('abx distance: "dtw_cosine"\n')
    for name in NAMES:
        np.savetxt(home / "sub19/english/test" / f"{name}.txt", frames(name)[:4], fmt="%.2f")


def write_2021(home: Path) -> None:
    write_encodings(home / "enc21/dev-clean/bottleneck")
    (home / "data21").mkdir()
    shutil.copy(home / "test.item", home / "data21/dev-clean.item")
    for part in PARTS:
        (home / "sub21/phonetic" / part).mkdir(parents=True)
        for name in NAMES:
            np.savetxt(home / "sub21/phonetic" / part / f"{name}.txt", frames(name), fmt="%.4f")
    (home / "sub21/meta.yaml").write_text(json.dumps(META, indent=1))


# What is done to it


def nothing() -> None:
    pass


def array(path: str, values, **options) -> Spoil:
    return lambda: np.save(path, values, **options)


def content(path: str, text: str | bytes) -> Spoil:
    return lambda: Path(path).write_bytes(text if isinstance(text, bytes) else text.encode())


def changed(path: str, old: str, new: str, times: int = 1) -> Spoil:
    """Replaces the first `times` occurrences of a text, all by -1."""

    def change() -> None:
        text = Path(path).read_text()
        assert old in text
        Path(path).write_text(text.replace(old, new, times))

    return change


def cut(path: str, size: int) -> Spoil:
    return lambda: Path(path).write_bytes(Path(path).read_bytes()[:size])


def gone(path: str) -> Spoil:
    return lambda: shutil.rmtree(path) if Path(path).is_dir() else Path(path).unlink()


def folder(path: str) -> Spoil:
    return Path(path).mkdir


def both(*changes: Spoil) -> Spoil:
    def change() -> None:
        for each_change in changes:
            each_change()

    return change


def header(text: str = "", shape: tuple[int, ...] = ()) -> bytes:
    """A .npy file of version 1 with any header, or one of numbers of any shape, and no numbers."""
    text = text or f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def with_value(path: str, value: float, dtype=np.float32) -> Spoil:
    """Puts a value into the second row, first column."""

    def change() -> None:
        values = np.load(path).astype(dtype)
        values[1, 0] = value
        np.save(path, values)

    return change


def archive(path: str) -> Spoil:
    def change() -> None:
        with Path(path).open("wb") as file:
            np.savez(file, a=np.zeros(3))

    return change


def settings(**values) -> Spoil:
    """encodings.json with other values."""

    def change() -> None:
        path = Path("enc/encodings.json")
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def codes(text: str) -> Spoil:
    """units.jsonl with another line of u1."""

    def change() -> None:
        path = Path("enc/units.jsonl")
        lines = path.read_text().splitlines()
        lines[1] = text
        path.write_text("\n".join(lines) + "\n")

    return change


def item(text: str) -> Spoil:
    """test.item with another third line."""

    def change() -> None:
        lines = Path("test.item").read_text().splitlines()
        lines[2] = text
        Path("test.item").write_text("\n".join(lines) + "\n")

    return change


def tiers(edit: Callable[[dict], None], manifest: str = "corpus.jsonl") -> Spoil:
    """The second line of a manifest, edited."""

    def change() -> None:
        lines = Path(manifest).read_text().splitlines()
        entry = json.loads(lines[1])
        edit(entry)
        lines[1] = json.dumps(entry)
        Path(manifest).write_text("\n".join(lines) + "\n")

    return change


def each(edit: Callable[[dict], None], manifest: str = "corpus.jsonl") -> Spoil:
    """All lines of a manifest, edited."""

    def change() -> None:
        entries = [json.loads(line) for line in Path(manifest).read_text().splitlines()]
        for entry in entries:
            edit(entry)
        Path(manifest).write_text("".join(json.dumps(entry) + "\n" for entry in entries))

    return change
