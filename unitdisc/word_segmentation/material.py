"""What there is to cut: the stretches of all utterances of a corpus, and what cannot be used."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.encodings import EncodingsError
from unitdisc.evaluation import spans_of
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.evaluation.frame_checks import usable
from unitdisc.word_segmentation.options import ON_UNITS, WordOptions
from unitdisc.word_segmentation.stretches import Stretch, numbered, of_codes, of_frames, of_tier


@dataclass(frozen=True)
class Tiers:
    """Tiers of the corpus that take the place of what is found."""

    units: str | None = None  # whose labels are the units
    speech: str | None = None  # between whose silences words are
    boundaries: str | None = None  # which words begin and end at, for the `method` "given"


@dataclass(frozen=True)
class Material:
    """What is cut."""

    stretches: list[Stretch]
    symbols: list[str]  # what units are called; none on frames
    offsets: list[int]  # on frames: the first frame of each stretch

    @property
    def names(self) -> list[str]:
        """Utterances with a stretch."""
        return sorted({stretch.utterance for stretch in self.stretches})


def material(
    opened: AnyEncodings,
    utterances: Sequence[Utterance],
    options: WordOptions,
    tiers: Tiers,
    *,
    named_by: AnyEncodings,
    advance: Callable[[int], None],
) -> tuple[Material, list[str]]:
    """The stretches of all utterances that can be used, and what is wrong with the others.

    named_by: the encodings by which words are named, the same or others; utterances must be usable there, too.
    Raises CorpusError if there is none.
    """
    symbols: dict[str, int] = {}
    stretches, offsets, problems = [], [], []
    on_strings = options.method in ON_UNITS or tiers.units is not None or options.named_by in ("string", "graph")
    for utterance in utterances:
        try:
            if named_by is not opened:
                usable(named_by, utterance.id)
            own, first = stretches_of(opened, utterance, tiers, symbols, on_strings=on_strings)
        except (EncodingsError, CorpusError) as error:
            problems.append(str(error))
        else:
            stretches += own
            offsets += first
        advance(1)
    if not stretches:
        why = problems[0] if problems else "no utterance has speech; look at the tier of `speech_tier`"
        raise CorpusError(f"there is nothing to cut into words: {why}")
    if on_strings and tiers.units is None:
        stretches, names = numbered(stretches)
        return Material(stretches, names, []), problems
    return Material(stretches, list(symbols), offsets), problems


def stretches_of(
    opened: AnyEncodings, utterance: Utterance, tiers: Tiers, symbols: dict[str, int], *, on_strings: bool
) -> tuple[list[Stretch], list[int]]:
    """The stretches of one utterance, and where the frames of each begin. Raises CorpusError for a tier it lacks."""
    for name, tier in asdict(tiers).items():
        if tier is not None and tier not in utterance.alignment:
            have = sorted(utterance.alignment) or "none"
            raise CorpusError(f"{utterance.id}: has no tier {tier!r}, only {have}; choose another `{name}_tier`")
    spans = spans_of(utterance, tiers.speech)
    encoding = usable(opened, utterance.id)
    if tiers.units is not None:
        own = list(of_tier(utterance, tiers.units, symbols, spans))
    elif not on_strings:
        own = list(of_frames(utterance, encoding, spans))
    elif encoding.codes is None:
        raise EncodingsError(
            f"{opened.folder}: {utterance.id} has no codes, and words are strings of them; give units, as of "
            "`unitdisc segment`, or cut frames by `method` prominence or es-kmeans"
        )
    else:
        own = list(of_codes(utterance, encoding, spans))
    return own, [int(np.searchsorted(encoding.centres, stretch.edges[0])) for stretch in own]
