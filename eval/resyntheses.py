"""How good resynthesised lines and recordings are: what a reader makes of them, and how near the originals they are.

unitdisc align data/train.jsonl --output exp/reader
unitdisc resynthesise exp/flow data/test.jsonl exp/flow/own
python eval/resyntheses.py data/test.jsonl exp/flow/own exp/diffusion/own --reader exp/reader/aligner

READER is an aligner, which learned to write from real lines or recordings: `CER` is how much of the texts it gets
wrong, and `real` how much of the originals of the same utterances. `ink` is the mean darkness over that of the
originals. Of recordings, `dB` is the root of the mean squared difference of log-mel frames from those of the original,
the mean of both levels taken away, and `variance` that of frames over time, over the originals': a decoder that says
the mean of what may be said is near, and has too little of it. `periodicity` tells what energies do not, whether voices
repeat themselves as they did: the root of the mean squared difference of the largest normalised autocorrelation, 0 to
1, at pitches of 60 to 400 Hz, where the original is within 40 dB of its loudest frame.

--picture FILE.png shows lines as they are and as each folder has them, one under the other; --lines says how many,
evenly chosen of those that all folders have. --corpus FILE.jsonl makes a corpus of what is in the only folder, with
the texts of the originals: `unitdisc resynthesise --given 0.999` writes lines as a decoder is shown them, upright and
clean, and a reader that learns from these is asked about nothing but what is drawn.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from markdown_tables import print_table
from PIL import Image, ImageDraw, ImageFont

from unitdisc.alignment import AlignerError, load
from unitdisc.alignment.training import error_rate
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.base import Features
from unitdisc.data.cache import DiskCache
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.data.normalisation import Normaliser
from unitdisc.data.signals import Signals
from unitdisc.files import write_json
from unitdisc.media.image import read_line, write_image

BINS, HOP = 40, 0.01  # of the frames that distances are measured with
PITCHES, PITCHED, LOUD = (60, 400), 0.04, 1e-4  # Hz, seconds of a frame, and share of the power of the loudest
DECIBEL = 10 / math.log(10)  # of a natural logarithm of power
CAPTION, LETTER, GAP = 150, 11, 4  # pixels of a picture: beside the lines, of its letters, between lines


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="of `unitdisc resynthesise`")
    parser.add_argument(
        "--reader", type=Path, help="the `aligner` folder of `unitdisc align` of real lines or recordings"
    )
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    parser.add_argument("--picture", type=Path, help="PNG that shows lines and what became of them")
    parser.add_argument("--lines", type=int, default=4, help="of the picture (default: %(default)s)")
    parser.add_argument("--corpus", type=Path, dest="made", help="manifest to write, of the one folder")
    options = parser.parse_args(argv)
    if options.made and len(options.folders) > 1:
        parser.error("--corpus is made of one folder; give one")
    try:
        corpus = {utterance.id: utterance for utterance in read_corpus(options.corpus)}
        pairs = {folder: pairs_of(folder, corpus) for folder in options.folders}
        found = {str(folder): figures_of(its, options.reader) for folder, its in pairs.items()}
        if options.made:
            write_manifest(options.made, [again for _, again in pairs[options.folders[0]]])
        if options.picture:
            write_image(options.picture, picture(pairs, options.lines))
    except (AlignerError, CorpusError, OSError) as error:
        sys.exit(f"error: {error}")
    names = list(dict.fromkeys(name for row in found.values() for name in row))
    print_table(["", *names], ([folder, *(shown(row.get(name)) for name in names)] for folder, row in found.items()))
    if options.output:
        write_json(options.output, found)
    return found


def shown(figure: float | None) -> str:
    if figure is None:
        return "–"
    return str(figure) if isinstance(figure, int) else f"{figure:.3f}"


def pairs_of(folder: Path, corpus: dict[str, Utterance]) -> list[tuple[Utterance, Utterance]]:
    """Every utterance of a folder, as it was and as it is there. Raises CorpusError if there are none."""
    pairs = [pair for path in sorted(folder.iterdir()) if (pair := original_and_again(path, corpus))]
    if not pairs:
        raise CorpusError(f"{folder}: no file UTTERANCE--SPEAKER.png or .wav of an utterance of the corpus is there")
    return pairs


def figures_of(pairs: Sequence[tuple[Utterance, Utterance]], reader: Path | None) -> dict[str, float]:
    """Of all utterances of a folder, by name."""
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


def picture(pairs: dict[Path, list[tuple[Utterance, Utterance]]], lines: int) -> np.ndarray:
    """Lines, each above what the folders have in its place, of one folder in every hand: ink [columns, rows].

    Raises CorpusError where there is nothing to see: of recordings, or if no line is in all folders.
    """
    of_line: dict[str, list[tuple[str, Utterance]]] = {}
    for folder, its in pairs.items():
        for original, again in its:
            caption = folder.name if len(pairs) > 1 else Path(again.path).stem.partition("--")[2]
            of_line.setdefault(original.id, [("as it is", original)]).append((caption, again))
    most = max(map(len, of_line.values()))
    shared = [rows for rows in of_line.values() if 1 + len(pairs) <= len(rows) == most and rows[0][1].is_image]
    if lines < 1 or not shared:
        raise CorpusError("a picture needs a line image that is in all folders, and --lines of 1 or more")
    lines = min(lines, len(shared))
    chosen = [shared[place * len(shared) // lines] for place in range(lines)]
    return under_each_other([[strip(caption, read_line(line)) for caption, line in rows] for rows in chosen])


def under_each_other(strips: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Groups of strips, more apart than the strips of a group: ink [columns, rows]."""
    width = max(len(each) for rows in strips for each in rows)
    between = np.zeros((width, 2 * GAP), dtype=np.float32)
    padded = [[np.pad(each, ((0, width - len(each)), (0, GAP))) for each in rows] + [between] for rows in strips]
    return np.concatenate([each for rows in padded for each in rows], axis=1)


def strip(caption: str, ink: np.ndarray) -> np.ndarray:
    """A line, ink [columns, rows], with what it is on its left: [CAPTION + columns, rows]."""
    label = Image.new("L", (CAPTION, ink.shape[1]))
    middle = (CAPTION - 2 * GAP, ink.shape[1] // 2)
    ImageDraw.Draw(label).text(middle, caption, fill=255, font=ImageFont.load_default(LETTER), anchor="rm")
    return np.concatenate([np.asarray(label, dtype=np.float32).T / 255, ink])


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
    squares, variances, unlike = [], [], []
    for pair in pairs:
        unlike.append(periodicity_apart(*(signals.signal(each) for each in pair), rate))
        real, again = (DECIBEL * signals.features_of(each) for each in pair)
        frames = min(len(real), len(again))
        apart = again[:frames] - real[:frames]
        squares.append(np.square(apart - apart.mean()).mean(-1))
        variances.append([again.var(0).mean(), real.var(0).mean()])
    again, real = np.mean(variances, axis=0)
    return {
        "dB": float(np.sqrt(np.concatenate(squares).mean())),
        "variance": float(again / real),
        "periodicity": float(np.sqrt(np.concatenate(unlike).mean())),
    }


def periodicity_apart(real: np.ndarray, again: np.ndarray, rate: int) -> np.ndarray:
    """Squared differences of how periodic frames are, [frames], of those in which the original is loud."""
    size, hop = round(PITCHED * rate), round(HOP * rate)
    length = max(size, min(len(real), len(again)))
    framed = [np.pad(wave, (0, max(0, length - len(wave))))[:length] for wave in (real, again)]
    framed = [np.lib.stride_tricks.sliding_window_view(wave, size)[::hop] for wave in framed]
    energies = np.square(framed[0]).mean(1)
    loud = energies >= max(energies.max() * LOUD, 1e-12)
    one, other = (periodicity(frames[loud], rate) for frames in framed)
    return np.square(one - other)


def periodicity(frames: np.ndarray, rate: int) -> np.ndarray:
    """The largest normalised autocorrelation of frames [T, N] at lags of 60 to 400 Hz, from 0 to 1: [T]."""
    size = frames.shape[1]
    spectra = np.fft.rfft(frames - frames.mean(1, keepdims=True), 2 * size)
    products = np.fft.irfft(np.square(np.abs(spectra)))[:, : size // 2]
    whole = products / np.arange(size, size - size // 2, -1)  # fewer samples overlap at long lags
    lags = slice(round(rate / PITCHES[1]), min(round(rate / PITCHES[0]), size // 2))
    return np.clip(whole[:, lags].max(1) / np.maximum(whole[:, 0], 1e-12), 0, 1)


if __name__ == "__main__":
    main()
