"""The units of a folder on one page, to look at or listen to without a network: what they are, and where."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from unitdisc import __version__
from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings
from unitdisc.files import write_text
from unitdisc.reports import figures, sections, summary
from unitdisc.reports.examples import blank_of
from unitdisc.reports.rendering import sources, template
from unitdisc.reports.unit_cards import Progress, units
from unitdisc.reports.wording import words_of

ROUNDS = {  # what `discover` knows of a round: title and form
    "units": ("units", "{:,}"),
    "kinds": ("different ones", "{:,}"),
    "agreement": ("agreement with the round before (AMI)", "{:.2f}"),
    "halves": ("agreement of halves about as many names (AMI)", "{:.3f}"),
    "accuracy": ("states told right of held-out utterances", "{:.0%}"),
}
FOUND_AGAIN = 0.5  # Jaccard, below which a cluster counts as dissolved (Hennig, 2007)


def write_units_page(
    path: Path,
    utterances: Sequence[Utterance],
    encodings: Encodings,
    *,
    tier: str,
    most: int,
    found: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Writes the page; on it, what cannot be read or is absent is said.

    tier: of labels to show beside units, where there are any. most: units that are shown, the most used ones. found:
    what `discover` wrote about them, or nothing. progress: as `console.progress`.
    """
    words, utterances = words_of(utterances), sorted(utterances, key=lambda utterance: utterance.id)
    shown = units(utterances, encodings, {"settings": {"tier": tier}}, (), words, most, progress)
    used = {int(code) for utterance in utterances for code in encodings.codes[utterance.id]} - {blank_of(encodings)}
    page = (
        template()
        .environment.get_template("units_page.html.jinja")
        .render(
            name=name_of(encodings.folder),
            version=__version__,
            words=words,
            units=shown,
            unit_figures=sections.UNIT_FIGURES,
            kinds=len(used),
            corpus=summary.corpus_table("corpus", utterances),
            rounds=[
                round_row(number, facts, found.get("rounds")) for number, facts in enumerate(found.get("found", ()))
            ],
            round_titles=[title for title, _ in ROUNDS.values()],
            agreement=curve(found.get("numbers") or []),
            stability={each["unit"]: each for each in found.get("stability") or ()},
            least_certain=least_certain(found.get("stability") or ()),
            settings=summary.table("encodings", {"folder": str(encodings.folder), **encodings.settings}),
            **sources(),
        )
    )
    write_text(path, page)


def name_of(folder: Path) -> str:
    """The last names of the path, without that which all units have."""
    names = folder.resolve().parts[1:]
    return "/".join((names[:-1] if names[-1] == "units" else names)[-2:])


def round_row(number: int, facts: Mapping[str, Any], kept: int | None) -> list[str]:
    """As the table of rounds has it; the first are templates."""
    figures_of = [form.format(facts[name]) if name in facts else "–" for name, (_, form) in ROUNDS.items()]
    title = f"round {number}" if number else "templates"
    return [f"{title}, kept" if number == kept else title, *figures_of]


def least_certain(stability: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Units that halves of the corpus do not find again, least certain first."""
    return sorted((each for each in stability if each["stability"] < FOUND_AGAIN), key=lambda each: each["stability"])


def curve(tried: Sequence[Mapping[str, float]]) -> Markup | None:
    """How well halves agreed about numbers of names."""
    return figures.agreement_of_halves(tried) if len(tried) > 1 else None
