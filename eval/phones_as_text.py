"""Corpora whose texts are their phones, a letter for each, so that `unitdisc align` learns to write phones.

python eval/phones_as_text.py data/phones data/train.jsonl data/test.jsonl
unitdisc align data/phones/train.jsonl --output exp/reader --prior 0

Writes the manifests of the same names to the folder. Letters are the same in all of them; a label that lasts counts
once, and silence is left out.
"""

import argparse
import string
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from unitdisc.corpus import CorpusError
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.evaluation.probes.sequences import SequenceTask

LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="to write to")
    parser.add_argument("corpora", type=Path, nargs="+", metavar="CORPUS")
    parser.add_argument("--tier", default="phone", help="of labels (default: %(default)s)")
    options = parser.parse_args(argv)
    task = SequenceTask(options.tier)
    try:
        corpora = {path: read_corpus(path) for path in options.corpora}
        sequences = {each.id: task.sequence(each) for corpus in corpora.values() for each in corpus}
        labels = sorted({label for sequence in sequences.values() for label in sequence})
        if nameless := next((id for id, sequence in sequences.items() if not sequence), None):
            raise CorpusError(
                f"{nameless} has no labels in tier {options.tier!r}; give another --tier, or leave it out"
            )
        if len(labels) > len(LETTERS):
            raise CorpusError(f"there are {len(labels)} labels, and {len(LETTERS)} letters; give a --tier with fewer")
    except CorpusError as error:
        sys.exit(f"error: {error}")
    letters = dict(zip(labels, LETTERS))
    options.folder.mkdir(parents=True, exist_ok=True)
    for path, corpus in corpora.items():
        spelt = [replace(each, text="".join(letters[label] for label in sequences[each.id])) for each in corpus]
        write_manifest(options.folder / path.name, spelt)
    print(f"{len(labels)} labels: {' '.join(f'{letter}={label}' for label, letter in letters.items())}")


if __name__ == "__main__":
    main()
