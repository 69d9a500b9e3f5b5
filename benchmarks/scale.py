"""What an hour of recordings costs: the figures from which docs/explanations/scale.md reckons.

python data_prep/speechocean762.py ../shared/data/so762_dev data/so762
python benchmarks/scale.py data/so762/test.jsonl --output benchmarks/results/scale.json \\
    > benchmarks/results/scale.md

CPU seconds of one thread for an hour of recordings; bytes of an hour, an utterance or a model. The model is that of
the `paper` preset with weights that were never trained: what it costs does not depend on them. Not run on a GPU.
"""

import argparse
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from machine import add_note_and_output, circumstances, keep_result

from unitdisc.corpus import Utterance
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.corpus.table import UtteranceTable
from unitdisc.corpus.validation.recordings import Listening, Recording, listen_to_all
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.tar_crops import ShardPlan
from unitdisc.data.targets import LogMelTarget, MuLawTarget
from unitdisc.experiment import Experiment, config
from unitdisc.media.audio import read_audio
from unitdisc.model import PROBE_POINTS
from unitdisc.training.weights import weights

RATE, HOP = 16_000, 160


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="manifest of recordings at 16 kHz")
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--speakers", type=int, default=1000, help="that the decoder knows")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--encoded", type=int, default=20, help="utterances that are encoded")
    parser.add_argument("--listed", type=int, default=100_000, help="utterances of a made-up manifest")
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    utterances = list(read_manifest(args.corpus))
    found = {
        "seconds": costs(utterances, args.repetitions),
        "model": model_costs(args.preset, args.speakers, utterances[: args.encoded]),
        "manifest": manifest_costs(utterances[0], args.listed),
        "plan": plan_costs(args.listed),
        **circumstances(threads=1, note=args.note),
    }
    print(table(found))
    keep_result(found, args.output)
    return found


def costs(utterances: Sequence[Utterance], repetitions: int) -> dict[str, float]:
    """CPU seconds for an hour of recordings, the median, of all that is done on the way to a batch."""
    waves = [read_audio(utterance) for utterance in utterances]
    hours = sum(map(len, waves)) / RATE / 3600
    recordings = {u.path: Recording(u.path, lambda info, channels, u=u: [u]) for u in utterances}
    mfcc, log_mel, mu_law = AcousticFeatures(), LogMelTarget(RATE, HOP), MuLawTarget(RATE, HOP)
    ways = {
        "listening for what is wrong": lambda: list(listen_to_all(recordings.values(), Listening(workers=1))),
        "reading": lambda: [read_audio(utterance) for utterance in utterances],
        "MFCC": lambda: [mfcc(wave) for wave in waves],
        "log mel": lambda: [log_mel(wave) for wave in waves],
        "mu-law": lambda: [mu_law(wave) for wave in waves],
    }
    seconds = {name: [] for name in ways}
    for _ in range(repetitions):
        for name, run in ways.items():
            seconds[name].append(cpu(run) / hours)
    return {name: statistics.median(found) for name, found in seconds.items()}


def cpu(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def model_costs(preset: str, speakers: int, utterances: Sequence[Utterance]) -> dict:
    """Sizes of a model, and what encoding takes, with the bound: a matrix product as large as its largest layer."""
    experiment = Experiment(config.read(preset), [f"s{number}" for number in range(speakers)], {})
    model = experiment.build().eval()
    features = [torch.from_numpy(experiment.features()(read_audio(utterance)))[None] for utterance in utterances]
    hours = sum(wave.shape[1] for wave in features) / 360_000
    stride, rate = model.encoder.stride, RATE / HOP / model.encoder.stride

    @torch.inference_mode()
    def encode() -> None:
        for frames in features:
            model.encode(frames, torch.tensor([frames.shape[1]]))

    encode()
    operations = multiplied(model, features[0]) * 2 / (features[0].shape[1] / 360_000)
    points, _, _ = model.probe_points(features[0], torch.tensor([features[0].shape[1]]))
    seconds = statistics.median(cpu(encode) for _ in range(3)) / hours
    return {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "of the decoder": sum(weight.numel() for weight in model.decoder.parameters()),
        "weights, bytes": sum(weight.numel() * weight.element_size() for weight in weights(model).values()),
        "checkpoint, bytes": sum(w.numel() * w.element_size() for w in model.state_dict().values()) * 2
        + 8 * sum(weight.numel() for weight in model.parameters()),  # the model, its average and Adam's two moments
        "stride": stride,
        "encoding, s an hour": seconds,
        "encoding, TFLOP an hour": operations / 1e12,
        "matrix product, GFLOP/s": product_rate(features[0].shape[1] // stride, model.encoder.dim),
        "bytes an hour": {point: int(3600 * rate * 4 * points[point].shape[-1]) for point in PROBE_POINTS},
    }


def multiplied(model: torch.nn.Module, features: torch.Tensor) -> int:
    """Multiplications of the encoder and the projection for these frames [1, T, C]."""
    counted = []

    def count(layer: torch.nn.Module, _: tuple, output: torch.Tensor) -> None:
        counted.append(layer.weight[0].numel() * output.numel())

    parts = [part for part in (model.encoder, model.bottleneck) for part in part.modules()]
    kinds = (torch.nn.Conv1d, torch.nn.Linear)
    hooks = [part.register_forward_hook(count) for part in parts if isinstance(part, kinds)]
    with torch.inference_mode():
        model.encode(features, torch.tensor([features.shape[1]]))
    for hook in hooks:
        hook.remove()
    return sum(counted)


def product_rate(rows: int, dim: int) -> float:
    """GFLOP/s of [rows, 3 * dim] times [3 * dim, dim], the best of some."""
    left, right = torch.randn(rows, 3 * dim), torch.randn(3 * dim, dim)
    seconds = min(cpu(lambda: [left @ right for _ in range(10)]) for _ in range(5)) / 10
    return 2 * rows * 3 * dim * dim / seconds / 1e9


def manifest_costs(utterance: Utterance, number: int) -> dict[str, float]:
    """Bytes on disk and in memory of an utterance without alignments, and microseconds to read it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.jsonl"
        bare = replace(utterance, alignment={}, text=None, path=f"{folder}/shards/000000.tar:512")
        write_manifest(path, [replace(bare, id=f"speaker-{n:09d}") for n in range(number)])
        size = path.stat().st_size / number
        seconds = cpu(lambda: UtteranceTable.read(path))
        tracemalloc.start()
        kept = UtteranceTable.read(path)
        memory = tracemalloc.get_traced_memory()[0] / len(kept)
        tracemalloc.stop()
    return {"bytes on disk": size, "bytes in memory": memory, "reading, us": 1e6 * seconds / number}


def plan_costs(number: int) -> dict[str, float]:
    """What the plan of a corpus in shards takes."""
    frames = np.random.default_rng(0).integers(300, 2500, number)
    places = np.stack([np.arange(number) // 2000, np.arange(number), np.zeros(number, dtype=int)], axis=1)
    tracemalloc.start()
    plan = ShardPlan(frames, places, 64, 32, 2, 0)
    plan.batch(0)
    memory = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    again = ShardPlan(frames, places, 64, 32, 2, 0)
    return {"bytes an utterance": memory / number, "first batch, s": cpu(lambda: again.batch(0)), "utterances": number}


def table(found: dict) -> str:
    """Markdown."""
    about, model = found["machine"], found["model"]
    lines = [f"{about['processor']}, one thread. {about['note']}".strip(), "", "| what | |", "|---|---:|"]
    lines += [f"| {name}, CPU s an hour | {value:.2f} |" for name, value in found["seconds"].items()]
    reached = model["encoding, TFLOP an hour"] * 1e3 / model["encoding, s an hour"]
    for name, value in model.items():
        if isinstance(value, dict):
            lines += [f"| `{point}` as float32, MB an hour | {size / 1e6:.1f} |" for point, size in value.items()]
        else:
            lines.append(f"| {name} | {value:,.1f} |" if isinstance(value, float) else f"| {name} | {value:,} |")
    lines.append(f"| encoding reaches, GFLOP/s | {reached:.1f} |")
    lines += [f"| manifest: {name} | {value:.1f} |" for name, value in found["manifest"].items()]
    lines += [f"| plan of shards: {name} | {value:,.2f} |" for name, value in found["plan"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
