"""unitdisc card: a model as a folder to hand on, with a card that says what it is."""

import shutil
from pathlib import Path, PurePath

from unitdisc.api.paths import takes_paths
from unitdisc.bottlenecks import Coded
from unitdisc.encoders.pretrained import HasUpperLayers, PretrainedLayers
from unitdisc.experiment import ExperimentError, load
from unitdisc.experiment.experiment import WEIGHTS, read_part, weights_checksum
from unitdisc.files import write_json, write_text, written_aside
from unitdisc.files.atomic import writing
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.reports.card import card as text_of

CARD = "README.md"
NETWORK = "transformers"
AGAIN = "run `unitdisc report` on it again"


@takes_paths
@filling(lambda given: [given["folder"]])
def card(
    experiment_folder: Path,
    folder: Path,
    *,
    licence: str | None = None,
    cite: str | None = None,
) -> Path:
    """Copies what a model needs into a folder, and writes its card, README.md, which it gives.

    The card has the front matter that Hugging Face reads, what the model was trained on (corpus, hours, speakers,
    steps), the scores of EXPERIMENT/report if there are any, licence, and how to cite it. The folder is an experiment,
    which `encode`, `load` and all else open; checkpoints, log and report stay behind, and of the corpus only the names
    of its file and folder are told. It has the names of the speakers.

    Where the encoder is the upper layers of a network of others, that network with these layers is in its folder
    `transformers`, as that library opens it.

    folder: to create, or one that has this model already. licence: an identifier such as cc-by-4.0. cite: a sentence,
    or BibTeX.

    Raises ExperimentError where there is no whole model, or the report is damaged, ReportError for a licence that is no
    identifier, ValueError if `folder` is the experiment itself, or has something else in it, which would be written
    over.

    >>> unitdisc.card("exp/vq", "handed-on/vq", licence="cc-by-4.0").read_text()
    """
    folder = folder_for_results(folder)
    if folder.resolve() == experiment_folder.resolve():
        raise ValueError(f"{folder}: is the experiment itself, which stays as it is; name another folder")
    experiment, model = load(experiment_folder)  # or there is nothing to hand on
    features, is_of_network = experiment.features(), isinstance(model.encoder, PretrainedLayers)
    checksum = weights_checksum(experiment_folder)
    refuse_something_else(folder, checksum)
    told = read_part(experiment_folder, "experiment.json", dict)
    report = experiment_folder / "report"
    scores = read_part(report, "scores.json", dict, cure=AGAIN) if (report / "scores.json").exists() else {}
    source = str(told["corpus"].get("path", ""))
    told = told | {"corpus": told["corpus"] | {"path": "/".join(PurePath(source).parts[-2:])}}
    try:
        text = text_of(
            folder.resolve().name,
            told,
            checksum=checksum,
            codes=model.bottleneck.num_codes if isinstance(model.bottleneck, Coded) else None,
            scores=scores,
            licence=licence,
            cite=cite,
            layer=features.layer + model.encoder.depth if is_of_network else None,
        )
    except (AttributeError, KeyError, TypeError) as error:
        what = "experiment.json, or report/scores.json, is damaged"
        raise ExperimentError(f"{experiment_folder}: {what} ({error}); {AGAIN}, or restore it") from error
    # The weights first, by which a run after a killed one knows the folder.
    parts = [experiment_folder / name for name in (WEIGHTS, "speakers.json", "statistics.json")]
    for path in dict.fromkeys((*parts, *sorted(experiment_folder.glob("*.safetensors")))):
        with written_aside(folder / path.name) as aside:
            shutil.copyfile(path, aside)
    if is_of_network:
        save_network(features, model.encoder, folder / NETWORK)
    write_json(folder / "experiment.json", told)
    write_text(folder / CARD, text)
    return folder / CARD


def save_network(features: HasUpperLayers, encoder: PretrainedLayers, folder: Path) -> None:
    """The whole network that the encoder is the upper layers of, in the format of `transformers`: all of it or none."""
    aside = folder.with_name(f".{folder.name}.part")  # of a killed run, perhaps
    shutil.rmtree(aside, ignore_errors=True)
    with writing(folder):
        features.save_with(encoder.layers, aside)
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)


def refuse_something_else(folder: Path, checksum: str) -> None:
    """Raises ValueError for a folder that has files, but not those of the model with this checksum."""
    there = {path.name for path in folder.glob("*") if not path.name.startswith(".")}
    same = WEIGHTS in there and weights_checksum(folder) == checksum and "checkpoints" not in there
    if there and not same:
        what = next((name for name in ("checkpoints", WEIGHTS) if name in there), min(there))
        raise ValueError(f"{folder}: has {what} in it, which is not of this card; name a folder that is empty or new")
