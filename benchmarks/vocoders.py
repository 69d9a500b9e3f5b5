"""Recordings made again by experiments, and by Griffin-Lim from log-mel frames; and how fast each of them is.

python benchmarks/vocoders.py data/test.jsonl exp/made griffin-lim exp/vocoder exp/wavenet --limit 60
python eval/resyntheses.py data/test.jsonl exp/made/{griffin-lim,vocoder,wavenet}

Writes UTTERANCE--SPEAKER.wav to a folder of each in the second argument, by the names of experiments; one called
griffin-lim is no experiment. `x real time` is how many seconds of recordings one second of processor time makes, from
file to file, on as many threads as torch takes (OMP_NUM_THREADS): processor time counts all of them, and not what
others compute. `parameters` are those of the decoder.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch

from unitdisc.api.resynthesise import file_name, resynthesise
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.read import read_corpus
from unitdisc.data.targets import LogMelTarget
from unitdisc.experiment import ExperimentError, load
from unitdisc.files import write_json
from unitdisc.media.audio import read_audio, write_audio

GRIFFIN_LIM = "griffin-lim"
HOP, BINS = 0.01, 80  # seconds; of the frames that Griffin-Lim is told, as vocoders are


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("folder", type=Path, help="to write to")
    parser.add_argument("experiments", type=Path, nargs="+", metavar="EXPERIMENT", help=f"or {GRIFFIN_LIM}")
    parser.add_argument("--limit", type=int, help="only the first so many utterances")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    options = parser.parse_args(argv)
    if len({each.name for each in options.experiments}) < len(options.experiments):
        parser.error("experiments need names of their own, by which what they make is called")
    try:
        utterances = read_corpus(options.corpus)[: options.limit]
        seconds = sum(utterance.ticks / utterance.rate for utterance in utterances)
        found: dict[str, dict[str, float]] = {}
        for experiment in options.experiments:
            if experiment == Path(GRIFFIN_LIM):
                again = partial(griffin_lim, utterances, options.folder / GRIFFIN_LIM)
                found[GRIFFIN_LIM] = {"x real time": speed(seconds, again)}
                continue
            decoder = load(experiment)[1].decoder
            again = partial(resynthesise, experiment, options.corpus, options.folder / experiment.name, device="cpu")
            found[experiment.name] = {"x real time": speed(seconds, partial(again, limit=options.limit))}
            if decoder is not None:
                found[experiment.name]["parameters"] = sum(weight.numel() for weight in decoder.parameters()) / 1e6
    except (CorpusError, ExperimentError) as error:
        sys.exit(f"error: {error}")
    print(f"{torch.get_num_threads()} threads\n\n| | x real time | parameters |\n|---|---:|---:|")
    for name, row in found.items():
        parameters = f"{row['parameters']:.2f} M" if "parameters" in row else "–"
        print(f"| {name} | {row['x real time']:.1f} | {parameters} |")
    if options.output:
        write_json(options.output, found)
    return found


def speed(seconds: float, make: Callable[[], object]) -> float:
    """Seconds of recordings made in one of processor time."""
    started = time.process_time()
    make()
    return seconds / max(1e-9, time.process_time() - started)


def griffin_lim(utterances: Sequence[Utterance], folder: Path) -> None:
    """Writes every utterance as its log-mel frames tell it. Raises CorpusError if one cannot be read."""
    folder.mkdir(parents=True, exist_ok=True)
    for utterance in utterances:
        target = LogMelTarget(utterance.rate, round(HOP * utterance.rate), BINS)
        wave = target.to_audio(target(read_audio(utterance, utterance.rate)))
        write_audio(folder / file_name(utterance, utterance.speaker or "", ""), wave, utterance.rate)


if __name__ == "__main__":
    main()
