"""The built-in corpus: exact boundaries, voices kept apart, the same bytes from the same seed."""

import runpy
import sys
import time
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import read_manifest
from unitdisc.media.audio import audio_info, read_audio
from unitdisc.prep.speech.espeak import ESPEAK_RATE, Manner, speak
from unitdisc.prep.speech.phonemes import LANGUAGES, TONES
from unitdisc.prep.speech.reading import is_silent, phones
from unitdisc.prep.speech.voices import TEST_VOICES, TRAIN_VOICES, voice_with_manner

pytest.importorskip("espeakng_loader", reason="eSpeak NG is not installed: pip install 'unitdisc[demo]'")

SCRIPT = Path(__file__).parent.parent / "data_prep" / "mini_speech.py"
MINUTES = {"train": 0.3, "test": 0.6}  # every test voice speaks
AS_OPTIONS = [part for split, minutes in MINUTES.items() for part in (f"--{split}-minutes", str(minutes))]
STOPS = ("K", "P", "T", "CH")


@pytest.fixture(scope="module")
def script() -> dict:
    return runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module", params=["en", "fr", "cmn"])
def corpus(request, script, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    script["main"]([str(folder), "--language", request.param, *AS_OPTIONS])
    return folder


@pytest.fixture(scope="module")
def english(script, tmp_path_factory) -> list[Utterance]:
    folder = tmp_path_factory.mktemp("english")
    script["main"]([str(folder), "--train-minutes", "0.8", "--test-minutes", "0.8", "--seed", "3"])
    return everything(folder)


def everything(folder: Path) -> list[Utterance]:
    return [utterance for split in ("train", "test") for utterance in read_manifest(folder / f"{split}.jsonl")]


def test_there_is_as_much_speech_as_asked_for(corpus):
    for split, minutes in MINUTES.items():
        ticks = [utterance.ticks for utterance in read_manifest(corpus / f"{split}.jsonl")]
        assert sum(ticks) >= minutes * 60 * 16000 > sum(ticks) - max(ticks)


def test_ticks_are_those_of_the_file(corpus):
    for utterance in everything(corpus):
        assert audio_info(utterance.path) == (utterance.ticks, utterance.rate) == (utterance.ticks, 16000)


def test_phones_and_words_leave_no_gap(corpus):
    for utterance in everything(corpus):
        for tier in ("phone", "word"):
            intervals = utterance.alignment[tier]
            assert (intervals[0].start, intervals[-1].end) == (0, utterance.ticks)
            assert all(one.end == two.start for one, two in pairwise(intervals))
            assert intervals[0].label == intervals[-1].label == "SIL"


def test_words_are_those_of_the_text_and_made_of_whole_phones(corpus):
    for utterance in everything(corpus):
        words = [interval for interval in utterance.alignment["word"] if interval.label != "SIL"]
        assert [word.label for word in words] == utterance.text.replace(",", "").split()
        edges = {(interval.start, interval.end) for interval in utterance.alignment["phone"]}
        starts, ends = {start for start, _ in edges}, {end for _, end in edges}
        assert all(word.start in starts and word.end in ends for word in words)


def test_no_test_voice_is_trained_on(corpus):
    train, test = ({u.speaker for u in read_manifest(corpus / f"{split}.jsonl")} for split in ("train", "test"))
    assert not train & test
    assert len(test) >= 10


def test_men_and_women_are_tested():
    voices = [voice_with_manner(name, 0) for name in TEST_VOICES.split()]
    genders = Counter(voice.gender for voice in voices)
    assert genders["f"] >= 4
    assert genders["m"] >= 4
    assert sum(genders.values()) == len(voices) >= 10


def test_there_are_forty_voices_and_more():
    names = TRAIN_VOICES.split() + TEST_VOICES.split()
    assert len(set(names)) == len(names) >= 40
    manners = {voice_with_manner(name, 0).manner for name in names}
    assert len(manners) > 40  # ways of speaking differ


def test_the_same_seed_gives_the_same_bytes(script, tmp_path):
    made = []
    for seed in ("5", "5", "6"):
        folder = tmp_path / str(len(made))
        script["main"]([str(folder), "--train-minutes", "0.1", "--test-minutes", "0.1", "--seed", seed])
        made.append({path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    assert made[0] == made[1]
    assert made[0] != made[2]


@pytest.mark.parametrize("voice", ["m3", "f2", "f5", "sandro", "Andrea"])  # plain, echoing, breathing
def test_what_was_said_before_changes_nothing(voice):
    def say(text: str) -> np.ndarray:
        return speak(f"en-us+{voice}", text, Manner(170, 50, 50)).wave

    first = say("a house by the sea")
    say("and now for something else")
    np.testing.assert_array_equal(say("a house by the sea"), first)


def test_the_time_of_day_changes_nothing():
    """eSpeak seeds its noise with the second it is started in."""
    said = []
    for pause in (1.1, 0):
        said.append(speak("en-us+f5", "see the sea", Manner(170, 50, 50)).wave)
        time.sleep(pause)
    np.testing.assert_array_equal(*said)


def test_stops_begin_with_their_closure(english):
    """Behind another phone, /p t k tʃ/ begin with silence and not with their burst."""
    closures = 0
    for utterance in english:
        wave = read_audio(utterance)
        for before, phone in pairwise(utterance.alignment["phone"]):
            if phone.label in STOPS and before.label not in ("SIL", *STOPS) and phone.end - phone.start > 800:
                inside = wave[phone.start + 80 : phone.start + 240]  # 5 to 15 ms
                assert np.abs(inside).max() < 0.02, (utterance.id, phone)
                closures += np.abs(wave[before.start : before.end]).max() > 0.05
    assert closures > 30


def test_labels_sound_like_what_they_say(english):
    """Vowels are loud, /s/ and /sh/ cross zero often, silence is quiet: at every boundary, not on average only."""
    right = defaultdict(list)
    for utterance in english:
        wave = read_audio(utterance)
        for phone in utterance.alignment["phone"]:
            piece = wave[phone.start : phone.end]
            crossings = np.mean(np.diff(np.signbit(piece)))
            if phone.label in ("S", "SH"):
                right["hiss"].append(crossings > 0.25)
            elif phone.label in ("AA", "AE", "AO", "AY", "EH", "EY", "OW", "AW"):
                right["vowel"].append(crossings < 0.25 and np.sqrt(np.mean(piece**2)) > 0.02)
            elif phone.label == "SIL":
                right["silence"].append(np.sqrt(np.mean(piece[800:-800] ** 2)) < 0.002 if len(piece) > 3000 else True)
    assert {kind: np.mean(values) > 0.97 for kind, values in right.items()} == dict.fromkeys(right, True)
    assert min(map(len, right.values())) > 20


def test_silence_is_found_under_an_echo():
    """Brute force: eSpeak's mixer, one sample after the other."""
    rng = np.random.default_rng(0)
    rate, delay, amplitude = ESPEAK_RATE, 20, 15
    shift = delay * rate // 1000
    speech = rng.integers(-9000, 9000, 4000)
    silent = np.zeros(4000, bool)
    for start in (1000, 2500):
        silent[start : start + 700] = True
    played = np.arange(4000) % 900 < 300  # consonants from recordings
    heard, fed = [], []
    for i in range(4000):
        echo = (fed[i - shift] if i >= shift else 0) * amplitude >> 8
        value = int(echo if silent[i] else speech[i] + echo)
        heard.append(value)
        fed.append(int(value * 3 / 4) if played[i] else value)
    found = is_silent(np.array(heard, np.int16), delay, amplitude)
    assert found[silent].all()
    assert found[~silent].mean() < 0.01


def test_closures_last_as_long_with_and_without_echo():
    """Pauses depend on rate and phones alone, so an echoing voice must have those of a dry one."""
    text, manner = "take the black book back to a quick cat", Manner(170, 50, 50)
    lengths = {}
    for voice in ("m3", "m2", "f2", "f4"):
        echo = voice_with_manner(voice, 0).echo
        speech = speak(f"en-us+{voice}", text, manner)
        bursts = {sample for sample, _, name in speech.phonemes if name.lstrip("',") in ("t", "k", "p")}
        heard = phones(speech, echo)
        lengths[voice] = [
            round(min(b - p.start for b in bursts if b >= p.start) / 22.05) for p in heard if p.name in ("t", "k", "p")
        ]
        assert (echo != (0, 0)) == (voice != "m3")
    assert len(lengths["m3"]) >= 6
    assert np.median(lengths["m3"]) > 30  # milliseconds
    for voice in lengths:
        np.testing.assert_allclose(lengths[voice], lengths["m3"], atol=1)


@pytest.mark.parametrize("language", ["en", "fr", "cmn"])
def test_every_word_is_said_in_known_phones(language):
    chosen = LANGUAGES[language]
    words = SCRIPT.with_suffix("").joinpath(f"{language}.txt").read_text().split()
    assert len(set(words)) == len(words) >= 300
    labels = set()
    for start in range(0, len(words), 6):
        speech = speak(chosen.voice, ", ".join(words[start : start + 6]), Manner(400, 50, 50))
        names = {phone.name for phone in phones(speech, (0, 0))} - {"(en)", "(fr)", "(cmn)"}
        labels |= {chosen.label(name) for name in names}
    assert labels == set(chosen.phones.values()) | {"SIL"}  # and every phone is said
    assert 34 <= len(labels - {"SIL"}) <= 58


def test_words_follow_zipf(script):
    rng, words = np.random.default_rng(0), [f"w{i}" for i in range(300)]
    counts = Counter(word.strip(",") for _ in range(2000) for word in script["draw_sentence"](rng, words))
    assert counts["w0"] > 3 * counts["w20"] > 6 * counts["w200"] > 0


def test_mandarin_has_its_tones_in_a_tier_of_their_own(script, tmp_path):
    script["main"]([str(tmp_path), "--language", "cmn", "--train-minutes", "0.3", "--test-minutes", "0.1"])
    tones = Counter()
    for utterance in everything(tmp_path):
        phones = set(utterance.alignment["phone"])
        characters = len(utterance.text.replace(",", "").replace(" ", ""))
        assert len(utterance.alignment["tone"]) == characters
        for start, end, tone in utterance.alignment["tone"]:
            tones[tone] += 1
            assert any(phone.start == start and phone.end == end for phone in phones)
        assert not any(character.isdigit() for phone in phones for character in phone.label)
    assert set(tones) == set("12345")


def test_a_known_tone_is_right():
    speech = speak("cmn", "妈妈 麻 马 骂", Manner(150, 50, 50))
    assert [TONES[tone] for tone in speech.tones] == ["1", "5", "2", "3", "4"]


def test_a_missing_espeak_is_said_in_a_line(script, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(CorpusError, match=r"pip install \"unitdisc\[demo\]\""):
        script["main"]([str(tmp_path)])
