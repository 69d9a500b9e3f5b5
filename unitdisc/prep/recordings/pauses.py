"""Where is a voice? Energy with hysteresis above a noise floor that follows the recording, and stretches to cut out.

Frames of 10 ms, without their mean, which microphones add. The floor is the tenth percentile of ten seconds, the least
of those around, so that neither a long turn without a pause nor a lorry that passes raises it. A voice begins where the
level, over 50 ms, exceeds the floor by 30 % of what the loudest ten seconds do (5 to 18 dB), and lasts, to either
side, while it exceeds 60 % of that. As in the energy detectors of Rabiner and Sambur (1975) and sox (`vad`), nothing is
learned, so that no language is preferred. Where noise is loud, a network does better (`silero.py`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.ndimage import minimum_filter1d, uniform_filter1d

FRAMES = 100  # a second
SMOOTH = 5  # frames of which the level is taken together
BLOCK = 1000  # frames that share a noise floor
AROUND = 3  # blocks of which the least is taken
NOTHING = -105.0  # dB; fainter is digital silence, which is no noise floor
SHARE, LEAST, MOST = 0.3, 5.0, 18.0  # how far above the floor a voice begins: of the loudest, and in dB
ENDS = 0.6  # of that, where it ends
BRIEFEST = 6  # frames; what is shorter is a click
JOINED = 20  # frames without a voice that part no words
AIR = 15  # frames to leave on either side of a voice, where there are so many
BLEED = 12.0  # dB below another channel, each against its own loudest, that is the other's voice
EARLIEST = 0.4  # of the longest utterance, from where on a cut is looked for
LIKELY, UNLIKELY = 0.5, 0.35  # of a network: where a voice begins, and below which it ends; both Silero's own

Span = tuple[int, int]


class Track(NamedTuple):
    """What is heard in a channel.

    levels: of its frames, [F] in dB. others: the frames [F] in which what is heard is another channel's. likely: how
    likely somebody speaks in each, [F], where a network was asked; else voices are found by levels.
    """

    levels: np.ndarray
    others: np.ndarray | None = None
    likely: np.ndarray | None = None

    def part(self, first: int, last: int) -> "Track":
        """That of some of its frames."""
        return Track(*(None if each is None else each[first:last] for each in self))


def level_frames(samples: np.ndarray, hop: int) -> np.ndarray:
    """Levels in dB of every whole frame of `hop` samples, of every channel: [ticks, channels] -> [channels, frames]."""
    count = len(samples) // hop
    frames = samples[: count * hop].T.reshape(samples.shape[1], count, hop)
    frames = frames - frames.mean(axis=2, keepdims=True)
    power = np.einsum("cft,cft->cf", frames, frames) / hop
    return (10 * np.log10(power + 1e-12)).astype(np.float32)


def smoothed(levels: np.ndarray) -> np.ndarray:
    """The mean power of 50 ms around every frame, in dB: [..., F]."""
    return 10 * np.log10(uniform_filter1d(10 ** (levels.astype(np.float64) / 10), SMOOTH, axis=-1, mode="nearest"))


def noise_floor(levels: np.ndarray) -> np.ndarray:
    """The floor at every frame of smoothed levels [F], in dB."""
    blocks = np.array_split(levels, max(1, round(len(levels) / BLOCK)))
    lows = np.array([low_of(block) for block in blocks])
    if np.isnan(lows).all():
        return np.full(len(levels), NOTHING)
    centres = (np.cumsum([len(block) for block in blocks]) - [len(block) / 2 for block in blocks]).astype(float)
    known = ~np.isnan(lows)
    lows = np.interp(centres, centres[known], lows[known])
    return np.interp(np.arange(len(levels)), centres, minimum_filter1d(lows, AROUND, mode="nearest"))


def low_of(block: np.ndarray) -> float:
    """The tenth percentile of what is no digital silence; NaN if hardly anything is."""
    heard = block[block > NOTHING]
    return float(np.percentile(heard, 10)) if len(heard) > 0.1 * len(block) else np.nan


def loudest(levels: np.ndarray) -> float:
    """The level that a twentieth of the loudest ten seconds exceeds, in dB."""
    return max(float(np.percentile(block, 95)) for block in np.array_split(levels, max(1, round(len(levels) / BLOCK))))


def voices(track: Track) -> np.ndarray | None:
    """Where voices are: frames [N, 2], each a first one and the one after the last, in order.

    None if they are to be found by levels, and these never rise far enough for pauses to be told from a voice.
    """
    levels, others, likely = track
    if likely is not None:
        heard = likely if others is None else np.where(others, 0, likely)
        return lasting(heard, LIKELY, UNLIKELY)
    if not len(levels) or levels.max() <= NOTHING:
        return np.zeros((0, 2), int)
    level = smoothed(levels)
    floor, top = noise_floor(level), loudest(level)
    if (top - floor).max() < 2 * LEAST:
        return None
    height = np.clip(SHARE * (top - floor), LEAST, MOST)
    if others is not None:
        level = np.where(others, NOTHING, level)  # not before: the floor is that of the microphone, whoever speaks
    return lasting(level, floor + height, floor + ENDS * height)


def lasting(values: np.ndarray, begin: np.ndarray | float, end: np.ndarray | float) -> np.ndarray:
    """Stretches [N, 2] of at least `end` that somewhere are `begin`, the nearest ones joined, the briefest left out."""
    stretches = runs(values >= end)
    begun = np.concatenate([[0], np.cumsum(values >= begin)])  # frames that are enough to begin, up to each
    found = joined(stretches[begun[stretches[:, 1]] > begun[stretches[:, 0]]], JOINED)
    return found[found[:, 1] - found[:, 0] >= BRIEFEST]


def bleed(levels: np.ndarray) -> np.ndarray:
    """The frames in which what a channel hears is said more loudly into another: levels [C, F] -> bool [C, F].

    A microphone also hears who speaks into the next one, but more faintly, set against its own speaker.
    """
    level = smoothed(levels)
    relative = level - np.array([loudest(each) for each in level])[:, None]
    return relative < relative.max(axis=0) - BLEED


def runs(mask: np.ndarray) -> np.ndarray:
    """The first frame, and the one after the last, of every run of True: [N, 2]."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2)


def joined(spans: np.ndarray, gap: int) -> np.ndarray:
    """Spans [N, 2] of which those with less than `gap` between them are one."""
    if not len(spans):
        return spans
    parted = spans[1:, 0] - spans[:-1, 1] >= gap
    starts = spans[np.concatenate([[True], parted]), 0]
    return np.stack([starts, spans[np.concatenate([parted, [True]]), 1]], axis=1)


def utterance_spans(track: Track, longest: float, pause: float) -> list[Span] | None:
    """Frames [first, last) of utterances, parted by pauses of at least `pause` seconds and not longer than `longest`.

    What would be longer is cut in its widest gap, or where it is faintest. [] if nobody says anything; None if there
    are no pauses to be told.
    """
    found = voices(track)
    return None if found is None else spans_of(found, track.levels, longest, pause)


def spans_of(found: np.ndarray, levels: np.ndarray, longest: float, pause: float) -> list[Span]:
    """The same of voices [N, 2] that were found in some way."""
    spans: list[Span] = []
    most = int(longest * FRAMES)
    for first, last in joined(found, max(round(pause * FRAMES), 1)).tolist():
        gaps = found[(found[:, 0] >= first) & (found[:, 1] <= last)]
        spans += parts(first, last, gaps, levels, most - 2 * AIR)
    return padded(spans, len(levels))


def parts(first: int, last: int, inside: np.ndarray, levels: np.ndarray, most: int) -> list[Span]:
    """A stretch in parts of at most so many frames. inside: the voices in it, between which it is cut at best."""
    found: list[Span] = []
    gaps = np.stack([inside[:-1, 1], inside[1:, 0]], axis=1) if len(inside) > 1 else np.zeros((0, 2), int)
    while last - first > most:
        earliest, latest = first + int(EARLIEST * most), first + most
        own = gaps[(gaps[:, 0] >= earliest) & (gaps[:, 0] <= latest)]
        if len(own):
            end, begin = own[np.argmax(own[:, 1] - own[:, 0])].tolist()
        else:
            end = begin = earliest + int(np.argmin(uniform_filter1d(levels[earliest:latest], SMOOTH)))
        found.append((first, end))
        first = begin
    return [*found, (first, last)] if first < last else found


def padded(spans: Sequence[Span], count: int) -> list[Span]:
    """Spans with air on either side, of pauses half at most; of so many frames."""
    edges = [0, *[edge for span in spans for edge in span], count]
    found = []
    for number, (first, last) in enumerate(spans):
        before, after = edges[2 * number], edges[2 * number + 3]
        left = before if number == 0 else before + (first - before) // 2
        right = after if number == len(spans) - 1 else last + (after - last) // 2
        found.append((max(first - AIR, left), min(last + AIR, right)))
    return found


def even_spans(levels: np.ndarray, longest: float) -> list[Span]:
    """Cuts where nothing tells a pause: at the faintest frames, into parts of at most `longest` seconds."""
    return parts(0, len(levels), np.zeros((0, 2), int), levels, int(longest * FRAMES))
