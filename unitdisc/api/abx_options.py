"""Options of `unitdisc abx`, and which of them cannot be, or not together."""

from dataclasses import dataclass, fields
from pathlib import Path

from unitdisc.evaluation.abx import CONTEXTS, AbxProtocol, Sampling
from unitdisc.files.folders import folder_for_results
from unitdisc.jobs import Shard
from unitdisc.jobs.cluster import Cluster


@dataclass(frozen=True)
class ItemColumns:
    """Which columns of an item file, or tier of a corpus, are compared."""

    tier: str = "phone"
    context: str = "triphone"
    on: str = "phone"
    by: str = "prev-phone,next-phone"  # names, comma between
    across: str = "speaker"


@dataclass(frozen=True)
class Resources:
    replicates: int
    seed: int
    threads: int | None
    memory: float  # GiB

    def bootstrap(self) -> dict:
        return {"replicates": self.replicates, "seed": self.seed}


def protocol_of(
    distance: str,
    slicing: str,
    average: str,
    pooling: str,
    l2_normalise: bool,
    sampling: tuple[str, int | None, int | None, int],
) -> AbxProtocol:
    """The protocol that options of the command line stand for. Raises ValueError naming the option."""
    kind, max_size_group, max_x_across, seed = sampling
    try:
        chosen = Sampling(kind, max_size_group, max_x_across, seed)
        sampled = max_size_group is not None or max_x_across is not None
        return AbxProtocol(distance, slicing, average, pooling, l2_normalise, chosen if sampled else None)
    except ValueError as error:
        name, said = str(error).split(maxsplit=1)
        option = {"sampling": "sampler"}.get(name, name.replace("_", "-"))
        raise ValueError(f"--{option} {said}") from error


def refuse_parts(shard: Shard, parts: Path | None, cluster: Cluster | None) -> None:
    """Raises ValueError unless shards have a folder for their counts."""
    if parts is not None:
        folder_for_results(parts)
    elif not shard.is_whole or cluster is not None:
        option = f"--shard {shard}" if cluster is None else f"--ray {cluster.address}"
        raise ValueError(f"{option}: needs a folder that all shards share, for their counts; give --parts FOLDER")


def refuse_columns(corpus: Path, columns: ItemColumns) -> None:
    """Raises ValueError for an option that would mean nothing with this kind of corpus."""
    usual = {field.name: field.default for field in fields(ItemColumns)}
    chosen = [name for name in usual if getattr(columns, name) != usual[name]]
    if corpus.suffix == ".item" and "tier" in chosen:
        raise ValueError(f"--tier {columns.tier}: {corpus} is an item file, which has columns; choose one with --on")
    for name in ("on", "by", "across"):
        if corpus.suffix != ".item" and name in chosen:
            raise ValueError(
                f"--{name} {getattr(columns, name)}: {corpus} is no item file and has no columns; "
                "choose a tier with --tier, or give an .item file"
            )
    if columns.context not in CONTEXTS:
        raise ValueError(f"--context must be one of {', '.join(CONTEXTS)}, not {columns.context!r}")


def refuse_resources(resources: Resources, cluster: Cluster | None) -> None:
    """Raises ValueError naming the option that cannot be."""
    if cluster is not None and resources.threads is not None:
        raise ValueError(f"--threads {resources.threads}: with --ray every shard has one; choose --shards")
    if not 0 < resources.memory < float("inf"):
        raise ValueError(f"--memory must be a number of GiB above 0, not {resources.memory:g}")
    for option, value in (("--bootstrap", resources.replicates), ("--seed", resources.seed)):
        if value < 0:
            raise ValueError(f"{option} must be 0 or more, not {value}")
    if resources.threads is not None and resources.threads < 1:
        raise ValueError(f"--threads must be 1 or more, or not given for all cores, not {resources.threads}")
