"""Making the index of a corpus and its units, once; whoever opens it again finds it made."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from unitdisc.corpus import Interval, Utterance
from unitdisc.corpus.manifest import read_manifest
from unitdisc.corpus.read import is_manifest, read_corpus
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.encodings.resumable.unit_lists import finished_lists
from unitdisc.encodings.runs import Runs, refuse_span, runs_of
from unitdisc.encodings.tokens import TOKENS, read_tokens
from unitdisc.explorer.storage import FACTS, TIER, UNITS, VERSION, WORDS, encoded, facts_in, write_lines, write_row
from unitdisc.files import take_away, write_json
from unitdisc.files.arrays import write_array

KEPT = ("id", "path", "speaker", "ticks", "rate", "start", "gender", "text", "height", "channel")
Progress = Callable[..., AbstractContextManager[Callable[[int], None]]]


@dataclass
class RowParts:
    """A row of the index while it is filled, utterance by utterance: one run of numbers, not an array of each."""

    kind: str
    title: str
    symbols: array = field(default_factory=lambda: array("i"))
    times: array = field(default_factory=lambda: array("q"))  # start and end in turn
    counts: list[int] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)  # of tiers: label -> symbol

    def add(self, symbols: np.ndarray, times: np.ndarray) -> None:
        """symbols: [n], codes or symbols; times: [n, 2] ticks."""
        self.symbols.frombytes(np.asarray(symbols, np.int32).tobytes())
        self.times.frombytes(np.asarray(times, np.int64).tobytes())
        self.counts.append(len(symbols))

    def add_labels(self, intervals: Sequence[Interval]) -> None:
        starts, ends, labels = zip(*intervals) if intervals else ((), (), ())
        for label in dict.fromkeys(labels):
            self.labels.setdefault(label, len(self.labels))
        symbols = np.array([*map(self.labels.__getitem__, labels)], np.int32)
        self.add(symbols, np.stack([np.array(starts, np.int64), np.array(ends, np.int64)], 1))

    def write(self, folder: Path) -> None:
        """Symbols in order of the codes, or of the labels."""
        symbols, times = np.array(self.symbols, np.int32), np.array(self.times, np.int64).reshape(-1, 2)
        if self.kind == TIER:
            names = sorted(self.labels)
            place = np.zeros(len(names) + 1, np.int32)
            place[[self.labels[name] for name in names]] = np.arange(len(names))
            symbols = place[symbols]
        else:
            codes, symbols = np.unique(symbols, return_inverse=True)
            names = [str(code) for code in codes.tolist()]
        write_row(folder, symbols, times, counts=self.counts, names=names)


def made_of(folders: Sequence[Path], corpus: Path) -> list[list]:
    """What tells that an index is of these files, and of how they are now: path, size and time of each."""
    found = [corpus, *(sorted(corpus.iterdir()) if corpus.is_dir() else [])]
    for folder in folders:
        found += [folder, folder / "encodings.json", *finished_lists(folder), folder / "words" / "words.jsonl"]
    stats = [(path, path.stat()) for path in found if path.exists()]
    return [
        [str(path.resolve()), 0 if path.is_dir() else stat.st_size, 0 if path.is_dir() else stat.st_mtime_ns]
        for path, stat in stats
    ]


def index_made(
    home: Path, folders: Sequence[Path], corpus: Path, *, progress: Progress, allow_pipes: bool = False
) -> bool:
    """Sees to it that there is an index in `home`; says whether it had to be made.

    folders: of encodings; the first has the units that pages are about, and frames. progress: as `console.progress`.
    Raises EncodingsError and CorpusError for what cannot be read.
    """
    source = made_of(folders, corpus)
    there = facts_in(home)
    if there is not None and there.get("made_of") == source:
        return False
    take_away(home / FACTS)
    opened = [opened_units(folder) for folder in folders]
    if is_manifest(corpus):
        utterances: Iterable[Utterance] = read_manifest(corpus)
    else:
        utterances = read_corpus(corpus, allow_pipes)
    build(home, opened, utterances, source=source, progress=progress)
    return True


def opened_units(folder: Path) -> Encodings:
    """Raises EncodingsError for units of other tools."""
    from unitdisc.evaluation.frame_checks import is_foreign

    if folder.exists() and is_foreign(folder):
        raise EncodingsError(f"{folder}: is of another tool; give a folder of .npy files with an encodings.json")
    return Encodings.open(folder)


def build(
    home: Path,
    folders: Sequence[Encodings],
    utterances: Iterable[Utterance],
    *,
    source: list,
    progress: Progress,
) -> None:
    """Writes the index. Raises EncodingsError if the encodings are of none of the utterances."""
    rows = [RowParts(WORDS if TOKENS in each.settings else UNITS, title_of(each, folders)) for each in folders]
    tiers: dict[str, RowParts] = {}
    tokens = [read_tokens(each) for each in folders]
    listed, names, ids = [], [], []
    speakers: dict[str, int] = {}
    speaker, ticks = [], []
    with progress("reading", len(folders[0])) as advance:
        for place, utterance in enumerate(utterances):
            facts = {name: value for name, value in facts_of(utterance).items() if value is not None}
            listed.append(encoded(facts | {"path": absolute(utterance.path)}))
            said = f"{utterance.id}\t{utterance.text or ''}\n".casefold()
            names.append(said.encode("utf-8", errors="replace"))
            ids.append(utterance.id)
            speaker.append(speakers.setdefault(utterance.speaker or "", len(speakers)))
            ticks.append(utterance.ticks)
            for row, encodings, listed_tokens in zip(rows, folders, tokens):
                found = runs_in(encodings, listed_tokens, utterance)
                row.add(found.codes, found.intervals)
            for name, intervals in utterance.alignment.items():
                tier = tiers.setdefault(name, RowParts(TIER, name, counts=[]))
                tier.counts += [0] * (place - len(tier.counts))
                tier.add_labels(intervals)
            advance(utterance.id in folders[0])
    refuse_strangers(folders, ids)
    for tier in tiers.values():
        tier.counts += [0] * (len(ids) - len(tier.counts))
    found = [*(row for row in rows if sum(row.counts)), *tiers.values()]
    for number, row in enumerate(found):
        row.write(home / f"row{number}")
    write_lines(home, "utterances", listed)
    write_lines(home, "names", names)
    write_array(home / "speaker.npy", np.array(speaker, np.int32))
    write_array(home / "ticks.npy", np.array(ticks, np.int64))
    write_array(home / "by_id.npy", np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64))
    facts = {
        "version": VERSION,
        "made_of": source,
        "encodings": str(folders[0].folder.resolve()),
        "settings": folders[0].settings,
        "speakers": list(speakers),
        "rows": [{"kind": row.kind, "title": row.title} for row in found],
    }
    write_json(home / FACTS, facts)


def facts_of(utterance: Utterance) -> dict[str, Any]:
    return {name: getattr(utterance, name) for name in KEPT}


def absolute(path: str) -> str:
    """A path that is found from any working directory; pipes and places in archives stay what they are."""
    return path if path.rstrip().endswith("|") else str(Path(path).absolute())


def title_of(encodings: Encodings, folders: Sequence[Encodings]) -> str:
    """What a row is called: with the name of its folder, where there are several."""
    kind = "words" if TOKENS in encodings.settings else "units"
    return kind if len(folders) == 1 else f"{kind} of {encodings.folder.resolve().name}"


def runs_in(encodings: Encodings, tokens: dict[str, Runs] | None, utterance: Utterance) -> Runs:
    """The units of an utterance; none where there are none. Raises EncodingsError if they do not span it."""
    nothing = Runs(np.zeros((0, 2), int), np.zeros(0, int), np.zeros(0, int))
    if tokens is not None:
        return tokens.get(utterance.id, nothing)
    codes = encodings.codes.get(utterance.id)
    if codes is None or not len(codes):
        return nothing
    centres = encodings.centres(utterance.id, len(codes))
    refuse_span(encodings.folder, utterance.id, utterance.ticks, centres=centres)
    found, blank = runs_of(codes, centres, utterance.ticks), encodings.settings.get("blank")
    if not isinstance(blank, int):
        return found
    kept = found.codes != blank
    return Runs(found.intervals[kept], found.codes[kept], found.frames[kept])


def refuse_strangers(folders: Iterable[Encodings], ids: Sequence[str]) -> None:
    for encodings in folders:
        if not any(id in encodings for id in ids):
            raise EncodingsError(
                f"{encodings.folder}: holds none of the {len(ids)} utterances of the corpus; encode that corpus"
            )
