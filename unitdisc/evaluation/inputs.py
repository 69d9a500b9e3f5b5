"""Encodings and the corpus they are of: what the commands that evaluate begin and end with."""

from collections.abc import Sequence
from pathlib import Path

from unitdisc import console
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import read_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.evaluation.frame_checks import open_for


def open_both(
    folder: Path, corpus: Path, frame_rate: float | None, allow_pipes: bool
) -> tuple[Encodings, list[Utterance]]:
    """Encodings, and the utterances of the corpus that are among them; the others are said.

    Raises EncodingsError if there is none.
    """
    utterances = read_corpus(corpus, allow_pipes)
    opened = open_for(folder, utterances, frame_rate)
    there = [utterance for utterance in utterances if utterance.id in opened]
    if not there:
        raise EncodingsError(
            f"{folder}: holds none of the {len(utterances)} utterances of {corpus}; encode that corpus"
        )
    console.say_problems((opened.why_missing(u.id) for u in utterances if u.id not in opened), len(there))
    return opened, there


def refuse_units(opened: AnyEncodings, why: str) -> None:
    """Raises EncodingsError if there are codes of another tool, where frames are needed."""
    if opened.settings.get("dim", 1) is None:
        raise EncodingsError(f"{opened.folder}: holds codes, but {why}; give the frames that they were made from")


def usual_labels(corpus: Path, tier: str | None, context: str | None = None) -> tuple[str, str]:
    """The tier and the context of ABX that were asked for, or the usual ones of such a corpus."""
    usual = ("character", "any") if holds_images(corpus) else ("phone", "triphone")
    return tier or usual[0], context or usual[1]


def holds_images(corpus: Path) -> bool:
    """Whether a corpus is of line images, by its first line; what is no corpus is found out by whoever reads it."""
    if corpus.suffix != ".jsonl":
        return (corpus / "images.scp").exists()
    try:
        return next(read_manifest(corpus)).is_image
    except CorpusError:
        return False


def check_tier(corpus: Path, utterances: Sequence[Utterance], tier: str) -> None:
    """Raises UnscorableError if the corpus has labels, but none in this tier. Without labels, codes can be counted."""
    tiers = {name for utterance in utterances for name in utterance.alignment}
    if tiers and tier not in tiers:
        raise UnscorableError(f"{corpus}: has no tier {tier!r}; choose one of {sorted(tiers)} with `tier`")
