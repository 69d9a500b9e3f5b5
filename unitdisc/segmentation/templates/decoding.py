"""The units of a corpus by templates, so many a second: a code for every frame, blanks having the last."""

from unitdisc.segmentation.corpora.learning import Workplace
from unitdisc.segmentation.corpora.options import SegmentOptions
from unitdisc.segmentation.corpora.segmenting import CorpusSegmentation
from unitdisc.segmentation.corpora.timing import Timing
from unitdisc.segmentation.templates.lattice import Lattice
from unitdisc.segmentation.templates.price import Lattices, price_for
from unitdisc.segmentation.templates.storage import StoredTemplates


def decode(place: Workplace, timing: Timing, stored: StoredTemplates, options: SegmentOptions) -> CorpusSegmentation:
    """The cheapest units of every utterance, cut at every frame, not only where pooled frames end.

    The price of a unit is that at which the corpus has as many as `options` ask for; without a number, that at which
    the templates were learned.
    """
    templates = stored.templates
    blank = templates.units if len(templates.blank) else None

    def lattice(name: str) -> Lattice:
        return templates.lattice(templates.projected(place.frames[name], pool=1), finer=templates.pool)

    price, units = templates.price, None
    if options.rate:
        lattices, wanted = Lattices(place.frames.folder, place.frames.names, lattice), timing.segments(options.rate)
        solved = price_for(lattices, wanted, memory=place.memory, threads=place.threads, advance=place.advance)
        price, units = solved.switch_cost, solved.segments
    return CorpusSegmentation(
        stored.codebook.vectors,
        lambda name: lattice(name).cut(price).codes(timing.lengths[name], blank),
        units,
        {"price": price},
    )
