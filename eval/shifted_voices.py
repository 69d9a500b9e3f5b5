"""Utterances in other voices by mean and variance alone: the simplest conversion there is, to judge others by.

python eval/shifted_voices.py data/test.jsonl data/train.jsonl exp/shifted --speaker ada --speaker gus

Log-mel frames of every utterance of the first corpus get, bin by bin, the mean and the deviation that those of each of
these speakers have in the second, and are made heard by Griffin-Lim: OUT/ID--SPEAKER.wav. With --unchanged they are
only made heard again, which shows what is lost by that alone.
"""

import argparse
import sys
from pathlib import Path

from unitdisc.corpus import CorpusError
from unitdisc.corpus.read import read_corpus
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.griffin_lim import log_mel_to_audio
from unitdisc.data.normalisation import moments
from unitdisc.files.folders import folder_for_results
from unitdisc.media.audio import write_audio


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="that is converted")
    parser.add_argument("voices", type=Path, help="corpus in which the speakers speak")
    parser.add_argument("output", type=Path)
    parser.add_argument("--speaker", action="append", required=True, help="of the second corpus; one or more")
    parser.add_argument("--rate", type=int, default=16_000, help="samples a second (default: %(default)s)")
    parser.add_argument("--unchanged", action="store_true", help="frames stay as they are")
    options = parser.parse_args(argv)
    try:
        features = AcousticFeatures("log-mel", options.rate, options.rate // 100, normalise="none", resample=True)
        voices, utterances = read_corpus(options.voices), read_corpus(options.corpus)
        folder_for_results(options.output)
        theirs = {}
        for speaker in options.speaker:
            said = [utterance for utterance in voices if utterance.speaker == speaker]
            if not said:
                raise CorpusError(f"{options.voices}: {speaker!r} says nothing in it; name one who does")
            theirs[speaker.replace("/", "_")] = moments(features(features.signal(utterance)) for utterance in said)
        for utterance in utterances:
            wave = features.signal(utterance)
            frames = features(wave)
            plain = moments([frames]).apply(frames)
            for name, voice in theirs.items():
                converted = frames if options.unchanged else voice.undo(plain)
                heard = log_mel_to_audio(converted, features.rate, features.hop)[: len(wave)]
                write_audio(options.output / f"{utterance.id}--{name}.wav", heard, features.rate)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
