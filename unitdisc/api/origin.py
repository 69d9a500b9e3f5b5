"""What training takes over of another experiment, or of `unitdisc discover`: a network, its features and its units."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from unitdisc import console
from unitdisc.bottlenecks.discovered import Discovered
from unitdisc.clustering.codebook_files import read_codebook
from unitdisc.corpus.access import CorpusAccess
from unitdisc.data.signals import Signals
from unitdisc.experiment import Experiment, ExperimentError, config, load, weights_checksum
from unitdisc.files.text import read_json
from unitdisc.model import UnitModel
from unitdisc.segmentation.templates.states import StateScores
from unitdisc.segmentation.templates.storage import ASKED, SCORES, SUMMARY, VECTORS, read_scores, round_folder


@dataclass(frozen=True)
class FoundUnits:
    """What `discover` has learned beside its network."""

    scores: StateScores
    finer: int
    vectors: np.ndarray  # [K (+ 1), D], the mean frames of units, and of blanks

    @property
    def options(self) -> dict:
        """Those of the bottleneck."""
        return {"units": self.scores.units, "blank": self.scores.has_blank, "finer": self.finer}


@dataclass(frozen=True)
class Origin:
    """An experiment that another begins with; of `discover`, with its units."""

    folder: Path
    experiment: Experiment
    model: UnitModel
    units: FoundUnits | None

    @classmethod
    def read(cls, given: Path, wants_units: bool) -> "Origin":
        """Of the folder of an experiment, or of one that `discover` filled.

        Raises ExperimentError where it is neither, or has no units where units are wanted.
        """
        folder, units = last_experiment(given), None
        if wants_units:
            if folder == given:
                raise ExperimentError(
                    f"{given}: is an experiment, without units; give a folder that `unitdisc discover` filled"
                )
            scores, finer = read_scores(folder.parent / SCORES)
            units = FoundUnits(scores, finer, read_codebook(given / VECTORS).vectors)
        experiment, model = load(folder)
        return cls(folder, experiment, model, units)

    def network(self, point: str) -> dict:
        """What an encoder has to know of the network: `ExperimentFrames.network`."""
        kind, dim = self.experiment.options["bottleneck"]["kind"], self.model.bottleneck.dim
        if point == "bottleneck" and kind != "linear":
            raise config.ConfigError(
                f"[encoder] 'experiment': the bottleneck of {self.folder} is {kind!r}, not 'linear'; set encoder.point "
                "to 'encoder', for the frames before it"
            )
        encoder = self.experiment.options["encoder"]
        return {"encoder": encoder, "dim": dim, "weights": weights_checksum(self.folder)}

    def give(self, model: UnitModel) -> None:
        """Lets a model begin with the weights."""
        linear = self.model.bottleneck.project if model.encoder.project is not None else None
        model.encoder.take_over(self.model.encoder, linear)
        if isinstance(model.bottleneck, Discovered):
            model.bottleneck.take_over(self.model.objective.head, self.units.scores, self.units.vectors)

    def signals(self, access: CorpusAccess) -> Signals:
        return self.experiment.signals(self.folder, cache=access.cache, allow_pipes=access.allow_pipes)


def last_experiment(given: Path) -> Path:
    """The experiment in a folder, or that of the last round of `discover`. Raises ExperimentError if there is none."""
    if (given / "experiment.json").exists():
        return given
    if (given / SUMMARY).exists():
        rounds = read_json(given / SUMMARY)["rounds"]
        if rounds:
            return round_folder(given, rounds) / "experiment"
        raise ExperimentError(
            f"{given}: its units are templates, and no network knows them; discover with `rounds` above 0"
        )
    if (given / ASKED).exists():
        raise ExperimentError(f"{given}: discovery has not come to its end there; run it again, and it goes on")
    if (given / "units").exists():
        raise ExperimentError(
            f"{given}: has units of a corpus, and not what found them; give the folder that they were learned in"
        )
    what = "is neither an experiment nor a folder that `unitdisc discover` filled" if given.exists() else "is not there"
    raise ExperimentError(f"{given}: {what}")


def with_origin(options: dict, units: Path | None, folder: Path) -> tuple[dict, Origin | None]:
    """The options of an experiment, with what it takes over of another, and that other one.

    units: instead of encoder.folder. folder: of the experiment; where training has begun there, and the other is gone,
    there is nothing to take over any more. Raises ConfigError for options that cannot be, ExperimentError for a folder
    that cannot be used.
    """
    encoder, bottleneck = (dict(options.get(table, {})) for table in ("encoder", "bottleneck"))
    wants_units = bottleneck.get("kind") == "discovered"
    if encoder.get("kind") != "experiment":
        if units is not None:
            raise config.ConfigError(
                f"`units` {units}: are for an encoder that is their network; take the preset units-handwriting or "
                "units-speech, or set encoder.kind to 'experiment'"
            )
        if wants_units:
            raise config.ConfigError("[bottleneck] 'discovered' needs its network; set encoder.kind to 'experiment'")
        return options, None
    encoder |= {} if units is None else {"folder": str(units)}
    refuse_own(encoder, bottleneck, wants_units)
    if wants_units:
        refuse_misfits(options, encoder)
    given = Path(encoder.get("folder") or "")
    if not encoder.get("folder"):
        raise config.ConfigError(
            "[encoder] 'experiment' is the network of another experiment, or of `unitdisc discover`; give that folder "
            "as `units`, or as encoder.folder"
        )
    if not given.exists() and (folder / "experiment.json").exists():
        console.say(f"{given} is not there any more; going on with what {folder} has of it")
        return with_options_there(options, encoder, bottleneck, Experiment.read(folder).options), None
    origin = Origin.read(given, wants_units)
    encoder["network"] = origin.network(encoder.get("point", "bottleneck"))
    features = shared_features(options.get("features", {}), origin)
    bottleneck |= origin.units.options if origin.units else {}
    return {**options, "features": features, "encoder": encoder, "bottleneck": bottleneck}, origin


def with_options_there(options: dict, encoder: dict, bottleneck: dict, there: dict) -> dict:
    """The options, with what the same experiment has taken over before."""
    encoder |= {"network": there.get("encoder", {}).get("network")}
    kept = ("units", "blank", "finer")
    bottleneck |= {name: value for name, value in there.get("bottleneck", {}).items() if name in kept}
    return {**options, "features": there["features"], "encoder": encoder, "bottleneck": bottleneck}


def refuse_own(encoder: dict, bottleneck: dict, wants_units: bool) -> None:
    """Raises ConfigError for options that only training writes."""
    own = [f"encoder.{name}" for name in ("network",) if name in encoder]
    own += [f"bottleneck.{name}" for name in ("units", "blank", "finer") if wants_units and name in bottleneck]
    if own:
        raise config.ConfigError(f"{', '.join(own)}: read off the folder of the network; leave it out")


def refuse_misfits(options: dict, encoder: dict) -> None:
    """Raises ConfigError where the rest does not fit units that are known beforehand."""
    if encoder.get("point", "bottleneck") != "bottleneck" or not encoder.get("frozen", True):
        raise config.ConfigError(
            "[bottleneck] 'discovered' reads the frames that its units were learned from; leave encoder.point and "
            "encoder.frozen out"
        )
    if Experiment(options, [], {}).has("codes"):
        raise config.ConfigError("[bottleneck] 'discovered' has its codes; choose an objective that predicts none")
    if options.get("augmentation"):
        raise config.ConfigError(
            "[augmentation] changes what an encoder hears, and units are those of what was not changed; leave it out"
        )


def shared_features(given: dict, origin: Origin) -> dict:
    """The features of the network. Raises ConfigError where others were asked for."""
    there = json.loads(json.dumps(asdict(origin.experiment.features())))
    different = sorted(name for name, value in given.items() if there.get(name) != json.loads(json.dumps(value)))
    if different:
        said = ", ".join(f"{name} = {given[name]!r}, and there {there.get(name)!r}" for name in different)
        raise config.ConfigError(f"[features] are those of the network in {origin.folder}: here {said}; leave them out")
    return dict(origin.experiment.options["features"])
