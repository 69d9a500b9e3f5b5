"""Readings of line images as pages: those that lines were cut out of, or a page for every line image."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance, short_name
from unitdisc.exports.pages import Glyph, WrittenLine, WrittenPage
from unitdisc.naming.glyphs import words_of
from unitdisc.naming.reader import Token
from unitdisc.prep.pages.places import PLACES, LinePlace, read_places

Reading = tuple[Utterance, Sequence[Token]]


def places_beside(corpus: Path, places: Path | None) -> dict[str, LinePlace]:
    """Where line images are on their pages, as the file that was given says, or one beside the corpus; {} if none."""
    if places is not None and not places.exists():
        raise CorpusError(f"{places}: no such file; give the places.jsonl that data_prep/pages.py wrote")
    path = places or (corpus if corpus.is_dir() else corpus.parent) / PLACES
    return read_places(path) if path.exists() else {}


def pages_of(readings: Sequence[Reading], places: Mapping[str, LinePlace]) -> list[WrittenPage]:
    """The pages of line images, in order; lines in the order in which they stand there, from top to bottom."""
    found: dict[Path, list[tuple[LinePlace, Reading]]] = defaultdict(list)
    pages = []
    for utterance, tokens in readings:
        place = places.get(utterance.id)
        if place is None:
            pages.append(alone(utterance, tokens))
        else:
            found[Path(os.path.abspath(place.image))].append((place, (utterance, tokens)))  # noqa: PTH100
    for image, lines in found.items():
        lines.sort(key=lambda line: (line[0].outline[:, 1].mean(), line[0].line))
        written = [on_page(place, *reading) for place, reading in lines]
        width, height = lines[0][0].size
        pages.append(WrittenPage("", str(image), width, height=height, lines=written))
    return named(pages)


def on_page(place: LinePlace, utterance: Utterance, tokens: Sequence[Token]) -> WrittenLine:
    """A line where it was cut out."""
    words = [
        [Glyph(part.label, place.box(part.start, part.end), part.confidence) for part in word]
        for word in words_of(tokens)
    ]
    return WrittenLine(place.line, place.outline, place.baseline, words=words)


def alone(utterance: Utterance, tokens: Sequence[Token]) -> WrittenPage:
    """A page that is one line image."""
    width, height = utterance.ticks, utterance.height
    words = [
        [Glyph(part.label, rectangle(part.start, part.end, height), part.confidence) for part in word]
        for word in words_of(tokens)
    ]
    line = WrittenLine(utterance.id, rectangle(0, width, height), None, words=words)
    return WrittenPage(utterance.id, utterance.path, width, height=height, lines=[line])


def rectangle(start: int, end: int, height: int) -> np.ndarray:
    return np.array([[start, 0], [end, 0], [end, height], [start, height]])


def named(pages: Sequence[WrittenPage]) -> list[WrittenPage]:
    """Pages by names for their files, each another: of their images, with folders above where these are alike."""
    taken: set[str] = {page.id for page in pages if page.id}
    found = []
    for page in pages:
        if not page.id:
            image = Path(page.image)
            name = short_name(image.stem)
            for folder in image.parents:
                if name not in taken:
                    break
                name = short_name(f"{folder.name}-{name}")
            number, wanted = 1, name
            while name in taken:
                number += 1
                name = f"{wanted}-{number}"
            taken.add(name)
            page = replace(page, id=name)
        found.append(page)
    return found
