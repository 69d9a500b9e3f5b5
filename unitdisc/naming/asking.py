"""Questions at the terminal, one after the other: what the person types, and what is made of it."""

from collections.abc import Callable

from unitdisc.naming.material import Occurrence
from unitdisc.naming.questions import Question
from unitdisc.naming.session import Session
from unitdisc.naming.spread import SILENCE
from unitdisc.naming.table import Answer, NamesError

EXAMPLES = 5  # occurrences that are listed
COMMANDS = ("mixed", "silence", "skip")
PROMPT = "name (or mixed, silence, skip, undo, quit): "
LITERAL = "="  # before a name that would be a command


def ask_all(session: Session, ask: Callable[[str], str], say: Callable[[str], None], most: int | None = None) -> int:
    """Asks until there is an answer to every unit, or `quit`, or the end of what is typed; how many were answered.

    ask: gives what is typed, as `input` does. say: prints a line. most: answers, if not all.
    """
    answered = 0
    while (most is None or answered < most) and (question := session.next()) is not None:
        for line in described(session, question):
            say(line)
        while True:
            try:
                typed = ask(PROMPT).strip()
            except EOFError:
                return answered
            if typed == "quit":
                return answered
            try:
                answered += reply(session, question.unit, typed, say)
            except NamesError as error:
                say(str(error))
                continue
            if typed:
                break
    return answered


def reply(session: Session, unit: str, typed: str, say: Callable[[str], None]) -> int:
    """Does what was typed of a unit: one answer more, or one less. Raises NamesError for what cannot be an answer."""
    if not typed:
        return 0
    if typed == "undo":
        last = session.undo()
        say(f"taken back: {sentence(last)}")
        return -1
    if typed in COMMANDS:
        session.answer(unit, typed)
    else:
        session.answer(unit, "name", typed.removeprefix(LITERAL))
    return 1


def described(session: Session, question: Question) -> list[str]:
    """What a person is told of a unit before being asked."""
    inventory = session.inventory
    total = int(inventory.counts.sum())
    share = 100 * question.count / total
    likely = ", ".join(f"{named(name)} {100 * chance:.0f} %" for name, chance in question.likely if chance >= 0.01)
    return [
        "",
        f"unit {question.unit}: {question.count} occurrences ({share:.1f} %); {len(session.answers)} answers so far, "
        f"{100 * question.errors / total:.0f} % of occurrences would be read wrongly",
        f"  likely: {likely or 'nothing like it has a name yet'}",
        *(f"  {where(each)}" for each in session.material.examples(question.unit, EXAMPLES)),
    ]


def sentence(answer: Answer) -> str:
    """What was said of a unit."""
    return f"unit {answer.unit} {f'is {answer.name!r}' if answer.kind == 'name' else answer.kind}"


def named(name: str) -> str:
    return "silence" if name == SILENCE else name


def where(occurrence: Occurrence) -> str:
    """An example as a person finds it: utterance, and seconds or columns."""
    utterance = occurrence.utterance
    by = f" ({utterance.speaker})" if utterance.speaker else ""
    if utterance.rate:
        times = f"{occurrence.start / utterance.rate:.3f} to {occurrence.end / utterance.rate:.3f} s"
    else:
        times = f"columns {occurrence.start} to {occurrence.end}"
    return f"{utterance.id}{by}: {times} of {utterance.path}"
