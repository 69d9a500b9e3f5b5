"""How many characters lines have, by their strokes alone and by their texts or labels, for every scribe.

python eval/character_rate.py data/test.jsonl

`unitdisc discover` and `unitdisc templates` take the first for the number of units, unless one is given.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.read import read_corpus
from unitdisc.data.character_rate import STROKES, characters_per_100_columns

LINES = 40  # of a scribe


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, metavar="CORPUS", help="manifest of lines with texts or characters")
    args = parser.parse_args(argv)
    scribes = defaultdict(list)
    for line in read_corpus(args.corpus, False):
        if line.is_image and characters_of(line):
            scribes[line.speaker or "unknown"].append(line)
    if not scribes:
        raise CorpusError(f"{args.corpus}: no line has a text or characters; give a corpus that somebody transcribed")
    print(f"{'scribe':32}{'lines':>6}{'by strokes':>12}{'there are':>11}{'ratio':>7}{'strokes a character':>21}")
    for scribe, lines in sorted(scribes.items()):
        some = lines[:: -(-len(lines) // LINES)]
        there = 100 * sum(map(characters_of, some)) / sum(line.ticks for line in some)
        found = characters_per_100_columns(some)
        ratio = found / there
        print(f"{scribe[:31]:32}{len(some):6}{found:12.2f}{there:11.2f}{ratio:7.2f}{STROKES * ratio:21.2f}")


def characters_of(line: Utterance) -> int:
    """Without spaces."""
    tier = line.alignment.get("character")
    return len(tier) if tier is not None else len("".join((line.text or "").split()))


if __name__ == "__main__":
    main()
