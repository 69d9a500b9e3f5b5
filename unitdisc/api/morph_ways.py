"""What `unitdisc morph` goes between: ends, the steps between them, and the probe that names these."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from unitdisc import console
from unitdisc.api.encode import say_left_out
from unitdisc.api.heard_corpus import heard_corpus
from unitdisc.api.resynthesise import place_of
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.read import read_corpus
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.made_files import file_type, made_utterance
from unitdisc.data.signals import Signals
from unitdisc.evaluation.probes.models import mlp_reader
from unitdisc.experiment import Experiment
from unitdisc.generation.drawing import write
from unitdisc.generation.items import check_drawing
from unitdisc.inference.whole_items import ItemLatents, ItemToDraw, draw, latents_of
from unitdisc.media.image import read_image
from unitdisc.model import UnitModel

MOST = 4000  # items that the probe learns from, and means are of
BINS = 40  # of a spectrogram that is looked at
HELD_OUT = 5  # one of so many is held out, to say how good the probe is


@dataclass(frozen=True)
class MorphOptions:
    """From where to where, and in how many steps.

    first, last: ids of items of the corpus; or from_speaker, to_speaker: from the mean latent of one speaker to that of
    another, or, of the item `first`, along the direction between these. pairs: instead, so many pairs of items with
    different labels, by chance. steps: with both ends. tier: whose label of an item the probe learns (default: the only
    tier); of speakers, it learns these. temperature: as of `unitdisc.Drawing`. seed: of all that is drawn.
    """

    first: str | None = None
    last: str | None = None
    from_speaker: str | None = None
    to_speaker: str | None = None
    pairs: int = 0
    steps: int = 9
    tier: str | None = None
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self):
        speakers = self.from_speaker is not None and self.to_speaker is not None
        items = self.first is not None and self.last is not None
        if self.pairs < 0 or self.steps < 3:
            raise ValueError(f"`pairs` must be 0 or more and `steps` 3 or more, not {self.pairs} and {self.steps}")
        half = (self.from_speaker is None) != (self.to_speaker is None)
        ends = (self.first is not None) + (self.last is not None)
        unused = (speakers and self.last is not None) or (self.pairs and ends)
        if half or speakers + items + bool(self.pairs) != 1 or unused:
            raise ValueError(
                "give both ends: `first` and `last`, or `from_speaker` and `to_speaker` (of `first`), or `pairs`"
            )
        check_drawing(self.seed, self.temperature)

    @property
    def of_speakers(self) -> bool:
        return self.from_speaker is not None


class Way(NamedTuple):
    """From one end to the other: their names and labels, and what is to be drawn of every step."""

    first: str
    last: str
    labels: tuple[str | None, str | None]
    items: list[ItemToDraw]


def chosen(utterances: Sequence[Utterance], options: MorphOptions | None = None) -> list[Utterance]:
    """The items that are read: some, if there are many, and those asked for.

    Raises CorpusError if these are not there.
    """
    options = options or MorphOptions(pairs=1)
    by_id = {utterance.id: utterance for utterance in utterances}
    wanted = [id for id in (options.first, options.last) if id is not None]
    if unknown := [id for id in wanted if id not in by_id]:
        raise CorpusError(f"no item {unknown[0]!r} in the corpus, which has {some_of(by_id)}")
    speakers = [name for name in (options.from_speaker, options.to_speaker) if name is not None]
    known = {utterance.speaker for utterance in utterances} - {None}
    if unknown := [name for name in speakers if name not in known]:
        raise CorpusError(f"no speaker {unknown[0]!r} in the corpus, which has {some_of(known)}")
    needed = {*wanted, *(u.id for u in utterances if u.speaker in speakers)}
    order = np.random.default_rng(options.seed).permutation(len(utterances))[:MOST]
    some = {utterances[place].id for place in order.tolist()} | needed
    return [utterance for utterance in utterances if utterance.id in some]


def items_of_corpus(
    model: UnitModel,
    experiment: Experiment,
    folder: Path,
    corpus: Path,
    *,
    options: MorphOptions | None = None,
    access: CorpusAccess,
) -> tuple[ItemLatents, Signals]:
    """The latents of the items of a corpus that are wanted (default: the first of them), and what reads it.

    What cannot be read is said; raises CorpusError if nothing can.
    """
    table, signals = heard_corpus(experiment, folder, corpus, access)
    labelled = {utterance.id: utterance for utterance in read_corpus(corpus, access.allow_pipes)}
    utterances = chosen([labelled[utterance.id] for utterance in table], options)
    with console.progress("encoding", len(utterances)) as advance:
        items = latents_of(model, signals, utterances, speakers=experiment.speakers, advance=advance).refuse_none()
    say_left_out(items.problems, len(utterances))
    return items, signals


def some_of(names: Iterable[str], count: int = 6) -> str:
    listed = sorted(names)
    return ", ".join(listed[:count]) + (f" and {len(listed) - count} more" if len(listed) > count else "")


def labels_of(utterances: Sequence[Utterance], wanted: str | None, corpus: Path) -> list[str | None]:
    """Of every item, the label of the tier that is wanted, or of the only one, that lasts longest.

    Raises CorpusError for a tier that is not there.
    """
    tiers = sorted({tier for utterance in utterances for tier in utterance.alignment})
    if wanted is not None and wanted not in tiers:
        raise CorpusError(f"{corpus}: has no tier {wanted!r}; it has {tiers or 'none'}")
    if wanted is None and len(tiers) > 1:
        raise CorpusError(f"{corpus}: has the tiers {tiers}; say which has the labels of items (`tier`)")
    if not tiers:
        return [None] * len(utterances)
    tier = wanted or tiers[0]
    found = [max(u.alignment.get(tier, ()), key=lambda each: each.end - each.start, default=None) for u in utterances]
    return [None if each is None else each.label for each in found]


def ways_of(
    items: ItemLatents, labels: Sequence[str | None], options: MorphOptions, experiment: Experiment, signals: Signals
) -> list[Way]:
    """From end to end in steps. Raises CorpusError for ends that cannot be read, or no two labels."""
    places = {utterance.id: place for place, utterance in enumerate(items.utterances)}
    if lost := [id for id in (options.first, options.last) if id is not None and id not in places]:
        raise CorpusError(f"{lost[0]} cannot be read, so nothing leads from or to it; choose another item")
    frames = [signals.frames_in(utterance) for utterance in items.utterances]
    voices = [place_of(utterance, experiment) for utterance in items.utterances]

    def way(start: int, end: int) -> Way:
        first, last = items.utterances[start], items.utterances[end]
        ends = (items.vectors[start], items.vectors[end])
        between = steps_between(ends, (frames[start], frames[end]), (voices[start], voices[end]), options.steps)
        return Way(first.id, last.id, (labels[start], labels[end]), between)

    if options.of_speakers:
        by = [np.flatnonzero([u.speaker == name for u in items.utterances]) for name in ends_of(options)]
        if lost := [name for name, own in zip(ends_of(options), by) if not len(own)]:
            raise CorpusError(f"nothing of speaker {lost[0]!r} can be read, so nothing leads from or to it")
        means = [items.vectors[torch.from_numpy(own)].mean(0) for own in by]
        lengths = [round(float(np.mean([frames[place] for place in own]))) for own in by]
        own_voices = [voices[own[0]] for own in by]
        if options.first is not None:
            start = places[options.first]
            means = [items.vectors[start], items.vectors[start] + means[1] - means[0]]
            lengths, own_voices = [frames[start]] * 2, [voices[start], own_voices[1]]
        between = steps_between(means, lengths, own_voices, options.steps)
        return [Way(*ends_of(options), ends_of(options), between)]
    if not options.pairs:
        return [way(places[options.first], places[options.last])]
    labelled = [place for place, label in enumerate(labels) if label is not None]
    if len({labels[place] for place in labelled}) < 2:
        raise CorpusError("pairs are of items with different labels, and there are no two; name `first` and `last`")
    rng, found = np.random.default_rng(options.seed), []
    while len(found) < options.pairs:
        start, end = rng.choice(labelled, 2, replace=False).tolist()
        if labels[start] != labels[end]:
            found.append(way(start, end))
    return found


def ends_of(options: MorphOptions) -> tuple[str, str]:
    return options.from_speaker, options.to_speaker


def steps_between(
    vectors: Sequence[Tensor], frames: Sequence[int], voices: Sequence[int], steps: int
) -> list[ItemToDraw]:
    """Of two ends each: on the straight line between latents, as long, and by whom, as far between."""
    shares = [step / (steps - 1) for step in range(steps)]
    return [
        ItemToDraw(torch.lerp(*vectors, share), round(np.interp(share, (0, 1), frames)), *voices, share)
        for share in shares
    ]


def draw_ways(
    folder: Path, ways: Sequence[Way], model: UnitModel, signals: Signals, options: MorphOptions
) -> list[list[Utterance]]:
    """Draws and writes folder/WAY-STEP.png or .wav; gives them as utterances, of every way in a row."""
    names = [f"{way:03d}-{step:02d}" for way, one in enumerate(ways) for step in range(len(one.items))]
    files = [folder / f"{name}{file_type(signals.features)}" for name in names]
    flat = [item for way in ways for item in way.items]

    def finish(index: int, target: np.ndarray) -> None:
        write(files[index], signals, target, frames=flat[index].frames)

    draw(model, signals, flat, seed=options.seed, temperature=options.temperature, finish=finish)
    made = [
        made_utterance(name, file, signals.features, frames=item.frames)
        for name, file, item in zip(names, files, flat, strict=True)
    ]
    return [made[first : first + options.steps] for first in range(0, len(made), options.steps)]


def picture_of(signals: Signals, utterance: Utterance) -> np.ndarray:
    """What is seen of an item: the ink of an image, or a spectrogram, [columns, rows] in [0, 1]."""
    if signals.features.images:
        return 1 - read_image(utterance.path).T  # which may be blank
    signal = signals.signal(utterance)
    frames = AcousticFeatures("log-mel", signals.features.rate, signals.features.hop, bins=BINS)(signal)[:, ::-1]
    return (frames - frames.min()) / max(float(np.ptp(frames)), 1e-9)


@dataclass(frozen=True)
class Probe:
    """Reads the features of items, summed up, by an MLP; and how often it is right of items that it has not seen."""

    reader: torch.nn.Module
    names: list[str]
    accuracy: float

    @classmethod
    def learned(cls, summaries: Tensor, labels: Sequence[str | None], seed: int) -> "Probe | None":
        """Of four fifths of the items with labels that two have at least; None where there are no two such labels."""
        counts = Counter(label for label in labels if label is not None)
        names = sorted(label for label, count in counts.items() if count > 1)
        if len(names) < 2:
            return None
        codes = {name: code for code, name in enumerate(names)}
        known = [place for place, label in enumerate(labels) if label in codes]
        order = np.random.default_rng(seed).permutation(known)
        split = max(1, len(order) // HELD_OUT)
        test, train = (torch.from_numpy(part) for part in (order[:split], order[split:]))
        truth = torch.tensor([codes.get(label, -1) for label in labels], device=summaries.device)
        reader = mlp_reader(summaries[train], truth[train], len(names), seed=seed)
        right = reader(summaries[test]).argmax(-1) == truth[test]
        return cls(reader, names, float(right.float().mean()))

    def read(self, summaries: Tensor) -> Tensor:
        """Log-probabilities of every label: [N, V] -> [N, K]."""
        return self.reader(summaries).log_softmax(-1)
