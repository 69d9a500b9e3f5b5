"""How long probes take: a synthetic corpus of any size at four probe points, four tasks, controls and all.

python benchmarks/probes.py --hours 2 --output benchmarks/results/probes.json

The corpus has frames 50 times a second that say a phone, a speaker and noise; 40 phones, 60 speakers, a log-mel frame
of 80 bands under each. Prints a table of seconds by point and task; the JSON has machine, threads and versions too.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from machine import circumstances, keep_result

from unitdisc.corpus import Interval, Utterance
from unitdisc.encodings import Encodings
from unitdisc.evaluation.probes import Corpus, ProbeOptions, probe_tasks, usual_tasks

RATE, STRIDE = 16_000, 320
SECONDS = 4  # of an utterance
POINTS = {"encoder": 768, "projection": 64, "bottleneck": 64, "condition": 128}  # as in Chorowski et al. (2019)
PHONES, SPEAKERS, BANDS = 40, 60, 80


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=2.0, help="of speech")
    parser.add_argument("--reader", choices=["linear", "mlp"], default="linear")
    parser.add_argument("--context-frames", type=int, default=1)
    parser.add_argument("--training-frames", type=int, default=ProbeOptions().training_frames)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, help="JSON file")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    options = ProbeOptions(args.reader, args.context_frames, training_frames=args.training_frames, device=args.device)
    with tempfile.TemporaryDirectory() as folder:
        utterances = make_corpus(round(args.hours * 3600 / SECONDS))
        corpus, mel = encode_corpus(Path(folder), utterances)
        found = timed(corpus, mel, options)
    found |= {
        "hours": args.hours,
        "frames": len(utterances) * SECONDS * RATE // STRIDE,
        "dimensions": POINTS,
        "options": vars(options),
        **circumstances(threads=args.threads),
    }
    show(found)
    keep_result(found, args.output)
    return found


def make_corpus(count: int) -> list[Utterance]:
    rng = np.random.default_rng(0)
    utterances = []
    for number in range(count):
        borders = np.arange(0, SECONDS * RATE + 1, 5 * STRIDE)  # 100 ms a phone
        labels = rng.integers(0, PHONES, len(borders) - 1)
        phones = [Interval(int(a), int(b), f"p{label:02}") for a, b, label in zip(borders, borders[1:], labels)]
        speaker = number % SPEAKERS
        utterances.append(
            Utterance(
                id=f"s{speaker:02}-{number:06}",
                path="none.wav",
                speaker=f"s{speaker:02}",
                ticks=SECONDS * RATE,
                rate=RATE,
                gender="fm"[speaker % 2],
                alignment={"phone": phones},
            )
        )
    return utterances


def encode_corpus(folder: Path, utterances: list[Utterance]) -> tuple[Corpus, Encodings]:
    rng = np.random.default_rng(1)
    points = {}
    for point, dim in {**POINTS, "log-mel": BANDS}.items():
        phones, speakers = rng.standard_normal((2, max(PHONES, SPEAKERS), dim)).astype(np.float32)
        (folder / point).mkdir()
        for utterance in utterances:
            labels = np.repeat([int(interval.label[1:]) for interval in utterance.alignment["phone"]], 5)
            noise = 3 * rng.standard_normal((len(labels), dim), dtype=np.float32)
            frames = phones[labels] + 0.3 * speakers[int(utterance.speaker[1:])] + noise
            np.save(folder / point / f"{utterance.id}.npy", frames)
        settings = {"point": point, "stride": STRIDE, "offset": STRIDE / 2, "rate": RATE}
        (folder / point / "encodings.json").write_text(json.dumps(settings))
        points[point] = Encodings.open(folder / point)
    mel = points.pop("log-mel")
    return Corpus(points, utterances), mel


def timed(corpus: Corpus, mel: Encodings, options: ProbeOptions) -> dict:
    """Seconds of every job, of everything, and what was found."""
    begun = []

    def watch(_: int, jobs: int, job: str) -> None:
        begun.append((job, time.perf_counter()))
        print(f"{len(begun):3}/{jobs} {job}", flush=True)

    start, used = time.perf_counter(), time.process_time()
    scores = probe_tasks(corpus, usual_tasks(corpus.utterances, "phone", mel), options, progress=watch)
    end = time.perf_counter()
    ends = [moment for _, moment in begun[1:]] + [end]
    figures = {
        point: {
            task: {name: score[name] for name in ("accuracy", "r2", "shuffled", "control") if name in score}
            for task, score in tasks.items()
        }
        for point, tasks in scores.items()
    }
    return {
        "seconds": end - start,
        "cpu_seconds": time.process_time() - used,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "jobs": {job: finish - moment for (job, moment), finish in zip(begun, ends)},
        "scores": figures,
    }


def show(found: dict) -> None:
    tasks = ("phone", "speaker", "gender", "mel")
    print(f"\n{'seconds':12}" + "".join(f"{task:>10}" for task in tasks))
    for point in found["dimensions"]:
        print(f"{point:12}" + "".join(f"{found['jobs'][f'{task} probe, {point}']:10.1f}" for task in tasks))
    print(
        f"{found['frames']} frames in {found['seconds']:.0f} s, {found['cpu_seconds']:.0f} s of processor time, "
        f"{found['machine']['threads']} threads, {found['peak_mb']:.0f} MB"
    )


if __name__ == "__main__":
    main()
