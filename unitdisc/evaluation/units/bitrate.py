"""Bitrate of discovered units: the definition of the ZeroSpeech challenges of 2019 and 2020, and its variants.

Bits per second = symbols / seconds * entropy of a symbol, whatever comes before it. What is a symbol:

    bitrate             every frame (ZeroSpeech 2019, Dunbar et al.)
    bitrate_collapsed   every run of one code, however long ("segment bitrate" of ZeroSpeech2019_RLE_eval, Hsu et al.)
    bitrate_run_length  every run with its length in frames, from which the frames can be told again ("RLE bitrate")
    bitrate_uniform     every frame, each code as frequent as the others: log2(codes in use) bits, the cost without
                        an entropy coder, as codecs state it

Line images have no seconds: what their units take is counted in bits per 100 pixel columns, and per character.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite, log2
from pathlib import Path

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.encodings import EncodingsError
from unitdisc.evaluation import UnscorableError, labelled
from unitdisc.evaluation.units.codes import CodedUtterance
from unitdisc.files.text import read_fields


@dataclass(frozen=True)
class Bitrate:
    bits_per_second: float  # symbols / seconds * entropy
    symbols: int
    types: int  # different symbols
    entropy: float  # bits per symbol, whatever comes before it
    seconds: float


@dataclass(frozen=True)
class ColumnBitrate:
    """The same of line images."""

    bits_per_100_columns: float  # 100 * symbols / columns * entropy
    bits_per_label: float | None  # symbols / labels * entropy; None without labels
    symbols: int
    types: int
    entropy: float
    columns: int  # of pixels
    labels: int  # characters, or what else the tier holds


@dataclass(frozen=True)
class UnitBitrates:
    """The bitrates of the same codes by every definition."""

    bitrate: Bitrate | ColumnBitrate
    bitrate_collapsed: Bitrate | ColumnBitrate
    bitrate_run_length: Bitrate | ColumnBitrate
    bitrate_uniform: Bitrate | ColumnBitrate


@dataclass(frozen=True)
class SubmissionBitrate:
    bitrate: Bitrate
    missing: list[str]  # files of the list that are not there: neither their symbols nor their time count


def bitrate(sequences: Iterable[Sequence[Hashable]], seconds: float) -> Bitrate:
    """The bits per second of sequences of symbols that were said in `seconds` altogether."""
    return counted_bitrate(list(Counter(symbol for sequence in sequences for symbol in sequence).values()), seconds)


def counted_bitrate(counts: Sequence[int], seconds: float) -> Bitrate:
    """The same, given how often each symbol occurs."""
    symbols, entropy = int(sum(counts)), entropy_in_bits(counts)
    return Bitrate(symbols / seconds * entropy if symbols else 0.0, symbols, len(counts), entropy, seconds)


def counted_columns(counts: Sequence[int], columns: int, labels: int) -> ColumnBitrate:
    """The bits of line images so many columns wide, with so many labels, given how often each symbol occurs."""
    symbols, entropy = int(sum(counts)), entropy_in_bits(counts)
    bits = symbols * entropy if symbols else 0.0
    per_label = bits / labels if labels else None
    return ColumnBitrate(100 * bits / columns, per_label, symbols, len(counts), entropy, columns, labels)


def unit_bitrates(coded: Iterable[CodedUtterance], tier: str | None = None) -> UnitBitrates:
    """The bitrates of the codes of some utterances: per second of recordings, per 100 columns of line images.

    tier: of line images, whose labels bits are counted by, too.
    Raises UnscorableError if there is no utterance, if some are recordings and others line images, or if one has no
    rate that tells how many seconds it lasts.
    """
    coded = list(coded)
    refuse_length([entry.utterance for entry in coded])
    ticks = sum(entry.utterance.ticks for entry in coded)
    if not ticks:
        raise UnscorableError("no utterance to count the bits of")
    if coded[0].utterance.is_image:
        labels = sum(len(labelled(entry.utterance, tier)) for entry in coded if tier in entry.utterance.alignment)
        return by_definition(coded, lambda counts: counted_columns(counts, ticks, labels))
    seconds = float(sum(entry.utterance.ticks / entry.utterance.rate for entry in coded))
    return by_definition(coded, lambda counts: counted_bitrate(counts, seconds))


def refuse_length(utterances: Sequence[Utterance]) -> None:
    """Raises UnscorableError if there is no telling how long the utterances are, in seconds or in columns."""
    kinds = {utterance.is_image for utterance in utterances}
    for utterance in utterances:
        if len(kinds) > 1 and utterance.is_image:
            raise UnscorableError(f"{utterance.id}: is a line image among recordings; count their bits apart")
        if not utterance.is_image and utterance.rate is None:
            raise UnscorableError(f"{utterance.id}: has no rate, so its ticks are no seconds and there is no bitrate")


def by_definition(
    coded: Sequence[CodedUtterance], count: Callable[[Sequence[int]], Bitrate | ColumnBitrate]
) -> UnitBitrates:
    """Every definition; count: the bits of symbols given how often each occurs."""
    frames = np.unique(np.concatenate([entry.codes for entry in coded]), return_counts=True)[1].tolist()
    units = [entry.runs for entry in coded]
    pairs = np.stack([np.concatenate([entry.codes for entry in units]), np.concatenate([e.frames for e in units])])
    return UnitBitrates(
        bitrate=count(frames),
        bitrate_collapsed=count(np.unique(pairs[0], return_counts=True)[1].tolist()),
        bitrate_run_length=count(np.unique(pairs, axis=1, return_counts=True)[1].tolist()),
        bitrate_uniform=as_equals(count(frames)),
    )


def as_equals(each: Bitrate | ColumnBitrate) -> Bitrate | ColumnBitrate:
    """The same symbols, every type as frequent as the others."""
    bits = log2(each.types) if each.types else 0.0
    if isinstance(each, Bitrate):
        return replace(each, bits_per_second=each.symbols / each.seconds * bits, entropy=bits)
    per_label = each.symbols * bits / each.labels if each.labels else None
    per_100 = 100 * each.symbols * bits / each.columns
    return replace(each, bits_per_100_columns=per_100, bits_per_label=per_label, entropy=bits)


def submission_bitrate(folder: Path, durations: Path) -> SubmissionBitrate:
    """The bitrate of a folder of unit files, as the evaluation of ZeroSpeech 2019 and 2020 counts it.

    durations: the challenge's bitrate_filelist.txt, a file name and its seconds on each line. A unit file has one
    symbol per line, a row of numbers; rows are the same symbol if their numbers are equal ("1.0" and "1" are). Blank
    lines do not count, and of files that are missing not even the time.
    Raises EncodingsError naming the file and line that is not as it should be, UnscorableError if no file is there.
    """
    listed = read_durations(Path(durations))
    there = [name for name in listed if (Path(folder) / name).is_file()]
    if not there:
        raise UnscorableError(f"{folder}: has none of the {len(listed)} files of {durations}; give the folder of units")
    found = bitrate((read_symbols(Path(folder) / name) for name in there), sum(listed[name] for name in there))
    return SubmissionBitrate(found, [name for name in listed if name not in there])


def read_durations(path: Path) -> dict[str, float]:
    """File name -> seconds. Raises EncodingsError naming the line that is wrong."""
    durations = {}
    for number, fields in read_fields(path, EncodingsError):
        place = f"{path}:{number}"
        try:
            name, seconds = fields[0], float(fields[1])
        except (ValueError, IndexError):
            raise EncodingsError(f"{place}: must be a file name and its seconds, not {' '.join(fields)!r}") from None
        if len(fields) != 2 or not (isfinite(seconds) and seconds > 0):
            raise EncodingsError(f"{place}: must be a file name and its seconds, above 0; correct the line")
        if name in durations:
            raise EncodingsError(f"{place}: {name} is listed twice; remove one of the lines")
        durations[name] = seconds
    if not durations:
        raise EncodingsError(f"{path}: lists no files; give lines of a file name and its seconds")
    return durations


def read_symbols(path: Path) -> list[tuple[float, ...]]:
    """One symbol per line that is not blank. Raises EncodingsError naming the line that is wrong."""
    symbols = []
    for number, fields in read_fields(path, EncodingsError):
        try:
            symbols.append(tuple(map(float, fields)))
        except ValueError:
            raise EncodingsError(f"{path}:{number}: must be numbers, not {' '.join(fields)[:60]!r}") from None
        if not all(map(isfinite, symbols[-1])):
            raise EncodingsError(f"{path}:{number}: has a value that is not a number (NaN or infinite); write it again")
        if len(symbols[-1]) != len(symbols[0]):
            raise EncodingsError(
                f"{path}:{number}: {len(symbols[-1])} numbers, but {len(symbols[0])} in the first row; "
                "every row must have as many"
            )
    return symbols


def entropy_in_bits(counts: Sequence[int]) -> float:
    shares = np.asarray(counts, dtype=float)
    shares = shares[shares > 0] / shares.sum()
    return float(abs(-(shares * np.log2(shares)).sum()))  # abs: no -0.0
