"""One table of several ways to find words: tokens, types, boundaries, NED, coverage and seconds, side by side.

python eval/words.py exp/mini_words/mini_speech/scores

Reads NAME.json of `unitdisc score --tier word --output` in a folder and, where it is there, NAME.seconds. Prints
Markdown, in the order of names. Token, type and boundary F1, NED and coverage are those of zerospeech-tde, for which a
boundary is where a phone ends; the R-value is of boundaries within the tolerance of `score`. Of line images, which
these do not score, F1 of tokens and boundaries are within the tolerance, too, and the rest is left out; below the
table it says why.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from markdown_tables import print_table
from result_files import part, percent

HEADS = ("system", "words", "spellings", "token F1", "type F1", "boundary F1", "R-value", "NED", "coverage", "seconds")


def row(name: str, units: dict) -> list[str]:
    terms, strict = units["terms"], units["boundaries"].get("strict")
    if strict is None:
        return [name, f"not measured: {units['boundaries']['why']}"]
    if "why" in terms:
        token = units["boundaries"]["token"]
        counts, shares = [token["found"], ""], [token["f1"], None, strict["f1"], strict["r_value"], None, None]
    else:
        counts = [terms[which]["found"] for which in ("token", "type")]
        f1 = [terms[which]["f1"] for which in ("token", "type", "boundary")]
        shares = [*f1, strict["r_value"], terms["ned"], terms["coverage"]]
    return [name, *map(str, counts), *("" if share is None else f"{percent(share):.1f}" for share in shares)]


def show(folder: Path) -> None:
    lacking: dict[str, list[str]] = defaultdict(list)
    print_table(HEADS, rows(folder, lacking))
    for why, names in lacking.items():
        print(f"\nTokens and boundaries within the tolerance, for {why}: {', '.join(names)}.")


def rows(folder: Path, lacking: dict[str, list[str]]) -> Iterator[list[str]]:
    """lacking: gets the names of what has no other scores, by why."""
    for path in sorted(folder.glob("*.json")):
        units = part(path, "units")
        if "why" in units["terms"]:
            lacking[units["terms"]["why"]].append(path.stem)
        seconds = path.with_suffix(".seconds")
        took = seconds.read_bytes().decode().strip() if seconds.exists() else ""
        yield [*row(path.stem, units), took]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with NAME.json of each system")
    args = parser.parse_args(argv)
    show(args.folder)


if __name__ == "__main__":
    sys.exit(main())
