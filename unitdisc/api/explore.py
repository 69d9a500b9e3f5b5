"""unitdisc explore: pages to look at, listen to and search a corpus and its units, served to this machine alone."""

import importlib.util
import shlex
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, nullcontext
from itertools import islice
from pathlib import Path

from unitdisc import console
from unitdisc.api.naming_inputs import NamingInputs, opened_session, refuse_no_table
from unitdisc.api.paths import takes_paths
from unitdisc.corpus import Utterance
from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import EncodingsError
from unitdisc.encodings.folders import refuse_among
from unitdisc.explorer.building import build, index_made, made_of, opened_units
from unitdisc.explorer.folder import write_folder
from unitdisc.explorer.index import CorpusIndex
from unitdisc.explorer.links import ServerLinks
from unitdisc.explorer.names import Names
from unitdisc.explorer.storage import usual_folder
from unitdisc.explorer.views import Pages
from unitdisc.files.folders import folder_for_results
from unitdisc.files.locks import locked
from unitdisc.naming.session import Session

POINT = "bottleneck"  # of an experiment, whose codes are its units
EXTRA = ("starlette", "uvicorn")
LIMIT = 50  # utterances of a folder of pages


@takes_paths
def explore(
    folder: Path,
    corpus: Path,
    *,
    beside: Sequence[Path] = (),
    names: Path | None = None,
    frames: Path | None = None,
    static: Path | None = None,
    limit: int = LIMIT,
    port: int = 0,
    cache: Path | None = None,
    browser: bool = False,
    allow_pipes: bool = False,
) -> Path | None:
    """Serves pages about a corpus and its units until it is interrupted, to browsers on this machine.

    They show utterances on a time line, with units, words and labels below each other, and play any stretch; search by
    units, by labels and by example; say of every unit what it is, and draw a map of all. The address has a token,
    without which nothing is shown. What is looked up is kept in an index, which is made once.

    folder: an experiment whose encodings of the corpus are there, or a folder of encodings, whose codes are the units.
    beside: more such folders, such as the words of `words`, each a row below the first. names: a table NAME.tsv, to
    make or to go on with, as of `name`: one page more asks what the units of `folder` are called, with every answer on
    the disk before the next question is shown, and all pages show the names. frames: as of `name`. static: writes the
    same pages into this folder instead, of `limit` utterances of different speakers, and gives its index.html; nothing
    can be searched by example or named there. port: of the server (default: any that is free). cache: where the index
    is kept (default: in the user's cache). browser: opens the pages in one. allow_pipes: lists the recordings of a
    wav.scp that are commands, which are not run, so that they are not heard.

    Raises EncodingsError and CorpusError for what cannot be read, NamesError for a table that cannot be used,
    LockedError if another run has it, ValueError for what cannot be or is not installed, OSError if the port is taken.

    >>> page = unitdisc.explore("exp/vq/encodings/test/bottleneck", "data/test.jsonl", static="exp/pages", limit=2)
    """
    if limit < 1:
        raise ValueError(f"`limit` must be 1 or more, not {limit}")
    if not 0 <= port < 2**16:
        raise ValueError(f"`port` must be from 0 to {2**16 - 1}, not {port}")
    folders = [encodings_for(each, corpus) for each in (folder, *beside)]
    for place in filter(None, (static, cache)):
        for each in folders:
            refuse_among(folder_for_results(place) / "index.html", each)
    if frames is not None and names is None:
        raise ValueError("`frames` say which units are alike where they are named; give the table `names`, too")
    if static is None:
        refuse_missing()
    elif names is not None:
        refuse_no_table(names)  # or the pages would have none
    with ExitStack() as stack:
        session = None
        if names is not None:
            inputs = NamingInputs(folders[0], corpus, frames, allow_pipes=allow_pipes)
            session = stack.enter_context(opened_session(inputs, names))
        if static is not None:
            return write_pages(static, folders, corpus, limit=limit, allow_pipes=allow_pipes, session=session)
        home = usual_folder(folders, corpus) if cache is None else cache
        with locked(folder_for_results(home)):
            if index_made(home, folders, corpus, progress=console.progress, allow_pipes=allow_pipes):
                console.say(f"The index is kept in {home}.")
        index = CorpusIndex.open(home)
        reads = shlex.join(["unitdisc", "read", *map(str, (folders[0], corpus, names)), "OUT"])
        pages = Pages(index, ServerLinks(), name_of(corpus), names=session and Names(session, index, reads))
        serve_pages(pages, port=port, browser=browser)
    return None


def encodings_for(folder: Path, corpus: Path) -> Path:
    """The encodings of a corpus by an experiment; another folder is one of encodings itself."""
    if not (folder / "experiment.json").exists():
        return folder
    name = corpus.stem if corpus.suffix == ".jsonl" else corpus.resolve().name
    found = folder / "encodings" / name / POINT
    if not found.is_dir():
        there = sorted(path.parent.name for path in folder.glob(f"encodings/*/{POINT}"))
        beside = f" (there are those of {', '.join(there)})" if there else ""
        raise EncodingsError(
            f"{found}: not there{beside}; run `unitdisc encode {folder} {corpus} {found.parent}`, or name a folder of "
            "encodings instead of the experiment"
        )
    return found


def refuse_missing() -> None:
    """Raises ValueError if the server is not installed."""
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(
            f"{' and '.join(missing)} not installed, which serve the pages: pip install 'unitdisc[explore]'; or write "
            "a folder of pages with `static`, which needs neither"
        )


def write_pages(
    static: Path,
    folders: Sequence[Path],
    corpus: Path,
    *,
    limit: int,
    allow_pipes: bool,
    session: Session | None,
) -> Path:
    """The folder of pages; says what could not be read. Gives its first page."""
    utterances = read_corpus(corpus, allow_pipes)
    opened = [opened_units(each) for each in folders]
    there = [utterance for utterance in utterances if utterance.id in opened[0]] or utterances
    chosen = by_turns(there, limit)
    with locked(static), tempfile.TemporaryDirectory() as home:
        source = made_of(folders, corpus)
        build(Path(home), opened, chosen, source=source, progress=lambda *asked, **more: nullcontext(lambda n: None))
        index = CorpusIndex.open(Path(home))
        names = session and Names(session, index)
        problems = write_folder(static, index, name_of(corpus), progress=console.progress, names=names)
    if len(chosen) < len(utterances):
        console.say(f"{len(chosen)} of {len(utterances)} utterances are in the pages.")
    console.say_problems(problems, None)
    return static / "index.html"


def by_turns(utterances: Sequence[Utterance], limit: int) -> list[Utterance]:
    """So many utterances, one of each speaker, then another of each, in the order of the corpus."""
    turns: dict[str | None, int] = {}
    ranked = []
    for place, utterance in enumerate(utterances):
        turn = turns[utterance.speaker] = turns.get(utterance.speaker, 0) + 1
        ranked.append((turn, place))
    chosen: Iterable[int] = sorted(place for _, place in islice(sorted(ranked), limit))
    return [utterances[place] for place in chosen]


def serve_pages(pages: Pages, *, port: int, browser: bool) -> None:
    from unitdisc.explorer.guard import TOKEN, new_token
    from unitdisc.explorer.server import ADDRESS, Explorer, application, listening, serve

    opened, token = listening(port), new_token()
    port = opened.getsockname()[1]
    app = application(Explorer(pages.index, pages), token, port)
    address = f"http://{ADDRESS}:{port}/?{TOKEN}={token}"
    console.say(
        f"Open {address}\nControl-C ends it. Keep the address to yourself: whoever has it, on this machine, sees all."
    )
    if browser:
        import webbrowser

        webbrowser.open(address)
    serve(app, opened)


def name_of(corpus: Path) -> str:
    """As pages call it: the names of the file and its folder."""
    parts = corpus.resolve().parts[-2:]
    return "/".join(parts).removesuffix(".jsonl")
