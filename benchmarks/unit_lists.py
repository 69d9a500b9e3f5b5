"""What listing the units of many utterances takes: memory and time of writing units.jsonl, and of opening it again.

python benchmarks/unit_lists.py --output benchmarks/results/unit_lists.json > benchmarks/results/unit_lists.md

Utterances of 12 s have 600 codes of 512 and come in another order than that of their ids, as batches of like length do;
no frames are written. Every figure is the median of processes of their own; memory is the most one held beyond that at
its start. The bound is writing the same bytes, without a look at them, and reading them.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from machine import add_note_and_output, circumstances, keep_result, spread

from unitdisc.encodings import Encodings
from unitdisc.encodings.resumable.unit_list_writer import UnitListWriter
from unitdisc.jobs import WHOLE

CODES, KINDS = 600, 512
Work = Callable[[Path, int], None]  # on so many utterances in a folder
STEP = 7_368_787  # a prime: places i * STEP modulo N are all places, in another order


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=3, help="processes for each figure")
    parser.add_argument("--folder", type=Path, help="where lists are written (default: that of temporary files)")
    parser.add_argument("--quick", action="store_true", help="seconds, to see that it runs")
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    rows = []
    for number in [200, 400] if args.quick else args.utterances:
        for name, bound, work in (("written", write_bound, write), ("opened", read_bound, read)):
            turns = [turn(bound, work, number, args.folder) for _ in range(args.repeat)]
            bounds, works = zip(*turns)
            rows.append({"utterances": number, "list": name, **medians(works)})
            rows[-1] |= {"bound_seconds": spread(each["cpu_seconds"] for each in bounds)}
    found = {"rows": rows, "codes": CODES, **circumstances(threads=1, note=args.note)}
    print(table(found))
    keep_result(found, args.output)
    return found


def turn(bound: Work, work: Work, number: int, home: Path | None) -> list[dict]:
    """The bound and the work, one after the other, each in a folder of its own; what is read was written before."""
    found = []
    for each in (bound, work):
        with tempfile.TemporaryDirectory(dir=home) as folder:
            if work is read:
                alone(write_bound, Path(folder), number)
            found.append(alone(each, Path(folder), number))
    return found


def medians(works: Sequence[dict]) -> dict:
    """Of every figure, with the least and the most."""
    return {name: spread(work[name] for work in works) for name in works[0]}


def alone(work: Work, folder: Path, number: int) -> dict:
    """What some work takes in a process of its own: megabytes, CPU seconds and seconds."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=measured, args=(work, folder, number, theirs))
    process.start()
    theirs.close()
    found = ours.recv()
    process.join()
    return found


def measured(work: Work, folder: Path, number: int, told) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu, wall = time.process_time(), time.perf_counter()
    work(folder, number)
    found = {"cpu_seconds": time.process_time() - cpu, "seconds": time.perf_counter() - wall}
    told.send({"megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024} | found)


def lines(number: int) -> Iterator[tuple[str, str]]:
    """Utterance and line of each; made of a thousand lists of codes, so that making them takes no time."""
    generator = np.random.default_rng(0)
    lists = [json.dumps(generator.integers(0, KINDS, CODES).tolist()) for _ in range(1000)]
    for place in range(number):
        utterance = f"speaker{place * STEP % number:09d}"
        yield utterance, f'{{"utterance": "{utterance}", "codes": {lists[place % len(lists)]}}}'


def write(folder: Path, number: int) -> None:
    units = UnitListWriter(folder, WHOLE)
    units.open()
    for utterance, line in lines(number):
        units.add(utterance, line)
    units.finish(None)


def write_bound(folder: Path, number: int) -> None:
    with (folder / "units.jsonl").open("w") as file:
        for _, line in lines(number):
            file.write(line + "\n")


def read(folder: Path, number: int) -> None:
    assert len(Encodings.open(folder, stride=320)) == number


def read_bound(folder: Path, number: int) -> None:
    with (folder / "units.jsonl").open("rb") as file:
        while file.read(1 << 20):
            pass


def table(found: dict) -> str:
    lines = [
        "| utterances | units.jsonl | MB | CPU s | least to most | s | bound, CPU s |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    for row in found["rows"]:
        middle = {name: figure["median"] for name, figure in row.items() if isinstance(figure, dict)}
        between = "{least:.2f} to {most:.2f}".format_map(row["cpu_seconds"])
        lines.append(
            f"| {row['utterances']:,} | {row['list']} | {middle['megabytes']:,.0f} | {middle['cpu_seconds']:.2f} | "
            f"{between} | {middle['seconds']:.2f} | {middle['bound_seconds']:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
