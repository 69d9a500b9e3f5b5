"""Where on their pages line images were cut out, so that what is read of them can go back there.

    places.jsonl   beside the manifests, one JSON object per line image: utterance, line, image, size, outline, baseline

What was cut is computed again, by what cut it, from outline and baseline.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError
from unitdisc.files import write_text
from unitdisc.files.text import json_in, read_lines
from unitdisc.prep.pages.cropping import Course, clipped, course_of, dense, is_near
from unitdisc.prep.pages.layout import LineError, PageLine

PLACES = "places.jsonl"
FIELDS = {"utterance": str, "line": str, "image": str, "size": list, "outline": list}


@dataclass(frozen=True)
class LinePlace:
    """A line image on its page: in pixels of the page's image."""

    utterance: str
    line: str  # its id on the page
    image: Path
    size: tuple[int, int]  # of the page: width, height
    outline: np.ndarray  # [N, 2]
    baseline: np.ndarray | None  # [N, 2]

    @classmethod
    def of(cls, utterance: str, line: PageLine, image: Path, grey: np.ndarray) -> "LinePlace":
        """grey: the page's image [rows, columns]."""
        return cls(utterance, line.id, image, (grey.shape[1], grey.shape[0]), line.outline, line.baseline)

    @cached_property
    def course(self) -> tuple[Course, np.ndarray, np.ndarray]:
        """How the line runs, and the first and the last column and row of its image, along that.

        Raises LineError if nothing of it is on the page.
        """
        page = np.broadcast_to(np.float32(0), self.size[::-1])
        outline = clipped(self.outline, page)
        baseline = self.baseline if self.baseline is not None and is_near(self.baseline, page) else None
        course = course_of(baseline, outline)
        edge = course.straighten(dense(outline))
        return course, np.floor(edge.min(0) + 0.01).astype(int), np.ceil(edge.max(0) - 0.01).astype(int)

    def box(self, start: int, end: int) -> np.ndarray:
        """The columns [start, end) of the line image as a four-sided outline on the page: [4, 2]."""
        course, first, last = self.course
        grid = course.places(first[0] + np.array([start, end], float), np.array([first[1], last[1]], float))
        corners = grid[:, [0, 0, 1, 1], [0, 1, 1, 0]].T
        return np.clip(corners, 0, np.array(self.size))


def write_places(path: Path, places: Iterable[LinePlace]) -> None:
    """Writes where line images are, in order of utterance id; images below the folder of `path` relative to it."""
    home = path.parent.resolve()

    def line(place: LinePlace) -> str:
        image = place.image.resolve()
        fields = {
            "utterance": place.utterance,
            "line": place.line,
            "image": str(image.relative_to(home) if image.is_relative_to(home) else image),
            "size": list(place.size),
            "outline": np.round(place.outline, 3).tolist(),
            "baseline": None if place.baseline is None else np.round(place.baseline, 3).tolist(),
        }
        return json.dumps(fields, ensure_ascii=False) + "\n"

    write_text(path, "".join(map(line, sorted(places, key=lambda place: place.utterance))))


def read_places(path: Path) -> dict[str, LinePlace]:
    """Utterance id -> where it is on its page. Raises CorpusError naming the line that is wrong."""
    found = {}
    for number, text in read_lines(path, CorpusError, "give the places.jsonl that data_prep/pages.py wrote"):
        if not text.strip():
            continue
        try:
            entry = json_in(text)
            if any(not isinstance(entry[name], kind) for name, kind in FIELDS.items()):
                raise ValueError("a field is of another kind")
            outline = np.array(entry["outline"], dtype=float).reshape(-1, 2)
            baseline = entry.get("baseline") and np.array(entry["baseline"], dtype=float).reshape(-1, 2)
            width, height = map(int, entry["size"])
            place = LinePlace(
                entry["utterance"], entry["line"], path.parent / entry["image"], (width, height), outline, baseline
            )
            place.course  # noqa: B018 - that it is on the page
        except (ValueError, TypeError, KeyError, LineError) as error:
            raise CorpusError(
                f"{path}:{number}: says of no line where it is ({error}); prepare the pages again"
            ) from error
        found[place.utterance] = place
    return found
