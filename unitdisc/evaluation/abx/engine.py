"""The ABX error of encodings: how often X, said to be the same as A, is closer to A than to B (Schatz et al., 2013).

Exactly by the definition of the ZeroSpeech challenges: items are compared by dynamic time warping normalised by the
length of the path, every triplet counts, and a tie is half an error. Where the tools of the field differ, `AbxProtocol`
names the choices.
"""

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal, Self

import numpy as np

from unitdisc.encodings import Encodings
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.abx.cell_table import CellTable
from unitdisc.evaluation.abx.cells import PAIRS, Groups, cells_of, grouped
from unitdisc.evaluation.abx.counting import Counting, Progress
from unitdisc.evaluation.abx.dtw import LONGEST
from unitdisc.evaluation.abx.item_frames import ItemSurvey, Preparation, survey
from unitdisc.evaluation.abx.items import AbxItem, AbxItems
from unitdisc.evaluation.abx.protocol import AbxProtocol
from unitdisc.evaluation.abx.results import AbxResult, result
from unitdisc.evaluation.abx.sampling import Sampling, abx2_sample, pairs_of_few_speakers, smaller_groups
from unitdisc.evaluation.abx.shards import Parts, Share, Witnessed, added_up, fingerprint, in_order_of

MEMORY = 2**31  # bytes


def abx(
    items: AbxItems | Iterable[AbxItem],
    encodings: Encodings,
    speaker: Literal["within", "across"] = "within",
    protocol: AbxProtocol | None = None,
    *,
    replicates: int = 0,
    seed: int = 0,
    threads: int | None = None,
    memory: int = MEMORY,
    progress: Progress | None = None,
    share: Share | None = None,
) -> AbxResult:
    """The ABX error of encodings, within or across speakers: `SurveyedItems.abx` of items read for this one."""
    refuse_resources(replicates, seed, threads, memory)
    surveyed = SurveyedItems.read(items, encodings, protocol, memory=memory, for_shares=share is not None)
    return surveyed.abx(
        speaker, replicates=replicates, seed=seed, threads=threads, memory=memory, progress=progress, share=share
    )


@dataclass(frozen=True)
class SurveyedItems:
    """Items whose frames have been read: what errors within and across speakers are both counted from."""

    items: AbxItems
    encodings: Encodings
    protocol: AbxProtocol
    prepare: Preparation
    found: ItemSurvey
    checksum: str | None  # of the encodings that were read; of shares alone

    @classmethod
    def read(
        cls,
        items: AbxItems | Iterable[AbxItem],
        encodings: Encodings,
        protocol: AbxProtocol | None = None,
        *,
        memory: int = MEMORY,
        for_shares: bool = False,
    ) -> Self:
        """Reads every encoding once; frames stay in memory if they take half of `memory` bytes or less.

        for_shares: the counts of several shards are to be put together, which must have read the same.

        Raises EncodingsError if an utterance has no encoding, or one that is unusable or too short for its items, and
        UnscorableError if there are no items, a speaker is not known, or an item is too long.
        """
        protocol = protocol or AbxProtocol()
        items = items if isinstance(items, AbxItems) else AbxItems.of(items)
        refuse_unknown(items)
        prepare = Preparation(protocol.distance, protocol.pooling, protocol.l2_normalise)
        witnessed = Witnessed(encodings) if for_shares else encodings
        found = survey(items, witnessed, protocol.slicing, prepare, memory / 2)
        refuse_long(items, found.lengths)
        return cls(items, encodings, protocol, prepare, found, witnessed.checksum() if for_shares else None)

    def abx(
        self,
        speaker: Literal["within", "across"],
        *,
        replicates: int = 0,
        seed: int = 0,
        threads: int | None = None,
        memory: int = MEMORY,
        progress: Progress | None = None,
        share: Share | None = None,
    ) -> AbxResult:
        """The ABX error.

        within: A, B and X by one speaker; across: A and B by one speaker, X by another. X and A have one label, B
        another, all three the same context.
        replicates, seed: of the bootstrap over speakers that gives the interval; none by default.
        threads: all cores by default. memory: bytes for frames and distances; items take some hundred bytes each
        beyond it, and cells thirty. Neither changes a bit of the result, nor does the order of items or files.
        share: count only the cells of a shard, keep their counts in a folder, and give the result if all shards did;
        otherwise UnfinishedError is raised. What a shard has counted before is not counted again.

        Raises UnscorableError if there is nothing to compare.
        """
        if speaker not in PAIRS:
            raise ValueError(f"speaker must be within or across, not {speaker!r}")
        items, found, protocol = self.items, self.found, self.protocol
        groups, cells = compared(items, np.flatnonzero(found.lengths), speaker, protocol.sampling)
        if not len(cells):
            refuse_incomparable(items, np.flatnonzero(found.lengths), speaker, self.encodings)
        threads = threads or os.cpu_count() or 1
        count = Counting(
            items, self.encodings, found, groups, speaker, protocol, self.prepare, threads, memory, progress
        )
        if share is None:
            cells, counts = count(cells)
        else:
            what = {"frames": self.checksum, "scale": repr(found.scale), **asdict(protocol), **share.of}
            parts = Parts(share.folder, speaker, fingerprint(groups, cells, count.lengths, what))
            counts = added_up(parts, share.shard, groups, cells, count.lengths, speaker, count)
            ordered, _ = count.ordered(cells)
            cells, counts = ordered, in_order_of(ordered, cells, counts)
        return result(CellTable(items, groups, cells, counts), found, protocol.average, replicates, seed)


def refuse_resources(replicates: int, seed: int, threads: int | None, memory: int) -> None:
    """Raises ValueError naming the one that cannot be."""
    for name, value, least in (("replicates", replicates, 0), ("seed", seed, 0), ("memory", memory, 1)):
        if value < least:
            raise ValueError(f"{name} must be {least} or more, not {value}")
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be 1 or more, or not given for all cores, not {threads}")


def refuse_unknown(items: AbxItems) -> None:
    if not len(items):
        raise UnscorableError("no items: ABX needs utterances with alignments that have phones between phones")
    if None in items.speakers.names:
        nobody = int(np.flatnonzero(items.speakers.codes == items.speakers.names.index(None))[0])
        raise UnscorableError(
            f"{items[nobody].utterance}: its speaker is not known; ABX needs the speaker of every item"
        )


def refuse_long(items: AbxItems, lengths: np.ndarray) -> None:
    if lengths.max() > LONGEST:
        longest = int(lengths.argmax())
        item = items[longest]
        raise UnscorableError(
            f"{items.where(longest)}{item.utterance}: an item of {lengths.max()} frames, "
            f"from tick {item.start:g} to {item.end:g}; items may have {LONGEST}: is the item file in seconds?"
        )


def refuse_incomparable(items: AbxItems, kept: np.ndarray, speaker: str, encodings: Encodings) -> None:
    said = "by one speaker, the first label twice" if speaker == "within" else "by one speaker, one also by another"
    labels, speakers = (len({*column.codes[kept]}) for column in (items.labels, items.speakers))
    raise UnscorableError(
        f"{encodings.folder}: nothing to compare {speaker} speakers in {len(kept)} items "
        f"(different labels {labels}, speakers {speakers}): ABX needs two labels in the same context {said}"
    )


def compared(items: AbxItems, kept: np.ndarray, speaker: str, sampling: Sampling | None) -> tuple[Groups, np.ndarray]:
    """The groups of the items in some rows, and the cells that are to be counted."""
    if sampling is not None and sampling.kind == "abx2":
        return abx2_sample(items, kept, speaker, sampling)
    groups = grouped(items, kept)
    if sampling is not None:
        groups = smaller_groups(groups, items, sampling)
    if sampling is not None and speaker == "across":
        return groups, cells_of(groups, pairs_of_few_speakers(groups, items, sampling))
    return groups, cells_of(groups, PAIRS[speaker](groups))
