"""Arguments and options that several commands share, and what messages call them.

The library says `frame_rate`, as its functions do; a person at a terminal reads --frame-rate.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

Number = TypeVar("Number", int, float)
FIELD = re.compile(r"`([a-z][a-z0-9_]*)`")
OTHERWISE = {  # where both have a name
    "overrides": "set",
    "cluster": "ray",
    "points": "at",
    "folder": "output",
    "codes": "code",
    "speakers": "speaker",
}


def naming(parameters: Iterable[typer.CallbackParam]) -> Callable[[str], str]:
    """Makes of messages of the library those of a command: its options for the names of fields."""
    options = {parameter.name: parameter.opts[0] for parameter in parameters if parameter.opts[0].startswith("--")}

    def option(field: re.Match) -> str:
        return options.get(field[1]) or options.get(OTHERWISE.get(field[1], "")) or field[0]

    return lambda message: FIELD.sub(option, message)


def folder_of_cache(path: Path | None) -> Path | None:
    """The same path. Raises ValueError, before the work begins, if nothing can be kept there."""
    from unitdisc.files.folders import folder_for_results

    try:
        return path and folder_for_results(path)
    except ValueError as error:
        raise ValueError(f"--cache {error}") from error


def file_to_write(parameter: typer.CallbackParam, path: Path | None) -> Path | None:
    """The same path. Raises ValueError, before the work begins, if there can be no such file."""
    from unitdisc.files.folders import file_for_results

    file_for_results(path, parameter.opts[0])
    return path


def numbers_in(text: str, option: str, example: str, kind: type[Number] = int) -> tuple[Number, ...]:
    """The numbers in "1,5,10". Raises ValueError, which names the option, for anything else."""
    try:
        return tuple(kind(number) for number in text.split(","))
    except ValueError as error:
        what = "whole numbers" if kind is int else "numbers"
        raise ValueError(f"{option} {text!r}: give {what} with commas between them, as {example}") from error


CORPUS = "manifest (.jsonl) or Kaldi data directory"
CorpusPath = Annotated[Path, typer.Argument(help=CORPUS, metavar="CORPUS")]
ExperimentPath = Annotated[Path, typer.Argument(help="folder made by `unitdisc train`", metavar="EXPERIMENT")]
EncodingsPath = Annotated[
    Path, typer.Argument(help="folder of one probe point, or any tool's .npy files", metavar="ENCODINGS")
]
AnyEncodingsPath = Annotated[
    Path, typer.Argument(help="frames of any system: .npy, .pt or .txt, one file per utterance", metavar="ENCODINGS")
]
SymbolsPath = Annotated[
    Path,
    typer.Argument(
        help="encodings with codes, a .km or .jsonl file of codes, a .txt file of words, or with --tier a corpus",
        metavar="UNITS",
    ),
]
LmPath = Annotated[Path, typer.Argument(help="folder made by `unitdisc lm-train`, or an ARPA file", metavar="LM")]
SymbolsTier = Annotated[
    str | None, typer.Option("--tier", help="UNITS is a corpus, and the labels of this tier are its words")
]

Tier = Annotated[
    str | None,
    typer.Option("--tier", help="alignment tier whose labels are looked for (default: phone; of images: character)"),
]
FrameRate = Annotated[float | None, typer.Option("--frame-rate", help="frames per second, for folders of other tools")]
Times = Annotated[
    str | None, typer.Option("--times", help="of other tools' .txt: regular, or column: the first is time")
]
Normalise = Annotated[
    str | None,
    typer.Option(
        "--normalise", metavar="STEPS", help="steps that frames go through as they are read: see `unitdisc normalise`"
    ),
]
NormaliseLike = Annotated[
    Path | None,
    typer.Option(
        "--normalise-like", metavar="FOLDER", help="the same, as was learnt before: a folder, or adaptation.safetensors"
    ),
]
AllowPipes = Annotated[bool, typer.Option("--allow-pipes", help="run the `command |` entries of a wav.scp")]
Strict = Annotated[bool, typer.Option("--strict", help="stop at a bad file instead of leaving it out")]
Trust = Annotated[
    bool, typer.Option("--trust", help="look at no recording before it is needed: for a corpus found good before")
]
Limit = Annotated[int | None, typer.Option("--limit", help="only the first so many utterances")]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        callback=folder_of_cache,
        help="folder that keeps features, and which recordings are good, between runs",
    ),
]
Device = Annotated[str | None, typer.Option("--device", help="cpu, cuda, cuda:1 (default: a GPU if there is one)")]
Threads = Annotated[int | None, typer.Option("--threads", help="all cores by default")]
ShardOption = Annotated[
    str | None,
    typer.Option("--shard", metavar="I/N", help="only the I-th of N shares, 1/N to N/N, each a process of its own"),
]
Ray = Annotated[
    str | None, typer.Option("--ray", metavar="ADDRESS", help="work on a Ray cluster: its address, auto, or local")
]
Shards = Annotated[
    int | None, typer.Option("--shards", help="of the work for --ray (default: four per processor or GPU; of abx one)")
]
Output = Annotated[Path | None, typer.Option("--output", "-o", callback=file_to_write, help="JSON file for the result")]
