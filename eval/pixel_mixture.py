"""The simplest maker of characters: a mixture of Gaussians of the principal components of their pixels, drawn from.

python eval/pixel_mixture.py data/train.jsonl exp/mixture --number 2000

What any generator is to beat. Items must be of one size; OUT gets their images and corpus.jsonl.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.media.image import read_line, write_image


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("folder", type=Path, metavar="OUT")
    parser.add_argument("--number", type=int, default=1000, help="of items to draw (default: %(default)s)")
    parser.add_argument("--components", type=int, default=50, help="principal components (default: %(default)s)")
    parser.add_argument("--gaussians", type=int, default=50, help="with full covariances (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    if options.corpus.resolve() == (options.folder / "corpus.jsonl").resolve():
        parser.error(f"{options.corpus}: would be overwritten; choose another folder")
    try:
        images = [read_line(utterance) for utterance in read_corpus(options.corpus)]
        if len({image.shape for image in images}) != 1:
            raise CorpusError(f"{options.corpus}: items are of different sizes; give items of one")
        drawn = samples(np.array(images), options.number, options.components, options.gaussians, seed=options.seed)
    except (ValueError, OSError) as error:  # every error of ours says what is wrong with which file
        sys.exit(f"error: {error}")
    utterances = []
    for number, ink in enumerate(drawn):
        path = options.folder / f"item-{number:05d}.png"
        write_image(path, ink)
        utterances.append(Utterance(path.stem, str(path.absolute()), None, ink.shape[0], height=ink.shape[1]))
    write_manifest(options.folder / "corpus.jsonl", utterances)
    print(f"{options.folder}: {len(utterances)} images, and corpus.jsonl")


def samples(images: np.ndarray, number: int, components: int, gaussians: int, *, seed: int) -> np.ndarray:
    """Ink [N, columns, rows] -> drawn ink [number, columns, rows], in [0, 1]."""
    pixels = images.reshape(len(images), -1).astype(np.float64)
    axes = PCA(components, random_state=seed).fit(pixels)
    mixture = GaussianMixture(gaussians, reg_covar=1e-3, random_state=seed).fit(axes.transform(pixels))
    drawn = mixture.sample(number)[0]  # Gaussian by Gaussian
    rng = np.random.default_rng(seed)
    return axes.inverse_transform(rng.permutation(drawn)).clip(0, 1).reshape(-1, *images.shape[1:])


if __name__ == "__main__":
    main()
