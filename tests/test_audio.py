"""Recordings in and out."""

import pickle

import kaldiio
import numpy as np
import pytest
import soundfile

from unitdisc.corpus import Utterance
from unitdisc.media.audio import audio_info, inverse_mulaw, mulaw, read_audio, write_audio
from unitdisc.media.open import AudioError

RATE = 16000
LOSSLESS = ["wav", "flac", "aiff", "w64", "caf"]


def noise(ticks: int = RATE, seed: int = 0) -> np.ndarray:
    """Steps of 16 bits, so that lossless formats can hold them."""
    levels = np.random.default_rng(seed).integers(-(2**15), 2**15, ticks)
    return (levels / 2**15).astype(np.float32)


def utterance(path, ticks: int = RATE, **changes) -> Utterance:
    return Utterance(**{"id": "u", "path": str(path), "speaker": None, "ticks": ticks, "rate": RATE} | changes)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_formats_come_back_exactly(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, noise(), RATE, subtype="PCM_16")
    assert audio_info(path) == (RATE, RATE)
    wave = read_audio(utterance(path))
    assert wave.dtype == np.float32
    np.testing.assert_array_equal(wave, noise())


@pytest.mark.parametrize("suffix", ["ogg", "mp3", "opus"])
def test_lossy_formats_are_read(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    tone = np.sin(np.arange(48000) * 2 * np.pi * 440 / 48000) / 2
    soundfile.write(path, tone, 48000, **({"format": "OGG", "subtype": "OPUS"} if suffix == "opus" else {}))
    wave = read_audio(utterance(path, audio_info(path).ticks, rate=48000))
    assert np.abs(wave[8000:40000]).max() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_only_the_part_of_the_utterance_is_read(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, noise(), RATE, subtype="PCM_16")
    np.testing.assert_array_equal(read_audio(utterance(path, 500, start=1234)), noise()[1234:1734])
    np.testing.assert_array_equal(read_audio(utterance(path, 500, start=RATE - 500)), noise()[-500:])


def test_channels_are_averaged(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([noise(), noise(seed=1)], axis=1), RATE)
    expected = (noise() + noise(seed=1)) / 2
    np.testing.assert_allclose(read_audio(utterance(tmp_path / "a.wav")), expected, atol=1e-7)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".WAV"])
def test_what_is_written_is_read_back(tmp_path, suffix):
    path = tmp_path / "new" / f"a{suffix}"
    write_audio(path, noise(), RATE)
    assert soundfile.info(path).subtype == "PCM_16"
    np.testing.assert_array_equal(read_audio(utterance(path)), noise())
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_writing_clips_what_is_too_loud(tmp_path):
    write_audio(tmp_path / "a.wav", np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), RATE)
    wave = read_audio(utterance(tmp_path / "a.wav", 5))
    np.testing.assert_allclose(wave, [-1, -1, 0, 1, 1], atol=2**-15)


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    write_audio(tmp_path / "a.wav", noise(), RATE)
    with pytest.raises(AudioError, match=r"a.wav: NaN or infinity cannot be written"):
        write_audio(tmp_path / "a.wav", np.array([0.0, np.nan]), RATE)
    with pytest.raises(AudioError, match=r"a.mp3: cannot write .mp3; use one of \['.flac', '.wav'\]"):
        write_audio(tmp_path / "a.mp3", noise(), RATE)
    np.testing.assert_array_equal(read_audio(utterance(tmp_path / "a.wav")), noise())


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def broken(folder, fault: str):
    """A file with one fault."""
    path = folder / f"{fault}.{'flac' if fault.endswith('flac') else 'wav'}"
    wave = noise()
    if fault == "nan":
        wave[5000] = np.nan
    if fault == "infinite":
        wave[RATE - 1] = np.inf
    if fault == "silent":
        wave[:] = 0
    if fault == "nearly silent":
        wave = 0.3 + wave * 9e-5  # whatever the mean is
    if fault == "no samples":
        wave = wave[:0]
    soundfile.write(path, wave, RATE, subtype="FLOAT" if fault in ("nan", "infinite", "nearly silent") else "PCM_16")
    if fault.startswith("truncated"):
        cut(path)
    if fault == "text":
        path.write_text("this is no recording")
    if fault == "empty":
        path.write_bytes(b"")
    if fault == "missing":
        path.unlink()
    if fault == "folder":
        path.unlink()
        path.mkdir()
    return path


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("missing", "no such file; correct the path"),
        ("folder", "is not a file; correct the path"),
        ("empty", r"is empty \(0 bytes\); copy it again"),
        ("text", r"cannot be read \(Format not recognised\); copy it again"),
        ("truncated", "is truncated: its last 16022 bytes are missing; copy it again"),
        ("truncated flac", r"can be decoded up to sample \d+, though its header promises 16000; copy it again"),
        ("no samples", "holds no samples; record it again"),
        ("silent", "u is silent; take it off the list"),
        ("nearly silent", "u is silent; take it off the list"),
        ("nan", r"u holds NaN or infinity \(1 samples\); convert the original again"),
        ("infinite", r"u holds NaN or infinity \(1 samples\); convert the original again"),
    ],
)
def test_an_error_names_the_file_and_the_cure(tmp_path, fault, says):
    path = broken(tmp_path, fault)
    with pytest.raises(AudioError, match=f"{path}: {says}") as caught:
        read_audio(utterance(path))
    assert caught.value.file == str(path)
    assert str(caught.value) == f"{path}: {caught.value.what}; {caught.value.cure}"


def test_a_line_image_that_is_listed_as_a_recording_lacks_its_height(tmp_path):
    path = tmp_path / "line.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(80))
    with pytest.raises(AudioError, match="if it is a line of handwriting, add its height in pixels to the list"):
        read_audio(utterance(path))


@pytest.mark.parametrize("fault", ["missing", "folder", "empty", "text", "truncated", "no samples"])
def test_the_header_tells_as_much_as_it_can(tmp_path, fault):
    path = broken(tmp_path, fault)
    with pytest.raises(AudioError, match=str(path)):
        audio_info(path)


@pytest.mark.parametrize("suffix", ["ogg", "mp3"])
def test_a_recording_shorter_than_listed_is_an_error(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, noise(10 * RATE), RATE)
    with pytest.raises(AudioError, match="ends at sample 160000, but u is listed up to 160001; copy it again"):
        read_audio(utterance(path, 10 * RATE + 1))
    cut(path)
    with pytest.raises(AudioError, match=r"is truncated (or damaged )?after sample \d+: .*; copy it again"):
        read_audio(utterance(path, 10 * RATE))


def test_an_utterance_past_the_end_is_an_error(tmp_path):
    write_audio(tmp_path / "a.wav", noise(), RATE)
    with pytest.raises(AudioError, match="ends at sample 16000, but u is listed up to 16001"):
        read_audio(utterance(tmp_path / "a.wav", RATE, start=1))
    with pytest.raises(AudioError, match="ends at sample 16000, but u is listed up to 32100"):
        read_audio(utterance(tmp_path / "a.wav", 100, start=2 * RATE))
    with pytest.raises(AudioError, match=r"u is empty \(0 samples\)"):
        read_audio(utterance(tmp_path / "a.wav", 0))


def test_errors_travel_between_processes(tmp_path):
    with pytest.raises(AudioError) as caught:
        audio_info(tmp_path / "nothing.wav")
    travelled = pickle.loads(pickle.dumps(caught.value))
    assert (str(travelled), travelled.cure) == (str(caught.value), caught.value.cure)


def test_another_rate_is_an_error(tmp_path):
    write_audio(tmp_path / "a.wav", noise(8000), 8000)
    with pytest.raises(AudioError, match="has 8000 samples per second, but u is listed with 16000; resample it"):
        read_audio(utterance(tmp_path / "a.wav"))
    with pytest.raises(AudioError, match="has 8000 samples per second, but must have 16000; resample it"):
        read_audio(utterance(tmp_path / "a.wav", 8000, rate=8000), rate=16000)
    with pytest.raises(AudioError, match="must have 16000"):
        read_audio(utterance(tmp_path / "a.wav", 8000, rate=None), rate=16000)


@pytest.mark.parametrize("listed", [8000, None])
@pytest.mark.parametrize("target", [16000, 11025, 8000])
def test_resampling_keeps_the_seconds(tmp_path, listed, target):
    tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000) / 2
    write_audio(tmp_path / "a.wav", tone, 8000)
    part = utterance(tmp_path / "a.wav", 4000, rate=listed, start=2000)
    wave = read_audio(part, rate=target, resample=True)
    expected = np.sin(2 * np.pi * 440 * (0.25 + np.arange(target // 2) / target)) / 2
    assert wave.dtype == np.float32
    assert wave.shape == expected.shape
    np.testing.assert_allclose(wave[200:-200], expected[200:-200], atol=0.005)


def test_an_utterance_counted_at_another_rate_is_the_same_stretch(tmp_path):
    write_audio(tmp_path / "a.wav", noise(8000), 8000)
    counted = {8000: utterance(tmp_path / "a.wav", 4000, rate=8000, start=2000)}
    counted[16000] = utterance(tmp_path / "a.wav", 8000, rate=16000, start=4000)
    waves = [read_audio(part, rate=16000, resample=True) for part in counted.values()]
    np.testing.assert_array_equal(*waves)


def save_archive(folder, **options) -> dict[str, str]:
    """Two recordings in an archive: id -> path."""
    levels = {"a": noise(), "b": noise(RATE, seed=1)}
    entries = {id: (wave * 2**15).astype(np.int16) for id, wave in levels.items()}
    pairs = {id: (RATE, wave) if not options else (wave, RATE) for id, wave in entries.items()}
    kaldiio.save_ark(str(folder / "x.ark"), pairs, scp=str(folder / "x.scp"), **options)
    return dict(line.split() for line in (folder / "x.scp").read_text().splitlines())


@pytest.mark.parametrize("options", [{}, {"write_function": "soundfile"}], ids=["wav", "audio"])
def test_archives_are_read_like_files(tmp_path, options):
    for seed, path in enumerate(save_archive(tmp_path, **options).values()):
        assert audio_info(path) == (RATE, RATE)
        np.testing.assert_array_equal(read_audio(utterance(path)), noise(seed=seed))
        np.testing.assert_array_equal(read_audio(utterance(path, 100, start=900)), noise(seed=seed)[900:1000])


def test_a_truncated_archive_is_an_error(tmp_path):
    first, last = save_archive(tmp_path).values()
    archive = tmp_path / "x.ark"
    archive.write_bytes(archive.read_bytes()[:-1000])
    assert audio_info(first) == (RATE, RATE)
    with pytest.raises(AudioError, match="is truncated: its last 1000 bytes are missing"):
        read_audio(utterance(last))


def test_archives_of_anything_else_are_not_opened(tmp_path):
    kaldiio.save_ark(str(tmp_path / "m.ark"), {"a": np.ones((3, 4), np.float32)})
    with pytest.raises(AudioError, match=r"m.ark:2: no recording starts there; point to a WAV or FLAC"):
        audio_info(f"{tmp_path / 'm.ark'}:2")
    kaldiio.save_ark(str(tmp_path / "p.ark"), {"a": np.ones(3)}, write_function="pickle")
    with pytest.raises(AudioError, match="no recording starts there"):  # nothing was unpickled
        audio_info(f"{tmp_path / 'p.ark'}:2")
    with pytest.raises(AudioError, match=r"nothing.ark: no such file"):
        audio_info(f"{tmp_path / 'nothing.ark'}:2")


def test_a_file_may_be_called_like_an_archive_entry(tmp_path):
    soundfile.write(tmp_path / "a:12", noise(), RATE, format="WAV")
    assert audio_info(tmp_path / "a:12") == (RATE, RATE)


def test_pipes_run_only_if_allowed(tmp_path):
    write_audio(tmp_path / "a.flac", noise(), RATE)
    pipe = f"touch {tmp_path / 'ran'}; cat {tmp_path / 'a.flac'} |"
    with pytest.raises(AudioError, match="is a pipe, which runs a command on this computer; if you trust"):
        read_audio(utterance(pipe))
    assert not (tmp_path / "ran").exists()
    np.testing.assert_array_equal(read_audio(utterance(pipe), allow_pipes=True), noise())
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("command", "says"),
    [("echo no such codec >&2; exit 3", r"fails with exit status 3 \(no such codec\)"), ("true", "writes nothing")],
)
def test_a_pipe_that_fails_says_why(command, says):
    with pytest.raises(AudioError, match=f"{says}.*; run the command by hand"):
        read_audio(utterance(f"{command} |"), allow_pipes=True)


@pytest.mark.parametrize("claimed", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_headers_of_pipes_may_not_know_the_length(tmp_path, claimed):
    soundfile.write(tmp_path / "a.wav", noise(), RATE, subtype="PCM_16")
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[40:44] = claimed.to_bytes(4, "little")  # what sox and ffmpeg write when they cannot go back
    (tmp_path / "a.wav").write_bytes(content)
    np.testing.assert_array_equal(read_audio(utterance(f"cat {tmp_path / 'a.wav'} |"), allow_pipes=True), noise())


def test_mulaw_is_that_of_the_formula():
    for sample in np.linspace(-1, 1, 1001):
        companded = np.sign(sample) * np.log(1 + 255 * abs(sample)) / np.log(256)
        assert mulaw(np.array([sample]))[0] == int(np.floor((companded + 1) / 2 * 255 + 0.5))


@pytest.mark.parametrize("levels", [16, 256, 1024])
def test_every_level_of_mulaw_comes_back(levels):
    codes = np.arange(levels)
    wave = inverse_mulaw(codes, levels)
    assert wave.dtype == np.float32
    np.testing.assert_array_equal(mulaw(wave, levels), codes)
    assert (wave[0], wave[-1]) == (-1, 1)


def test_mulaw_is_finer_where_it_is_quiet():
    wave = np.linspace(-1.2, 1.2, 5001)
    codes = mulaw(wave)
    assert (codes.dtype, codes.min(), codes.max()) == (np.int64, 0, 255)
    error = np.abs(inverse_mulaw(codes) - np.clip(wave, -1, 1))
    assert error[np.abs(wave) < 0.01].max() < 5e-4
    assert error.max() < 0.025


def test_real_recordings_are_read(real_data):
    paths = sorted((real_data / "so762_dev" / "audio").rglob("*.flac"))[:20]
    for path in paths:
        ticks, rate = audio_info(path)
        wave = read_audio(utterance(path, ticks, rate=rate))
        np.testing.assert_array_equal(wave, soundfile.read(path, dtype="float32")[0])
