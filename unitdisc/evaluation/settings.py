"""What was scored: all that one must know of a corpus, and of the programs, to compare figures with others."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import unitdisc
from unitdisc.corpus import Utterance, corpus_checksum
from unitdisc.evaluation import silences_of
from unitdisc.files import write_json


@dataclass(frozen=True)
class Measured:
    """Figures, and all that one must know to repeat them.

    figures: by their names, as they stand in the JSON file. encodings: the folder that was scored. settings: the
    corpus, the labels and the options.
    """

    figures: dict[str, Any]
    encodings: Path
    settings: dict[str, Any]

    def write(self, path: Path) -> None:
        """Writes a JSON file."""
        whole = {**self.figures, "encodings": str(self.encodings), "settings": self.settings, "versions": versions()}
        write_json(Path(path), whole)


def corpus_settings(utterances: Sequence[Utterance], tier: str) -> dict[str, Any]:
    """Which utterances, and which labels."""
    return {
        "tier": tier,
        "corpus": corpus_checksum(utterances),
        "utterances": len(utterances),
        "speakers": len({utterance.speaker for utterance in utterances} - {None}),
        **extent(utterances),
        "silences": sorted({label for utterance in utterances for label in silences_of(utterance)}),
    }


def extent(utterances: Sequence[Utterance]) -> dict[str, float]:
    """How much there is: "seconds" of recordings, "columns" of pixels of line images, whichever there are."""
    images = [utterance.ticks for utterance in utterances if utterance.is_image]
    seconds = sum(utterance.ticks / utterance.rate for utterance in utterances if utterance.rate)
    return ({"columns": sum(images)} if images else {}) | ({"seconds": seconds} if seconds or not images else {})


def versions() -> dict[str, str]:
    """Of all that a score may depend on."""
    libraries = {name: version(name) for name in ("numpy", "numba", "scikit-learn", "torch")}
    return {"unitdisc": unitdisc.__version__, "python": platform.python_version(), **libraries}
