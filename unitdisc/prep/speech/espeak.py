"""eSpeak NG, which says a text, or phonemes, and when it begins each phoneme.

The library comes with the Python package `espeakng-loader` (https://github.com/espeak-ng/espeak-ng; GPL-3.0-or-later,
which covers the program and not the speech that it makes).
"""

import _ctypes
import ctypes
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from unitdisc.corpus import CorpusError
from unitdisc.files.text import read_text

ESPEAK_RATE = 22_050


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
SYNCHRONOUS, PHONEME_EVENTS, DONT_EXIT, UTF8, PHONEME_INPUT = 2, 1, 0x8000, 1, 0x100
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
    except ImportError as error:
        raise CorpusError('eSpeak NG speaks here, which is not installed: pip install "unitdisc[demo]"') from error
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
            raise CorpusError(f"eSpeak NG speaks at {rate} Hz and not at {ESPEAK_RATE}: install espeakng-loader again")
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # which starting it set to the time of day
        yield library
        library.espeak_Terminate()
    finally:
        UNLOAD(library._handle)


def speak(voice: str, text: str, manner: Manner, phonemes: bool = False) -> Speech:
    """What eSpeak says in a voice such as "en-us+m3", the same whatever was said before.

    phonemes: what stands between [[ and ]] in the text are names of phonemes.
    """
    pieces, heard = [], []

    @SynthCallback
    def receive(samples, count: int, events) -> int:
        if samples and count:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type:
            event = events[index]
            if event.type == PHONEME:
                heard.append((event.sample, event.text_position - 1, event.phoneme.decode()))
            index += 1
        return 0

    encoded = text.encode() + b"\0"
    flags = UTF8 | PHONEME_INPUT * phonemes
    with espeak() as library:
        library.espeak_SetSynthCallback(receive)
        if library.espeak_SetVoiceByName(voice.encode()):
            raise CorpusError(f"eSpeak NG has no voice {voice}: install espeakng-loader again")
        library.espeak_SetParameter(WORDS_PER_MINUTE, manner.rate, 0)
        library.espeak_SetParameter(PITCH, manner.pitch, 0)
        library.espeak_SetParameter(PITCH_RANGE, manner.range, 0)
        tones = tone_contours(library, encoded)
        library.espeak_Synth(encoded, len(encoded), 0, 1, 0, flags, None, None)
        library.espeak_Synchronize()
    return Speech(np.concatenate(pieces), heard, tones)


def tone_contours(library: ctypes.CDLL, text: bytes) -> list[str]:
    """The tones in eSpeak's transcription, which writes them as digits; its phoneme events leave them out."""
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    rest = ctypes.c_char_p(text)
    transcription = b""
    while rest.value:  # clause by clause
        transcription += library.espeak_TextToPhonemes(ctypes.byref(rest), UTF8, 0) + b" "
    return re.findall(r"\d{2,3}", transcription.decode())


def variant_settings(voice: str) -> dict[str, str]:
    """What the file of a voice variant states: {"gender": "male 30", "echo": "140 10", ...}."""
    path = Path(installed().get_data_path(), "voices", "!v", voice)
    if not path.is_file():
        raise CorpusError(f"{path}: no such voice: install espeakng-loader again")
    lines = (line.strip().partition(" ") for line in read_text(path, loose=True).split("\n"))
    return {key: value.strip() for key, _, value in lines if key and not key.startswith(("#", "/"))}
