"""unitdisc generate: new items, of noise, or drawn from the prior of latents of whole items."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from unitdisc import console
from unitdisc.api.generate_latents import named_rightly, of_latents, probe_of, refuse_no_prior
from unitdisc.api.morph_ways import picture_of
from unitdisc.api.paths import takes_paths
from unitdisc.api.resynthesise import refuse_unknown
from unitdisc.api.sample import CORPUS, FACTS, refuse_folder
from unitdisc.corpus import Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.manifest import write_manifest
from unitdisc.evaluation.settings import versions
from unitdisc.experiment import Experiment, ExperimentError, load, weights_checksum
from unitdisc.files import write_json
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.generation.items import GenerateOptions, in_rows, items_to_make, made_items, refuse_untold, write_items
from unitdisc.inference.whole_items import has_whole_items
from unitdisc.media.image import BLANK, write_image
from unitdisc.media.sheets import sheet
from unitdisc.model import UnitModel
from unitdisc.objectives import MakesItems
from unitdisc.training.devices import usable_device

SHEET = "sheet.png"


@dataclass(frozen=True)
class Generated:
    """The files, and, where there were labels to learn, how often a probe names new and real items rightly."""

    files: list[Path]
    named_rightly: float | None = None  # of new items that were told a label
    probe_accuracy: float | None = None  # of real items, held out


@takes_paths
@filling(lambda given: [given["folder"]])
def generate(
    experiment_folder: Path,
    folder: Path,
    options: GenerateOptions = GenerateOptions(),
    *,
    corpus: Path | None = None,
    tier: str | None = None,
    sheet_size: int | None = None,
    access: CorpusAccess = CorpusAccess(),
    device: str | None = None,
) -> Generated:
    """Has an experiment make new items, such as characters or words: of noise, by the generator of a `gan`, `infogan`
    or `bigan`; or drawn from the prior of latents of whole items, by the decoder of an autoencoder, variational or
    adversarial.

    folder: to create or to go on with. Beside the images, or sounds, lie corpus.jsonl, a corpus of them with the codes
    that they were made of as intervals of the tier `code`, and sheet.png: a row for every code and speaker, the same
    noise in each column. The same seed gives the same bytes; of noise, more items are the same as fewer, and more.
    corpus: of real items, from whose labels (`tier`) a probe learns to name what was drawn of latents; those are right
    that are named as the speaker is called that they were drawn for. sheet_size: rows and columns of sheet.png, at most
    (default: all items are on it).

    Raises ExperimentError if the model makes none, its latents follow no prior, or it was not told of such a code or
    speaker, CorpusError for a corpus without such labels, LanguageError if the folder holds something else,
    ValueError for a `tier` without a corpus, or a `sheet_size` below 1.

    >>> files = unitdisc.generate("exp/gan", "exp/gan/made", unitdisc.GenerateOptions(100, seed=1)).files
    """
    if tier is not None and corpus is None:
        raise ValueError("`tier` says whose labels of `corpus` a probe learns; give `corpus`, or leave `tier` out")
    if sheet_size is not None and sheet_size < 1:
        raise ValueError(f"`sheet_size` must be 1 or more, not {sheet_size}")
    folder = folder_for_results(folder)
    experiment, model = load(experiment_folder, usable_device(device))
    refuse_unknown(options.speakers, experiment_folder, experiment)
    refuse_none(experiment_folder, experiment, model, options, corpus=corpus)
    made_of = {
        "experiment": {"name": experiment_folder.resolve().name, "model": weights_checksum(experiment_folder)},
        "options": asdict(options),
    }
    refuse_folder(folder, made_of)
    probe = None
    if corpus is not None:  # before anything is drawn, which takes longer
        probe = probe_of(model, experiment, experiment_folder, corpus, tier=tier, access=access)
    write_json(folder / FACTS, {"made_of": made_of})
    signals = experiment.signals(experiment_folder, cache=access.cache, allow_pipes=access.allow_pipes)
    if isinstance(model.objective, MakesItems):
        rows = of_noise(folder, model.objective, options, experiment=experiment)
    else:
        rows = of_latents(folder, model, signals, options, experiment=experiment)
    made = [one for row in rows for one in row]
    write_manifest(folder / CORPUS, made)
    pictures = [[picture_of(signals, one) for one in row] for row in rows]
    write_image(folder / SHEET, sheet([row[:sheet_size] for row in pictures[:sheet_size]]))
    say_blank(pictures)
    named = real = None
    if probe is not None:
        named = named_rightly(probe, made, model, signals=signals, experiment=experiment, corpus=corpus)
        real = probe.accuracy
    figures = {"named_rightly": named, "probe_accuracy": real} if corpus else {}
    write_json(folder / FACTS, {"made_of": made_of, **figures, "versions": versions()})
    return Generated([Path(one.path) for one in made], named, real)


def say_blank(pictures: Sequence[Sequence[np.ndarray]]) -> None:
    """Says how many items show nothing."""
    flat = [one for row in pictures for one in row]
    if blank := sum(np.ptp(one) < BLANK for one in flat):
        console.say(f"{blank} of {len(flat)} items are blank; commands that read corpus.jsonl leave blank images out")


def refuse_none(
    folder: Path, experiment: Experiment, model: UnitModel, options: GenerateOptions, corpus: Path | None
) -> None:
    """Raises ExperimentError for an experiment that makes no items, or not such ones."""
    kind = experiment.options["objective"]["kind"]
    if isinstance(model.objective, MakesItems):
        if corpus is not None:
            raise ExperimentError(f"{folder}: learned by {kind!r}; leave `corpus` out, and judge by eval/generated.py")
        refuse_untold(options, model.objective, folder)
    elif has_whole_items(model):
        refuse_no_prior(folder, experiment, model, options)
    else:
        raise ExperimentError(
            f"{folder}: learned by {kind!r}, makes nothing of noise, and has no latents of whole items to draw from; "
            "give a 'gan', 'infogan' or 'bigan', or one with a decoder and bottleneck.kind = 'global-gaussian'"
        )


def of_noise(
    folder: Path, maker: MakesItems, options: GenerateOptions, *, experiment: Experiment
) -> list[list[Utterance]]:
    """Makes and writes items; they are in rows of a sheet."""
    rows = items_to_make(options, maker, experiment)
    items = [item for row in rows for item in row]
    frames = made_items(maker, items, options.seed)
    made = write_items(folder, items, frames, features=experiment.features(), speakers=experiment.speakers)
    return in_rows(made, rows)
