"""How good, and how fast, segmentations are: ours beside those that others published, on the same distances.

python benchmarks/segmentation.py --output benchmarks/results/segmentation.json > benchmarks/results/segmentation.md

Every method gets the same float32 table of squared distances. What it costs is held against the least that any
segmentation with as many runs can cost: found by a dynamic programme of its own, or, of long inputs, against a bound
that none can go below, so that the excess shown is the most it can be. Seconds are medians of interleaved repetitions
after compilation. What would take longer than --longest seconds, or more memory than --memory, is not run.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator

import numba
import numpy as np
import torch
from baselines import distsup_merge, optimum
from machine import add_note_and_output, circumstances, keep_result
from segmentation_tables import required, tables
from segmenters import OURS, SEGMENTERS
from sequences import CHANGE, DIMENSIONS, FRAME_RATE, Sequence, drawn, mfcc, runs, spoken
from threadpoolctl import threadpool_limits

from unitdisc.segmentation import calibrated, evaluation, exact_path, merged_path

EXACT_WORK = 6e9  # T * K * segments up to which the least cost itself is found
ENOUGH = 6.0  # seconds of repetitions of one method on one sequence
COPIES = 3  # of the distances that a method may hold at once
WARM_UP = 10  # sequences, so that all is compiled
NOISES, RATES = (0.7, 1.5, 2.5), (8, 12, 16)  # units per second


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, nargs="+", default=[500, 1500, 15_000, 180_000])
    parser.add_argument("--codes", type=int, nargs="+", default=[50, 100, 512, 4096])
    parser.add_argument("--agreement", type=int, nargs=2, default=[1500, 100], metavar=("FRAMES", "CODES"))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--longest", type=float, default=30.0, help="seconds that one run may take, as estimated")
    parser.add_argument("--memory", type=float, default=16.0, help="GB that there are")
    parser.add_argument("--threads", type=int, default=1)
    add_note_and_output(parser)
    parser.add_argument("--quick", action="store_true", help="small sequences, two repetitions")
    args = parser.parse_args(argv)
    if args.quick:
        args.frames, args.codes, args.agreement, args.repeats = [500, 1500], [50, 100], [500, 50], 2
    torch.set_num_threads(args.threads)
    numba.set_num_threads(args.threads)
    with threadpool_limits(args.threads):
        for seed in range(WARM_UP):
            list(compare(drawn(40, 4, 2.5, 12, seed), 1, np.inf))
        found = {
            "agreement": [
                row for sequence in varied(*args.agreement) for row in said(compare(sequence, 1, args.longest))
            ],
            "time": [row for sequence in growing(args) for row in said(compare(sequence, args.repeats, args.longest))],
            "batches": [batch(seed) for seed in range(5)],
        }
    found |= {
        "drawn": {"dimensions": DIMENSIONS, "chance of a change": CHANGE},
        **circumstances(threads=args.threads, note=args.note),
    }
    found["required"] = required(found["time"])
    print(tables(found))
    keep_result(found, args.output)
    return found


def varied(frames: int, codes: int) -> Iterator[Sequence]:
    """Noise and number of segments, of drawn frames and of speech if there is any."""
    for rate in RATES:
        for noise in NOISES:
            yield drawn(frames, codes, noise, rate)
        if len(mfcc(frames)) >= frames:
            yield spoken(frames, codes, rate)


def growing(args: argparse.Namespace) -> Iterator[Sequence]:
    for frames in args.frames:
        for codes in args.codes:
            if COPIES * 4 * frames * codes > args.memory * 1e9:
                print(f"not run: {frames} frames, {codes} codes: more than {args.memory:g} GB", file=sys.stderr)
                continue
            yield drawn(frames, codes, 1.5, 12)


def compare(sequence: Sequence, repeats: int, longest: float) -> Iterator[dict]:
    """Every segmenter on one sequence; where one is not run, its estimated seconds alone."""
    frames, codes = sequence.costs.shape
    about = {"sequence": sequence.name, "frames": frames, "codes": codes, "wanted": sequence.segments}
    switch_cost = calibrated(evaluation(sequence.costs), sequence.segments).switch_cost
    runnable = [one for one in SEGMENTERS if one.seconds(frames, codes, sequence.segments) <= longest]
    timed = interleaved({one.title: lambda one=one: one.run(sequence, switch_cost) for one in runnable}, repeats)
    results = {title: found for title, (found, _) in timed.items()}
    best = results.get(f"{OURS}: exact")
    least = least_cost(sequence.costs, [runs(found) for found in results.values()])
    for one in SEGMENTERS:
        row = about | {"source": one.source, "segmenter": one.name}
        if one.title not in timed:
            yield row | {"estimated_seconds": one.seconds(frames, codes, sequence.segments)}
            continue
        found, times = timed[one.title]
        yield row | quality(sequence.costs, found, best, least) | time_of(times, frames)


def interleaved(calls: dict[str, Callable], repeats: int) -> dict[str, tuple[np.ndarray, list[float]]]:
    """What every call gives and its seconds, in rounds, so that a busy moment strikes no method alone."""
    results, times = {}, {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            if sum(times[name]) > ENOUGH:
                continue
            start = time.perf_counter()
            results[name] = call()
            times[name].append(time.perf_counter() - start)
    return {name: (results[name], times[name]) for name in calls}


def least_cost(costs: np.ndarray, counts: Iterable[int]) -> Callable[[int], tuple[float, bool]]:
    """Of a number of runs: the least cost with so many and True, or a bound below it and False."""
    counts = set(counts)
    if costs.size * max(counts) <= EXACT_WORK:
        table = optimum.least_costs(costs, max(counts))
        return lambda count: (table[count - 1], True)
    bounds = optimum.lower_bounds(costs, counts)
    return lambda count: (bounds[count], False)


def quality(costs: np.ndarray, codes: np.ndarray, best: np.ndarray | None, least: Callable) -> dict:
    cost = float(costs[np.arange(len(codes)), codes].sum(dtype=np.float64))
    optimal, known = least(runs(codes))
    return {
        "segments": runs(codes),
        "excess_percent": 100 * (cost / float(optimal) - 1),
        "excess_is_known": known,  # else it is this at most
        "labels_differ_percent": None if best is None else 100 * float((codes != best).mean()),
    }


def time_of(times: list[float], frames: int) -> dict:
    seconds = statistics.median(times)
    return {
        "seconds": seconds,
        "spread": max(times) - min(times),
        "repeats": len(times),
        "times_real_time": frames / FRAME_RATE / seconds,
    }


def said(rows: Iterable[dict]) -> Iterator[dict]:
    for row in rows:
        print(json.dumps(row), file=sys.stderr, flush=True)
        yield row


def batch(seed: int, utterances: int = 64, frames: int = 64, codes: int = 128) -> dict:
    """A training batch of short crops: how many joins between crops merges cross, and how many segments there are."""
    rows = drawn(utterances * frames, codes, 1.5, 12, seed).costs.reshape(utterances, frames, codes)
    rows = np.random.default_rng(seed).permutation(rows)  # or units would go on from one crop to the next
    costs, lengths = rows.reshape(-1, codes), np.full(utterances, frames)
    segments = round(utterances * frames * 12 / FRAME_RATE)
    merged = distsup_merge.merge(costs, segments)
    joins = np.arange(frames, utterances * frames, frames)
    counts = {
        name: sum(map(runs, solve(costs, segments, lengths).codes.reshape(utterances, frames)))
        for name, solve in {"greedy": merged_path, "exact": exact_path}.items()
    }
    return {
        "utterances": utterances,
        "frames": frames,
        "codes": codes,
        "wanted": segments,
        "joins_crossed_percent": 100 * float(1 - np.isin(joins, merged.starts).mean()),
        "merged_segments": len(merged.starts),
        "segments": counts,
    }


if __name__ == "__main__":
    main()
