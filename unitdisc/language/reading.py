"""Sequences of symbols from what there is: encodings of any system, text, or the labels of a corpus."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import Encodings, EncodingsError, is_number, why_no_codes
from unitdisc.evaluation.foreign import found
from unitdisc.evaluation.formats import is_collapsed, read_frames
from unitdisc.files.text import fields_of, read_lines
from unitdisc.language.bpe import Merges
from unitdisc.language.errors import LanguageError
from unitdisc.language.sequences import SPECIAL, Sequences, of_codes, of_strings, units_of, with_durations

SYMBOLS = ("codes", "units", "durations", "bpe", "words")


@dataclass(frozen=True)
class Source:
    """Where symbols come from.

    path: a folder of encodings, of ours or of .npy, .pt or .txt files of codes; a .km or .jsonl file of codes; a .txt
    file with an utterance of words on every line; or, with a tier, a corpus. frame_rate: frames per second, which
    nothing else says of codes of other tools; without it there are no bits per second.
    """

    path: Path
    tier: str | None = None  # of a corpus: its labels are the words
    frame_rate: float | None = None
    allow_pipes: bool = False

    def __post_init__(self):
        if self.frame_rate is not None and not 0 < self.frame_rate < float("inf"):
            raise ValueError(f"`frame_rate` must be a number of frames per second, not {self.frame_rate}")

    @property
    def has_words(self) -> bool:
        """Whether there are words, or labels, and no codes."""
        return self.tier is not None or (self.path.is_file() and self.path.suffix == ".txt")


@dataclass(frozen=True)
class Found:
    """What was read."""

    sequences: Sequences  # of the codes of frames, or of words
    empty: list[str]  # why utterances are left out: one sentence each
    settings: dict[str, Any] = field(default_factory=dict)  # of a folder of encodings of ours


def read_source(source: Source) -> Found:
    """The codes of all frames, or all words. Raises LanguageError, EncodingsError or CorpusError."""
    if source.tier is not None:
        return read_tier(source)
    if source.has_words:
        return read_words(source.path)
    if source.path.is_dir() and (source.path / "encodings.json").exists():
        return read_own(source)
    return read_foreign(source)


def read_own(source: Source) -> Found:
    """Of a folder of encodings of ours."""
    opened = Encodings.open(source.path)
    if all(codes is None for codes in opened.codes.values()):
        raise EncodingsError(f"{source.path}: has no codes, {why_no_codes(opened.settings)}")
    stride, rate = opened.settings.get("stride"), opened.settings.get("rate")
    step = 1 / source.frame_rate if source.frame_rate else None
    if step is None and is_number(stride) and is_number(rate) and rate:
        step = stride / rate
    return replace(of_frames(source.path, opened.codes, step), settings=opened.settings)


def read_foreign(source: Source) -> Found:
    """Of codes of other tools, repeated or not."""
    files, units = found(source.path)
    if units is not None:
        codes: dict[str, Any] = {name: entry.codes for name, entry in sorted(units.entries.items())}
    else:
        codes = {name: codes_of(path) for name, path in files.items()}
    step = 1 / source.frame_rate if source.frame_rate else None
    return of_frames(source.path, codes, step)


def codes_of(path: Path) -> np.ndarray:
    values = read_frames(path, "regular").values
    if path.suffix == ".txt" and values.shape[1] == 1 and (values == np.round(values)).all() and (values >= 0).all():
        values = values[:, 0].astype(np.int64)
    if values.ndim != 1:
        raise LanguageError(
            f"{path}: holds frames, of {values.shape[1]} numbers each, and no codes; `unitdisc segment` makes codes "
            "of frames, and so does a bottleneck with a codebook"
        )
    return values


def of_frames(path: Path, codes: dict[str, Any], step: float | None) -> Found:
    """step: seconds from one frame to the next, if that is known."""
    kept = {name: each for name, each in codes.items() if each is not None and len(each)}
    empty = [f"{name} has no codes in {path}" for name in codes if name not in kept]
    if not kept:
        raise LanguageError(f"{path}: none of its {len(codes)} utterances has codes; give the codes of frames")
    seconds = None
    if step is not None and not is_collapsed(kept.values()):
        seconds = np.array([len(each) * step for each in kept.values()])
    return Found(of_codes([*kept], [*kept.values()], seconds), empty)


def read_words(path: Path) -> Found:
    """A text with an utterance on every line, called by its number."""
    names, strings, blank = [], [], 0
    for number, text in read_lines(path, LanguageError, "give a text file"):
        words = fields_of(text)
        refuse_special(f"{path}:{number}", words)
        if words:
            names.append(str(number))
            strings.append(words)
        else:
            blank += 1
    if not names:
        raise LanguageError(f"{path}: has no words; write an utterance on every line, with spaces between its words")
    return Found(of_strings(names, strings), [f"{blank} blank lines of {path}"] if blank else [])


def read_tier(source: Source) -> Found:
    """The labels of a tier of a corpus."""
    utterances = read_corpus(source.path, source.allow_pipes)
    tiers = sorted({name for utterance in utterances for name in utterance.alignment})
    if source.tier not in tiers:
        there = f"choose one of {tiers}" if tiers else "it has none; give encodings, or a corpus with labels"
        raise LanguageError(f"{source.path}: has no tier {source.tier!r}; {there}")
    names, strings, seconds, empty = [], [], [], []
    for utterance in utterances:
        labels = [interval.label for interval in utterance.alignment.get(source.tier, ())]
        if not labels:
            empty.append(f"{utterance.id} has no labels in the tier {source.tier}")
            continue
        if wrong := next((label for label in labels if len(fields_of(label)) != 1), None):
            raise LanguageError(
                f"{source.path}: {utterance.id} has the label {wrong!r}; symbols have no blanks in them"
            )
        refuse_special(f"{source.path}: {utterance.id}", labels)
        names.append(utterance.id)
        strings.append(labels)
        seconds.append(utterance.ticks / utterance.rate if utterance.rate else np.nan)
    lasting = None if np.isnan(seconds).any() else np.array(seconds)
    return Found(of_strings(names, strings, lasting), empty)


def refuse_special(place: str, words: Sequence[str]) -> None:
    if wrong := next((word for word in words if word in SPECIAL), None):
        raise LanguageError(f"{place}: has {wrong}, which the model itself adds; leave it out")


def as_symbols(
    sequences: Sequences, symbols: str, source: Source, *, longest: int, merges: Merges | None
) -> tuple[Sequences, str]:
    """What a model is made of, of what was read; and what was cut, to be said.

    symbols: one of SYMBOLS. longest: frames of units with durations. merges: of bpe.
    Raises LanguageError where there are codes and words are wanted, or the other way round.
    """
    if source.has_words and symbols not in ("words", "bpe"):
        raise LanguageError(
            f"{source.path}: has words, and no codes to make {symbols} of; take words or bpe as `symbols`"
        )
    if symbols == "words" and not source.has_words:
        raise LanguageError(f"{source.path}: has codes, and no words; take codes, units, durations or bpe as `symbols`")
    if symbols in ("words", "codes"):
        return sequences, ""
    if symbols == "durations":
        if is_collapsed([*map(tuple, np.split(sequences.tokens, sequences.offsets[1:-1]))]):
            raise LanguageError(f"{source.path}: no code follows itself, so that nothing says how long units last")
        units, cut = with_durations(sequences, longest)
        said = f"{cut} of {len(units.tokens)} units last more than {longest} frames, and count as of {longest}"
        return units, said if cut else ""
    units = sequences if source.has_words else units_of(sequences)[0]
    return (merges.applied(units) if symbols == "bpe" and merges is not None else units), ""
