"""unitdisc generate: whole items, such as characters, that a model makes of noise."""

from dataclasses import asdict
from pathlib import Path

from unitdisc.api.paths import takes_paths
from unitdisc.api.resynthesise import refuse_unknown
from unitdisc.api.sample import CORPUS, FACTS, refuse_folder
from unitdisc.corpus.manifest import write_manifest
from unitdisc.evaluation.settings import versions
from unitdisc.experiment import ExperimentError, load, weights_checksum
from unitdisc.files import write_json
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.generation.items import ItemOptions, items_to_make, made_items, sheet_of, write_items
from unitdisc.media.image import write_image
from unitdisc.objectives import MakesItems
from unitdisc.training.devices import usable_device

SHEET = "sheet.png"


@takes_paths
@filling(lambda given: [given["folder"]])
def generate(
    experiment_folder: Path, folder: Path, options: ItemOptions = ItemOptions(), *, device: str | None = None
) -> list[Path]:
    """Has the generator of an experiment (`gan`, `infogan`, `bigan`) make items of noise; returns their files.

    folder: to create or to go on with. Beside the images lie corpus.jsonl, a corpus of them with the codes that they
    were made of as intervals of the tier `code`, and sheet.png: a row for every code, the same noise in each column.
    The same seed gives the same bytes, and more items the same as fewer, and more.
    Raises ExperimentError if the model makes none, or was not told of such a code or speaker, and LanguageError if
    the folder holds something else.

    >>> files = unitdisc.generate("exp/gan", "exp/gan/made", unitdisc.ItemOptions(100, seed=1))
    """
    folder = folder_for_results(folder)
    place = usable_device(device)
    experiment, model = load(experiment_folder, place)
    maker = model.objective
    if not isinstance(maker, MakesItems):
        kind = experiment.options["objective"]["kind"]
        raise ExperimentError(
            f"{experiment_folder}: learned by {kind!r}, and makes nothing of noise; give a 'gan', 'infogan' or 'bigan'"
        )
    refuse_unknown([] if options.speaker is None else [options.speaker], experiment_folder, experiment)
    items = items_to_make(options, maker, experiment, folder=experiment_folder)
    made_of = {
        "experiment": {"name": experiment_folder.resolve().name, "model": weights_checksum(experiment_folder)},
        "options": asdict(options),
    }
    refuse_folder(folder, made_of)
    write_json(folder / FACTS, {"made_of": made_of})
    made = made_items(maker, items, options.seed, device=place)
    files, utterances = write_items(folder, items, made, speakers=experiment.speakers)
    write_manifest(folder / CORPUS, utterances)
    write_image(folder / SHEET, sheet_of(items, made))
    write_json(folder / FACTS, {"made_of": made_of, "versions": versions()})
    return files
