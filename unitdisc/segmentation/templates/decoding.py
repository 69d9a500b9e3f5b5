"""The units of a corpus by templates, so many a second: a code for every frame, blanks having the last."""

from collections.abc import Callable
from dataclasses import replace

from unitdisc.clustering.frame_source import in_order
from unitdisc.segmentation.corpora.learning import Workplace
from unitdisc.segmentation.corpora.options import SegmentOptions
from unitdisc.segmentation.corpora.segmenting import CorpusSegmentation
from unitdisc.segmentation.corpora.solving import with_priors
from unitdisc.segmentation.corpora.timing import Timing
from unitdisc.segmentation.templates.model import Segments
from unitdisc.segmentation.templates.storage import StoredTemplates


def decode(place: Workplace, timing: Timing, stored: StoredTemplates, options: SegmentOptions) -> CorpusSegmentation:
    """The cheapest units of every utterance, cut at every frame, not only where pooled frames end.

    The price of a unit is that at which the corpus has as many as `options` ask for; without a number, that at which
    the templates were learned.
    """
    templates = stored.templates
    blank = templates.units if len(templates.blank) else None

    def cut(name: str, price: float) -> Segments:
        frames = templates.projected(place.frames[name], pool=1)
        return replace(templates, price=price).cut(frames, finer=templates.pool)

    price, units = templates.price, None
    if options.rate:
        price, units = price_for(cut, place, wanted=timing.segments(options.rate))
    return CorpusSegmentation(
        stored.codebook.vectors,
        lambda name: cut(name, price).codes(timing.lengths[name], blank),
        units,
        {"price": price},
    )


def price_for(cut: Callable[[str, float], Segments], place: Workplace, *, wanted: int) -> tuple[float, int]:
    """The price at which a corpus has so many units, and how many it has then."""

    def evaluate(price: float) -> tuple[float, int]:
        found = list(in_order(lambda name: cut(name, price), place.frames.names, place.threads))
        units = sum(len(segments.units) for segments in found)
        place.advance(f"{units} units, {wanted} wanted, at price {price:.6g}")
        return sum(segments.cost for segments in found), units

    solved = with_priors(evaluate, wanted, scale=1.0)
    return solved.switch_cost, solved.segments
