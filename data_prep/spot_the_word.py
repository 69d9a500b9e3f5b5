"""Words beside pseudo-words, said by voices that no model has heard: whether units tell what is a word.

Origin    eSpeak NG says words of a corpus that spoken_text.py made, and what sounds like them and is none.
Licence   as of spoken_text.py.
What      Words with three phones or more, said alone. Of each a pseudo-word of as many phones and the same stress,
is made   whose pieces are those of words, whose neighbours are neighbours in some word, and whose transitions are as
          common (as Wuggy has it); no word of the corpus sounds like it. Both are given to eSpeak as phonemes, with as
          much silence around; it must say these phones, in every voice, or others are taken. A word and its pseudo-word
          are said by the same voices in the same manner; the voices, those of the test, take turns.
Files     lexical/dev/*.wav and gold.csv, in the layout of the lexical task of ZeroSpeech 2021 and of BabySLM;
          words.jsonl, a corpus of them; pairs.tsv, for `unitdisc lm-score --pairs`, where `kind` says how often the
          word is in train.jsonl (in --count).
Tiers     phone and word, as those of spoken_text.py.

python data_prep/spot_the_word.py data/spoken_text --words 300
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unitdisc import console
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import read_manifest
from unitdisc.files import write_text
from unitdisc.files.text import read_json
from unitdisc.media.audio import write_audio
from unitdisc.prep.notes import Notes
from unitdisc.prep.pseudo_words import Phones, is_vowel, pseudo_words
from unitdisc.prep.scripts import run, write_corpus
from unitdisc.prep.speech.corpora import VOICES
from unitdisc.prep.speech.espeak import Manner, speak
from unitdisc.prep.speech.phonemes import LANGUAGES, SILENCE, Language
from unitdisc.prep.speech.reading import JOINED, PAUSES, RATE, Sentence, bare, read_phonemes
from unitdisc.prep.speech.voices import Voice, voice_with_manner

SPOKEN = ("en", "fr")  # languages whose words can be said by their phonemes; those of Mandarin would lose their tones
FEWEST = 3  # phones
CHOICES = 5  # pseudo-words that are tried for a word
BANDS = ((1, "1-5"), (6, "6-20"), (21, "21-100"), (101, ">100"))  # of how often a word is heard
FOLDER = Path("lexical", "dev")
GOLD = "id,filename,voice,frequency,word,phones,length,correct"
TABLE = "word\tnonword\tkind\tspelt\tvoice\tfrequency\tlength"


@dataclass(frozen=True)
class Heard:
    """The words of a corpus."""

    counts: Counter  # of words
    ways: dict[str, set[Phones]]  # how each is said, as labels

    @property
    def forms(self) -> set[Phones]:
        return {form for forms in self.ways.values() for form in forms}


@dataclass(frozen=True)
class Pair:
    """A word and a pseudo-word, each by every one of its voices."""

    spelt: str
    voices: Sequence[Voice]
    word: Sequence[Sentence]
    nonword: Sequence[Sentence]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="folder that spoken_text.py made, where the files go, too")
    parser.add_argument("--count", default="train.jsonl", help="manifest whose words are taken (default: %(default)s)")
    parser.add_argument("--words", type=int, default=300, help="at most, from the commonest to the rarest")
    parser.add_argument("--voices", type=int, default=4, help="by which each is said (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="that of the corpus: of the manner of the voices")
    args = parser.parse_args(argv)
    if not 1 <= args.voices <= len(VOICES["test"]) or args.words < 1:
        parser.error(f"--voices must be 1 to {len(VOICES['test'])}, and --words 1 or more")
    language = language_of(args.corpus)
    heard = heard_in(args.corpus / args.count)
    notes = Notes()
    names = citation_forms(LANGUAGES[language], heard, notes)
    pairs = list(made_pairs(LANGUAGES[language], names, heard, args, notes))
    if not pairs:
        raise CorpusError(f"{args.corpus / args.count}: of none of its words a pair can be made; give a larger corpus")
    utterances = write_pairs(args.corpus, pairs, heard)
    write_corpus(args.corpus, {"words": utterances}, notes)
    print(f"{len(pairs)} words beside as many pseudo-words, by {args.voices} voices each")


def language_of(folder: Path) -> str:
    path = folder / "spoken_text.json"
    if not path.exists():
        raise CorpusError(f"{folder}: has no spoken_text.json; give the folder of a corpus that spoken_text.py made")
    said = read_json(path)
    language = said.get("language") if isinstance(said, dict) else None
    if language not in SPOKEN:
        raise CorpusError(f"{folder}: the language is {language}; pairs are made of {', '.join(SPOKEN)} only")
    return language


def heard_in(manifest: Path) -> Heard:
    """The words of a corpus that are there in full."""
    counts: Counter = Counter()
    ways: dict[str, set[Phones]] = {}
    for utterance in read_manifest(manifest):
        phones = iter(utterance.alignment.get("phone", ()))
        for start, end, word in utterance.alignment.get("word", ()):
            if word == SILENCE:
                continue
            form = tuple(label for first, last, label in phones_within(phones, start, end) if label != SILENCE)
            counts[word] += 1
            ways.setdefault(word, set()).add(form)
    if not counts:
        raise CorpusError(f"{manifest}: has no tier `word`; give a corpus that spoken_text.py made")
    return Heard(counts, ways)


def phones_within(phones: Iterator, start: int, end: int) -> Iterator:
    """The next phones that are between two ticks; what comes before is passed over."""
    for each in phones:
        if each.start >= start:
            yield each
        if each.end >= end:
            return


def citation_forms(language: Language, heard: Heard, notes: Notes) -> dict[Phones, str]:
    """How eSpeak says every word alone: its names of phonemes, with stress -> word, the commonest first.

    Left out are words that are never said so in the corpus.
    """
    found: dict[Phones, str] = {}
    for word, _ in sorted(heard.counts.items(), key=lambda each: (-each[1], each[0])):
        said = speak(language.voice, word, Manner(170, 50, 50)).phonemes
        names = tuple(name for *_, name in said if name not in (*PAUSES, *JOINED))
        labels = tuple(language.label(bare(name)) for name in names)
        if labels not in heard.ways[word]:
            notes.add("left out: a word that is said otherwise in sentences than alone", word)
        elif names in found:
            notes.add("left out: a word that sounds like a commoner one", word)
        else:
            found[names] = word
    return found


def made_pairs(
    language: Language, names: Mapping[Phones, str], heard: Heard, args: argparse.Namespace, notes: Notes
) -> Iterator[Pair]:
    """Pairs, of words evenly from the commonest to the rarest."""

    def labels(phones: Phones) -> Phones:
        return tuple(language.label(bare(name)) for name in phones)

    fitting = {phones: word for phones, word in names.items() if len(phones) >= FEWEST}
    several = dict(pseudo_words(names, args.seed, CHOICES, lambda name: is_vowel(language.label(bare(name)))))
    places = np.unique(np.linspace(0, len(fitting) - 1, min(args.words, len(fitting))).round().astype(int))
    chosen = [[*fitting][place] for place in places]
    with console.progress("speaking", len(chosen), "words") as advance:
        for number, phones in enumerate(chosen):
            advance(1)
            others = [each for each in several.get(phones, ()) if labels(each) not in heard.forms]
            voices = voices_of(number, args.voices, args.seed)
            word = by_all(language, phones, fitting[phones], voices, [args.seed, number])
            said = (by_all(language, each, fitting[phones], voices, [args.seed, number]) for each in others)
            nonword = next(filter(None, said), None)
            if word and nonword:
                yield Pair(fitting[phones], voices, word, nonword)
            else:
                notes.add(
                    f"left out: a word {'of which no pseudo-word is said' if word else 'not said'} in all voices",
                    fitting[phones],
                )


def voices_of(number: int, many: int, seed: int) -> list[Voice]:
    """The next ones in turn, as far from each other as can be."""
    names, step = VOICES["test"], len(VOICES["test"]) // many
    return [voice_with_manner(names[(number + place * step) % len(names)], seed) for place in range(many)]


def by_all(language: Language, names: Phones, word: str, voices: Iterable[Voice], seed: int) -> list[Sentence] | None:
    """A word by every voice; None if one does not say these phones."""
    found = []
    for voice in voices:
        rng = np.random.default_rng([*seed, *voice.name.encode()])
        said = read_phonemes(language, names, word, voice, rng)
        if said is None:
            return None
        found.append(said)
    return found


def write_pairs(folder: Path, pairs: Sequence[Pair], heard: Heard) -> list[Utterance]:
    """Writes recordings, gold.csv and pairs.tsv."""
    utterances, gold, table = [], [GOLD], [TABLE]
    for number, pair in enumerate(pairs, 1):
        often = heard.counts[pair.spelt]
        for voice, word, nonword in zip(pair.voices, pair.word, pair.nonword):
            ids = []
            for said, right in ((word, 1), (nonword, 0)):
                phones = [label for *_, label in said.alignment["phone"] if label != SILENCE]
                spelt = pair.spelt if right else "".join(phones).lower()
                ids.append(f"{voice.name}-{number:04d}-{'word' if right else 'nonword'}")
                utterances.append(written(folder / FOLDER / f"{ids[-1]}.wav", voice, said, spelt))
                frequency = str(often) if right else ""
                gold.append(
                    f"{number},{ids[-1]},{voice.name},{frequency},{spelt},{' '.join(phones)},{len(phones)},{right}"
                )
            table.append("\t".join((*ids, band(often), pair.spelt, voice.name, str(often), str(len(phones)))))
    write_text(folder / FOLDER / "gold.csv", "".join(f"{line}\n" for line in gold))
    write_text(folder / "pairs.tsv", "".join(f"{line}\n" for line in table))
    return utterances


def written(path: Path, voice: Voice, said: Sentence, spelt: str) -> Utterance:
    write_audio(path, said.wave, RATE)
    tiers = {
        "phone": said.alignment["phone"],
        "word": [each if each.label == SILENCE else each._replace(label=spelt) for each in said.alignment["word"]],
    }
    return Utterance(path.stem, str(path), voice.name, len(said.wave), RATE, 0, voice.gender, spelt, tiers)


def band(often: int) -> str:
    return [name for least, name in BANDS if often >= least][-1]


if __name__ == "__main__":
    run(main)
