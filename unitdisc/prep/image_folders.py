"""What folders of images tell: ids, writers, and how to split what they hold."""

import argparse
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.prep.notes import Notes
from unitdisc.prep.scripts import add_speaker_options
from unitdisc.prep.speakers import hold_out
from unitdisc.prep.utterances import shortened

VARIANT = re.compile(r"\.(bin|nrm|raw|dew|gr[ae]y|colou?r)$", re.IGNORECASE)  # how a picture of a line was made


def add_naming_options(parser: argparse.ArgumentParser) -> None:
    """--writer-from, --test-writers or --test-share, and --seed."""
    parser.add_argument("--writer-from", default="folder", metavar="RULE", help="folder (default), none or name:REGEX")
    add_speaker_options(parser, default=None, otherwise="none", who="writer")
    parser.add_argument("--test-share", type=float, metavar="SHARE", help="lines to hold out instead of writers: 0.1")


def split_by(
    args: argparse.Namespace, lines: list[Utterance], shown: Mapping[str, str]
) -> dict[str, list[Utterance]] | None:
    """The split the options ask for, if they ask for one. Raises CorpusError if one side would be empty.

    shown: id of a line -> the page or picture that it is of. No split by chance parts what is of one, and one by
    writers says so.
    """
    if args.test_writers is not None and args.test_share is not None:
        raise CorpusError("--test-writers and --test-share exclude each other; give one")
    if args.test_writers is not None:
        return whole(hold_out(lines, args.test_writers, args.seed, "writer"), shown)
    return None if args.test_share is None else share_out(lines, args.test_share, args.seed, shown)


def whole(
    splits: dict[str, list[Utterance]], shown: Mapping[str, str], called: tuple[str, str] = ("line", "picture")
) -> dict[str, list[Utterance]]:
    """A split, as it is; a picture with lines in several of its parts is said. called: what both are in messages."""
    sides, notes = defaultdict(set), Notes()
    for split, lines in splits.items():
        for line in lines:
            sides[shown[line.id]].add(split)
    for picture, found in sides.items():
        if len(found) > 1:
            what, picture_of = called
            where = " and ".join(sorted(found))
            notes.add(f"{picture_of}s with {what}s in {where}{', by writers of each' * (what == 'line')}", picture)
    notes.say()
    return splits


def share_out(
    lines: list[Utterance],
    share: float,
    seed: int,
    shown: Mapping[str, str],
    called: tuple[str, str] = ("line", "page"),
) -> dict[str, list[Utterance]]:
    """A split by chance, of whole pictures. Raises CorpusError if either side would be empty.

    called: what lines, and what they are shown on, are in messages.
    """
    what, picture_of = called
    if not 0 < share < 1:
        raise CorpusError(
            f"--test-share {share} is no share of the {what}s; give a number between 0 and 1, such as 0.1"
        )
    sizes = Counter(shown[line.id] for line in lines)
    first = {picture: id for id, picture in sorted(((line.id, shown[line.id]) for line in lines), reverse=True)}
    wanted = round(share * len(lines))
    if not 0 < wanted < len(lines) or len(sizes) < 2:
        of = (
            ""
            if len(sizes) == len(lines)
            else f" of {len(sizes)} {picture_of}{'s' * (len(sizes) != 1)}, which are not parted"
        )
        raise CorpusError(
            f"cannot hold out --test-share {share} of {len(lines)} {what}s{of}: both sides need at least one"
        )
    ids = np.random.default_rng(seed).permutation(sorted(first.values()))
    order = [shown[id] for id in ids.tolist()]
    ends = np.cumsum([sizes[picture] for picture in order[:-1]])
    count = 1 + int(np.argmin(np.abs(ends - wanted)))  # pictures, whose lines are about as many as are wanted
    chosen = set(order[:count])
    return {
        "train": [line for line in lines if shown[line.id] not in chosen],
        "test": [line for line in lines if shown[line.id] in chosen],
    }


def pictures_of(images: Mapping[str, Path]) -> dict[str, str]:
    """Id of a line -> what it is a picture of: shared by files that are equal, and by pictures made in several ways.

    Those are called alike but for .bin, .nrm and the like, as OCRopus calls them.
    """
    sizes = Counter(path.stat().st_size for path in images.values())
    keys: dict[str, int] = {}
    pairs = []
    for number, path in enumerate(images.values()):
        names = [str(path.with_name(VARIANT.sub("", path.stem)))]
        if sizes[path.stat().st_size] > 1:
            names.append(checksum_of(path))
        pairs += [(number, len(images) + keys.setdefault(name, len(keys))) for name in names]
    ends, count = np.array(pairs).T, len(images) + len(keys)
    _, found = connected_components(coo_array((np.ones(len(pairs)), ends), shape=(count, count)), directed=False)
    first: dict[int, str] = {}
    return {id: first.setdefault(int(found[number]), id) for number, id in enumerate(images)}


def checksum_of(path: Path) -> str:
    """SHA-256 of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def linked_folders(raw: Path) -> None:
    """Says which folders below one are links, and not entered."""
    notes = Notes()
    for path in sorted(raw.rglob("*")):
        if path.is_symlink() and path.is_dir():
            notes.add("links to folders, not followed; copy these there, or give them by themselves", str(path))
    notes.say()


def writer_finder(rule: str, raw: Path, who: str = "writer") -> Callable[[Path], str | None]:
    """What finds the writer of an image, or the speaker of a recording, by --writer-from or --speaker-from.

    Raises CorpusError if that is no rule.
    """
    if rule == "none":
        return lambda path: None
    if rule == "folder":
        return lambda path: path.parent.name if path.parent != raw else None
    kind, _, pattern = rule.partition(":")
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise CorpusError(f"--{who}-from {rule}: is no regular expression ({error}); correct it") from error
    if kind != "name" or expression.groups < 1:
        raise CorpusError(f"--{who}-from {rule}: must be folder, none, or name:REGEX with a group (...)")

    def find(path: Path) -> str:
        name = below(path, raw).as_posix()
        match = expression.search(name)
        if not match or not match[1]:
            what = f"its {who} is not known, for {pattern!r} is not in {name!r}"
            raise CorpusError(f"{path}: {what}; correct the pattern")
        return match[1]

    return find


def name_of(image: Path, raw: Path) -> str:
    """The path below the folder as an id: "ann/page 1/3.png" is "ann-page_1-3"; the same path has always the same."""
    return id_of(below(image, raw).with_suffix("").as_posix())


def id_of(key: str) -> str:
    """A name as an id: "train/ann 1" is "train-ann_1". One too long for names of files is shortened, which is said."""
    return shortened("-".join("_".join(part.split()) for part in key.split("/")), key)


def below(image: Path, raw: Path) -> Path:
    return image.relative_to(raw) if image.is_relative_to(raw) else Path(image.name)
