"""Bits per pixel of several experiments beside each other: what latents are worth to each decoder.

Each RESULT is a JSON file that `unitdisc likelihood EXPERIMENT CORPUS --output RESULT` wrote; its name says what it is
of: DECODER-LATENTS.json, such as pixelcnn-units.json, and pixelcnn-none.json of a model trained without latents.

python eval/likelihoods.py exp/likelihoods/*.json
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from markdown_tables import print_table

from unitdisc.files.text import read_json


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, dict]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULT")
    found: dict[str, dict[str, dict]] = {}
    for path in parser.parse_args(argv).results:
        decoder, _, latents = path.stem.rpartition("-")
        found.setdefault(decoder or path.stem, {})[latents] = read(path)
    kinds = list(dict.fromkeys(kind for row in found.values() for kind in row))
    values = {result["per"] for row in found.values() for result in row.values()}
    print(f"Bits per {' or '.join(sorted(values))}; in brackets, with the latents of another utterance; ≤: a bound\n")
    rows = ([decoder, *(cell(row.get(kind)) for kind in kinds)] for decoder, row in found.items())
    print_table(["decoder", *(f"latents: {kind}" for kind in kinds)], rows)
    return found


def cell(result: dict | None) -> str:
    if result is None:
        return "–"
    right, wrong = result["bits"], result["bits_with_wrong_latents"]
    return ("≤ " if result["bound"] else "") + f"{right:.3f}" + ("" if wrong == right else f" ({wrong:.3f})")


def read(path: Path) -> dict:
    """A result. Exits with a sentence if the file holds none."""
    try:
        found = read_json(path)
        needed = {name: found[name] for name in ("bits", "bits_with_wrong_latents", "per", "utterances")}
        return needed | {"bound": found.get("bound", False)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"{path}: no result of `unitdisc likelihood --output` ({error}); run it again")


if __name__ == "__main__":
    main()
