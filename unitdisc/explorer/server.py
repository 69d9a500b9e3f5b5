"""The server of the pages, on this machine alone: routes, checked numbers, and answers."""

import socket
from collections.abc import Callable, Mapping
from threading import Lock
from urllib.parse import parse_qsl

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from unitdisc.corpus import CorpusError
from unitdisc.encodings import EncodingsError
from unitdisc.explorer.assets import ASSETS, KINDS, content_of
from unitdisc.explorer.by_example import ByExample
from unitdisc.explorer.guard import Guard
from unitdisc.explorer.index import CorpusIndex
from unitdisc.explorer.name_page import name_page
from unitdisc.explorer.names import Names
from unitdisc.explorer.pictures import WIDEST, picture
from unitdisc.explorer.rows import Row, Stretch
from unitdisc.explorer.sounds import LONGEST, listed_rate, read_wave, wav
from unitdisc.explorer.storage import TIER
from unitdisc.explorer.vectors import MAPS
from unitdisc.explorer.views import Pages
from unitdisc.naming.table import NamesError

ADDRESS = "127.0.0.1"
LONGEST_TEXT = 1000  # letters of what is asked for
LONGEST_FORM = 10_000  # bytes of a form that is sent
FORM = "application/x-www-form-urlencoded"


class Explorer:
    """What is answered. Everything asked for is a number or a text; no part of it becomes a path."""

    def __init__(self, index: CorpusIndex, pages: Pages):
        self.index, self.pages = index, pages
        self.by_example = ByExample(index)
        self.lock = Lock()  # one search by example, or map, at a time

    def number(self, given: Mapping[str, str], name: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number of the query from `low` to `high`. Raises HTTPException 400 for another."""
        text = given.get(name)
        if text is None and default is not None:
            return default
        if text is None or not text.isascii() or not text.isdecimal() or len(text) > 18 or not low <= int(text) <= high:
            raise HTTPException(400, f"{name} must be a whole number from {low} to {high}")
        return int(text)

    def text(self, given: Mapping[str, str], name: str) -> str:
        found = given.get(name, "")
        if len(found) > LONGEST_TEXT:
            raise HTTPException(400, f"{name} is longer than {LONGEST_TEXT} letters")
        return found

    def place(self, given: Mapping) -> int:
        place = int(given["place"])
        if not 0 <= place < len(self.index):
            raise HTTPException(404, f"there are only {len(self.index)} utterances, counted from 0")
        return place

    def row(self, given: Mapping) -> Row:
        number = int(given["row"])
        if not 0 <= number < len(self.index.rows):
            raise HTTPException(404, f"there are only {len(self.index.rows)} rows, counted from 0")
        return self.index.rows[number]

    def stretch(self, place: int, given: Mapping[str, str]) -> Stretch:
        ticks = int(self.index.ticks[place])
        start = self.number(given, "start", 0, ticks, 0)
        return Stretch(place, start, self.number(given, "end", start + 1, max(start + 1, ticks), ticks))

    # pages

    def utterances(self, path: Mapping, given: Mapping[str, str]) -> Response:
        speaker = self.text(given, "speaker") or None
        page = self.number(given, "page", 1, 10**9, 1)
        return HTMLResponse(self.pages.utterances(page, self.text(given, "text"), speaker))

    def utterance(self, path: Mapping, given: Mapping[str, str]) -> Response:
        place = self.place(path)
        chosen = self.stretch(place, given) if "start" in given else None
        return HTMLResponse(self.pages.utterance(place, *(chosen[1:] if chosen else ())))

    def units(self, path: Mapping, given: Mapping[str, str]) -> Response:
        return HTMLResponse(self.pages.units(self.row(path), self.number(given, "page", 1, 10**9, 1)))

    def unit(self, path: Mapping, given: Mapping[str, str]) -> Response:
        row, symbol = self.row(path), int(path["symbol"])
        if not 0 <= symbol < len(row.names):
            raise HTTPException(404, f"{row.title} has only {len(row.names)} kinds, counted from 0")
        with self.lock:
            return HTMLResponse(self.pages.unit(row, symbol))

    def map(self, path: Mapping, given: Mapping[str, str]) -> Response:
        row, how = self.row(path), self.text(given, "how") or MAPS[0]
        if how not in MAPS or row.kind == TIER:
            raise HTTPException(404, f"a map is of units, by one of {', '.join(MAPS)}")
        with self.lock:
            return HTMLResponse(self.pages.map(row, how))

    def search(self, path: Mapping, given: Mapping[str, str]) -> Response:
        if not self.index.rows:
            return HTMLResponse(self.pages.search(None))
        row = self.index.rows[self.number(given, "row", 0, len(self.index.rows) - 1, 0)]
        symbol = self.number(given, "symbol", 0, len(row.names) - 1) if "symbol" in given else None
        page = self.number(given, "page", 1, 10**9, 1)
        return HTMLResponse(self.pages.search(row, self.text(given, "pattern"), page, symbol=symbol))

    def example(self, path: Mapping, given: Mapping[str, str]) -> Response:
        place = self.number(given, "place", 0, len(self.index) - 1)
        stretch = self.stretch(place, given)
        try:
            with self.lock:
                found = self.by_example.search(stretch)
        except EncodingsError as error:
            return HTMLResponse(self.pages.message("Nothing can be searched for", str(error)))
        return HTMLResponse(self.pages.example(stretch, found, len(self.by_example.places)))

    # names

    @property
    def names(self) -> Names:
        if self.pages.names is None:
            raise HTTPException(404, "no table of names was given; `unitdisc explore` takes one as `names`")
        return self.pages.names

    def name(self, path: Mapping, given: Mapping[str, str]) -> Response:
        """The next question, or the one about a unit."""
        return HTMLResponse(name_page(self.pages, self.names, about=self.text(given, "unit")))

    def named(self, path: Mapping, given: Mapping[str, str]) -> Response:
        """An answer, which is on the disk before the next question is shown."""
        try:
            about = self.names.take(given)
        except (NamesError, OSError) as error:  # OSError: it cannot be written
            unit, typed = given.get("unit", ""), given.get("typed", "")
            problem = str(error) if str(error).startswith("unit ") else f"unit {unit}: {error}"
            page = name_page(self.pages, self.names, about=unit, problem=problem, typed=typed)
            return HTMLResponse(page, status_code=409)
        return RedirectResponse(self.pages.links.name(about), status_code=303)

    # what is on them

    def sound(self, path: Mapping, given: Mapping[str, str]) -> Response:
        place = self.place(path)
        utterance, stretch = self.index.utterance(place), self.stretch(place, given)
        if utterance.is_image:
            raise HTTPException(404, f"{utterance.id} is a line image")
        if stretch.end - stretch.start > LONGEST * listed_rate(utterance):
            raise HTTPException(400, f"no more than {LONGEST} seconds are played at once")
        return Response(wav(read_wave(utterance, stretch.start, stretch.end)), media_type="audio/wav")

    def picture(self, path: Mapping, given: Mapping[str, str]) -> Response:
        place = self.place(path)
        stretch, width = self.stretch(place, given), self.number(given, "width", 1, WIDEST)
        content = picture(self.index.utterance(place), stretch.start, stretch.end, width)
        kept = {"cache-control": "private, max-age=3600"}
        return Response(content, media_type="image/png", headers=kept)

    def asset(self, path: Mapping, given: Mapping[str, str]) -> Response:
        name = path["name"]
        if name not in ASSETS:
            raise HTTPException(404, "there is no such file")
        return Response(content_of(name), media_type=KINDS[ASSETS[name].suffix])


Answer = Callable[[Mapping, Mapping[str, str]], Response]


def application(explorer: Explorer, token: str, port: int) -> Guard:
    """The pages, behind the guard, for a server at such a port."""

    one: list[CapacityLimiter] = []  # made in the loop of the server

    def route(path: str, answer: Answer, in_turn: bool = False) -> Route:
        """in_turn: one answer of these at a time; those that wait keep no thread from others."""

        async def endpoint(request: Request) -> Response:
            try:
                if not in_turn:
                    return await run_in_threadpool(answer, request.path_params, request.query_params)
                if not one:
                    one.append(CapacityLimiter(1))
                return await run_sync(answer, request.path_params, request.query_params, limiter=one[0])
            except CorpusError as error:  # a recording that cannot be read
                raise HTTPException(404, str(error)) from error

        return Route(path, endpoint, methods=["GET"])

    async def named(request: Request) -> Response:
        given = await form_of(request)
        return await run_in_threadpool(explorer.named, {}, given)

    async def refused(request: Request, error: HTTPException) -> Response:
        page = explorer.pages.message("This cannot be shown", str(error.detail))
        return HTMLResponse(page, status_code=error.status_code)

    routes = [
        route("/", explorer.utterances),
        route("/utterance/{place:int}", explorer.utterance),
        route("/units/{row:int}", explorer.units),
        route("/unit/{row:int}/{symbol:int}", explorer.unit, in_turn=True),
        route("/map/{row:int}", explorer.map, in_turn=True),
        route("/search", explorer.search),
        route("/example", explorer.example, in_turn=True),
        route("/name", explorer.name),
        Route("/name", named, methods=["POST"]),
        route("/sound/{place:int}", explorer.sound),
        route("/picture/{place:int}", explorer.picture),
        route("/assets/{name}", explorer.asset),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: refused})
    hosts = frozenset((f"{ADDRESS}:{port}", f"localhost:{port}"))
    posts = frozenset(("/name",) if explorer.pages.names is not None else ())
    return Guard(app, token, hosts, cookie=f"unitdisc-{port}", posts=posts)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form. Raises HTTPException for what is none, and for a long one, which is not read to its end."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415, f"a form is sent as {FORM}")
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > LONGEST_FORM:
                raise HTTPException(413, f"a form has {LONGEST_FORM} bytes at most")
    except ClientDisconnect as error:  # a page that was closed, of which the terminal need not hear
        raise HTTPException(400, "the form has ended before its end") from error
    try:
        return dict(parse_qsl(str(body, "ascii"), keep_blank_values=True, errors="strict", max_num_fields=20))
    except ValueError as error:
        raise HTTPException(400, f"the form cannot be read: {error}") from error


def listening(port: int) -> socket.socket:
    """A socket that nobody but this machine reaches; port 0: any that is free. Raises OSError if it is taken."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((ADDRESS, port))
    except (OSError, OverflowError) as error:
        opened.close()
        raise OSError(f"port {port} cannot be had ({error}); give another `port`, or none") from error
    opened.listen()
    return opened


def serve(app: Guard, opened: socket.socket) -> None:
    """Until the process is interrupted."""
    import uvicorn

    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="off", ws="none")
    uvicorn.Server(config).run(sockets=[opened])
