"""ABX error of any folder of .npy frames: ours or another system's, by a ZeroSpeech item file or by a manifest.

python eval/abx.py data/test.item features/hubert --frame-rate 50
python eval/abx.py data/mini_speech/test.jsonl exp/vq/encodings/test/bottleneck --tier phone
"""

import argparse
import sys
from pathlib import Path

from unitdisc.corpus import read_manifest
from unitdisc.encodings import Encodings
from unitdisc.evaluation.abx import AVERAGES, AbxItem, abx, label_items, read_items, triphone_items

RATE = 16000  # ticks per second, where neither a manifest nor encodings.json says so


def main(argv: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("items", type=Path, help="item file (.item), or manifest (.jsonl) with alignments")
    parser.add_argument("encodings", type=Path, help="folder of UTTERANCE.npy, each [frames, dimensions]")
    parser.add_argument("--frame-rate", type=float, help="frames per second, where no encodings.json says so")
    parser.add_argument("--tier", default="phone", help="alignment tier whose labels are compared (manifests only)")
    parser.add_argument("--any-context", action="store_true", help="single labels, not triphones (manifests only)")
    parser.add_argument("--average", choices=AVERAGES, default="librilight", help="which challenge's averaging")
    args = parser.parse_args(argv)

    encodings, items = read(args)
    errors = {}
    for speaker in ("within", "across"):
        result = abx(items, encodings, speaker, args.average)
        errors[speaker] = result.error
        print(
            f"ABX error {speaker} speakers {result.error:.2%}   ({result.items} items, {result.skipped} more without "
            f"frames, {result.triplets} triplets; {args.average} averaging, exact slicing, no subsampling)"
        )
    return errors


def read(args: argparse.Namespace) -> tuple[Encodings, list[AbxItem]]:
    """The encodings, and the items counted in the same ticks."""
    if args.items.suffix == ".jsonl":
        utterances = list(read_manifest(args.items))
        items = label_items(utterances, args.tier) if args.any_context else triphone_items(utterances, args.tier)
        return open_encodings(args, utterances[0].rate or RATE), items
    encodings = open_encodings(args, RATE)
    return encodings, read_items(args.items, RATE if args.frame_rate else encodings.settings.get("rate", RATE))


def open_encodings(args: argparse.Namespace, rate: int) -> Encodings:
    return Encodings.open(args.encodings, stride=rate / args.frame_rate if args.frame_rate else None)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:  # every error of ours says what is wrong with which file
        sys.exit(f"error: {error}")
