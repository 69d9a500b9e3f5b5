"""What tests make tiny corpora and tiny models of."""

from pathlib import Path

import numpy as np
import soundfile

from unitdisc.corpus import Interval, Utterance, read_manifest, write_manifest

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


def settings(**more) -> list[str]:
    """The options of a model that trains in a second, as they stand on a command line."""
    options = OPTIONS | {name.replace("__", "."): value for name, value in more.items()}
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


def listed(manifest: Path) -> list[Utterance]:
    return list(read_manifest(manifest))


def tree(folder: Path) -> dict[str, bytes]:
    """Every file in a folder: relative path -> content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
