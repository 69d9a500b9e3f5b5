"""The lexical and syntactic tasks of ZeroSpeech 2021 and of BabySLM: of two recordings, which one is likelier.

DATA/<task>/<split>/gold.csv           what is right, with the columns of GOLD
SUBMISSION/<task>/<split>.txt          of every recording a line: its name, and how likely it is (a logarithm)

The formats are those that the evaluation programs of the challenge (zerospeech2021/lexical.py, syntactic.py) and of
BabySLM (scripts/metrics/) read; figures are the same. A word with several pseudo-words, as BabySLM has, counts once.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError
from unitdisc.evaluation.intervals import interval
from unitdisc.files import write_text
from unitdisc.files.text import fields_of, read_csv, read_lines

LEXICAL, SYNTACTIC = "lexical", "syntactic"
TASKS = (LEXICAL, SYNTACTIC)
SPLITS = ("dev", "test")
GOLD = {
    LEXICAL: ("filename", "id", "voice", "frequency", "word", "phones", "length", "correct"),
    SYNTACTIC: ("filename", "id", "voice", "type", "subtype", "transcription", "correct"),
}
BANDS = ((0, "oov"), (1, "1-5"), (5, "6-20"), (20, "21-100"), (100, ">100"))  # as the challenge cuts them
LINE = "every line must be the name of a recording and a number, with a blank between"


@dataclass(frozen=True)
class Item:
    """A recording of a gold list."""

    name: str
    id: tuple[str, ...]  # of the pair; of sentences with type and subtype
    voice: str
    said: str
    correct: bool
    kinds: Mapping[str, str]  # frequency and length, or type


@dataclass(frozen=True)
class PairScore:
    """How often what is right was likelier, over voices, and over what it was compared to."""

    id: tuple[str, ...]
    right: str
    wrong: Sequence[str]
    score: float  # 0 to 1; one half where both are as likely
    kinds: Mapping[str, str]


def gold_path(data: Path, task: str, split: str) -> Path:
    return data / task / split / "gold.csv"


def scores_path(submission: Path, task: str, split: str) -> Path:
    return submission / task / f"{split}.txt"


def read_gold(path: Path, task: str) -> list[Item]:
    """Raises CorpusError naming the line of what is no item."""
    cure = f"give the gold.csv of the {task} task"
    items, seen = [], {}
    for row in read_csv(path, GOLD[task], CorpusError, cure=cure):
        cells = row.cells
        name = cells["filename"]
        if cells["correct"] not in ("0", "1"):
            raise CorpusError(f"{path}:{row.line}: correct is {cells['correct']!r}, but must be 0 or 1; {cure}")
        if name in seen:
            raise CorpusError(f"{path}:{row.line}: {name!r} is already on line {seen[name]}; keep one of them")
        seen[name] = row.line
        if task == LEXICAL:
            id, said = (cells["id"],), cells["word"] or cells["phones"]
            kinds = {"frequency": cells["frequency"], "length": cells["length"]}
        else:
            id, said = (cells["type"], cells["subtype"], cells["id"]), cells["transcription"]
            kinds = {"type": cells["type"]}
        items.append(Item(name, id, cells["voice"], said, cells["correct"] == "1", kinds))
    if not items:
        raise CorpusError(f"{path}: lists no recordings; {cure}")
    return items


def read_scores(path: Path) -> dict[str, float]:
    """How likely each recording is. Raises CorpusError naming the line of what says nothing, or says it twice."""
    found: dict[str, float] = {}
    for number, text in read_lines(path, CorpusError, f"give the scores of a task; {LINE}"):
        fields = fields_of(text)
        try:
            value = float(fields[1]) if len(fields) == 2 else math.nan
        except ValueError:
            value = math.nan
        if math.isnan(value):
            raise CorpusError(f"{path}:{number}: has {text.strip()[:40]!r}; {LINE}")
        if fields[0] in found:
            raise CorpusError(f"{path}:{number}: {fields[0]!r} is there twice; keep one of them")
        found[fields[0]] = value
    return found


def write_scores(path: Path, scores: Mapping[str, float]) -> None:
    """Numbers are written with all their digits."""
    write_text(path, "".join(f"{name} {value!r}\n" for name, value in sorted(scores.items())))


def refuse_mismatch(path: Path, scores: Iterable[str], wanted: Iterable[str]) -> None:
    """Raises CorpusError unless every recording has a score, and every score is of a recording."""
    scores, wanted = {*scores}, {*wanted}
    for missing, told, cure in (
        (wanted - scores, "recordings have no score", "score them too"),
        (scores - wanted, "scores are of no recording", "leave them out"),
    ):
        if missing:
            some = ", ".join(sorted(missing)[:3])
            raise CorpusError(f"{path}: {len(missing)} {told} ({some}{', ...' if len(missing) > 3 else ''}); {cure}")


def pair_scores(items: Sequence[Item], scores: Mapping[str, float], task: str, path: Path) -> list[PairScore]:
    """Of every pair, in the order of the gold list.

    By every voice, a word is compared to all its pseudo-words, and the first right sentence to the first wrong one.
    Raises CorpusError naming a pair of which the one or the other is missing.
    """
    groups: dict[tuple, dict[str, list[Item]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        groups[item.id][item.voice].append(item)
    found = []
    for id, voices in groups.items():
        by_voice, wrongs = [], {}
        for voice, both in voices.items():
            right, wrong = ([each for each in both if each.correct is which] for which in (True, False))
            if not right or not wrong or (task == SYNTACTIC and len(right) != len(wrong)):
                what = f"{len(right)} right and {len(wrong)} wrong ones"
                raise CorpusError(f"{path}: of {' '.join(id)} by {voice} there are {what}; give a whole gold list")
            compared = [*product(right, wrong)] if task == LEXICAL else [*zip(right, wrong)]
            won = [likelier(scores[one.name], scores[other.name]) for one, other in compared]
            by_voice.append(float(np.mean(won)))
            wrongs |= dict.fromkeys(other.said for _, other in compared)
        first = next(item for both in voices.values() for item in both if item.correct)
        found.append(PairScore(id, first.said, [*wrongs], float(np.mean(by_voice)), first.kinds))
    return found


def likelier(one: float, other: float) -> float:
    return float(one > other) + 0.5 * (one == other)


def overall(pairs: Sequence[PairScore], seed: int = 0) -> dict:
    """The mean over pairs, and its 95 % interval over pairs."""
    values = np.array([pair.score for pair in pairs])
    bounds = interval(values, np.ones(len(values)), np.arange(len(values)), seed=seed)
    return {"pairs": len(pairs), "accuracy": float(values.mean()), "interval": bounds}


def by_kind(pairs: Sequence[PairScore], name: str) -> list[tuple[str, np.ndarray]]:
    """The scores of pairs of every frequency band, length or type."""
    found: dict[str, list[float]] = {label: [] for _, label in BANDS} if name == "frequency" else defaultdict(list)
    for pair in pairs:
        value = pair.kinds[name]
        if name == "frequency":
            value = band(value)
        if value:
            found[value].append(pair.score)
    ordered = found if name == "frequency" else sorted(found, key=as_number)
    return [(label, np.array(found[label])) for label in ordered]


def band(frequency: str) -> str:
    """Empty where nothing says how often a word is heard."""
    try:
        number = float(frequency)
    except ValueError:
        return ""
    return next((label for least, label in reversed(BANDS) if number >= least), "")


def as_number(label: str) -> tuple[float, str]:
    try:
        return float(label), label
    except ValueError:
        return math.inf, label


def pair_table(pairs: Sequence[PairScore], task: str) -> str:
    """score_<task>_<split>_by_pair.csv."""
    head = "word,non word,score" if task == LEXICAL else "sentence,non sentence,score"
    ordered = sorted(pairs, key=lambda pair: [*map(as_number, pair.id)])
    rows = [f"{cell(pair.right)},{cell('/'.join(pair.wrong))},{pair.score:.4f}" for pair in ordered]
    return "\n".join([head, *rows]) + "\n"


def kind_table(pairs: Sequence[PairScore], name: str) -> str:
    """score_<task>_<split>_by_<name>.csv."""
    rows = [f"{name},n,score,std"]
    for label, values in by_kind(pairs, name):
        mean = f"{values.mean():.4f}" if len(values) else ""
        spread = f"{values.std(ddof=1):.4f}" if len(values) > 1 else ""
        rows.append(f"{cell(label)},{len(values)},{mean},{spread}")
    return "\n".join(rows) + "\n"


def cell(text: str) -> str:
    """As comma-separated values have it."""
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"') else text
