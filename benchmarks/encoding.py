"""How much faster than real time a corpus is encoded, where the time goes, and what a matrix product allows.

python benchmarks/encoding.py data/mini_speech/test.jsonl --output benchmarks/results/encoding.json \\
    > benchmarks/results/encoding.md

From files to encodings of all probe points, by models that were not trained. Every run is a process of its own, and
versions take turns; `--peer NAME=FOLDER` measures another checkout as well, and compares what both wrote byte by byte.
The split tells the CPU time of the parts one after another, in one process. The bound is the time that the encoder's
floating-point operations would take at the rate of a plain matrix product of the size of its layers in the same run.
On a GPU (--device cuda) the parts are timed by the clock on the wall, waiting for the GPU after each.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from devices import name_of, synchronise
from machine import add_note_and_output, circumstances, keep_result
from torch.utils.flop_counter import FlopCounterMode

from unitdisc.corpus.read import read_corpus
from unitdisc.data.loader import FRAMES_IN_A_BATCH, whole_utterances
from unitdisc.data.signals import Signals
from unitdisc.encodings import Encoding, EncodingsWriter, centres_in_ticks
from unitdisc.experiment import Experiment
from unitdisc.experiment.config import read
from unitdisc.inference.encode_corpus import encode, encode_batch
from unitdisc.media.audio import read_audio
from unitdisc.model import PROBE_POINTS

PARTS = ("reading", "features", "encoder", "the other points", "writing")


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="manifest of recordings")
    parser.add_argument("--presets", nargs="+", default=["small", "paper"])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--limit", type=int, help="only the first so many utterances")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=FOLDER", help="another checkout")
    parser.add_argument("--quick", action="store_true", help="few utterances once, to see that all works")
    parser.add_argument("--device", default="cpu", help="where models compute: cpu or cuda")
    add_note_and_output(parser)
    parser.add_argument("--child", nargs=3, metavar=("PRESET", "THREADS", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.child:
        return child(args.child[0], int(args.child[1]), Path(args.child[2]), args.corpus, args.limit, args.device)
    if args.quick:
        args.presets, args.threads, args.limit, args.repeat = ["small"], [1], 20, 1
    utterances = read_corpus(args.corpus)[: args.limit]
    seconds = sum(utterance.ticks / utterance.rate for utterance in utterances)
    code = {"unitdisc": str(Path(__file__).resolve().parent.parent)}
    code |= dict(peer.split("=", 1) for peer in args.peer)
    found = {"utterances": len(utterances), "seconds": seconds, "presets": {}}
    for preset in args.presets:
        runs = {threads: compared(preset, threads, code, args) for threads in args.threads}
        found["presets"][preset] = {"runs": runs, "split": split(preset, utterances, torch.device(args.device))}
    found |= circumstances(note=args.note, **name_of(torch.device(args.device)))
    print(table(found))
    keep_result(found, args.output)
    return found


def model_of(preset: str, utterances: list, device: torch.device | str) -> tuple:
    """A model that was not trained, and how it reads utterances."""
    experiment = Experiment(read(preset, ["features.normalise=utterance"]), ["?"], {})
    torch.manual_seed(0)
    model = experiment.build().eval().to(device)
    return model, Signals.fitted(experiment.features(), experiment.target(), utterances[:5])


def compared(preset: str, threads: int, code: dict[str, str], args: argparse.Namespace) -> dict:
    """CPU and wall seconds of every version, and whether all wrote the same."""
    times: dict[str, list] = {name: [] for name in code}
    written = set()
    for _ in range(args.repeat):
        for name, folder in code.items():
            with tempfile.TemporaryDirectory() as results:
                environment = os.environ | {"PYTHONPATH": folder, "OMP_NUM_THREADS": str(threads)}
                command = [sys.executable, __file__, str(args.corpus), "--child", preset, str(threads), results]
                command += ["--limit", str(args.limit)] if args.limit else []
                command += ["--device", args.device]
                done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
                times[name].append(json.loads(done.stdout.splitlines()[-1]))
                written.add(checksum(Path(results)))
    return {"same": len(written) == 1, "times": {name: spread(runs) for name, runs in times.items()}}


def child(preset: str, threads: int, folder: Path, corpus: Path, limit: int | None, device: str) -> dict:
    """Encodes the corpus once more after a first batch that is not counted."""
    torch.set_num_threads(threads)
    utterances = read_corpus(corpus)[:limit]
    model, signals = model_of(preset, utterances, device)
    with tempfile.TemporaryDirectory() as other:
        encode(model, signals, utterances[:8], Path(other), PROBE_POINTS, {}, lambda count: None)
    wall, cpu = time.perf_counter(), time.process_time()
    encode(model, signals, utterances, folder, PROBE_POINTS, {}, lambda count: None)
    print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}))
    return {}


def checksum(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return found.hexdigest()


def spread(runs: list[dict]) -> dict:
    walls = [run["wall"] for run in runs]
    cpu = float(np.median([run["cpu"] for run in runs]))
    return {"wall": float(np.median(walls)), "lowest": min(walls), "highest": max(walls), "cpu": cpu}


@torch.inference_mode()
def split(preset: str, utterances: list, device: torch.device) -> dict:
    """Seconds of every part on one thread, one after another, and the bound of the encoder; on a CPU, CPU seconds."""
    torch.set_num_threads(1)
    model, signals = model_of(preset, utterances, device)

    def now() -> float:
        synchronise(device)
        return clock_of(device)()

    spent = dict.fromkeys(PARTS, 0.0)
    grid, operations = signals.features.grid(model.encoder.stride, model.encoder.offset), 0
    with tempfile.TemporaryDirectory() as folder:
        writers = {point: EncodingsWriter(Path(folder) / point, {"point": point, **grid}) for point in PROBE_POINTS}
        for group in whole_utterances(utterances, signals, FRAMES_IN_A_BATCH):
            some = [utterances[i] for i in group]
            begin = now()
            waves = [read_audio(utterance, signals.features.rate) for utterance in some]
            read_at = now()
            normalise = signals.feature_normaliser
            frames = [normalise(signals.features(wave), each.speaker) for wave, each in zip(waves, some)]
            features_at = now()
            padded, lengths = (values.to(device) for values in padded_of(frames))
            with FlopCounterMode(display=False) as counter:
                model.encoder(padded[:1, :64], lengths[:1].clamp(max=64))
            operations += counter.get_total_flops() / 64 * padded.shape[0] * padded.shape[1]
            counted_at = now()
            model.encoder(padded, lengths)
            encoded_at = now()
            arrays, codes, sizes = encode_batch(model, frames, device)
            points_at = now()
            for row, utterance in enumerate(some):
                size = sizes[row]
                centres = centres_in_ticks(size, grid, 1.0)
                for point, writer in writers.items():
                    own = None if codes is None else codes[row, :size]
                    writer.write(Encoding(utterance.id, centres, arrays[point][row, :size], own))
            written_at = now()
            spent["reading"] += read_at - begin
            spent["features"] += features_at - read_at
            spent["encoder"] += encoded_at - counted_at
            spent["the other points"] += max(0.0, points_at - encoded_at - (encoded_at - counted_at))
            spent["writing"] += written_at - points_at
    rate = product_rate(model.encoder.dim, device)
    bound = operations / rate
    return {"cpu": spent, "operations": operations, "product_rate": rate, "bound": bound}


def padded_of(frames: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = torch.tensor([len(each) for each in frames])
    return torch.nn.utils.rnn.pad_sequence([torch.from_numpy(each) for each in frames], batch_first=True), lengths


def clock_of(device: torch.device) -> Callable[[], float]:
    return time.process_time if device.type == "cpu" else time.perf_counter


def product_rate(dim: int, device: torch.device, rows: int = 4096) -> float:
    """Floating-point operations a second of a plain product of the size of a layer: [rows, 3 dim] x [3 dim, dim]."""
    frames, weights = torch.randn(rows, 3 * dim, device=device), torch.randn(3 * dim, dim, device=device)
    clock, best = clock_of(device), 0.0
    for _ in range(5):
        begin, count = clock(), 0
        while clock() - begin < 0.2:
            for _ in range(1 if device.type == "cpu" else 100):
                frames @ weights
                count += 1
            synchronise(device)
        best = max(best, count * 2 * rows * 3 * dim * dim / (clock() - begin))
    return best


def table(found: dict) -> str:
    """Markdown."""
    about, seconds = found["machine"], found["seconds"]
    where = f"{about['gpu']}, {about['processor']}" if "gpu" in about else about["processor"]
    lines = [
        f"{where}, {about['cores']} cores; {found['utterances']} utterances, {seconds / 60:.1f} minutes. "
        f"{about['note']}".strip(),
        "",
        "| preset | threads | version | times real time | lowest to highest | CPU s | same bytes |",
        "|---|---:|---|---:|---:|---:|---|",
    ]
    for preset, part in found["presets"].items():
        for threads, runs in part["runs"].items():
            for name, run in runs["times"].items():
                speed = f"{seconds / run['wall']:.0f} | {seconds / run['highest']:.0f} to {seconds / run['lowest']:.0f}"
                same = "yes" if runs["same"] else "no"
                lines.append(f"| {preset} | {threads} | {name} | {speed} | {run['cpu']:.2f} | {same} |")
    clock = "s, one thread and the GPU" if "gpu" in about else "CPU s, one thread"
    lines += ["", f"| {clock} | {' | '.join(PARTS)} | bound of the encoder | share reached |"]
    lines.append("|---|" + "---:|" * (len(PARTS) + 2))
    for preset, part in found["presets"].items():
        cpu = part["split"]["cpu"]
        figures = " | ".join(f"{cpu[name]:.2f}" for name in PARTS)
        bound, rate = part["split"]["bound"], part["split"]["product_rate"] / 1e9
        shown = f"{bound:.2f} (at {rate:.0f} GFLOP/s) | {bound / cpu['encoder']:.2f}"
        lines.append(f"| {preset} | {figures} | {shown} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
