"""FEATURES: which class a `[features] kind` builds."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.base import Features
from unitdisc.data.bounded_mel import BoundedLogMel
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.data.gradient_features import GradientFeatures
from unitdisc.data.pretrained import PretrainedColumns, PretrainedFeatures
from unitdisc.data.pretrained.folders import config_of, located

FEATURES: dict[str, type[Features]] = {
    "mfcc": AcousticFeatures,
    "log-mel": AcousticFeatures,
    "waveform": AcousticFeatures,
    "bounded-log-mel": BoundedLogMel,
    "columns": ColumnFeatures,
    "gradients": GradientFeatures,
    "pretrained": PretrainedFeatures,
    "pretrained-columns": PretrainedColumns,
}


def features_class(kind: str) -> type[Features]:
    """The class of features of a kind. Raises ValueError if there are none such."""
    if not isinstance(kind, str) or kind not in FEATURES:
        raise ValueError(f"unknown features {kind!r}: choose one of {sorted(FEATURES)} (columns: of line images)")
    return FEATURES[kind]


def features_of_kind(kind: str | None = None, **options: Any) -> Features:
    """Features of a kind with these options; those that are None are left at their defaults.

    kind: one of FEATURES (default: that which reads `model`, if there is one, else "mfcc").
    Raises ValueError as `features_class` does, and for options that the kind does not have.
    """
    given = {name: value for name, value in options.items() if value is not None}
    kind = kind or default_kind(given)
    factory = features_class(kind)
    known = [field.name for field in fields(factory)]
    if foreign := sorted(given.keys() - {*known}):
        told = ", ".join(f"`{name}`" for name in foreign)
        raise ValueError(f"{told}: the features {kind!r} have no such option; they have {known[1:]}")
    return factory(kind=kind, **given)


def default_kind(options: Mapping[str, Any]) -> str:
    if "model" not in options:
        return "mfcc"
    folder = located(options["model"], options.get("revision", "main"))
    config = config_of(folder)
    config = config.get("encoder", config)
    return "pretrained-columns" if "patch_size" in config else "pretrained"
