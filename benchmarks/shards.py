"""How fast a corpus is read from loose files and from tars, and how well crops are mixed that are read shard by shard.

python data_prep/speechocean762.py ../shared/data/so762_dev data/so762
cat data/so762/train.jsonl data/so762/test.jsonl > data/so762/all.jsonl
python benchmarks/shards.py data/so762/all.jsonl --output benchmarks/results/shards.json \\
    > benchmarks/results/shards.md

Reading: every recording is decoded from beginning to end, on one thread, all of it in the page cache: what disks and
networks add is not in these figures. Ways take turns. The bounds are decoding what lies in memory already, and copying
the bytes alone.

Mixing: plans of made-up utterances (3 to 25 s, so many hours), crops of 0.32 s and batches of 64, as in the paper's
preset. `loads` counts how often an utterance is read in an epoch if a gigabyte of features and targets is kept. The
noise of a mean over so many steps is that of a value which every utterance has (its speaker has, in the last rows),
against the noise if every crop were drawn by lot: 1 is as good as that, less is better.
"""

import argparse
import io
import statistics
import tarfile
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soundfile
from machine import add_note_and_output, circumstances, keep_result

from unitdisc.api.shards import PackingOptions, shards
from unitdisc.corpus import Utterance
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.data.crops import CropPlan
from unitdisc.data.tar_crops import ShardPlan
from unitdisc.media.audio import read_audio, write_audio
from unitdisc.media.tars import in_tar

BATCH, CROP, STRIDE = 64, 32, 2
BYTES_OF_A_FRAME = 4 * 39 + 160  # MFCC, and mu-law levels
IN_MEMORY = (1 << 30) // BYTES_OF_A_FRAME  # frames
DECODE, COPY = "FLAC in memory, decoded", "bytes of the FLAC files, copied"


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="manifest of recordings")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--hours", type=float, default=200, help="of the made-up corpus whose crops are mixed")
    parser.add_argument("--shard-hours", type=float, default=8.7, help="a gigabyte before FLAC, at 16 kHz")
    parser.add_argument("--quick", action="store_true", help="seconds, to see that it runs")
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    if args.quick:
        args.repetitions, args.hours, args.shard_hours = 2, 6, 0.5
    with tempfile.TemporaryDirectory() as folder:
        reading = speeds(list(read_manifest(args.corpus)), Path(folder), args.repetitions)
    found = {
        "corpus": str(args.corpus),
        "reading": reading,
        "mixing": mixing(args.hours, args.shard_hours),
        "hours": args.hours,
        **circumstances(threads=1, note=args.note),
    }
    print(table(found))
    keep_result(found, args.output)
    return found


def speeds(utterances: list[Utterance], folder: Path, repetitions: int) -> dict:
    """CPU seconds of every way to read a corpus, and of packing it."""
    loose = {kind: copies(utterances, folder / kind) for kind in ("flac", "wav")}
    write_manifest(folder / "loose.jsonl", loose["wav"])
    start = time.process_time()
    packed = list(read_manifest(shards(folder / "loose.jsonl", folder / "packed", PackingOptions(max_mb=20))))
    packing = time.process_time() - start
    in_place = sorted(packed, key=place)
    shuffled = [packed[index] for index in np.random.default_rng(0).permutation(len(packed))]
    tars = sorted({in_tar(utterance.path)[0] for utterance in packed})
    contents = [Path(utterance.path).read_bytes() for utterance in loose["flac"]]
    ways: dict[str, Callable[[], None]] = {
        COPY: lambda: [Path(utterance.path).read_bytes() for utterance in loose["flac"]],
        DECODE: lambda: [soundfile.read(io.BytesIO(content), dtype="float32") for content in contents],
        "loose FLAC files": lambda: read(loose["flac"]),
        "loose WAV files": lambda: read(loose["wav"]),
        "tars, from beginning to end": lambda: read(in_place),
        "tars, at random": lambda: read(shuffled),
        "tars, by Python's tarfile": lambda: by_tarfile(tars),
    }
    seconds = {way: [] for way in ways}
    for _ in range(repetitions):
        for way, run in ways.items():
            start = time.process_time()
            run()
            seconds[way].append(time.process_time() - start)
    return {
        "seconds": seconds,
        "packing": packing,
        "hours": sum(utterance.ticks / utterance.rate for utterance in packed) / 3600,
        "utterances": len(packed),
        "megabytes": {
            "FLAC": sum(map(len, contents)) / 1e6,
            "WAV": sum(Path(utterance.path).stat().st_size for utterance in loose["wav"]) / 1e6,
            "tars": sum(tar.stat().st_size for tar in tars) / 1e6,
        },
    }


def copies(utterances: Sequence[Utterance], folder: Path) -> list[Utterance]:
    """The utterances as loose files of 16 bits."""
    made = []
    for utterance in utterances:
        path = folder / f"{utterance.id}.{folder.name}"
        wave = read_audio(utterance)
        write_audio(path, wave, utterance.rate)
        made.append(Utterance(utterance.id, str(path), utterance.speaker, len(wave), utterance.rate))
    return made


def place(utterance: Utterance) -> tuple[Path, int]:
    return in_tar(utterance.path)


def read(utterances: Sequence[Utterance]) -> None:
    for utterance in utterances:
        read_audio(utterance)


def by_tarfile(tars: Sequence[Path]) -> None:
    """The plain way to read a tar: one header after the other, every file of it."""
    for path in tars:
        with tarfile.open(path) as tar:
            for member in tar:
                content = tar.extractfile(member).read()
                if member.name.endswith(".flac"):
                    soundfile.read(io.BytesIO(content), dtype="float32")


def mixing(hours: float, shard_hours: float) -> dict[str, dict]:
    """What three plans do with the same utterances: at random, and by shards packed at random or by speaker."""
    rng = np.random.default_rng(0)
    frames = rng.integers(300, 2500, max(1, round(hours * 360_000 / 1400)))
    number = len(frames)
    speakers = np.arange(number) // 40  # forty utterances each
    shard = np.cumsum(frames) // max(1, round(shard_hours * 360_000))
    in_order = np.stack([shard, np.arange(number), np.zeros(number, dtype=int)], axis=1)
    at_random = in_order[np.argsort(rng.permutation(number))]
    plans = {
        "at random": CropPlan(frames, BATCH, CROP, STRIDE, 0),
        "by shards, packed at random": ShardPlan(frames, at_random, BATCH, CROP, STRIDE, 0),
        "by shards, packed by speaker": ShardPlan(frames, in_order, BATCH, CROP, STRIDE, 0),
    }
    return {name: mixture(plan, speakers) for name, plan in plans.items()}


def mixture(plan: CropPlan, speakers: np.ndarray) -> dict[str, float]:
    """How the crops of an epoch are mixed."""
    start = time.process_time()
    batches = [[crop.index for crop in plan.batch(step)] for step in range(plan.batches_per_epoch)]
    seconds = time.process_time() - start
    indices = np.array(batches)
    seen = np.bincount(indices.ravel(), minlength=len(plan.frames))
    rng = np.random.default_rng(1)
    own, spoken = rng.standard_normal(len(plan.frames)), rng.standard_normal(speakers[-1] + 1)[speakers]
    return {
        "steps": len(batches),
        "most missing of an utterance": int(np.max(plan.repeats - seen)),
        "utterances in a batch": float(np.mean([len(set(batch)) for batch in batches])),
        "speakers in a batch": float(np.mean([len(set(speakers[batch])) for batch in indices])),
        "loads": loads(indices, plan) / len(plan.frames),
        **{f"noise over {n} steps": noise(own[indices], n) for n in (1, 100, 1000) if 8 * n <= len(batches)},
        **{f"the same of speakers, {n}": noise(spoken[indices], n) for n in (1, 100, 1000) if 8 * n <= len(batches)},
        "planning, ms a step": 1000 * seconds / len(batches),
    }


def noise(values: np.ndarray, steps: int) -> float:
    """The deviation of means over so many steps, against that of crops drawn by lot: [steps, batch] of values."""
    whole = values[: len(values) // steps * steps]
    means = whole.reshape(-1, steps * values.shape[1]).mean(1)
    return float(means.std() / (values.std() / np.sqrt(steps * values.shape[1])))


def loads(indices: np.ndarray, plan: CropPlan) -> int:
    """How many utterances are read if the last ones are kept, as many as there is memory for."""
    kept, used, count = OrderedDict(), 0, 0
    arrivals = plan.arrivals if isinstance(plan, ShardPlan) else lambda step: []
    for step, batch in enumerate(indices.tolist()):
        for index in (*arrivals(step), *batch):
            if index in kept:
                kept.move_to_end(index)
                continue
            count += 1
            kept[index] = int(plan.frames[index])
            used += kept[index]
            while used > IN_MEMORY:
                used -= kept.popitem(last=False)[1]
    return count


def table(found: dict) -> str:
    """Markdown."""
    about, reading = found["machine"], found["reading"]
    sizes, hours = reading["megabytes"], reading["hours"]
    medians = {way: statistics.median(seconds) for way, seconds in reading["seconds"].items()}
    lines = [
        f"{about['processor']}, one thread, page cache warm: {reading['utterances']} recordings, {60 * hours:.1f} "
        f"minutes, {sizes['FLAC']:.1f} MB of FLAC, {sizes['WAV']:.1f} MB of WAV, {sizes['tars']:.1f} MB of tars. "
        f"{about['note']}".strip(),
        "",
        "| way to read | CPU s, median | least and most | MB/s of FLAC | times real time | share of the bound |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for way, seconds in reading["seconds"].items():
        size = sizes["WAV"] if "WAV" in way else sizes["FLAC"]
        lines.append(
            f"| {way} | {medians[way]:.3f} | {min(seconds):.3f} to {max(seconds):.3f} | {size / medians[way]:,.0f} | "
            f"{3600 * hours / medians[way]:,.0f} | {medians[DECODE] / medians[way]:.2f} |"
        )
    lines += ["", f"Packing the WAV files took {reading['packing'] / hours:.2f} CPU s for an hour.", ""]
    names = list(found["mixing"])
    lines += [f"| crops of {found['hours']:g} hours | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
    for figure in found["mixing"][names[0]]:
        values = [found["mixing"][name].get(figure) for name in names]
        lines.append(f"| {figure} | {' | '.join('' if value is None else f'{value:.4g}' for value in values)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
