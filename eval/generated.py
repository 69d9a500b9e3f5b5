"""How good made items are, such as characters of `unitdisc generate`, beside real ones and beside simpler makers.

python eval/pixel_mixture.py data/train.jsonl exp/mixture --number 2000
unitdisc generate exp/gan exp/gan/made --number 2000
for corpus in data/train data/test exp/gan/made/corpus exp/mixture/corpus; do
  unitdisc encode exp/reader $corpus.jsonl exp/frames/$corpus --at bottleneck; done
python eval/generated.py data/train.jsonl data/test.jsonl exp/gan/made/corpus.jsonl exp/mixture/corpus.jsonl \
  --encodings exp/frames/{data/train,data/test,exp/gan/made/corpus,exp/mixture/corpus}/bottleneck

The first corpus is what makers learned from, the second real items that were held out, all others were made. Items are
judged by their mean frames in ENCODINGS, of an encoder of ours: figures of other encoders are others.

precision    share of made items among held-out ones, recall that of held-out ones among made ones (Kynkäänniemi et al.,
             2019)
frechet      distance of normal distributions with their means and covariances (Heusel et al., 2017)
one label    share of the items of a code that have its most frequent label, as the nearest items of the first corpus
             have it; `label shares`: by how much the shares of labels differ from those of held-out items (total
             variation, 0 to 1), where something is always, or never, made
as told      share of made items that are named by their nearest items as their speakers are called, where these are
             labels
distance     the median distance in pixels (of recordings, in spectrograms) of items to the nearest of the first corpus,
             over that of held-out items: far below 1, what is made was copied
How many held-out items are named rightly so is said first, which is what frames are worth. All is of as many items as
the smallest corpus has, by chance. The row `learned from` is of the first corpus itself.

--picture FILE.png shows made items, and below each the nearest that was learned from, in pixels. Recordings are
compared as spectrograms: --spectrograms.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from item_frames import add_spectrograms, as_seen, frames_of, spectrograms
from markdown_tables import print_table
from sklearn.neighbors import KNeighborsClassifier

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.read import read_corpus
from unitdisc.data.bounded_mel import BoundedLogMel
from unitdisc.encodings import Encodings
from unitdisc.evaluation.generated import made_scores, nearest
from unitdisc.files import write_json
from unitdisc.media.image import write_image
from unitdisc.media.sheets import sheet

VOTERS = 5  # nearest items that say what label an item has
SHOWN = 10  # items of each maker in a picture
CODES = "code"  # tier of what items were made of


@dataclass(frozen=True)
class Items:
    """The items of one corpus, in the same order."""

    utterances: list[Utterance]
    vectors: np.ndarray  # [N, D] mean frames
    frames: np.ndarray  # [N, T, C] in [0, 1]

    def some(self, number: int, rng: np.random.Generator) -> "Items":
        places = np.sort(rng.permutation(len(self.utterances))[:number])
        return Items([self.utterances[place] for place in places], self.vectors[places], self.frames[places])

    @property
    def pixels(self) -> np.ndarray:
        """[N, T C]"""
        return self.frames.reshape(len(self.frames), -1)

    def labels(self, tier: str) -> list[str]:
        """The first label of every item in a tier; "" where there is none."""
        return [next((each.label for each in u.alignment.get(tier, [])), "") for u in self.utterances]


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path, nargs="+", metavar="CORPUS", help="learned from, held out, made ...")
    parser.add_argument("--encodings", type=Path, nargs="+", required=True, help="of every corpus, in the same order")
    add_spectrograms(parser)
    parser.add_argument("--tier", default="character", help="of labels (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    parser.add_argument("--picture", type=Path, help="PNG of made items and what is nearest to each")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    if len(options.corpora) < 3 or len(options.encodings) != len(options.corpora):
        parser.error("give three corpora or more (learned from, held out, made), and --encodings of each")
    rng = np.random.default_rng(options.seed)
    try:
        features = spectrograms(options.spectrograms)
        sides = of_one_size(
            options.corpora, [items_of(*pair, features) for pair in zip(options.corpora, options.encodings)]
        )
        number = min(len(side.utterances) for side in sides)
        learned, held_out, *made = sides
        names = ["learned from", *(name_of(path) for path in options.corpora[2:])]
        held_out, *others = (side.some(number, rng) for side in (held_out, learned, *made))
        usual = np.median(nearest(held_out.pixels, learned.pixels)[1])
        known, namer = None, None
        if any(learned.labels(options.tier)) and any(held_out.labels(options.tier)):
            known = named_rightly(learned, held_out, options.tier)
            namer = KNeighborsClassifier(VOTERS).fit(learned.vectors, learned.labels(options.tier))
        found = {name: figures_of(each, held_out, namer=namer, tier=options.tier) for name, each in zip(names, others)}
        neighbours = {name: nearest(each.pixels, learned.pixels) for name, each in zip(names[1:], others[1:])}
        for name, (_, far) in neighbours.items():
            found[name]["distance"] = float(np.median(far) / usual)
        if options.picture:
            write_image(options.picture, picture(learned, dict(zip(names[1:], others[1:])), neighbours, features))
    except (ValueError, OSError) as error:  # every error of ours says what is wrong with which file
        sys.exit(f"error: {error}")
    print(f"{number} items each, judged by the frames of {options.encodings[0]}")
    if known is None:
        print(f"nothing is named, for there are no labels in the tier {options.tier!r}; --tier names another")
    else:
        print(f"of held-out items their nearest neighbours name {100 * known[0]:.1f} % rightly by frames,")
        print(f"{100 * known[1]:.1f} % by pixels")
    columns = list(dict.fromkeys(name for row in found.values() for name in row))
    rows = ([name, *(f"{row[each]:.3f}" if each in row else "–" for each in columns)] for name, row in found.items())
    print_table(["", *columns], rows)
    if options.output:
        write_json(options.output, found)
    return found


def name_of(path: Path) -> str:
    """exp/gan/made/corpus.jsonl -> exp/gan/made; what is called otherwise, without its suffix."""
    return str(path.parent if path.stem == "corpus" else path.with_suffix(""))


def items_of(corpus: Path, encodings: Path, features: BoundedLogMel | None) -> Items:
    """Raises CorpusError for items of different sizes, or without any that is encoded."""
    opened = Encodings.open(encodings)
    utterances = [utterance for utterance in read_corpus(corpus) if utterance.id in opened]
    if not utterances:
        raise CorpusError(f"{encodings}: has no utterance of {corpus}; encode that corpus")
    vectors = np.array([opened[utterance.id].frames.mean(0) for utterance in utterances])
    return Items(utterances, vectors, frames_of(utterances, features, corpus))


def of_one_size(corpora: Sequence[Path], sides: Sequence[Items]) -> list[Items]:
    """Recordings, whose lengths may differ, as long as the longest. Raises CorpusError for other items of two sizes."""
    shape = np.max([side.frames.shape[1:] for side in sides], axis=0)
    for corpus, side in zip(corpora, sides):
        if tuple(shape) != side.frames.shape[1:] and side.utterances[0].is_image:
            raise CorpusError(f"{corpus}: its items are of another size than those of {corpora[0]}; bring them to one")
    lacking = [np.subtract(shape, side.frames.shape[1:]) for side in sides]
    return [
        replace(side, frames=np.pad(side.frames, ((0, 0), (0, frames), (0, bins))))
        for side, (frames, bins) in zip(sides, lacking)
    ]


def figures_of(items: Items, held_out: Items, *, namer: KNeighborsClassifier | None, tier: str) -> dict[str, float]:
    scores = made_scores(held_out.vectors, items.vectors)
    found = {"precision": scores.precision, "recall": scores.recall, "frechet": scores.frechet}
    if namer is None:
        return found
    labels, real = namer.predict(items.vectors).tolist(), namer.predict(held_out.vectors).tolist()
    codes = items.labels(CODES) if any(items.labels(CODES)) else items.labels(tier)
    if any(codes):
        counts = Counter(zip(codes, labels))
        best = {code: max(count for (other, _), count in counts.items() if other == code) for code in {*codes}}
        found["one label"] = sum(best.values()) / len(labels)
    told = [utterance.speaker for utterance in items.utterances]
    if {*told} <= {*namer.classes_.tolist()}:
        found["as told"] = float(np.mean([name == label for name, label in zip(told, labels)]))
    shares, real_shares = Counter(labels), Counter(real)
    found["label shares"] = sum(
        abs(shares[label] / len(labels) - real_shares[label] / len(real)) for label in {*labels, *real}
    )
    found["label shares"] /= 2
    return found


def named_rightly(learned: Items, held_out: Items, tier: str) -> list[float]:
    """How many held-out items get their own label, of those nearest by frames, and by pixels: shares."""
    names, labels = learned.labels(tier), held_out.labels(tier)
    sides = ((learned.vectors, held_out.vectors), (learned.pixels, held_out.pixels))
    return [KNeighborsClassifier(VOTERS).fit(known, names).score(new, labels) for known, new in sides]


def picture(
    learned: Items,
    made: dict[str, Items],
    neighbours: dict[str, tuple[np.ndarray, np.ndarray]],
    features: BoundedLogMel | None,
) -> np.ndarray:
    """Of every maker a row of items, and one of those nearest to them: ink [columns, rows]."""
    rows = []
    for name, items in made.items():
        size = len(items.utterances)
        chosen = [place * size // SHOWN for place in range(min(SHOWN, size))]  # of all codes, which lie side by side
        rows.append([as_seen(items.frames[place], features) for place in chosen])
        rows.append([as_seen(learned.frames[neighbours[name][0][place]], features) for place in chosen])
    return sheet(rows)


if __name__ == "__main__":
    main()
