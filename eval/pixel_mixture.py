"""The simplest maker of items: a mixture of Gaussians of the principal components of their pixels, drawn from.

python eval/pixel_mixture.py data/train.jsonl exp/mixture --number 2000

What any generator is to beat. Line images must be of one size; of recordings, the pixels are those of spectrograms:
--spectrograms. OUT gets the items, corpus.jsonl and sheet.png.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from item_frames import add_spectrograms, as_seen, frames_of, spectrograms
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.data.made_files import file_type, made_utterance, write_features
from unitdisc.media.image import write_image
from unitdisc.media.sheets import sheet

SHOWN = 10  # rows of a sheet, and items of a row


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("folder", type=Path, metavar="OUT")
    add_spectrograms(parser)
    parser.add_argument("--number", type=int, default=1000, help="of items to draw (default: %(default)s)")
    parser.add_argument("--components", type=int, default=50, help="principal components (default: %(default)s)")
    parser.add_argument("--gaussians", type=int, default=50, help="with full covariances (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    if options.corpus.resolve() == (options.folder / "corpus.jsonl").resolve():
        parser.error(f"{options.corpus}: would be overwritten; choose another folder")
    try:
        features = spectrograms(options.spectrograms)
        items = frames_of(read_corpus(options.corpus), features, options.corpus)
        drawn = samples(items, options.number, options.components, options.gaussians, seed=options.seed)
    except (ValueError, OSError) as error:  # every error of ours says what is wrong with which file
        sys.exit(f"error: {error}")
    utterances = []
    rows = [drawn[first : first + SHOWN] for first in range(0, min(SHOWN**2, len(drawn)), SHOWN)]
    pictures = [[as_seen(frames, features) for frames in row] for row in rows]
    write_image(options.folder / "sheet.png", sheet(pictures))
    features = features or ColumnFeatures(height=drawn.shape[2])
    for number, frames in enumerate(drawn):
        path = options.folder / f"item-{number:05d}{file_type(features)}"
        write_features(path, features, frames)
        utterances.append(made_utterance(path.stem, path, features, frames=len(frames)))
    write_manifest(options.folder / "corpus.jsonl", utterances)
    print(f"{options.folder}: {len(utterances)} items, corpus.jsonl, and sheet.png of the first")


def samples(images: np.ndarray, number: int, components: int, gaussians: int, *, seed: int) -> np.ndarray:
    """Items [N, columns, rows] -> drawn ones [number, columns, rows], in [0, 1]."""
    pixels = images.reshape(len(images), -1).astype(np.float64)
    axes = PCA(components, random_state=seed).fit(pixels)
    mixture = GaussianMixture(gaussians, reg_covar=1e-3, random_state=seed).fit(axes.transform(pixels))
    drawn = mixture.sample(number)[0]  # Gaussian by Gaussian
    rng = np.random.default_rng(seed)
    return axes.inverse_transform(rng.permutation(drawn)).clip(0, 1).reshape(-1, *images.shape[1:])


if __name__ == "__main__":
    main()
