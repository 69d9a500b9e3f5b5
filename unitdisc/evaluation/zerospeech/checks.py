"""Submissions to ZeroSpeech 2021, ours or anybody's: everything that is missing or wrong in one, said at once."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from unitdisc.corpus import CorpusError, Problem
from unitdisc.encodings import EncodingsError
from unitdisc.evaluation.foreign import shortened
from unitdisc.evaluation.formats import read_rows
from unitdisc.evaluation.zerospeech.plain_yaml import read_yaml
from unitdisc.evaluation.zerospeech.submissions import FEWEST, PARTS

METRICS = ("cosine", "euclidean", "kl", "kl_symmetric")
POOLINGS = ("min", "max", "mean", "sum", "last", "lastlast")
META = {  # what meta.yaml must say, and in which type
    "author": str,
    "affiliation": str,
    "description": str,
    "open_source": bool,
    "train_set": str,
    "visually_grounded": bool,
    "gpu_budget": float,
    "parameters": {
        "phonetic": {"metric": METRICS, "frame_shift": float},
        "semantic": {"metric": str, "pooling": POOLINGS},
    },
}
OTHER_CURE = "lexical and syntactic: eval/zerospeech2021_language.py; semantic ones are not made here"
OTHER_TASKS = (
    *(f"{task}/{split}.txt" for task in ("lexical", "syntactic") for split in ("dev", "test")),
    *(f"semantic/{split}/{kind}" for split in ("dev", "test") for kind in ("librispeech", "synthetic")),
)


def check_2021(folder: Path, expected: Mapping[str, Iterable[str]]) -> list[Problem]:
    """Everything that is missing or wrong in a submission to ZeroSpeech 2021.

    expected: part -> the names that must have a file each; parts without any are not compared. Tasks other than the
    phonetic one are warnings: nothing here makes or reads them.
    """
    return [*meta_problems(folder), *extra_problems(folder), *phonetic_problems(folder, expected), *other_tasks(folder)]


def problem(path: Path, what: str, cure: str, line: int | None = None) -> Problem:
    return Problem("error", str(path), line, what=what, cure=cure)


def meta_problems(folder: Path) -> Iterator[Problem]:
    path = folder / "meta.yaml"
    if not path.is_file():
        yield problem(path, "missing", f"it must say {', '.join(META)}")
        return
    try:
        meta = read_yaml(path)
    except CorpusError as error:
        yield problem(path, str(error).removeprefix(f"{path}:"), "correct the line")
        return
    yield from mapping_problems(path, meta, META, "")
    opened, code = meta.get("open_source"), folder / "code"
    if opened is True and not (code.is_dir() and any(code.iterdir())):
        yield problem(code, "missing or empty, but meta.yaml says open_source: true", "put the code there")
    if opened is False and code.exists():
        yield problem(code, "there, but meta.yaml says open_source: false", "remove it, or say open_source: true")


def mapping_problems(path: Path, found: Any, wanted: Mapping[str, Any], above: str) -> Iterator[Problem]:
    if not isinstance(found, Mapping):
        yield problem(path, f"{above or 'it'} says nothing", f"it must say {', '.join(wanted)}")
        return
    for key in [key for key in wanted if key not in found]:
        yield problem(path, f"lacks {above}{key}", f"add it: {described(wanted[key])}")
    for key in sorted(map(str, found.keys() - wanted.keys())):
        yield problem(path, f"says {above}{key}, which nobody asks for", "remove it")
    for key in [key for key in wanted if key in found]:
        kind, value = wanted[key], found[key]
        if isinstance(kind, Mapping):
            yield from mapping_problems(path, value, kind, f"{above}{key}/")
        elif not fits(value, kind):
            yield problem(path, f"{above}{key} is {value!r}", f"it must be {described(kind)}")


def fits(value: Any, kind: Any) -> bool:
    if isinstance(kind, tuple):
        return value in kind
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
    return isinstance(value, kind) and value != ""


def described(kind: Any) -> str:
    if isinstance(kind, tuple):
        return "one of " + ", ".join(kind)
    if isinstance(kind, Mapping):
        return "a section with " + ", ".join(kind)
    return {str: "a text that is not empty", bool: "true or false", float: "a number, 0 or more"}[kind]


def extra_problems(folder: Path) -> Iterator[Problem]:
    known = {"meta.yaml", "phonetic", "lexical", "syntactic", "semantic", "code"}
    for path in sorted(folder.iterdir() if folder.is_dir() else ()):
        if path.name not in known:
            yield problem(path, "has no place in a submission", "remove it")
    for path in sorted((folder / "phonetic").iterdir() if (folder / "phonetic").is_dir() else ()):
        if path.name not in PARTS:
            yield problem(path, "has no place in phonetic", f"there must be {', '.join(PARTS)} and nothing else")


def phonetic_problems(folder: Path, expected: Mapping[str, Iterable[str]]) -> Iterator[Problem]:
    width: tuple[int, Path] | None = None  # of a frame, and where it was seen first
    for part in PARTS:
        parent = folder / "phonetic" / part
        if not parent.is_dir():
            yield problem(parent, "missing", "write the frames of every recording of this part")
            continue
        files = sorted(path for path in parent.rglob("*") if path.is_file())
        for path in files:
            if path.suffix != ".txt":
                yield problem(path, "is no .txt file", "remove it")
                continue
            found, what = frame_width(path)
            if found is None:
                yield what
            elif width and found != width[0]:
                yield problem(path, f"{found} dimensions, but {width[1]} has {width[0]}", "make both with one model")
            width = width or (found and (found, path))
        yield from name_problems(
            parent, [path.stem for path in files if path.suffix == ".txt"], [*expected.get(part, ())]
        )


def frame_width(path: Path) -> tuple[int | None, Problem | None]:
    """The dimensions of the frames in a file, or what is wrong with it."""
    try:
        values, _, _ = read_rows(path)
    except EncodingsError as error:
        what, _, cure = str(error).removeprefix(f"{path}:").rpartition("; ")
        return None, problem(path, what.strip(), cure)
    if len(values) < FEWEST:
        return None, problem(path, f"{len(values)} frame", f"a file must have {FEWEST} or more, one per line")
    return values.shape[1], None


def name_problems(parent: Path, found: list[str], wanted: list[str]) -> Iterator[Problem]:
    twice = sorted({name for name in found if found.count(name) > 1}) if len({*found}) < len(found) else []
    if twice:
        yield problem(parent, f"{len(twice)} names occur more than once ({shortened(twice)})", "keep one file of each")
    if not wanted:
        return
    if missing := sorted({*wanted} - {*found}):
        yield problem(parent, f"{len(missing)} recordings have no file ({shortened(missing)})", "encode them too")
    if extra := sorted({*found} - {*wanted}):
        yield problem(parent, f"{len(extra)} files are of no recording ({shortened(extra)})", "remove them")


def other_tasks(folder: Path) -> Iterator[Problem]:
    for name in OTHER_TASKS:
        if not (folder / name).exists():
            yield Problem("warning", str(folder / name), None, what="missing", cure=OTHER_CURE)
