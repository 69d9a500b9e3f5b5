"""Whose voice utterances are in that were said again in others: a manifest of them, and who is taken to speak.

unitdisc convert exp/converter data/test.jsonl exp/converted --speaker ada --speaker gus
python eval/other_voices.py data/test.jsonl exp/converted/recordings exp/converted.jsonl --train data/all.jsonl

The manifest has the labels of the originals, so that what is said can be scored as any corpus is. Whose voice it is, a
linear discriminant of means and deviations of log-mel frames tells, the level taken away, which learns from TRAIN: all
voices, those of the originals and those that were asked for. How often it is right of utterances of CORPUS comes first,
then how often it takes one that was said again for one by the speaker who was asked for, and by that of the original;
what stays in its own voice is left out.

--abx FILE.jsonl makes a corpus of the originals, all by one speaker, and of what was said again in the first of the
voices by name, by another, so that `unitdisc abx` across speakers tells how far labels survive the way from one to the
other.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from markdown_tables import print_table
from other_hands import share
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from unitdisc.corpus import CorpusError, Utterance, scaled
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.files import write_json

RATE, BINS = 8_000, 40  # that recordings are looked at with: what any telephone has


class Voices(NamedTuple):
    utterances: int  # in other voices
    originals_told: float  # utterances of the corpus whose speaker is told right, of 1
    asked_for: float  # utterances in other voices that are taken for ones by the speaker who was asked for
    of_original: float  # that are taken for ones by the speaker of the original


def main(argv: list[str] | None = None) -> Voices:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("recordings", type=Path, help="folder of ID--SPEAKER.wav")
    parser.add_argument("manifest", type=Path, help="to write")
    parser.add_argument("--train", type=Path, nargs="+", required=True, help="utterances by all speakers")
    parser.add_argument("--abx", type=Path, help="manifest to write, for ABX from the originals to the first voice")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    options = parser.parse_args(argv)
    try:
        corpus = {utterance.id: utterance for utterance in read_corpus(options.corpus)}
        again = [pair for path in sorted(options.recordings.glob("*.wav")) if (pair := said_again(path, corpus))]
        if not again:
            raise CorpusError(f"{options.recordings}: no utterance of {options.corpus} is there in another voice")
        write_manifest(options.manifest, [one for one, _ in again])
        if options.abx:
            first = min(one.speaker for one, _ in again)
            as_two = [replace(one, speaker="again") for one, _ in again if one.speaker == first]
            write_manifest(options.abx, [*(replace(each, speaker="original") for each in corpus.values()), *as_two])
        known = [each for path in options.train for each in read_corpus(path) if each.speaker is not None]
        if len({utterance.speaker for utterance in known}) < 2:
            raise CorpusError(f"{options.train[0]}: names no two speakers who could be told apart; give more")
        tells = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        tells.fit(described(known), [utterance.speaker for utterance in known])
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    told = tells.predict(described([one for one, _ in again]))
    originals = [*corpus.values()]
    found = Voices(
        len(again),
        share(tells.predict(described(originals)), [utterance.speaker for utterance in originals]),
        share(told, [one.speaker for one, _ in again]),
        share(told, [original.speaker for _, original in again]),
    )
    print_table(list(found._fields), [[str(found[0]), *(f"{value:.3f}" for value in found[1:])]])
    if options.output:
        write_json(options.output, found._asdict())
    return found


def said_again(path: Path, corpus: dict[str, Utterance]) -> tuple[Utterance, Utterance] | None:
    """An utterance in another voice, with the labels of the original, and the original; None for anything else."""
    name, *voice = path.stem.split("--")
    original = corpus.get(name)
    if len(voice) != 1 or original is None or voice[0] == original.speaker:
        return None
    heard = soundfile.info(path)
    facts = {
        "id": path.stem,
        "path": str(path.absolute()),
        "speaker": voice[0],
        "start": 0,
        "channel": None,
        "gender": None,
    }
    return replace(scaled(original, heard.frames), **facts, rate=heard.samplerate), original


def described(utterances: Sequence[Utterance]) -> np.ndarray:
    """Mean and deviation of every mel bin over the frames of an utterance, less the mean of all bins: [N, 2 BINS]."""
    features = AcousticFeatures("log-mel", RATE, RATE // 100, BINS, normalise="none", resample=True)
    rows = []
    for utterance in utterances:
        frames = features(features.signal(utterance))
        means = frames.mean(0)
        rows.append(np.concatenate([means - means.mean(), frames.std(0)]))
    return np.array(rows)


if __name__ == "__main__":
    main()
