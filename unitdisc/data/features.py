"""FEATURES: which class a `[features] kind` builds."""

from dataclasses import fields

from unitdisc.data.acoustic_features import ACOUSTIC, AcousticFeatures
from unitdisc.data.base import Features
from unitdisc.data.column_features import ColumnFeatures

FEATURES: dict[str, type[Features]] = {
    **dict.fromkeys(ACOUSTIC, AcousticFeatures),  # mfcc, log-mel, waveform
    "columns": ColumnFeatures,
}


def features_class(kind: str) -> type[Features]:
    """The class of features of a kind. Raises ValueError if there are none such."""
    if not isinstance(kind, str) or kind not in FEATURES:
        raise ValueError(f"unknown features {kind!r}: choose one of {sorted(FEATURES)} (columns: of line images)")
    return FEATURES[kind]


def features_of_kind(
    kind: str, *, rate: int, hop: int, height: int, normalise: str, resample: bool, vtln: int = 0
) -> Features:
    """Features of a kind with those of the options that it has. Raises ValueError as `features_class` does."""
    options = {"kind": kind, "rate": rate, "hop": hop, "height": height, "normalise": normalise, "resample": resample}
    options["vtln"] = vtln
    factory = features_class(kind)
    if vtln and "vtln" not in {field.name for field in fields(factory)}:
        raise ValueError(f"{kind}: has no frequency axis, which `vtln` warps; leave it out")
    return factory(**{field.name: options[field.name] for field in fields(factory) if field.name in options})
