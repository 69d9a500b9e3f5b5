"""Frames fit to be scored: what is missing, too short, not finite or of other dimensions is refused by name."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.encodings import Encoding, Encodings, EncodingsError
from unitdisc.evaluation.foreign import AnyEncodings, ForeignEncodings, open_encodings
from unitdisc.evaluation.formats import COLLAPSED, FORMATS

CURE = "encode the corpus again"
FIRST = 5  # utterances by which a frame rate is judged
SLACK, FAR = 3, 0.1  # frames, or parts of an utterance, by which its frames may miss its end
LARGEST = np.finfo(np.float32).max


def open_for(folder: Path, utterances: Sequence[Utterance], frame_rate: float | None) -> Encodings | ForeignEncodings:
    """Opens a folder of ours, or frames or units of another tool, which come `frame_rate` times a second.

    Raises EncodingsError if the folder cannot be read, or the frames of the first utterances do not span them at this
    rate; CorpusError if utterances have no rate, or several; ValueError if the frame rate cannot be one.
    """
    folder = Path(folder)
    foreign = is_foreign(folder)
    if frame_rate is None and foreign:
        raise EncodingsError(f"{folder}: nothing says when its frames happen; give `frame_rate`, so many a second")
    if frame_rate is None:
        return Encodings.open(folder)
    if not 0 < frame_rate < float("inf"):
        raise ValueError(f"`frame_rate` must be a number of frames per second, not {frame_rate:g}")
    rates = {utterance.rate for utterance in utterances}
    if len(rates) > 1 or None in rates:
        raise CorpusError(
            f"`frame_rate` needs recordings of one rate, not {sorted(map(str, rates))}; "
            "write an encodings.json with stride and offset into the folder"
        )
    rate = rates.pop()
    if foreign:
        encodings = open_encodings(folder, rate, frame_rate).of_corpus(utterances)
    else:
        encodings = Encodings.open(folder, stride=rate / frame_rate)
    refuse_rate(encodings, [utterance for utterance in utterances if utterance.id in encodings][:FIRST], frame_rate)
    return encodings


def is_foreign(folder: Path) -> bool:
    """Whether something has frames or units that only other tools write: any but .npy files in the folder itself."""
    if folder.is_file():
        return True
    if (folder / "encodings.json").exists() or (folder / "centres").is_dir() or any(folder.glob("*.npy")):
        return False
    return any(path.suffix in FORMATS for path in folder.rglob("*"))


def refuse_rate(encodings: Encodings | ForeignEncodings, utterances: Sequence[Utterance], frame_rate: float) -> None:
    """Raises EncodingsError if not one of the utterances is about as long as its frames."""
    stride, spans = encodings.settings["stride"], []
    for utterance in utterances:
        spans.append(len(encodings[utterance.id].frames) * stride)
        if abs(spans[-1] - utterance.ticks) <= max(SLACK * stride, FAR * utterance.ticks):
            return
    if utterances:
        path, first = encodings.file_of(utterances[0].id), utterances[0]
        if getattr(encodings, "collapsed", False):
            raise EncodingsError(f"{path}: {COLLAPSED}")
        right = spans[0] / stride * first.rate / first.ticks if first.ticks else 0
        raise EncodingsError(
            f"{path}: at `frame_rate` {frame_rate:g} its {spans[0] / stride:g} frames last {spans[0] / first.rate:.2f} "
            f"s, but {first.id} lasts {first.ticks / first.rate:.2f} s; is the frame rate right? {right:.0f} would be"
        )


def usable(encodings: Encodings, utterance: str) -> Encoding:
    """The encoding of an utterance, if it can be scored.

    Raises EncodingsError naming the file if it is missing, has values that are not finite, or if frames, centres and
    codes do not fit each other.
    """
    path = file_of(encodings, utterance)
    if utterance not in encodings:
        raise EncodingsError(f"{path}: no such encoding, but {utterance} is to be scored; encode it as well")
    encoding = encodings[utterance]
    refuse_beyond(path, encoding.frames)
    if len(encoding.centres) != len(encoding.frames) or (np.diff(encoding.centres) <= 0).any():
        raise EncodingsError(f"{path}: every frame needs a centre, later than the one before; encode the corpus again")
    if encoding.codes is not None and len(encoding.codes) != len(encoding.frames):
        raise EncodingsError(
            f"{path}: {len(encoding.frames)} frames, but units.jsonl has {len(encoding.codes)} codes of {utterance}; "
            "encode the corpus again"
        )
    return encoding


def file_of(encodings: AnyEncodings, utterance: str) -> Path:
    """The file to name where something is wrong with an utterance."""
    find = getattr(encodings, "file_of", None)  # what wraps encodings need not know
    return find(utterance) if find else encodings.folder / f"{utterance}.npy"


def refuse_beyond(path: Path, frames: np.ndarray) -> None:
    """Raises EncodingsError naming the first value that is not a number, or too large to be squared and summed."""
    bad = ~(np.abs(frames) <= LARGEST)
    if bad.any():
        frame, column = np.argwhere(bad)[0]
        what = f"value {column + 1} of frame {frame + 1} is {frames[frame, column]:g}"
        raise EncodingsError(f"{path}: has values that are not numbers of single precision: {what}; {CURE}")


def stacked(folder: str, frames: Sequence[np.ndarray]) -> np.ndarray:
    """Frames of utterances one after the other: [N, D], single precision unless the files are double.

    Raises EncodingsError if they differ in dimensions.
    """
    dims = sorted({array.shape[1] for array in frames})
    if len(dims) > 1:
        raise EncodingsError(f"{folder}: frames have {dims} dimensions; encode the corpus again into an empty folder")
    joined = np.concatenate(frames)
    return joined.astype(np.float32 if joined.dtype.itemsize <= 4 else np.float64, copy=False)
