"""A long training of a tiny model: whether its memory grows, how long its log gets, and whether it resumes exactly.

python benchmarks/endurance.py --output benchmarks/results/endurance.json > benchmarks/results/endurance.md

A process trains for --steps; what it has in memory is looked at as its log goes by. Then another one is interrupted
half-way through a tenth of the steps, goes on, and must leave the same weights as one that was not.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from machine import add_note_and_output, circumstances, keep_result

from unitdisc.corpus import Utterance
from unitdisc.corpus.manifest import write_manifest

RATE, UTTERANCES = 16_000, 60
OPTIONS = ["encoder.dim=16", "bottleneck.dim=8", "bottleneck.num_codes=8", "decoder.channels=8"]
OPTIONS += ["decoder.layers=2", "target.bins=20", "training.batch_size=2", "training.crop=16", "training.log_every=100"]


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20_000)
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        corpus = made(home)
        found = watched(home / "long", corpus, args.steps)
        found["resumed exactly"] = resumed_exactly(home, corpus, max(20, args.steps // 10))
    found |= circumstances(threads=1, note=args.note)
    print(table(found))
    keep_result(found, args.output)
    return found


def made(home: Path) -> Path:
    """Recordings of noise, a second long each."""
    listed = []
    for number in range(UTTERANCES):
        path = home / f"{number:02d}.wav"
        soundfile.write(path, 0.1 * np.random.default_rng(number).standard_normal(RATE), RATE)
        listed.append(Utterance(path.stem, str(path), f"s{number % 3}", RATE, RATE))
    write_manifest(home / "corpus.jsonl", listed)
    return home / "corpus.jsonl"


def training(folder: Path, corpus: Path, steps: int) -> subprocess.Popen:
    settings = [*OPTIONS, f"training.steps={steps}", f"training.checkpoint_every={max(1, steps // 20)}"]
    settings += [f"training.valid_every={max(1, steps // 20)}"]
    chosen = [part for each in settings for part in ("--set", each)]
    command = [sys.executable, "-m", "unitdisc", "train", "small", corpus, folder, "--device", "cpu", *chosen]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def last_step(folder: Path) -> int:
    lines = (folder / "log.jsonl").read_text().splitlines() if (folder / "log.jsonl").exists() else []
    return next((json.loads(line)["step"] for line in reversed(lines) if line.endswith("}")), 0)


def watched(folder: Path, corpus: Path, steps: int) -> dict:
    """Memory at tenths of the way, and what a run leaves."""
    process, begun, memory = training(folder, corpus, steps), time.monotonic(), {}
    while process.poll() is None:
        tenth = last_step(folder) * 10 // steps
        if tenth > 0 and tenth not in memory and (held := own(process.pid)):
            memory[tenth] = {"step": last_step(folder), "MiB": held}
        time.sleep(0.3)
    said = process.stderr.read()
    if process.returncode:
        raise RuntimeError(said)
    log = (folder / "log.jsonl").read_text()
    return {
        "steps": steps,
        "seconds": time.monotonic() - begun,
        "memory": [memory[tenth] for tenth in sorted(memory)],
        "log, lines": log.count("\n"),
        "log, kB": len(log) / 1000,
        "said, lines": said.count("\n"),
        "folder, MB": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6,
        "checkpoints kept": len(list((folder / "checkpoints").iterdir())),
    }


def own(process: int) -> float:
    """MiB that a process has, mapped files left out; 0 if it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"RssAnon:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0


def resumed_exactly(home: Path, corpus: Path, steps: int) -> bool:
    """Whether a run that was interrupted half-way leaves the same weights."""
    whole, parted = home / "whole", home / "parted"
    for folder in (whole, parted):
        process = training(folder, corpus, steps)
        while folder == parted and process.poll() is None and last_step(folder) < steps // 2:
            time.sleep(0.02)
        if folder == parted and process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate()
    process = training(parted, corpus, steps)
    said = process.communicate()[1]
    if "Resuming at step" not in said:
        raise RuntimeError(f"the second run went on from nothing: {said[-500:]}")
    return (whole / "model.safetensors").read_bytes() == (parted / "model.safetensors").read_bytes()


def table(found: dict) -> str:
    about = found["machine"]
    lines = [f"{about['processor']}, one thread. {about['note']}".strip(), "", "| step | memory of its own, MiB |"]
    lines += ["|---:|---:|", *(f"| {each['step']:,} | {each['MiB']:.1f} |" for each in found["memory"]), ""]
    names = ("steps", "seconds", "log, lines", "log, kB", "said, lines", "folder, MB", "checkpoints kept")
    lines += ["| | |", "|---|---:|", *(f"| {name} | {found[name]:,.0f} |" for name in names)]
    lines.append(f"| interrupted and resumed: the same weights | {'yes' if found['resumed exactly'] else 'no'} |")
    return "\n".join(lines)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
