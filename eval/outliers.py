"""Who notices planted faults: area under the ROC curve of every suspicion, and of simple ones.

python eval/plant_faults.py data/train.jsonl exp/faults
unitdisc train small exp/faults/corpus.jsonl exp/faults/model
unitdisc outliers exp/faults/model exp/faults/corpus.jsonl exp/faults/outliers --voices
unitdisc features exp/faults/corpus.jsonl exp/faults/frames
unitdisc kmeans exp/faults/frames exp/faults/codes.npy --codes 100
python eval/outliers.py exp/faults --frames exp/faults/frames --codebook exp/faults/codes.npy

Every fault against the utterances without one, 50 % being chance. `largest` is what `unitdisc outliers` ranks by.
`distance` is the mean distance of frames to the nearest code, `farthest` the largest mean of 50 frames (a stretch), and
`mean` how much nearer the mean frame of another speaker is than that of the own speaker. `largest of these` is of their
modified z-scores, as `largest` is of those of the model; of distances, those far below the middle count, too.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from markdown_tables import print_table
from sklearn.metrics import roc_auc_score

from unitdisc.clustering.codebook_files import read_codebook
from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import Encodings
from unitdisc.evaluation.outlying import modified_z
from unitdisc.files import write_json
from unitdisc.files.text import read_lines, read_tsv

STRETCH = 50  # frames
Suspicions = dict[str, dict[str, float]]  # by name, and by utterance


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of eval/plant_faults.py, with outliers/ in it")
    parser.add_argument("--frames", type=Path, help="of its corpus, for simple suspicions")
    parser.add_argument("--codebook", type=Path)
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    options = parser.parse_args(argv)
    faults = {row.cells["id"]: row.cells["fault"] for row in read_tsv(options.folder / "faults.tsv", ("id", "fault"))}
    suspicions = by_model(options.folder / "outliers" / "outliers.jsonl")
    if options.frames:
        suspicions |= simple(options)
    kinds = sorted({*faults.values()} - {"none"})
    table = {name: [area(scores, faults, kind) for kind in kinds] for name, scores in suspicions.items()}
    rows = ([name, *(f"{area:.1f}" for area in (*areas, np.mean(areas)))] for name, areas in table.items())
    print_table(["suspicion", *kinds, "mean"], rows)
    result = {name: dict(zip(kinds, areas)) for name, areas in table.items()}
    if options.output:
        write_json(options.output, result)
    return result


def by_model(path: Path) -> Suspicions:
    rows = [json.loads(line.text) for line in read_lines(path)]
    kinds = {kind: None for row in rows for kind in row["z"]}
    found = {kind: {row["id"]: row["z"][kind] for row in rows if kind in row["z"]} for kind in kinds}
    return {**found, "largest": {row["id"]: row["largest"] for row in rows}}


def simple(options: argparse.Namespace) -> Suspicions:
    """Suspicions of plain frames."""
    codes, opened = read_codebook(options.codebook).vectors, Encodings.open(options.frames)
    whose = {utterance.id: utterance.speaker for utterance in read_corpus(options.folder / "corpus.jsonl")}
    frames = {id: np.asarray(opened[id].frames, np.float64) for id in whose if id in opened}
    distances = {id: nearest(values, codes) for id, values in frames.items()}
    means = {id: values.mean(0) for id, values in frames.items()}
    of_speakers = {
        speaker: np.mean([mean for id, mean in means.items() if whose[id] == speaker], 0)
        for speaker in sorted({*whose.values()})
    }
    measured = {
        "distance": {id: each.mean() for id, each in distances.items()},
        "farthest": {id: farthest(each) for id, each in distances.items()},
        "mean": {id: nearer(of_speakers, whose[id], mean) for id, mean in means.items()},
    }
    found = {name: dict(zip(values, modified_z([*values.values()]).tolist())) for name, values in measured.items()}
    for name in ("distance", "farthest"):  # too near is as strange: noise lies close to one code
        found[name] = {id: abs(z) for id, z in found[name].items()}
    return {**found, "largest of these": {id: max(scores[id] for scores in found.values()) for id in frames}}


def nearest(frames: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Distance of every frame to its nearest code."""
    squares = np.square(frames).sum(1)[:, None] - 2 * frames @ codes.T + np.square(codes).sum(1)
    return np.sqrt(np.maximum(squares.min(1), 0))


def farthest(distances: np.ndarray) -> float:
    size = min(STRETCH, len(distances))
    return np.convolve(distances, np.full(size, 1 / size), "valid").max()


def nearer(voices: Mapping[str, np.ndarray], speaker: str, mean: np.ndarray) -> float:
    apart = {name: np.linalg.norm(mean - own) for name, own in voices.items()}
    return apart[speaker] - min(apart.values())


def area(scores: Mapping[str, float], faults: Mapping[str, str], kind: str) -> float:
    """Under the ROC curve, in percent, of utterances with one fault among those without any."""
    ids = [id for id in scores if faults[id] in (kind, "none")]
    return 100 * roc_auc_score([faults[id] == kind for id in ids], [scores[id] for id in ids])


if __name__ == "__main__":
    main()
