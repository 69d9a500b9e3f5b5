"""Frames of line images by networks that read pictures in square patches: ViT, DINO, DINOv2, TrOCR's encoder."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch

from unitdisc.corpus import Utterance
from unitdisc.corpus.table import UtteranceTable
from unitdisc.data.base import num_frames
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.data.pretrained.folders import PretrainedError
from unitdisc.data.pretrained.network import PretrainedNetwork
from unitdisc.data.pretrained.windows import windows


@dataclass(frozen=True)
class PretrainedColumns(PretrainedNetwork):
    """What the layers of a network of pictures make of a line image: see `PretrainedNetwork` for the shared options.

    The line is brought to the height that the network was trained with, and read in squares of that size which overlap
    by half. A frame is the mean over a column of patches: there is one for every `patch_size` columns at that height.
    polarity, contrast, slant: how lines are cleaned first, as of `ColumnFeatures`; paper is white to the network.
    """

    kind: str = "pretrained-columns"
    polarity: str = "auto"
    contrast: bool = True
    slant: bool = False

    families: ClassVar[Mapping[str, str]] = {
        "deit": "sdpa",
        "dinov2": "sdpa",
        "dinov2_with_registers": "sdpa",
        "vit": "sdpa",
    }
    others: ClassVar[str] = "if it is one of speech, set features.kind to 'pretrained'; of line images, "
    images: ClassVar[bool] = True
    targets: ClassVar[tuple[str, ...]] = ()
    unit_of_time: ClassVar[str] = "100 columns"

    def __post_init__(self):
        if self.kind != "pretrained-columns":
            raise ValueError(f"networks of line images have the features 'pretrained-columns', not {self.kind!r}")
        super().__post_init__()
        if self.height % self.patch:
            sizes = f"pictures of {self.height} rows are no whole number of patches of {self.patch}"
            raise PretrainedError(f"{self.folder}: {sizes}; download it again, with its preprocessor_config.json")
        object.__setattr__(self, "columns", self.columns_at_its_height())

    @cached_property
    def height(self) -> int:
        """Rows of pixels of the pictures that the network was trained with."""
        for name in ("crop_size", "size"):
            found = self.preprocessor.get(name)
            sizes = found.values() if isinstance(found, dict) else [found]
            for size in sizes:
                if isinstance(size, int) and size > 0:
                    return size
        raise PretrainedError(f"{self.folder}: its preprocessor says no size; download it again")

    @cached_property
    def patch(self) -> int:
        """Columns from one frame to the next."""
        return self.size("patch_size")

    def columns_at_its_height(self) -> ColumnFeatures:
        return ColumnFeatures(height=self.height, polarity=self.polarity, contrast=self.contrast, slant=self.slant)

    @property
    def target_sizes(self) -> dict[str, int]:
        return {"height": self.dim}

    def signal(self, utterance: Utterance, allow_pipes: bool = False) -> np.ndarray:
        """The ink of the line at the network's height: [columns, height] in [0, 1]. Raises as `ColumnFeatures` does."""
        return self.columns.signal(utterance, allow_pipes)

    def __call__(self, line: np.ndarray) -> np.ndarray:
        """Ink in [0, 1], [columns, height] -> frames [T, C], float32, not normalised yet."""
        side = self.height // self.patch
        frames = self.frames_of(len(line))
        width = max(frames, side) * self.patch
        paper = np.zeros((max(0, width - len(line)), self.height), np.float32)
        pixels = self.pixels(np.concatenate([line, paper])[:width])
        parts = []
        for window in windows(frames, side, side // 4):
            seen = pixels[:, :, window.begin * self.patch :][:, :, : self.height]
            patches = self.hidden("pixel_values", seen[None], **self.interpolated)[0, -side * side :]
            columns = patches.reshape(side, side, -1).mean(0)
            parts.append(columns[window.first - window.begin : window.last - window.begin].numpy())
        return np.concatenate(parts)

    def pixels(self, ink: np.ndarray) -> torch.Tensor:
        """[columns, height] -> a picture as the network's configuration wants it: [channels, height, columns]."""
        channels = self.size("num_channels")
        picture = torch.from_numpy(1 - ink.T.astype(np.float32)).expand(channels, -1, -1)
        if not self.preprocessor.get("do_normalize", True):
            return picture
        mean, deviation = (
            torch.tensor(self.preprocessor.get(name, [0.5] * channels)).reshape(-1, 1, 1)
            for name in ("image_mean", "image_std")
        )
        return (picture - mean) / deviation

    @property
    def interpolated(self) -> dict[str, bool]:
        """What the networks must be told that do not find out by themselves that pictures are of another size."""
        is_other = self.size("image_size") != self.height and not self.config["model_type"].startswith("dinov2")
        return {"interpolate_pos_encoding": True} if is_other else {}

    def frames_of(self, columns: int) -> int:
        """T: how many frames so many columns at the network's height have."""
        return max(1, num_frames(columns, self.patch))

    def frames_in(self, utterance: Utterance) -> int:
        return self.frames_of(utterance.columns_at(self.height))

    def grid(self, stride: int = 1, offset: float = 0.0) -> dict[str, Any]:
        centre = (offset + 0.5) * self.patch
        return {"stride": stride * self.patch, "offset": centre, "rate": None, "height": self.height}

    def frame_rates(self, stride: int) -> dict[str, float]:
        return {"frames_per_100_columns": 100 / (stride * self.patch)}

    def duration(self, frames: float) -> tuple[float, str]:
        return frames * self.patch, "columns"

    def scale(self, utterance: Utterance) -> float:
        return self.columns.scale(utterance)

    def amount(self, utterances: UtteranceTable) -> dict[str, float]:
        return self.columns.amount(utterances)
