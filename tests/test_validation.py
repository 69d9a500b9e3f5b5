"""Validation finds everything that is wrong with a corpus, at once."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from checks import checked_recordings

from unitdisc.corpus import CorpusError, Interval, Utterance, at_rate
from unitdisc.corpus.kaldi import read_kaldi, write_kaldi
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.corpus.validation.recordings import Listening
from unitdisc.corpus.validation.report import validate
from unitdisc.media.audio import read_audio, write_audio

RATE = 16000


def noise(ticks: int = RATE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, ticks)


@pytest.fixture
def utterances(tmp_path) -> list[Utterance]:
    """Three good utterances by two speakers."""
    good = []
    for index, id in enumerate(["s1-a", "s1-b", "s2-c"]):
        path = tmp_path / "wav" / f"{id}.flac"
        write_audio(path, noise(seed=index), RATE)
        tiers = {"phone": [Interval(0, 800, "a"), Interval(800, RATE, "b")]}
        gender = {"s1": "f", "s2": "m"}[id[:2]]
        good.append(Utterance(id, str(path), id[:2], RATE, RATE, 0, gender, f"word {id}", tiers))
    return good


@pytest.fixture
def manifest(tmp_path, utterances) -> Path:
    write_manifest(tmp_path / "corpus.jsonl", utterances)
    return tmp_path / "corpus.jsonl"


@pytest.fixture
def folder(tmp_path, utterances) -> Path:
    write_kaldi(tmp_path / "data", utterances)
    return tmp_path / "data"


@pytest.fixture
def segmented(tmp_path, utterances) -> Path:
    """A directory with segments: two in the first recording, one in the second."""
    parts = [
        Utterance("s1-a1", utterances[0].path, "s1", 4000, RATE, 0, "f"),
        Utterance("s1-a2", utterances[0].path, "s1", 4000, RATE, 8000, "f"),
        Utterance("s2-c", utterances[2].path, "s2", 4000, RATE, 8000, "m"),
    ]
    write_kaldi(tmp_path / "segmented", parts)
    return tmp_path / "segmented"


def said(problems) -> list[str]:
    """Every problem, the folders and cures left out."""
    return [f"{problem.severity} {Path(problem.file).name}:{problem.line} {problem.what}" for problem in problems]


def test_a_good_corpus_has_no_problems(manifest, folder, segmented):
    assert validate(manifest) == validate(folder) == validate(segmented) == []
    assert validate(manifest, rate=RATE) == []


def test_real_corpora_have_no_problems(tmp_path, real_data):
    paths = sorted((real_data / "so762_dev" / "audio" / "so0036").glob("*.flac"))
    utterances = [Utterance(path.stem, str(path), "so0036", *soundfile_info(path)) for path in paths]
    write_manifest(tmp_path / "real.jsonl", utterances)
    assert validate(tmp_path / "real.jsonl") == []


def soundfile_info(path: Path) -> tuple[int, int]:
    info = soundfile.info(path)
    return info.frames, info.samplerate


def edit(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in changes:
        assert text.count(old) >= 1, (old, text)
        text = text.replace(old, new, 1)
    path.write_text(text)


def swapped(path: Path) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[1], lines[0], *lines[2:]]))


def appended(text: str):
    return lambda path: path.write_text(path.read_text() + text)


def replaced(*changes: tuple[str, str]):
    return lambda path: edit(path, *changes)


def written(text: str):
    return lambda path: path.write_text(text)


TABLE_FAULTS = {  # file, what is done to it, what is said
    "missing wav.scp": ("wav.scp", written(""), "error wav.scp:None is empty"),
    "missing utt2spk": ("utt2spk", Path.unlink, "error utt2spk:None is missing"),
    "missing spk2utt": ("spk2utt", Path.unlink, "error spk2utt:None is missing"),
    "empty segments": ("segments", written(""), "error segments:None is empty"),
    "empty spk2utt": ("spk2utt", written(""), "error spk2utt:None is empty"),
    "unsorted": ("wav.scp", swapped, "error wav.scp:2 's1-a' comes after 's1-b' (1 such places in the file)"),
    "unsorted text": ("text", swapped, "error text:2 's1-a' comes after 's1-b' (1 such places in the file)"),
    "duplicate": ("utt2spk", appended("s2-c s2\n"), "error utt2spk:4 's2-c' is already on line 3"),
    "no speaker": (
        "utt2spk",
        replaced(("s1-b s1\n", "")),
        "error utt2spk:None lacks the utterance 's1-b' of wav.scp:2",
    ),
    "unknown": ("utt2spk", appended("s3-d s3\n"), "error utt2spk:4 wav.scp has no utterance 's3-d'"),
    "no text": ("text", replaced(("s2-c word s2-c\n", "")), "error text:None lacks the utterance 's2-c' of wav.scp:3"),
    "no gender": ("spk2gender", replaced(("s2 m\n", "")), "error spk2gender:None lacks the speaker 's2' of utt2spk:3"),
    "unknown speaker": ("spk2gender", appended("s3 f\n"), "error spk2gender:3 utt2spk has no speaker 's3'"),
    "gender": ("spk2gender", replaced(("s1 f", "s1 female")), "error spk2gender:1 's1' is followed by 'female'"),
    "spk2utt": (
        "spk2utt",
        replaced(("s1-a s1-b", "s1-b s1-a")),
        "error spk2utt:1 the utterances of 's1' are not those of utt2spk, in order",
    ),
    "fields": ("utt2spk", replaced(("s1-a s1", "s1-a s1 x")), "error utt2spk:1 's1-a' is followed by 's1 x'"),
    "no path": ("wav.scp", appended("s3-d\n"), "error wav.scp:4 's3-d' is followed by ''"),
    "tilde": ("wav.scp", replaced(("s1-a /", "s1-a ~/")), "error wav.scp:1 's1-a' is followed by '~/"),
    "last line": ("text", appended("z"), "error text:4 the last line has no end"),
    "windows": ("text", replaced(("word s1-b\n", "word s1-b\r\n")), "error text:2 has a carriage return"),
    "odd space": ("text", replaced(("word s1-b", "word\u3000s1-b")), r"error text:2 has the white space '\u3000'"),
    "blank": ("text", replaced(("s1-b word s1-b", "")), "error text:2 is blank"),
    "illegal word": ("text", replaced(("word s1-b", "<s> word")), "error text:2 's1-b' is followed by '<s> word'"),
    "slash": ("wav.scp", appended("s3/d x.wav\n"), "error wav.scp:4 's3/d' cannot name a file"),
    "pipe": ("wav.scp", appended("s3-d false |\n"), "error wav.scp:4 's3-d' is a pipe, which runs a command"),
    "utt2dur": ("utt2dur", written("s1-a 1.5\ns1-b 0.0\ns2-c 1\n"), "error utt2dur:2 's1-b' is followed by '0.0'"),
    "frames": ("utt2num_frames", written("s1-a 9\ns1-b 9\ns2-c 1.5\n"), "error utt2num_frames:3 's2-c' is followed"),
    "warp": ("spk2warp", written("s1 1.49\ns2 1.5\n"), "error spk2warp:2 's2' is followed by '1.5'"),
    "feats": ("feats.scp", written("s1-a x:1\ns1-b x:2\n"), "error feats.scp:None lacks the utterance 's2-c'"),
    "one speaker": ("utt2spk", written("s1-a s\ns1-b s\ns2-c s\n"), "warning utt2spk:None there is only one speaker"),
    "prefix": (
        "utt2spk",
        replaced(("s1-b s1", "s1-b x")),
        "warning utt2spk:2 's1-b' does not begin with its speaker 'x'",
    ),
    "speaker order": (
        "utt2spk",
        written("s1-a s1-a\ns1-b s1\ns2-c s2\n"),
        "warning utt2spk:2 the speaker 's1' sorts before 's1-a', but 's1-b' after 's1-a'",
    ),
    "ctm": ("phone.ctm", appended("s2-c 1 0.5 x\n"), "error phone.ctm:7 has 4 fields, not 5 or 6"),
    "ctm unknown": (
        "phone.ctm",
        appended("s9 1 0 1 x\n"),
        "warning phone.ctm:7 there is no utterance 's9' (1 such ids)",
    ),
    "ctm overlap": (
        "phone.ctm",
        appended("s2-c 1 0.5 0.1 x\n"),
        "error phone.ctm:7 starts at 0.5 s, before line 6 ends",
    ),
    "ctm past end": (
        "phone.ctm",
        appended("s2-c 1 1 0.1 x\n"),
        "error phone.ctm:7 ends at 1.1 s, but 's2-c' has only 1 s",
    ),
    "audio": ("wav.scp", replaced(("s1-b.flac", "s1-x.flac")), "error wav.scp:2 "),
}


@pytest.mark.parametrize("fault", TABLE_FAULTS)
def test_a_fault_of_a_table_is_found(folder, fault):
    name, change, what = TABLE_FAULTS[fault]
    change(folder / name)
    assert any(line.startswith(what) for line in said(validate(folder))), said(validate(folder))


def test_a_table_that_is_not_utf8_is_found(folder):
    (folder / "text").write_bytes((folder / "text").read_bytes().replace(b"word s1-b", b"caf\xe9"))
    assert said(validate(folder)) == ["error text:2 is not UTF-8 (byte 0xe9)"]


SEGMENT_FAULTS = {
    "fields": (replaced(("0.250000", "0.25 0 1")), "error segments:1 's1-a1' has 6 fields, not 4 or 5"),
    "reversed": (replaced((" 0.750000", " 0.4")), "error segments:2 's1-a2' ends at 0.4 s, but starts at 0.5 s"),
    "empty": (replaced((" 0.750000", " 0.5")), "error segments:2 's1-a2' ends at 0.5 s, but starts at 0.5 s"),
    "negative": (replaced((" 0.000000", " -0.5")), "error segments:1 's1-a1' cannot start at -0.5 s"),
    "no number": (replaced((" 0.000000", " zero")), "error segments:1 's1-a1' could not convert string to float"),
    "no recording": (replaced(("a2 s1-a ", "a2 s1-x ")), "error segments:2 wav.scp has no recording 's1-x'"),
    "a little past the end": (replaced((" 0.750000", " 1.2")), "warning segments:2 's1-a2' ends at 1.2 s, after the"),
    "far past the end": (replaced((" 0.750000", " 2.1")), "error segments:2 "),
    "recording not used": (
        replaced(("s2-c s2-c", "s2-c s1-a")),
        "error wav.scp:2 no segment is of the recording 's2-c'",
    ),
}


@pytest.mark.parametrize("fault", SEGMENT_FAULTS)
def test_a_fault_of_the_segments_is_found(segmented, fault):
    change, what = SEGMENT_FAULTS[fault]
    change(segmented / "segments")
    assert [line for line in said(validate(segmented)) if line.startswith(what)], said(validate(segmented))


def test_segments_past_the_end_say_where_it_is(segmented, utterances):
    edit(segmented / "segments", (" 0.750000", " 2.1"))
    what = f"error segments:2 {utterances[0].path}: ends at sample 16000, but s1-a2 is listed up to 33600"
    assert said(validate(segmented)) == [what]


def line_of(manifest: Path, number: int, **changes) -> None:
    lines = manifest.read_text().splitlines()
    lines[number - 1] = json.dumps(json.loads(lines[number - 1]) | changes)
    manifest.write_text("\n".join(lines) + "\n")


LINE_FAULTS = {
    "type": ({"ticks": "many"}, ["error corpus.jsonl:2 ticks is 'many', but must be int"]),
    "two at once": (
        {"rate": "high", "colour": "red"},
        [
            "error corpus.jsonl:2 rate is 'high', but must be int",
            "error corpus.jsonl:2 has no field 'colour': the fields are",
        ],
    ),
    "id": ({"id": "a/b"}, ["error corpus.jsonl:2 the id is 'a/b', but ids name files"]),
    "duplicate": ({"id": "s1-a"}, ["error corpus.jsonl:2 the id 's1-a' is already on line 1"]),
    "pipe": ({"path": "false |"}, ["error corpus.jsonl:2 the recording of 's1-b' is a pipe, which runs a command"]),
    "no speaker": ({"speaker": None}, ["warning corpus.jsonl:2 's1-b' has no speaker (1 of 3 utterances have none)"]),
    "gender": ({"gender": "x"}, ["error corpus.jsonl:2 'x' is not a gender"]),
    "genders": ({"gender": "m"}, ["error corpus.jsonl:2 the speaker 's1' is m, but f in 's1-a'"]),
    "rate": ({"rate": 8000}, ["error corpus.jsonl:2 WAV: has 16000 samples per second, but s1-b is listed with 8000"]),
    "too long": (
        {"ticks": RATE + 1},
        ["error corpus.jsonl:2 WAV: ends at sample 16000, but s1-b is listed up to 16001"],
    ),
    "zero length": (
        {"ticks": 0, "alignment": {}},
        [
            "warning corpus.jsonl:2 's1-b' has no labels of the tier 'phone' (1 of 3 utterances have none)",
            "error corpus.jsonl:2 WAV: s1-b is empty (0 samples)",
        ],
    ),
    "no text": ({"text": None}, ["warning corpus.jsonl:2 's1-b' has no text (1 of 3 utterances have none)"]),
    "empty text": ({"text": " "}, ["warning corpus.jsonl:2 's1-b' has an empty text (1 of 3 utterances have one)"]),
    "missing": ({"path": "x.wav"}, ["error corpus.jsonl:2 FOLDER/x.wav: no such file"]),
    "alignment": (
        {"alignment": {"phone": [[0, 10, "a"], [5, 20, "b"], [20, RATE + 1, "c"]], "word": [[0, 1]]}},
        [
            "error corpus.jsonl:2 word interval [0, 1] must be [start, end, label], in whole ticks",
            "error corpus.jsonl:2 phone interval 'b' is [5, 20), but must start at 10",
            "error corpus.jsonl:2 phone interval 'c' is [20, 16001), but must start at 20 or later",
        ],
    ),
}


@pytest.mark.parametrize("fault", LINE_FAULTS)
def test_a_fault_of_a_line_is_found(manifest, utterances, fault):
    changes, expected = LINE_FAULTS[fault]
    line_of(manifest, 2, **changes)
    lines = said(validate(manifest))
    assert len(lines) == len(expected)
    for line, what in zip(lines, expected):
        assert line.startswith(what.replace("WAV", utterances[1].path).replace("FOLDER", str(manifest.parent)))


def test_lines_that_are_no_json_are_found(manifest):
    manifest.write_bytes(b"{\n\n[]\n" + manifest.read_bytes() + b'{"id": "\xff"}\n')
    lines = said(validate(manifest))
    assert [line[: len("error corpus.jsonl:1")] for line in lines] == [f"error corpus.jsonl:{n}" for n in (1, 3, 7)]


def test_bytes_that_are_no_text_are_called_so(manifest):
    good = manifest.read_bytes()
    manifest.write_bytes(good + b'{"id": "\xff"}\n' + bytes(3))
    assert said(validate(manifest)) == [
        "error corpus.jsonl:4 is not UTF-8 (byte 0xff)",
        "error corpus.jsonl:5 is no text, for it has a null byte",
    ]
    manifest.write_bytes(good.replace(b"{", b'{"ticks": 5, ', 1))
    assert "error corpus.jsonl:1 has 'ticks' twice" in said(validate(manifest))


def test_a_list_that_cannot_be_read_does_not_hide_another(manifest, tmp_path):
    (tmp_path / "wide.jsonl").write_text(manifest.read_text(), encoding="utf-16")
    line_of(manifest, 2, gender="x")
    found = said(validate(tmp_path / "wide.jsonl", manifest))
    assert found[:2] == ["error corpus.jsonl:2 'x' is not a gender", "error wide.jsonl:None is UTF-16, not UTF-8"]


LOOK_ALIKE = {
    "capitals": {"id": "S1-A"},
    "an accent": {"id": "s1-e\u0301"},
    "unseen": {"id": "s1-a\u200b"},
    "a speaker": {"speaker": "S2 "},
}


@pytest.mark.parametrize("fault", LOOK_ALIKE)
def test_names_in_a_manifest_that_look_alike_are_said(manifest, fault):
    line_of(manifest, 3, id="s1-\u00e9", speaker="s2")
    assert said(validate(manifest)) == []
    line_of(manifest, 2, **LOOK_ALIKE[fault], gender=None)
    (problem,) = said(validate(manifest))
    assert problem.startswith("warning corpus.jsonl:")
    assert " looks like " in problem


def test_a_speaker_without_a_name_is_found(manifest):
    line_of(manifest, 2, speaker="", gender=None)
    assert said(validate(manifest)) == ["error corpus.jsonl:None the name of a speaker is empty"]


def test_an_empty_manifest_is_found(tmp_path):
    (tmp_path / "none.jsonl").write_text("")
    assert said(validate(tmp_path / "none.jsonl")) == ["error none.jsonl:None no utterances in it"]


def test_what_is_no_corpus_cannot_be_validated(tmp_path):
    with pytest.raises(CorpusError, match=r"a folder without wav.scp"):
        validate(tmp_path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 100] = bytes(100)
    path.write_bytes(content)


def write_floats(path: Path, odd: float) -> None:
    wave = noise()
    wave[-100] = odd
    soundfile.write(path, wave, RATE, subtype="FLOAT", format="WAV")


AUDIO_FAULTS = {  # how the file is spoilt, what is said of it
    "missing": (Path.unlink, "no such file"),
    "empty": (written(""), "is empty (0 bytes)"),
    "text": (written("no recording"), "cannot be read (Format not recognised)"),
    "truncated": (cut, "can be decoded up to sample "),
    "silent": (lambda path: write_audio(path, np.zeros(RATE), RATE), "s1-b is silent"),
    "short": (lambda path: write_audio(path, noise()[:-1], RATE), "ends at sample 15999, but s1-b is listed up to"),
    "slow": (lambda path: write_audio(path, noise(), 8000), "has 8000 samples per second, but "),
    "nan": (lambda path: write_floats(path, np.nan), "s1-b holds NaN"),
    "infinite": (lambda path: write_floats(path, -np.inf), "s1-b holds NaN or infinity"),
}


@pytest.mark.parametrize("fault", AUDIO_FAULTS)
def test_a_bad_recording_is_found_and_left_out(manifest, folder, utterances, fault):
    spoil, what = AUDIO_FAULTS[fault]
    path = Path(utterances[1].path)
    spoil(path)
    for thorough in (False, True):
        good, problems = checked_recordings(utterances, Listening(thorough=thorough))
        assert good == [utterances[0], utterances[2]]
        assert [(problem.severity, problem.file) for problem in problems] == [("error", str(path))]
        assert problems[0].what.startswith(what)
        assert problems[0].cure
    assert [line for line in said(validate(manifest)) if line.startswith(f"error corpus.jsonl:2 {path}: {what}")]
    if fault != "short":  # a directory without segments does not say how long it should be
        assert [line for line in said(validate(folder)) if line.startswith(f"error wav.scp:2 {path}: {what}")]


def test_all_bad_recordings_are_found_at_once(manifest, utterances):
    for utterance, fault in zip(utterances, ("truncated", "silent", "missing")):
        AUDIO_FAULTS[fault][0](Path(utterance.path))
    assert [problem.line for problem in validate(manifest)] == [1, 2, 3]
    good, problems = checked_recordings(utterances, Listening(thorough=False))
    assert (good, len(problems)) == ([], 3)
    line_of(manifest, 3, ticks="many")
    assert [problem.line for problem in validate(manifest)] == [1, 2, 3]


@pytest.mark.parametrize("suffix", ["flac", "mp3", "ogg"])
@pytest.mark.parametrize("thorough", [False, True])
def test_a_recording_cut_off_late_is_found(tmp_path, suffix, thorough):
    path = tmp_path / f"long.{suffix}"
    soundfile.write(path, noise(20 * RATE), RATE)
    cut(path)
    good, problems = checked_recordings(
        [Utterance("long", str(path), "s", 20 * RATE, RATE)], Listening(thorough=thorough)
    )
    assert (good, len(problems)) == ([], 1)


@pytest.mark.parametrize("thorough", [False, True])
def test_what_is_silent_in_pieces_need_not_be_silent(tmp_path, monkeypatch, thorough):
    monkeypatch.setattr("unitdisc.corpus.validation.recordings.BLOCK", 100)
    monkeypatch.setattr("unitdisc.corpus.validation.recordings.GLANCE", 100)
    for name, wave in {"up": [0, 0.3], "down": [0.3, 0], "flat": [0.3, 0.3]}.items():
        write_audio(tmp_path / f"{name}.wav", np.repeat(wave, 100), RATE)
    steps = [Utterance(name, str(tmp_path / f"{name}.wav"), "s", 200, RATE) for name in ("up", "down", "flat")]
    assert checked_recordings(steps, Listening(thorough=thorough)).good == steps[:2]


def test_every_good_utterance_of_a_damaged_recording_is_kept(tmp_path):
    path = tmp_path / "long.flac"
    write_audio(path, noise(10 * RATE), RATE)
    cut(path)
    parts = [Utterance(f"u{second}", str(path), "s", RATE, RATE, second * RATE) for second in range(10)]
    good, problems = checked_recordings(parts, Listening())
    assert [utterance.id for utterance in good] == ["u0", "u1", "u2", "u3"]
    assert len(problems) == 6
    for utterance in good:
        np.testing.assert_allclose(read_audio(utterance), noise(10 * RATE)[utterance.start :][:RATE], atol=2**-15)


def test_damage_in_the_middle_takes_a_whole_reading(manifest, utterances):
    damaged(Path(utterances[1].path))
    assert [problem.file for problem in checked_recordings(utterances, Listening()).problems] == [utterances[1].path]
    assert [problem.line for problem in validate(manifest)] == [2]


def test_silence_before_speech_is_not_silence(utterances):
    wave = np.concatenate([np.zeros(RATE - 5), noise(5)])
    write_audio(Path(utterances[1].path), wave, RATE)
    for thorough in (False, True):
        assert checked_recordings(utterances, Listening(thorough=thorough)) == (utterances, [])


def test_clipping_is_a_warning(manifest, utterances):
    write_audio(Path(utterances[1].path), 2.1 * noise(), RATE)  # 5 % are too loud
    assert said(validate(manifest))[0].startswith(f"warning corpus.jsonl:2 {utterances[1].path}: s1-b is clipped: 4.")
    assert checked_recordings(utterances, Listening()).good == utterances
    write_audio(Path(utterances[1].path), 2 * noise(), RATE)
    assert validate(manifest) == []


def test_the_rate_is_that_of_most_or_the_one_wanted(folder, utterances):
    write_audio(Path(utterances[1].path), noise(), 8000)
    edit(folder / "phone.ctm", ("s1-b 1 0.05", "s1-b 1 0.06"))
    listed = [f"error wav.scp:2 {utterances[1].path}: has 8000 samples per second, but most have 16000"]
    assert said(validate(folder)) == listed
    lines = said(validate(folder, rate=8000))
    assert [line.split(":")[1].split()[0] for line in lines] == ["1", "3"]
    assert all("has 16000 samples per second, but must have 8000" in line for line in lines)


def test_resampling_makes_other_rates_good(tmp_path, utterances):
    path = tmp_path / "slow.wav"
    write_audio(path, noise(8000), 8000)
    slow = Utterance("slow", str(path), "s", 8000, 8000, alignment={"phone": [Interval(0, 80, "a")]})
    assert checked_recordings([*utterances, slow], Listening(RATE, thorough=False)).good == utterances
    for listed in (slow, at_rate(slow, RATE)):  # which counts at a rate the file does not have
        assert checked_recordings([*utterances, listed], Listening(RATE, resample=True)) == ([*utterances, listed], [])
        assert len(read_audio(listed, RATE, resample=True)) == RATE


def test_good_utterances_have_a_rate(utterances):
    write_audio(Path(utterances[0].path), noise(), 8000)
    assert (
        checked_recordings([Utterance("u", utterances[0].path, "s", RATE)], Listening(thorough=False)).good[0].rate
        == 8000
    )


def test_unlisted_segments_of_a_recording_are_listened_to_apart(tmp_path):
    wave = np.concatenate([noise(), np.zeros(RATE), noise()])
    write_audio(tmp_path / "long.wav", wave, RATE)
    parts = [
        Utterance(f"u{second}", str(tmp_path / "long.wav"), "s", RATE, RATE, second * RATE) for second in (2, 1, 0)
    ]
    good, problems = checked_recordings(parts, Listening(thorough=False))
    assert good == [parts[0], parts[2]]
    assert [problem.what for problem in problems] == ["u1 is silent"]


def test_pipes_are_heard_only_if_allowed(tmp_path, utterances):
    pipe = f"touch {tmp_path / 'ran'}; cat {utterances[0].path} |"
    piped = Utterance("s1-piped", pipe, "s1", RATE, RATE)
    assert checked_recordings([*utterances, piped], Listening(thorough=False)).good == utterances
    assert not (tmp_path / "ran").exists()
    assert checked_recordings([*utterances, piped], Listening(allow_pipes=True, thorough=False)).good == [
        *utterances,
        piped,
    ]
    write_kaldi(tmp_path / "piped", [piped])
    assert [problem.line for problem in validate(tmp_path / "piped")] == [1]
    assert validate(tmp_path / "piped", allow_pipes=True) == []


def test_the_order_and_number_of_workers_change_nothing(manifest, utterances):
    for utterance, fault in zip(utterances, ("truncated", "silent", "slow")):
        AUDIO_FAULTS[fault][0](Path(utterance.path))
    assert validate(manifest, workers=1) == validate(manifest, workers=4)
    assert checked_recordings(utterances, Listening(workers=1, thorough=False)) == checked_recordings(
        utterances, Listening(workers=4, thorough=False)
    )


def test_every_problem_names_a_file_and_a_cure(manifest, folder, utterances):
    line_of(manifest, 1, ticks="many")
    for name in ("text", "utt2spk", "spk2gender"):
        (folder / name).write_text((folder / name).read_text()[:-3])
    for utterance, fault in zip(utterances[1:], ("truncated", "silent")):
        AUDIO_FAULTS[fault][0](Path(utterance.path))
    problems = validate(manifest) + validate(folder)
    assert len(problems) > 8
    for problem in problems:
        assert problem.severity in ("error", "warning")
        assert Path(problem.file).exists()
        assert problem.what
        assert problem.cure


def test_what_passes_validation_can_be_read(manifest):
    assert validate(manifest) == []
    for utterance in read_manifest(manifest):
        assert len(read_audio(utterance, RATE)) == utterance.ticks


MARK = b"\xef\xbb\xbf"


def test_byte_order_marks_are_stripped_with_a_warning_each(folder):
    (folder / "phone.ctm").write_text("s1-a 1 0.0 0.1 a\ns1-b 1 0.0 0.2 b\ns2-c 1 0.0 0.2 b\n")
    expected = read_kaldi(folder)
    assert expected[0].alignment["phone"][0].label == "a" and expected[0].text
    for name in ("wav.scp", "utt2spk", "spk2utt", "spk2gender", "text", "phone.ctm"):
        content = (folder / name).read_bytes()
        for marked, line in ((MARK + content, 1), (content.replace(b"\n", b"\n" + MARK, 1), 2)):
            (folder / name).write_bytes(marked)
            assert read_kaldi(folder) == expected, name
            [problem] = said(validate(folder))
            assert problem.startswith(f"warning {name}:{line} saved with a byte order mark; stripped here"), name
        (folder / name).write_bytes(content)
    (folder / "text").write_bytes((folder / "text").read_text().encode("utf-16"))
    assert "error text:None is UTF-16, not UTF-8" in said(validate(folder))
    (folder / "text").write_bytes(b"s1-a a\ns1-b a\0b\ns2-c c\n")
    assert said(validate(folder)) == ["error text:2 is no text, for it has a null byte"]


def test_utterances_of_which_tables_say_nothing_are_found(folder):
    (folder / "phone.ctm").write_text("s1-a 1 0.0 0.1 a\ns1-a 1 0.1 0 b\n")
    (folder / "text").write_text("s1-a a\ns1-b\ns2-c c\n")
    assert said(validate(folder)) == [
        "warning phone.ctm:None nothing is said of the utterance 's1-b' (2 of 3 have no line)",
        "warning phone.ctm:2 has no duration (1 such lines)",
        "warning text:2 's1-b' has an empty text",
    ]


def test_ids_that_look_alike_are_said_to(folder):
    def renamed(name: str, old: str, new: str) -> None:
        path = folder / name
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    for name in ("wav.scp", "spk2utt", "text"):
        renamed(name, "s2-c", "s2-\u00e9")
    renamed("utt2spk", "s2-c", "s2-e\u0301")
    found = [problem for problem in said(validate(folder)) if "differ only in how accents are encoded" in problem]
    assert [problem.split(" ")[1] for problem in found] == ["utt2spk:None", "utt2spk:3"]
    with pytest.raises(CorpusError, match=r"utt2spk: lacks s2-\u00e9 .*differ only in how accents are encoded"):
        read_kaldi(folder)
    renamed("utt2spk", "s2-e\u0301", "s2-\u00e9\u00a0")
    assert any("differ only in what cannot be seen" in problem for problem in said(validate(folder)))


def test_ids_that_cannot_name_files_or_hardly(folder):
    long = "s2-" + 66 * "\u8a9e"
    for name in ("wav.scp", "utt2spk", "spk2utt", "text"):
        path = folder / name
        path.write_text(path.read_text().replace("s2-c", long), encoding="utf-8")
    found = [each for each in said(validate(folder)) if "cannot name a file" in each]
    assert len(found) == 1 and found[0].startswith("error wav.scp:3 ")
    with pytest.raises(CorpusError, match="no more than 200 bytes of UTF-8, for names of files have no room for 201"):
        read_kaldi(folder)
    for name in ("wav.scp", "utt2spk", "spk2utt", "text"):
        path = folder / name
        path.write_text(path.read_text(encoding="utf-8").replace(long, "s2:c"))
    what = "warning wav.scp:3 the id 's2:c' has ':', which files on Windows cannot have (1 such ids)"
    assert what in said(validate(folder))
