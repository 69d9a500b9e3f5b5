"""One table of several ways to find words: tokens, types, boundaries, NED, coverage and seconds, side by side.

python eval/words.py exp/mini_words/mini_speech/scores

Reads NAME.json of `unitdisc score --tier word --output` in a folder and, where it is there, NAME.seconds. Prints
Markdown, in the order of names. Token, type and boundary F1, NED and coverage are those of zerospeech-tde, for which a
boundary is where a phone ends; the R-value is of boundaries within the tolerance of `score`.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from result_files import part, percent


def row(name: str, units: dict) -> list[str]:
    terms, strict = units["terms"], units["boundaries"]["strict"]
    if "why" in terms:
        return [name, f"not measured: {terms['why']}"]
    f1 = [percent(terms[which]["f1"]) for which in ("token", "type", "boundary")]
    shares = [*f1, percent(strict["r_value"]), percent(terms["ned"]), percent(terms["coverage"])]
    shown = ["" if share is None else f"{share:.1f}" for share in shares]
    return [name, str(terms["token"]["found"]), str(terms["type"]["found"]), *shown]


def table(folder: Path) -> Iterator[str]:
    yield "| system | words | spellings | token F1 | type F1 | boundary F1 | R-value | NED | coverage | seconds |"
    yield "|---|" + "---:|" * 9
    for path in sorted(folder.glob("*.json")):
        seconds = path.with_suffix(".seconds")
        took = seconds.read_bytes().decode().strip() if seconds.exists() else ""
        yield f"| {' | '.join([*row(path.stem, part(path, 'units')), took])} |"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with NAME.json of each system")
    args = parser.parse_args(argv)
    print("\n".join(table(args.folder)))


if __name__ == "__main__":
    sys.exit(main())
