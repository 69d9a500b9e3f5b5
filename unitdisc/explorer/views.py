"""The pages: what they show of an index, put into templates in which every value is escaped."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from unitdisc import __version__
from unitdisc.corpus import CorpusError
from unitdisc.explorer import occurrences as counting
from unitdisc.explorer.hits import MARGIN, Hit, hit_of, length
from unitdisc.explorer.index import CorpusIndex, unit_name
from unitdisc.explorer.links import Links
from unitdisc.explorer.names import Names
from unitdisc.explorer.patterns import Matches, PatternError, parse, search
from unitdisc.explorer.pictures import HEIGHT
from unitdisc.explorer.rows import Row, Stretch
from unitdisc.explorer.sounds import LONGEST, listed_rate
from unitdisc.explorer.storage import TIER
from unitdisc.explorer.vectors import MAPS, readable

HOME = Path(__file__).parent / "pages"
LISTED = 50  # utterances, occurrences and units of a page
EXAMPLES = 12  # of a unit
SPEAKERS = 1000  # that are proposed where one is typed
LEAST_TEXT = 90  # letters of a text in the list


@dataclass(frozen=True)
class Turning:
    """Pages of a long list."""

    page: int
    pages: int
    before: str | None
    after: str | None


@dataclass
class Pages:
    """Renders pages of an index, with links of a server or of a folder."""

    index: CorpusIndex
    links: Links
    name: str  # of the corpus
    listed: int = LISTED
    names: Names | None = None  # of the units
    templates: jinja2.Environment = field(init=False)

    def __post_init__(self):
        self.templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HOME),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        common = {"links": self.links, "index": self.index, "corpus": self.name, "version": __version__}
        common |= {"unit_name": unit_name, "hue": hue, "number": number, "seconds": seconds, "maps": MAPS}
        common |= {
            "who": "scribe" if self.index.of_images else "speaker",
            "what": "line" if self.index.of_images else "utterance",
        }
        self.templates.globals |= common | {"names": self.names, "named": self.named}

    def render(self, template: str, **values: Any) -> str:
        return self.templates.get_template(f"{template}.html.jinja").render(**values)

    def named(self, row: Row, symbol: int) -> list[str]:
        """What a unit, or each half of it, is called; [] where nobody has said it."""
        return self.names.of(row, row.names[symbol]) if self.names else []

    def message(self, title: str, text: str) -> str:
        """A page that says only this."""
        return self.render("message", title=title, text=text)

    def utterances(self, page: int = 1, text: str = "", speaker: str | None = None) -> str:
        """The list of utterances."""
        found = self.index.matching(text, speaker)
        places = found[(page - 1) * self.listed : page * self.listed].tolist()
        units = self.index.units
        rows = []
        for place in places:
            utterance = self.index.utterance(place)
            count = int(units.at[place + 1] - units.at[place]) if units else None
            rows.append((place, utterance, clipped(utterance.text or ""), length(utterance), count))
        return self.render(
            "utterances",
            rows=rows,
            found=len(found),
            text=text,
            speaker=speaker,
            speakers=sorted(filter(None, self.index.speakers))[:SPEAKERS],
            extent=self.extent(),
            turning=self.turning(len(found), page, lambda n: self.links.utterances(n, text, speaker)),
        )

    def said(self, message: str, otherwise: str) -> str:
        """A message; in a folder to hand on another, for messages name paths of this machine."""
        return otherwise if message and self.links.is_static else message

    def problems(self, messages: Sequence[str]) -> list[str]:
        """What could not be read, the first few of it."""
        different = list(dict.fromkeys(messages))
        if different and self.links.is_static:
            return [f"{len(different)} occurrences cannot be read"]
        return different[:5]

    def turning(self, total: int, page: int, link) -> Turning:
        pages = max(1, -(-total // self.listed))
        before, after = link(page - 1) if page > 1 else None, link(page + 1) if page < pages else None
        return Turning(page, pages, before, after)

    def extent(self) -> str:
        """How much there is of everything."""
        ticks, first = int(self.index.ticks.sum()), self.index.utterance(0)
        parts = [f"{len(self.index):,} {'lines' if first.is_image else 'utterances'}"]
        if first.rate:
            parts.append(duration(ticks / first.rate))
        known = len([name for name in self.index.speakers if name])
        parts.append(f"{known:,} {'scribes' if first.is_image else 'speakers'}")
        if units := self.index.units:
            parts.append(f"{len(units.symbols):,} {units.title} of {len(units.names):,} kinds")
        return ", ".join(parts)

    def utterance(self, place: int, start: int | None = None, end: int | None = None, **static: Any) -> str:
        """One utterance on its time line. static: where pictures and the sound lie in a folder."""
        utterance, problem, rate = self.index.utterance(place), "", None
        try:
            rate = listed_rate(utterance)
        except CorpusError as error:
            problem = self.said(str(error), "the recording cannot be read")
        rows = []
        for row in self.index.rows:
            own = row.within(place)
            symbols = np.asarray(row.symbols[own]).tolist()
            names = {symbol: row.names[symbol] for symbol in symbols}
            times = {"starts": np.asarray(row.starts[own]).tolist(), "ends": np.asarray(row.ends[own]).tolist()}
            shown = {"number": row.number, "kind": row.kind, "title": row.title, "symbols": symbols, "names": names}
            rows.append(shown | times)
            if row is self.index.units and self.names and (names := self.names.line(place)):
                rows.append(names)
        data = {
            "place": place,
            "ticks": utterance.ticks,
            "rate": rate,
            "image": utterance.is_image,
            "height": utterance.height,
            "pictureHeight": HEIGHT,
            "longest": LONGEST,
            "rows": rows,
            "selected": [start, end] if start is not None and end is not None else None,
            "pages": {"static": self.links.is_static},
            **static,
        }
        last = len(self.index) - 1
        return self.render(
            "utterance",
            utterance=utterance,
            place=place,
            data=data,
            problem=problem,
            length=length(utterance),
            before=self.links.utterance(place - 1) if place else None,
            after=self.links.utterance(place + 1) if place < last else None,
        )

    def units(self, row: Row, page: int = 1) -> str:
        """All units, words or labels of a row, the most frequent first."""
        order = np.argsort(-row.counts, kind="stable")
        chosen = order[(page - 1) * self.listed : page * self.listed].tolist()
        total = max(1, len(row.symbols))
        longest = max(1, int(row.counts.max(initial=1)))
        counts = [(symbol, int(row.counts[symbol])) for symbol in chosen]
        rows = [(symbol, count, count / total, count / longest) for symbol, count in counts]
        turning = self.turning(len(order), page, lambda n: self.links.units(row.number, n))
        return self.render("units", row=row, rows=rows, turning=turning)

    def unit(self, row: Row, symbol: int) -> str:
        """One unit, word or label."""
        is_named = self.names is not None and row is self.index.units
        positions, problems = row.positions(symbol), []
        vectors, why = readable(self.index, row) if row.kind != TIER else (None, "")
        examples = counting.stretches(row, counting.spread(self.index, row, positions, EXAMPLES))
        written = self.index.of_images
        sound = None if written else counting.mean_sound(self.index, row, positions, problems)
        image = counting.mean_writing(self.index, row, positions, problems) if written else None
        return self.render(
            "unit",
            row=row,
            symbol=symbol,
            called=self.named(row, symbol),
            mixed=is_named and self.names.is_mixed(row.names[symbol]),
            ask=self.links.name(row.names[symbol]) if is_named else None,
            count=len(positions),
            share=len(positions) / max(1, len(row.symbols)),
            whose=counting.speakers_with(self.index, row, positions),
            speakers=counting.by_speaker(self.index, row, positions),
            durations=counting.durations(self.index, row, positions),
            before=counting.neighbours(row, positions, -1),
            after=counting.neighbours(row, positions, 1),
            labels=counting.labels_under(self.index, row, positions),
            nearest=vectors.nearest(symbol) if vectors else [],
            why=self.said(why, "its frames cannot be compared"),
            sound=sound,
            sound_uri=data_uri(sound.picture) if sound else None,
            image=image,
            examples=self.hits(examples),
            problems=self.problems(problems),
        )

    def map(self, row: Row, how: str) -> str:
        """All units of a row in two dimensions."""
        vectors, why = readable(self.index, row)
        points = []
        if vectors is not None:
            most = max(1, int(row.counts.max(initial=1)))
            for symbol, (x, y) in zip(vectors.known.tolist(), vectors.mapped(how).tolist()):
                radius = 4 + 14 * (row.counts[symbol] / most) ** 0.5
                points.append((symbol, round(40 + 920 * x, 1), round(40 + 620 * y, 1), round(float(radius), 1)))
        return self.render("map", row=row, how=how, points=points, why=self.said(why, "Frames cannot be read."))

    def search(self, row: Row | None, pattern: str = "", page: int = 1, symbol: int | None = None) -> str:
        """Where a pattern occurs in a row; symbol: or one symbol of it."""
        matches, problem = None, ""
        if row is not None and (pattern.strip() or symbol is not None):
            try:
                if symbol is None:
                    matches = search(row, parse(pattern, row))
                else:
                    positions, pattern = row.positions(symbol), quoted(row.names[symbol])
                    matches = Matches(positions, positions)
            except PatternError as error:
                problem = str(error)
        shown = [] if matches is None else matches.pairs((page - 1) * self.listed, page * self.listed)
        total = 0 if matches is None else len(matches)
        places = row.places(matches.first) if total else np.zeros(0, int)
        return self.render(
            "search",
            row=row,
            pattern=pattern,
            problem=problem,
            asked=matches is not None,
            total=total,
            utterances=len(np.unique(places)),
            whose=len(np.unique(self.index.speaker[places])) if total else 0,
            hits=self.hits(row.stretch(first, last) for first, last in shown),
            turning=self.turning(total, page, lambda n: self.links.search(row.number, pattern, n)),
        )

    def example(self, stretch: Stretch, found: Iterable, searched: int) -> str:
        """What is like a stretch."""
        found = list(found)
        hits = self.hits([each.stretch for each in found], [each.cost for each in found])
        return self.render("example", example=self.hits([stretch])[0], hits=hits, searched=searched)

    def hits(
        self, stretches: Iterable[Stretch], costs: Sequence[float] | None = None, margin: int = MARGIN
    ) -> list[Hit]:
        return [
            hit_of(self.index, self.links, each, cost=costs and costs[n], margin=margin)
            for n, each in enumerate(stretches)
        ]


def duration(seconds: float) -> str:
    units = ((3600, "hours"), (60, "minutes"), (1, "seconds"))
    size, name = next((each for each in units if seconds >= each[0]), units[-1])
    return f"{seconds / size:,.1f} {name}"


def quoted(name: str) -> str:
    """As a pattern names it."""
    plain = name and not set(name) & set(' \t()|"?*+\\')
    return name if plain else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def clipped(text: str) -> str:
    return text if len(text) <= LEAST_TEXT else text[: LEAST_TEXT - 1] + "…"


def hue(symbol: int) -> int:
    """The colour of a unit, in degrees, as reports have it: far from that of the next codes."""
    return round(symbol * 137.5) % 360


def number(value: int) -> str:
    return f"{value:,}"


def seconds(value: float) -> str:
    return f"{value:.2f}"


def data_uri(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"
