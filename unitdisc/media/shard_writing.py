"""Shards written: the tars of a part of a corpus, KEY.flac or KEY.png in them, and KEY.json beside it."""

import io
import json
import tarfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.files import written_aside
from unitdisc.media.packing import PackedItem, PackingItem, pack
from unitdisc.media.tars import BLOCK


def described(packed: PackedItem) -> bytes:
    """KEY.json: what a manifest says of an utterance, but its path; of several in one file, a list of it."""
    lines = []
    for utterance in packed.utterances:
        values = {
            name: value for name, value in asdict(utterance).items() if value not in (None, {}) and name != "path"
        }
        lines.append({name: value for name, value in values.items() if name != "start" or value})
    value = lines[0] if len(lines) == 1 else {"utterances": lines}
    return json.dumps(value, ensure_ascii=False).encode()


class ShardWriter:
    """Writes the tar of a shard, and more of them where it would grow beyond `most` bytes.

    Each appears complete or not at all. To be closed by `with`.
    """

    def __init__(self, folder: Path, name: str, most: int):
        self.folder, self.name, self.most = folder, name, most
        self.stack = ExitStack()
        self.parts = 0

    def __enter__(self) -> "ShardWriter":
        self.stack.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.stack.__exit__(*error)

    def add(self, key: str, packed: PackedItem) -> list[Utterance]:
        """Writes an item; its utterances, with their path."""
        files = [(f"{key}.{packed.suffix}", packed.content), (f"{key}.json", described(packed))]
        size = sum(BLOCK + rounded_up(len(content), BLOCK) for _, content in files)
        if not self.parts or (self.file.tell() and self.file.tell() + size + tarfile.RECORDSIZE > self.most):
            self.begin()
        start = None
        for name, content in files:
            info = tarfile.TarInfo(name)  # no owner, no time: equal corpora give equal tars
            info.size, info.mode = len(content), 0o644
            self.tar.addfile(info, io.BytesIO(content))
            start = self.file.tell() - rounded_up(len(content), BLOCK) if start is None else start
        return [replace(utterance, path=f"{self.path}:{start}") for utterance in packed.utterances]

    def begin(self) -> None:
        """Finishes a tar, if there is one, and begins the next: 000012.tar, 000012-1.tar, 000012-2.tar..."""
        self.stack.close()
        self.path = self.folder / (f"{self.name}-{self.parts}.tar" if self.parts else f"{self.name}.tar")
        aside = self.stack.enter_context(written_aside(self.path))
        self.file = self.stack.enter_context(aside.open("wb"))
        self.tar = self.stack.enter_context(tarfile.TarFile(fileobj=self.file, mode="w", format=tarfile.PAX_FORMAT))
        self.parts += 1


def rounded_up(size: int, block: int) -> int:
    return -(-size // block) * block


def write_shard(
    folder: Path,
    name: str,
    items: Iterable[PackingItem],
    most: int,
    form: str,
    whole: bool,
    allow_pipes: bool,
    strict: bool,
) -> tuple[list[Utterance], list[CorpusError]]:
    """Writes a shard: the utterances as they lie in it, and what is wrong with those that are left out.

    Raises CorpusError, and writes no tar, at the first bad one if `strict`.
    """
    kept, problems = [], []
    with ShardWriter(folder, name, most) as writer:
        for item in items:
            try:
                packed = pack(item, form, whole, allow_pipes)
            except CorpusError as error:
                if strict:
                    raise
                problems.append(error)
            else:
                kept += writer.add(item.key, packed)
    return kept, problems
