"""How many codes trained models use: held-out figures of their last validation, means and spread over seeds.

python eval/codebook_use.py exp/robust_codebooks/*

Experiments named NAME-seed0, NAME-seed1, ... are one row. Prints Markdown, ready for a RESULTS.md.
"""

import argparse
import sys
from pathlib import Path

from compare import by_name, cell, print_titled

from unitdisc.reports.summary import read_log

COLUMNS = {  # title -> where the log has it
    "codes used": ("metrics", "codes_used"),
    "perplexity": ("metrics", "perplexity"),
    "reconstruction, nats per value": ("losses", "reconstruction"),
    "commitment": ("losses", "commitment"),
}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", type=Path, nargs="+", help="folders made by `unitdisc train`")
    args = parser.parse_args(argv)

    rows = {}
    for name, folders in by_name(args.experiments).items():
        seeds = [last_validation(folder) for folder in folders]
        figures = [cell([seed.get(part, {}).get(key) for seed in seeds]) for part, key in COLUMNS.values()]
        rows[name] = [str(len(seeds)), str(max(seed["step"] for seed in seeds)), *figures]
    print_titled("Held-out utterances, at the last validation", ("seeds", "step", *COLUMNS), rows)


def last_validation(folder: Path) -> dict:
    """The last line of log.jsonl that is of held-out utterances."""
    path = folder / "log.jsonl"
    if not path.exists():
        sys.exit(f"error: {path}: no such file; is {folder} a folder made by `unitdisc train`?")
    valid = [line for line in read_log(path) if line.get("split") == "valid"]
    if not valid:
        sys.exit(f"error: {path}: no validation yet; train further, on ten utterances or more")
    return valid[-1]


if __name__ == "__main__":
    main()
