"""An index of a corpus: the signatures of its windows, and all that one must know to compare and to use them.

A folder: index.json, written last, says what it is of; signatures.npy, which is read where it lies; learned.npz, the
scales and means by which utterances are compared.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from unitdisc.clustering.frame_source import in_order
from unitdisc.corpus import corpus_checksum
from unitdisc.encodings import EncodingsError
from unitdisc.files import write_json, written_aside
from unitdisc.files.arrays import read_array, write_array
from unitdisc.files.made_of import facts_in, refuse_other
from unitdisc.retrieval.codebooks import CodeMeans
from unitdisc.retrieval.contents import Contents
from unitdisc.retrieval.materials import Collection, Comparison, Learned, contents_of, learned_of
from unitdisc.retrieval.scales import Scale
from unitdisc.retrieval.signatures import BITS, WORDS, Hyperplanes, Windows

MIDDLE = 256  # utterances whose frames say where the middle of all is
CHANGED = 0.02  # share of bits that may differ when signatures are made again
SIGNATURES, LEARNED = "signatures.npy", "learned.npz"
AGAIN = "remove the folder, and it is made anew"
Progress = Callable[..., AbstractContextManager[Callable[..., None]]]


@dataclass(frozen=True)
class IndexOptions:
    """How utterances are compared, and which windows of so many frames are indexed.

    by, distance, normalise: as of `Comparison`.
    """

    by: str = "frames"
    distance: str = "angular"
    normalise: str = "speaker"
    window: int = 20
    hop: int = 4
    parts: int = 5
    seed: int = 0

    def __post_init__(self):
        for name in ("window", "hop", "parts"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be 1 or more, not {getattr(self, name)}")

    @property
    def windows(self) -> Windows:
        return Windows(self.window, self.hop, min(self.parts, self.window))

    @property
    def how(self) -> Comparison:
        return Comparison(self.by, self.distance, self.normalise)


@dataclass(frozen=True)
class Index:
    """Windows by number, those of an utterance in a row, utterances in order of id."""

    options: IndexOptions
    learned: Learned
    names: Sequence[str]
    lengths: np.ndarray  # [utterances], frames
    planes: Hyperplanes
    signatures: np.ndarray  # [windows, WORDS]

    @cached_property
    def firsts(self) -> np.ndarray:
        """The first window of each utterance, and how many there are: [utterances + 1]."""
        windows = self.options.windows
        counts = np.maximum((self.lengths - windows.frames) // windows.hop + 1, 0)
        return np.concatenate([[0], np.cumsum(counts)])

    @property
    def utterances(self) -> np.ndarray:
        """Of each window: [windows]."""
        return np.repeat(np.arange(len(self.names), dtype=np.int32), np.diff(self.firsts))

    def contents(self, collection: Collection, memory: float | None = None) -> Contents:
        """What is compared, without reading the corpus again."""
        return contents_of(collection, self.options.how, self.learned, memory=memory)

    def signatures_of(self, vectors: np.ndarray) -> np.ndarray:
        """Of the windows of something, [T, D]."""
        return signatures_in(self.options.windows, self.planes, vectors)


def signatures_in(windows: Windows, planes: Hyperplanes, vectors: np.ndarray) -> np.ndarray:
    return planes.signatures(windows.of(vectors, windows.starts(len(vectors))))


def index_of(folder: Path, collection: Collection, options: IndexOptions, *, threads: int, progress: Progress) -> Index:
    """The index in a folder, or a new one, if there is none.

    Raises EncodingsError if it is of something else, damaged, or if the frames have changed since.
    """
    collection = Collection(collection.encodings, sorted(collection.utterances, key=lambda utterance: utterance.id))
    made_of = {
        "settings": hashlib.sha256(json.dumps(collection.encodings.settings, sort_keys=True).encode()).hexdigest(),
        "corpus": corpus_checksum(collection.utterances),
        "bits": BITS,
        **asdict(options),
    }
    if settings_in(folder) is None:
        build(folder, collection, options, made_of=made_of, threads=threads, progress=progress)
    index = opened(folder, collection.names, options, made_of)
    refuse_changed(folder, index, collection)
    return index


def options_in(folder: Path, how: Comparison) -> IndexOptions | None:
    """How the index in a folder was made, None if there is none; what is asked for, by name, stays as it is."""
    there = settings_in(folder)
    if there is None:
        return None
    names = [name for name in asdict(IndexOptions()) if name not in asdict(how)]
    try:
        return IndexOptions(**asdict(how), **{name: int(there[name]) for name in names})
    except (KeyError, TypeError, ValueError) as error:
        raise EncodingsError(f"{folder / 'index.json'}: damaged; {AGAIN}") from error


def settings_in(folder: Path) -> dict | None:
    """What index.json says, None if there is none. Raises EncodingsError if it is damaged."""
    return facts_in(folder / "index.json", EncodingsError, AGAIN)


def build(
    folder: Path, collection: Collection, options: IndexOptions, *, made_of: dict, threads: int, progress: Progress
) -> None:
    """Reads the corpus twice (with codes three times) and writes the folder."""
    names, how = collection.names, options.how
    with progress("reading", len(names) * how.passes) as advance:
        learned = learned_of(collection, how, threads=threads, advance=advance)
    contents = contents_of(collection, how, learned)
    some = names[:: max(len(names) // MIDDLE, 1)]
    sums, count = 0, 0
    for vectors in (contents.vectors(contents.read(name)) for name in some):
        sums, count = sums + vectors.sum(0), count + len(vectors)
    middle = sums / max(count, 1)
    planes = Hyperplanes.drawn(options.windows.parts, middle, options.seed)

    def one(name: str) -> tuple[int, np.ndarray]:
        vectors = contents.vectors(contents.read(name))
        return len(vectors), signatures_in(options.windows, planes, vectors)

    lengths, found = [], [np.zeros((0, WORDS), np.uint64)]
    with progress("indexing", len(names)) as advance:
        for length, own in in_order(one, names, threads):
            lengths.append(length)
            found.append(own)
            advance(1)
    write_array(folder / SIGNATURES, np.concatenate(found))
    with written_aside(folder / LEARNED) as aside, aside.open("wb") as file:
        np.savez(file, lengths=np.array(lengths), middle=middle, **arrays_of(learned))
    write_json(folder / "index.json", made_of)


def arrays_of(learned: Learned) -> dict[str, np.ndarray]:
    arrays = {"groups": np.array(list(learned.scales), dtype=str)}
    if learned.scales:
        arrays["means"] = np.stack([scale.mean for scale in learned.scales.values()])
        arrays["deviations"] = np.stack([scale.deviation for scale in learned.scales.values()])
    if learned.codebook is not None:
        arrays |= {"codes": learned.codebook.codes, "code_means": learned.codebook.means}
    return arrays


def learned_in(arrays: dict[str, np.ndarray]) -> Learned:
    scales = {}
    if "means" in arrays:
        rows = zip(arrays["groups"].tolist(), arrays["means"], arrays["deviations"], strict=True)
        scales = {group: Scale(mean, deviation) for group, mean, deviation in rows}
    return Learned(scales, CodeMeans(arrays["codes"], arrays["code_means"]) if "codes" in arrays else None)


def opened(folder: Path, names: Sequence[str], options: IndexOptions, made_of: dict) -> Index:
    """Raises EncodingsError naming what differs, or the file that is damaged."""
    refuse_other(folder, "an index", there=settings_in(folder), asked=made_of, error=EncodingsError)
    name = SIGNATURES
    try:
        signatures = read_array(folder / name, mapped=True)
        name = LEARNED
        with np.load(folder / name, allow_pickle=False) as file:
            arrays = dict(file)
        learned, lengths, middle = learned_in(arrays), arrays["lengths"], arrays["middle"]
    except (ValueError, OSError, EOFError, KeyError, ImportError) as error:
        raise EncodingsError(f"{folder / name}: damaged; {AGAIN}") from error
    planes = Hyperplanes.drawn(options.windows.parts, middle, options.seed)
    index = Index(options, learned, names, lengths, planes, signatures)
    if len(lengths) != len(names) or signatures.shape != (index.firsts[-1], WORDS):
        raise EncodingsError(f"{folder}: its files do not fit each other; {AGAIN}")
    return index


def refuse_changed(folder: Path, index: Index, collection: Collection) -> None:
    """Raises EncodingsError if some utterances do not have the signatures that the index has of them."""
    contents, firsts = index.contents(collection), index.firsts
    for place in sorted({0, len(index.names) // 2, len(index.names) - 1}):
        content = contents.read(index.names[place])
        there = index.signatures[firsts[place] : firsts[place + 1]]
        same = len(content) == index.lengths[place]
        made = index.signatures_of(contents.vectors(content)) if same else None
        bits = 64 * WORDS * max(len(there), 1)
        if made is None or np.bitwise_count(made ^ there).sum() > CHANGED * bits:
            raise EncodingsError(
                f"{folder}: the frames of {index.names[place]} have changed since it was made; remove the folder, and "
                "the index is made anew"
            )
