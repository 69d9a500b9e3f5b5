"""Recordings made again by Griffin-Lim, from their log-mel frames, and by experiments; and how fast each of them is.

python eval/vocoders.py data/test.jsonl exp/made exp/vocoder exp/wavenet --limit 60
python eval/resyntheses.py data/test.jsonl exp/made/{griffin-lim,vocoder,wavenet} --phones data/train.jsonl

Writes UTTERANCE--SPEAKER.wav to a folder of each in the second argument: `griffin-lim`, and the names of the folders of
experiments. `x real time` is how many seconds of recordings one second of processor time makes, from file to file, on
as many threads as torch takes (OMP_NUM_THREADS): processor time counts all of them, and not what others compute.
`parameters` are those of the decoder, in millions.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
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
    parser.add_argument("experiments", type=Path, nargs="*", metavar="EXPERIMENT")
    parser.add_argument("--limit", type=int, help="only the first so many utterances")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    options = parser.parse_args(argv)
    if len({GRIFFIN_LIM, *(each.name for each in options.experiments)}) <= len(options.experiments):
        parser.error(f"experiments need names of their own, none of them {GRIFFIN_LIM}")
    try:
        utterances = read_corpus(options.corpus)[: options.limit]
        seconds = sum(utterance.ticks / utterance.rate for utterance in utterances)
        found = {GRIFFIN_LIM: {"x real time": speed(seconds, lambda: griffin_lim(utterances, options.folder))}}
        for experiment in options.experiments:
            decoder = load(experiment)[1].decoder
            again = {"limit": options.limit, "device": "cpu"}
            made = lambda folder=experiment, again=again: resynthesise(  # noqa: E731
                folder, options.corpus, options.folder / folder.name, **again
            )
            found[experiment.name] = {"x real time": speed(seconds, made)}
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
    (folder / GRIFFIN_LIM).mkdir(parents=True, exist_ok=True)
    for utterance in utterances:
        target = LogMelTarget(utterance.rate, round(HOP * utterance.rate), BINS)
        wave = target.to_audio(target(read_audio(utterance, utterance.rate)))
        write_audio(folder / GRIFFIN_LIM / file_name(utterance, utterance.speaker or "", ""), wave, utterance.rate)


if __name__ == "__main__":
    main()
