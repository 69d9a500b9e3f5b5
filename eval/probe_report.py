"""What every probe point tells of labels, voices and sound, with controls and intervals: one page and its JSON.

python eval/probe_report.py data/test.jsonl exp/vq/probes exp/vq/encodings/test/{mfcc,encoder,bottleneck,condition} \\
    --mel exp/vq/encodings/test/log-mel --reader linear --reader mlp

Each folder is one probe point, of ours or of any tool with its --frame-rate; the features the model reads (mfcc) are
the control to beat. Writes OUT/probes.json and OUT/index.html, prints the grid. To learn from one corpus and score
another, give --train-corpus, and with --train-encodings the folder that has folders of the same names.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from unitdisc.corpus import Utterance, corpus_checksum
from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.evaluation.frame_checks import open_for
from unitdisc.evaluation.probes import (
    TASKS,
    Corpus,
    ProbeOptions,
    probe_settings,
    probe_tasks,
    tasks_named,
    usual_names,
)
from unitdisc.evaluation.settings import versions
from unitdisc.reports.probes import grid, label_keys, write_probe_report
from unitdisc.reports.summary import corpus_table


def main(argv: list[str] | None = None) -> dict:
    args = parse(argv)
    utterances = read_corpus(args.corpus, False)
    points = {name: open_for(folder, utterances, args.frame_rate) for name, folder in named(args.points).items()}
    utterances = in_all(utterances, points, args.corpus)
    learned = training(args, points)
    options = ProbeOptions(
        context_frames=args.context_frames,
        balanced=args.balanced,
        controls=args.controls,
        training_frames=args.training_frames,
        seed=args.seed,
        device=args.device,
    )
    mel, training_mel = (folder and Encodings.open(folder) for folder in (args.mel, args.train_mel))
    tiers = args.tier or ["character" if utterances[0].is_image else "phone"]
    tasks = {}
    for tier, key in label_keys(tiers).items():
        chosen = tasks_named(args.task or usual_names(utterances), tier, mel, training_mel, args.ctc_reader)
        tasks |= {key if name == "labels" else name: task for name, task in chosen.items()}
    probes = {}
    for reader in dict.fromkeys(args.reader or ["linear"]):
        how = ProbeOptions(**{**asdict(options), "reader": reader})
        probes[reader] = probe_tasks(Corpus(points, utterances), tasks, how, learned, told(reader))
    found = {
        "probes": probes,
        "settings": {
            "corpus": str(args.corpus),
            "corpus_checksum": corpus_checksum(utterances),
            "tiers": list(label_keys(tiers)),
            "train": learned and {"corpus": str(args.train_corpus), "checksum": corpus_checksum(learned.utterances)},
            "points": {name: {"folder": str(point.folder), **point.settings} for name, point in points.items()},
            **probe_settings(options),
            "threads": torch.get_num_threads(),
        },
        "versions": {**versions(), "torch": torch.__version__},
    }
    found["settings"].pop("reader")  # all of them are there
    page = write_probe_report(args.output, args.title or args.corpus.stem, found, [corpus_table("corpus", utterances)])
    show(probes, label_keys(tiers))
    print(page)
    return found


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="manifest (.jsonl) or Kaldi data directory")
    parser.add_argument("output", type=Path, help="folder for probes.json and index.html")
    parser.add_argument(
        "points", type=Path, nargs="+", metavar="POINT_FOLDER", help="encodings of one probe point each"
    )
    parser.add_argument("--mel", type=Path, help="log-mel encodings of the corpus, or columns, to be reconstructed")
    parser.add_argument("--tier", action="append", help="tier of labels; repeatable (default: phone, or character)")
    parser.add_argument(
        "--task", action="append", choices=TASKS, help="repeatable (default: what such a corpus can be asked)"
    )
    parser.add_argument("--reader", action="append", choices=["linear", "mlp"], help="repeatable (default: linear)")
    parser.add_argument("--ctc-reader", choices=["linear", "mlp", "conv"], default="mlp")
    parser.add_argument("--context-frames", type=int, default=1, help="frames seen at once: 1, 3, 5, ...")
    parser.add_argument("--balanced", action="store_true", help="rare classes count as much as frequent ones")
    parser.add_argument("--no-controls", dest="controls", action="store_false")
    parser.add_argument("--training-frames", type=int, default=ProbeOptions().training_frames, help="0: all")
    parser.add_argument("--train-corpus", type=Path, help="corpus to learn from, instead of folds of the one scored")
    parser.add_argument("--train-encodings", type=Path, help="folder with folders of it named like the points")
    parser.add_argument("--train-mel", type=Path, help="log-mel encodings of it")
    parser.add_argument("--frame-rate", type=float, help="frames per second, where no encodings.json says so")
    parser.add_argument("--title", help="of the page (default: the name of the corpus)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args(argv)
    if (args.train_corpus is None) != (args.train_encodings is None):
        parser.error("--train-corpus and --train-encodings belong together; give both or none")
    return args


def named(folders: Sequence[Path]) -> dict[str, Path]:
    """Points by the names of their folders, or by whole paths where names repeat."""
    names = [folder.resolve().name for folder in folders]
    return {name if names.count(name) == 1 else str(folder): folder for name, folder in zip(names, folders)}


def in_all(utterances: Sequence[Utterance], points: Mapping[str, Encodings], corpus: Path) -> list[Utterance]:
    """The utterances that every point has, so that all read the same; says how many are left out."""
    there = [utterance for utterance in utterances if all(utterance.id in point for point in points.values())]
    if not there:
        raise EncodingsError(
            f"{corpus}: no utterance of it is in all of {list(points)}; encode this corpus at all of them"
        )
    if len(there) < len(utterances):
        print(f"left out: {len(utterances) - len(there)} utterances that are not in all of {list(points)}")
    return there


def training(args: argparse.Namespace, points: Mapping[str, Encodings]) -> Corpus | None:
    if args.train_corpus is None:
        return None
    utterances = read_corpus(args.train_corpus, False)
    found = {
        name: open_for(args.train_encodings / point.folder.resolve().name, utterances, args.frame_rate)
        for name, point in points.items()
    }
    return Corpus(found, in_all(utterances, found, args.train_corpus))


def told(reader: str):
    return lambda done, jobs, job: print(f"{reader}, {done + 1} of {jobs}: {job}", file=sys.stderr, flush=True)


def show(probes: Mapping[str, Mapping], keys: Mapping[str, str]) -> None:
    for reader, scores in probes.items():
        table = grid(reader, scores, keys)
        print(f"\n{table.reader}, 95 % intervals over utterances\n{'':14}" + "".join(f"{t:>24}" for t in table.tasks))
        for point, cells in table.rows.items():
            texts = [f"{cell.figure} [{cell.interval}]" if cell.interval else cell.figure for cell in cells]
            print(f"{point:14}" + "".join(f"{text:>24}" for text in texts))
            selective = [cell.selectivity for cell in cells]
            print(f"{'  selectivity':14}" + "".join(f"{value:>24}" for value in selective))
        print(f"{'nothing':14}" + "".join(f"{value:>24}" for value in table.chance))


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:  # every error of ours says what is wrong with which file
        sys.exit(f"error: {error}")
