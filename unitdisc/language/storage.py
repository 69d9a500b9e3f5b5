"""The folder of a language model.

lm.json            what it was made of and how: symbols, vocabulary, merges, options
model.arpa         an n-gram model
model.safetensors  the weights of a network
followers.tsv      which symbols follow which in what it was made of
log.jsonl, checkpoints/  of a network's training
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from unitdisc.files import write_json
from unitdisc.files.text import read_json
from unitdisc.language.arpa import read_arpa
from unitdisc.language.bpe import Merges
from unitdisc.language.errors import LanguageError
from unitdisc.language.presets import NGRAM
from unitdisc.language.reading import SYMBOLS, Found, Source, as_symbols, read_source
from unitdisc.language.scores import Predicts
from unitdisc.language.sequences import SPECIAL, Sequences
from unitdisc.language.vocabulary import Vocabulary

CARD, ARPA, WEIGHTS, FOLLOWERS = "lm.json", "model.arpa", "model.safetensors", "followers.tsv"
MAY_CHANGE = {
    "checkpoint_every",
    "gradient_accumulation",
    "keep",
    "log_every",
    "steps",
    "valid_every",
}  # and go on training


@dataclass(frozen=True)
class Card:
    """All that is known of a model but its numbers."""

    kind: str
    symbols: str  # one of SYMBOLS
    vocabulary: Sequence[str]
    longest: int
    merges: Sequence[tuple[str, str]] = ()
    options: dict[str, Any] = field(default_factory=dict)
    made_of: dict[str, Any] = field(default_factory=dict)  # path, checksum, and how much it was
    found: dict[str, Any] = field(default_factory=dict)  # what was estimated beside the numbers

    def write(self, folder: Path, versions: dict) -> None:
        write_json(folder / CARD, asdict(self) | {"versions": versions})

    def sequences(self, source: Source) -> tuple[Sequences, Found, str]:
        """The symbols of a source as this model reads them, what was read, and what was cut."""
        read = read_source(source)
        merges = Merges([tuple(pair) for pair in self.merges])
        sequences, cut = as_symbols(read.sequences, self.symbols, source, longest=self.longest, merges=merges)
        return sequences, read, cut


@dataclass(frozen=True)
class Stored:
    """A model and its card."""

    card: Card
    model: Predicts


def read_card(folder: Path) -> Card:
    """Raises LanguageError naming the file if it is not there, or not what it should be."""
    path = folder / CARD
    if not path.is_file():
        raise LanguageError(f"{path}: not there; give a folder made by `unitdisc lm-train`, or an ARPA file")
    try:
        values = read_json(path)
        values.pop("versions", None)
        card = Card(**values)
        good = (
            card.symbols in SYMBOLS
            and isinstance(card.kind, str)
            and isinstance(card.longest, int)
            and all(isinstance(symbol, str) for symbol in card.vocabulary)
            and tuple(card.vocabulary[:3]) == SPECIAL
            and all(len(pair) == 2 for pair in card.merges)
            and isinstance(card.options, dict)
            and isinstance(card.made_of, dict)
        )
        if not good:
            raise ValueError("values that cannot be")
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise LanguageError(
            f"{path}: damaged ({error}); run the same `unitdisc lm-train` into another folder"
        ) from error
    return replace(card, merges=[tuple(pair) for pair in card.merges])


def open_language_model(path: Path, symbols: str | None = None) -> Stored:
    """A folder of `lm-train`, or an ARPA file of any tool, which does not say what its symbols are.

    symbols: of an ARPA file (default: words). Raises LanguageError naming what is missing or damaged.
    """
    if path.is_file():
        model = read_arpa(path)
        return Stored(Card(NGRAM, symbols or "words", model.vocabulary.symbols, longest=10), model)
    if not path.is_dir():
        raise LanguageError(f"{path}: no such folder or ARPA file; `unitdisc lm-train` makes one")
    card = read_card(path)
    if symbols is not None and symbols != card.symbols:
        raise LanguageError(f"{path}: is a model of {card.symbols}, not of {symbols}; leave out `symbols`")
    if not (path / (ARPA if card.kind == NGRAM else WEIGHTS)).exists():
        raise LanguageError(f"{path}: is not finished; run the same `unitdisc lm-train` again, which goes on")
    if card.kind == NGRAM:
        model = read_arpa(path / ARPA)
        if [*model.vocabulary.symbols] != [*card.vocabulary]:
            raise LanguageError(f"{path / ARPA}: has other symbols than {CARD} beside it; make the model again")
        return Stored(card, model)
    from unitdisc.language.network_model import read_network  # torch, which n-grams do without

    return Stored(card, read_network(path / WEIGHTS, card.kind, Vocabulary(card.vocabulary), options=card.options))


def model_checksum(path: Path) -> str:
    """Names what an opened model estimates: its ARPA file, or the weights of its network."""
    file = path if path.is_file() else next(path / name for name in (ARPA, WEIGHTS) if (path / name).exists())
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def check_same(folder: Path, card: Card) -> None:
    """Raises LanguageError if a folder holds another model, or something else."""
    if not (folder / CARD).exists():
        if any((folder / name).exists() for name in (ARPA, WEIGHTS, "checkpoints")):
            raise LanguageError(f"{folder}: has a model, but no {CARD}; choose another folder")
        return
    there, new = (json.loads(json.dumps(asdict(each))) for each in (read_card(folder), card))
    kept = MAY_CHANGE - ({"steps"} if new["options"].get("schedule") == "cosine" else set())
    differ = {name for name in ("kind", "symbols", "longest", "vocabulary", "merges") if there[name] != new[name]}
    differ |= {
        name
        for name in there["options"].keys() | new["options"].keys()
        if there["options"].get(name) != new["options"].get(name) and name not in kept
    }
    if there["made_of"].get("checksum") != new["made_of"]["checksum"]:
        differ.add(f"the units ({there['made_of'].get('path')} there)")
    if differ:
        raise LanguageError(
            f"{folder}: holds another language model, which differs in {', '.join(sorted(differ))}; choose another "
            "folder, or remove this one"
        )


def checksum(sequences: Sequences) -> str:
    digest = hashlib.sha256("\n".join(sequences.symbols).encode())
    for array in (sequences.tokens, sequences.offsets):
        digest.update(array.astype("<i8").tobytes())
    return digest.hexdigest()[:16]
