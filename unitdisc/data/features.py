"""FEATURES: which class a `[features] kind` builds."""

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
