"""unitdisc draw-items: new items, drawn from the prior of latents of whole items."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal

from unitdisc import console
from unitdisc.api.heard_corpus import heard_corpus
from unitdisc.api.morph import refuse_cut
from unitdisc.api.morph_ways import Probe, chosen, drawn_item, labels_of, picture_of
from unitdisc.api.paths import takes_paths
from unitdisc.api.resynthesise import refuse_unknown
from unitdisc.bottlenecks import HasPosterior, MixesCategories, OfWholeItems
from unitdisc.corpus import Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.data.signals import Signals
from unitdisc.evaluation.settings import versions
from unitdisc.experiment import Experiment, ExperimentError, load, weights_checksum
from unitdisc.files import write_json
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.generation.drawing import write
from unitdisc.inference.whole_items import ItemToDraw, draw, latents_of
from unitdisc.media.image import write_image
from unitdisc.model import UnitModel
from unitdisc.reports.morph_page import sheet
from unitdisc.training.devices import usable_device

FACTS, SHEET, CORPUS, ITEMS = "items.json", "sheet.png", "corpus.jsonl", "items"
ADVERSARIAL = "adversarial-autoencoder"  # the objective that gives a bottleneck of its own no posterior, but a prior


@dataclass(frozen=True)
class DrawItemsOptions:
    """How many new items, and which.

    samples: latents, drawn from the prior. speakers: voices, hands, or what else the decoder is told, each of which
    gets an item of every latent (default: none is told). plane: instead of drawn ones, latents in a square of so many
    by so many, evenly by probability, of an experiment with two numbers a latent. frames: how long items are, in frames
    of features (default: as the corpus of training was in the mean). temperature: as of `unitdisc.Drawing`.
    """

    samples: int = 16
    speakers: Sequence[str] = ()
    plane: int = 0
    frames: int | None = None
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self):
        if self.samples < 1 or self.plane < 0:
            raise ValueError(f"`samples` must be 1 or more and `plane` 0 or more, not {self.samples} and {self.plane}")
        if self.frames is not None and self.frames < 1:
            raise ValueError(f"`frames` must be 1 or more, not {self.frames}")


@dataclass(frozen=True)
class DrawItemsResult:
    """The files, and, where there were labels to learn, how often a probe names new and real ones rightly."""

    files: list[Path]
    named_rightly: float | None  # of new items that were told a label
    probe_accuracy: float | None  # of real items, held out


@takes_paths
@filling(lambda given: [given["folder"]])
def draw_items(
    experiment_folder: Path,
    folder: Path,
    options: DrawItemsOptions = DrawItemsOptions(),
    *,
    corpus: Path | None = None,
    tier: str | None = None,
    access: CorpusAccess = CorpusAccess(),
    device: str | None = None,
) -> DrawItemsResult:
    """Draws new items from the prior of a variational or adversarial autoencoder with latents of whole items.

    Of an experiment with categories, every latent is drawn with each of them. Writes items/ (PNG or WAV), sheet.png, a
    row for every speaker or category, corpus.jsonl and items.json. corpus: of real items, from whose labels (`tier`) a
    probe learns to name the new ones; those are right that are named as the speaker is called that they were drawn for.

    Raises ExperimentError for an experiment without such latents, or whose latents follow no prior, or that does not
    know a speaker, CorpusError for a corpus without such labels, and ValueError as `DrawItemsOptions` does.

    >>> unitdisc.draw_items("exp/cvae", "exp/new", unitdisc.DrawItemsOptions(8, speakers=["3", "5"])).files
    """
    folder = folder_for_results(folder)
    experiment, model = load(experiment_folder, usable_device(device))
    refuse_cut(experiment_folder, model)
    refuse_no_prior(experiment_folder, experiment, model, options)
    refuse_unknown(options.speakers, experiment_folder, experiment)
    signals = experiment.signals(experiment_folder, cache=access.cache, allow_pipes=access.allow_pipes)
    frames = options.frames or usual_frames(experiment, signals)
    rows = rows_of(model.bottleneck, options, experiment)
    suffix = "png" if signals.features.images else "wav"
    flat = [(item, who) for row in rows for item, who in row]
    items = [ItemToDraw(vector, frames, place) for (vector, place), _ in flat]
    names = [f"{number:04d}" for number in range(len(items))]

    def finish(index: int, target: np.ndarray) -> None:
        write(folder / ITEMS / f"{names[index]}.{suffix}", signals, target, frames=frames)

    draw(model, signals, items, seed=options.seed, temperature=options.temperature, finish=finish)
    made = [
        drawn_item(folder / ITEMS, name, frames, signals, speaker=who)
        for name, (_, who) in zip(names, flat, strict=True)
    ]
    write_manifest(folder / CORPUS, made)
    pictures = iter([picture_of(signals, one) for one in made])
    write_image(folder / SHEET, sheet([[next(pictures) for _ in row] for row in rows]))
    named = real = None
    if corpus is not None:
        named, real = probed(
            made, model, signals, experiment, experiment_folder, corpus=corpus, tier=tier, access=access
        )
    facts = {"experiment": str(experiment_folder), "model": weights_checksum(experiment_folder)}
    figures = {"options": asdict(options), "frames": frames, "named_rightly": named, "probe_accuracy": real}
    write_json(folder / FACTS, {**facts, "corpus": corpus and str(corpus), **figures, "versions": versions()})
    return DrawItemsResult([Path(one.path) for one in made], named, real)


def refuse_no_prior(folder: Path, experiment: Experiment, model: UnitModel, options: DrawItemsOptions) -> None:
    """Raises ExperimentError where latents were pulled to no prior, or do not lie in a plane that is asked for."""
    adversarial = experiment.options["objective"]["kind"] == ADVERSARIAL
    if not isinstance(model.bottleneck, HasPosterior) and not adversarial:
        raise ExperimentError(
            f"{folder}: its latents follow no prior that could be drawn from; give one with bottleneck.kind = "
            f"'global-gaussian', or objective.kind = {ADVERSARIAL!r}"
        )
    if options.plane and model.bottleneck.width != 2:
        width = model.bottleneck.width
        raise ExperimentError(f"{folder}: its latents have {width} numbers, and a plane has two; train with dim = 2")


def usual_frames(experiment: Experiment, signals: Signals) -> int:
    """The mean length of what an experiment was trained on, in frames of features."""
    known, features = experiment.corpus, signals.features
    if features.images:
        return max(1, round(known["columns"] / known["utterances"]))
    return max(1, round(3600 * known["hours"] * features.rate / features.hop / known["utterances"]))


def rows_of(
    bottleneck: OfWholeItems, options: DrawItemsOptions, experiment: Experiment
) -> list[list[tuple[tuple[Tensor, int], str | None]]]:
    """Rows of a sheet: of every item its latent, the place of the speaker that it is for, or -1, and their name."""
    generator = torch.Generator().manual_seed(options.seed)
    device = next(bottleneck.parameters()).device
    numbers = bottleneck.continuous if isinstance(bottleneck, MixesCategories) else bottleneck.width
    if options.plane:
        shares = (torch.arange(options.plane) + 0.5) / options.plane
        grid = Normal(0.0, 1.0).icdf(shares)
        rows = [torch.stack([grid, value.expand(len(grid))], dim=-1) for value in grid.flip(0)]
    elif (categories := bottleneck.width - numbers) > 0:
        drawn = torch.randn(options.samples, numbers, generator=generator)
        rows = [torch.cat([drawn, one.expand(len(drawn), -1)], dim=-1) for one in torch.eye(categories)]
    else:
        rows = [torch.randn(options.samples, numbers, generator=generator)]
        if not options.speakers:
            rows = list(rows[0].split(max(1, round(options.samples**0.5))))
    voices = [(experiment.speakers.index(name), name) for name in options.speakers] or [(-1, None)]
    return [[((vector.to(device), place), name) for vector in row] for place, name in voices for row in rows]


def probed(
    made: Sequence[Utterance],
    model: UnitModel,
    signals: Signals,
    experiment: Experiment,
    folder: Path,
    *,
    corpus: Path,
    tier: str | None,
    access: CorpusAccess,
) -> tuple[float | None, float | None]:
    """How often a probe that learned from real items names new ones as was told, and how often real ones."""
    table, hears = heard_corpus(experiment, folder, corpus, access)
    labelled = {utterance.id: utterance for utterance in read_corpus(corpus, access.allow_pipes)}
    real = chosen([labelled[utterance.id] for utterance in table])
    with console.progress("encoding", len(real)) as advance:
        items = latents_of(model, hears, real, speakers=experiment.speakers, advance=advance).refuse_none()
    probe = Probe.learned(items.summaries, labels_of(items.utterances, tier, corpus), 0)
    if probe is None:
        console.say(f"{corpus}: has no two labels that a probe could learn, so nothing is named")
        return None, None
    told = [one for one in made if one.speaker in probe.names]
    if not told:
        return None, probe.accuracy
    seen = latents_of(model, signals, told, speakers=experiment.speakers, advance=lambda done: None)
    read = probe.read(seen.summaries).argmax(-1).tolist() if seen.utterances else []
    right = [probe.names[code] == one.speaker for code, one in zip(read, seen.utterances, strict=True)]
    return sum(right) / len(told), probe.accuracy  # what cannot be read is wrong
