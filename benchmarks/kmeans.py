"""How long a pass of k-means over all frames takes, and a whole codebook, beside faiss and scikit-learn.

python benchmarks/kmeans.py --faiss faiss/bin/python --output benchmarks/results/kmeans.json \\
    > benchmarks/results/kmeans.md

Made-up frames: clouds around twice as many places as there are codes. *passes*: all begin with the same codes and make
as many passes; they must come to the same inertia. *whole*: from frames alone to a codebook, and the seconds after
which ours is as good as that of faiss, which begins with random frames; both make 25 passes over all frames at most.
Every run is a process of its own with one thread, and they take turns; seconds are of the processor, imports and
compiling left out. The bound is the product of frames and codes at the pace of a large product in the same run.
--before FOLDER runs another version of unitdisc, too.
"""

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from machine import add_note_and_output, circumstances, keep_result, spread
from threadpoolctl import threadpool_limits

from unitdisc.clustering import KMeansOptions, kmeans
from unitdisc.clustering.passes import next_state
from unitdisc.clustering.states import State
from unitdisc.clustering.statistics import FrameStatistics

ROOT = Path(__file__).resolve().parent.parent
BASELINE = ROOT / "benchmarks" / "baselines" / "codebooks.py"
UTTERANCE = 500  # frames
WHOLE = 25  # passes over all frames: the default of faiss


class Frames:
    """An array of frames as utterances."""

    folder = Path("frames")

    def __init__(self, values: np.ndarray):
        self.values, self.dim = np.asarray(values), values.shape[1]
        self.names = [f"{first:09}" for first in range(0, len(values), UTTERANCE)]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[int(name) : int(name) + UTTERANCE]


def main(argv: list[str] | None = None) -> dict | None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--codes", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--faiss", metavar="PYTHON", help="one that has faiss-cpu")
    parser.add_argument("--sklearn-most", type=int, default=1_000_000, help="frames: it copies them")
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="of another version of unitdisc")
    parser.add_argument("--whole", type=int, nargs="*", default=[500], metavar="CODES", help="whole codebooks of these")
    parser.add_argument("--folder", type=Path, help="where frames are written (default: that of temporary files)")
    add_note_and_output(parser)
    parser.add_argument("--one", nargs=3, metavar=("FOLDER", "CODES", "PASSES"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.one:
        folder, codes, passes = args.one
        print(json.dumps(whole(folder, int(codes)) if passes == "0" else some_passes(folder, int(passes))))
        return None
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        found = {"rows": list(rows(args, Path(folder)))}
    found |= circumstances(threads=1, note=args.note)
    print(tables(found))
    keep_result(found, args.output)
    return found


def rows(args: argparse.Namespace, folder: Path) -> Iterator[dict]:
    """Every size, with every tool."""
    for frames, codes in itertools.product(args.frames, args.codes):
        make(folder, frames, codes, args.dim)
        about = {"frames": frames, "codes": codes, "bound": bound(codes, args.dim)}
        yield told(
            about | {"part": "passes", "passes": args.passes, "tools": in_turns(args, folder, "given", args.passes)}
        )
        if codes in args.whole:
            tools = in_turns(args, folder, codes, 0)
            yield told(about | {"part": "whole", "tools": tools})


def told(row: dict) -> dict:
    print(json.dumps(row), file=sys.stderr, flush=True)
    return row


def make(folder: Path, frames: int, codes: int, dim: int) -> None:
    rng = np.random.default_rng(0)
    places = rng.standard_normal((2 * codes, dim), dtype=np.float32)
    values = np.lib.format.open_memmap(folder / "frames.npy", "w+", np.float32, (frames, dim))
    for first in range(0, frames, 50_000):
        count = min(50_000, frames - first)
        values[first : first + count] = places[rng.integers(0, 2 * codes, count)]
        values[first : first + count] += rng.standard_normal((count, dim), dtype=np.float32)
    np.save(folder / "codes.npy", values[rng.choice(frames, codes, replace=False)])


def bound(codes: int, dim: int) -> float:
    """Microseconds a frame that the products take at the pace of a large one."""
    big = np.random.default_rng(0).standard_normal((2000, 2000), dtype=np.float32)
    taken = []
    with threadpool_limits(1):
        for _ in range(5):
            start = time.process_time()
            big @ big
            taken.append(time.process_time() - start)
    return 1e6 * min(taken) * codes * dim / 2000**3


def in_turns(args: argparse.Namespace, folder: Path, codes: str | int, passes: int) -> dict[str, dict]:
    """What every tool takes, and comes to; passes: 0 for a whole codebook."""
    frames = np.load(folder / "frames.npy", mmap_mode="r").shape[0]
    ours = (sys.executable, __file__, "--one", folder, 0 if codes == "given" else codes, passes)
    tools = {"unitdisc": (ROOT, *ours)}
    if args.before:
        tools["unitdisc before"] = (args.before, *ours)
    theirs = (BASELINE, "faiss", folder, codes, passes or WHOLE)
    if args.faiss:
        tools["faiss"] = (ROOT, args.faiss, *theirs)
    if frames <= args.sklearn_most and passes:
        tools["scikit-learn"] = (ROOT, sys.executable, BASELINE, "sklearn", *theirs[2:])
    runs = {name: [] for name in tools}
    for _ in range(args.repeats if passes else 1):
        for name, command in tools.items():
            runs[name].append(
                measured(*command) | {"distance": mean_distance(folder)} if passes else measured(*command)
            )
    return {
        name: {
            "cpu": spread(run["cpu_seconds"] for run in of_tool),
            "cpu_a_pass": spread(run["cpu_seconds"] / run["assigned"] for run in of_tool),
            **{key: of_tool[0][key] for key in ("inertias", "distance", "rss_mb", "seconds") if key in of_tool[0]},
        }
        for name, of_tool in runs.items()
    }


def mean_distance(folder: Path) -> float:
    """Squared, of the first frames to the nearest of the codes that were found, in double precision."""
    frames = np.load(folder / "frames.npy", mmap_mode="r")[:20_000].astype(np.float64)
    codes = np.load(folder / "found.npy").astype(np.float64)
    squares = (codes**2).sum(1)
    least = [(squares - 2 * part @ codes.T).min(1) + (part**2).sum(1) for part in np.split(frames, 20)]
    return float(np.mean(least))


def measured(path: Path, *command: object) -> dict:
    """What a process prints in its last line; it has one thread."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = os.environ | one | {"PYTHONPATH": str(path)}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"error: {' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def some_passes(folder: str, passes: int) -> dict:
    """Passes of ours from codes that are given."""
    values, codes = np.load(Path(folder, "frames.npy"), mmap_mode="r"), np.load(Path(folder, "codes.npy"))
    frames, options = Frames(values), KMeansOptions(len(codes), passes=passes + 1, tolerance=0)  # of which one is left
    lengths = dict.fromkeys(frames.names, UTTERANCE)
    seen = FrameStatistics(len(values), lengths, values[:10_000].mean(0), "", values[:0])
    none = np.zeros(len(codes), np.int64)

    def run(frames: Frames, codes: np.ndarray) -> State:
        state = State(codes, codes, none, none)
        for _ in range(passes):
            state = next_state(frames, state, seen, options, 1, lambda *_: None)
        return state

    with threadpool_limits(1):
        run(Frames(values[: 4 * len(codes)]), np.array(values[: len(codes)]))  # compiles
        used = resource.getrusage(resource.RUSAGE_SELF)
        state = run(frames, codes)
    found = since(used) | {"assigned": passes, "inertias": [inertia / len(values) for inertia in state.inertias]}
    np.save(Path(folder, "found.npy"), state.vectors)
    return found


def whole(folder: str, codes: int) -> dict:
    """A codebook of ours, and the seconds until every pass over all frames was made."""
    values = np.load(Path(folder, "frames.npy"), mmap_mode="r")
    kmeans(Frames(values[: 4 * codes]), KMeansOptions(codes, passes=2))  # compiles
    used, seconds = resource.getrusage(resource.RUSAGE_SELF), []

    class Told:
        def __call__(self, title: str, total: int, done: int = 0) -> "Told":
            return self

        def __enter__(self):
            return self.advance

        def __exit__(self, *_: object) -> None:
            pass

        def advance(self, count: int = 1, note: str = "") -> None:
            if note:
                seconds.append(since(used)["cpu_seconds"])

    found = kmeans(Frames(values), KMeansOptions(codes, passes=WHOLE), progress=Told())
    inertias = [inertia / len(values) for inertia in found.inertias]
    return since(used) | {"assigned": found.passes, "inertias": inertias, "seconds": seconds}


def since(used: resource.struct_rusage) -> dict:
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "cpu_seconds": after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime,
        "rss_mb": after.ru_maxrss // 1024,
    }


def tables(found: dict) -> str:
    """Markdown: passes, then whole codebooks."""
    passes = [row for row in found["rows"] if row["part"] == "passes"]
    machine = found["machine"]
    lines = [
        f"{machine['processor']}, {machine['threads']} thread. {machine['note']}".strip(),
        "",
        "| frames | codes | | us of the processor a frame and pass | of unitdisc's | % of the bound | mean squared "
        "distance | MB |",
        "|---:|---:|---|---:|---:|---:|---:|---:|",
    ]
    for row in passes:
        for name, tool in row["tools"].items():
            a_frame = 1e6 * tool["cpu_a_pass"]["median"] / row["frames"]
            times = tool["cpu_a_pass"]["median"] / row["tools"]["unitdisc"]["cpu_a_pass"]["median"]
            lines.append(
                f"| {row['frames']:,} | {row['codes']:,} | {name} | {a_frame:.2f} | {times:.2f} | "
                f"{100 * row['bound'] / a_frame:.0f} | {tool['distance']:.6f} | {tool['rss_mb']:,} |"
            )
    lines += [
        "",
        "| frames | codes | | CPU s | passes | mean squared distance | as good as faiss after, CPU s |",
        "|---:|---:|---|---:|---:|---:|---:|",
    ]
    for row in found["rows"]:
        if row["part"] == "whole":
            goal = row["tools"].get("faiss", row["tools"]["unitdisc"])["inertias"][-1]
            for name, tool in row["tools"].items():
                lines.append(
                    f"| {row['frames']:,} | {row['codes']:,} | {name} | {tool['cpu']['median']:.1f} | "
                    f"{len(tool['inertias'])} | {min(tool['inertias']):.4f} | {reached(tool, goal)} |"
                )
    return "\n".join(lines)


def reached(tool: dict, goal: float) -> str:
    """When ours was first as good as a goal."""
    pairs = zip(tool.get("seconds", ()), tool["inertias"], strict=False)
    return next((f"{second:.1f}" for second, inertia in pairs if inertia <= goal), "")


if __name__ == "__main__":
    main()
