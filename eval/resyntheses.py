"""How good resynthesised lines and recordings are: what a reader makes of them, and how near the originals they are.

unitdisc align data/train.jsonl --output exp/reader
unitdisc resynthesise exp/flow data/test.jsonl exp/flow/own
python eval/resyntheses.py data/test.jsonl exp/flow/own exp/diffusion/own --reader exp/reader/aligner

READER is an aligner, which learned to write from real lines or recordings: `CER` is how much of the texts it gets
wrong, and `real` how much of the originals of the same utterances. `ink` is the mean darkness over that of the
originals. Of recordings, `dB` is the root of the mean squared difference of log-mel frames from those of the original,
the mean of both levels taken away, and `variance` that of frames over time, over the originals': a decoder that says
the mean of what may be said is near, and has too little of it.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from unitdisc.alignment import AlignerError, load
from unitdisc.alignment.training import error_rate
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.read import read_corpus
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.base import Features
from unitdisc.data.cache import DiskCache
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.data.normalisation import Normaliser
from unitdisc.data.signals import Signals
from unitdisc.files import write_json

BINS, HOP = 40, 0.01  # of the frames that distances are measured with
DECIBEL = 10 / math.log(10)  # of a natural logarithm of power


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="of `unitdisc resynthesise`")
    parser.add_argument(
        "--reader", type=Path, help="the `aligner` folder of `unitdisc align` of real lines or recordings"
    )
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    options = parser.parse_args(argv)
    try:
        corpus = {utterance.id: utterance for utterance in read_corpus(options.corpus)}
        found = {str(folder): figures_of(folder, corpus, options.reader) for folder in options.folders}
    except (AlignerError, CorpusError) as error:
        sys.exit(f"error: {error}")
    names = list(dict.fromkeys(name for row in found.values() for name in row))
    print(f"| | {' | '.join(names)} |\n|---|{'---:|' * len(names)}")
    for folder, row in found.items():
        print(f"| {folder} | {' | '.join(shown(row.get(name)) for name in names)} |")
    if options.output:
        write_json(options.output, found)
    return found


def shown(figure: float | None) -> str:
    if figure is None:
        return "–"
    return str(figure) if isinstance(figure, int) else f"{figure:.3f}"


def figures_of(folder: Path, corpus: dict[str, Utterance], reader: Path | None) -> dict[str, float]:
    """Of all utterances of a folder, by name. Raises CorpusError if there are none."""
    pairs = [pair for path in sorted(folder.iterdir()) if (pair := original_and_again(path, corpus))]
    if not pairs:
        raise CorpusError(f"{folder}: no file UTTERANCE--SPEAKER.png or .wav of an utterance of the corpus is there")
    images = pairs[0][0].is_image
    found = {"utterances": len(pairs)} | (ink(pairs) if images else distances(pairs))
    if reader is not None:
        aligner = load(reader)
        signals = signals_of(aligner.features)
        for name, of_pair in (("CER", 1), ("real", 0)):
            rate = error_rate(aligner, [pair[of_pair] for pair in pairs], signals.features_of)
            found[name] = float("nan") if rate is None else rate
    return found


def original_and_again(path: Path, corpus: dict[str, Utterance]) -> tuple[Utterance, Utterance] | None:
    original = corpus.get(path.stem.partition("--")[0])
    if original is None or path.suffix not in (".png", ".wav"):
        return None
    if path.suffix == ".png":
        with Image.open(path) as image:
            size = {"ticks": image.width, "height": image.height}
    else:
        heard = soundfile.info(path)
        size = {"ticks": heard.frames, "rate": heard.samplerate}
    return original, replace(original, path=str(path.absolute()), start=0, alignment={}, channel=None, **size)


def signals_of(features: Features) -> Signals:
    """Features as an aligner reads them, without statistics of any corpus."""
    normaliser, none = Normaliser(features.normalise, {}), Normaliser("none", {})
    return Signals(features, None, normaliser, target_normaliser=none, cache=DiskCache(None))


def ink(pairs: Sequence[tuple[Utterance, Utterance]]) -> dict[str, float]:
    signals = signals_of(ColumnFeatures())
    sums = np.array([[signals.features_of(each).mean() for each in pair] for pair in pairs]).sum(0)
    return {"ink": float(sums[1] / sums[0])}


def distances(pairs: Sequence[tuple[Utterance, Utterance]]) -> dict[str, float]:
    rate = pairs[0][0].rate
    signals = signals_of(AcousticFeatures("log-mel", rate, round(HOP * rate), BINS, normalise="none"))
    squares, variances = [], []
    for pair in pairs:
        real, again = (DECIBEL * signals.features_of(each) for each in pair)
        frames = min(len(real), len(again))
        apart = again[:frames] - real[:frames]
        squares.append(np.square(apart - apart.mean()).mean(-1))
        variances.append([again.var(0).mean(), real.var(0).mean()])
    again, real = np.mean(variances, axis=0)
    return {"dB": float(np.sqrt(np.concatenate(squares).mean())), "variance": float(again / real)}


if __name__ == "__main__":
    main()
