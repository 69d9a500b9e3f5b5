"""The page of samples: which of them stand beside each other on it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from unitdisc.corpus import Interval, Utterance
from unitdisc.data.base import Features
from unitdisc.encodings import centres_in_ticks
from unitdisc.encodings.runs import runs_of
from unitdisc.files.text import read_tsv
from unitdisc.generation.samples import Sample
from unitdisc.language.errors import LanguageError
from unitdisc.language.sequences import SPECIAL
from unitdisc.language.storage import FOLLOWERS
from unitdisc.reports.continuations import Continued, Heard, write_continuations
from unitdisc.reports.graphs import Link

FOLLOWED, MADE_UP = "what really followed", "made up"


def write_page(
    path: Path,
    samples: Sequence[Sample],
    heard: Sequence[Utterance],
    grid: Mapping[str, Any],
    *,
    features: Features,
    figures: Mapping[str, Mapping[str, Any]],
    lm: Path,
    facts: Mapping[str, Any],
) -> None:
    """heard: the files of the samples. grid: when frames happen in these. features: that prompts are encoded from."""
    found: dict[str, Continued] = {}
    for one, file in zip(samples, heard, strict=True):
        if one.prompt is None:
            found.setdefault("", Continued(None, [])).versions.append(version(one, file, grid))
            continue
        prompt = one.prompt.utterance
        if prompt.id not in found:
            scale = features.scale(prompt)
            units = unit_intervals(one.prompt.whole, grid, prompt.ticks, scale)
            original = Heard("the original", prompt, units, given=one.prompt.ticks, rest=FOLLOWED)
            found[prompt.id] = Continued(prompt, [original])
        found[prompt.id].versions.append(version(one, file, grid))
    titles = {"followed": "what really followed", "made_up": "what the model made up"}
    rows = [(titles[name], row) for name, row in figures.items() if row["samples"]]
    known = {"lm": "language model", "experiment": "experiment", "options": "options"}
    tables = {title: facts[name] for name, title in known.items()}
    write_continuations(
        path,
        f"{facts['experiment']['name']}, {facts['lm']['name']}",
        [*found.values()],
        figures=rows,
        links=links_of(lm),
        facts=tables,
    )


def version(one: Sample, file: Utterance, grid: Mapping[str, Any]) -> Heard:
    """A sample as it stands on the page."""
    number = one.name.rpartition("-")[2]
    caption = f"continuation {number}" if one.prompt else f"sample {number}"
    bits = f"{one.bits.per_symbol:.2f} bits per symbol" if one.bits.symbols else ""
    note = bits if one.ended else f"{bits}, cut off".removeprefix(", ")
    if not one.made_up:
        caption = "its own units"
    units = unit_intervals(np.array(one.codes), grid, file.ticks, 1.0)
    given = round(one.given * grid["stride"])
    rest = MADE_UP if one.made_up else FOLLOWED
    return Heard(caption, replace(file, speaker=None), units, given=given, rest=rest, note=note)


def unit_intervals(codes: np.ndarray, grid: Mapping[str, Any], ticks: int, scale: float) -> list[Interval]:
    """Runs of one code, in ticks of the file that is drawn."""
    return runs_of(codes, centres_in_ticks(len(codes), dict(grid), scale), ticks).labelled()


def links_of(lm: Path) -> list[Link]:
    """Which units follow which in what a model was made of, if it says so."""
    path = lm / FOLLOWERS
    if not path.is_file():
        return []
    rows = read_tsv(path, ("symbol", "next", "count", "expected"), LanguageError, cure="make the model again")
    try:
        found = [Link(*(row.cells[name] for name in ("symbol", "next")), *numbers(row.cells)) for row in rows]
    except ValueError as error:
        raise LanguageError(f"{path}: damaged ({error}); make the model again") from error
    return [link for link in found if not {link.left, link.right} & {*SPECIAL}]


def numbers(cells: Mapping[str, str]) -> tuple[float, float]:
    return float(cells["count"]), float(cells["expected"])
