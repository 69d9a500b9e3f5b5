"""Units that a language model makes up, from nothing or from the beginnings of utterances."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from unitdisc import console
from unitdisc.generation.prompts import Prompt
from unitdisc.language.bpe import Merges
from unitdisc.language.errors import LanguageError
from unitdisc.language.lengths import DRAWN, WAYS, UnitLengths, runs_of_symbol, spoken
from unitdisc.language.origin import units_in
from unitdisc.language.reading import Source, read_source
from unitdisc.language.sampling import SampleOptions
from unitdisc.language.sampling import sample as sample_symbols
from unitdisc.language.scores import PartBits, bits_after
from unitdisc.language.storage import Stored


@dataclass(frozen=True)
class ContinuationOptions:
    """How units are drawn, and how much of them.

    samples: of every prompt, or of all where there are no prompts. temperature, top_p, top_k, seed: as of
    `unitdisc.SampleOptions`. prompt_seconds: of the beginning of a recording that is gone on with; prompt_share: of a
    line. longest: seconds of a recording, or heights of a line, that are made up, at most (default: 10, or 25).
    lengths: of a model that does not say how long units last: "drawn" of all times that a unit occurred, or its "mean".
    decoder_temperature: as of `unitdisc.Drawing`.
    """

    samples: int = 3
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int | None = None
    seed: int = 0
    prompt_seconds: float = 2.0
    prompt_share: float = 0.5
    longest: float | None = None
    lengths: str = DRAWN
    decoder_temperature: float = 1.0

    def __post_init__(self):
        if self.samples < 1:
            raise ValueError(f"`samples` must be 1 or more, not {self.samples}")
        if self.lengths not in WAYS:
            raise ValueError(f"`lengths` must be one of {list(WAYS)}, not {self.lengths!r}")
        for name in ("prompt_seconds", "longest"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"`{name}` must be above 0, not {value:g}")
        if not 0 < self.prompt_share < 1:
            raise ValueError(f"`prompt_share` must be above 0 and below 1, not {self.prompt_share:g}")
        if not 0 <= self.decoder_temperature < float("inf"):
            raise ValueError(f"`decoder_temperature` must be 0 or more, not {self.decoder_temperature:g}")
        self.of_symbols(1, 1)

    def of_symbols(self, sequences: int, longest: int) -> SampleOptions:
        return SampleOptions(
            sequences,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            longest=longest,
            seed=self.seed,
        )


@dataclass(frozen=True)
class Sample:
    """Units to be made heard or seen; those of an utterance itself, where nothing is made up."""

    name: str
    voice: str
    codes: list[int]  # [T] of frames
    prompt: Prompt | None
    given: int  # frames of the prompt
    bits: PartBits  # of what comes after it
    ended: bool  # or cut
    made_up: bool

    def entry(self, file: Path, seed: int) -> dict[str, Any]:
        """As LISTED has it."""
        runs = np.flatnonzero(np.diff(self.codes, prepend=-1))
        return {
            "utterance": self.name,
            "file": file.name,
            "codes": self.codes,
            "units": [self.codes[place] for place in runs],
            "durations": np.diff(np.append(runs, len(self.codes))).tolist(),
            "speaker": self.voice,
            "prompt": None if self.prompt is None else self.prompt.utterance.id,
            "prompt_frames": self.given,
            "made_up": self.made_up,
            "seed": seed,
            "symbols": self.bits.symbols,
            "bits": self.bits.bits,
            "unknown": self.bits.unknown,
            "ended": self.ended,
        }


def lengths_of(stored: Stored, model: Path, way: str, units: Path | None, checksum: str) -> UnitLengths | None:
    """How long units last, where a language model does not say it. Raises LanguageError if nothing does."""
    card = stored.card
    if card.symbols not in ("units", "bpe"):
        if units is not None:
            raise ValueError(f"{model}: says itself how long units last; leave out `units`")
        return None
    path = units or (Path(card.made_of["path"]) if card.made_of.get("path") else None)
    if path is None or not path.exists():
        where = "nothing says what it was made of" if path is None else f"{path}, which it was made of, is not there"
        raise LanguageError(
            f"{model}: is a model of {card.symbols}, which does not say how long these last, and {where}; give the "
            "encodings as `units`, or a model of codes or durations"
        )
    read = read_source(Source(path))
    if read.settings.get("model", checksum) != checksum:
        raise LanguageError(f"{path}: has units of another experiment; give those that this one writes as `units`")
    return UnitLengths.in_frames(read.sequences, way, path, units=units_in(card))


def made_up(
    stored: Stored,
    lengths: UnitLengths | None,
    prompts: Sequence[Prompt],
    options: ContinuationOptions,
    *,
    most: int,
    voices: Sequence[str],
) -> list[Sample]:
    """The units of all samples, and, of every prompt, its own with what followed; prompt by prompt.

    most: frames that may be made up. voices: of the prompts; one where there are none.
    """
    drawn = sequences(stored, lengths, prompts, options, number=options.samples * len(voices), most=most)
    width, samples = len(str(options.samples)), []
    for place, (prompt, own) in enumerate(zip(prompts or [None], followed(stored, prompts) or [None])):
        beginning, stem = ([], "") if prompt is None else (prompt.codes.tolist(), f"{prompt.utterance.id}--")
        given, voice = len(beginning), voices[place]
        if prompt is not None:
            whole = prompt.whole.tolist()
            samples.append(Sample(f"{stem}units", voice, whole, prompt, given, own, ended=True, made_up=False))
        for turn, new in enumerate(drawn[place :: len(voices)], 1):
            name, codes = f"{stem}sample-{turn:0{width}d}", beginning + new.codes
            samples.append(Sample(name, voice, codes, prompt, given, new.bits, ended=new.ended, made_up=True))
    if empty := [one.name for one in samples if not one.codes]:
        console.say(f"{len(empty)} samples have no units, for the model ended at once, the first: {empty[0]}")
    return [one for one in samples if one.codes]


class Drawn(NamedTuple):
    """What a model went on with."""

    codes: list[int]  # of frames
    bits: PartBits
    ended: bool


def sequences(
    stored: Stored,
    lengths: UnitLengths | None,
    prompts: Sequence[Prompt],
    options: ContinuationOptions,
    *,
    number: int,
    most: int,
) -> list[Drawn]:
    """Of prompt after prompt, over and over, until there are so many."""
    card, merges, known = stored.card, Merges(stored.card.merges), stored.model.vocabulary
    given = [[known.ids[symbol] for symbol in prompt.symbols] for prompt in prompts]
    drawn = options.of_symbols(number, most + max(map(len, given), default=0))
    with console.progress("sampling", number, "sequences") as advance:
        found = sample_symbols(stored.model, drawn, given, advance=advance)
    strings, parts = [], []
    for place, each in enumerate(found):
        rng = np.random.default_rng([options.seed, place, 1])  # of lengths; symbols have [seed, place]
        own = [known.symbols[id] for id in each.ids]
        new = own[each.prompt :]
        runs = [runs_of_symbol(symbol, card.symbols, merges, lengths=lengths, rng=rng) for symbol in new]
        parts.append(spoken(runs, most))
        strings.append(own[: each.prompt + parts[-1].symbols])
    ended = [each.ended and not part.cut for each, part in zip(found, parts)]
    bits = bits_after(stored.model, strings, [each.prompt for each in found], ended=ended)
    return [Drawn(part.codes, own, end) for part, own, end in zip(parts, bits, ended)]


def followed(stored: Stored, prompts: Sequence[Prompt]) -> list[PartBits]:
    """The bits of what really followed each prompt."""
    if not prompts:
        return []
    skipped = [prompt.before for prompt in prompts]
    return bits_after(stored.model, [prompt.followed for prompt in prompts], skipped, ended=[True] * len(prompts))


def mean_bits(samples: Sequence[Sample], made: bool) -> dict[str, Any]:
    """Of what follows prompts: how many symbols there are, and how many bits each takes."""
    chosen = [one for one in samples if one.made_up == made]
    symbols, bits = sum(one.bits.symbols for one in chosen), sum(one.bits.bits for one in chosen)
    found = {"samples": len(chosen), "symbols": symbols, "unknown": sum(one.bits.unknown for one in chosen)}
    return found | {"bits_per_symbol": bits / symbols if symbols else None, "ended": sum(one.ended for one in chosen)}
