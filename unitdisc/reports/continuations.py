"""The page of what a language model made up: beginnings, what really followed, and what the model went on with."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unitdisc import __version__
from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.files import write_text
from unitdisc.media.image import read_line
from unitdisc.reports import summary
from unitdisc.reports.clips import Clip, utterance_clip
from unitdisc.reports.graphs import Link, follower_graph
from unitdisc.reports.lines import Given, Sheet, Version, version_sheet
from unitdisc.reports.rendering import sources, template
from unitdisc.reports.wording import words_of

PIXELS = 120  # to a second
SECONDS = 20.0  # of each version, at most
SHOWN = 8  # prompts on the page, which sounds make large; all are in files
VERSIONS = 8  # made up of each prompt, or of nothing


@dataclass(frozen=True)
class Heard:
    """A recording, or a line, its units, and how much of it was given."""

    caption: str
    utterance: Utterance
    units: Sequence[Interval]
    given: int = 0  # ticks
    rest: str = ""  # what is after these
    note: str = ""


@dataclass(frozen=True)
class Continued:
    """A beginning and what follows; or what was made up from nothing."""

    prompt: Utterance | None
    versions: list[Heard]


@dataclass(frozen=True)
class Card:
    """As it is drawn."""

    prompt: Utterance | None
    versions: list[tuple[Heard, Clip | Sheet]]
    problems: list[str] = field(default_factory=list)


def write_continuations(
    path: Path,
    name: str,
    continued: Sequence[Continued],
    *,
    figures: Sequence[tuple[str, Mapping[str, Any]]],
    links: Iterable[Link],
    facts: Mapping[str, Any],
) -> None:
    """Writes the page; on it, what cannot be read is said.

    figures: titles, and "samples", "symbols", "bits_per_symbol", "unknown" and "ended" of each. links: which units
    follow which in what the language model was made of. facts: how it was made.
    """
    words = words_of(version.utterance for each in continued for version in each.versions)
    cards = [card(each) for each in continued[:SHOWN]]
    page = (
        template()
        .environment.get_template("continuations.html.jinja")
        .render(
            name=name,
            version=__version__,
            words=words,
            cards=cards,
            total=len(continued),
            figures=figures,
            graph=follower_graph(links, "units"),
            settings=[summary.table(title, value) for title, value in facts.items() if isinstance(value, Mapping)],
            **sources(),
        )
    )
    write_text(path, page)


def card(continued: Continued) -> Card:
    found = Card(continued.prompt, [])
    for version in continued.versions[: VERSIONS + 2]:
        try:
            found.versions.append((version, drawn(version)))
        except CorpusError as error:
            found.problems.append(str(error))
    return found


def drawn(heard: Heard) -> Clip | Sheet:
    """Raises CorpusError if the file cannot be read."""
    one, lanes = heard.utterance, {"unit": heard.units}
    if one.is_image:
        given = Given(0, heard.given / one.ticks) if heard.given else None
        return version_sheet(one, [Version("", read_line(one), given)], lanes)
    parts = [Interval(0, heard.given, "given")] if heard.given else []
    if heard.rest and heard.given < one.ticks:
        parts.append(Interval(heard.given, one.ticks, heard.rest))
    return utterance_clip(one, lanes | ({"part": parts} if parts else {}), PIXELS, SECONDS)
