"""The true labels of a corpus as codes, to train the supervised topline of a network on.

python eval/labels_as_codes.py data/train.jsonl exp/phones --rate 100
unitdisc train topline.toml data/train.jsonl exp/topline --set 'codes.folders=["exp/phones"]' --set codes.num_codes=40

FOLDER becomes a folder of encodings. The code of a frame is the place of its label in labels.json, which lies there,
and its frame is 1 at that place and 0 elsewhere. What has no label, and silence by whatever name, are one code.
Of line images, --columns says how many pixels of the image a frame is wide.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance, labels_at
from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import Encoding, EncodingsWriter
from unitdisc.evaluation import silences_of
from unitdisc.files import write_json

SILENCE = "SIL"


def main(argv: list[str] | None = None) -> list[str]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, metavar="CORPUS", help="manifest or Kaldi data directory with labels")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="to create")
    parser.add_argument("--tier", default="phone")
    parser.add_argument("--rate", type=float, default=100.0, help="frames per second")
    parser.add_argument("--columns", type=int, help="of a frame, of line images")
    args = parser.parse_args(argv)

    utterances = read_corpus(args.corpus, False)
    rates = {utterance.rate for utterance in utterances}
    if args.columns is None and (len(rates) > 1 or None in rates):
        what = "or --columns for line images" if rates == {None} else f"not {sorted(map(str, rates))}"
        raise CorpusError(f"{args.corpus}: needs recordings of one rate, {what}")
    if args.columns is not None and (args.columns < 1 or rates != {None}):
        raise CorpusError(f"{args.corpus}: --columns is of line images, and 1 or more; leave it out for recordings")
    if bare := [utterance.id for utterance in utterances if args.tier not in utterance.alignment]:
        raise CorpusError(f"{args.corpus}: {bare[0]} has no labels in tier {args.tier!r}; choose a tier that all have")
    stride = args.columns or rates.pop() / args.rate
    labels = labels_as_codes(utterances, args.folder, args.tier, stride=stride)
    print(f"{args.folder}: {len(labels)} codes of {len(utterances)} utterances; set codes.num_codes to {len(labels)}")
    return labels


def labels_as_codes(utterances: Sequence[Utterance], folder: Path, tier: str, stride: float) -> list[str]:
    """Writes the folder; gives the labels by code. stride: ticks from a frame to the next."""
    written = [labels_of(utterance, tier, centres_of(utterance, stride)) for utterance in utterances]
    labels = sorted({label for each in written for label in each} | {SILENCE})
    code_of = {label: code for code, label in enumerate(labels)}
    settings = {"point": tier, "stride": stride, "offset": stride / 2, "num_codes": len(labels)}
    writer = EncodingsWriter(folder, {**settings, "features": {"kind": "labels", "tier": tier, "labels": labels}})
    write_json(folder / "labels.json", labels)
    for utterance, found in zip(utterances, written, strict=True):
        codes = np.array([code_of[label] for label in found], np.int64)
        frames = np.eye(len(labels), dtype=np.float32)[codes]
        writer.write(Encoding(utterance.id, centres_of(utterance, stride), frames, codes))
    writer.finish()
    return labels


def centres_of(utterance: Utterance, stride: float) -> np.ndarray:
    """The ticks in the middle of frames that cover an utterance: [T]."""
    return stride / 2 + stride * np.arange(max(1, round(utterance.ticks / stride)))


def labels_of(utterance: Utterance, tier: str, centres: np.ndarray) -> list[str]:
    found = labels_at(utterance.alignment[tier], centres, SILENCE)
    silences = silences_of(utterance)
    return [SILENCE if label in silences else label for label in found]


if __name__ == "__main__":
    main()
