"""What is to be segmented: frames of any system, the model that cuts them, boundaries of another system's units."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unitdisc import console
from unitdisc.api.normalised import NormalisedEncodings
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.encodings import Encodings, EncodingsError, is_regular
from unitdisc.evaluation.foreign import AnyEncodings, ForeignEncodings, open_encodings
from unitdisc.evaluation.frame_checks import refuse_rate
from unitdisc.segmentation.corpora.codebooks import Codes
from unitdisc.segmentation.corpora.given import GivenBoundaries, has_units
from unitdisc.segmentation.corpora.options import GIVEN, PHONE_LOOP, TEMPLATES, SegmentOptions
from unitdisc.segmentation.corpora.segmenting import CorpusSegmentation
from unitdisc.segmentation.corpora.timing import Timing, survey
from unitdisc.segmentation.phone_loop import decoding as phone_loop_decoding
from unitdisc.segmentation.phone_loop.storage import StoredPhoneLoop, read_phone_loop
from unitdisc.segmentation.templates import decoding as template_decoding
from unitdisc.segmentation.templates.storage import StoredTemplates, read_templates

PROBLEMS = "{count} of {total} utterances cannot be segmented, the first: {first}"


def open_for(
    encodings: Path, utterances: Sequence[Utterance], frame_rate: float | None, times: str | None
) -> AnyEncodings:
    """Opens frames of any system, whose times are counted in the ticks of the corpus."""
    rates = {utterance.rate for utterance in utterances}
    own = (encodings / "encodings.json").exists()
    if not own and (len(rates) > 1 or None in rates):
        told = ", ".join(sorted(str(rate or "none") for rate in rates))
        raise CorpusError(
            f"{encodings}: frames of other tools need recordings of one rate, not {told}; "
            "write an encodings.json with stride and offset into the folder"
        )
    opened = open_encodings(encodings, 16_000 if own else rates.pop(), frame_rate, times=times)
    if isinstance(opened, ForeignEncodings):
        opened = opened.of_corpus(utterances)
    if not own and frame_rate:
        refuse_rate(opened, [utterance for utterance in utterances if utterance.id in opened][:5], frame_rate)
    return opened


def that_have_frames(
    opened: AnyEncodings, utterances: Sequence[Utterance], corpus: Path
) -> tuple[list[Utterance], list[str]]:
    """The utterances that frames are there for, and why others have none. Raises EncodingsError if none has."""
    there = [utterance for utterance in utterances if utterance.id in opened]
    if not there:
        raise EncodingsError(
            f"{opened.folder}: holds none of the {len(utterances)} utterances of {corpus}; encode them"
        )
    return there, [opened.why_missing(utterance.id) for utterance in utterances if utterance.id not in opened]


def that_have_units(given: GivenBoundaries, there: Sequence[Utterance]) -> tuple[list[Utterance], list[str]]:
    """The utterances that are cut already, and why others are not. Raises EncodingsError if none is."""
    cut = [utterance for utterance in there if has_units(given.units, utterance.id)]
    if not cut:
        raise EncodingsError(f"{given.units.folder}: holds units of none of the {len(there)} utterances; segment these")
    return cut, [given.units.why_missing(utterance.id) for utterance in there if utterance.id not in given.units]


def sources_of(opened: AnyEncodings, utterance: str) -> list[Path]:
    """The files that frames are from: of normalised ones all of the speaker's."""
    return opened.sources_of(utterance) if isinstance(opened, NormalisedEncodings) else [opened.file_of(utterance)]


def is_even(opened: AnyEncodings, utterance: str) -> bool:
    """Whether stride and offset say when the frames of an utterance happen."""
    return is_regular(opened.settings) and not (opened.folder / "centres" / f"{utterance}.npy").exists()


def surveyed(
    opened: AnyEncodings,
    there: Sequence[Utterance],
    missing: list[str],
    *,
    strict: bool,
    spherical: bool = False,
    look: Callable[[Utterance, np.ndarray], None] | None = None,
    rate_given: bool = False,
) -> Timing:
    """How long the utterances are that have frames; says what is left out, and what was missing before.

    look: as of `survey`. rate_given: a frame rate, which may be what is wrong. Raises CorpusError for what is left
    out, if `strict` or if it is more than half.
    """
    with console.progress("reading frames", len(there)) as advance:
        timing = survey(opened, there, spherical, advance=advance, look=look)
    problems = missing + timing.problems
    if (strict and problems) or 2 * len(timing.problems) > len(there):
        if rate_given:
            problems[0] += " (is the frame rate right?)"
        total = len(there) + len(missing)
        raise CorpusError(PROBLEMS.format(count=len(problems), total=total, first=problems[0]))
    console.say_problems(problems, len(timing.names))
    return timing


@dataclass(frozen=True)
class Model:
    """How a model that was learned before is read, and how it finds units."""

    read: Callable[[Path], StoredPhoneLoop | StoredTemplates]
    decode: Callable[..., CorpusSegmentation]


MODELS = {
    PHONE_LOOP: Model(read_phone_loop, phone_loop_decoding.decode),
    TEMPLATES: Model(read_templates, template_decoding.decode),
}


def chosen_model(codes: Codes, options: SegmentOptions) -> StoredPhoneLoop | StoredTemplates | None:
    """The model that was asked for. Raises ValueError where `method` says otherwise."""
    for method, model in MODELS.items():
        name = method.replace("-", "_")
        path = getattr(codes, name)
        if (path is None) == (options.method == method):
            raise ValueError(f"`{name}` and `method` {method} belong together; give both, or other codes and method")
        if path is not None:
            return model.read(path)
    return None


def given_boundaries(boundaries: Path | None, options: SegmentOptions) -> GivenBoundaries | None:
    """What is to hold the boundaries that were asked for. Raises ValueError where `method` says otherwise."""
    if (boundaries is None) == (options.method == GIVEN):
        raise ValueError(f"`boundaries` and `method` {GIVEN} belong together; give both, or another method")
    return None if boundaries is None else GivenBoundaries(Encodings.open(boundaries))
