"""What folders of images tell: ids, writers, and how to split what they hold."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.data.preparing import add_speaker_options, hold_out, shortened


def add_naming_options(parser: argparse.ArgumentParser) -> None:
    """--writer-from, --test-writers or --test-share, and --seed."""
    parser.add_argument("--writer-from", default="folder", metavar="RULE", help="folder (default), none or name:REGEX")
    add_speaker_options(parser, default=None, otherwise="none", who="writer")
    parser.add_argument("--test-share", type=float, metavar="SHARE", help="lines to hold out instead of writers: 0.1")


def split_by(args: argparse.Namespace, lines: list[Utterance]) -> dict[str, list[Utterance]] | None:
    """The split the options ask for, if they ask for one. Raises CorpusError if one side would be empty."""
    if args.test_writers is not None and args.test_share is not None:
        raise CorpusError("--test-writers and --test-share exclude each other; give one")
    if args.test_writers is not None:
        return hold_out(lines, args.test_writers, args.seed)
    return None if args.test_share is None else share_out(lines, args.test_share, args.seed)


def share_out(lines: list[Utterance], share: float, seed: int) -> dict[str, list[Utterance]]:
    """A split by chance. Raises CorpusError if either side would be empty."""
    count = round(share * len(lines))
    if not 0 < count < len(lines):
        raise CorpusError(f"cannot hold out {share} of {len(lines)} lines: both sides need at least one")
    ids = np.random.default_rng(seed).permutation(sorted(line.id for line in lines))[:count]
    chosen = set(ids.tolist())
    return {
        "train": [line for line in lines if line.id not in chosen],
        "test": [line for line in lines if line.id in chosen],
    }


def writer_finder(rule: str, raw: Path) -> Callable[[Path], str | None]:
    """What finds the writer of an image by --writer-from. Raises CorpusError if that is no rule."""
    if rule == "none":
        return lambda image: None
    if rule == "folder":
        return lambda image: image.parent.name if image.parent != raw else None
    kind, _, pattern = rule.partition(":")
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise CorpusError(f"--writer-from {rule}: is no regular expression ({error}); correct it") from error
    if kind != "name" or expression.groups < 1:
        raise CorpusError(f"--writer-from {rule}: must be folder, none, or name:REGEX with a group (...)")

    def find(image: Path) -> str:
        name = below(image, raw).as_posix()
        match = expression.search(name)
        if not match or not match[1]:
            what = f"its writer is not known, for {pattern!r} is not in {name!r}"
            raise CorpusError(f"{image}: {what}; correct the pattern")
        return match[1]

    return find


def name_of(image: Path, raw: Path) -> str:
    """The path below the folder as an id: "ann/page 1/3.png" is "ann-page_1-3".

    One that is too long for names of files is shortened, which is said; the same path has always the same id.
    """
    name = "-".join("_".join(part.split()) for part in below(image, raw).with_suffix("").parts)
    return shortened(name, image)


def below(image: Path, raw: Path) -> Path:
    return image.relative_to(raw) if image.is_relative_to(raw) else Path(image.name)
