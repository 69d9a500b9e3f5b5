"""What discovery costs as lines and units grow: seconds of a processor, and the most memory that was held.

python benchmarks/discovery.py --output benchmarks/results/discovery.json > benchmarks/results/discovery.md

Built-in lines of digits that touch. Every row is a process of its own, one thread: `templates` is `unitdisc discover
--rounds 0`, features and cutting of all lines with it; `round` is `--rounds 1`, less that: a network of few steps, for
steps cost the same however many lines there are, then encoding, cutting and names. Not run on a GPU.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from machine import add_note_and_output, circumstances, keep_result

ROOT = Path(__file__).parent.parent
STEPS = 20  # of a network, in which it learns next to nothing
LINES, UNITS = (100, 300, 1000, 3000, 10_000), (25, 50, 100, 200, 400)
USUAL_LINES, USUAL_UNITS = 1000, 100


class Cost(NamedTuple):
    seconds: float  # of a processor
    memory: float  # MB


def main(argv: Sequence[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few lines: whether it runs, not how fast")
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    pairs = [(8, 5), (16, 5)] if args.quick else list(sizes())
    rows = []
    print("| lines | units | what | CPU s | most memory, MB |\n|---:|---:|---|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory(prefix="unitdisc-discovery-") as folder:
        for lines, units in pairs:
            for row in costs(Path(folder), lines, units):
                rows.append(row)
                what = "{lines:,} | {units} | {what} | {seconds:.1f} | {memory:,.0f}".format(**row)
                print(f"| {what} |", flush=True)
    found = {"rows": rows, "steps": STEPS, **circumstances(threads=1, note=args.note)}
    keep_result(found, args.output)
    return found


def sizes() -> Iterator[tuple[int, int]]:
    """Lines and units of the rows: either grows, the other is as usual."""
    yield from ((lines, USUAL_UNITS) for lines in LINES)
    yield from ((USUAL_LINES, units) for units in UNITS if units != USUAL_UNITS)


def costs(folder: Path, lines: int, units: int) -> Iterator[dict]:
    """The two rows of so many lines and units."""
    data = folder / f"lines-{lines}"
    if not data.exists():
        prepare = [ROOT / "data_prep" / "mini_handwriting.py", data, "--train-lines", lines, "--test-lines", 8]
        run(sys.executable, *prepare)
    found = [
        run(
            *(sys.executable, "-m", "unitdisc", "discover", "discover-handwriting", data / "train.jsonl"),
            *(folder / f"found-{lines}-{units}-{rounds}", "--units", units, "--rounds", rounds, "--threads", 1),
            *("--device", "cpu", "--set", f"training.steps={STEPS}", "--set", "training.workers=0"),
        )
        for rounds in (0, 1)
    ]
    row = {"lines": lines, "units": units}
    yield {**row, "what": "templates", **found[0]._asdict()}
    yield {**row, "what": "round", "seconds": found[1].seconds - found[0].seconds, "memory": found[1].memory}


def run(*command: object) -> Cost:
    """Runs a command to its end. Raises CalledProcessError, with what it said, if it fails."""
    surrounding = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([*map(str, command)], env=surrounding, stdout=said, stderr=said, cwd=ROOT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise subprocess.CalledProcessError(process.returncode, command, stderr=said.read().decode()[-2000:])
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
