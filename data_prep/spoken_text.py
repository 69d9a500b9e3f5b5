"""Hours of running text read aloud: synthetic speech of many voices, for language models of units.

Origin    eSpeak NG (https://github.com/espeak-ng/espeak-ng), which comes with the Python package `espeakng-loader`,
          reads a text. Without --text, that of a grammar whose entropy is known exactly: of English, the one in
          spoken_text/en.txt (1,086 words, subjects and verbs that agree), which was written for this project; of other
          languages, one that is drawn, of the words in mini_speech/. Another one: --grammar FILE.
          With --text FILE, a plain text, such as the King James Bible of the Debian package bible-kjv:
              bible -f gen1:1-rev22:21 > bible.txt
Licence   eSpeak NG is GPL-3.0-or-later, which covers the program and not the speech it makes. The grammar and the word
          lists are under the licence of this project; a text is under its own.
Speakers  41 voices to train on and 12 others for the test, each with a rate, pitch and pitch range of its own: those of
          mini_speech.py, which says what they are.
Sentences of a text: in its order, those of more than 15 words cut, in small letters; every tenth stretch of twenty
          sentences is for the test. Left out, and said: sentences with digits, and what eSpeak does not say word by
          word. "of the" is one word to eSpeak; it is given "of | the" in such places alone.
Files     wav/<split>/<voice>-<number>.wav, 16 kHz; train.jsonl, test.jsonl; train.txt, test.txt, an utterance on every
          line. truth.json, of a grammar: its entropy, and the bits of both splits under it. parts/: what is
          finished, from which the same command goes on; with more minutes, a finished corpus grows.
          --beginnings 10: train-10.jsonl, what a corpus of so many minutes has.
Tiers     phone, word, and tone (Mandarin), as those of mini_speech.py; and in English UHR, AYR, IYAH, EN and Q (a
          glottal stop), which no word of mini_speech has.

python data_prep/spoken_text.py data/spoken_text --train-minutes 60 --test-minutes 10
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unitdisc import console
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.files import write_json, write_text
from unitdisc.files.folders import folder_for_results
from unitdisc.files.locks import locked
from unitdisc.files.text import read_json, read_text
from unitdisc.prep.grammar import WordGrammar
from unitdisc.prep.notes import Notes
from unitdisc.prep.running_text import parted, read_sentences
from unitdisc.prep.scripts import run, write_corpus
from unitdisc.prep.speech.corpora import Reading, speak_all
from unitdisc.prep.speech.espeak import installed
from unitdisc.prep.speech.phonemes import LANGUAGES
from unitdisc.prep.speech.reading import MARKS, RATE

HERE = Path(__file__).resolve().parent
CLASSES = 12  # of words in a drawn grammar
SPLITS = ("train", "test")
WORDS_PER_MINUTE = 150  # about
MADE_OF = "spoken_text.json"  # what a folder holds


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="corpus folder to create, or to go on with")
    parser.add_argument("--language", choices=LANGUAGES, default="en")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--text", type=Path, help="plain text to read aloud")
    what.add_argument("--grammar", type=Path, help="file of a grammar, as spoken_text/en.txt")
    parser.add_argument("--train-minutes", type=float, default=60)
    parser.add_argument("--test-minutes", type=float, default=10)
    parser.add_argument(
        "--beginnings",
        type=float,
        nargs="+",
        default=[],
        metavar="MINUTES",
        help="also write train-MINUTES.jsonl, the first so many",
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed: other sentences and ways of speaking")
    parser.add_argument("--jobs", type=int, default=2, help="processes that speak (default: %(default)s)")
    args = parser.parse_args(argv)
    if args.jobs < 1 or args.seed < 0:
        parser.error("--jobs must be 1 or more, and --seed 0 or more")
    minutes = {"train": args.train_minutes, "test": args.test_minutes}
    if not all(0 < each < float("inf") for each in minutes.values()):
        parser.error("--train-minutes and --test-minutes must be above 0")
    if wrong := [each for each in args.beginnings if not 0 < each <= args.train_minutes]:
        parser.error(f"--beginnings must be above 0 and at most the {args.train_minutes:g} minutes, not {wrong[0]:g}")
    installed()
    notes = Notes()
    text = None if args.text is None else parted(read_sentences(args.text, notes))
    grammar = grammar_of(args.grammar, args.language, args.seed) if text is None else None
    notes.say()
    with locked(folder_for_results(args.output)):
        refuse_another(args.output, made_of(args, text, grammar))
        made = {}
        for split in SPLITS:
            sentence = numbered(text[split]) if text else drawn(grammar, [args.seed, SPLITS.index(split)])
            if text:
                say_if_short(split, text[split], minutes[split])
            reading = Reading(args.output, split, args.language, args.seed, sentence, minutes[split], args.jobs)
            made[split] = speak_split(reading, notes)
        for split, utterances in made.items():
            lines = [words_said(utterance) for utterance in utterances]
            write_text(args.output / f"{split}.txt", "".join(f"{' '.join(words)}\n" for words in lines))
        if grammar is not None:
            write_truth(args.output, grammar, made)
        beginnings = {f"train-{minutes:g}": beginning(made["train"], minutes) for minutes in args.beginnings}
        write_corpus(args.output, made | beginnings, notes)


def grammar_of(path: Path | None, language: str, seed: int) -> WordGrammar:
    """The grammar in a file; or the built-in one of a language."""
    if path is None and not (HERE / "spoken_text" / f"{language}.txt").exists():
        return WordGrammar.drawn(read_text(HERE / "mini_speech" / f"{language}.txt").split(), CLASSES, seed=seed)
    return WordGrammar.read(path or HERE / "spoken_text" / f"{language}.txt")


def numbered(sentences: Sequence[list[str]]) -> Callable[[int], list[str] | None]:
    return lambda number: sentences[number] if number < len(sentences) else None


def drawn(grammar: WordGrammar, seed: Sequence[int]) -> Callable[[int], list[str]]:
    return lambda number: [each.word for each in grammar.sentence(np.random.default_rng([*seed, number]))[0]]


def made_of(args: argparse.Namespace, text: dict | None, grammar: WordGrammar | None) -> dict[str, Any]:
    """What tells a corpus from another one, but for how much there is of it."""
    source = text if grammar is None else [grammar.arcs, grammar.words]
    digest = hashlib.sha256(json.dumps(source).encode()).hexdigest()[:16]
    return {"language": args.language, "seed": args.seed, "source": "text" if text else "grammar", "sha256": digest}


def refuse_another(folder: Path, new: dict[str, Any]) -> None:
    """Raises CorpusError if a folder holds another corpus."""
    path = folder / MADE_OF
    if not path.exists() and any((folder / f"{split}.jsonl").exists() for split in SPLITS):
        raise CorpusError(f"{folder}: holds another corpus; choose another folder")
    if path.exists():
        there = read_json(path)
        if differ := [name for name in new if not isinstance(there, dict) or there.get(name) != new[name]]:
            raise CorpusError(
                f"{folder}: holds a corpus that differs in {', '.join(differ)}; choose another folder, or remove it"
            )
    else:
        write_json(path, new)


def say_if_short(split: str, sentences: Sequence[list[str]], minutes: float) -> None:
    about = sum(map(len, sentences)) / WORDS_PER_MINUTE
    if about < minutes:
        print(f"{split}: the text has some {about:.1f} minutes of {minutes:g}; it is not repeated", file=sys.stderr)


def speak_split(reading: Reading, notes: Notes) -> list[Utterance]:
    """The utterances of a split. Raises CorpusError if there are none."""
    done = 0
    with console.progress(f"speaking {reading.split}", int(reading.minutes * 60), "seconds") as advance:

        def further(ticks: int) -> None:
            nonlocal done
            advance((done + ticks) // RATE - done // RATE)
            done += ticks

        found = speak_all(reading, notes, further)
    if not found:
        notes.say()
        raise CorpusError(f"{reading.folder}: eSpeak says no sentence of {reading.split} word by word; give other text")
    if done < reading.minutes * 60 * RATE:
        print(f"{reading.split}: the text ended after {done / RATE / 60:.1f} minutes", file=sys.stderr)
    return found


def beginning(utterances: Sequence[Utterance], minutes: float) -> list[Utterance]:
    """The first, up to the one with which there is enough."""
    ends = np.cumsum([each.ticks for each in utterances])
    return list(utterances[: int(np.searchsorted(ends, minutes * 60 * RATE)) + 1])


def words_said(utterance: Utterance) -> list[str]:
    return [word.rstrip(MARKS) for word in (utterance.text or "").split()]


def write_truth(folder: Path, grammar: WordGrammar, made: dict[str, list[Utterance]]) -> None:
    """What the grammar itself makes of the corpus: as a model that knows all would."""
    bits, words = grammar.bits_per_sentence(), grammar.words_per_sentence()
    truth: dict[str, Any] = {
        "bits_per_sentence": bits,
        "words_per_sentence": words,
        "bits_per_symbol": bits / (words + 1),  # words, and the end
    }
    for split, utterances in made.items():
        said = [words_said(utterance) for utterance in utterances]
        total, symbols = sum(map(grammar.bits_of, said)), sum(len(words) + 1 for words in said)
        truth |= {f"{split}_bits": total, f"{split}_symbols": symbols, f"{split}_bits_per_symbol": total / symbols}
    write_json(folder / "truth.json", truth)
    print(f"the grammar has {truth['bits_per_symbol']:.4f} bits per word; the test {truth['test_bits_per_symbol']:.4f}")


if __name__ == "__main__":
    run(main)
