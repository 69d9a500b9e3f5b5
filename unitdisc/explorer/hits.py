"""Stretches as pages list them: a small picture, where they are, and what the labels say of them."""

from dataclasses import dataclass

from unitdisc.corpus import Utterance
from unitdisc.explorer.index import CorpusIndex
from unitdisc.explorer.links import Links
from unitdisc.explorer.rows import Stretch

PIXELS = 150  # a second of a small picture
SMALL, WIDE, NARROW = 60, 400, 12  # pixels that small pictures are high, and wide at most and at least
MARGIN = 10  # pixels around a stretch
RATE = 16_000  # of recordings whose rate is not listed, as far as their small pictures go


@dataclass(frozen=True)
class Hit:
    """A stretch as it is listed."""

    stretch: Stretch
    id: str
    speaker: str
    time: str
    labels: dict[str, str]
    width: int  # of its picture
    picture: str | None
    address: str
    rate: int | None
    shown: Stretch  # in the picture
    cost: float | None = None

    @property
    def mark(self) -> tuple[int, int]:
        """Where in the picture the stretch begins, and how wide it is there: pixels."""
        scale = self.width / (self.shown.end - self.shown.start)
        left, right = (round((tick - self.shown.start) * scale) for tick in self.stretch[1:])
        return left, max(1, min(right, self.width) - left)


def hit_of(index: CorpusIndex, links: Links, stretch: Stretch, cost: float | None = None, margin: int = MARGIN) -> Hit:
    """A stretch with so many pixels around it."""
    utterance = index.utterance(stretch.place)
    shown = around(utterance, stretch, margin)
    width = min(max(round((shown.end - shown.start) / ticks_per_pixel(utterance)), NARROW), WIDE)
    return Hit(
        stretch=stretch,
        id=utterance.id,
        speaker=utterance.speaker or "",
        time=time_of(utterance, stretch),
        labels=index.labels_under(stretch),
        width=width,
        picture=links.picture(shown, width),
        address=links.utterance(stretch.place, stretch.start, stretch.end),
        rate=utterance.rate,
        shown=shown,
        cost=cost,
    )


def ticks_per_pixel(utterance: Utterance) -> float:
    return utterance.height / SMALL if utterance.is_image else (utterance.rate or RATE) / PIXELS


def around(utterance: Utterance, stretch: Stretch, margin: int) -> Stretch:
    """A stretch with so many pixels around it, no wider than a small picture can be."""
    per = ticks_per_pixel(utterance)
    ticks = round(margin * per)
    start, end = max(0, stretch.start - ticks), min(utterance.ticks, stretch.end + ticks)
    return Stretch(stretch.place, start, min(end, start + int(WIDE * per) + 1))


def length(utterance: Utterance) -> str:
    if utterance.is_image:
        return f"{utterance.ticks:,} columns"
    return f"{utterance.ticks / utterance.rate:.2f} s" if utterance.rate else f"{utterance.ticks:,} samples"


def time_of(utterance: Utterance, stretch: Stretch) -> str:
    if not utterance.rate:
        return f"{stretch.start} to {stretch.end}"
    return f"{stretch.start / utterance.rate:.2f} to {stretch.end / utterance.rate:.2f} s"
