"""Whether a folder can be gone on with: only the experiment that it holds, but for what may change on the way."""

import json
from dataclasses import replace
from pathlib import Path

from unitdisc.experiment import Experiment, ExperimentError
from unitdisc.training.trainer import TrainingOptions

MAY_CHANGE = {  # between a stop and a resume
    "decoder.checkpoint",
    "encoder.folder",  # encoder.network says whether it is the same
    "training.checkpoint_every",
    "training.compile",
    "training.deterministic",
    "training.gradient_accumulation",
    "training.log_every",
    "training.steps",
    "training.valid_every",
    "training.workers",
}
DECIDING = ("kind", "reconstruction", "model", "revision")  # which other options there are, and their defaults


def check_same(experiment: Experiment, folder: Path) -> None:
    """Raises ExperimentError if the folder holds an experiment that differs: it cannot be continued."""
    if not (folder / "experiment.json").exists():
        if any((folder / "checkpoints").glob("step-*.pt")):
            raise ExperimentError(
                f"{folder}: has checkpoints but no experiment.json; restore it, or choose another folder"
            )
        return
    found = Experiment.read(folder)
    kinds = {
        table: {name: options[name] for name in DECIDING if name in options}
        for table, options in experiment.options.items()
    }
    defaults = replace(experiment, options=kinds).with_defaults(TrainingOptions)  # of what an older version had not
    once = {"training.order": "random", "objective.kind": "reconstruction"}  # there was no other
    old = flat(defaults.options) | once | flat(found.options)
    new = flat(experiment.options)
    different = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    falls_to_the_end = {"training.steps"} if new["training.schedule"] == "cosine" else set()  # its rates are by steps
    different = [name for name in different if name not in MAY_CHANGE - falls_to_the_end]
    if found.corpus.get("checksum") != experiment.corpus["checksum"] or found.speakers != experiment.speakers:
        there, here = (each.corpus.get("utterances") for each in (found, experiment))
        fewer = f", where {there} utterances could be used, here {here}" if there != here else ""
        different.append(f"the corpus ({found.corpus.get('path')} there{fewer})")
    if found.corpus.get("codes") != experiment.corpus.get("codes"):
        different.append("the codes in codes.folders")
    if different:
        raise ExperimentError(
            f"{folder}: holds another experiment, which differs in {', '.join(different)}; "
            "choose another folder, or remove this one"
        )


def flat(tables: dict[str, dict]) -> dict:
    """{table: {option: value}} as {"table.option": value}, as JSON would give it back."""
    plain = json.loads(json.dumps(tables))
    return {f"{table}.{name}": value for table, options in plain.items() for name, value in options.items()}
