"""unitdisc morph: from one item to another, or from one speaker to another, through the latents of whole items."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unitdisc import console
from unitdisc.api.morph_ways import (
    MorphOptions,
    Probe,
    Way,
    draw_ways,
    items_of_corpus,
    labels_of,
    picture_of,
    ways_of,
)
from unitdisc.api.paths import takes_paths
from unitdisc.bottlenecks import HasPosterior
from unitdisc.corpus import Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.manifest import write_manifest
from unitdisc.evaluation.settings import versions
from unitdisc.experiment import ExperimentError, load, weights_checksum
from unitdisc.files import write_json
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.files.made_of import facts_in, refuse_other
from unitdisc.inference.likelihood import check_likelihoods
from unitdisc.inference.whole_items import ItemLatents, bits_of_items, has_whole_items, latents_of
from unitdisc.media.image import write_image
from unitdisc.media.sheets import sheet
from unitdisc.model import UnitModel
from unitdisc.reports.morph_page import Shown, write_morph_page
from unitdisc.training.devices import usable_device

FACTS, PAGE, STRIP, CORPUS, STEPS = "morph.json", "index.html", "strip.png", "corpus.jsonl", "steps"
SLACK = 0.02  # by which a probability may fall, and count as constant
DRAWS = 16  # of latents, for how likely a step is


@dataclass(frozen=True)
class Morph:
    """One way from end to end, in steps.

    bits: that each step takes per value, latents included, at most, under the model that judges; None: nothing does, or
    what was drawn cannot be read. read: what the probe takes each step for. leaning: how probable the last end's label
    is, of both ends' labels, by the probe; none where both are the same, or there are no labels.
    """

    first: str
    last: str
    labels: tuple[str | None, str | None]
    files: list[str]
    bits: list[float | None]
    read: list[str]
    leaning: list[float]

    @property
    def monotone(self) -> bool | None:
        """Whether the probe leans towards the last end more with every step, but for SLACK."""
        return bool((np.diff(self.leaning) >= -SLACK).all()) if self.leaning else None

    @property
    def backwards(self) -> float | None:
        """How much of all that the probe's opinion moves it moves back, from 0, if it is monotone, to 1."""
        change = np.diff(self.leaning)
        return float(-change[change < 0].sum() / np.abs(change).sum()) if np.abs(change).sum() else None

    @property
    def hump(self) -> float | None:
        """Bits per value that the unlikeliest step between costs more than the unlikelier end; below 0: none does."""
        if len(self.bits) < 3 or None in self.bits:
            return None
        return max(self.bits[1:-1]) - max(self.bits[0], self.bits[-1])


@dataclass(frozen=True)
class MorphResult:
    """Ways from end to end, and how often the probe names the label of an item of the corpus rightly, held out."""

    folder: Path
    morphs: list[Morph]
    probe_accuracy: float | None

    def mean(self, figure: str) -> float | None:
        """Of `monotone`, `backwards` or `hump`, over those that have it."""
        found = [value for each in self.morphs if (value := getattr(each, figure)) is not None]
        return float(np.mean(found)) if found else None


@takes_paths
@filling(lambda given: [given["folder"]])
def morph(
    experiment_folder: Path,
    corpus: Path,
    folder: Path,
    options: MorphOptions,
    *,
    judge: Path | None = None,
    access: CorpusAccess = CorpusAccess(),
    device: str | None = None,
) -> MorphResult:
    """Draws what lies between two items of a corpus, on the straight line between their latents.

    The experiment has one latent for a whole item ("global-gaussian", "global-linear"). judge: another one, a
    variational autoencoder, that says how likely each step is (default: the experiment, if it is one). Writes steps/
    (PNG or WAV), corpus.jsonl of these, strip.png, a row for every pair, morph.json and index.html. A probe, an MLP
    that has learned labels from the features of the corpus, tells what it takes every step for.

    Raises ExperimentError for an experiment without such latents, LikelihoodError for a judge that cannot judge,
    CorpusError for unknown items, speakers or tiers, and ValueError as `MorphOptions` does, and for a folder that holds
    other ways, or something else.

    >>> ways = unitdisc.morph("exp/vae", "data/test.jsonl", "exp/morph", unitdisc.MorphOptions("a-3-00", "a-8-01"))
    """
    folder = folder_for_results(folder)
    place = usable_device(device)
    experiment, model = load(experiment_folder, place)
    refuse_cut(experiment_folder, model)
    judged_by = experiment_folder if judge is None else judge
    judging, judging_model = (experiment, model) if judge is None else load(judge, place)
    can_judge = isinstance(judging_model.bottleneck, HasPosterior)
    if judge is not None:
        check_likelihoods(judging_model, judge)
        if not can_judge:
            raise ExperimentError(f"{judge}: draws no latents, so it cannot judge; give a variational autoencoder")
    elif not can_judge:
        console.say(
            "how likely each step is stays unsaid: the experiment draws no latents; name one that does (`judge`)"
        )
    items, signals = items_of_corpus(model, experiment, experiment_folder, corpus, options=options, access=access)
    if options.of_speakers:
        labels = [utterance.speaker for utterance in items.utterances]
    else:
        labels = labels_of(items.utterances, options.tier, corpus)
    ways = ways_of(items, labels, options, experiment, signals)
    made_of = {
        "model": weights_checksum(experiment_folder),
        "judge": weights_checksum(judged_by) if can_judge else None,
        "corpus": str(corpus.resolve()),
        "options": asdict(options),
    }
    refuse_folder(folder, made_of)
    write_json(folder / FACTS, {"made_of": made_of})
    drawn = draw_ways(folder / STEPS, ways, model, signals, options=options)
    flat = [one for way in drawn for one in way]
    write_manifest(folder / CORPUS, flat)
    bits: dict[str, float] = {}
    if can_judge:
        hears = signals if judge is None else judging.signals(judged_by, cache=access.cache).with_speakers_of(flat)
        bits = bits_of_items(judging_model, hears, flat, speakers=judging.speakers, draws=DRAWS, seed=options.seed)
    with console.progress("probing", len(flat)) as advance:
        seen = latents_of(model, signals, flat, speakers=experiment.speakers, advance=advance)
    if can_judge and (unjudged := len(flat) - len(bits)):
        console.say(f"how likely {unjudged} of {len(flat)} steps are stays unsaid: {judged_by} cannot read them")
    if seen.problems:
        console.say(f"nothing is known of {len(seen.problems)} of {len(flat)} steps, the first: {seen.problems[0]}")
    probe = Probe.learned(items.summaries, labels, options.seed)
    found = [measured(way, files, seen, probe, bits) for way, files in zip(ways, drawn, strict=True)]
    result = MorphResult(folder, found, probe and probe.accuracy)
    facts = {
        "experiment": str(experiment_folder),
        "model": weights_checksum(experiment_folder),
        "judge": str(judged_by) if can_judge else None,
        "corpus": str(corpus),
        "options": asdict(options),
        "probe_accuracy": result.probe_accuracy,
    }
    figures = {name: result.mean(name) for name in ("monotone", "backwards", "hump")}
    rows = [[picture_of(signals, one) for one in way] for way in drawn]
    write_image(folder / STRIP, sheet(rows))
    write_morph_page(folder / PAGE, [Shown(one, row) for one, row in zip(found, rows)], facts | figures)
    told = [asdict(one) | {name: getattr(one, name) for name in figures} for one in found]
    write_json(folder / FACTS, {"made_of": made_of, **facts, **figures, "morphs": told, "versions": versions()})
    return result


def refuse_folder(folder: Path, made_of: dict[str, Any]) -> None:
    """Raises ValueError if a folder holds other ways, or something else, which would be written over."""
    facts = facts_in(folder / FACTS)
    if facts is not None:
        refuse_other(folder, "ways", there=facts.get("made_of") or {}, asked=made_of)
    elif there := [name for name in (CORPUS, PAGE, STRIP, STEPS) if (folder / name).exists()]:
        raise ValueError(f"{folder}: holds something else, {there[0]}, for it has no {FACTS}; choose another folder")


def refuse_cut(folder: Path, model: UnitModel) -> None:
    """Raises ExperimentError unless a model has one latent for a whole item, and makes items of latents."""
    if not has_whole_items(model):
        raise ExperimentError(
            f"{folder}: has no latents of whole items to draw from; give an experiment with a decoder and "
            "bottleneck.kind = 'global-gaussian' or 'global-linear'"
        )


def measured(
    way: Way, files: Sequence[Utterance], seen: ItemLatents, probe: Probe | None, bits: dict[str, float]
) -> Morph:
    """What is known of every step that was drawn."""
    places = {utterance.id: place for place, utterance in enumerate(seen.utterances)}
    read, leaning = [], []
    if probe is not None and all(one.id in places for one in files):
        told = probe.read(seen.summaries[[places[one.id] for one in files]])
        read = [probe.names[code] for code in told.argmax(-1).tolist()]
        first, last = way.labels
        if first != last and first in probe.names and last in probe.names:
            odds = told[:, probe.names.index(last)] - told[:, probe.names.index(first)]
            leaning = odds.sigmoid().tolist()
    names = [f"{STEPS}/{Path(one.path).name}" for one in files]
    return Morph(way.first, way.last, way.labels, names, [bits.get(one.id) for one in files], read, leaning)
