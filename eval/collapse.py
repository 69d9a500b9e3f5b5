"""Encodings with repeats collapsed: one frame for every unit, in its middle (deduplication, as unit LMs have it).

python eval/collapse.py exp/vq/encodings/bottleneck exp/collapsed
unitdisc abx exp/collapsed data/test.jsonl

Where units begin and end is lost; take boundaries from the encodings that were collapsed.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from unitdisc.encodings import Encoding, Encodings, EncodingsError, EncodingsWriter
from unitdisc.evaluation.frame_checks import usable


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encodings", type=Path, metavar="ENCODINGS", help="folder with codes")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder to create")
    args = parser.parse_args(argv)

    encodings = Encodings.open(args.encodings)
    if args.folder.resolve() == args.encodings.resolve():
        raise EncodingsError(f"{args.folder}: holds the frames to collapse; choose another folder")
    for utterance in encodings.codes:  # all, before anything is written
        if usable(encodings, utterance).codes is None:
            raise EncodingsError(f"{args.encodings}: {utterance} has no codes; give units of a codebook")
    writer = EncodingsWriter(args.folder, {**encodings.settings, "collapsed": str(args.encodings)})
    for encoding in encodings:
        writer.write(collapsed(encoding), regular=False)
    writer.finish()


def collapsed(encoding: Encoding) -> Encoding:
    """The means of the frames of every unit, halfway between the centres of its first and its last frame."""
    codes = np.asarray(encoding.codes)
    first = np.flatnonzero(np.diff(codes, prepend=-1))
    last = np.append(first[1:], len(codes)) - 1
    lengths = last - first + 1
    frames = np.add.reduceat(encoding.frames, first, axis=0, dtype=np.float64) / lengths[:, None]
    centres = (encoding.centres[first] + encoding.centres[last]) / 2
    return Encoding(encoding.utterance, centres, frames.astype(np.float32), codes[first])


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:  # every error of ours says what is wrong with which file
        sys.exit(f"error: {error}")
