"""How time and memory of ABX grow with items, dimensions and threads, beside other tools; where the time goes.

python benchmarks/abx.py --peer fastabx=fastabx/bin/python --peer libriabx=libriabx/bin/python \\
    --output benchmarks/results/abx.json

Items come from the generator of the golden scores (golden/abx/gen.py beside UNITDISC_DATA). Every figure is of one
process: processor and wall seconds from the item file and features on disk to the score, after the imports and after
the kernels are compiled; the most memory the process held. Scores are exact: every triplet, one process at a time.
Peers run in environments of their own, whose Python --peer names; benchmarks/baselines/ says how to make them.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from machine import circumstances, keep_result
from numba import njit
from threadpoolctl import threadpool_limits

from unitdisc.encodings import Encodings
from unitdisc.evaluation.abx import AbxProtocol, abx, read_items
from unitdisc.evaluation.abx.distances import angle_row
from unitdisc.evaluation.abx.dtw import LANES, STATE, warp
from unitdisc.evaluation.abx.matrix_products import multiply

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("UNITDISC_DATA", ROOT.parent / "shared" / "data"))
GENERATOR = DATA.parent / "golden" / "abx" / "gen.py"
FRAME_RATE = 100


class Peer(NamedTuple):
    """Another tool: a script that scores with it, which slicing it knows, and whether it is slow."""

    name: str
    script: str
    slicing: str
    slow: bool


PEERS = {
    "fastabx": Peer("fastabx 0.9.0", "fast_abx.py", "exact", False),
    "libriabx": Peer("libriabx 1.0.5", "librilight.py", "librilight", True),
}


def peer(text: str) -> tuple[Peer, str]:
    name, _, python = text.partition("=")
    if name not in PEERS or not python:
        raise argparse.ArgumentTypeError(f"{text!r} must be NAME=PYTHON, the name one of {', '.join(PEERS)}")
    return PEERS[name], python


def main(argv: list[str] | None = None) -> dict | None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[5000, 20_000, 60_000])
    parser.add_argument("--dims", type=int, nargs="+", default=[13, 64, 256])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=3, help="of every run of ours; the median is shown")
    parser.add_argument("--peer", action="append", default=[], type=peer, metavar="NAME=PYTHON", help=", ".join(PEERS))
    parser.add_argument("--peer-dims", type=int, nargs="+", default=[64])
    parser.add_argument("--slow-items", type=int, default=20_000, help="the most that libriabx is given")
    parser.add_argument("--output", type=Path, help="JSON file")
    parser.add_argument("--one", nargs=4, metavar=("FOLDER", "SPEAKER", "SLICING", "THREADS"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.one:
        print(json.dumps(one_run(Path(args.one[0]), *args.one[1:3], int(args.one[3]))))
        return None
    if not GENERATOR.is_file():
        sys.exit(f"error: no generator of items at {GENERATOR}; set UNITDISC_DATA to the data folder beside golden/")
    with tempfile.TemporaryDirectory() as folder:
        found = {"runs": list(runs(args, Path(folder))), "parts": parts()}
    found |= {
        **circumstances(),
    }
    print(tables(found))
    keep_result(found, args.output)
    return found


def one_run(folder: Path, speaker: str, slicing: str, threads: int) -> dict:
    """Scores a folder of the generator in this process."""
    ours(folder.parent / "warm", speaker, slicing, threads)  # kernels are compiled, or read from the cache
    wall, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    with threadpool_limits(1):
        error = ours(folder, speaker, slicing, threads)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "error": error,
        "cpu_seconds": after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime,
        "wall_seconds": time.perf_counter() - wall,
        "rss_mb": after.ru_maxrss // 1024,
    }


def ours(folder: Path, speaker: str, slicing: str, threads: int) -> float:
    encodings = Encodings.open(folder / "npy", stride=16_000 / FRAME_RATE)
    encodings.settings["rate"] = 16_000
    items = read_items(folder / "data.item", 16_000)
    return abx(items, encodings, speaker, AbxProtocol(slicing=slicing), threads=threads).error


def runs(args: argparse.Namespace, folder: Path) -> Iterator[dict]:
    """Every run, ours and theirs, one after the other."""
    generate(folder / "warm", 1000, 64)
    for dims in args.dims:
        for items in args.items:
            data = folder / f"{items}-{dims}"
            generate(data, items, dims)
            for speaker in ("within", "across"):
                for threads in args.threads:
                    about = {"items": items, "dims": dims, "speaker": speaker, "threads": threads}
                    command = (sys.executable, __file__, "--one", data, speaker)
                    repeats = [measured(*command, "exact", threads) for _ in range(args.repeats)]
                    yield said({"tool": "unitdisc", "slicing": "exact"} | about | median(repeats))
                about["threads"] = 1
                for tool, python in args.peer:
                    if dims not in args.peer_dims or (tool.slow and items > args.slow_items):
                        continue
                    if tool.slicing != "exact":
                        command = (sys.executable, __file__, "--one", data, speaker, tool.slicing, 1)
                        repeats = [measured(*command) for _ in range(args.repeats)]
                        yield said({"tool": "unitdisc", "slicing": tool.slicing} | about | median(repeats))
                    script = ROOT / "benchmarks" / "baselines" / tool.script
                    theirs = (python, script, data / "npy", data / "data.item", FRAME_RATE, speaker, 1)
                    yield said({"tool": tool.name, "slicing": tool.slicing} | about | measured(*theirs))


def generate(folder: Path, items: int, dims: int) -> None:
    options = ["--out", folder, "--items", items, "--dim", dims, "--rate", FRAME_RATE, "--seed", 1]
    subprocess.run([sys.executable, str(GENERATOR), *map(str, options)], check=True, stdout=subprocess.DEVNULL)


def measured(*command: object) -> dict:
    """What a process prints in its last line; both tools are held to the threads they are told."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(command[-1])}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"error: {' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def median(repeats: list[dict]) -> dict:
    found = {name: statistics.median_high(repeat[name] for repeat in repeats) for name in repeats[0]}
    times = [repeat["cpu_seconds"] for repeat in repeats]
    return found | {"cpu_spread": max(times) - min(times), "repeats": len(repeats)}


def said(run: dict) -> dict:
    print(json.dumps(run), file=sys.stderr, flush=True)
    return run


def parts() -> dict[str, float]:
    """How fast the parts of the inner loop are, on one thread, and what one could hope for."""
    rows, columns, dims = 11, 704, 64
    rng = np.random.default_rng(0)
    xs = rng.standard_normal((rows, dims), dtype=np.float32)
    panel = rng.standard_normal((dims, columns), dtype=np.float32)
    products = np.zeros((rows, columns), np.float32)
    lattice = rng.integers(0, 2**23, (rows, columns)).astype(np.int32)
    steps = np.zeros((rows, columns), np.int32)
    state = np.zeros((columns // LANES, STATE), np.int32)
    length = columns // 4 // LANES
    big = rng.standard_normal((1500, 1500), dtype=np.float32)

    with threadpool_limits(1):
        cells = rows * columns
        return {
            "products, GFLOP/s": 2e-9 * cells * dims / seconds(lambda: multiply(xs, panel, 0, columns, products)),
            "library product of the same shape, GFLOP/s": 2e-9 * cells * dims / seconds(lambda: xs @ panel),
            "library product of 1500 x 1500, GFLOP/s": 2e-9 * 1500**3 / seconds(lambda: big @ big),
            "angles, million/s": 1e-6 * cells / seconds(lambda: all_angles(products, steps)),
            "warping, million cells/s": 1e-6 * cells / seconds(lambda: warp_all(lattice, length, state)),
            "warping one pair at a time, million cells/s": 1e-6
            * rows
            * length
            / seconds(lambda: plain(lattice[:, :length])),
        }


@njit  # of all rows: a call from Python takes longer than some of them
def all_angles(products: np.ndarray, steps: np.ndarray) -> None:
    for row in range(len(products)):
        angle_row(products[row], steps[row])


@njit
def warp_all(lattice: np.ndarray, length: int, state: np.ndarray) -> None:
    for start in range(0, lattice.shape[1], length * LANES):
        warp(lattice, start, len(lattice), length, state, 0)


@njit
def plain(lattice: np.ndarray) -> float:
    """Dynamic time warping as one writes it down, in a tight loop: what `warp` is compared with."""
    rows, columns = lattice.shape
    costs, lengths = np.empty(columns, np.int64), np.empty(columns, np.int64)
    costs[0], lengths[0] = lattice[0, 0], 1
    for j in range(1, columns):
        costs[j], lengths[j] = costs[j - 1] + lattice[0, j], j + 1
    for i in range(1, rows):
        diagonal, diagonal_length = costs[0], lengths[0]
        costs[0] += lattice[i, 0]
        lengths[0] += 1
        for j in range(1, columns):
            left, up, length = costs[j - 1], costs[j], lengths[j]
            if diagonal <= left and diagonal <= up:
                costs[j], lengths[j] = diagonal + lattice[i, j], diagonal_length + 1
            elif left <= up:
                costs[j], lengths[j] = left + lattice[i, j], lengths[j - 1] + 1
            else:
                costs[j], lengths[j] = up + lattice[i, j], length + 1
            diagonal, diagonal_length = up, length
    return costs[-1] / lengths[-1]


def seconds(call: Callable[[], object]) -> float:
    """The least seconds of the processor of a call, of many."""
    call()
    best = float("inf")
    for _ in range(15):
        start = time.process_time()
        for _ in range(20):
            call()
        best = min(best, (time.process_time() - start) / 20)
    return best


def tables(found: dict) -> str:
    """Markdown: all runs, and theirs against ours."""
    lines = ["| tool | slicing | items | dims | speaker | threads | error | CPU s | wall s | MB |", "|---" * 10 + "|"]
    for run in found["runs"]:
        figures = f"{run['error']:.6f} | {run['cpu_seconds']:.2f} | {run['wall_seconds']:.2f} | {run['rss_mb']}"
        names = ("tool", "slicing", "items", "dims", "speaker", "threads")
        lines.append(f"| {' | '.join(str(run[name]) for name in names)} | {figures} |")
    by = {(r["tool"], r["slicing"], r["items"], r["dims"], r["speaker"], r["threads"]): r for r in found["runs"]}
    for (tool, slicing, *rest), run in by.items():
        if tool != "unitdisc":
            mine = by["unitdisc", slicing, *rest]
            ratio = run["cpu_seconds"] / mine["cpu_seconds"]
            lines.append(
                f"\n{rest[0]} items, {rest[1]} dimensions, {rest[2]} speakers, one thread: {ratio:.1f} times fewer "
                f"CPU seconds than {tool}, scores apart by {abs(run['error'] - mine['error']):.1e}"
            )
    lines.append("\n| part, one thread | |\n|---|---|")
    lines += [f"| {name} | {value:.0f} |" for name, value in found["parts"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
