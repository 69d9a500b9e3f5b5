"""unitdisc shards: a corpus packed into tars, and the manifest of what is in them."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path

from joblib import Parallel, delayed

from unitdisc import console
from unitdisc.api.paths import takes_paths
from unitdisc.corpus import CorpusError, Utterance, corpus_checksum
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.files import take_away, write_json, write_text
from unitdisc.files.folders import folder_for_results
from unitdisc.files.text import read_json, read_lines
from unitdisc.media.packing import FORMATS, PackingItem, items_of, pack, shares
from unitdisc.media.shard_writing import write_shard
from unitdisc.media.tars import in_tar

SETTINGS = "shards.json"


@dataclass(frozen=True)
class PackingOptions:
    """How a corpus is packed. max_mb: of a tar; format: "flac" or "wav"; whole: keep recordings, do not cut them."""

    max_mb: float = 1000
    format: str = "flac"
    whole: bool = False
    in_order: bool = False
    seed: int = 0

    def __post_init__(self):
        if self.format not in FORMATS:
            raise ValueError(f"`format` {self.format}: choose one of {list(FORMATS)}")
        if not 0 < self.max_mb < inf:
            raise ValueError(f"`max_mb` {self.max_mb}: must be a number of megabytes above 0; 1000 is usual")
        if self.seed < 0:
            raise ValueError(f"`seed` {self.seed}: must be 0 or more")


@takes_paths
def shards(
    corpus: Path,
    folder: Path,
    options: PackingOptions = PackingOptions(),
    *,
    access: CorpusAccess = CorpusAccess(),
    workers: int = 1,
) -> Path | None:
    """Writes folder/shards/NNNNNN.tar, a manifest beside each, and, when all are there, that of the corpus.

    What was finished before is not done again, but for shards in which something was left out that is good by now.
    A bad recording is said and left out, or, if `access` is strict, ends it; its shard: which tars to write.
    Returns the manifest, or None while shards are missing. Raises CorpusError if nothing can be packed, and if the
    folder holds shards of something else.
    """
    if workers < 1:
        raise ValueError(f"`workers` {workers}: must be 1 or more")
    folder = folder_for_results(folder)
    utterances = read_corpus(corpus, access.allow_pipes)
    settings = {"corpus": corpus_checksum(utterances), "utterances": len(utterances), **asdict(options)}
    claim(folder, settings)
    parts = shares(
        items_of(utterances, options.whole), round(options.max_mb * 1e6), None if options.in_order else options.seed
    )
    numbers = access.shard.of(range(len(parts)))
    wanted = [number for number in numbers if not is_done(folder, number, parts[number], options, access.allow_pipes)]
    manifest = folder / f"{name_of(corpus)}.jsonl"
    if wanted:
        take_away(manifest)  # it may say where things lay in a tar that is written again
    with console.progress("packing", len(parts), "shards", done=len(parts) - len(wanted)) as advance:
        pack_one = delayed(pack_shard)
        tasks = (pack_one(folder, number, parts[number], options, access) for number in wanted)
        for error in Parallel(n_jobs=workers, return_as="generator")(tasks):
            if error is not None:
                raise CorpusError(error)
            advance(1)
    if not all(manifest_of(folder, number).exists() for number in range(len(parts))):
        return None
    try:
        return finish(folder, manifest, len(parts))
    except FileNotFoundError:  # another run has begun to write a shard again
        return None


def claim(folder: Path, settings: dict) -> None:
    """Says whose shards a folder holds. Raises CorpusError if they are of another corpus, or made in another way."""
    path, taken = folder / SETTINGS, (folder / "shards").exists()  # in this order: others may be starting, too
    if path.exists():
        try:
            found = dict(read_json(path))
        except (ValueError, TypeError) as error:
            raise CorpusError(f"{path}: damaged ({error}); remove the folder and pack again") from error
        if different := sorted(key for key in found.keys() | settings.keys() if found.get(key) != settings.get(key)):
            what = f"holds shards made in another way ({', '.join(different)} differ)"
            raise CorpusError(f"{folder}: {what}; remove it, or choose another folder")
    elif taken:
        raise CorpusError(f"{folder / 'shards'}: holds something else; choose another folder")
    write_json(path, settings)


def manifest_of(folder: Path, number: int) -> Path:
    """The manifest of a shard: written last, so that a shard with one is complete."""
    return folder / "shards" / f"{number:06d}.jsonl"


def left_out_of(folder: Path, number: int) -> Path:
    return folder / "shards" / f"{number:06d}.left_out.txt"


def is_done(
    folder: Path, number: int, items: Sequence[PackingItem], options: PackingOptions, allow_pipes: bool
) -> bool:
    """Whether a shard is complete, and what was left out of it is still bad."""
    manifest = manifest_of(folder, number)
    if not manifest.exists():
        return False
    if not left_out_of(folder, number).exists():
        return True
    there = {utterance.id for utterance in packed(manifest)}
    return not any(can_be_packed(item, options, allow_pipes) for item in items if item.utterances[0].id not in there)


def can_be_packed(item: PackingItem, options: PackingOptions, allow_pipes: bool) -> bool:
    try:
        pack(item, options.format, options.whole, allow_pipes=allow_pipes)
    except CorpusError:
        return False
    return True


def pack_shard(
    folder: Path, number: int, items: Sequence[PackingItem], options: PackingOptions, access: CorpusAccess
) -> str | None:
    """Writes one shard; returns what is wrong if it may not be.

    Another run may be writing the same: tars take the place of equal ones, and nothing is removed under its hands.
    """
    manifest = manifest_of(folder, number)
    for old in (manifest, left_out_of(folder, number)):
        take_away(old)
    most = round(options.max_mb * 1e6)
    try:
        kept, problems = write_shard(
            manifest.parent,
            manifest.stem,
            items,
            most=most,
            form=options.format,
            whole=options.whole,
            allow_pipes=access.allow_pipes,
            strict=access.strict,
        )
    except CorpusError as error:
        return str(error)
    tars = {in_tar(utterance.path)[0] for utterance in kept}
    there = (*manifest.parent.glob(f"{number:06d}.tar"), *manifest.parent.glob(f"{number:06d}-*.tar"))
    for old in {*there} - tars:  # of a run before
        take_away(old)
    if problems:
        write_text(left_out_of(folder, number), "".join(f"{' '.join(str(each).split())}\n" for each in problems))
    write_manifest(manifest, kept)
    return None


def finish(folder: Path, manifest: Path, number: int) -> Path:
    """Writes the manifest of all shards, and says what was left out."""
    utterances = [utterance for shard in range(number) for utterance in packed(manifest_of(folder, shard))]
    problems = [
        line
        for shard in range(number)
        if left_out_of(folder, shard).exists()
        for _, line in read_lines(left_out_of(folder, shard))
    ]
    if not utterances:
        raise CorpusError(f"{folder}: nothing could be packed, the first problem: {problems[0]}")
    write_manifest(manifest, utterances)
    for leftover in (folder / "shards").glob(".*.tmp"):  # of a killed run
        take_away(leftover)
    console.say_problems(problems, len(utterances), len(problems))
    return manifest


def packed(manifest: Path) -> Iterator[Utterance]:
    """The utterances of a shard, which may have none. Raises FileNotFoundError if it is gone."""
    try:
        if manifest.stat().st_size:
            yield from read_manifest(manifest)
    except CorpusError as error:
        raise error.__cause__ if isinstance(error.__cause__, FileNotFoundError) else error from None


def name_of(corpus: Path) -> str:
    return corpus.stem if corpus.suffix == ".jsonl" else corpus.resolve().name
