"""What `unitdisc generate` draws from the prior of latents of whole items, and how well a probe names it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal

from unitdisc import console
from unitdisc.api.morph_ways import Probe, items_of_corpus, labels_of
from unitdisc.bottlenecks import HasPosterior, MixesCategories, OfWholeItems
from unitdisc.corpus import Interval, Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.data.made_files import file_type, made_utterance
from unitdisc.data.signals import Signals
from unitdisc.experiment import Experiment, ExperimentError
from unitdisc.generation.drawing import write
from unitdisc.generation.items import TIER, GenerateOptions, in_rows
from unitdisc.inference.whole_items import ItemToDraw, draw, latents_of
from unitdisc.model import UnitModel

ADVERSARIAL = "adversarial-autoencoder"  # the objective that gives a bottleneck of its own no posterior, but a prior


def of_latents(
    folder: Path, model: UnitModel, signals: Signals, options: GenerateOptions, *, experiment: Experiment
) -> list[list[Utterance]]:
    """Draws and writes items; they are in rows of a sheet."""
    frames = options.frames or usual_frames(experiment, signals)
    rows = rows_of(model.bottleneck, options, experiment)
    flat = [latent for row in rows for latent in row]
    files = [folder / f"{number:04d}{file_type(signals.features)}" for number in range(len(flat))]

    def finish(index: int, target: np.ndarray) -> None:
        write(files[index], signals, target, frames=frames)
        advance(1)

    items = [ItemToDraw(one.vector, frames, one.place, turn=one.turn) for one in flat]
    with console.progress("drawing", len(items), "items") as advance:
        draw(model, signals, items, seed=options.seed, temperature=options.temperature, finish=finish)
    drawn = []
    for file, one in zip(files, flat, strict=True):
        made = made_utterance(file.stem, file, signals.features, frames=frames, speaker=one.speaker)
        told = {} if one.code < 0 else {TIER: [Interval(0, made.ticks, str(one.code))]}
        drawn.append(replace(made, alignment=told))
    return in_rows(drawn, rows)


def refuse_no_prior(folder: Path, experiment: Experiment, model: UnitModel, options: GenerateOptions) -> None:
    """Raises ExperimentError where latents were pulled to no prior, or do not lie in a plane that is asked for."""
    adversarial = experiment.options["objective"]["kind"] == ADVERSARIAL
    if not isinstance(model.bottleneck, HasPosterior) and not adversarial:
        raise ExperimentError(
            f"{folder}: its latents follow no prior that could be drawn from; give one with bottleneck.kind = "
            f"'global-gaussian', or objective.kind = {ADVERSARIAL!r}"
        )
    categories = categories_of(model.bottleneck)
    numbers = model.bottleneck.width - categories
    if options.plane and numbers != 2:
        raise ExperimentError(f"{folder}: its latents have {numbers} numbers, and a plane has two; train with dim = 2")
    if options.speakers and not is_told_speakers(model):
        raise ExperimentError(
            f"{folder}: its decoder was told of no speakers; leave `speakers` out, or train one with "
            "bottleneck.speaker = true or conditioner.speaker = 'one-hot'"
        )
    if unknown := [code for code in options.codes if not 0 <= code < categories]:
        known = f"0 to {categories - 1}" if categories else "none, for it has none"
        raise ExperimentError(f"{folder}: its latents know no code {unknown[0]}; the codes are {known}")


def is_told_speakers(model: UnitModel) -> bool:
    """Whether it matters to the decoder who speaks."""
    return model.conditioner.speaker != "none" or getattr(model.bottleneck, "of_speaker", None) is not None


def categories_of(bottleneck: OfWholeItems) -> int:
    """How many of the numbers of a latent say which category it is."""
    return bottleneck.width - bottleneck.continuous if isinstance(bottleneck, MixesCategories) else 0


def usual_frames(experiment: Experiment, signals: Signals) -> int:
    """The mean length of what an experiment was trained on, in frames of features."""
    known, features = experiment.corpus, signals.features
    if features.images:
        return max(1, round(known["columns"] / known["utterances"]))
    return max(1, round(3600 * known["hours"] * features.rate / features.hop / known["utterances"]))


@dataclass(frozen=True)
class Latent:
    """Of one item to draw: the speaker that it is for, by place (-1) and name (None), and its category, or -1.

    turn: items of the same turn, for whomever and of whatever category, share their numbers.
    """

    vector: Tensor
    place: int
    speaker: str | None
    code: int = -1
    turn: int = 0


def rows_of(bottleneck: OfWholeItems, options: GenerateOptions, experiment: Experiment) -> list[list[Latent]]:
    """Rows of a sheet."""
    generator = torch.Generator().manual_seed(options.seed)
    device, categories = next(bottleneck.parameters()).device, categories_of(bottleneck)
    codes = list(options.codes) or list(range(categories)) or [-1]
    if options.plane:
        shares = (torch.arange(options.plane) + 0.5) / options.plane
        grid = Normal(0.0, 1.0).icdf(shares)
        rows = [torch.stack([grid, value.expand(len(grid))], dim=-1) for value in grid.flip(0)]
    else:
        rows = [torch.randn(options.number, bottleneck.width - categories, generator=generator)]
        if not categories and not options.speakers:
            rows = list(rows[0].split(max(1, round(options.number**0.5))))
    voices = [(experiment.speakers.index(name), name) for name in options.speakers] or [(-1, None)]

    with torch.no_grad():
        rows = [bottleneck.of_noise(row.to(device)).cpu() for row in rows]

    def with_category(vector: Tensor, code: int) -> Tensor:
        return vector if code < 0 else torch.cat([vector, torch.eye(categories)[code]])

    firsts = np.cumsum([0, *map(len, rows)]).tolist()  # of a plane, only latents differ
    turns = [[0 if options.plane else first + place for place in range(len(row))] for first, row in zip(firsts, rows)]
    return [
        [
            Latent(with_category(vector, code).to(device), place, name, code, turn)
            for vector, turn in zip(row, turns_of_row, strict=True)
        ]
        for place, name in voices
        for code in codes
        for row, turns_of_row in zip(rows, turns, strict=True)
    ]


def probe_of(
    model: UnitModel, experiment: Experiment, folder: Path, corpus: Path, *, tier: str | None, access: CorpusAccess
) -> Probe | None:
    """What learned the labels of real items; None, which is said, where there are no two."""
    items, _ = items_of_corpus(model, experiment, folder, corpus, access=access)
    probe = Probe.learned(items.summaries, labels_of(items.utterances, tier, corpus), 0)
    if probe is None:
        console.say(f"{corpus}: has no two labels that a probe could learn, so nothing is named")
    return probe


def named_rightly(
    probe: Probe,
    made: Sequence[Utterance],
    model: UnitModel,
    *,
    signals: Signals,
    experiment: Experiment,
    corpus: Path,
) -> float | None:
    """How often a probe names new items as was told; None, which is said, where none was told a label of it."""
    told = [one for one in made if one.speaker in probe.names]
    if not told:
        console.say(f"no new item was drawn for a speaker who is called as a label of {corpus} is, so none is judged")
        return None
    seen = latents_of(model, signals, told, speakers=experiment.speakers, advance=lambda done: None)
    read = probe.read(seen.summaries).argmax(-1).tolist() if seen.utterances else []
    right = [probe.names[code] == one.speaker for code, one in zip(read, seen.utterances, strict=True)]
    return sum(right) / len(told)  # what cannot be read is wrong
