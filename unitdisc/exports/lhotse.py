"""Cuts of lhotse: cuts.jsonl.gz, whose supervisions have the units, and what tiers say, as alignments."""

import gzip
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from unitdisc.corpus import Interval, Utterance
from unitdisc.exports.units import ExportError, Units, seconds, why_no_path
from unitdisc.files import written_aside
from unitdisc.media.decoding import open_audio

UNITS = "unit"  # the alignment that has them


def write_cuts(path: Path, units: Iterable[Units]) -> None:
    """Writes one cut an utterance, with one supervision that is as long as the cut; times in it count from its start.

    Recordings are named by their absolute paths, and opened for their lengths. Utterances of one recording have it
    under one id: its path below the folder of all, without the ending where that will do. An utterance that names no
    channel of a recording with several becomes a MultiCut of all.
    https://lhotse.readthedocs.io/en/latest/cuts.html

    Raises ExportError for an utterance without a rate, or whose recording is no file that lhotse could open.
    """
    units = list(units)
    ids = recording_ids(entry.utterance for entry in units)
    lines = [json.dumps(cut_of(entry, ids), ensure_ascii=False) + "\n" for entry in units]
    with (
        written_aside(path) as aside,
        aside.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,  # no name, no date: the same bytes every time
    ):
        packed.write("".join(lines).encode())


def recording_ids(utterances: Iterable[Utterance]) -> dict[Path, str]:
    """What recordings are called, by the absolute path of each: where it lies below the folder of all."""
    paths = sorted({Path(utterance.path).absolute() for utterance in utterances})
    home = os.path.commonpath([path.parent for path in paths]) if paths else "/"
    names = [path.relative_to(home) for path in paths]
    count = Counter(name.with_suffix("") for name in names)
    return {path: str(short if count[short := name.with_suffix("")] == 1 else name) for path, name in zip(paths, names)}


def cut_of(entry: Units, ids: Mapping[Path, str]) -> dict[str, Any]:
    """ids: of recordings, by their paths."""
    utterance = entry.utterance
    if why := why_no_path(utterance):
        raise ExportError(f"{utterance.id}: {why}, but lhotse reads files; choose the format dataset, which has copies")
    start, duration = seconds(utterance, utterance.start), seconds(utterance, utterance.ticks)
    with open_audio(utterance.path) as file:
        rate, samples, there = file.samplerate, file.frames, file.channels
    channels = list(range(there)) if utterance.channel is None else [utterance.channel]
    channel = channels[0] if len(channels) == 1 else channels
    recording = Path(utterance.path).absolute()
    said = {"text": utterance.text, "speaker": utterance.speaker, "gender": utterance.gender}
    tiers = {UNITS: entry.intervals} | {name: tier for name, tier in utterance.alignment.items() if name != UNITS}
    supervision = {
        "id": utterance.id,
        "recording_id": ids[recording],
        "start": 0.0,
        "duration": duration,
        "channel": channel,
        **{name: value for name, value in said.items() if value is not None},
        "alignment": {name: aligned(utterance, tier) for name, tier in tiers.items()},
    }
    return {
        "id": utterance.id,
        "start": start,
        "duration": duration,
        "channel": channel,
        "supervisions": [supervision],
        "recording": {
            "id": ids[recording],
            "sources": [{"type": "file", "channels": list(range(there)), "source": str(recording)}],
            "sampling_rate": rate,
            "num_samples": samples,
            "duration": samples / rate,
            "channel_ids": list(range(there)),
        },
        "type": "MonoCut" if len(channels) == 1 else "MultiCut",
    }


def aligned(utterance: Utterance, intervals: Iterable[Interval]) -> list[tuple[str, float, float]]:
    """What is aligned, as lhotse writes it: symbol, start, duration."""
    return [(label, seconds(utterance, start), seconds(utterance, end - start)) for start, end, label in intervals]
