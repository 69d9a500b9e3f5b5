"""What a unit of writing looks like on average: its occurrences, moved onto each other, their mean and their spread."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.media.image import read_line, resized
from unitdisc.reports.examples import Occurrence
from unitdisc.reports.image_crops import picture_uri

ROWS = 48  # that every line is brought to
AROUND = 0.25  # of the mean width, left and right
MOST = 100  # occurrences, one scribe after the other
FARTHEST = 0.12  # of the height of a line, by which an occurrence is moved, up, down, left or right
PASSES = 3
HEIGHT = 84  # on the page, in pixels


@dataclass(frozen=True)
class MeanImage:
    """Pictures as data: URIs: the mean of occurrences, dark where all have ink, and where they differ."""

    mean: str
    spread: str
    width: int  # as drawn, in pixels
    height: int
    occurrences: int


def mean_image(occurrences: Sequence[Occurrence], problems: list[str]) -> MeanImage | None:
    """Of occurrences in line images, as they come, MOST at most. What cannot be read is added to `problems`."""
    chosen = occurrences[:MOST]
    if not chosen:
        return None
    wide = max(1, round(float(np.median([occurrence.length for occurrence in chosen])) * ROWS))
    pieces = np.array(list(pieces_of(chosen, wide, problems)), np.float32)
    if not len(pieces):
        return None
    moved = moved_together(pieces, round(FARTHEST * ROWS))
    mean, spread = moved.mean(0), moved.std(0)
    strongest = max(float(mean.max()), np.finfo(np.float32).tiny)
    pictures = [picture_uri(np.clip(image / strongest, 0, 1), HEIGHT) for image in (mean, 2 * spread)]
    return MeanImage(*pictures, max(1, round(len(mean) * HEIGHT / ROWS)), HEIGHT, len(pieces))


def pieces_of(occurrences: Iterable[Occurrence], wide: int, problems: list[str]) -> Iterable[np.ndarray]:
    """Stretches and a little around them, all of one size, paper at 0: [columns, ROWS] each."""
    lines: dict[str, np.ndarray | None] = {}
    for occurrence in occurrences:
        utterance, (start, end, _) = occurrence.utterance, occurrence.interval
        if utterance.id not in lines:
            lines[utterance.id] = without_paper(utterance, problems)
        ink = lines[utterance.id]
        if ink is None:
            continue
        margin = round(AROUND * (end - start))
        padded = np.pad(ink[max(0, start - margin) : end + margin], margins(start, end, margin, len(ink)))
        yield resized(padded.T, ROWS, wide + 2 * round(AROUND * wide)).T


def margins(start: int, end: int, margin: int, columns: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Paper that is missing left and right of a line."""
    return (max(0, margin - start), max(0, end + margin - columns)), (0, 0)


def without_paper(utterance: Utterance, problems: list[str]) -> np.ndarray | None:
    """The ink of a line above its usual level; None if it cannot be read."""
    try:
        ink = read_line(utterance)
    except CorpusError as error:
        problems.append(str(error))
        return None
    return np.clip(ink - np.median(ink), 0, None)


def moved_together(pieces: np.ndarray, farthest: int) -> np.ndarray:
    """Each moved to where it is most like the mean of all, again and again: [N, columns, rows] -> the same."""
    moves = [(x, y) for x in range(-farthest, farthest + 1) for y in range(-farthest, farthest + 1)]
    moves.sort(key=lambda move: abs(move[0]) + abs(move[1]))  # of moves as good, the least
    size = [extent + farthest for extent in pieces.shape[1:]]  # so that nothing comes round
    spectra, moved = np.fft.rfft2(pieces, size), pieces
    for _ in range(PASSES):
        mean = moved.mean(0)
        alike = np.fft.irfft2(np.conj(spectra) * np.fft.rfft2(mean - mean.mean(), size), size)
        best = np.argmax([alike[:, x, y] for x, y in moves], axis=0)
        moved = np.stack([shifted(piece, *moves[place]) for piece, place in zip(pieces, best)])
    return moved


def shifted(piece: np.ndarray, right: int, down: int) -> np.ndarray:
    """What comes from beyond is paper."""
    around = [(max(0, move), max(0, -move)) for move in (right, down)]
    columns, rows = (slice(max(0, -move), max(0, -move) + extent) for move, extent in zip((right, down), piece.shape))
    return np.pad(piece, around)[columns, rows]
