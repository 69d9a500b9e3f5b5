"""How well `unitdisc prepare` finds pauses: recordings of a speaker strung together, whose silences labels tell.

python eval/pauses.py data/speechocean762/train.jsonl --speakers 24 --noise 10

For each way of finding voices: the share of speech that is in an utterance, the share of silence that is, how many cuts
there are, and how many lie in speech. `labels` finds voices where the labels have them, which is the most one can reach
with the same pauses and the same air around utterances; `threshold` is the strongest simple way: 10 dB above the tenth
percentile of all levels of a recording; `silero` is there where `silero-vad` is installed.

`--noise` is white; with --babble the next three speakers are heard, too, as in a room where others talk.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.read import read_corpus
from unitdisc.media.audio import read_audio
from unitdisc.prep.recordings import silero
from unitdisc.prep.recordings.pauses import (
    BRIEFEST,
    FRAMES,
    JOINED,
    Track,
    joined,
    level_frames,
    runs,
    smoothed,
    spans_of,
    voices,
)
from unitdisc.prep.recordings.tier_kinds import is_silence

Material = tuple[Track, np.ndarray]  # and whether somebody speaks in its frames, [F]
BABBLERS = 3


class Recording(NamedTuple):
    """Utterances of a speaker strung together: samples [T], and whether somebody speaks [T]."""

    wave: np.ndarray
    speech: np.ndarray
    rate: int


def strung_together(utterances: Sequence[Utterance], tier: str) -> Recording:
    waves, spoken = [], []
    for utterance in utterances:
        waves.append(read_audio(utterance))
        speech = np.zeros(utterance.ticks, bool)
        for start, end, label in utterance.alignment[tier]:
            speech[start:end] = not is_silence(label)
        spoken.append(speech)
    return Recording(np.concatenate(waves), np.concatenate(spoken), utterances[0].rate)


def power(wave: np.ndarray) -> float:
    return float((wave.astype(np.float64) ** 2).mean())


def babble(others: Sequence[Recording], length: int) -> np.ndarray:
    """Others at once, each repeated to the same length, and of the same power."""
    return (
        sum(np.resize(other.wave / power(other.wave[other.speech]) ** 0.5, length) for other in others)
        / len(others) ** 0.5
    )


def heard_in(clean: Recording, noise: np.ndarray | None, below: float, network: bool) -> Material:
    """A recording with noise, whose own power is taken for 1, so many dB below the power of the speech."""
    wave = clean.wave
    if noise is not None:
        level = power(wave[clean.speech]) / 10 ** (below / 10)
        wave = (wave + noise * level**0.5).astype(np.float32)
    hop = clean.rate // FRAMES
    levels = level_frames(wave[:, None], hop)[0]
    likely = None
    if network:
        detector = silero.SileroDetector(clean.rate, 1)
        detector.add(wave[:, None])
        likely = detector.likely(hop, len(levels))[0]
    return Track(levels, likely=likely), clean.speech[: len(levels) * hop].reshape(-1, hop).mean(1) > 0.5


def by_threshold(levels: np.ndarray) -> np.ndarray:
    level = smoothed(levels)
    return long_enough(level > np.percentile(level, 10) + 10)


def long_enough(mask: np.ndarray) -> np.ndarray:
    found = joined(runs(mask), JOINED)
    return found[found[:, 1] - found[:, 0] >= BRIEFEST]


WAYS: dict[str, Callable[[Track, np.ndarray], np.ndarray | None]] = {
    "energy": lambda track, speech: voices(track._replace(likely=None)),
    "silero": lambda track, speech: voices(track),
    "threshold": lambda track, speech: by_threshold(track.levels),
    "labels": lambda track, speech: long_enough(speech),
}


def measured(material: Sequence[Material], way: str, longest: float, pause: float) -> dict[str, float]:
    counts = dict.fromkeys(("speech", "speech kept", "silence", "silence kept", "cuts", "cuts in speech"), 0)
    counts["recordings without pauses"] = 0
    for track, speech in material:
        found, levels = WAYS[way](track, speech), track.levels
        if found is None:
            counts["recordings without pauses"] += 1
            continue
        spans = spans_of(found, levels, longest, pause)
        inside = np.zeros(len(levels), bool)
        for first, last in spans:
            inside[first:last] = True
        counts["speech"] += int(speech.sum())
        counts["speech kept"] += int((speech & inside).sum())
        counts["silence"] += int((~speech).sum())
        counts["silence kept"] += int((inside & ~speech).sum())
        counts["cuts"] += max(len(spans) - 1, 0)
        counts["cuts in speech"] += sum(int(speech[(a[1] + b[0]) // 2]) for a, b in pairwise(spans))
    speech, silence = counts.pop("speech"), counts.pop("silence")
    return counts | {
        "speech kept": round(counts["speech kept"] / max(speech, 1), 4),
        "silence kept": round(counts["silence kept"] / max(silence, 1), 4),
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--tier", default="phone", help="whose labels tell silence (default: %(default)s)")
    parser.add_argument("--speakers", type=int, help="the first so many (default: all)")
    kinds = parser.add_mutually_exclusive_group()
    for kind in ("noise", "babble"):
        kinds.add_argument(f"--{kind}", type=float, metavar="DB", help="so far below the speech (default: none)")
    parser.add_argument("--longest", type=float, default=20.0)
    parser.add_argument("--pause", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    by_speaker = defaultdict(list)
    for utterance in read_corpus(args.corpus):
        if args.tier in utterance.alignment:
            by_speaker[utterance.speaker].append(utterance)
    if not by_speaker:
        raise CorpusError(f"{args.corpus}: has no tier {args.tier!r}; name one that it has with --tier")
    chosen = islice(sorted(by_speaker.items(), key=lambda each: str(each[0])), args.speakers)
    recordings = [strung_together(some, args.tier) for _, some in chosen]
    network = find_spec("silero_vad") is not None
    material = []
    for number, clean in enumerate(recordings):
        noise, below = None, 0.0
        if args.noise is not None:
            rng = np.random.default_rng(args.seed + number)
            noise, below = rng.standard_normal(len(clean.wave)), args.noise
        elif args.babble is not None:
            others = [recordings[(number + 1 + each) % len(recordings)] for each in range(BABBLERS)]
            noise, below = babble(others, len(clean.wave)), args.babble
        material.append(heard_in(clean, noise, below, network))
    for way in WAYS:
        if way == "silero" and not network:
            print("silero: not installed, and left out; pip install 'unitdisc[vad]'", file=sys.stderr)
            continue
        print(json.dumps({"voices by": way} | measured(material, way, args.longest, args.pause)))


if __name__ == "__main__":
    main()
