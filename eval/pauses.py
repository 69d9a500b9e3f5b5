"""How well `unitdisc prepare` finds pauses: recordings of a speaker strung together, whose silences labels tell.

python eval/pauses.py data/speechocean762/train.jsonl --speakers 24 --noise 10

For each way of finding voices: the share of speech that is in an utterance, the share of silence that is, how many cuts
there are, and how many lie in speech. `labels` finds voices where the labels have them, which is the most one can reach
with the same pauses and the same air around utterances; `threshold` is the strongest simple way: 10 dB above the tenth
percentile of all levels of a recording.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.read import read_corpus
from unitdisc.media.audio import read_audio
from unitdisc.prep.recordings.pauses import (
    BRIEFEST,
    FRAMES,
    JOINED,
    joined,
    level_frames,
    runs,
    smoothed,
    spans_of,
    voices,
)
from unitdisc.prep.recordings.tier_kinds import is_silence

Material = tuple[np.ndarray, np.ndarray]  # levels [F] in dB, and whether somebody speaks [F]


def strung_together(utterances: Sequence[Utterance], tier: str, noise: float | None, seed: int) -> Material:
    """Recordings one after the other, with white noise so many dB below the power of the speech."""
    waves, spoken = [], []
    for utterance in utterances:
        waves.append(read_audio(utterance))
        speech = np.zeros(utterance.ticks, bool)
        for start, end, label in utterance.alignment[tier]:
            speech[start:end] = not is_silence(label)
        spoken.append(speech)
    wave, speech = np.concatenate(waves), np.concatenate(spoken)
    if noise is not None:
        power = float((wave[speech].astype(np.float64) ** 2).mean()) / 10 ** (noise / 10)
        wave = wave + np.random.default_rng(seed).standard_normal(len(wave)).astype(np.float32) * power**0.5
    hop = utterances[0].rate // FRAMES
    levels = level_frames(wave[:, None], hop)[0]
    return levels, speech[: len(levels) * hop].reshape(-1, hop).mean(1) > 0.5


def by_threshold(levels: np.ndarray, speech: np.ndarray) -> np.ndarray:
    level = smoothed(levels)
    return long_enough(level > np.percentile(level, 10) + 10)


def long_enough(mask: np.ndarray) -> np.ndarray:
    found = joined(runs(mask), JOINED)
    return found[found[:, 1] - found[:, 0] >= BRIEFEST]


WAYS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray | None]] = {
    "ours": lambda levels, speech: voices(levels),
    "threshold": by_threshold,
    "labels": lambda levels, speech: long_enough(speech),
}


def measured(material: Sequence[Material], way: str, longest: float, pause: float) -> dict[str, float]:
    counts = dict.fromkeys(("speech", "speech kept", "silence", "silence kept", "cuts", "cuts in speech"), 0)
    counts["recordings without pauses"] = 0
    for levels, speech in material:
        found = WAYS[way](levels, speech)
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
    parser.add_argument(
        "--noise", type=float, metavar="DB", help="white noise, so far below the speech (default: none)"
    )
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
    material = [strung_together(some, args.tier, args.noise, args.seed) for _, some in chosen]
    for way in WAYS:
        print(json.dumps({"voices by": way} | measured(material, way, args.longest, args.pause)))


if __name__ == "__main__":
    main()
