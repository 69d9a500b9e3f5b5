"""A sentence read aloud by a voice of eSpeak NG, in a quiet room, with exact boundaries of phones and words."""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

import numpy as np
import soxr

from unitdisc.corpus import Interval
from unitdisc.prep.speech.espeak import ESPEAK_RATE, Speech, speak
from unitdisc.prep.speech.phonemes import SILENCE, TONES, Language
from unitdisc.prep.speech.voices import Voice

RATE = 16_000
UP, DOWN = 320, 441  # 16000 / 22050
PAUSES = ("_", "_:")  # eSpeak's names of silence
JOINED = ("_|", ";")  # what it reports between two phones without a sound of its own
SWALLOWED = ESPEAK_RATE // 200  # a phone of less than 5 ms was not said
LEVEL = 0.06  # root mean square of the speech, full scale being 1
NOISE = 10 / 2**15  # of a quiet microphone: digital silence does not occur in recordings
MARKS = ",.;:?!"  # after a word
ATTEMPTS = 4  # at keeping words apart: of what is apart now, others may be taken for one
STRESS = "',%="  # before the name of a vowel


@dataclass(frozen=True)
class Phone:
    start: int  # sample at ESPEAK_RATE
    end: int
    position: int  # of its word in the text
    name: str  # eSpeak's, without stress; "" for silence


def phones(speech: Speech, echo: tuple[int, int]) -> list[Phone]:
    """Where the phones of the speech begin and end.

    eSpeak reports a consonant at its burst, after the pause it puts before it (the closure of a stop). That pause is
    exact digital silence, so it can be given to the consonant; between clauses, where all is silent, it cannot.
    """
    silent = is_silent(speech.wave, *echo)
    heard = np.maximum.accumulate(np.where(silent, -1, np.arange(len(silent))))  # the last sound up to here
    starts = [(0, 0, "")]
    for sample, position, phoneme in speech.phonemes:
        name = bare(phoneme)
        if name in JOINED:
            continue
        if name in PAUSES:
            name = ""
        elif starts[-1][2]:
            sample = max(starts[-1][0], int(heard[sample - 1]) + 1)
        if sample == starts[-1][0]:
            starts.pop()
        if not (starts and name == "" and starts[-1][2] == ""):
            starts.append((sample, position, name))
    ends = [start for start, *_ in starts[1:]] + [len(speech.wave)]
    return [Phone(start, end, position, name) for (start, position, name), end in zip(starts, ends, strict=True)]


def bare(phoneme: str) -> str:
    """eSpeak's name of a phoneme without the marks of stress before it."""
    return phoneme.lstrip(STRESS)


def is_silent(wave: np.ndarray, delay: int, amplitude: int) -> np.ndarray:
    """Where eSpeak says nothing: its echo at most, amplitude / 256 of its own output `delay` ms earlier."""
    wave = wave.astype(np.int32)
    earlier = np.concatenate([np.zeros(delay * ESPEAK_RATE // 1000, np.int32), wave])[: len(wave)]
    recorded = np.fix(earlier * 0.75).astype(np.int32)  # consonants played from recordings echo less
    return (wave == earlier * amplitude >> 8) | (wave == recorded * amplitude >> 8) if delay else wave == 0


def to_ticks(sample: int) -> int:
    return (2 * sample * UP + DOWN) // (2 * DOWN)  # rounded, in integers


@dataclass(frozen=True)
class Spelt:
    """What eSpeak is given: words, perhaps with a mark behind them, and bars where it must not take two for one."""

    text: str
    starts: list[int]  # where each word begins

    @classmethod
    def of(cls, words: Sequence[str], bars: Collection[int] = ()) -> "Spelt":
        """bars: before these words; eSpeak has an entry of its own for "of the", and none for "of | the"."""
        pieces = [f"| {word}" if place in bars else word for place, word in enumerate(words)]
        ends = accumulate(len(piece) + 1 for piece in pieces)
        return cls(" ".join(pieces), [end - len(word) - 1 for end, word in zip(ends, words)])


def tiers(
    language: Language, words: Sequence[str], starts: list[int], speech: Speech, heard: list[Phone]
) -> dict[str, list[Interval]]:
    """The alignment in ticks.

    Empty if some word has no phones of its own ("of the" is one to eSpeak), if some syllable has no tone, if a phone
    was swallowed, or if eSpeak took something for another language, which it reports as a phoneme such as "(en)".
    """
    if any(name.startswith("(") for *_, name in speech.phonemes) or any(p.end - p.start < SWALLOWED for p in heard):
        return {}
    runs = [(word, list(run)) for word, run in groupby(heard, lambda phone: word_at(starts, phone))]
    vowels = [phone for phone in heard if phone.name in language.vowels]
    if [word for word, _ in runs if word is not None] != list(range(len(words))):
        return {}
    if language.vowels and len(vowels) != len(speech.tones):
        return {}
    labels = [SILENCE if word is None else words[word].rstrip(MARKS) for word, _ in runs]
    found = {
        "phone": [interval([phone], language.label(phone.name)) for phone in heard],
        "word": [interval(run, label) for (_, run), label in zip(runs, labels, strict=True)],
    }
    if language.vowels:
        found["tone"] = [interval([vowel], TONES[tone]) for vowel, tone in zip(vowels, speech.tones, strict=True)]
    return found


def word_at(starts: list[int], phone: Phone) -> int | None:
    return bisect_right(starts, phone.position) - 1 if phone.name else None


def interval(phones: list[Phone], label: str) -> Interval:
    return Interval(to_ticks(phones[0].start), to_ticks(phones[-1].end), label)


@dataclass(frozen=True)
class Sentence:
    text: str
    wave: np.ndarray  # float [ticks] at RATE
    alignment: dict[str, list[Interval]]


def read_aloud(language: Language, words: Sequence[str], voice: Voice, rng: np.random.Generator) -> Sentence | None:
    """Words as a voice says them; None if eSpeak does not say them one by one."""
    spelt = Spelt.of(words)
    speech = speak(f"{language.voice}+{voice.name}", spelt.text, voice.manner)
    return recorded(language, words, voice, rng, spelt=spelt, speech=speech)


def read_apart(language: Language, words: Sequence[str], voice: Voice, rng: np.random.Generator) -> Sentence | None:
    """As `read_aloud`, but words are kept apart that eSpeak takes for one."""
    bars: set[int] = set()
    for _ in range(ATTEMPTS):
        spelt = Spelt.of(words, bars)
        speech = speak(f"{language.voice}+{voice.name}", spelt.text, voice.manner)
        lost = set(range(len(words))) - {word_at(spelt.starts, phone) for phone in phones(speech, voice.echo)}
        if lost <= bars:
            break
        bars |= lost
    return recorded(language, words, voice, rng, spelt=spelt, speech=speech)


def read_phonemes(
    language: Language, names: Sequence[str], word: str, voice: Voice, rng: np.random.Generator
) -> Sentence | None:
    """A word, or what is none, by eSpeak's names of its phonemes, with stress; None if other phones are heard."""
    speech = speak(f"{language.voice}+{voice.name}", f"[[{'|'.join(names)}]]", voice.manner, phonemes=True)
    said = recorded(language, [word], voice, rng, spelt=Spelt(word, [0]), speech=speech)
    wanted = [language.label(bare(name)) for name in names]
    if said and [label for *_, label in said.alignment["phone"] if label != SILENCE] != wanted:
        return None
    return said


def recorded(
    language: Language, words: Sequence[str], voice: Voice, rng: np.random.Generator, *, spelt: Spelt, speech: Speech
) -> Sentence | None:
    """Speech as a recording with its labels; None where `tiers` has none."""
    alignment = tiers(language, words, spelt.starts, speech, phones(speech, voice.echo))
    if not alignment:
        return None
    wave = soxr.resample(speech.wave / 2**15, ESPEAK_RATE, RATE)
    wave, alignment = in_a_quiet_room(wave * LEVEL / np.sqrt(np.mean(wave**2)), alignment, rng)
    return Sentence(" ".join(words), wave, alignment)


def in_a_quiet_room(
    wave: np.ndarray, alignment: dict[str, list[Interval]], rng: np.random.Generator
) -> tuple[np.ndarray, dict[str, list[Interval]]]:
    """The speech with a little noise under it and 0.1 to 0.3 s of silence on both sides."""
    before, after = (int(ticks) for ticks in rng.integers(RATE // 10, 3 * RATE // 10, size=2))
    wave = np.pad(wave, (before, after))
    wave = wave + NOISE * rng.standard_normal(len(wave), dtype=np.float32)
    moved = {
        tier: [Interval(before + start, before + end, label) for start, end, label in intervals]
        for tier, intervals in alignment.items()
    }
    gapless = {tier: surrounded(moved[tier], len(wave)) for tier in ("phone", "word")}
    return wave, {**moved, **gapless}


def surrounded(intervals: list[Interval], ticks: int) -> list[Interval]:
    """With silence up to the first interval and from the last to the end."""
    first, last = intervals[0], intervals[-1]
    inside = intervals[first.label == SILENCE : len(intervals) - (last.label == SILENCE)]
    return [Interval(0, inside[0].start, SILENCE), *inside, Interval(inside[-1].end, ticks, SILENCE)]
