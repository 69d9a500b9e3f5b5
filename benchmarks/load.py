"""What commands take as a corpus grows: processor seconds, memory, files and disk; and how long they take to begin.

python benchmarks/load.py --output benchmarks/results/load.json > benchmarks/results/load.md

Made-up recordings of --seconds on average, from half to one and a half times that: names of few files (hard links),
with labels ten a second. Each command is a process of its own, on what the ones before it left; a tenfold corpus should
take ten times what is left when the start is taken off, which is what the smallest corpus takes. --most leaves out
commands above so many utterances; where there are more than 500, a `report` is also made of 500 that are drawn.
--trust: nothing is listened to before training and encoding, and frames are normalised by utterance. --shares N: the
same, and `validate` and `encode` do the first of N shares.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from explore import ask, cpu_of, peak_of, said_address
from machine import add_note_and_output, circumstances, keep_result
from manifests import SPEAKERS, make_corpus

MODEL = ["encoder.dim=64", "bottleneck.dim=16", "bottleneck.num_codes=64", "decoder.channels=16", "decoder.layers=2"]
TRAINING = ["training.batch_size=16", "training.crop=32", "training.halve_at=[]", "training.valid_every=100"]
DRAWN = 500  # utterances of a report that is not of all
DRAWN_REPORT = f"report, {DRAWN} drawn"
MOST = {"report": 1_000, "features": 10_000, "kmeans": 10_000, "segment": 10_000, "abx": 10_000}
BOUNDS = {
    "import torch": "import torch",
    "torch, and a step of its Adam": "import torch\nweights = torch.ones(2, requires_grad=True)\n"
    "moves = torch.optim.Adam([weights])\nweights.sum().backward()\nmoves.step()",
    "import numpy and numba": "import numpy, numba",
}


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[12, 1_000, 10_000, 100_000], help="utterances")
    parser.add_argument("--seconds", type=float, default=1, help="of an utterance, on average")
    parser.add_argument("--shares", type=int, default=1, help="of which the first is done")
    parser.add_argument("--trust", action="store_true", help="that recordings can be read, as manifests say")
    parser.add_argument("--steps", type=int, default=100, help="of training")
    parser.add_argument("--only", nargs="*", default=[], help="these commands")
    parser.add_argument("--most", nargs="*", default=[], metavar="COMMAND=N", help="utterances, of a command")
    parser.add_argument("--after", type=Path, help="JSON file of an earlier run, whose rows come before these")
    parser.add_argument("--folder", type=Path, help="where corpora are made (default: that of temporary files)")
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    most = MOST | {name: int(size) for name, _, size in (each.partition("=") for each in args.most)}
    rows = json.loads(args.after.read_text())["rows"] if args.after else []
    bounds = {name: measured([sys.executable, "-c", code]) for name, code in BOUNDS.items()}
    for size in args.sizes:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            home = Path(folder)
            labels, speakers = max(1, round(10 * args.seconds)), min(SPEAKERS, size // 4)
            corpus = make_corpus(home, size, labels, speakers, seconds=args.seconds)
            for name, command in commands(home, corpus, args.steps, args.shares, trusting=args.trust).items():
                if name == DRAWN_REPORT and size <= DRAWN:
                    continue
                verb = name.partition(", ")[0]
                if size > most.get(name, most.get(verb, size)) or (args.only and verb not in args.only):
                    continue
                before = of_disk(home)
                figures = explored(home, corpus) if name == "explore" else measured(unitdisc(command))
                made = {key: value - before[key] for key, value in of_disk(home).items()}
                rows.append({"command": name, "utterances": size, **figures, **made})
                print(rows[-1], file=sys.stderr, flush=True)
            shutil.rmtree(home / "x", ignore_errors=True)
        about = {"seconds": args.seconds, "steps": args.steps}
        found = {"rows": rows, "bounds": bounds, **about, **circumstances(threads=1, note=args.note)}
        keep_result(found, args.output)
    print(table(found))
    return found


def unitdisc(arguments: list) -> list[str]:
    return [sys.executable, "-m", "unitdisc", *map(str, arguments)]


def commands(home: Path, corpus: Path, steps: int, shares: int = 1, *, trusting: bool = False) -> dict[str, list]:
    """Name -> command, each of which begins from what the ones before it left."""
    x, one, cpu = home / "x", ["--threads", 1], ["--device", "cpu"]
    trust, normalise, share = [], [], []
    if shares > 1 or trusting:
        trust, normalise = ["--trust"], ["features.normalise=utterance"]
    if shares > 1:
        share = ["--shard", f"1/{shares}"]
    said = f", 1 of {shares} shares" if share else ""
    options = [*MODEL, *TRAINING, *normalise]
    chosen = [part for each in (*options, f"training.steps={steps}") for part in ("--set", each)]
    first = [part for each in (*options, "training.steps=1") for part in ("--set", each)]
    bottleneck, units = x / "encodings" / "bottleneck", x / "units"
    encode = ["encode", x / "model", corpus, x / "encodings", "--at", "bottleneck", *cpu, *trust, *share]
    report = ["report", x / "model", corpus, "--context", "any", *cpu]
    return {
        f"validate{said}": ["validate", corpus, *(["--cache", x / "heard", *share] if share else [])],
        "train, one step": ["train", "small", corpus, x / "begun", *cpu, *trust, *first],
        "train": ["train", "small", corpus, x / "model", *cpu, *trust, *chosen],
        f"encode{said}": encode,
        "features": ["features", corpus, x / "mfcc"],
        "kmeans": ["kmeans", x / "mfcc", x / "codes.npy", "--codes", 10, "--passes", 5, *one],
        "segment": ["segment", bottleneck, corpus, units, "--units-per-second", 10, "--codes", 10, *one],
        "lm-train": ["lm-train", "ngram", units, x / "lm"],
        "words": ["words", units, corpus, x / "words", "--method", "tp"],
        "abx": ["abx", bottleneck, corpus, "--context", "any", "--max-size-group", 10, "--max-x-across", 5, *one],
        DRAWN_REPORT: [*report, "--utterances", DRAWN],
        "report": report,
        "explore": [bottleneck, corpus],
    }


def measured(command: list[str]) -> dict[str, float]:
    """Processor seconds, by the clock, and the most MiB of a process. Raises RuntimeError if it fails."""
    begun = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{command}: {said.read().decode(errors='replace')[-1500:]}")
    seconds = time.monotonic() - begun
    return {"cpu_seconds": used.ru_utime + used.ru_stime, "seconds": seconds, "MiB": used.ru_maxrss / 1024}


def explored(home: Path, corpus: Path) -> dict[str, float]:
    """The same of a server from its start, the making of its index included, to its first page."""
    begun = time.monotonic()
    command = unitdisc(["explore", home / "x" / "encodings" / "bottleneck", corpus, "--cache", home / "x" / "index"])
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        port, token = said_address(process)
        ask(port, token, "/")
        return {"cpu_seconds": cpu_of(process.pid), "seconds": time.monotonic() - begun, "MiB": peak_of(process.pid)}
    finally:
        process.terminate()
        process.communicate()


def of_disk(home: Path) -> dict[str, float]:
    """Files below a folder that are none of the corpus, and their megabytes."""
    sizes = [path.stat().st_size for path in (home / "x").rglob("*") if path.is_file()]
    return {"files": len(sizes), "MB": sum(sizes) / 1e6}


def table(found: dict) -> str:
    about = found["machine"]
    made = f"utterances of {found['seconds']:g} s, {found['steps']} steps of training"
    lines = [f"{about['processor']}, one thread, {made}. {about['note']}".strip(), ""]
    lines += ["| command | utterances | CPU s | s | MiB | files | MB | a tenfold takes, times the CPU s, start apart |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---:|"]
    for name in dict.fromkeys(row["command"] for row in found["rows"]):
        some = [row for row in found["rows"] if row["command"] == name]
        for place, row in enumerate(some):
            cells = [row["command"] if not place else "", f"{row['utterances']:,}", f"{row['cpu_seconds']:.2f}"]
            cells += [f"{row['seconds']:.1f}", f"{row['MiB']:.0f}", f"{row['files']:,}", f"{row['MB']:.1f}"]
            lines.append(f"| {' | '.join([*cells, growth(some, place)])} |")
    lines += ["", "| to begin with | CPU s | MiB |", "|---|---:|---:|"]
    lines += [f"| {name} | {each['cpu_seconds']:.2f} | {each['MiB']:.0f} |" for name, each in found["bounds"].items()]
    return "\n".join(lines)


def growth(rows: list[dict], place: int) -> str:
    """How many times what is beyond the smallest corpus a tenfold one takes, by the two largest up to this one."""
    if place < 2:
        return ""
    start, before, now = (rows[each]["cpu_seconds"] for each in (0, place - 1, place))
    times = rows[place]["utterances"] / rows[place - 1]["utterances"]
    if before - start < 0.2:
        return ""
    return f"{10 ** (math.log((now - start) / (before - start)) / math.log(times)):.1f}"


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
