"""The same pages as a folder of files, to hand on: they open from a disk, without a server."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError
from unitdisc.explorer.assets import ASSETS, content_of
from unitdisc.explorer.index import CorpusIndex
from unitdisc.explorer.links import FolderLinks
from unitdisc.explorer.names import Names
from unitdisc.explorer.pictures import HEIGHT, picture
from unitdisc.explorer.rows import Row
from unitdisc.explorer.sounds import LONGEST, listed_rate, read_wave, wav
from unitdisc.explorer.storage import TIER
from unitdisc.explorer.vectors import MAPS
from unitdisc.explorer.views import Pages
from unitdisc.files import write_text, written_aside

PIXELS = 200  # a second of a recording
PIECE = 1000  # pixels that a picture is wide
Progress = Callable[..., AbstractContextManager[Callable[[int], None]]]


def write_folder(
    folder: Path, index: CorpusIndex, name: str, *, progress: Progress, names: Names | None = None
) -> list[str]:
    """Writes the pages of an index that has few utterances; index.html last. Gives what could not be read."""
    links = FolderLinks({})
    pages = Pages(index, links, name, listed=max(len(index), 10**9), names=names)
    problems: list[str] = []
    kinds = [(row, symbol) for row in index.rows for symbol in np.flatnonzero(row.counts).tolist()]
    for asset in ASSETS:
        write_text(folder / asset, content_of(asset))
    with progress("writing", len(index) + len(kinds), "pages") as advance:
        for place in range(len(index)):
            static = {"pictures": list(pictures_of(folder, index, place, problems))}
            write_sound(folder, index, place, problems)
            write_text(folder / f"utterance-{place}.html", pages.utterance(place, **static))
            advance(1)
        for row, symbol in kinds:
            write_text(folder / links.unit(row.number, symbol), pages.unit(row, symbol))
            advance(1)
    for row in index.rows:
        write_text(folder / links.units(row.number), pages.units(row))
        if row.kind != TIER:
            for how in MAPS:
                write_text(folder / links.map(row.number, how), pages.map(row, how))
    if index.rows:
        write_text(folder / "search.html", pages.search(index.rows[0]))
        write_text(folder / "rows.js", rows_script(index))
    for (stretch, width), file in links.made.items():
        try:
            write_bytes(folder / file, picture(index.utterance(stretch.place), stretch.start, stretch.end, width))
        except CorpusError as error:
            problems.append(str(error))
    write_text(folder / "index.html", pages.utterances())
    return list(dict.fromkeys(problems))


def pictures_of(folder: Path, index: CorpusIndex, place: int, problems: list[str]) -> Iterator[dict]:
    """Writes the pictures of an utterance, a piece each; says where they lie."""
    utterance = index.utterance(place)
    try:
        per = HEIGHT / utterance.height if utterance.is_image else PIXELS / listed_rate(utterance)
        for number, start in enumerate(range(0, utterance.ticks, max(1, round(PIECE / per)))):
            end = min(utterance.ticks, start + max(1, round(PIECE / per)))
            file = f"pictures/line-{place}-{number}.png"
            write_bytes(folder / file, picture(utterance, start, end, max(1, round((end - start) * per))))
            yield {"start": start, "end": end, "src": file}
    except CorpusError as error:
        problems.append(str(error))


def write_sound(folder: Path, index: CorpusIndex, place: int, problems: list[str]) -> None:
    utterance = index.utterance(place)
    if utterance.is_image:
        return
    try:
        last = min(utterance.ticks, LONGEST * listed_rate(utterance))
        write_bytes(folder / "sounds" / f"{place}.wav", wav(read_wave(utterance, 0, last)))
        if last < utterance.ticks:
            problems.append(f"{utterance.id}: only the first {LONGEST} seconds of its sound were written")
    except CorpusError as error:
        problems.append(str(error))


def rows_script(index: CorpusIndex) -> str:
    """What search needs, as a script, for pages on a disk may read no other files."""
    utterances = [index.utterance(place) for place in range(len(index))]
    listed = [{"id": each.id, "speaker": each.speaker, "rate": each.rate} for each in utterances]
    rows = [row_data(row, len(index)) for row in index.rows]
    return f"window.unitdiscUtterances = {script_json(listed)};\nwindow.unitdiscRows = {script_json(rows)};\n"


def row_data(row: Row, utterances: int) -> dict:
    """The symbols and times of every utterance."""

    def each(array: np.ndarray) -> list[list[int]]:
        return [np.asarray(array[row.within(place)]).tolist() for place in range(utterances)]

    return {"title": row.title, "names": row.names} | {
        name: each(array) for name, array in (("symbols", row.symbols), ("starts", row.starts), ("ends", row.ends))
    }


def script_json(value: object) -> str:
    """JSON that is JavaScript, too, and ends no element of a page that it might be copied into."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def write_bytes(path: Path, content: bytes) -> None:
    with written_aside(path) as aside:
        aside.write_bytes(content)
