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

import _ctypes
import argparse
import ctypes
import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, count, groupby
from pathlib import Path
from types import ModuleType

import numpy as np
import soxr

from unitdisc.corpus import Interval, Utterance
from unitdisc.files.text import read_text
from unitdisc.media.audio import write_audio
from unitdisc.prep.scripts import run, write_corpus

RATE = 16_000
ESPEAK_RATE = 22_050
UP, DOWN = 320, 441  # 16000 / 22050
SILENCE = "SIL"
PAUSES = ("_", "_:")  # eSpeak's names of silence
JOINED = ("_|", ";")  # what it reports between two phones without a sound of its own
SWALLOWED = ESPEAK_RATE // 200  # a phone of less than 5 ms was not said
LEVEL = 0.06  # root mean square of the speech, full scale being 1
TONES = {"55": "1", "35": "2", "214": "3", "21": "3", "51": "4", "11": "5"}  # by contour
NOISE = 10 / 2**15  # of a quiet microphone: digital silence does not occur in recordings

# Women and men by turns, so that a corpus of a minute or two has both.
TEST_VOICES = "f3 m2 f4 m4 Andrea Denis Annie sandro grandma travis victor antonio"
TRAIN_VOICES = """
    f1 m1 f2 m3 f5 m5 anika m6 aunty m7 belinda m8 linda Andy steph Diogo steph3 Henrique AnxiousAndy
    michel Alex Gene Jacky Mario Mike Nguyen boris ed gustave iven john max norbert paul pedro
    quincy robert shelby marcelo pablo Tweaky
"""


def table(text: str) -> dict[str, str]:
    """From eSpeak's phoneme names, several to a label: "AA: 0 A: | AE: a aa" -> {"0": "AA", ...}."""
    rows = (row.split(": ", 1) for row in text.split("|"))
    return {name: label.strip() for label, names in rows for name in names.split()}


def same(names: str) -> dict[str, str]:
    return {name: name for name in names.split()}


@dataclass(frozen=True)
class Language:
    voice: str  # eSpeak's name of it
    phones: dict[str, str]  # eSpeak's name of a phoneme -> label
    vowels: Set[str] = frozenset()  # eSpeak's names of those that carry a tone

    def label(self, name: str) -> str:
        if name and name not in self.phones:
            sys.exit(f"the {self.voice} of this eSpeak NG has a phoneme {name!r} not known here: add it to LANGUAGES")
        return self.phones.get(name, SILENCE)


LANGUAGES = {
    "en": Language(
        "en-us",
        table(
            "AA: 0 A: | AE: a aa | AH: V @ @2 @5 a# | AO: O O2 O: | AW: aU | AY: aI | EH: E | ER: 3 3: | EY: eI |"
            "IH: I I2 I# | IY: i i: | OW: oU | OY: OI | UH: U | UW: u u: | AAR: A@ | AOR: O@ o@ | EHR: e@ | IHR: i@3 |"
            "EL: @L | B: b | CH: tS | D: d d# | DH: D | DX: t# | F: f | G: g | HH: h | JH: dZ | K: k | L: l | M: m |"
            "N: n | NG: N | P: p | R: r r- | S: s | SH: S | T: t t2 | TH: T | V: v | W: w | Y: j | Z: z | ZH: Z"
        ),
    ),
    "fr": Language(
        "fr",
        same("a b d e f i j k l m n o p s t u v w y z")
        | table(
            "a: a- | e: e- | i: i- | y: y- | u: u- | ɛ: E | ɔ: O | œ: W | ø: Y | ə: @ @- | ɑ̃: A~ | ɔ̃: O~ | ɛ̃: E~ |"
            "œ̃: W~ | ɡ: g | ɲ: n^ | ʁ: r r2 | ʃ: S | ʒ: Z | t: t2 | z: z2 | n: n2"
        ),
    ),
    "cmn": Language(
        "cmn",
        same("a ai ei f i j k l m n o ou p s t ts u ua uai uei uo w y iou")
        | table(
            "ə: @ | ɚ: @r | ɑ: A | ɑu: Au | ŋ: N | ɕ: S; | x: X | ɻ̩: i. | ɹ̩: i[ | iɑ: iA | iɛ: iE | ɤ: o- | oŋ: ong |"
            "uə: u@ | yɛ: yE | yæ: y& | yə: y@ | yi: yi | kʰ: kh | pʰ: ph | tʰ: th | tsʰ: tsh | tɕ: tS; | tɕʰ: tS;h |"
            "ʈʂ: ts. | ʈʂʰ: ts.h | ʂ: s. | ʐ: z."
        ),
        vowels=set(same("a ai ei i o ou u ua uai uei uo y iou @ @r A Au i. i[ iA iE o- ong u@ yE y& y@ yi")),
    ),
}


class Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),  # of the word, in characters, counted from 1
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("phoneme", ctypes.c_char * 8),  # what the union `id` holds in phoneme events
    ]


SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))
SYNCHRONOUS, PHONEME_EVENTS, DONT_EXIT, UTF8 = 2, 1, 0x8000, 1
PHONEME = 7
WORDS_PER_MINUTE, PITCH, PITCH_RANGE = 1, 3, 4
UNLOAD = getattr(_ctypes, "dlclose", None) or _ctypes.FreeLibrary  # the name on Windows


@dataclass(frozen=True)
class Manner:
    """How a voice speaks: words per minute, pitch and pitch range (50 is the voice's own)."""

    rate: int
    pitch: int
    range: int


@dataclass(frozen=True)
class Speech:
    wave: np.ndarray  # int16 [samples] at ESPEAK_RATE
    phonemes: list[tuple[int, int, str]]  # first sample, character of the text, eSpeak's name with stress
    tones: list[str]  # of the syllables, as contours: 55, 214 ...


def installed() -> ModuleType:
    """The package that brings eSpeak NG and knows where it is."""
    try:
        import espeakng_loader
    except ImportError:
        sys.exit('mini_speech speaks with eSpeak NG, which is not installed: pip install "unitdisc[demo]"')
    return espeakng_loader


@contextmanager
def espeak() -> Iterator[ctypes.CDLL]:
    """eSpeak NG, loaded for one utterance.

    It keeps the phases of its flutter, echo and noise from call to call and has no way to set them back. Loaded
    anew (half a millisecond), it says the same thing the same way whatever it said before.
    """
    library = ctypes.CDLL(installed().get_library_path())
    try:
        options = PHONEME_EVENTS | DONT_EXIT
        rate = library.espeak_Initialize(SYNCHRONOUS, 0, str(installed().get_data_path()).encode(), options)
        if rate != ESPEAK_RATE:
            sys.exit(f"eSpeak NG speaks at {rate} Hz and not at {ESPEAK_RATE}: install espeakng-loader again")
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # which starting it set to the time of day
        yield library
        library.espeak_Terminate()
    finally:
        UNLOAD(library._handle)


def speak(voice: str, text: str, manner: Manner) -> Speech:
    """What eSpeak says in a voice such as "en-us+m3", the same whatever was said before."""
    pieces, phonemes = [], []

    @SynthCallback
    def receive(samples, count: int, events) -> int:
        if samples and count:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type:
            event = events[index]
            if event.type == PHONEME:
                phonemes.append((event.sample, event.text_position - 1, event.phoneme.decode()))
            index += 1
        return 0

    encoded = text.encode() + b"\0"
    with espeak() as library:
        library.espeak_SetSynthCallback(receive)
        if library.espeak_SetVoiceByName(voice.encode()):
            sys.exit(f"eSpeak NG has no voice {voice}: install espeakng-loader again")
        library.espeak_SetParameter(WORDS_PER_MINUTE, manner.rate, 0)
        library.espeak_SetParameter(PITCH, manner.pitch, 0)
        library.espeak_SetParameter(PITCH_RANGE, manner.range, 0)
        tones = tone_contours(library, encoded)
        library.espeak_Synth(encoded, len(encoded), 0, 1, 0, UTF8, None, None)
        library.espeak_Synchronize()
    return Speech(np.concatenate(pieces), phonemes, tones)


def tone_contours(library: ctypes.CDLL, text: bytes) -> list[str]:
    """The tones in eSpeak's transcription, which writes them as digits; its phoneme events leave them out."""
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    rest = ctypes.c_char_p(text)
    transcription = b""
    while rest.value:  # clause by clause
        transcription += library.espeak_TextToPhonemes(ctypes.byref(rest), UTF8, 0) + b" "
    return re.findall(r"\d{2,3}", transcription.decode())


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
        name = phoneme.lstrip("',%=")
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


def is_silent(wave: np.ndarray, delay: int, amplitude: int) -> np.ndarray:
    """Where eSpeak says nothing: its echo at most, amplitude / 256 of its own output `delay` ms earlier."""
    wave = wave.astype(np.int32)
    earlier = np.concatenate([np.zeros(delay * ESPEAK_RATE // 1000, np.int32), wave])[: len(wave)]
    recorded = np.fix(earlier * 0.75).astype(np.int32)  # consonants played from recordings echo less
    return (wave == earlier * amplitude >> 8) | (wave == recorded * amplitude >> 8) if delay else wave == 0


def variant_settings(voice: str) -> dict[str, str]:
    """What the file of a voice variant states: {"gender": "male 30", "echo": "140 10", ...}."""
    path = Path(installed().get_data_path(), "voices", "!v", voice)
    if not path.is_file():
        sys.exit(f"{path}: no such voice: install espeakng-loader again")
    lines = (line.strip().partition(" ") for line in read_text(path, loose=True).split("\n"))
    return {key: value.strip() for key, _, value in lines if key and not key.startswith(("#", "/"))}


def to_ticks(sample: int) -> int:
    return (2 * sample * UP + DOWN) // (2 * DOWN)  # rounded, in integers


@dataclass(frozen=True)
class Voice:
    name: str
    gender: str | None
    echo: tuple[int, int]  # delay in milliseconds, amplitude of 256
    manner: Manner


def voice_with_manner(name: str, seed: int) -> Voice:
    rng = np.random.default_rng([seed, *name.encode()])
    manner = Manner(rate=int(rng.integers(145, 200)), pitch=int(rng.integers(35, 66)), range=int(rng.integers(30, 71)))
    settings = variant_settings(name)
    delay, amplitude = (int(value) for value in settings.get("echo", "0 0").split())
    return Voice(name, settings.get("gender", "")[:1].lower() or None, (delay, amplitude), manner)


def draw_sentence(rng: np.random.Generator, words: list[str]) -> list[str]:
    weights = 1 / (np.arange(1, len(words) + 1) + 2.7)
    length = int(rng.integers(4, 9))
    drawn = [words[i] for i in rng.choice(len(words), size=length, replace=False, p=weights / weights.sum())]
    if length > 5 and rng.random() < 0.3:
        drawn[length // 2] += ","
    return drawn


def tiers(language: Language, sentence: list[str], speech: Speech, heard: list[Phone]) -> dict[str, list[Interval]]:
    """The alignment in ticks.

    Empty if some word has no phones of its own ("of the" is one to eSpeak), if some syllable has no tone, if a phone
    was swallowed, or if eSpeak took something for another language, which it reports as a phoneme such as "(en)".
    """
    if any(name.startswith("(") for *_, name in speech.phonemes) or any(p.end - p.start < SWALLOWED for p in heard):
        return {}
    starts = [0, *accumulate(len(word) + 1 for word in sentence[:-1])]  # of the words within the text
    runs = [(word, list(run)) for word, run in groupby(heard, lambda phone: word_at(starts, phone))]
    vowels = [phone for phone in heard if phone.name in language.vowels]
    if [word for word, _ in runs if word is not None] != list(range(len(sentence))):
        return {}
    if language.vowels and len(vowels) != len(speech.tones):
        return {}
    words = [SILENCE if word is None else sentence[word].rstrip(",") for word, _ in runs]
    found = {
        "phone": [interval([phone], language.label(phone.name)) for phone in heard],
        "word": [interval(run, word) for (_, run), word in zip(runs, words, strict=True)],
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


def read_aloud(language: Language, words: list[str], voice: Voice, rng: np.random.Generator) -> Sentence:
    """Draws sentences until eSpeak says one word by word."""
    for _ in range(1000):
        sentence = draw_sentence(rng, words)
        text = " ".join(sentence)
        speech = speak(f"{language.voice}+{voice.name}", text, voice.manner)
        if alignment := tiers(language, sentence, speech, phones(speech, voice.echo)):
            wave = soxr.resample(speech.wave / 2**15, ESPEAK_RATE, RATE)
            return Sentence(text, *in_a_quiet_room(wave * LEVEL / np.sqrt(np.mean(wave**2)), alignment, rng))
    sys.exit(f"eSpeak NG does not say word by word what is in the word list of {language.voice}, such as {text!r}")


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
            sentence = read_aloud(language, words, voice, np.random.default_rng([seed, number, *voice.name.encode()]))
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
