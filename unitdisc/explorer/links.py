"""Where pages link to: addresses of the server, or files of a folder; and what a stretch is played and drawn from."""

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from unitdisc.explorer.rows import Stretch


class Links(Protocol):
    """Addresses of pages, sounds and pictures."""

    is_static: bool

    def asset(self, name: str) -> str: ...

    def utterances(self, page: int = 1, text: str = "", speaker: str | None = None) -> str: ...

    def utterance(self, place: int, start: int | None = None, end: int | None = None) -> str: ...

    def units(self, row: int, page: int = 1) -> str: ...

    def unit(self, row: int, symbol: int) -> str: ...

    def occurrences(self, row: int, symbol: int) -> str | None: ...

    def name(self, unit: str = "") -> str | None:
        """None where names cannot be given."""

    def map(self, row: int, how: str) -> str: ...

    def search(self, row: int, pattern: str = "", page: int = 1) -> str: ...

    def example(self, stretch: Stretch) -> str | None:
        """None where nothing can be searched by example."""

    def picture(self, stretch: Stretch, width: int) -> str | None: ...


def address(path: str, **query: str | int | None) -> str:
    """Of the server, without what is not asked for."""
    asked = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(asked)}" if asked else path


@dataclass(frozen=True)
class ServerLinks:
    """Addresses of the server."""

    is_static: bool = False

    def asset(self, name: str) -> str:
        return f"/assets/{name}"

    def utterances(self, page: int = 1, text: str = "", speaker: str | None = None) -> str:
        return address("/", page=page if page > 1 else None, text=text, speaker=speaker)

    def utterance(self, place: int, start: int | None = None, end: int | None = None) -> str:
        return address(f"/utterance/{place}", start=start, end=end)

    def units(self, row: int, page: int = 1) -> str:
        return address(f"/units/{row}", page=page if page > 1 else None)

    def unit(self, row: int, symbol: int) -> str:
        return f"/unit/{row}/{symbol}"

    def occurrences(self, row: int, symbol: int) -> str | None:
        return address("/search", row=row, symbol=symbol)

    def name(self, unit: str = "") -> str | None:
        return address("/name", unit=unit)

    def map(self, row: int, how: str) -> str:
        return address(f"/map/{row}", how=how)

    def search(self, row: int, pattern: str = "", page: int = 1) -> str:
        return address("/search", row=row, pattern=pattern, page=page if page > 1 else None)

    def example(self, stretch: Stretch) -> str | None:
        return address("/example", place=stretch.place, start=stretch.start, end=stretch.end)

    def picture(self, stretch: Stretch, width: int) -> str | None:
        return address(f"/picture/{stretch.place}", start=stretch.start, end=stretch.end, width=width)


@dataclass(frozen=True)
class FolderLinks:
    """Files of a folder beside each other; pictures of stretches are made in it as pages ask for them."""

    made: dict[tuple[Stretch, int], str]  # stretch and width -> file
    is_static: bool = True

    def asset(self, name: str) -> str:
        return name

    def utterances(self, page: int = 1, text: str = "", speaker: str | None = None) -> str:
        return "index.html"

    def utterance(self, place: int, start: int | None = None, end: int | None = None) -> str:
        return f"utterance-{place}.html" + ("" if start is None else f"#{start}-{end}")

    def units(self, row: int, page: int = 1) -> str:
        return f"units-{row}.html"

    def unit(self, row: int, symbol: int) -> str:
        return f"unit-{row}-{symbol}.html"

    def occurrences(self, row: int, symbol: int) -> str | None:
        return None

    def name(self, unit: str = "") -> str | None:
        return None

    def map(self, row: int, how: str) -> str:
        return f"map-{row}-{how.replace('-', '').lower()}.html"

    def search(self, row: int, pattern: str = "", page: int = 1) -> str:
        return "search.html"

    def example(self, stretch: Stretch) -> str | None:
        return None

    def picture(self, stretch: Stretch, width: int) -> str | None:
        return self.made.setdefault((stretch, width), f"pictures/{len(self.made)}.png")
