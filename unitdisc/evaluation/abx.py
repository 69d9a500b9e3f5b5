"""ABX discriminability: how often X, said to be the same as A, is closer to A than to B (Schatz et al., 2013).

The definition of the ZeroSpeech challenges, without subsampling: frames are compared by angle, items by dynamic time
warping, and an item is all frames with start <= centre <= end. (Libri-Light, and what was built on it, leaves out the
last frame of every item: its figures are not comparable, whatever the features.)
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.encodings import Encoding, Encodings, EncodingsError
from unitdisc.evaluation import SILENCES, UnscorableError
from unitdisc.evaluation.cells import AVERAGES, AbxItem, Cell, Group, across_cells, averaged, item_groups, within_cells
from unitdisc.evaluation.dtw import count_errors
from unitdisc.evaluation.frames import stacked, usable

SLACK = 1e-6  # ticks: far below any real difference, far above what rounding does to a centre between ticks


@dataclass(frozen=True)
class AbxResult:
    """An ABX error and what it was counted on."""

    error: float  # 0 to 1
    pairs: dict[tuple[str, str], float]  # error by (label of A and X, label of B)
    items: int
    skipped: int  # items so short that no frame is centred in them
    cells: int  # combinations of context, speakers and labels
    triplets: int
    ties: int  # triplets with X as far from A as from B: half an error each


def triphone_items(utterances: Iterable[Utterance], tier: str = "phone") -> list[AbxItem]:
    """Every phone between two others without a pause: the item is all three, the context the outer two.

    Raises CorpusError if an utterance has no such tier.
    """
    items = []
    for utterance in utterances:
        intervals = labelled(utterance, tier)
        for before, phone, after in zip(intervals, intervals[1:], intervals[2:], strict=False):
            joined = before.end == phone.start and phone.end == after.start
            if joined and not SILENCES & {before.label, phone.label, after.label}:
                context = (before.label, after.label)
                items.append(AbxItem(utterance.id, before.start, after.end, phone.label, context, utterance.speaker))
    return items


def label_items(utterances: Iterable[Utterance], tier: str) -> list[AbxItem]:
    """Every interval of a tier but pauses, whatever its context: for words and digits.

    Raises CorpusError if an utterance has no such tier.
    """
    return [
        AbxItem(utterance.id, start, end, label, (), utterance.speaker)
        for utterance in utterances
        for start, end, label in labelled(utterance, tier)
        if label not in SILENCES
    ]


def labelled(utterance: Utterance, tier: str) -> list[Interval]:
    if tier not in utterance.alignment:
        raise CorpusError(
            f"{utterance.id}: has no tier {tier!r}, only {sorted(utterance.alignment) or 'none'}; "
            "ABX needs alignments: choose another tier or leave the utterance out"
        )
    return utterance.alignment[tier]


def read_items(path: Path, rate: int) -> list[AbxItem]:
    """Reads a ZeroSpeech item file: a header, then `file onset offset phone previous next speaker`, times in seconds.

    rate: ticks per second of the encodings that go with it. Columns beyond the seventh are not read.
    Raises CorpusError naming the line that is not an item.
    """
    items = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines()[1:], start=2):
        if not line.strip():
            continue
        try:
            utterance, onset, offset, label, before, after, speaker = line.split()[:7]
            start, end = (float(Fraction(seconds) * rate) for seconds in (onset, offset))  # as written, not as rounded
        except ValueError as error:
            raise CorpusError(
                f"{path}:{number}: not an item ({error}); must be: file onset offset phone previous next speaker"
            ) from error
        if not 0 <= start < end:
            raise CorpusError(f"{path}:{number}: onset {onset} must be 0 or later and before offset {offset}")
        items.append(AbxItem(utterance, start, end, label, (before, after), speaker))
    if not items:
        raise CorpusError(f"{path}: no items in it; the first line of an item file is a header")
    return items


def abx(
    items: Iterable[AbxItem],
    encodings: Encodings,
    speaker: Literal["within", "across"] = "within",
    average: Literal["librilight", "abxpy"] = "librilight",
) -> AbxResult:
    """The ABX error of encodings, exactly: every triplet of items, none left out.

    within: A, B and X by one speaker; across: A and B by one speaker, X by another. X and A have one label, B
    another, all three the same context.
    average: the order of averaging, which changes figures across speakers (not within): over contexts and speakers
    of X together, then speakers of A and B (Libri-Light, fastabx), or contexts, then pairs of speakers (ABXpy).

    Raises EncodingsError if an utterance has no encoding, or one that is unusable or too short for its items, and
    UnscorableError if there is nothing to compare or a speaker is not known.
    """
    if speaker not in ("within", "across") or average not in AVERAGES:
        raise ValueError(f"speaker must be within or across, average one of {sorted(AVERAGES)}")
    items = list(items)
    if not items:
        raise UnscorableError("no items: ABX needs utterances with alignments that have phones between phones")
    for item in items:
        if item.speaker is None:
            raise UnscorableError(f"{item.utterance}: its speaker is not known; ABX needs the speaker of every item")
    located = locate(sorted(items, key=item_key), encodings)
    groups = item_groups(located.items)
    cells = list(within_cells(groups) if speaker == "within" else across_cells(groups))
    if not cells:
        said = "by one speaker, the first label twice" if speaker == "within" else "by one speaker, one also by another"
        raise UnscorableError(
            f"{encodings.folder}: nothing to compare {speaker} speakers in {len(located.items)} items: "
            f"ABX needs two labels in the same context {said}"
        )
    cells.sort(key=lambda cell: (cell.x.first, cell.a.first, cell.b.first))
    counts = count_cells(cells, groups, located)
    lost, tied, compared = counts.T
    pairs = averaged(cells, (lost + tied / 2) / compared, AVERAGES[average])
    return AbxResult(
        error=float(np.mean(list(pairs.values()))),
        pairs=pairs,
        items=len(located.items),
        skipped=len(items) - len(located.items),
        cells=len(cells),
        triplets=int(compared.sum()),
        ties=int(tied.sum()),
    )


def item_key(item: AbxItem) -> tuple:
    return item.context, item.speaker, item.label, item.utterance, item.start, item.end


@dataclass(frozen=True)
class Located:
    """Items and the frames in them: item i is frames first[i] to first[i] + lengths[i]."""

    items: list[AbxItem]
    first: np.ndarray  # [items]
    lengths: np.ndarray  # [items]
    frames: np.ndarray  # [F, D]


def locate(items: list[AbxItem], encodings: Encodings) -> Located:
    """Finds the frames of every item; items without any are left out."""
    frames, first, lengths, total = [], np.zeros(len(items), np.int64), np.zeros(len(items), np.int64), 0
    by_utterance = defaultdict(list)
    for index, item in enumerate(items):
        by_utterance[item.utterance].append(index)
    for utterance, indices in sorted(by_utterance.items()):
        encoding = long_enough(encodings, utterance, max(items[index].end for index in indices))
        starts = np.searchsorted(encoding.centres, [items[index].start - SLACK for index in indices], side="left")
        ends = np.searchsorted(encoding.centres, [items[index].end + SLACK for index in indices], side="right")
        first[indices], lengths[indices] = total + starts, ends - starts
        frames.append(encoding.frames)
        total += len(encoding.frames)
    kept = np.flatnonzero(lengths)
    return Located([items[index] for index in kept], first[kept], lengths[kept], stacked(encodings.folder, frames))


def long_enough(encodings: Encodings, utterance: str, end: float) -> Encoding:
    """The encoding of an utterance, which must not end long before tick `end`, where its last item does."""
    encoding = usable(encodings, utterance)
    steps = np.diff(encoding.centres)
    evenly = len(steps) and np.ptp(steps) <= SLACK
    if not len(encoding.frames) or (evenly and end - encoding.centres[-1] > 2 * steps[0]):  # one missing is rounding
        last = encoding.centres[-1] if len(encoding.frames) else "nowhere"
        raise EncodingsError(
            f"{encodings.folder / utterance}.npy: the last of {len(encoding.frames)} frames is centred on tick {last}, "
            f"but an item ends on tick {end}; is the frame rate right, and was all of {utterance} encoded?"
        )
    return encoding


def count_cells(cells: list[Cell], groups: list[Group], located: Located) -> np.ndarray:
    """Triplets lost, tied and compared in every cell: [cells, 3]."""
    norms = np.sqrt(np.einsum("fd,fd->f", located.frames, located.frames, dtype=np.float64))
    with threadpool_limits(limits=1):  # products this small are slower in parallel
        return count_errors(
            np.array([(cell.x.index, cell.a.index, cell.b.index) for cell in cells]),
            np.array([(group.first, group.last) for group in groups]),
            located.frames,
            norms,
            located.first,
            located.lengths,
        )
