"""What was found by example, on one page to read without a network: the query, and every hit as it looks or sounds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unitdisc import __version__
from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.files import write_text
from unitdisc.reports import summary
from unitdisc.reports.clips import Clip, unit_clip
from unitdisc.reports.lines import UnitCut, unit_cut
from unitdisc.reports.rendering import sources, template

PIXELS = 160  # to the second
LONGEST = 4.0  # seconds that are heard of a hit
NARROWEST = 120  # pixels of a caption


@dataclass(frozen=True)
class Find:
    """A stretch of an utterance, with what lies under it, and its cost; a query has none."""

    utterance: Utterance
    interval: Interval
    cost: float | None = None


@dataclass(frozen=True)
class FindCard:
    """A find as it is shown: a Clip or a Cut, or why there is none."""

    find: Find
    clip: Clip | UnitCut | None
    why: str = ""

    @property
    def span(self) -> str:
        """Where it lies, as a person reads it."""
        start, end, _ = self.find.interval
        utterance = self.find.utterance
        if utterance.rate:
            return f"{start / utterance.rate:.2f} to {end / utterance.rate:.2f} s"
        return f"{'columns' if utterance.is_image else 'samples'} {start} to {end}"


def write_finds(path: Path, query: Find, hits: Sequence[Find], tier: str | None, settings: Mapping[str, Any]) -> None:
    """Writes the page. What cannot be read any more is said in its place."""
    cards = [card(hit, tier) for hit in hits]
    page = (
        template()
        .environment.get_template("finds.html.jinja")
        .render(
            query=card(query, tier),
            hits=cards,
            widest=widest(cards),
            tier=tier,
            images=query.utterance.is_image,
            settings=summary.table("settings", settings),
            version=__version__,
            **sources(),
        )
    )
    write_text(path, page)


def widest(cards: Iterable[FindCard]) -> int:
    """Pixels that the widest picture of a line takes, or a caption."""
    return max([NARROWEST, *(each.clip.crop.width for each in cards if isinstance(each.clip, UnitCut))])


def card(find: Find, tier: str | None) -> FindCard:
    utterance = find.utterance
    tiers = {tier: utterance.alignment[tier]} if tier in utterance.alignment else {}
    try:
        if utterance.is_image:
            return FindCard(find, unit_cut(utterance, find.interval, tiers))
        return FindCard(find, unit_clip(utterance, find.interval, tiers, PIXELS, LONGEST))
    except CorpusError as error:
        return FindCard(find, None, str(error))
