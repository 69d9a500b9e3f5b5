"""The page that asks what a unit is: examples to hear or to see, a field for its name, and the answers so far."""

from unitdisc.explorer.hits import Hit
from unitdisc.explorer.names import Names
from unitdisc.explorer.rows import Stretch
from unitdisc.explorer.views import Pages
from unitdisc.naming.asking import LITERAL
from unitdisc.naming.material import Occurrence
from unitdisc.naming.questions import Question
from unitdisc.naming.spread import SILENCE
from unitdisc.naming.table import LONGEST, whole_of

EXAMPLES = 8  # of a unit
OTHERS = 4  # of the other half of it
MARGIN = 60  # pixels around an example: 0.4 s, or as much as a line is high
FEWEST = 0.01  # the probability of a name that is proposed


def name_page(pages: Pages, names: Names, about: str = "", problem: str = "", typed: str = "") -> str:
    """about: the unit to ask about, if there is no answer to it. problem: why `typed` was not taken."""
    with names.lock:
        question = names.ask(about)
        other = names.other_half(question.unit) if question else None
        answered, units, share = names.done()
        total = max(1, int(names.session.inventory.counts.sum()))
        return pages.render(
            "name",
            question=question,
            symbol=symbol_of(pages, question),
            share=question.count / total if question else 0,
            wrong=question.errors / total if question else 0,
            likely=proposals(question) if question else [],
            silence=dict(question.likely).get(SILENCE, 0) if question else 0,
            examples=examples_of(pages, names, question.unit, EXAMPLES) if question else [],
            other=other,
            others=examples_of(pages, names, other, OTHERS) if other else [],
            recent=names.recent(),
            last=names.last,
            answered=answered,
            units=units,
            named_share=share,
            problem=problem,
            typed=typed if question and question.unit == about else "",  # it is of no other unit
            longest=LONGEST,
            table=str(names.table),
            read_by=names.read_by,
        )


def symbol_of(pages: Pages, question: Question | None) -> int | None:
    """The place of a unit in the row of units, so that it has its colour and its page."""
    row = pages.index.units
    return row.symbol_of.get(whole_of(question.unit)) if question and row else None


def proposals(question: Question) -> list[tuple[str, str, float]]:
    """Names that are likely, by what is similar: as they are shown, as they are sent, and their probability."""
    likely = [(name, chance) for name, chance in question.likely if chance >= FEWEST and name != SILENCE]
    return [(name, f"{LITERAL}{name}", chance) for name, chance in likely]


def examples_of(pages: Pages, names: Names, unit: str, count: int) -> list[Hit]:
    found = names.session.material.examples(unit, count)
    return pages.hits([stretch for each in found if (stretch := stretch_of(pages, each))], margin=MARGIN)


def stretch_of(pages: Pages, occurrence: Occurrence) -> Stretch | None:
    place = pages.index.place_of(occurrence.utterance.id)
    return None if place is None else Stretch(place, occurrence.start, occurrence.end)
