"""A round of discovery: units teach a network, its posteriors cut the corpus anew, and its frames name the pieces.

Where units begin and end comes from the posteriors, what they are called from the network's frames: both from the
latter make the edges drift.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unitdisc.clustering.frame_source import FrameSource, StoredFrames, in_order
from unitdisc.data.codes import nearest_places
from unitdisc.encodings import Encoding, Encodings, EncodingsWriter
from unitdisc.evaluation.units.clustering import confusion, unit_scores
from unitdisc.segmentation.corpora.sample import drawn
from unitdisc.segmentation.templates.durations import Durations
from unitdisc.segmentation.templates.lattice import Segments
from unitdisc.segmentation.templates.learning import Projected, components
from unitdisc.segmentation.templates.model import Templates
from unitdisc.segmentation.templates.pieces import Pieces, named
from unitdisc.segmentation.templates.price import Lattices, price_for
from unitdisc.segmentation.templates.states import STATES, StateScores, states_of

DIMS, POINTS = 24, 8  # of the pieces that are named


@dataclass(frozen=True)
class Alignment:
    """A corpus, cut into units.

    encodings: whose frames were cut, each divided into `finer`. kinds: K, how many different units there may be.
    has_blank: whether frames may be of no unit; their code is K.
    """

    encodings: Encodings
    segments: dict[str, Segments]
    kinds: int
    has_blank: bool
    finer: int = 1

    @property
    def blank(self) -> int | None:
        return self.kinds if self.has_blank else None

    @property
    def frames(self) -> int:
        return sum(len(self.encodings[name].centres) for name in self.segments)

    @property
    def units(self) -> int:
        return sum(len(segments.units) for segments in self.segments.values())

    def centres(self, name: str) -> np.ndarray:
        """In ticks: [T F]."""
        return finer_centres(self.encodings[name].centres, self.finer)

    def stretches(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Where units begin and end, halfway between frames, in ticks: [S] each."""
        centres, segments = self.centres(name), self.segments[name]
        step = float(centres[1] - centres[0]) if len(centres) > 1 else 1.0
        borders = np.concatenate([centres[:1] - step / 2, (centres[1:] + centres[:-1]) / 2, centres[-1:] + step / 2])
        return borders[segments.starts], borders[segments.ends]

    def codes(self, name: str) -> np.ndarray:
        """[T F]"""
        return self.segments[name].codes(len(self.encodings[name].centres) * self.finer, self.blank)

    def agreement(self, other: "Alignment") -> float:
        """AMI of the codes of both at the frames of this one: 1 where they differ in names alone."""
        ours = [self.codes(name) for name in self.segments]
        theirs = [other.codes(name)[nearest_places(other.centres(name), self.centres(name))] for name in self.segments]
        return unit_scores(confusion(np.concatenate(ours), np.concatenate(theirs))).ami


def by_templates(
    templates: Templates,
    encodings: Encodings,
    names: Sequence[str],
    *,
    threads: int,
    advance: Callable[[int], None] = lambda number: None,
) -> Alignment:
    """Cut at every frame, not only where pooled frames end."""
    frames = StoredFrames(encodings, names)

    def cut(name: str) -> Segments:
        found = templates.cut(templates.projected(frames[name], pool=1), finer=templates.pool)
        advance(1)
        return found

    found = dict(zip(names, in_order(cut, names, threads)))
    return Alignment(encodings, found, templates.units, len(templates.blank) > 0)


def by_states(
    scores: StateScores,
    predictions: Encodings,
    names: Sequence[str],
    *,
    finer: int = 1,
    threads: int = 1,
    advance: Callable[[int], None] = lambda number: None,
) -> Alignment:
    """By encodings at the point `prediction`, which are square roots of posteriors."""

    def cut(name: str) -> Segments:
        found = scores.cut(posteriors(predictions, name), finer)
        advance(1)
        return found

    found = in_order(cut, names, threads)
    return Alignment(predictions, dict(zip(names, found)), scores.units, scores.has_blank, finer)


def posteriors(predictions: Encodings, name: str) -> np.ndarray:
    return np.square(np.asarray(predictions[name].frames, np.float64))


def write_targets(folder: Path, alignment: Alignment) -> np.ndarray:
    """Writes the state of every frame as its code, for a network to learn; returns log p of each state: [N].

    An interrupted run is completed.
    """
    count = STATES * alignment.kinds + alignment.has_blank
    blank = STATES * alignment.kinds if alignment.has_blank else None
    writer = EncodingsWriter(folder, {**alignment.encodings.settings, "point": "states", "num_codes": count})
    frequency = np.ones(count)
    for name, segments in alignment.segments.items():
        centres = alignment.encodings[name].centres
        states = states_of(segments, len(centres), blank)
        frequency += np.bincount(states, minlength=count)
        if name not in writer:
            writer.write(Encoding(name, centres, states[:, None].astype(np.float32), codes=states), regular=False)
    writer.finish()
    return np.log(frequency / frequency.sum())


def priced(
    scores: StateScores,
    predictions: Encodings,
    lengths: Mapping[str, int],
    *,
    share: float,
    seed: int,
    memory: float,
    threads: int,
) -> StateScores:
    """At the price at which utterances that are drawn by the seed have `share` units for a frame.

    lengths: frames of every utterance. memory: GiB for what segments cost.
    """
    some = drawn(lengths, seed)
    wanted = round(share * sum(lengths[name] for name in some))
    lattices = Lattices(predictions.folder, some, lambda name: scores.lattice(posteriors(predictions, name)))
    return replace(scores, price=price_for(lattices, wanted, memory=memory, threads=threads).switch_cost)


def pieces_of(alignment: Alignment, latents: FrameSource, threads: int) -> Pieces:
    """The frames of a network within every unit."""
    axes = components(latents, DIMS, 1, threads=threads, advance=lambda number: None)

    def bounds(name: str) -> tuple[np.ndarray, np.ndarray]:
        starts, ends = alignment.segments[name].starts, alignment.segments[name].ends
        first = starts // alignment.finer  # whole frames, one at least
        return first, np.maximum(ends // alignment.finer, first + 1)

    return Pieces(Projected(latents, *axes, pool=1), bounds, POINTS)


def renamed(
    alignment: Alignment,
    pieces: Pieces,
    durations: Durations,
    *,
    count: int,
    seed: int,
    memory: float,
    threads: int,
) -> tuple[Alignment, Durations]:
    """The same pieces, called by k-means of the network's frames, and how long those of each name last.

    pieces: as of `pieces_of`. durations: of what they were called before; their bounds stay. count: of names.
    """
    names = named(pieces, count, seed=seed, memory=memory, threads=threads)
    found, sums = {}, np.zeros((3, count))
    for (name, own), called in zip(
        alignment.segments.items(), in_order(names.__getitem__, alignment.segments, threads)
    ):
        found[name] = replace(own, units=called)
        widths = own.widths.astype(np.float64)
        sums += [np.bincount(called, widths**power, count) for power in range(3)]
    lasting = Durations.counted(*sums, durations.shortest, durations.longest)
    return replace(alignment, segments=found, kinds=count), lasting


def mean_frames_of(alignment: Alignment, frames: FrameSource) -> np.ndarray:
    """The mean frame of every code [K, D]; that of all frames where a code has none."""
    count = alignment.kinds + alignment.has_blank
    sums, counts = np.zeros((count, frames.dim)), np.zeros(count)
    for name in alignment.segments:
        codes = alignment.codes(name)[:: alignment.finer]
        np.add.at(sums, codes, frames[name].astype(np.float64))
        counts += np.bincount(codes, minlength=count)
    whole = sums.sum(0) / max(counts.sum(), 1)
    return np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], whole).astype(np.float32)


def frames_within(frames: Encodings, network: Encodings) -> int:
    """How many frames lie in one of a network, whose stride is longer."""
    strides = [encodings.settings.get("stride") for encodings in (network, frames)]
    same = frames.settings.get("rate") == network.settings.get("rate")
    return max(1, round(strides[0] / strides[1])) if same and None not in strides else 1


def finer_centres(centres: np.ndarray, finer: int) -> np.ndarray:
    """The middles of frames that are each divided into some: [T] -> [T F]."""
    step = float(centres[1] - centres[0]) if len(centres) > 1 else 1.0
    return (centres[:, None] + step * ((np.arange(finer) + 0.5) / finer - 0.5)).ravel()


def finer_grid(settings: dict, finer: int) -> dict:
    """The settings of encodings whose frames are divided."""
    if "stride" not in settings or finer == 1:
        return settings
    stride = settings["stride"] / finer
    offset = settings["offset"] + (stride - settings["stride"]) / 2
    return {**settings, "stride": int(stride) if stride.is_integer() else stride, "offset": offset}
