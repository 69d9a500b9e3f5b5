"""unitdisc abx: how well encodings tell labels apart, within and across speakers."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import typer

from unitdisc import console
from unitdisc.api.abx_options import ItemColumns, Resources, refuse_columns, refuse_parts, refuse_resources
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.abx import (
    CONTEXTS,
    AbxItems,
    AbxProtocol,
    AbxResult,
    Share,
    UnfinishedError,
    read_items,
)
from unitdisc.evaluation.abx import abx as abx_error
from unitdisc.evaluation.abx.tables import worst_pairs, write_cells
from unitdisc.evaluation.foreign import AnyEncodings, open_encodings
from unitdisc.evaluation.inputs import open_both
from unitdisc.evaluation.settings import corpus_settings, versions
from unitdisc.evaluation.zerospeech.runs import file_checksum, refuse_codes
from unitdisc.files import write_json
from unitdisc.files.folders import file_for_results
from unitdisc.jobs import WHOLE, Shard
from unitdisc.jobs.cluster import Cluster, done_on

RATE = 16_000  # ticks per second of an item file, where no encodings.json says
SPEAKERS = ("within", "across")
MILLION = 10**6


@dataclass(frozen=True)
class Comparison:
    """What is compared, and how; `open` reads it."""

    encodings: Path
    corpus: Path
    columns: ItemColumns
    protocol: AbxProtocol
    frame_rate: float | None = None
    allow_pipes: bool = False

    def open(self) -> tuple[AnyEncodings, AbxItems, dict]:
        """The encodings, the items, and what tells the corpus from another."""
        if self.corpus.suffix != ".item":
            opened, utterances = open_both(self.encodings, self.corpus, self.frame_rate, self.allow_pipes)
            refuse_codes(opened, self.protocol)
            items = items_of(self.corpus, utterances, self.columns)
            return opened, items, corpus_settings(utterances, self.columns.tier) | {"context": self.columns.context}
        opened = open_encodings(self.encodings, frame_rate=self.frame_rate)
        refuse_codes(opened, self.protocol)
        by = [name for name in self.columns.by.split(",") if name] if self.columns.context != "any" else []
        rate = opened.settings.get("rate") or RATE
        items = with_codes(read_items(self.corpus, rate, self.columns.on, by, self.columns.across), opened)
        return opened, items, asdict(self.columns) | {"items_sha256": file_checksum(self.corpus)}

    def share(self, shard: Shard, parts: Path, opened: AnyEncodings) -> Share:
        return Share(shard, parts, {"encodings": self.encodings.name, "settings": json.dumps(opened.settings)})


def abx(
    comparison: Comparison,
    resources: Resources,
    output: Path | None = None,
    cells: Path | None = None,
    shard: Shard = WHOLE,
    parts: Path | None = None,
    cluster: Cluster | None = None,
) -> None:
    """ABX within and across speakers; prints the errors in percent, or why one could not be measured.

    shard: count only this share of the cells and keep the counts in the folder `parts`; whichever shard finds those
    of all others there says the errors, those of one run.
    cluster: all shards are counted there, one thread each. Encodings, corpus and `parts` must be found at the same
    place on all its machines.
    """
    refuse_parts(shard, parts, cluster)
    refuse_columns(comparison.corpus, comparison.columns)
    if cells is not None and cells.suffix not in (".csv", ".gz"):
        raise ValueError(f"--cells writes a table of comma-separated values: name it .csv or .csv.gz, not {cells}")
    refuse_resources(resources, cluster)
    for path, option in ((output, "--output"), (cells, "--cells")):
        file_for_results(path, option)
    opened, items, settings = comparison.open()
    typer.echo(title(comparison.protocol))
    if cluster is not None:
        work = partial(count_share, comparison, resources, parts)
        done = done_on(cluster, work, "cpu", "ABX", per_processor=1)
        shard = Shard(1, len(done))  # any, for the counts of all are there
    share = None if parts is None else comparison.share(shard, parts, opened)
    results, numbers, unfinished = {}, {}, None
    for speaker in SPEAKERS:
        try:
            results[speaker] = measured(items, opened, speaker, comparison.protocol, resources, share)
            numbers[speaker] = as_numbers(results[speaker])
            typer.echo(line(speaker, results[speaker]))
        except UnfinishedError as error:
            unfinished = error
        except UnscorableError as error:
            numbers[speaker] = {"error": None, "why": str(error)}
            typer.echo(f"{speaker:8}not measured: {error}")
    if unfinished is not None and cluster is not None:
        raise ValueError(f"--parts {parts}: must be the same folder on all machines of the cluster, but {unfinished}")
    if unfinished is not None:
        typer.echo(str(unfinished))
        return
    if not results:
        whys = dict.fromkeys(found["why"] for found in numbers.values())
        raise UnscorableError(f"{comparison.corpus}: ABX could not be measured: {'; '.join(whys)}")
    for speaker, result in results.items():
        pairs = ", ".join(f"{a} {b} {100 * error:.1f}" for a, b, error in worst_pairs(result))
        typer.echo(f"most confused {speaker} speakers, in percent: {pairs}")
    if output is not None:
        settings |= {"abx": asdict(comparison.protocol), "bootstrap": resources.bootstrap()}
        scored = {"abx": numbers, "encodings": str(comparison.encodings)}
        write_json(output, scored | {"settings": settings, "versions": versions()})
    if cells is not None:
        write_cells(cells, results)


def count_share(comparison: Comparison, resources: Resources, parts: Path, shard: Shard, device: str) -> list[str]:
    """Leaves the counts of a shard in `parts`, by a worker of a cluster."""
    opened, items, _ = comparison.open()
    share, alone = comparison.share(shard, parts, opened), replace(resources, threads=1, replicates=0)
    for speaker in SPEAKERS:
        with suppress(UnscorableError):  # be it that others are not there yet; what cannot be measured is said once
            measured(items, opened, speaker, comparison.protocol, alone, share)
    return []


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


def measured(
    items: AbxItems, encodings, speaker: str, protocol: AbxProtocol, resources: Resources, share: Share | None
) -> AbxResult:
    """One ABX error, with progress."""
    with console.progress(f"ABX {speaker} speakers", 100, "%") as advance:
        percent = 0

        def tell(done: int, total: int) -> None:
            nonlocal percent
            advance(100 * done // total - percent, note=f"{total // MILLION} million pairs of frames")
            percent = 100 * done // total

        return abx_error(
            items,
            encodings,
            speaker,
            protocol,
            replicates=resources.replicates,
            seed=resources.seed,
            threads=resources.threads,
            memory=max(1, int(resources.memory * 2**30)),
            progress=tell,
            share=share,
        )


def title(protocol: AbxProtocol) -> str:
    words = [f"{protocol.distance} distance", f"{protocol.slicing} slicing", f"{protocol.average} averaging"]
    words += [f"{protocol.pooling} pooling"] if protocol.pooling != "none" else []
    words += ["frames of length one"] if protocol.l2_normalise else []
    words += ["no subsampling"] if protocol.sampling is None else [f"{protocol.sampling.kind} sample"]
    return f"ABX error, {', '.join(words)}"


def line(speaker: str, result: AbxResult) -> str:
    low, high = result.interval or (None, None)
    between = "" if low is None else f" (95 % of speakers drawn anew: {100 * low:.2f} to {100 * high:.2f})"
    counts = f"{result.items} items, {result.skipped} more without frames, {result.cells} cells"
    counts += f", {result.null_frames} null frames" if result.null_frames else ""
    return f"{speaker:8}{100 * result.error:7.2f} %{between}   {counts}, {result.triplets} triplets"


def as_numbers(result: AbxResult) -> dict:
    """The result for a JSON file."""
    names = ("error", "interval", "items", "skipped", "cells", "triplets", "ties", "null_frames")
    pairs = [{"a": a, "b": b, "error": error} for (a, b), error in result.pairs.items()]
    return {name: getattr(result, name) for name in names} | {"pairs": pairs}
