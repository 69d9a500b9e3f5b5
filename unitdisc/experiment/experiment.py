"""An experiment folder: what a model was built from, its weights, and the history of its training.

experiment.json     the options as they were run, the corpus, sizes and versions
speakers.json       the speakers the decoder knows, sorted; their places are the indices of the model
statistics.json     mean and deviation of features and target
vtln.safetensors    the warps of speakers, where features.vtln asks for them
adaptation.safetensors  what the steps of features.adaptation have learnt, of all and of speakers
codes.safetensors   of whole utterances, where the bottleneck knows them before training
model.safetensors   the weights (running averages), written at every checkpoint
checkpoints/        where training resumes
log.jsonl           every loss and metric by name
"""

import hashlib
import platform
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import nn

from unitdisc import __version__
from unitdisc.adaptation.adaptation import FILE as ADAPTATION
from unitdisc.adaptation.adaptation import AdaptedSpeakers
from unitdisc.adaptation.base import AdaptationError
from unitdisc.adaptation.vtln import FILE as WARPS
from unitdisc.adaptation.vtln import Warps
from unitdisc.bottlenecks import BOTTLENECKS, Bottleneck, Coded, MixesCategories, OfWholeItems
from unitdisc.conditioning import Conditioner, TimeJitter
from unitdisc.data.augmentation import Augmentation, augmentation_class
from unitdisc.data.base import Features, Target
from unitdisc.data.cache import DiskCache
from unitdisc.data.codes import CodesOptions
from unitdisc.data.features import FEATURES, features_class
from unitdisc.data.normalisation import Normaliser
from unitdisc.data.signals import Signals
from unitdisc.data.targets import TARGETS, NoTarget
from unitdisc.decoders import DECODERS
from unitdisc.encoders import ENCODERS, Encoder, TwoStage
from unitdisc.experiment import config
from unitdisc.files import take_away, write_json, written_aside
from unitdisc.files.text import read_json
from unitdisc.model import UnitModel
from unitdisc.objectives import OBJECTIVES, ChoosesFeatures, ComparesViews, Reconstruction, SpeakerAdversary
from unitdisc.training.weights import weights

TABLES = (
    "features",
    "target",
    "augmentation",
    "encoder",
    "bottleneck",
    "objective",
    "codes",
    "adversary",
    "jitter",
    "conditioner",
    "decoder",
    "training",
)
OPTIONAL = ("jitter", "conditioner", "decoder")  # parts that a model has if its objective needs them
WEIGHTS = "model.safetensors"
DERIVED = {  # from other tables
    "adversary": ("latent_dim", "num_speakers"),
    "augmentation": ("features",),
    "encoder": ("in_dim", "features"),
    "bottleneck": ("frame_rate", "frames_per_100_columns", "values_per_latent", "num_speakers"),
    "objective": (
        "features",
        "in_dim",
        "encoder_dim",
        "stride",
        "local_dim",
        "causal",
        "latent_dim",
        "num_speakers",
        "item_width",
        "item_categories",
        "codebooks",
        "codebook_size",
    ),
    "decoder": ("levels", "rate", "hop"),
}
RESTORE = "restore it, or train again into another folder"
REWRITE = "remove it and run the same `unitdisc train` again, which writes it from the last checkpoint"


class ExperimentError(ValueError):
    """An experiment folder is missing, incomplete or does not fit; the message says which file and the cure."""


@dataclass(frozen=True)
class Experiment:
    """What it takes to build a model again."""

    options: dict  # the config as it was run, overrides included
    speakers: list[str]
    corpus: dict  # name, checksum, counts of the training corpus

    def with_defaults(self, training: type) -> "Experiment":
        """The same with every option spelt out, so that a later version's defaults change nothing.

        Without the tables of parts that the model does not have.
        """
        families = {
            "encoder": (ENCODERS, "conv"),
            "bottleneck": (BOTTLENECKS, "vq"),
            "objective": (OBJECTIVES, "reconstruction"),
            "decoder": (DECODERS, "wavenet"),
        }
        parts = {"codes": CodesOptions, "jitter": TimeJitter, "conditioner": Conditioner, "training": training}
        parts |= {"target": type(self.target())}
        parts |= {"augmentation": augmentation_class(self.features()), "adversary": SpeakerAdversary}
        full = {"features": asdict(self.features())}  # what they found out of a network's files is among them
        for table in filter(self.has, TABLES[1:]):
            options = self.options.get(table, {})
            if table in families:
                family, default = families[table]
                options = {"kind": default, **options}
                full[table] = {**config.defaults(family[options["kind"]], DERIVED.get(table, ())), **options}
            else:
                full[table] = {**config.defaults(parts[table], DERIVED.get(table, ())), **options}
        return replace(self, options=full)

    def has(self, table: str) -> bool:
        """Whether the model has the part that a table is of."""
        kind = self.options.get("objective", {}).get("kind", "reconstruction")
        if not isinstance(kind, str) or kind not in OBJECTIVES:
            raise config.ConfigError(f"[objective] unknown kind {kind!r}: choose one of {sorted(OBJECTIVES)}")
        needs = {*OBJECTIVES[kind].needs}
        if self.options.get("objective", {}).get("reconstruction"):
            needs |= {*Reconstruction.needs}
        if self.options.get("objective", {}).get("told") == "codes":
            needs |= {"codes"}
        if table == "target":
            return "decoder" in needs
        if table == "adversary":
            return table in self.options
        return table not in (*OPTIONAL, "codes") or table in needs

    def features(self) -> Features:
        options = self.options.get("features", {})
        try:
            factory = features_class(options.get("kind", "mfcc"))
        except ValueError as error:
            raise config.ConfigError(f"[features]: {error}") from error
        return config.construct("[features]", factory, options)

    def augmentation(self) -> Augmentation:
        """What is done in training to what the encoder hears."""
        options, features = self.options.get("augmentation", {}), self.features()
        return config.construct("[augmentation]", augmentation_class(features), options, features=features)

    def target(self) -> Target:
        """What the decoder predicts follows from its kind."""
        if not self.has("decoder"):
            return NoTarget()
        kind = self.options.get("decoder", {}).get("kind", "wavenet")
        if kind not in DECODERS:
            raise config.ConfigError(f"[decoder] unknown kind {kind!r}: choose one of {sorted(DECODERS)}")
        features, predicted = self.features(), DECODERS[kind].target
        if predicted not in features.targets:
            what = "recordings" if features.images else "line images"
            kinds = [name for name, other in FEATURES.items() if predicted in other.targets]
            fitting = repr(kinds[0]) if len(kinds) == 1 else f"one of {sorted(kinds)}"
            raise config.ConfigError(
                f"[decoder] {kind!r} predicts {what}: set features.kind to {fitting}, or choose one of "
                f"{sorted(name for name, other in DECODERS.items() if other.target in features.targets)}"
            )
        return self.target_of(predicted)

    def target_of(self, kind: str) -> Target:
        options = self.options.get("target", {})
        return config.construct("[target]", TARGETS[kind], options, **self.features().target_sizes)

    def codes(self) -> CodesOptions | None:
        """Which codes the objective predicts; None if it predicts none."""
        return config.construct("[codes]", CodesOptions, self.options.get("codes", {})) if self.has("codes") else None

    def build(self) -> UnitModel:
        """Each component learns from the one before it how wide its input is."""
        config.check_tables(self.options, TABLES)
        table = {name: self.options.get(name, {}) for name in TABLES}
        features, augmentation = self.features(), self.augmentation()
        encoder = config.build("encoder", ENCODERS, table["encoder"], "conv", in_dim=features.dim, features=features)
        sizes = {"in_dim": encoder.dim, "num_speakers": len(self.speakers), **features.frame_rates(encoder.stride)}
        sizes["values_per_latent"] = max(1, encoder.stride * self.target().values_per_frame)
        bottleneck = config.build("bottleneck", BOTTLENECKS, table["bottleneck"], "vq", **sizes)
        sizes = {"latent_dim": bottleneck.dim, "num_speakers": len(self.speakers)}
        optional = self.optional_parts(**sizes)
        if self.has("adversary"):
            optional["adversary"] = config.construct("[adversary]", SpeakerAdversary, table["adversary"], **sizes)
        sizes |= {
            "features": features,
            "in_dim": features.dim,
            "encoder_dim": encoder.dim,
            "stride": encoder.stride,
            **sizes_between_stages(encoder),
            **sizes_of_items(bottleneck),
        }
        codes = self.codes()
        sizes |= {"codebooks": codes.codebooks, "codebook_size": codes.num_codes} if codes else {}
        objective = config.build("objective", OBJECTIVES, table["objective"], "reconstruction", **sizes)
        if isinstance(objective, ComparesViews) and objective.needs_augmentation and not augmentation.is_on:
            what = "compares two voices of every crop, which without augmentation are one; set augmentation.warp, say"
            raise config.ConfigError(f"[objective] {table['objective']['kind']!r} {what}")
        if isinstance(objective, ChoosesFeatures) and (why := objective.why_not(features.kind)):
            raise config.ConfigError(f"[objective] {table['objective']['kind']!r} {why}")
        model = UnitModel(encoder, bottleneck, objective, **optional)
        check_sizes(model)
        return model

    def optional_parts(self, latent_dim: int, num_speakers: int) -> dict[str, nn.Module]:
        """Those parts that the objective needs, by name. A decoder needs a conditioner."""
        table, parts = {name: self.options.get(name, {}) for name in OPTIONAL}, {}
        if self.has("jitter"):
            parts["jitter"] = config.construct("[jitter]", TimeJitter, table["jitter"])
        if self.has("conditioner"):
            sizes = {"latent_dim": latent_dim, "num_speakers": num_speakers}
            parts["conditioner"] = config.construct("[conditioner]", Conditioner, table["conditioner"], **sizes)
        if self.has("decoder"):
            sizes = {"condition_dim": parts["conditioner"].dim, **self.target().decoder_sizes}
            parts["decoder"] = config.build("decoder", DECODERS, table["decoder"], "wavenet", **sizes)
        return parts

    def save(self, folder: Path, signals: Signals) -> None:
        """Writes everything but the weights."""
        versions = {"unitdisc": __version__, "torch": torch.__version__, "numpy": np.__version__}
        versions["python"] = platform.python_version()
        statistics = {
            "features": signals.feature_normaliser.to_json(),
            "target": signals.target_normaliser.to_json(),
        }
        if signals.warps is not None:
            signals.warps.write(folder / WARPS)
        if signals.adaptation is not None:
            signals.adaptation.write(folder / ADAPTATION)
        write_json(folder / "statistics.json", statistics)
        write_json(folder / "speakers.json", self.speakers)
        write_json(folder / "experiment.json", {"options": self.options, "corpus": self.corpus, "versions": versions})

    @classmethod
    def read(cls, folder: Path) -> "Experiment":
        """Reads what `save` wrote. Raises ExperimentError where there is no experiment, or a damaged one."""
        fields, speakers = read_part(folder, "experiment.json", dict), read_part(folder, "speakers.json", list)
        options, corpus = fields.get("options"), fields.get("corpus")
        if not all(isinstance(part, dict) for part in (options, corpus)):
            raise damaged(Path(folder) / "experiment.json", "it lacks options or corpus")
        if not all(isinstance(table, dict) for table in options.values()):
            raise damaged(Path(folder) / "experiment.json", "options must be tables")
        if not speakers or not all(isinstance(speaker, str) for speaker in speakers):
            raise damaged(Path(folder) / "speakers.json", "it must list names")
        return cls(options, speakers, corpus)

    def signals(self, folder: Path, cache: Path | None = None, allow_pipes: bool = False) -> Signals:
        """How this experiment turns utterances into numbers, with the statistics it was trained with."""
        statistics = read_part(folder, "statistics.json", dict)
        try:
            normalisers = [Normaliser.from_json(statistics[name]) for name in ("features", "target")]
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise damaged(Path(folder) / "statistics.json", f"{type(error).__name__}: {error}") from error
        signals = Signals(self.features(), self.target(), *normalisers, cache=DiskCache(cache), allow_pipes=allow_pipes)
        try:
            warps = Warps.read(Path(folder) / WARPS) if signals.warps_differ else None
            adaptation = AdaptedSpeakers.read(Path(folder) / ADAPTATION) if signals.is_adapted else None
            return replace(signals, warps=warps, adaptation=adaptation)
        except AdaptationError as error:
            raise ExperimentError(f"{error}; {RESTORE}") from error


def load(folder: Path, device: str = "cpu") -> tuple[Experiment, UnitModel]:
    """The experiment in a folder and its model, ready to use. Runs no code from the folder.

    Raises ExperimentError where there is no experiment, or a damaged one.

    >>> experiment, model = unitdisc.load("exp/vq")
    >>> experiment.features().rate, model.encoder.stride
    """
    experiment = Experiment.read(folder)
    try:
        model = experiment.build()
    except (ValueError, TypeError) as error:  # these options trained it once
        raise damaged(Path(folder) / "experiment.json", error) from error
    path = Path(folder) / WEIGHTS
    if not path.exists():
        raise ExperimentError(f"{path}: no weights yet; `unitdisc train` writes them at its first checkpoint")
    try:
        state = safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise ExperimentError(f"{path}: damaged ({error}); {REWRITE}") from error
    expected = weights(model)
    shapes = [{name: tensor.shape for name, tensor in part.items()} for part in (expected, state)]
    if different := sorted(dict(shapes[0].items() ^ shapes[1].items())):
        what = f"holds the weights of another model: {len(different)} differ, such as {different[0]}"
        raise ExperimentError(f"{path}: {what}; {REWRITE}")
    model.load_state_dict(state, strict=False)  # what only training needs is not there
    return experiment, model.eval().to(device)


def sizes_between_stages(encoder: Encoder) -> dict[str, int]:
    """What objectives may ask of the local frames of an encoder; 0 and False where it has none."""
    if isinstance(encoder, TwoStage):
        return {"local_dim": encoder.local_dim, "causal": encoder.causal}
    return {"local_dim": 0, "causal": False}


def sizes_of_items(bottleneck: Bottleneck) -> dict[str, int]:
    """What objectives may ask of latents of whole items; 0 where there are none."""
    width = bottleneck.width if isinstance(bottleneck, OfWholeItems) else 0
    return {
        "item_width": width,
        "item_categories": width - bottleneck.continuous if isinstance(bottleneck, MixesCategories) else 0,
    }


def check_sizes(model: UnitModel) -> None:
    """Raises ConfigError if a size of 0 leaves a component without weights or without codes."""
    empty = [name for name, weight in model.named_parameters() if not weight.numel()]
    if isinstance(model.bottleneck, Coded) and model.bottleneck.num_codes < 1:
        empty.append("bottleneck.num_codes")
    if empty:
        raise config.ConfigError(f"[{empty[0].partition('.')[0]}] {empty[0]} is empty; every size must be 1 or more")


def save_weights(folder: Path, model: torch.nn.Module) -> None:
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in weights(model).items()}
    with written_aside(folder / WEIGHTS) as aside:
        aside.write_bytes(safetensors.torch.save(state))
    for leftover in folder.glob(f".{WEIGHTS}.*.tmp"):  # of a killed run
        take_away(leftover)


def weights_checksum(folder: Path) -> str:
    """Names the weights of an experiment: encodings carry it."""
    return hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()[:16]


def read_part(folder: Path, name: str, kind: type, cure: str = RESTORE):
    """The JSON value in a file of an experiment, which must be of a kind. Raises ExperimentError if it is not."""
    path = Path(folder) / name
    if not path.exists():
        raise ExperimentError(f"{path}: not there; is {folder} a folder made by `unitdisc train`?")
    try:
        value = read_json(path)
    except ValueError as error:
        raise damaged(path, error, cure) from error
    if not isinstance(value, kind):
        raise damaged(path, f"it is no {kind.__name__}", cure)
    return value


def damaged(path: Path, why: object, cure: str = RESTORE) -> ExperimentError:
    return ExperimentError(f"{path}: damaged ({why}); {cure}")
