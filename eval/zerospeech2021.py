"""Zero Resource Speech Challenge 2021, phonetic task, and its successor abxLS: submissions written, checked and scored.

python eval/zerospeech2021.py write exp/vq/encodings submission --point bottleneck --author "A. Author" ...
python eval/zerospeech2021.py check submission --items data/zerospeech2021/phonetic
python eval/zerospeech2021.py score data/zerospeech2021/phonetic submission --output scores

write   A submission folder from <part>/<point> of a folder of encodings, part being dev-clean, dev-other, test-clean
        or test-other; `--layout abxLS` for what zrc reads. Lexical and syntactic: zerospeech2021_language.py.
check   Everything that is missing or wrong in a submission to the challenge, whoever made it, at once. With --items,
        also whether every recording has a file and every file a recording.
score   ABX within and across speakers, from a submission (metric and frame shift as meta.yaml says), or from any folder
        with <part> or <part>/<point> in it. Items: <part>.item or <part>/<part>.item; triphone-<part>.item and
        phoneme-<part>.item make the table of abxLS.

Libri-Light's slicing, which leaves out the last frame of every item, its order of averaging, and frames made of length
one whatever the metric, as in the challenge; but no subsampling, where the challenge drew 10 items of a group and 5
speakers, otherwise each time: some 0.1 points of difference. Exact slicing (--slicing exact) has other figures.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from unitdisc.corpus import CorpusError
from unitdisc.encodings import Encodings
from unitdisc.evaluation.abx import AbxProtocol, read_items
from unitdisc.evaluation.foreign import open_encodings
from unitdisc.evaluation.settings import versions
from unitdisc.evaluation.zerospeech.checks import METRICS, check_2021
from unitdisc.evaluation.zerospeech.plain_yaml import read_yaml
from unitdisc.evaluation.zerospeech.runs import (
    SPEAKERS,
    abx_errors,
    aligned,
    file_checksum,
    first_existing,
    percent,
    tree_checksum,
    whys,
)
from unitdisc.evaluation.zerospeech.submissions import PARTS, abxls_table, phonetic_table, write_2021, write_abxls
from unitdisc.files import write_json, write_text

RATE = 16_000  # ticks per second
OTHER_TASKS = "eval/zerospeech2021_language.py makes lexical and syntactic ones, and nothing makes semantic ones"
TRIPHONES = ("{part}.item", "{part}/{part}.item", "phonetic/{part}/{part}.item")
ABXLS = {  # granularity and context of a table of abxLS -> item files, and the columns that are the context
    ("triphone", "within"): (("triphone-{part}.item",), ("prev-phone", "next-phone")),
    ("phoneme", "within"): (("phoneme-{part}.item",), ("prev-phone", "next-phone")),
    ("phoneme", "any"): (("phoneme-{part}.item",), ()),
}
FOLDERS = ("phonetic/{part}", "{part}")
DISTANCES = {"cosine": "angular"} | {metric: metric for metric in METRICS[1:]}  # by the challenge's names


def main(argv: list[str] | None = None) -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    add_write(verbs.add_parser("write", help="a submission folder from encodings"))
    add_check(verbs.add_parser("check", help="say everything that is wrong with a submission"))
    add_score(verbs.add_parser("score", help="ABX errors of a submission or of encodings"))
    args = parser.parse_args(argv)
    return args.run(args)


def add_write(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=write)
    parser.add_argument("encodings", type=Path, help="folder with <part>/<point>, made by `unitdisc encode`")
    parser.add_argument("submission", type=Path, help="folder to create")
    parser.add_argument("--point", default="bottleneck", help="probe point (default: bottleneck)")
    parser.add_argument("--layout", choices=("2021", "abxLS"), default="2021")
    parser.add_argument("--author", required=True)
    parser.add_argument("--affiliation", required=True)
    parser.add_argument("--description", required=True, help="of the system")
    parser.add_argument("--train-set", required=True, help="what it was trained on")
    parser.add_argument("--gpu-budget", type=float, default=0.0, help="hours (default: 0)")
    parser.add_argument("--visually-grounded", action="store_true", help="it was trained on images too")
    parser.add_argument("--code", type=Path, help="folder of the source code, if the submission is open source")
    parser.add_argument("--year", type=int, default=date.today().year, help="of publication (abxLS)")


def write(args: argparse.Namespace) -> dict[str, Encodings]:
    if not 0 <= args.gpu_budget < float("inf"):
        raise ValueError(f"--gpu-budget must be 0 hours or more, not {args.gpu_budget:g}")
    if args.code is not None and not args.code.is_dir():
        raise CorpusError(f"--code {args.code}: no such folder; give the folder of the source code")
    parts = {}
    for part in PARTS:
        folder = args.encodings / part / args.point
        if folder.is_dir():
            parts[part] = Encodings.open(folder)
        else:
            print(f"{folder}: not there, so the submission lacks {part}", file=sys.stderr)
    if not parts:
        raise CorpusError(f"{args.encodings}: none of {', '.join(PARTS)} with {args.point} in it; encode those corpora")
    if args.layout == "2021":
        write_2021(args.submission, parts, vars(args), args.code)
        print(f"{args.submission}: only the phonetic task; {OTHER_TASKS}", file=sys.stderr)
    else:
        write_abxls(args.submission, parts, vars(args))
    print(f"{args.submission}: {', '.join(f'{part} {len(encodings)} files' for part, encodings in parts.items())}")
    return parts


def add_check(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=check)
    parser.add_argument("submission", type=Path)
    parser.add_argument("--items", type=Path, help="folder of item files, or of <part>/*.wav: what must be there")


def check(args: argparse.Namespace) -> None:
    if not args.submission.is_dir():
        raise CorpusError(f"{args.submission}: no such folder; give an unpacked submission")
    expected = {part: recordings(args.items, part) for part in PARTS} if args.items else {}
    if args.items and not any(expected.values()):
        raise CorpusError(f"{args.items}: neither item files nor .wav files of {', '.join(PARTS)}; give their folder")
    problems = check_2021(args.submission, expected)
    for problem in problems:
        print(f"{problem.severity}: {problem}", file=sys.stderr)
    errors = sum(problem.severity == "error" for problem in problems)
    if errors:
        first = next(problem for problem in problems if problem.severity == "error")
        raise CorpusError(f"{args.submission}: {errors} things are missing or wrong, the first: {first}")
    print(f"{args.submission}: the phonetic task is complete")


def recordings(root: Path, part: str) -> list[str]:
    """The names of what must be encoded of a part, by its recordings or, without them, by its items."""
    folder = first_existing(root, FOLDERS, part=part)
    waves = sorted({path.stem for path in folder.rglob("*.wav")}) if folder else []
    items = first_existing(root, TRIPHONES, part=part)
    return waves or (sorted(read_items(items, RATE).rows_of) if items else [])


def add_score(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=score)
    parser.add_argument("items", type=Path, help="folder of item files")
    parser.add_argument("features", type=Path, help="submission, or folder with <part> or <part>/<point>")
    parser.add_argument("--point", help="probe point, for a folder of encodings")
    parser.add_argument("--metric", choices=METRICS, help="default: as meta.yaml says, or cosine")
    parser.add_argument("--frame-shift", type=float, help="seconds between frames (default: as meta.yaml says)")
    parser.add_argument("--times", choices=("regular", "column"), help="column: lines of .txt begin with the time")
    parser.add_argument("--slicing", choices=("librilight", "exact"), default="librilight")
    parser.add_argument("--threads", type=int, help="default: all cores")
    parser.add_argument("--output", type=Path, help="folder for the tables as .csv, and scores.json")


def score(args: argparse.Namespace) -> dict[str, Any]:
    if args.frame_shift is not None and not 0 < args.frame_shift < float("inf"):
        raise ValueError(f"--frame-shift must be seconds above 0, not {args.frame_shift:g}")
    said = parameters(args.features)
    metric = args.metric or said.get("metric", "cosine")
    shift = args.frame_shift or said.get("frame_shift")
    protocol = AbxProtocol(distance=DISTANCES[metric], slicing=args.slicing, average="librilight", l2_normalise=True)
    errors, sources = {}, {}
    for part in PARTS:
        folder = first_existing(args.features, FOLDERS, part=part)
        if folder is None:
            print(f"{args.features}: no {part}, left out", file=sys.stderr)
            continue
        folder = folder / args.point if args.point else folder
        encodings = open_encodings(folder, RATE, 1 / shift if shift else None, args.times)
        for kind, path, context in item_files(args.items, part):
            items = read_items(path, encodings.settings.get("rate") or RATE, by=context)
            errors[part, *kind] = abx_errors(items, encodings, protocol, path, threads=args.threads)
            for why in whys(errors[part, *kind]):
                print(f"{part} {' '.join(kind)}: {why}", file=sys.stderr)
            sources[str(path)] = file_checksum(path)
        sources[str(folder)] = tree_checksum(folder)
    if not errors:
        raise CorpusError(
            f"{args.features}: nothing to score with the items of {args.items}; there must be folders and item files "
            f"called {', '.join(PARTS)}"
        )
    print_table(errors, protocol)
    found = {
        "abx": [dict(zip(("part", "granularity", "context"), key)) | both for key, both in errors.items()],
        "settings": asdict(protocol),
        "versions": versions(),
        "sha256": sources,
    }
    if args.output:
        keep(args.output, errors, found)
    return found


def parameters(submission: Path) -> dict[str, Any]:
    """What a submission says of its frames: metric and frame_shift.

    Raises CorpusError if it says something that is no metric or no time.
    """
    meta, params = submission / "meta.yaml", submission / "params.yaml"
    if params.exists():  # abxLS
        values = read_yaml(params)
        said = {"metric": values.get("distance_mode"), "frame_shift": values.get("feature_size")}
    elif meta.exists():
        said = section(section(read_yaml(meta), "parameters"), "phonetic")
    else:
        return {}
    metric, shift = said.get("metric"), said.get("frame_shift")
    if metric not in METRICS or not isinstance(shift, (int, float)) or not 0 < shift < float("inf"):
        raise CorpusError(
            f"{params if params.exists() else meta}: says metric {metric!r} and frame shift {shift!r}; the metric must "
            f"be one of {', '.join(METRICS)}, the frame shift in seconds"
        )
    return {"metric": metric, "frame_shift": shift}


def section(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of a meta.yaml; nothing where there is none."""
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}


def item_files(root: Path, part: str) -> list[tuple[tuple[str, str], Path, tuple[str, ...]]]:
    """What to compare in a part: granularity and context, item file, and the columns that are the context."""
    path = first_existing(root, TRIPHONES, part=part)
    if path:
        return [(("triphone", "within"), path, ABXLS["triphone", "within"][1])]
    listed = [(kind, first_existing(root, layouts, part=part), by) for kind, (layouts, by) in ABXLS.items()]
    found = [(kind, path, by) for kind, path, by in listed if path]
    if not found:
        print(f"{root}: no item file of {part}, left out", file=sys.stderr)
    return found


def print_table(errors: Mapping[tuple[str, str, str], dict[str, Any]], protocol: AbxProtocol) -> None:
    print(
        f"ZeroSpeech 2021, ABX error in percent: {protocol.distance} distance, {protocol.slicing} slicing, "
        f"{protocol.average} averaging, no subsampling\n"
    )
    rows = [["part", "granularity", "context", *SPEAKERS]]
    rows += [[*key, *(percent(both[speaker]["error"], 2) for speaker in SPEAKERS)] for key, both in errors.items()]
    print(aligned(rows))


def keep(folder: Path, errors: Mapping[tuple[str, str, str], dict[str, Any]], found: dict[str, Any]) -> None:
    """Writes the tables in the layouts of the challenges, and all one must know to repeat them."""
    triphones = {part: both for (part, *kind), both in errors.items() if kind == ["triphone", "within"]}
    by_part = {part: {speaker: both[speaker]["error"] for speaker in SPEAKERS} for part, both in triphones.items()}
    write_text(folder / "score_phonetic.csv", phonetic_table(by_part))
    if any(granularity == "phoneme" for _, granularity, _ in errors):
        rows = [
            (part, speaker, context, granularity, both[speaker]["error"])
            for (part, granularity, context), both in errors.items()
            for speaker in SPEAKERS
        ]
        write_text(folder / "score_all_phonetic.csv", abxls_table(rows))
    write_json(folder / "scores.json", found)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:  # every error of ours says what is wrong with which file
        sys.exit(f"error: {error}")
