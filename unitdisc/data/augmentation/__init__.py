"""Augmentation: what the encoder hears in training is changed, and what is to be learned of it stays as it was.

AUGMENTATIONS: which effects there are, by what they change: samples, frames of recordings, or lines.
"""

from unitdisc.data.augmentation.augmentation import (
    AUGMENTATIONS,
    Augmentation,
    LineAugmentation,
    RecordingAugmentation,
    augmentation_class,
)
from unitdisc.data.augmentation.views import Views

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "LineAugmentation",
    "RecordingAugmentation",
    "Views",
    "augmentation_class",
]
