"""Features of line images: the columns of pixels of a line brought to a fixed height, [T, height].

Frame i is column i of the line at that height, so an encoder that takes every fourth column gives a latent for every
four of them, whatever the size of the original.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from unitdisc.adaptation.steps import adapted_dim
from unitdisc.corpus import Utterance
from unitdisc.corpus.table import UtteranceTable
from unitdisc.data.base import LATER
from unitdisc.data.line_cleaning import POLARITIES, normalised
from unitdisc.data.normalisation import check_normalisation
from unitdisc.media.image import ImageError, read_line


@dataclass(frozen=True)
class ColumnFeatures:
    """The columns of pixels of a line image: see `Features`.

    height: rows of pixels that every line is brought to; its width follows.
    polarity: "dark" (ink on light paper), "light", or "auto": found line by line.
    contrast: paper becomes 0 and ink 1, wherever on the line. slant: letters that lean are set upright.
    body: small letters of every line become as tall as those of others, and stand in its middle; the width stays,
        and what comes to lie above or below the line is cut off.
    normalise: "none", or to zero mean and unit variance per "utterance", per "speaker" (the writer), or "global"ly.
    adaptation: steps that normalised frames go through, as "affine": see `unitdisc normalise`; "": none.
    """

    kind: str = "columns"
    height: int = 32
    polarity: str = "auto"
    contrast: bool = True
    slant: bool = False
    normalise: str = "none"
    adaptation: str = field(default="", metadata=LATER)
    body: bool = field(default=False, metadata=LATER)

    images: ClassVar[bool] = True
    targets: ClassVar[tuple[str, ...]] = ("grey",)
    unit_of_time: ClassVar[str] = "100 columns"
    margin: ClassVar[None] = None  # paper and ink are looked for all over a line

    def __post_init__(self):
        if self.kind != type(self).kind:
            raise ValueError(f"these are the features {type(self).kind!r}, not {self.kind!r}")
        if self.height < 8:
            raise ValueError(f"height must be 8 rows of pixels or more, not {self.height}")
        if self.polarity not in POLARITIES:
            raise ValueError(f"unknown polarity {self.polarity!r}: choose one of {list(POLARITIES)}")
        check_normalisation(self.normalise)
        adapted_dim(self.adaptation, self.plain_dim)

    @property
    def plain_dim(self) -> int:
        """The width of a frame before steps of adaptation."""
        return self.height

    @property
    def dim(self) -> int:
        """C, the width of a frame."""
        return adapted_dim(self.adaptation, self.plain_dim)

    @property
    def target_sizes(self) -> dict[str, int]:
        return {"height": self.height}

    def signal(self, utterance: Utterance, allow_pipes: bool = False) -> np.ndarray:
        """The ink of the line at the fixed height: [T, height] in [0, 1].

        Raises ImageError if the image cannot be used, or if the utterance is none.
        """
        if not utterance.is_image:
            raise ImageError.at(
                utterance.path, f"{utterance.id} is no line image", "set features.kind to that of recordings"
            )
        return self.cleaned(read_line(utterance), self.frames_in(utterance))

    def cleaned(self, ink: np.ndarray, columns: int) -> np.ndarray:
        """A line as it was scanned, ink in [0, 1], [columns, rows] of any size -> [columns, height]."""
        return normalised(
            ink,
            columns,
            self.height,
            polarity=self.polarity,
            contrast=self.contrast,
            slant=self.slant,
            body=self.body,
        )

    def __call__(self, line: np.ndarray) -> np.ndarray:
        """The frames are the columns themselves: [T, height] -> [T, height]."""
        return line

    def frames_in(self, utterance: Utterance) -> int:
        """How many frames a line has, without reading it."""
        return utterance.columns_at(self.height)

    def grid(self, stride: int = 1, offset: float = 0.0) -> dict:
        """When frames happen of which frame t is centred on column `stride * t + offset`; as encodings.json says it."""
        return {"stride": stride, "offset": offset + 0.5, "rate": None, "height": self.height}

    def frame_rates(self, stride: int) -> dict[str, float]:
        """How many frames 100 columns at the fixed height have if an encoder takes every `stride`-th."""
        return {"frames_per_100_columns": 100 / stride}

    def duration(self, frames: float) -> tuple[float, str]:
        return frames, "columns"

    def scale(self, utterance: Utterance) -> float:
        """How many columns of the image file make a column at the fixed height."""
        return utterance.ticks / self.frames_in(utterance)

    def amount(self, utterances: UtteranceTable) -> dict[str, float]:
        return {"columns": int(utterances.measured(self.frames_in).sum())}
