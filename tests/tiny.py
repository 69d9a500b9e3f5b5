"""What tests make tiny corpora and tiny models of."""

import sys
from pathlib import Path

import numpy as np
import soundfile

from unitdisc.corpus import Interval, Utterance
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.media.image import write_image

RATE = 16_000
OPTIONS = {
    "encoder.dim": 16,
    "bottleneck.num_codes": 8,
    "bottleneck.dim": 8,
    "bottleneck.warmup_steps": 3,
    "decoder.channels": 8,
    "decoder.layers": 2,
    "target.bins": 20,
    "training.steps": 6,
    "training.batch_size": 4,
    "training.crop": 16,
    "training.halve_at": "[4]",
    "training.checkpoint_every": 3,
    "training.valid_every": 3,
    "training.log_every": 1,
}


LINE_OPTIONS = OPTIONS | {
    "features.kind": "columns",
    "features.height": 16,
    "encoder.kind": "conv2d",
    "encoder.channels": "[4, 4, 8]",
    "decoder.kind": "columns",
    "training.crop": 32,
}
del LINE_OPTIONS["encoder.dim"], LINE_OPTIONS["target.bins"]


def settings(**more) -> list[str]:
    """The options of a model that trains in a second, as they stand on a command line."""
    return as_arguments(OPTIONS | {name.replace("__", "."): value for name, value in more.items()})


def line_settings(**more) -> list[str]:
    """The same for line images."""
    return as_arguments(LINE_OPTIONS | {name.replace("__", "."): value for name, value in more.items()})


def as_arguments(options: dict) -> list[str]:
    return [part for name, value in options.items() for part in ("--set", f"{name}={value}")]


def record(path: Path, ticks: int, seed: int, rate: int = RATE) -> None:
    """Noise that changes its colour."""
    noise = np.random.default_rng(seed).standard_normal(ticks)
    dull = np.convolve(noise, np.ones(8) / 8, "same")
    soundfile.write(path, 0.1 * np.concatenate([noise[: ticks // 2], dull[ticks // 2 :]]), rate)


def make_corpus(folder: Path, number: int = 12) -> Path:
    """A manifest of recordings of 0.4 to 0.8 seconds by three speakers, with phones."""
    folder.mkdir(parents=True, exist_ok=True)
    utterances = []
    for i in range(number):
        ticks = 6400 + 550 * i
        record(folder / f"u{i:02d}.wav", ticks, i)
        phones = [Interval(start, start + 800, "abcd"[(start // 800) % 4]) for start in range(0, ticks - 800, 800)]
        tiers = {"phone": phones}
        path, gender = str(folder / f"u{i:02d}.wav"), "fm"[i % 2]
        utterances.append(Utterance(f"u{i:02d}", path, f"s{i % 4}", ticks, RATE, gender=gender, alignment=tiers))
    write_manifest(folder / "corpus.jsonl", utterances)
    return folder / "corpus.jsonl"


def make_lines(folder: Path, number: int = 12) -> Path:
    """A manifest of line images 16 or 24 rows high by three writers: bars of four heights, `a` to `d`."""
    utterances = []
    for i in range(number):
        height, rng = (16, 24)[i % 2], np.random.default_rng(i)
        letters = [Interval(start, start + 8, "abcd"[rng.integers(4)]) for start in range(4, 100 + 6 * i, 12)]
        ink = np.zeros((letters[-1].end + 6, height))
        for start, end, label in letters:
            ink[start + 1 : end - 1, : height * (1 + "abcd".index(label)) // 4] = 1 - 0.2 * (i % 3)
        path = folder / f"line{i:02d}.png"
        write_image(path, ink)
        text, tiers = "".join(letter.label for letter in letters), {"character": letters}
        line = Utterance(path.stem, str(path), f"w{i % 3}", len(ink), text=text, alignment=tiers, height=height)
        utterances.append(line)
    write_manifest(folder / "lines.jsonl", utterances)
    return folder / "lines.jsonl"


def listed(manifest: Path) -> list[Utterance]:
    return list(read_manifest(manifest))


def tree(folder: Path) -> dict[str, bytes]:
    """Every file in a folder: relative path -> content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def made(*arguments: str | Path) -> None:
    """Runs a command in this process, for what it makes."""
    from unitdisc.commands import main  # here, for most tests know their command line

    sys.argv = ["unitdisc", *map(str, arguments)]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise RuntimeError(f"{arguments}: {end.code}") from end
