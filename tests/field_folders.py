"""Folders of recordings as people have them, made up: bursts of noise for voices, and labels in many formats."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
Rows = Sequence[tuple[float, float, str]]


def noise(seconds: float, seed: int = 0, rate: int = RATE, level: float = 0.1) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * rate))).astype(np.float32)


def bursts(seconds: float, spans: Iterable[tuple[float, float]], rate: int = RATE, floor: float = 0.001) -> np.ndarray:
    """Faint noise with loud noise in some spans, in seconds: the voices of a recording, where they are known."""
    wave, loud = noise(seconds, 1, rate, floor), noise(seconds, 2, rate, 0.1)
    for start, end in spans:
        first, last = round(start * rate), round(end * rate)
        wave[first:last] += loud[first:last]
    return wave


def write(path: Path, wave: np.ndarray | None = None, rate: int = RATE, **more) -> Path:
    """Writes a recording, by default of half a second of noise that differs with its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if wave is None:
        wave = noise(0.5, sum(map(ord, path.name)), rate)
    soundfile.write(path, wave, rate, **more)
    return path


def textgrid(seconds: float, tiers: dict[str, Rows]) -> str:
    """A TextGrid of Praat in the long format; only the intervals that are given, as some tools write it."""
    head = f'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = {seconds}\ntiers? <exists>\n'
    lines = [head, f"size = {len(tiers)}\nitem []:"]
    for number, (name, rows) in enumerate(tiers.items(), start=1):
        lines.append(f'item [{number}]:\nclass = "IntervalTier"\nname = "{name}"\nxmin = 0\nxmax = {seconds}')
        lines.append(f"intervals: size = {len(rows)}")
        for place, (start, end, label) in enumerate(rows, start=1):
            lines.append(f'intervals [{place}]:\nxmin = {start}\nxmax = {end}\ntext = "{label}"')
    return "\n".join(lines) + "\n"


def eaf(tiers: Sequence[tuple[str, str, Rows]], media: str = "", children: str = "", origin: int = 0) -> str:
    """An .eaf file of ELAN: tiers of name, participant and rows; children: more tiers, as XML."""
    slots, body, number = [], [], 0
    for name, who, rows in tiers:
        marks = []
        for start, end, label in rows:
            number += 1
            for which, time in (("a", start), ("b", end)):
                slots.append(f'<TIME_SLOT TIME_SLOT_ID="{which}{number}" TIME_VALUE="{round(1000 * time)}"/>')
            marks.append(
                f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="x{number}" TIME_SLOT_REF1="a{number}" '
                f'TIME_SLOT_REF2="b{number}"><ANNOTATION_VALUE>{label}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>'
                "</ANNOTATION>"
            )
        whose = f' PARTICIPANT="{who}"' if who else ""
        body.append(f'<TIER TIER_ID="{name}"{whose} LINGUISTIC_TYPE_REF="t">{"".join(marks)}</TIER>')
    about = f'<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/old/{media}" TIME_ORIGIN="{origin}"/>' if media else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ANNOTATION_DOCUMENT><HEADER>{about}</HEADER><TIME_ORDER>'
        f"{''.join(slots)}</TIME_ORDER>{''.join(body)}{children}</ANNOTATION_DOCUMENT>\n"
    )
