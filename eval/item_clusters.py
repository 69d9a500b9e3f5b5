"""Clusters of whole items, cut-out characters or words, that nobody labelled, against their labels.

Each FOLDER holds train/ and test/, encodings of the corpora TRAIN and TEST, as `unitdisc encode` or `unitdisc features`
wrote them. Of encodings with codes, the code of a test item is its cluster, as of an autoencoder with categories; of
all, k-means of train items, frame beside frame, says which cluster a test item is in. AMI: adjusted mutual information
with the labels (Vinh et al., 2010; 0 by chance, 1 the same); purity: how many test items have their cluster's most
frequent label. `read right`: how many test items a linear reader names that learned from the labels of train items
(logistic regression of numbers brought to deviation 1), which tells what frames know, found or not.

--components 16: of every folder, also so many principal components of its frames beside each other, by train items.

--prior FOLDER: how far the latents of an experiment with one for a whole item are from the normal prior: the mean
Wasserstein-1 distance of projections on 200 directions, of deviations of the prior, and that of as many draws of it.

python eval/item_clusters.py data/digits/train.jsonl data/digits/test.jsonl exp/clusters/aae exp/clusters/pixels
"""

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import Encodings
from unitdisc.evaluation.units.clustering import confusion, unit_scores
from unitdisc.files import write_json

DIRECTIONS = 200
STEPS = 16  # of items whose lengths differ
PASSES = 200  # of a reader over the train items, at most: far enough that it names no more of them rightly


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, metavar="TRAIN", help="corpus to learn k-means from")
    parser.add_argument("test", type=Path, metavar="TEST", help="corpus that is scored")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="with train/ and test/ in it")
    parser.add_argument("--tier", default="character", help="whose labels items have (default: %(default)s)")
    parser.add_argument("--clusters", type=int, default=16, help="of k-means (default: %(default)s)")
    parser.add_argument("--components", type=int, help="principal components, beside all numbers")
    parser.add_argument("--prior", nargs="*", type=Path, default=[], metavar="FOLDER", help="see above")
    parser.add_argument("--width", type=int, help="numbers of a latent that the prior is of (default: all that vary)")
    parser.add_argument("--seed", type=int, default=0, help="of k-means and directions")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    args = parser.parse_args(argv)
    try:
        found = scored(args)
        if args.output:
            write_json(args.output, found)
        return found
    except (ValueError, OSError) as error:  # every error of ours says what is wrong with which file
        sys.exit(str(error))


def scored(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    train, test = ([u for u in read_corpus(path) if label_of(u, args.tier)] for path in (args.train, args.test))
    if not train or not test:
        raise CorpusError(f"{args.test if train else args.train}: has no labels in the tier {args.tier!r}; give --tier")
    known, labels = (np.array([label_of(utterance, args.tier) for utterance in side]) for side in (train, test))
    found: dict[str, dict[str, float]] = {}
    print(f"| {len(test)} items, {len(set(labels.tolist()))} labels | clusters in use | AMI | purity | read right |")
    print("|---|---:|---:|---:|---:|")
    for folder in args.folders:
        learned, seen = (opened(folder / side) for side in ("train", "test"))
        first = seen[test[0].id]
        if first.codes is not None:
            codes = np.array([seen[utterance.id].codes[0] for utterance in test])
            found[f"{folder.name}, codes"] = row(f"{folder.name}, codes", codes, labels)
        both = vectors([learned[each.id].frames for each in train] + [seen[each.id].frames for each in test])
        spaces = {"": both}
        if args.components:
            if not 1 <= args.components <= min(both.shape[1], len(train)):
                raise ValueError(f"{folder}: has no {args.components} principal components; give fewer --components")
            spaces[", components"] = (
                PCA(args.components, random_state=args.seed).fit(both[: len(train)]).transform(both)
            )
        for kind, space in spaces.items():
            means = KMeans(args.clusters, n_init=4, random_state=args.seed).fit(space[: len(train)])
            reader = make_pipeline(StandardScaler(), LogisticRegression(max_iter=PASSES))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # see PASSES
                right = reader.fit(space[: len(train)], known).score(space[len(train) :], labels)
            codes = means.predict(space[len(train) :])
            found[folder.name + kind] = row(f"{folder.name}{kind}, k-means", codes, labels, right)
    for folder in args.prior:
        seen = opened(folder / "test")
        latents = np.array([seen[utterance.id].frames.mean(0) for utterance in test])
        latents = latents[:, latents.std(0) > 1e-6][:, : args.width]
        rng = np.random.default_rng(args.seed)
        distances = [sliced(each, rng) for each in (latents, rng.standard_normal(latents.shape))]
        print(f"{folder.name}: {distances[0]:.3f} deviations from the prior, {distances[1]:.3f} by chance")
        found[f"{folder.name}, prior"] = dict(zip(("distance", "by_chance"), distances))
    return found


def opened(folder: Path) -> Encodings:
    """Those of the bottleneck, where there are several points."""
    return Encodings.open(folder / "bottleneck" if (folder / "bottleneck").is_dir() else folder)


def label_of(utterance: Utterance, tier: str) -> str | None:
    """The label that lasts longest."""
    longest = max(utterance.alignment.get(tier, ()), key=lambda each: each.end - each.start, default=None)
    return None if longest is None else longest.label


def vectors(frames: Sequence[np.ndarray]) -> np.ndarray:
    """All frames of an item beside each other; where lengths differ, STEPS of each, evenly from end to end: [N, *]."""
    if len({len(each) for each in frames}) > 1:
        frames = [each[np.linspace(0, len(each) - 1, STEPS).round().astype(int)] for each in frames]
    return np.stack([each.ravel() for each in frames])


def row(name: str, codes: np.ndarray, labels: np.ndarray, right: float | None = None) -> dict[str, float]:
    scores = unit_scores(confusion(codes, labels))
    used = len(np.unique(codes))
    print(f"| {name} | {used} | {scores.ami:.2f} | {scores.purity:.2f} | {'' if right is None else f'{right:.3f}'} |")
    found = {"used": used, "ami": scores.ami, "purity": scores.purity}
    return found if right is None else found | {"read right": right}


def sliced(vectors: np.ndarray, rng: np.random.Generator) -> float:
    """The mean distance of projections [N] from as many quantiles of the normal distribution."""
    directions = rng.standard_normal((vectors.shape[1], DIRECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    quantiles = np.sort(np.random.default_rng(0).standard_normal(100 * len(vectors))).reshape(len(vectors), 100).mean(1)
    return float(np.abs(np.sort(vectors @ directions, axis=0) - quantiles[:, None]).mean())


if __name__ == "__main__":
    main()
