"""The built-in corpus: synthetic speech of many voices, with exact phone boundaries and nothing to download.

Origin    eSpeak NG (https://github.com/espeak-ng/espeak-ng) reads sentences drawn from the word lists in mini_speech/,
          which were written for this project. The library comes with the Python package `espeakng-loader`.
Licence   eSpeak NG is GPL-3.0-or-later, which covers the program and not the speech it makes; the word lists are
          under the licence of this project.
Speakers  53 of the voice variants of eSpeak NG, each with a rate, pitch and pitch range of its own. The 12 test voices
          (5 women, 7 men) are not among the 41 training voices, and no close relative of them is. Left out:
          whispers and creaks (whisper, whisperf, caleb, croak, grandpa, Storm, announcer): their vowels hardly repeat
            from one pitch period to the next (normalised autocorrelation below 0.6);
          robots and echoing halls (robosoft*, UniRobot, anikaRobot, RicishayMax*, Demonic, Marco);
          what is far from all others (Alicia, zac, kaukovalta, Lee, ian): less than 30 % of their phones are nearest,
            in normalised MFCC, to the same phone of another voice. f4 is as far, but one of the standard voices;
          the voices of the Klatt synthesiser (klatt*, adam, Reed, benjamin, ...): their noise cannot be repeated;
          doubles (steph2, Hugo, miguel, Gene2, iven2, rob, ...).
          `gender` is what the voice's file states, or absent.
Sentences 4 to 8 words after Zipf and Mandelbrot: the word of rank r has weight 1 / (r + 2.7). No grammar.
Files     wav/<split>/<voice>-<number>.wav, 16 kHz; train.jsonl, test.jsonl.
Tiers     phone: ARPAbet for English, with AAR AOR EHR IHR for vowels coloured by r, EL, and the flap DX, and without
          stress; IPA for French; IPA for Mandarin, finals with several vowels being one label (iou, uai, oŋ). Length
          and stress marks are left out. word: as written.
          tone (Mandarin): 1 to 4, and 5 where neutral, over the vowel of the syllable.
          phone and word have no gaps: silence is SIL. The closure of a stop belongs to the stop, but after silence,
          where no closure can be heard, the stop begins with its burst.

python data_prep/mini_speech.py data/mini_speech --language en --train-minutes 30 --test-minutes 10 --seed 0
"""

import argparse
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.files.text import read_text
from unitdisc.media.audio import write_audio
from unitdisc.prep.scripts import run, write_corpus
from unitdisc.prep.speech.phonemes import LANGUAGES, Language
from unitdisc.prep.speech.reading import RATE, Sentence, read_aloud
from unitdisc.prep.speech.voices import TEST_VOICES, TRAIN_VOICES, Voice, voice_with_manner


def draw_sentence(rng: np.random.Generator, words: list[str]) -> list[str]:
    weights = 1 / (np.arange(1, len(words) + 1) + 2.7)
    length = int(rng.integers(4, 9))
    drawn = [words[i] for i in rng.choice(len(words), size=length, replace=False, p=weights / weights.sum())]
    if length > 5 and rng.random() < 0.3:
        drawn[length // 2] += ","
    return drawn


def some_sentence(language: Language, words: list[str], voice: Voice, rng: np.random.Generator) -> Sentence:
    """Draws sentences until eSpeak says one word by word."""
    for _ in range(1000):
        drawn = draw_sentence(rng, words)
        if sentence := read_aloud(language, drawn, voice, rng):
            return sentence
    raise CorpusError(
        f"eSpeak NG does not say word by word what is in the word list of {language.voice}, such as "
        f"{' '.join(drawn)!r}; install espeakng-loader again"
    )


def utterances(
    language: Language, words: list[str], names: Iterable[str], minutes: float, seed: int, folder: Path
) -> Iterator[Utterance]:
    """Lets the voices speak by turns until there is enough, and writes what they say into the folder."""
    voices = [voice_with_manner(name, seed) for name in names]
    left = minutes * 60 * RATE
    with ThreadPoolExecutor(4) as writers:  # while the disk is busy, the next one speaks
        written = []
        for number, voice in ((number, voice) for number in count() for voice in voices):
            if left <= 0:
                break
            sentence = some_sentence(
                language, words, voice, np.random.default_rng([seed, number, *voice.name.encode()])
            )
            name = f"{voice.name}-{number:04d}"
            path = folder / f"{name}.wav"
            written.append(writers.submit(write_audio, path, sentence.wave, RATE))
            ticks = len(sentence.wave)
            left -= ticks
            yield Utterance(
                name, str(path), voice.name, ticks, RATE, 0, voice.gender, sentence.text, sentence.alignment
            )
    for each in written:
        each.result()  # raises what went wrong


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="corpus folder to create")
    parser.add_argument("--language", choices=LANGUAGES, default="en")
    parser.add_argument("--train-minutes", type=float, default=30)
    parser.add_argument("--test-minutes", type=float, default=10)
    parser.add_argument("--test-voices", type=int, default=len(TEST_VOICES.split()), help="only the first so many")
    parser.add_argument("--seed", type=int, default=0, help="another seed: other sentences and ways of speaking")
    args = parser.parse_args(argv)
    if not 0 < args.test_voices <= len(TEST_VOICES.split()):
        parser.error(f"--test-voices must be 1 to {len(TEST_VOICES.split())}")

    words = read_text(Path(__file__).with_suffix("").joinpath(f"{args.language}.txt")).split()
    made = {}
    for split, voices, minutes in (
        ("train", TRAIN_VOICES.split(), args.train_minutes),
        ("test", TEST_VOICES.split()[: args.test_voices], args.test_minutes),
    ):
        folder = args.output / "wav" / split
        made[split] = list(utterances(LANGUAGES[args.language], words, voices, minutes, args.seed, folder))
    write_corpus(args.output, made)


if __name__ == "__main__":
    run(main)
