"""ZeroSpeech 2021 and BabySLM, lexical and syntactic tasks: submission files written, checked and scored.

python eval/zerospeech2021_language.py write submission lexical dev exp/lm/dev.jsonl
python eval/zerospeech2021_language.py check submission data/zerospeech2021
python eval/zerospeech2021_language.py score submission data/zerospeech2021 --output scores

write   SUBMISSION/<task>/<split>.txt of what `unitdisc lm-score --utterances` wrote: of every recording the logarithm
        of its probability (base 2), or with --per-symbol that divided by its symbols and the end.
check   Whether every recording of DATA/<task>/<split> (those of gold.csv, or the .wav files) has a score.
score   How often the word is likelier than the pseudo-word, the right sentence likelier than the wrong one; by chance
        50 %. The tables are those of the evaluation programs of the challenge, and so are the figures. Tasks and splits
        are those that have a gold.csv: of the challenge only dev is given out.

DATA is as distributed, lexical/dev/gold.csv and so on; that of BabySLM has the same layout, and so has what
data_prep/spot_the_word.py makes. The semantic task is not read.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unitdisc.corpus import CorpusError
from unitdisc.evaluation.settings import versions
from unitdisc.evaluation.zerospeech.likelier import (
    LEXICAL,
    SPLITS,
    TASKS,
    gold_path,
    kind_table,
    overall,
    pair_scores,
    pair_table,
    read_gold,
    read_scores,
    refuse_mismatch,
    scores_path,
    write_scores,
)
from unitdisc.evaluation.zerospeech.runs import file_checksum, percent
from unitdisc.files import write_json, write_text
from unitdisc.files.text import read_lines

GIVE = "give the file of `unitdisc lm-score --utterances`"


def main(argv: list[str] | None = None) -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("write", help="scores of a task from bits of utterances")
    verb.set_defaults(run=write)
    verb.add_argument("submission", type=Path, help="folder to write into")
    verb.add_argument("task", choices=TASKS)
    verb.add_argument("split", choices=SPLITS)
    verb.add_argument("bits", type=Path, help="JSON lines of `unitdisc lm-score --utterances`")
    verb.add_argument("--per-symbol", action="store_true", help="what has more symbols is no less likely for that")
    verb.add_argument("--data", type=Path, help="leave out what is no recording of this data set")
    verb = verbs.add_parser("check", help="whether every recording has a score")
    verb.set_defaults(run=check)
    verb.add_argument("submission", type=Path)
    verb.add_argument("data", type=Path, help="folder with <task>/<split>")
    verb = verbs.add_parser("score", help="how often what is right is likelier")
    verb.set_defaults(run=score)
    verb.add_argument("submission", type=Path)
    verb.add_argument("data", type=Path, help="folder with <task>/<split>/gold.csv")
    verb.add_argument("--seed", type=int, default=0, help="of the intervals")
    verb.add_argument("--output", type=Path, help="folder for the tables as .csv, and scores.json")
    args = parser.parse_args(argv)
    return args.run(args)


def write(args: argparse.Namespace) -> dict[str, float]:
    scores: dict[str, float] = {}
    for number, text in read_lines(args.bits, CorpusError, GIVE):
        try:
            row = json.loads(text)
            name, bits, symbols = row["utterance"], float(row["bits"]), int(row["symbols"])
        except (ValueError, KeyError, TypeError) as error:
            raise CorpusError(f"{args.bits}:{number}: says no bits and symbols of an utterance; {GIVE}") from error
        scores[name] = -bits / (symbols + 1) if args.per_symbol else -bits
    if not scores:
        raise CorpusError(f"{args.bits}: has no utterances; {GIVE}")
    if args.data is not None:
        wanted = recordings(args.data, args.task, args.split)
        if left := scores.keys() - wanted:
            print(f"{args.bits}: {len(left)} utterances are of no recording of {args.data}, left out", file=sys.stderr)
        scores = {name: value for name, value in scores.items() if name in wanted}
        refuse_mismatch(args.bits, scores, wanted)
    path = scores_path(args.submission, args.task, args.split)
    write_scores(path, scores)
    print(f"{path}: {len(scores)} recordings")
    return scores


def recordings(data: Path, task: str, split: str) -> set[str]:
    """Those of a split. Raises CorpusError if there are none."""
    gold = gold_path(data, task, split)
    found = (
        {item.name for item in read_gold(gold, task)} if gold.is_file() else {p.stem for p in gold.parent.glob("*.wav")}
    )
    if not found:
        raise CorpusError(f"{gold.parent}: has neither gold.csv nor .wav files; give the data as distributed")
    return found


def parts(submission: Path, data: Path, named: str) -> Iterator[tuple[str, str, Path]]:
    """Tasks and splits with scores that can be compared to something: a file or folder DATA/<task>/<split>/`named`."""
    if not submission.is_dir():
        raise CorpusError(f"{submission}: no such folder; give a submission")
    found = 0
    for task in TASKS:
        for split in SPLITS:
            path, there = scores_path(submission, task, split), (data / task / split / named).exists()
            if path.is_file() and there:
                found += 1
                yield task, split, path
            elif path.is_file() or there:
                what = f"{data / task / split / named} is not there" if path.is_file() else f"{path} is not there"
                print(f"{task} {split}: {what}, left out", file=sys.stderr)
    if not found:
        raise CorpusError(f"{submission}: has no scores of anything in {data}; write <task>/<split>.txt")


def check(args: argparse.Namespace) -> None:
    for task, split, path in parts(args.submission, args.data, "."):
        scores = read_scores(path)
        refuse_mismatch(path, scores, recordings(args.data, task, split))
        print(f"{path}: {len(scores)} scores, of every recording one")


def score(args: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    tables: dict[str, str] = {}
    sources: dict[str, str] = {}
    for task, split, path in parts(args.submission, args.data, "gold.csv"):
        gold = gold_path(args.data, task, split)
        items, scores = read_gold(gold, task), read_scores(path)
        refuse_mismatch(path, scores, (item.name for item in items))
        pairs = pair_scores(items, scores, task, gold)
        found[f"{task} {split}"] = overall(pairs, args.seed)
        sources |= {str(each): file_checksum(each) for each in (gold, path)}
        stem = f"score_{task}_{split}_by"
        tables[f"{stem}_pair.csv"] = pair_table(pairs, task)
        for kind in ("frequency", "length") if task == LEXICAL else ("type",):
            tables[f"{stem}_{kind}.csv"] = kind_table(pairs, kind)
        tables[f"overall_accuracy_{task}_{split}.txt"] = f"{found[f'{task} {split}']['accuracy']}\n"
    for name, each in found.items():
        bounds = each["interval"]
        between = f" (95 %: {percent(bounds[0], 1)} to {percent(bounds[1], 1)})" if bounds else ""
        print(f"{name}: {percent(each['accuracy'], 1)} % of {each['pairs']} pairs{between}; by chance 50 %")
    if args.output:
        for name, table in tables.items():
            write_text(args.output / name, table)
        write_json(args.output / "scores.json", found | {"versions": versions(), "sha256": sources})
    return found


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:  # every error of ours says what is wrong with which file
        sys.exit(f"error: {error}")
