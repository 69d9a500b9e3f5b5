"""Tar shards in the layout of WebDataset: files KEY.EXTENSION, those of a sample side by side, read where they lie.

A path `shards/000000.tar:1536` is the file whose data begin at byte 1536 of that tar; its size stands in the header
before it. A name in `.tar` tells it from an entry of a Kaldi archive. Nothing is ever unpacked to disk.
"""

import io
import re
import tarfile
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from unitdisc.corpus import FileError
from unitdisc.files.folders import is_there
from unitdisc.files.refusals import refuse_blameless
from unitdisc.media.codecs.spliced import Window

MEMBER = re.compile(r"(.+\.tar):(\d{1,18})", re.IGNORECASE)
BLOCK = tarfile.BLOCKSIZE
AT_ONCE = 1 << 24  # bytes: what is no larger is read in one go
FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)  # no links, folders, devices, nor files with holes
COMPRESSED = {b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz", b"\x28\xb5\x2f\xfd": "unzstd"}
AGAIN = "copy it again, or pack the corpus again"


class TarError(FileError):
    """A tar, or a file in one, cannot be used: the message says which, what is wrong with it, and the cure."""


class Member(NamedTuple):
    """A file in a tar."""

    name: str
    offset: int  # of its data
    size: int


@dataclass(frozen=True)
class TarSample:
    """The files in a tar whose names begin with the same key."""

    key: str
    members: dict[str, Member]  # what follows the key and a dot, in lower case -> file
    again: tuple[str, ...] = ()  # files of a kind that was there already: it may be two samples of one name


def in_tar(path: str | Path) -> tuple[Path, int] | None:
    """The tar and the offset that a path names; None if it names something else, such as a file of that very name."""
    found = MEMBER.fullmatch(str(path))
    if found is None or is_there(path):
        return None
    return Path(found[1]), int(found[2])


@contextmanager
def open_member(path: str | Path) -> Iterator[io.IOBase]:
    """The file in a tar that a path names, opened for reading.

    Raises TarError if the tar is missing or cut off, and if no file begins there.
    """
    tar, offset = in_tar(path)
    try:
        stream = tar.open("rb")
    except OSError:
        check_tar(tar)
        raise
    with stream:
        try:
            size = member_size(stream, path, offset)
        except TarError:
            check_tar(tar)  # which may know better what is wrong
            raise
        yield Window(stream, offset, size) if size > AT_ONCE else io.BytesIO(stream.read(size))


def member_size(stream: io.BufferedReader, path: str | Path, offset: int) -> int:
    """How long the file is whose data begin at an offset. Raises TarError if none begins there, or its end is gone."""
    there = stream.seek(0, io.SEEK_END)
    try:
        if not BLOCK <= offset <= there or offset % BLOCK:
            raise tarfile.HeaderError
        stream.seek(offset - BLOCK)
        header = tarfile.TarInfo.frombuf(stream.read(BLOCK), "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        what = f"no file begins at byte {offset} ({there} bytes are there)"
        raise TarError.at(path, what, "copy the shard again if it was cut off, or make the manifest again") from None
    if header.type not in FILES or header.size < 0:
        raise TarError.at(path, f"{header.name!r} is no file but a link or the like", "make the manifest again")
    if not header.size:
        raise TarError.at(path, f"{header.name!r} is empty (0 bytes)", "take it off the list")
    if offset + header.size > there:
        raise cut_off(path, header.name, offset + header.size - there)
    return header.size


def cut_off(path: str | Path, name: str, missing: int) -> TarError:
    return TarError.at(path, f"the tar is truncated: the last {missing} bytes of {name!r} are missing", AGAIN)


def check_tar(path: Path) -> None:
    """Raises TarError if a file is missing, empty or compressed."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        refuse_blameless(error, path)
        what = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise TarError.at(path, what, "correct the path in the list, or copy the tar there") from error
    if not head:
        raise TarError.at(path, "is empty (0 bytes)", AGAIN)
    for magic, tool in COMPRESSED.items():
        if head.startswith(magic):
            raise TarError.at(path, "is compressed, so that nothing in it can be found", f"unpack it with `{tool}`")


def members(path: Path) -> Iterator[Member]:
    """The files in a tar, in order; what is no file is left out.

    Raises TarError, once it comes to that, where a tar is damaged or cut off.
    """
    check_tar(path)
    there = path.stat().st_size
    try:
        with tarfile.open(path, "r:") as tar:
            while (found := tar.next()) is not None:
                tar.members.clear()  # or they would pile up
                if found.offset_data + max(found.size, 0) > there:
                    raise cut_off(path, found.name, found.offset_data + found.size - there)
                if found.type in FILES and not found.sparse:
                    yield Member(found.name, found.offset_data, found.size)
            end = tar.offset
    except TarError:  # a ValueError, too
        raise
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise TarError.at(path, f"is damaged, or no tar ({error})", AGAIN) from error
    with path.open("rb") as file:  # the library takes whatever is no header for the end
        file.seek(end)
        block = file.read(BLOCK)
    if block != bytes(BLOCK):
        what = f"is damaged at byte {end}" if len(block) == BLOCK else f"is truncated: it stops at byte {there}"
        raise TarError.at(path, what, AGAIN)


def samples(
    path: Path, last_dot: bool = False, media: Container[str] = (), extension: str | None = None
) -> Iterator[TarSample]:
    """What belongs together in a tar: files of one name up to its first dot, by WebDataset's convention.

    media: suffixes of recordings and images. Files of one name with several of these are parted where the names have
    dots of their own: see `parted`. extension: what follows the name of these, "clean.wav", where that is known.
    last_dot: names end at their last dot, as in lhotse's Shar. Raises TarError, as `members` does, after all samples.
    """
    groups: dict[str, list[Member]] = defaultdict(list)
    fault = None
    try:
        for member in members(path):
            if not (base := base_of(member.name)).startswith("."):
                groups[split_name(member.name, last_dot)[0] or base].append(member)
    except TarError as error:
        fault = error
    for key, group in groups.items():
        yield from [sample_of(key, group)] if last_dot else parted(key, group, media, extension)
    if fault:
        raise fault


def base_of(name: str) -> str:
    return name.rpartition("/")[2]


def clean_name(name: str) -> str:
    """The name of a file without what tells nothing of its folder: "./a//b.flac" is "a/b.flac"."""
    return "/".join(filter(None, name.removeprefix("./").split("/")))


def sample_of(key: str, group: Iterable[Member]) -> TarSample:
    """A sample of files whose names begin with its key; of others, what follows their first dot is their kind."""
    found, again = {}, []
    for member in group:
        name = clean_name(member.name)
        kind = name[len(key) + 1 :].lower() if name.startswith(f"{key}.") else split_name(name)[1]
        if found.setdefault(kind, member) is not member:
            again.append(member.name)
    return TarSample(key, found, tuple(again))


def parted(key: str, group: list[Member], media: Container[str], extension: str | None) -> Iterator[TarSample]:
    """The samples of files of one name up to its first dot.

    "talk 1.0 intro.flac" and "talk 1.5 outro.flac" are two, each with the files whose names begin with its own; so are
    "ann.1.flac" and "ann.2.flac". "a.clean.wav" and "a.noisy.wav" are one, and so is all that shares "a.json".
    """
    stems = list(dict.fromkeys(filter(None, (stem_of(member.name, media, extension) for member in group))))
    if not stems:
        yield sample_of(key, group)
    elif len(stems) == 1:
        yield sample_of(stems[0] if extension else common_stem(group), group)
    else:
        owners = [max((s for s in stems if is_under(member.name, s)), key=len, default=None) for member in group]
        shared = [member for member, owner in zip(group, owners) if owner is None]
        own = {stem: [member for member, owner in zip(group, owners) if owner == stem] for stem in stems}
        kinds = all(is_kind(stem[len(key) + 1 :]) for stem in stems)
        separate = len(group) - len(shared) > len(stems) or not (kinds or shared)
        if extension or separate:
            yield from (sample_of(stem, [*own[stem], *shared]) for stem in stems)
        else:
            yield sample_of(key, group)


def stem_of(name: str, media: Container[str], extension: str | None) -> str | None:
    """The name of a recording or an image without its suffix; None for other files."""
    name = clean_name(name)
    stem, _, suffix = name.rpartition(".")
    if extension:
        return name[: -len(extension) - 1] if name.lower().endswith(f".{extension}") else None
    return stem if suffix.lower() in media else None


def common_stem(group: Iterable[Member]) -> str:
    """What all names have in common, up to a dot."""
    folders = [clean_name(member.name).rpartition("/") for member in group]
    parts = [base.split(".")[:-1] for _, _, base in folders]
    same = list(takewhile(lambda column: len({*column}) == 1, zip(*parts)))
    return "".join(folders[0][:2]) + ".".join(column[0] for column in same)


def is_under(name: str, stem: str) -> bool:
    return clean_name(name).startswith(f"{stem}.")


def is_kind(text: str) -> bool:
    """Whether what is between the first dot and the suffix can be a kind of file: "clean", but not "0 intro"."""
    return all(re.fullmatch(r"[^\W\d][\w-]*", part) for part in text.split("."))


def split_name(name: str, last_dot: bool = False) -> tuple[str, str]:
    """Key and extension of a file: "a/b.seg.JSON" is ("a/b", "seg.json"); both empty where there is no extension."""
    folder, _, base = clean_name(name).rpartition("/")
    stem, dot, kind = base.rpartition(".") if last_dot else base.partition(".")
    return ("/".join(filter(None, (folder, stem))), kind.lower()) if stem and dot else ("", "")


def read_member(path: Path, member: Member, limit: int) -> bytes:
    """The content of a file in a tar. Raises TarError if it is longer than `limit` bytes."""
    if member.size > limit:
        what = f"{member.name!r} has {member.size} bytes, more than the {limit} such a file may have"
        raise TarError.at(path, what, "look at what it is")
    with path.open("rb") as file:
        file.seek(member.offset)
        return file.read(member.size)
