"""The units of a corpus by a phone loop, so many a second: their codes, and how probable each is at every frame."""

from pathlib import Path

import numpy as np

from unitdisc.clustering.frame_source import FrameSource, KeptFrames, in_order
from unitdisc.segmentation.corpora.learning import Workplace
from unitdisc.segmentation.corpora.options import SegmentOptions
from unitdisc.segmentation.corpora.segmenting import CorpusSegmentation
from unitdisc.segmentation.corpora.solving import with_priors
from unitdisc.segmentation.corpora.timing import Timing
from unitdisc.segmentation.phone_loop.model import PhoneLoop
from unitdisc.segmentation.phone_loop.storage import StoredPhoneLoop


class Scores:
    """log p of the frames of an utterance, given the state: [T, U, S]."""

    def __init__(self, frames: FrameSource, loop: PhoneLoop):
        self.frames, self.loop = frames, loop
        self.folder: Path = frames.folder
        self.names = frames.names
        self.dim = len(loop.enter)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.loop.scores(self.frames[name])


def decode(place: Workplace, timing: Timing, stored: StoredPhoneLoop, options: SegmentOptions) -> CorpusSegmentation:
    """The likeliest units of every utterance, on a path where no unit follows itself.

    What a unit costs beside its log p, the switch cost, is that at which the corpus has as many as `options` ask for,
    of either sign; without a number, nothing.
    """
    loop = stored.loop
    scores = KeptFrames(Scores(place.frames, loop), place.memory)
    switch_cost, units = 0.0, None
    if options.rate:

        def evaluate(switch_cost: float) -> tuple[float, int]:
            """What all paths cost more than the best state of every frame, without switch costs, and their units."""

            def one(name: str) -> tuple[float, int]:
                best = scores[name].max((1, 2)).sum(dtype=np.float64)
                path = loop.path(scores[name], switch_cost)
                return best - path.score, path.units

            found = list(in_order(one, scores.names, place.threads))
            units = sum(count for _, count in found)
            place.advance(f"{units} units, {timing.segments(options.rate)} wanted, at switch cost {switch_cost:.6g}")
            return sum(cost for cost, _ in found), units

        solved = with_priors(evaluate, timing.segments(options.rate), scale=1.0)
        switch_cost, units = solved.switch_cost, solved.segments

    def posteriors(name: str) -> np.ndarray:
        """Square roots, rows of length 1: [T, U], or of states [T, U S]."""
        found = loop.posteriors(scores[name], switch_cost)
        found = found.sum(2) if options.posteriors == "units" else found.reshape(len(found), -1)
        return np.sqrt(found).astype(np.float32)

    return CorpusSegmentation(
        loop.unit_means.astype(np.float32),
        lambda name: loop.path(scores[name], switch_cost).codes,
        units,
        {"switch_cost": switch_cost},
        posteriors if options.posteriors else None,
    )
