"""unitdisc abx: how well encodings tell labels apart, within and across speakers."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from unitdisc import console
from unitdisc.adaptation.adaptation import FILE
from unitdisc.api.abx_options import AbxResources, ItemColumns, refuse_columns, refuse_parts, speakers_of
from unitdisc.api.normalised import NormalisedEncodings, Normalising, normalised, normalised_for
from unitdisc.api.paths import takes_paths
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.abx import (
    CONTEXTS,
    AbxItems,
    AbxProtocol,
    AbxResult,
    Share,
    SurveyedItems,
    UnfinishedError,
    read_items,
)
from unitdisc.evaluation.abx.cell_table import write_cells
from unitdisc.evaluation.abx.results import worst_pairs
from unitdisc.evaluation.foreign import AnyEncodings, open_encodings
from unitdisc.evaluation.inputs import open_both
from unitdisc.evaluation.settings import Measured, corpus_settings
from unitdisc.evaluation.zerospeech.runs import file_checksum, refuse_codes
from unitdisc.jobs import WHOLE, Shard
from unitdisc.jobs.cluster import Cluster, done_on

RATE = 16_000  # ticks per second of an item file, where no encodings.json says
SPEAKERS = ("within", "across")
MILLION = 10**6


@dataclass(frozen=True)
class AbxTask:
    """What is compared, and how; `open` reads it."""

    encodings: Path
    corpus: Path
    columns: ItemColumns
    protocol: AbxProtocol
    frame_rate: float | None = None
    allow_pipes: bool = False
    normalising: Normalising | None = None
    parts: Path | None = None  # a folder for what shards share

    def open(self) -> tuple[AnyEncodings, AbxItems, dict]:
        """The encodings, the items, and what tells the corpus from another."""
        kept = self.parts and self.parts / FILE
        if self.corpus.suffix != ".item":
            opened, utterances = open_both(self.encodings, self.corpus, self.frame_rate, allow_pipes=self.allow_pipes)
            refuse_codes(opened, self.protocol)
            items = items_of(self.corpus, utterances, self.columns)
            opened = normalised_for(opened, utterances, self.normalising, kept=kept)
            return opened, items, corpus_settings(utterances, self.columns.tier) | {"context": self.columns.context}
        opened = open_encodings(self.encodings, frame_rate=self.frame_rate)
        refuse_codes(opened, self.protocol)
        by = [name for name in self.columns.by.split(",") if name] if self.columns.context != "any" else []
        rate = opened.settings.get("rate") or RATE
        items = with_codes(read_items(self.corpus, rate, self.columns.on, by=by, across=self.columns.across), opened)
        checksum = file_checksum(self.corpus)
        if self.normalising is not None:
            opened = normalised(opened, speakers_of(items, opened), checksum, self.normalising, kept=kept)
        return opened, items, asdict(self.columns) | {"items_sha256": checksum}

    def share(self, shard: Shard, parts: Path, opened: AnyEncodings) -> Share:
        return Share(shard, parts, {"encodings": self.encodings.name, "settings": json.dumps(opened.settings)})


@dataclass(frozen=True)
class AbxScores:
    """ABX within and across speakers.

    results: by "within" and "across", those that could be measured; why: of the others, why not.
    unfinished: of a shard, which others have not counted theirs yet; until then there are no results.
    """

    encodings: Path
    protocol: AbxProtocol
    settings: dict
    results: dict[str, AbxResult] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    unfinished: str | None = None

    def worst_pairs(self, speaker: str) -> list[tuple[str, str, float]]:
        """The pairs of labels that are confused most, with their errors, 0 to 1: "within" or "across" speakers."""
        return worst_pairs(self.results[speaker])

    def write(self, path: Path) -> None:
        """Writes a JSON file."""
        numbers = {
            speaker: as_numbers(self.results[speaker])
            if speaker in self.results
            else {"error": None, "why": self.why[speaker]}
            for speaker in SPEAKERS
        }
        Measured({"abx": numbers}, self.encodings, self.settings).write(path)

    def write_cells(self, path: Path) -> None:
        """Writes every cell as a row of comma-separated values: .csv, or .csv.gz."""
        write_cells(Path(path), {speaker: result.table for speaker, result in self.results.items()})


@takes_paths
def abx(
    encodings: Path,
    corpus: Path,
    columns: ItemColumns = ItemColumns(),
    protocol: AbxProtocol = AbxProtocol(),
    *,
    resources: AbxResources = AbxResources(),
    frame_rate: float | None = None,
    allow_pipes: bool = False,
    shard: Shard = WHOLE,
    parts: Path | None = None,
    cluster: Cluster | None = None,
    normalise: str | None = None,
    normalise_like: Path | None = None,
) -> AbxScores:
    """ABX within and across speakers: how often X, of the label of A, is closer to B of another label; 0.5 by chance.

    encodings: the folder of one probe point, or another system's frames, whose frame_rate (a second) nothing else
    says. corpus: a manifest, a Kaldi data directory, or a ZeroSpeech item file. columns: what is compared.
    shard: count only this share of the cells and keep the counts in the folder `parts`; whichever shard finds those
    of all others there has the errors, those of one run.
    cluster: all shards are counted there, one thread each. Encodings, corpus and `parts` must be found at the same
    place on all its machines.
    normalise: steps by which frames are normalised as they are read, fitted to those of the corpus (of an item file,
    of the files that it names); normalise_like: instead, what `normalise` learnt before of other utterances. The scores
    are those of the folder that `unitdisc.normalise` would write.

    Returns, for "within" and "across" speakers, results[speaker].error, from 0 to 1, its 95 % interval over speakers,
    and what it was counted on.
    Raises EncodingsError and CorpusError for what cannot be read, UnscorableError if neither could be measured, and
    ValueError for options that cannot be.

    >>> scores = unitdisc.abx("exp/vq/encodings/test/condition", "data/test.jsonl", unitdisc.ItemColumns(context="any"))
    >>> scores.results["across"].error, scores.results["across"].interval
    """
    columns = columns.usual_in(corpus)
    refuse_parts(shard, parts, cluster)
    refuse_columns(corpus, columns)
    if cluster is not None and resources.threads is not None:
        raise ValueError(f"`threads` {resources.threads}: with `cluster` every shard has one; choose `shards`")
    how = Normalising.chosen(
        normalise, normalise_like, memory=resources.memory, threads=resources.threads, seed=resources.seed
    )
    task = AbxTask(encodings, corpus, columns, protocol, frame_rate, allow_pipes, normalising=how, parts=parts)
    opened, items, settings = task.open()
    if isinstance(opened, NormalisedEncodings):
        settings["normalised"] = opened.settings["normalised"]
        if parts is not None:
            opened.adaptation.write(parts / FILE)  # for the other shards
    if cluster is not None:
        work = partial(count_share, task, resources, parts)
        done = done_on(cluster, work, "cpu", title="ABX", per_processor=1)
        shard = Shard(1, len(done))  # any, for the counts of all are there
    settings |= {"abx": asdict(protocol), "bootstrap": {"replicates": resources.bootstrap, "seed": resources.seed}}
    scores = counted(task, opened, items, resources, None if parts is None else task.share(shard, parts, opened))
    if scores.unfinished is not None and cluster is not None:
        told = f"must be the same folder on all machines of the cluster, but {scores.unfinished}"
        raise ValueError(f"`parts` {parts}: {told}")
    if not scores.results and scores.unfinished is None:
        raise UnscorableError(f"{corpus}: ABX could not be measured: {'; '.join(dict.fromkeys(scores.why.values()))}")
    return replace(scores, settings=settings)


def counted(
    task: AbxTask, opened: AnyEncodings, items: AbxItems, resources: AbxResources, share: Share | None
) -> AbxScores:
    """The errors within and across speakers, or why there is none."""
    results, why, unfinished = {}, {}, None
    try:
        surveyed = survey(task, opened, items, resources, share)
    except UnscorableError as error:
        return AbxScores(task.encodings, task.protocol, {}, why=dict.fromkeys(SPEAKERS, str(error)))
    for speaker in SPEAKERS:
        try:
            results[speaker] = measured(surveyed, speaker, resources, share)
        except UnfinishedError as error:
            unfinished = str(error)
        except UnscorableError as error:
            why[speaker] = str(error)
    return AbxScores(task.encodings, task.protocol, {}, results, why, unfinished)


def count_share(task: AbxTask, resources: AbxResources, parts: Path, shard: Shard, device: str) -> list[str]:
    """Leaves the counts of a shard in `parts`, by a worker of a cluster."""
    opened, items, _ = task.open()
    share, alone = task.share(shard, parts, opened), replace(resources, threads=1, bootstrap=0)
    with suppress(UnscorableError):  # which is said once
        surveyed = survey(task, opened, items, alone, share)
        for speaker in SPEAKERS:
            with suppress(UnscorableError):  # be it that others are not there yet
                measured(surveyed, speaker, alone, share)
    return []


def survey(
    task: AbxTask, opened: AnyEncodings, items: AbxItems, resources: AbxResources, share: Share | None
) -> SurveyedItems:
    """Reads the frames of the items, once for both errors."""
    return SurveyedItems.read(
        items, opened, task.protocol, memory=resources.bytes_of_memory, for_shares=share is not None
    )


def with_codes(items: AbxItems, opened: AnyEncodings) -> AbxItems:
    """The items but for those in utterances of which another tool says that they have no codes; which are said."""
    empty = getattr(opened, "empty", {})
    without = [name for name in items.rows_of if empty and opened.key(name) in empty]
    if not without:
        return items
    rows = np.concatenate([items.rows_of[name] for name in without])
    problems = (f"{opened.why_missing(name)}: {len(items.rows_of[name])} items" for name in without)
    console.say_problems(problems, len(items) - len(rows), len(rows))
    return items.only(np.setdiff1d(np.arange(len(items)), rows))


def items_of(corpus: Path, utterances: list[Utterance], columns: ItemColumns) -> AbxItems:
    """Items of the tiers of a corpus. Raises CorpusError naming it if an utterance lacks the tier."""
    try:
        return CONTEXTS[columns.context](utterances, columns.tier)
    except CorpusError as error:
        raise CorpusError(f"{corpus}: {error}") from error


def measured(surveyed: SurveyedItems, speaker: str, resources: AbxResources, share: Share | None) -> AbxResult:
    """One ABX error, with progress."""
    with console.progress(f"ABX {speaker} speakers", 100, "%") as advance:
        percent = 0

        def tell(done: int, total: int) -> None:
            nonlocal percent
            advance(100 * done // total - percent, note=f"{total // MILLION} million pairs of frames")
            percent = 100 * done // total

        return surveyed.abx(
            speaker,
            replicates=resources.bootstrap,
            seed=resources.seed,
            threads=resources.threads,
            memory=resources.bytes_of_memory,
            progress=tell,
            share=share,
        )


def as_numbers(result: AbxResult) -> dict:
    """The result for a JSON file."""
    names = ("error", "interval", "items", "skipped", "cells", "triplets", "ties", "null_frames")
    pairs = [{"a": a, "b": b, "error": error} for (a, b), error in result.pairs.items()]
    return {name: getattr(result, name) for name in names} | {"pairs": pairs}
