"""How long recordings really are, and that any stretch of one is what a reading from its beginning gives."""

import io
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from unitdisc.corpus import Utterance
from unitdisc.corpus.kaldi.reading import read_kaldi
from unitdisc.corpus.validation.recordings import Listening, Recording, listen
from unitdisc.media.audio import audio_info, read_audio, read_stretch
from unitdisc.media.codecs import decoder, flac, mpeg, ogg
from unitdisc.media.codecs.spliced import Bytes, Spliced
from unitdisc.media.decoding import open_audio
from unitdisc.media.open import AudioError

RATE = 16_000
CONSTANT = {"bitrate_mode": "CONSTANT", "compression_level": 0.5}
LAST_BIT = 2**-23  # to which MP3 is exact: where decoding begins may decide in what order a decoder adds


def noise(ticks: int = 2 * RATE, seed: int = 0) -> np.ndarray:
    swell = 0.2 + np.sin(np.arange(ticks) / RATE * 4) ** 2
    return (0.1 * swell * np.random.default_rng(seed).standard_normal(ticks)).astype(np.float32)


def content(wave: np.ndarray, format: str, rate: int = RATE, channels: int = 1, **how) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.stack([wave] * channels, 1), rate, format=format, **how)
    return file.getvalue()


@cache
def mp3(ticks: int = 2 * RATE, seed: int = 0, **how) -> bytes:
    return content(noise(ticks, seed), "MP3", **how)


def frames_alone(whole: bytes) -> bytes:
    """An MP3 without the first frame, which holds nothing but its tag."""
    return whole[len(first_frame(whole)) :]


def first_frame(whole: bytes) -> bytes:
    """The frame of the tag that LAME writes, found without the walker: the next header is like its own."""
    following = whole.index(whole[:2], 4)
    return whole[:following]


@cache
def opus(ticks: int = 2 * RATE, seed: int = 0, **how) -> bytes:
    return content(noise(ticks, seed), "OGG", subtype="OPUS", **how)


@cache
def vorbis(ticks: int = 2 * RATE, seed: int = 0, **how) -> bytes:
    return content(noise(ticks, seed), "OGG", subtype="VORBIS", **how)


@cache
def lossless(ticks: int = 2 * RATE, seed: int = 0) -> bytes:
    return content(noise(ticks, seed), "FLAC")


MAKE = {"mp3": mp3, "ogg": vorbis, "opus": opus, "flac": lossless}


class Unsought(soundfile.SoundFile):
    """soundfile without the seeks that it makes after every read."""

    def seekable(self) -> bool:
        return False


def decoded(whole: bytes) -> np.ndarray:
    """All samples, in one reading by soundfile alone: [ticks]."""
    found = []
    with Unsought(io.BytesIO(whole)) as file, suppress(soundfile.SoundFileError):
        while len(block := file.read(576, dtype="float32")):
            found.append(block)
    return np.concatenate(found)


def all_frames(whole: bytes) -> np.ndarray:
    """All samples of an MP3 without a tag, which is made so long that no guess of its length can be too short."""
    return decoded(whole + bytes(4 * len(whole)))


def utterance(path: Path, ticks: int, start: int = 0, rate: int = RATE) -> Utterance:
    return Utterance("u", str(path), None, ticks, rate, start=start)


def refusal(path: Path) -> str:
    with pytest.raises(AudioError) as caught:
        audio_info(path)
    assert str(caught.value).startswith(f"{path}: ")
    return f"{caught.value.what}; {caught.value.cure}"


def check_stretches(path: Path, expected: np.ndarray, tolerance: float = 0) -> None:
    """Stretches here and there, each of a file just opened, and one after another; those near the end above all."""
    ticks = len(expected)
    firsts = [0, ticks // 3, ticks // 2, *range(ticks - 4000, ticks - 100, 1900), ticks - 1]
    stretches = [(first, min(first + 700, ticks)) for first in firsts]
    with open_audio(path) as file:
        assert file.frames == ticks
        at_once = [file.read(*stretch)[:, 0] for stretch in [*stretches, *reversed(stretches)]]
    for (first, last), wave in zip([*stretches, *reversed(stretches)], at_once):
        np.testing.assert_allclose(wave, expected[first:last], rtol=0, atol=tolerance)
    for first, last in stretches:
        wave = read_stretch(utterance(path, ticks), first, last, RATE)
        np.testing.assert_allclose(wave, expected[first:last], rtol=0, atol=tolerance)


FORMATS = {
    "Vorbis": lambda: vorbis(5 * RATE),
    "Vorbis of one page": lambda: vorbis(RATE // 2),
    "Opus": lambda: opus(6 * RATE),
    "MP3": lambda: mp3(6 * RATE),
    "MP3 of variable rate": lambda: mp3(6 * RATE, bitrate_mode="VARIABLE"),
    "MP3 without a tag": lambda: frames_alone(mp3(6 * RATE, **CONSTANT)),
    "FLAC": lossless,
    "WAV": lambda: content(noise(), "WAV", subtype="FLOAT"),
    "mu-law": lambda: content(noise(), "AU", subtype="ULAW"),
    "GSM in WAV": lambda: content(noise(), "WAV", subtype="GSM610"),
    "G.721": lambda: content(noise(), "AU", subtype="G721_32"),
    "ADPCM of IMA": lambda: content(noise(), "WAV", subtype="IMA_ADPCM"),
    "ADPCM of Microsoft": lambda: content(noise(), "WAV", subtype="MS_ADPCM"),
    "DWVW": lambda: content(noise(), "AIFF", subtype="DWVW_16"),
    "ALAC": None,  # soundfile writes it to files only
}


@pytest.mark.parametrize("format", [name for name, make in FORMATS.items() if make])
def test_a_stretch_is_what_a_reading_from_the_beginning_gives(tmp_path, format):
    whole = FORMATS[format]()
    path = tmp_path / "a"
    path.write_bytes(whole)
    expected = all_frames(whole) if format == "MP3 without a tag" else decoded(whole)
    check_stretches(path, expected, LAST_BIT if format.startswith("MP3") else 0)


def test_alac_is_sought_in(tmp_path):
    path = tmp_path / "a.caf"
    soundfile.write(path, noise(), RATE, format="CAF", subtype="ALAC_16")
    check_stretches(path, decoded(path.read_bytes()))


def test_few_frames_are_decoded_for_a_stretch_of_a_long_file(tmp_path, monkeypatch):
    read, original = [], decoder.Sequential.read

    def counted(self, count: int, *how, **more) -> np.ndarray:
        read.append(count)
        return original(self, count, *how, **more)

    monkeypatch.setattr(decoder.Sequential, "read", counted)
    walks, walk = [], mpeg.streams
    monkeypatch.setattr(mpeg, "streams", lambda file: [walks.append(file), walk(file)][1])
    for suffix, make, most in (("mp3", mp3, 64 * 576), ("ogg", vorbis, RATE), ("opus", opus, 2 * RATE)):
        path = tmp_path / f"a.{suffix}"
        path.write_bytes(make(10 * RATE))
        for start in (5 * RATE, 8 * RATE, 6 * RATE):
            read.clear()
            read_audio(utterance(path, 1000, start))
            assert sum(read) <= 1000 + most
    assert len(walks) == 1  # what was found out is remembered


# How many samples there are


def tag_like(kind: str) -> bytes:
    """What other programs put before or after MP3."""
    return {
        "nothing": b"",
        "ID3v1": b"TAG" + bytes(125),
        "ID3v2": b"ID3\x04\0\0\0\0\x02\0" + bytes(range(256)),
        "APE": b"APETAGEX" + struct.pack("<IIII", 2000, 3000, 1, 1 << 31) + bytes(8) + b"\xff\xfb\x90\x64" * 742,
        "rubbish": b"rubbish \xff\xe0" * 300,
        "zeros": bytes(5000),
    }[kind]


@pytest.mark.parametrize("before", ["nothing", "ID3v2", "zeros"])
@pytest.mark.parametrize("how", [CONSTANT, {"bitrate_mode": "VARIABLE"}], ids=["constant", "variable"])
def test_mp3_without_a_tag_is_counted(tmp_path, before, how):
    """The header of libsndfile guesses from the bytes of the file and the bits of the first frame."""
    whole = frames_alone(mp3(3 * RATE, **how))
    expected = all_frames(whole)
    assert len(expected) % 576 == 0
    assert 3 * RATE < len(expected) < 3 * RATE + 5 * 576
    for after in ("nothing", "ID3v1", "APE", "rubbish", "zeros"):
        path = tmp_path / f"{after}.mp3"
        path.write_bytes(tag_like(before) + whole + tag_like(after))
        assert audio_info(path) == (len(expected), RATE)
    check_stretches(path, expected, LAST_BIT)


def test_mp3_with_a_tag_is_as_long_as_the_tag_says(tmp_path):
    for number, how in enumerate(({}, CONSTANT, {"bitrate_mode": "VARIABLE"}, {"rate": 44_100})):
        whole = mp3(20_001, **how)
        path = tmp_path / f"{number}.mp3"
        for before, after in (("nothing", "nothing"), ("ID3v2", "APE"), ("ID3v2", "ID3v1")):
            path.write_bytes(tag_like(before) + whole + tag_like(after))
            assert audio_info(path).ticks == 20_001
            with open_audio(path) as file:
                np.testing.assert_array_equal(file.read(0, 20_001)[:, 0], decoded(whole))


def with_tag_of(whole: bytes, frames: int) -> bytes:
    """The same MP3 with another number of frames in its tag."""
    place = max(whole.find(b"Xing"), whole.find(b"Info")) + 8
    return whole[:place] + struct.pack(">I", frames) + whole[place + 4 :]


def test_a_tag_that_is_wrong_about_its_own_file_is_not_believed(tmp_path):
    whole = mp3(3 * RATE)
    there = len(all_frames(frames_alone(whole))) // 576
    lead = 576 + 529  # samples of LAME and of any decoder
    for promised in (there - 20, there - 1, there + 1, there + 50):
        (tmp_path / "a.mp3").write_bytes(with_tag_of(whole, promised))
        expected = all_frames(frames_alone(whole))[lead:]
        check_stretches(tmp_path / "a.mp3", expected, LAST_BIT)


def test_free_format_is_counted(tmp_path):
    """Frames of a bit rate that no header names, all of one length."""
    whole = bytearray(frames_alone(mp3(3 * RATE, **CONSTANT)))
    expected = all_frames(bytes(whole))
    length = len(whole) * 576 // len(expected)
    assert length * len(expected) == 576 * len(whole)
    for start in range(0, len(whole), length):
        assert whole[start : start + 2] == whole[:2]
        whole[start + 2] &= 0x0F
    (tmp_path / "a.mp3").write_bytes(whole + tag_like("ID3v1"))
    check_stretches(tmp_path / "a.mp3", expected, LAST_BIT)


def two(suffix: str) -> tuple[bytes, bytes]:
    """What is joined."""
    return MAKE[suffix](RATE), MAKE[suffix](2 * RATE, seed=1)


@pytest.mark.parametrize("suffix", MAKE)
def test_recordings_one_after_another_are_read_as_one(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"".join(two(suffix)))
    check_stretches(path, np.concatenate([decoded(part) for part in two(suffix)]), LAST_BIT)
    wave = read_audio(utterance(path, RATE, start=RATE // 2))  # over the border
    expected = [decoded(part) for part in two(suffix)]
    np.testing.assert_allclose(
        wave, np.concatenate([expected[0][RATE // 2 :], expected[1][: RATE // 2]]), atol=LAST_BIT
    )


def test_joined_mp3_may_have_tags_between(tmp_path):
    first, second = two("mp3")
    expected = np.concatenate([decoded(first), decoded(second)])
    for between in ("ID3v1", "ID3v2", "APE"):
        (tmp_path / "a.mp3").write_bytes(first + tag_like(between) + second)
        check_stretches(tmp_path / "a.mp3", expected, LAST_BIT)
    bare = frames_alone(first), frames_alone(second)
    for between in ("nothing", "ID3v1", "ID3v2", "APE"):
        (tmp_path / "a.mp3").write_bytes(bare[0] + tag_like(between) + bare[1])
        assert audio_info(tmp_path / "a.mp3").ticks == len(all_frames(b"".join(bare)))
    (tmp_path / "a.mp3").write_bytes(b"".join(bare))
    check_stretches(tmp_path / "a.mp3", all_frames(b"".join(bare)), LAST_BIT)


@pytest.mark.parametrize("suffix", ["ogg", "opus", "mp3"])
def test_recordings_one_after_another_that_differ_are_refused(tmp_path, suffix):
    make = {"ogg": vorbis, "opus": opus, "mp3": mp3}[suffix]
    path = tmp_path / f"a.{suffix}"
    for other, says in (
        ({"rate": 48_000}, r"48000 samples per second in 1 channel"),
        ({"channels": 2}, "16000 .* in 2 "),
    ):
        path.write_bytes(make(RATE) + make(RATE, **other))
        first = r"holds 2 recordings one after another that differ: 16000 samples per second in 1 channel\(s\), then "
        assert re.match(first + says, refusal(path))


def test_sound_beside_other_streams_is_found(tmp_path):
    """Pages of a picture's stream between those of the sound; two streams of sound are refused."""
    sound = vorbis()
    pages = pages_of(sound)
    picture = [
        page_of(b"\x80theora" + bytes(35), 2, 77, 0),
        page_of(bytes(900), 0, 77, 1),
        page_of(bytes(70), 4, 77, 2),
    ]
    path = tmp_path / "a.ogg"
    path.write_bytes(b"".join([picture[0], pages[0], *pages[1:3], picture[1], *pages[3:-1], picture[2], pages[-1]]))
    check_stretches(path, decoded(sound))
    other = pages_of(opus())
    path.write_bytes(b"".join([pages[0], other[0], *pages[1:], *other[1:]]))
    assert refusal(path).startswith("holds two streams of sound side by side (Vorbis and Opus); write each")


def pages_of(whole: bytes) -> list[bytes]:
    starts = [start for start in range(len(whole)) if whole[start : start + 5] == b"OggS\0"]
    return [whole[start:stop] for start, stop in pairwise([*starts, len(whole)])]


def page_of(packet: bytes, flags: int, serial: int, sequence: int) -> bytes:
    lengths = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    head = struct.pack("<4sBBqIII", b"OggS", 0, flags, 0, serial, sequence, 0) + bytes([len(lengths)]) + lengths
    return head[:22] + struct.pack("<I", slow_checksum(head + packet)) + head[26:] + packet


def slow_checksum(page: bytes) -> int:
    """As RFC 3533 has it, bit by bit."""
    rest = 0
    for byte in page:
        rest ^= byte << 24
        for _ in range(8):
            rest = (rest << 1 ^ (0x04C11DB7 if rest >> 31 else 0)) & 0xFFFFFFFF
    return rest


def test_the_checksum_of_a_page_is_that_of_the_format():
    for page in (b"", b"\0", b"OggS", bytes(range(256)), pages_of(vorbis())[0]):
        assert ogg.checksum(page) == slow_checksum(page)


def test_flac_of_unknown_length_is_counted_once(tmp_path, monkeypatch):
    whole = bytearray(content(noise(), "FLAC"))
    expected = decoded(bytes(whole))
    whole[21] &= 0xF0
    whole[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(whole)
    counts, count = [], decoder.Opened.count
    monkeypatch.setattr(decoder.Opened, "count", lambda self: [counts.append(1), count(self)][1])
    check_stretches(tmp_path / "a.flac", expected)
    assert len(counts) == 1
    (tmp_path / "a.flac").write_bytes(whole[: len(whole) // 2])  # another file, so another count
    assert audio_info(tmp_path / "a.flac").ticks < len(expected)
    assert len(counts) == 2


def test_flac_may_hold_more_than_its_header_says(tmp_path, monkeypatch):
    whole, path = two("flac")[1], tmp_path / "a.flac"
    path.write_bytes(whole * 2)  # parts of one length
    check_stretches(path, np.tile(decoded(whole), 2))
    monkeypatch.setattr(flac, "SMALL", 1000)  # as of large files, of which little is read
    for listed in (RATE, 2 * RATE):
        path.write_bytes(whole[:22] + struct.pack(">I", listed) + whole[26:] + b"TAG" + bytes(125))
        check_stretches(path, decoded(whole))
    path.write_bytes(b"".join(reversed(two("flac"))))
    check_stretches(path, np.concatenate([decoded(part) for part in reversed(two("flac"))]))


def test_flac_of_unknown_length_that_ends_within_a_frame_is_worth_a_warning(tmp_path):
    whole = bytearray(content(noise(), "FLAC"))
    whole[21:26] = bytes([whole[21] & 0xF0, 0, 0, 0, 0])
    for path, cut in ((tmp_path / "a.flac", False), (tmp_path / "b.flac", True)):
        path.write_bytes(whole[: len(whole) * 6 // 10] if cut else whole)
        with open_audio(path) as file:
            assert file.is_cut == cut


def test_flac_of_an_archive_ends_where_the_next_begins(tmp_path):
    first, second = two("flac")
    (tmp_path / "a.ark").write_bytes(b"a " + first + b"b " + second)
    assert audio_info(f"{tmp_path / 'a.ark'}:2") == (RATE, RATE)
    assert audio_info(f"{tmp_path / 'a.ark'}:{len(first) + 4}") == (2 * RATE, RATE)


@pytest.mark.parametrize("format", ["VOC", "AVR", "MPC2K", "MAT4", "MAT5", "WVE"])
def test_rarer_formats_that_are_cut_off(tmp_path, format):
    whole, path = content(noise(), format, subtype="ALAW" if format == "WVE" else "PCM_16"), tmp_path / "a"
    path.write_bytes(whole)
    assert audio_info(path).ticks == 2 * RATE
    path.write_bytes(whole[: len(whole) // 2])
    assert re.match(r"is truncated after sample 15\d\d\d; copy it again", refusal(path))


SIZES = {  # where a header has the bytes of its samples, and what it says if it does not know
    "WAV": (b"data", 4, "<I", (0, 0xFFFFFFFF, 0x7FFFF000)),
    "AU": (b".snd", 8, ">I", (0, 0xFFFFFFFF, 0x7FFFFFFF)),
    "AIFF": (b"SSND", 4, ">I", (0, 0xFFFFFFFF)),
    "CAF": (b"data", 4, ">q", (0, -1)),
    "RF64": (b"ds64", 16, "<q", (0, -1)),
}


@pytest.mark.parametrize("format", SIZES)
def test_headers_that_are_wrong_about_their_samples(tmp_path, format):
    path = tmp_path / "a"
    soundfile.write(path, noise(), RATE, format=format, subtype="PCM_16")
    whole, (name, offset, form, unknown) = path.read_bytes(), SIZES[format]
    expected, place = decoded(whole), whole.index(name) + offset

    def listing(size: int) -> bytes:
        listed = struct.pack(form, size)
        return whole[:place] + listed + whole[place + len(listed) :]

    for size in unknown:
        path.write_bytes(listing(size))
        check_stretches(path, expected)
    path.write_bytes(listing(1000))  # as if recording had been interrupted
    assert refusal(path).startswith("has a header that lists 1000 bytes of samples, though 64")
    path.write_bytes(whole[:-999])
    missing = 1011 if format == "CAF" else 999  # by libsndfile's count of the parts of CAF
    assert refusal(path).startswith(f"is truncated: its last {missing} bytes are missing; copy it again")


def test_other_parts_of_a_wav_may_follow_its_samples(tmp_path):
    path = tmp_path / "a.wav"
    whole = content(noise(), "WAV", subtype="PCM_16")
    path.write_bytes(whole + b"LIST" + struct.pack("<I", 20_000) + bytes(20_000))
    check_stretches(path, decoded(whole))
    start = whole.index(b"data")
    path.write_bytes(whole[: start + 4] + bytes(4) + b"LIST" + struct.pack("<I", 20_000) + bytes(20_000))
    assert refusal(path).startswith("holds no samples")


def test_sphere_that_is_cut_off(tmp_path):
    path = tmp_path / "a.sph"
    soundfile.write(path, noise(), RATE, format="NIST", subtype="PCM_16")
    check_stretches(path, decoded(path.read_bytes()))
    path.write_bytes(path.read_bytes()[:-1000])
    assert refusal(path).startswith("is truncated: its last 1000 bytes are missing")


# What is damaged


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda whole: whole[: len(whole) * 6 // 10],
    "gap": lambda whole: whole[: len(whole) // 2] + bytes(2000) + whole[len(whole) // 2 + 2000 :],
    "hurt": lambda whole: (
        whole[: len(whole) // 2] + np.random.default_rng(0).bytes(400) + whole[len(whole) // 2 + 400 :]
    ),
    "lost": lambda whole: whole[: len(whole) // 2] + whole[len(whole) // 2 + 5000 :],
}
SAYS = {
    "ogg": r"is (?:truncated|truncated or damaged|damaged) after sample (\d+): ",
    "opus": r"is (?:truncated|truncated or damaged|damaged) after sample (\d+): ",
    "mp3": r"is (?:truncated|damaged) after sample (\d+): ",
    "flac": r"can be decoded up to sample (\d+), though its header promises 160000",
}


@pytest.mark.parametrize("suffix", MAKE)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_by_all_in_the_same_words(tmp_path, suffix, damage):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(DAMAGES[damage](MAKE[suffix](10 * RATE)))
    listed = utterance(path, 10 * RATE)
    with pytest.raises(AudioError) as caught:
        read_audio(listed)
    says = re.match(SAYS[suffix], caught.value.what)
    assert says
    good = int(says[1])
    assert 0 < good < 10 * RATE
    assert "copy it again" in caught.value.cure
    heard = listen(Recording(str(path), lambda info, channels: [listed]), Listening())
    assert [(fault.severity, fault.what) for fault in heard.faults] == [("error", caught.value.what)]
    if suffix != "flac" or damage == "cut":  # only decoding finds what is in the middle of FLAC
        glance = listen(Recording(str(path), lambda info, channels: [listed]), Listening(thorough=False))
        assert glance.faults == heard.faults


def test_a_stream_of_ogg_that_ends_with_a_whole_page_is_cut_off_all_the_same(tmp_path):
    for suffix in ("ogg", "opus"):
        pages, path = pages_of(MAKE[suffix](10 * RATE)), tmp_path / f"a.{suffix}"
        for part in (pages[:-1], pages[:-2]):
            path.write_bytes(b"".join(part))
            there = len(decoded(path.read_bytes()))
            assert refusal(path).startswith(f"is truncated after sample {there}: its Ogg stream has no last page; copy")
        path.write_bytes(b"".join([*pages[:3], *pages[4:]]))
        assert "pages are missing" in refusal(path)
        path.write_bytes(b"".join([*pages[:3], b"something else", *pages[3:]]))
        assert re.search(r"is damaged after sample \d+: bytes \d+ to \d+ are no whole Ogg page", refusal(path))


def test_the_samples_before_the_end_of_cut_flac_are_read(tmp_path):
    whole = MAKE["flac"](10 * RATE)
    (tmp_path / "a.flac").write_bytes(whole[: len(whole) // 2])
    expected = decoded(whole)
    for start, ticks in ((0, RATE), (3 * RATE, 100)):
        wave = read_audio(utterance(tmp_path / "a.flac", ticks, start))
        np.testing.assert_array_equal(wave, expected[start : start + ticks])


def test_an_mp3_that_is_cut_within_its_last_frame_is_worth_a_warning(tmp_path):
    path, whole = tmp_path / "a.mp3", frames_alone(mp3(RATE))
    path.write_bytes(whole[:-20])
    ticks = audio_info(path).ticks
    heard = listen(Recording(str(path), lambda info, channels: [utterance(path, ticks)]), Listening())
    says = f"is cut off within a frame after its last sample, {ticks}"
    assert [(fault.severity, fault.what) for fault in heard.faults] == [("warning", says)]


# What the rest of the chain makes of it


def test_a_list_that_leaves_out_most_of_a_file_is_worth_a_warning(tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(frames_alone(mp3(4 * RATE)))
    all = audio_info(path).ticks

    def faults(*utterances: Utterance) -> list[str]:
        heard = listen(Recording(str(path), lambda info, channels: utterances), Listening(resample=True))
        return [f"{fault.severity}: {fault.what}" for fault in heard.faults]

    says = f"u is listed as its first 2.00 s, but it lasts {all / RATE:.2f} s: the rest is not used"
    assert faults(utterance(path, 2 * RATE)) == [f"warning: {says}"]
    assert faults(utterance(path, 2 * 8000, rate=8000)) == [f"warning: {says}"]
    assert faults(utterance(path, all)) == faults(utterance(path, all - RATE // 2)) == []
    assert faults(utterance(path, RATE), utterance(path, RATE, start=RATE)) == faults(utterance(path, RATE, 9)) == []


def test_tables_without_lengths_get_the_true_ones(tmp_path):
    for name, whole in (("a.mp3", frames_alone(mp3(3 * RATE))), ("b.ogg", b"".join(two("ogg")))):
        (tmp_path / name).write_bytes(whole)
    (tmp_path / "wav.scp").write_text(f"a {tmp_path / 'a.mp3'}\nb {tmp_path / 'b.ogg'}\n")
    a, b = read_kaldi(tmp_path)
    assert a.ticks == len(all_frames((tmp_path / "a.mp3").read_bytes()))
    assert b.ticks == 3 * RATE
    assert len(read_audio(a)) == a.ticks


def test_pipes_and_archives_are_decoded_alike(tmp_path):
    whole = b"".join(two("mp3"))
    (tmp_path / "a.mp3").write_bytes(whole)
    wave = read_audio(Utterance("u", f"cat {tmp_path / 'a.mp3'} |", None, 3 * RATE, RATE), allow_pipes=True)
    np.testing.assert_array_equal(wave, np.concatenate([decoded(part) for part in two("mp3")]))


def test_nothing_is_printed_without_a_name(tmp_path):
    """libmpg123 prints what it makes of a header; of what it makes of this one, all can be decoded."""
    path = tmp_path / "a.mp3"
    path.write_bytes(b"".join(two("mp3")))
    script = (
        "import ctypes, sys, threading\n"
        "from unitdisc.media.decoding import open_audio\n"
        "def read():\n"
        "    with open_audio(sys.argv[1]) as file:\n"
        "        for first in (0, file.frames // 2): file.read(first, file.frames)\n"
        "threads = [threading.Thread(target=read) for _ in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "print('of Python', file=sys.stderr)\n"
        "for thread in threads: thread.join()\n"
        "ctypes.CDLL(None).perror(b'of C')\n"
    )
    loud = subprocess.run(
        [sys.executable, "-c", f"import soundfile; soundfile.read({str(path)!r})"], capture_output=True, text=True
    )
    assert "Xing stream size" in loud.stderr  # or this would test nothing
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["of Python", "of C"]


def test_files_that_are_put_together_are_read_as_files_are():
    base = bytes(range(256)) * 40
    pieces = [(10, 300), b"between", 5, (0, 7), (9_000, 10_240)]
    expected = base[10:300] + b"between" + bytes(5) + base[:7] + base[9_000:]
    file = Spliced(io.BytesIO(base), pieces)
    assert file.read() == expected
    for start in range(0, len(expected), 37):
        file.seek(start)
        assert file.read(100) == expected[start : start + 100]
    assert file.seek(-3, io.SEEK_END) == len(expected) - 3


def test_bytes_are_found_wherever_a_block_ends(monkeypatch):
    monkeypatch.setattr("unitdisc.media.codecs.spliced.AT_ONCE", 8)
    content = b"....OggS" * 5 + b"x" * 9 + b"OggS"
    file, found, position = Bytes(io.BytesIO(content)), [], -1
    while (position := file.find(b"OggS", position + 1)) >= 0:
        found.append(position)
    assert found == [*range(4, 40, 8), 49]
    assert file.at(3, 6) == content[3:9]
