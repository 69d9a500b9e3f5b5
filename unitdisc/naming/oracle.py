"""A person who is not there: answers from labels, as one who looks at, or listens to, some examples of a unit."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from unitdisc.naming.labels import under
from unitdisc.naming.material import Material, Occurrence
from unitdisc.naming.spread import SILENCE
from unitdisc.naming.table import Answer, NamesError

EXAMPLES = 8  # that are looked at
AGREE = 0.5  # of them, and more, must be alike, or the unit is mixed
FEW = 8  # occurrences: fewer are not worth halves


@dataclass(frozen=True)
class Oracle:
    """tier: of the labels. examples: occurrences that are looked at, by as many speakers as there are."""

    material: Material
    tier: str
    seed: int = 0
    examples: int = EXAMPLES

    def seen(self, unit: str) -> list[str]:
        """What the examples of a unit are, each by what lies under it."""
        found = self.material.examples(unit, self.examples, self.seed)
        return [" ".join(self.labels(each)) for each in found]

    def labels(self, each: Occurrence) -> tuple[str, ...]:
        intervals = each.utterance.alignment.get(self.tier, [])
        ((inside, _),) = under(intervals, np.array([[each.start, each.end]]), each.utterance)
        return inside

    def reply(self, unit: str) -> Answer:
        """The name of most examples, silence, or mixed where none is that of more than half and halves can be made."""
        seen = self.seen(unit)
        (name, count), *_ = Counter(sorted(seen)).most_common(1)
        if count <= AGREE * len(seen) and self.material.counts[unit] >= FEW:
            try:
                self.material.split(unit)
                return Answer(unit, "mixed")
            except NamesError:
                pass
        return Answer(unit, "silence") if name == SILENCE else Answer(unit, "name", name)
