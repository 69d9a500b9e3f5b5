"""How long the utterances are, and how many units they should so have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from unitdisc.clustering.frame_source import StoredFrames
from unitdisc.corpus import Utterance
from unitdisc.encodings import EncodingsError
from unitdisc.encodings.runs import refuse_span
from unitdisc.evaluation.foreign import AnyEncodings

COLUMNS = 100  # what a second is for recordings


@dataclass(frozen=True)
class Timing:
    """What the frames of a corpus span: from the first centre to the last, in seconds, or in hundreds of columns."""

    names: list[str]  # utterances that can be used, in order
    lengths: dict[str, int]  # frames of each
    span: float  # of all utterances
    unit: str  # "second" or "100 columns"
    frames: int
    problems: list[str]  # what is wrong with the others, as messages

    @property
    def option(self) -> str:
        """That of the command line which says how many units there are."""
        return "`units_per_second`" if self.unit == "second" else "`units_per_100_columns`"

    @property
    def frames_per_unit_of_time(self) -> float:
        """Frames per second, or per 100 columns."""
        return (self.frames - len(self.names)) / self.span if self.span else 0.0

    def segments(self, rate: float) -> int:
        """How many segments there are at a rate: each utterance is one at least, and every change begins another."""
        return len(self.names) + round(rate * self.span)

    def part(self, names: Sequence[str]) -> "Timing":
        """The same of some utterances, as if frames were as dense everywhere."""
        lengths = {name: self.lengths[name] for name in names}
        frames = int(np.sum([*lengths.values()]))
        span = (frames - len(names)) / self.frames_per_unit_of_time if self.span else 0.0
        return replace(self, names=list(names), lengths=lengths, span=span, frames=frames, problems=[])

    def rate(self, segments: int) -> float:
        """How many changes there are per second, or per 100 columns."""
        return (segments - len(self.names)) / self.span if self.span else 0.0


def survey(
    encodings: AnyEncodings,
    utterances: Sequence[Utterance],
    spherical: bool,
    advance: Callable[..., None],
    look: Callable[[Utterance, np.ndarray], None] | None = None,
) -> Timing:
    """Reads all frames once, to know how long they are and that they can be used.

    look: called with every utterance that can be used, and the centres of its frames in ticks.

    Raises EncodingsError if none can, or if some utterances have a rate and others none.
    """
    frames = StoredFrames(encodings, (utterance.id for utterance in utterances), spherical)
    lengths, span, problems, units = {}, 0.0, [], {}
    for utterance in sorted(utterances, key=lambda utterance: utterance.id):
        try:
            values = frames[utterance.id]
            centres = encodings[utterance.id].centres
            refuse_span(encodings.folder, utterance.id, utterance.ticks, centres=centres)
        except EncodingsError as error:
            problems.append(str(error))
        else:
            if look:
                look(utterance, centres)
            lengths[utterance.id] = len(values)
            span += float(centres[-1] - centres[0]) / (utterance.rate or COLUMNS)
            units.setdefault("second" if utterance.rate else "100 columns", utterance.id)
        advance(1)
    if not lengths:
        raise EncodingsError(f"{encodings.folder}: none of its utterances can be used, the first: {problems[0]}")
    if len(units) > 1:
        raise EncodingsError(
            f"{encodings.folder}: {units['second']} has a rate and {units['100 columns']} has none; "
            "segment recordings and images apart"
        )
    return Timing(list(lengths), lengths, span, next(iter(units)), int(np.sum([*lengths.values()])), problems)
