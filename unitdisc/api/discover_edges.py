"""Where the units that `unitdisc discover` writes begin and end: at columns of ink, or where frames are cut."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unitdisc.api.segment_inputs import is_even
from unitdisc.corpus import Utterance
from unitdisc.data.line_cleaning import normalised
from unitdisc.encodings import Encoding
from unitdisc.files.text import read_json
from unitdisc.media.image import read_line
from unitdisc.segmentation.templates.ink import along_ink
from unitdisc.segmentation.templates.lattice import Segments
from unitdisc.segmentation.templates.rounds import Alignment, finer_grid
from unitdisc.segmentation.templates.storage import ASKED


@dataclass(frozen=True)
class Edges:
    """How the units of a corpus are written.

    ink: whether those of lines begin and end where their ink does. polarity: of lines, as of `ColumnFeatures`.
    """

    ink: bool
    polarity: str = "auto"

    @classmethod
    def asked(cls, folder: Path) -> "Edges":
        """As it was asked for where units were learned; before there was a choice, by frames."""
        asked: Mapping = read_json(folder / ASKED)
        features = asked["network"].get("features", {})
        return cls(asked["options"].get("edges") == "ink", features.get("polarity", "auto"))

    def settings(self, found: Alignment, lines: bool) -> dict:
        """Of encodings with a code for every column of the file, or for every frame that was cut."""
        if self.ink and lines:
            return {**found.encodings.settings, "stride": 1, "offset": 0.5}
        return finer_grid(found.encodings.settings, found.finer)

    def written(self, found: Alignment, utterance: Utterance, vectors: np.ndarray) -> tuple[Encoding, bool]:
        """An utterance, and whether its frames are even. vectors: of units, and of blanks [K (+ 1), D].

        Raises ImageError if the image of a line cannot be used any more.
        """
        name = utterance.id
        if self.ink and utterance.is_image:
            codes, centres, even = self.along_ink(found, utterance), np.arange(utterance.ticks) + 0.5, True
        else:
            centres = found.centres(name)
            inside = centres < utterance.ticks
            codes, centres, even = found.codes(name)[inside], centres[inside], is_even(found.encodings, name)
        return Encoding(name, centres, vectors[codes], codes=codes), even

    def along_ink(self, found: Alignment, utterance: Utterance) -> np.ndarray:
        """The unit of every column: [ticks]."""
        ink = normalised(read_line(utterance), utterance.ticks, utterance.height, polarity=self.polarity)
        columns = along_ink(ink, *found.stretches(utterance.id), blank=found.has_blank)
        segments = Segments(columns[:, 0], columns[:, 1], found.segments[utterance.id].units, cost=0.0)
        return segments.codes(utterance.ticks, found.blank)
