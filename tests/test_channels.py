"""Recordings of several channels: the one that a list names is read, everywhere; what is averaged is said."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import RATE, listed

from unitdisc.api.shards import PackingOptions, shards
from unitdisc.corpus import CorpusError, Interval, Utterance, corpus_checksum
from unitdisc.corpus.kaldi.writing import write_kaldi
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.corpus.table import UtteranceTable
from unitdisc.corpus.validation.files import Files, heard_key
from unitdisc.corpus.validation.recordings import Listening, Recording, listen
from unitdisc.corpus.validation.report import validate
from unitdisc.data.cache import key
from unitdisc.exports.km import write_km
from unitdisc.exports.units import ExportError, Units
from unitdisc.media.audio import read_audio, read_stretch
from unitdisc.media.open import AudioError

pytest_plugins = ["tiny_fixtures"]


def noise(seed: int, ticks: int = RATE) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(ticks)


def recorded(path: Path, *channels: np.ndarray, subtype: str = "PCM_16") -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    soundfile.write(path, np.stack(channels, 1), RATE, subtype=subtype)
    return path


@pytest.fixture
def conversation(tmp_path) -> Utterance:
    return Utterance("u", str(recorded(tmp_path / "conv.wav", noise(1), noise(2))), "ann", RATE, RATE)


def test_the_channel_that_is_named_is_read(conversation, tmp_path):
    both, _ = soundfile.read(conversation.path, dtype="float32")
    np.testing.assert_array_equal(read_audio(conversation), both.mean(1))
    for channel in (0, 1):
        own = replace(conversation, channel=channel)
        np.testing.assert_array_equal(read_audio(own), both[:, channel])
        np.testing.assert_array_equal(read_stretch(own, 100, 900, RATE), both[100:900, channel])
        np.testing.assert_array_equal(read_audio(replace(own, start=5, ticks=RATE - 9)), both[5 : RATE - 4, channel])
    mono = Utterance("m", str(recorded(tmp_path / "mono.wav", noise(3))), None, RATE, RATE, channel=1)
    for one, there in ((replace(conversation, channel=2), "the channels 0 to 1"), (mono, "one channel, 0")):
        what = f"has {there}, but {one.id} is listed with channel {one.channel}"
        with pytest.raises(AudioError, match=what):
            read_audio(one)
        for thorough in (False, True):
            heard = listen(Recording(one.path, lambda info, channels, one=one: [one]), Listening(thorough=thorough))
            assert [(fault.utterance, fault.severity, fault.what) for fault in heard.faults] == [
                (one.id, "error", what)
            ]


def test_a_channel_that_cannot_be_is_refused(conversation, tmp_path):
    with pytest.raises(CorpusError, match="u: channel is -1 and height None; the channels of a recording count from 0"):
        replace(conversation, channel=-1)
    with pytest.raises(CorpusError, match="a line image has none"):
        Utterance("i", "i.png", None, 5, height=3, channel=0)
    line = '{"id": "u", "path": "conv.wav", "ticks": 5, "channel": %s}\n'
    for value, what in (
        ('"A"', "channel is 'A', but must be int"),
        ("-1", "channel is -1"),
        ("true", "channel is True"),
    ):
        (tmp_path / "c.jsonl").write_text(line % value)
        for read in (lambda path: list(read_manifest(path)), UtteranceTable.read):
            with pytest.raises(CorpusError, match=f"c.jsonl:1: .*{what}"):
                read(tmp_path / "c.jsonl")


def test_lists_tables_and_keys_hold_the_channel(conversation, tmp_path):
    utterances = [replace(conversation, id=f"u{i}", channel=channel) for i, channel in enumerate((None, 0, 1))]
    write_manifest(tmp_path / "c.jsonl", utterances)
    assert list(read_manifest(tmp_path / "c.jsonl")) == utterances
    table = UtteranceTable.read(tmp_path / "c.jsonl")
    assert list(table) == list(UtteranceTable.of(utterances)) == utterances
    same = [replace(conversation, channel=utterance.channel) for utterance in utterances]
    for name in (
        corpus_checksum,
        lambda some: UtteranceTable.of(some).checksum(),
        lambda some: key(some[0], Listening()),
    ):
        assert len({name([utterance]) for utterance in same}) == 3
    names = [heard_key(conversation.path, [utterance]) for utterance in same]
    assert len({*names}) == 3
    for name, utterance in zip(names, same):
        assert Files(UtteranceTable.of([utterance])).keys(np.array([0])).tobytes() == name


def test_checksums_without_channels_stay_what_they_were():
    one = Utterance("u", "u.wav", "s", 5, 8000, gender="f", alignment={"phone": [Interval(0, 2, "a")]})
    assert corpus_checksum([one]) == "917709a8b2b942a340bf384abf0189cfcf19e414868fe3a9ae82579054339126"
    assert UtteranceTable.of([one]).checksum() == hashlib.sha256(b'[["u", "s", 5]]').hexdigest()


SILENT, ONE, OTHER = np.zeros(RATE), noise(1), noise(2)
TOGETHER = {  # channels, and what is said where they are averaged
    "two speakers": (
        [ONE, OTHER],
        "warning the channels of u differ, as those of two speakers would, and are averaged",
    ),
    "the other speaks later": (
        [ONE, np.concatenate([SILENT[: RATE * 3 // 4], OTHER[: RATE // 4]])],
        "warning the channels of u differ",
    ),
    "three": ([ONE, ONE, OTHER], "warning the channels of u differ"),
    "one within the other": ([ONE, 0.4 * ONE + OTHER], "warning the channels of u differ"),
    "nearly upside down": ([ONE, 0.1 * OTHER - 0.9 * ONE], "warning the channels of u nearly cancel each other"),
    "upside down": ([ONE, -ONE], "error u cannot be heard: its channels cancel each other"),
    "the same": ([ONE, ONE], None),
    "with a little noise": ([ONE + 0.1 * noise(3), ONE + 0.1 * noise(4)], None),
    "one side louder": ([ONE, 0.2 * ONE], None),
    "one side silent": ([SILENT, ONE], None),
    "one side faint": ([ONE, 0.01 * OTHER], None),
    "both silent": ([SILENT, SILENT], "error u is silent"),
    "clipped on one side": ([SILENT, np.clip(12 * ONE, -1, 1)], "warning u is clipped"),
}


@pytest.mark.parametrize("case", TOGETHER)
def test_channels_that_differ_are_said(tmp_path, case):
    channels, expected = TOGETHER[case]
    utterance = Utterance("u", str(recorded(tmp_path / "u.wav", *channels)), None, RATE, RATE)
    for thorough in (False, True):
        heard = listen(Recording(utterance.path, lambda info, channels: [utterance]), Listening(thorough=thorough))
        said = [f"{fault.severity} {fault.what}" for fault in heard.faults]
        assert len(said) == (expected is not None)
        assert not said or said[0].startswith(expected)
        assert all("name a channel in the manifest" in f.cure for f in heard.faults if "channels" in f.what)
    if expected and expected.startswith("error"):
        with pytest.raises(AudioError, match=expected.removeprefix("error ")):
            read_audio(utterance)
    named = replace(utterance, channel=1)
    heard = listen(Recording(named.path, lambda info, channels: [named]), Listening())
    assert [fault.what.split(":")[0] for fault in heard.faults] == {
        "both silent": ["u is silent"],
        "clipped on one side": ["u is clipped"],
    }.get(case, [])


def test_commands_say_once_that_channels_are_averaged(unitdisc, tmp_path):
    made = []
    for i in range(3):
        path = recorded(tmp_path / f"u{i}.wav", noise(i), noise(10 + i))
        made.append(Utterance(f"u{i}", str(path), None, RATE, RATE))
    write_manifest(tmp_path / "c.jsonl", made)
    result = unitdisc("features", tmp_path / "c.jsonl", tmp_path / "x")
    assert result.code == 0
    said = [line for line in result.err.splitlines() if "averaged" in line]
    assert len(said) == 1, result.err
    assert "c.jsonl: channels differ in 3 utterances and are averaged, the first in" in said[0]
    write_manifest(tmp_path / "c.jsonl", [replace(each, channel=0) for each in made])
    assert "averaged" not in unitdisc("features", tmp_path / "c.jsonl", tmp_path / "y").err
    kept = [
        unitdisc("features", tmp_path / "c.jsonl", tmp_path / f"z{i}", "--cache", tmp_path / "cache") for i in (0, 1)
    ]
    assert [each.code for each in kept] == [0, 0]
    frames = [np.load(tmp_path / name / "u1.npy") for name in ("x", "y", "z0", "z1")]
    np.testing.assert_array_equal(frames[1], frames[2])
    np.testing.assert_array_equal(frames[1], frames[3])
    assert abs(frames[0] - frames[1]).max() > 1


def test_a_channel_is_packed_alone_or_kept_in_a_whole_recording(conversation, tmp_path):
    write_manifest(tmp_path / "c.jsonl", [replace(conversation, id=f"u{i}", channel=i) for i in (0, 1)])
    for whole in (False, True):
        options = PackingOptions(max_mb=1, whole=whole)
        packed = listed(shards(tmp_path / "c.jsonl", tmp_path / f"p{whole}", options))
        assert [utterance.channel for utterance in packed] == ([0, 1] if whole else [None, None])
        for before, after in zip(listed(tmp_path / "c.jsonl"), packed):
            np.testing.assert_array_equal(read_audio(after), read_audio(before))


def test_fairseq_would_average_a_channel(conversation, tmp_path):
    with pytest.raises(ExportError, match=r"u: is channel 1 of .*conv.wav, but fairseq reads whole files"):
        write_km(tmp_path / "u.km", [Units(replace(conversation, channel=1), [1], [])])


@pytest.fixture
def directory(tmp_path, conversation):
    """A Kaldi directory of a conversation, with the tables given."""

    def write(files: dict[str, str], mono: bool = False) -> Path:
        folder = tmp_path / "data"
        for old in folder.glob("*"):
            old.unlink()
        folder.mkdir(exist_ok=True)
        path = recorded(tmp_path / "mono.wav", noise(5)) if mono else conversation.path
        tables = {"wav.scp": f"conv-A {path}\nconv-B {path}\n", "utt2spk": "a conv-A\nb conv-B\n"}
        tables |= {"spk2utt": "conv-A a\nconv-B b\n", "segments": "a conv-A 0 0.5\nb conv-B 0.25 1\n"} | files
        for name, content in tables.items():
            (folder / name).write_text(content)
        return folder

    return write


TABLES = {  # tables, and the channels of a and b
    "by letter": ({"reco2file_and_channel": "conv-A conv A\nconv-B conv B\n"}, [0, 1]),
    "by number": ({"reco2file_and_channel": "conv-A conv 1\nconv-B conv 2\n"}, [0, 1]),
    "in segments": ({"segments": "a conv-A 0 0.5 0\nb conv-B 0.25 1 1\n"}, [0, 1]),
    "of one recording": (
        {"segments": "a conv 0 0.5 1\nb conv 0.25 1 0\n", "wav.scp": "conv PATH\n"},
        [1, 0],
    ),
    "in both": (
        {
            "reco2file_and_channel": "conv-A conv A\nconv-B conv B\n",
            "segments": "a conv-A 0 0.5 0\nb conv-B 0.25 1 1\n",
        },
        [0, 1],
    ),
    "in none": ({}, [None, None]),
}


@pytest.mark.parametrize("case", TABLES)
def test_kaldi_names_channels(directory, conversation, tmp_path, case):
    files, channels = TABLES[case]
    folder = directory({name: content.replace("PATH", conversation.path) for name, content in files.items()})
    found = read_corpus(folder)
    assert [utterance.channel for utterance in found] == channels
    both, _ = soundfile.read(conversation.path, dtype="float32")
    for utterance, channel in zip(found, channels):
        expected = both.mean(1) if channel is None else both[:, channel]
        np.testing.assert_array_equal(read_audio(utterance), expected[utterance.start :][: utterance.ticks])
    said = [problem.what for problem in validate(folder) if "channel" in problem.what]
    assert ["differ" in what for what in said] == ([True, True] if channels == [None, None] else [])
    write_kaldi(tmp_path / "again", found)
    assert read_corpus(tmp_path / "again") == found


def test_whole_recordings_have_channels_in_kaldi(directory, tmp_path):
    folder = directory({"reco2file_and_channel": "conv-A conv A\nconv-B conv B\n", "utt2spk": "conv-A a\nconv-B b\n"})
    (folder / "segments").unlink()
    found = read_corpus(folder)
    assert [(each.id, each.channel) for each in found] == [("conv-A", 0), ("conv-B", 1)]
    write_kaldi(tmp_path / "again", found)
    assert (tmp_path / "again/segments").read_text() == (
        "conv-A conv 0.000000 1.000000 0\nconv-B conv 0.000000 1.000000 1\n"
    )
    assert read_corpus(tmp_path / "again") == found


def test_a_channel_taken_out_before_is_that_of_the_file(directory):
    """As with `sph2pipe -c 2`: the recording has one channel, which reco2file_and_channel calls B."""
    folder = directory({"reco2file_and_channel": "conv-A conv A\nconv-B conv B\n"}, mono=True)
    assert [utterance.channel for utterance in read_corpus(folder)] == [None, None]
    assert not [problem for problem in validate(folder) if "channel" in problem.what]


REFUSED = {
    "disagreeing": (
        {
            "reco2file_and_channel": "conv-A conv A\nconv-B conv B\n",
            "segments": "a conv-A 0 0.5 1\nb conv-B 0.25 1 1\n",
        },
        "segments:1: 'a' is of channel 1, but line 1 of reco2file_and_channel says A (0); correct one of them",
    ),
    "no channel": (
        {"reco2file_and_channel": "conv-A conv A\nconv-B conv mono\n"},
        "reco2file_and_channel:2: 'mono' is no channel of 'conv-B', which has 2; write RECORDING FILE A",
    ),
    "no number": (
        {"segments": "a conv-A 0 0.5 0\nb conv-B 0.25 1 -1\n"},
        "segments:2: names the channel '-1', but channels",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_channels_that_kaldi_cannot_mean_are_refused(directory, case):
    files, what = REFUSED[case]
    folder = directory(files)
    with pytest.raises(CorpusError) as refused:
        read_corpus(folder)
    assert what in str(refused.value)
    place, said = what.split(": ", 1)
    assert any(
        f"{Path(problem.file).name}:{problem.line}" == place and said.split(";")[0] in problem.what
        for problem in validate(folder)
        if problem.severity == "error"
    )


def test_a_channel_that_a_file_lacks_is_found_in_kaldi(directory):
    folder = directory({"segments": "a conv-A 0 0.5 0\nb conv-B 0.25 1 2\n"})
    [problem] = [problem for problem in validate(folder) if problem.severity == "error"]
    assert (Path(problem.file).name, problem.line) == ("segments", 2)
    assert "conv.wav: has the channels 0 to 1, but b is listed with channel 2" in problem.what
    images = {"images.scp": "i x.png\n", "segments": "a i 0 5 0\n"}
    folder = directory(images)
    (folder / "wav.scp").unlink()
    assert any(problem.what == "'a' has 5 fields, not 4" for problem in validate(folder))


def test_a_ctm_of_a_conversation_is_parted_by_channel(directory, conversation):
    """Both speak at once; what one says is not in the other's utterance."""
    tables = {"segments": "a conv 0 1 0\nb conv 0 1 1\n", "wav.scp": f"conv {conversation.path}\n"}
    for names in ("AB", "12", "ab"):
        lines = f"conv {names[0]} 0.1 0.3 hello\nconv {names[1]} 0.2 0.3 yes\nconv {names[0]} 0.5 0.1 you\n"
        folder = directory({**tables, "word.ctm": lines})
        one, other = read_corpus(folder)
        assert [interval.label for interval in one.alignment["word"]] == ["hello", "you"]
        assert [interval.label for interval in other.alignment["word"]] == ["yes"]
    folder = directory({**tables, "word.ctm": "conv mic 0.1 0.3 hello\n"})
    with pytest.raises(CorpusError, match=r"word.ctm:1: 'mic' is no channel of 'conv', which has several; write A"):
        read_corpus(folder)
    one_used = {**tables, "segments": "a conv 0 1 0\n", "utt2spk": "a conv-A\n"}
    [one] = read_corpus(directory({**one_used, "word.ctm": "conv A 0.1 0.3 hello\nconv B 0.2 0.3 yes\n"}))
    assert [interval.label for interval in one.alignment["word"]] == ["hello"]
    one_used["segments"] = "a conv 0 1 1\n"  # and its lines say 1, as those of most tools
    [one] = read_corpus(directory({**one_used, "word.ctm": "conv 1 0.1 0.3 hello\n"}))
    assert [interval.label for interval in one.alignment["word"]] == ["hello"]
    overlapping = "conv A 0.1 0.3 hello\nconv 1 0.2 0.3 you\n"
    with pytest.raises(CorpusError, match=r"word.ctm:2: starts at 0.2 s, before line 1 ends"):
        read_corpus(directory({**tables, "word.ctm": overlapping}))


def test_a_ctm_by_file_may_call_channels_otherwise_than_the_table(directory):
    tables = {"reco2file_and_channel": "conv-A talk A\nconv-B talk B\n", "segments": "a conv-A 0 1\nb conv-B 0 1\n"}
    folder = directory({**tables, "word.ctm": "talk 1 0.1 0.3 hello\ntalk 2 0.2 0.3 yes\n"})
    assert [[i.label for i in each.alignment["word"]] for each in read_corpus(folder)] == [["hello"], ["yes"]]
