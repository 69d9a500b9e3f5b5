"""Options of `unitdisc.abx`, and which of them cannot be, or not together."""

from dataclasses import dataclass, replace
from pathlib import Path

from unitdisc.api.resources import check_resources
from unitdisc.corpus import CorpusError
from unitdisc.evaluation.abx import CONTEXTS, AbxItems
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.evaluation.inputs import usual_labels
from unitdisc.files.folders import folder_for_results
from unitdisc.jobs import Shard
from unitdisc.jobs.cluster import Cluster


@dataclass(frozen=True)
class ItemColumns:
    """Which tier of a corpus, or which columns of a ZeroSpeech item file, are compared.

    tier: of a corpus (default: phone; of line images, character). context: triphone; phone: alone, between the same
    neighbours; any: as for words and digits (default: triphone; of images any).
    on: column of an item file that A and X share and B does not. by: columns that all three share, comma between.
    across: column that X shares with A and B or does not.
    """

    tier: str | None = None
    context: str | None = None
    on: str = "phone"
    by: str = "prev-phone,next-phone"
    across: str = "speaker"

    def usual_in(self, corpus: Path) -> "ItemColumns":
        """The same with the tier and the context that are usual in such a corpus, where none was given."""
        tier, context = usual_labels(corpus, self.tier, self.context)
        return replace(self, tier=tier, context=context)


@dataclass(frozen=True)
class AbxResources:
    """Draws of speakers for the interval and their seed; threads (None: all cores), and GiB of memory for frames.

    Raises ValueError naming what cannot be.
    """

    bootstrap: int = 1000
    seed: int = 0
    threads: int | None = None
    memory: float = 2.0

    def __post_init__(self):
        check_resources(memory=self.memory, threads=self.threads, seed=self.seed)
        if self.bootstrap < 0:
            raise ValueError(f"`bootstrap` must be 0 or more, not {self.bootstrap}")

    @property
    def bytes_of_memory(self) -> int:
        return max(1, int(self.memory * 2**30))


def refuse_parts(shard: Shard, parts: Path | None, cluster: Cluster | None) -> None:
    """Raises ValueError unless shards have a folder for their counts."""
    if parts is not None:
        folder_for_results(parts)
    elif not shard.is_whole or cluster is not None:
        option = f"`shard` {shard}" if cluster is None else f"`cluster` {cluster.address}"
        raise ValueError(f"{option}: needs a folder that all shards share, for their counts; give `parts` FOLDER")


def refuse_columns(corpus: Path, columns: ItemColumns) -> None:
    """Raises ValueError for an option that would mean nothing with this kind of corpus."""
    usual = ItemColumns(tier="phone")
    if corpus.suffix == ".item" and columns.tier != usual.tier:
        raise ValueError(f"`tier` {columns.tier}: {corpus} is an item file, which has columns; choose one with `on`")
    for name in ("on", "by", "across"):
        if corpus.suffix != ".item" and getattr(columns, name) != getattr(usual, name):
            raise ValueError(
                f"`{name}` {getattr(columns, name)}: {corpus} is no item file and has no columns; "
                "choose a tier with `tier`, or give an .item file"
            )
    if columns.context not in CONTEXTS:
        raise ValueError(f"`context` must be one of {', '.join(CONTEXTS)}, not {columns.context!r}")


def speakers_of(items: AbxItems, encodings: AnyEncodings) -> dict[str, str | None]:
    """Who says each of the utterances of an item file that have encodings. Raises CorpusError if several do."""
    found: dict[str, str | None] = {}
    for name, rows in items.rows_of.items():
        speakers = sorted({items.speakers.names[code] for code in items.speakers.codes[rows]}, key=str)
        if len(speakers) > 1:
            raise CorpusError(
                f"{items.source}: {' and '.join(map(str, speakers[:2]))} speak in {name}, and frames are normalised by "
                "speaker; give a file to each"
            )
        if name in encodings:
            found[name] = speakers[0]
    return found
