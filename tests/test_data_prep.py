"""The scripts of data_prep/: on small trees laid out as the corpora are, and on the real sets where they are."""

import csv
import runpy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.manifest import read_manifest
from unitdisc.corpus.validation.report import validate
from unitdisc.media.audio import audio_info, read_audio
from unitdisc.prep.notes import Notes
from unitdisc.prep.speakers import hold_out
from unitdisc.prep.tables import read_table
from unitdisc.prep.textgrids import read_textgrid
from unitdisc.prep.utterances import recording, with_tier

FOLDER = Path(__file__).parent.parent / "data_prep"
SCRIPTS = sorted(FOLDER.glob("*.py"))


def prepare(script: str, *arguments: str | Path) -> None:
    runpy.run_path(str(FOLDER / f"{script}.py"))["main"]([str(argument) for argument in arguments])


def utterances(manifest: Path) -> dict[str, Utterance]:
    return {utterance.id: utterance for utterance in read_manifest(manifest)}


def record(path: Path, ticks: int, rate: int = 16000, **how) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(str(path))).uniform(-0.5, 0.5, ticks)
    soundfile.write(path, noise, rate, subtype="PCM_16", **how)
    return path


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding)
    return path


# --- all scripts


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_says_what_its_corpus_is_and_how_to_call_it(script, capsys):
    with pytest.raises(SystemExit) as stop:
        prepare(script.stem, "--help")
    assert stop.value.code == 0
    said = capsys.readouterr().out
    for word in ("Origin", "Licence", "Files", "Tiers", f"python data_prep/{script.name}"):
        assert word in said, word


MADE = ("mini_speech", "mini_handwriting", "spoken_text", "spot_the_word")  # of no corpus as distributed


@pytest.mark.parametrize("script", [s for s in SCRIPTS if s.stem not in MADE], ids=lambda path: path.stem)
def test_a_wrong_folder_is_named_with_a_cure(script, tmp_path):
    (tmp_path / "empty").mkdir()
    for wrong in ("empty", "missing"):
        with pytest.raises(CorpusError, match=f"{wrong}.*; .*give the folder"):
            prepare(script.stem, tmp_path / wrong, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# --- LibriSpeech


@pytest.fixture
def librispeech(tmp_path) -> Path:
    root = tmp_path / "LibriSpeech"
    for subset, speaker, chapter, count in (
        ("train-clean-5", 84, 121, 2),
        ("train-other-5", 7, 9, 1),
        ("dev-clean", 3, 4, 1),
    ):
        folder = root / subset / str(speaker) / str(chapter)
        names = [f"{speaker}-{chapter}-{number:04d}" for number in range(count)]
        for name in names:
            record(folder / f"{name}.flac", 16000)
        write(folder / f"{speaker}-{chapter}.trans.txt", "".join(f"{name} HELLO  WORLD\n" for name in names))
    write(root / "SPEAKERS.TXT", "; comment\n84   | F | train-clean-5 | 8.0 | Ann | Smith\n7|M|train-other-5|1|Bob\n")
    return root


def test_librispeech(librispeech, tmp_path):
    prepare("librispeech", librispeech, tmp_path / "out")
    names = sorted(path.stem for path in (tmp_path / "out").glob("*.jsonl"))
    assert names == ["dev", "dev-clean", "train", "train-clean-5", "train-other-5"]
    train = utterances(tmp_path / "out" / "train.jsonl")
    assert sorted(train) == ["7-9-0000", "84-121-0000", "84-121-0001"]
    one = train["84-121-0001"]
    assert (one.speaker, one.gender, one.text, one.ticks, one.rate) == ("84", "f", "HELLO  WORLD", 16000, 16000)
    assert train["7-9-0000"].gender == "m"
    assert utterances(tmp_path / "out" / "dev.jsonl")["3-4-0000"].gender is None


def test_librispeech_is_found_in_the_folder_above_and_in_any_case(librispeech, tmp_path):
    (librispeech / "SPEAKERS.TXT").rename(librispeech / "speakers.txt")
    (librispeech / "train-clean-5").rename(librispeech / "TRAIN-clean-5")
    (librispeech / "dev-clean/3/4/3-4-0000.flac").rename(librispeech / "dev-clean/3/4/3-4-0000.FLAC")
    prepare("librispeech", librispeech.parent, tmp_path / "out")
    assert utterances(tmp_path / "out" / "train-clean-5.jsonl")["84-121-0000"].gender == "f"
    assert len(utterances(tmp_path / "out" / "dev.jsonl")) == 1


def test_a_bad_recording_is_reported_and_left_out_unless_strict(librispeech, tmp_path, capsys):
    folder = librispeech / "train-clean-5" / "84" / "121"
    (folder / "84-121-0000.flac").write_bytes(b"")
    with (folder / "84-121.trans.txt").open("a") as file:
        file.write("84-121-0007 NEVER RECORDED\n")
    prepare("librispeech", librispeech, tmp_path / "out", "--subsets", "train-clean-5")
    assert list(utterances(tmp_path / "out" / "train.jsonl")) == ["84-121-0001"]
    said = capsys.readouterr().err
    assert "84-121-0000.flac: is empty" in said
    assert "84-121-0007.flac: no such file" in said
    with pytest.raises(CorpusError, match=r"84-121-0000\.flac: is empty"):
        prepare("librispeech", librispeech, tmp_path / "strict", "--strict")
    assert not (tmp_path / "strict").exists()


def test_unknown_subsets_are_named(librispeech, tmp_path):
    with pytest.raises(CorpusError, match=r"no subsets \['test-clean'\]: choose from \['dev-clean', "):
        prepare("librispeech", librispeech, tmp_path / "out", "--subsets", "test-clean")


LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1
        intervals: size = 2
        intervals [1]:
            xmin = 0.0
            xmax = 0.25
            text = ""
        intervals [2]:
            xmin = 0.25
            xmax = 1
            text = "say ""hi 5"" 7 "
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 1
        points: size = 1
        points [1]:
            number = 0.5
            mark = "x"
    item [3]:
        class = "IntervalTier"
        name = "Ann - phones"
        xmin = 0
        xmax = 1
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.25
            text = "sil"
        intervals [2]:
            xmin = 0.25
            xmax = 0.5
            text = "HH"
        intervals [3]:
            xmin = 0.5
            xmax = 1
            text = "AY1"
"""
SHORT = """File type = "ooTextFile short"
"TextGrid"
0
1
<exists>
1
"IntervalTier"
"phone"
0
1
2
0
0.5
"HH"
0.5
1
"AY1"
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"])
def test_a_long_textgrid(tmp_path, encoding):
    tiers = read_textgrid(write(tmp_path / "a.TextGrid", LONG, encoding))
    assert tiers == {
        "word": [(0, 0.25, "SIL"), (0.25, 1, 'say "hi 5" 7')],
        "phone": [(0, 0.25, "sil"), (0.25, 0.5, "HH"), (0.5, 1, "AY1")],
    }


@pytest.mark.parametrize("first", ["ooTextFile short", "ooTextFile"])
def test_a_short_textgrid(tmp_path, first):
    path = write(tmp_path / "a.TextGrid", SHORT.replace("ooTextFile short", first))
    assert read_textgrid(path) == {"phone": [(0, 0.5, "HH"), (0.5, 1, "AY1")]}


@pytest.mark.parametrize(
    "text", ["", "hello", SHORT[:60], SHORT[:-12], SHORT.replace("0.5", '"?"'), LONG[:-60], SHORT + "1\n2\n"]
)
def test_what_is_no_textgrid_is_named(tmp_path, text):
    with pytest.raises(CorpusError, match=r"a\.TextGrid: is no TextGrid .*; copy it again"):
        read_textgrid(write(tmp_path / "a.TextGrid", text))


def grid(*tiers: tuple[str, str], kind: str = "IntervalTier") -> str:
    """A short TextGrid of tiers with one interval each: name and label."""
    body = "".join(f'"{kind}"\n"{name}"\n0\n1\n1\n0\n1\n"{label}"\n' for name, label in tiers)
    return f'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n1\n<exists>\n{len(tiers)}\n{body}'


@pytest.mark.parametrize(
    "tiers,speaker,expected",
    [
        ([("ann - phones", "a"), ("bob - phones", "b")], "bob", {"phone": "b"}),
        ([("Ann - phones", "a"), ("Ann - words", "x"), ("bob - phones", "b"), ("bob - words", "y")], "ann", "ax"),
        ([("phones (s-1)", "a"), ("phones (s-2)", "b")], "s 2", {"phone": "b"}),
        ([("phones", "a"), ("phones_old", "b")], "ann", {"phone": "a"}),
        ([("MAU", "a"), ("ORT-MAU", "x"), ("KAN-MAU", "y")], None, {"phone": "a", "word": "x", "canonical": "y"}),
        ([("Wörter", "x"), ("Silben", "y"), ("phn", "a")], None, {"word": "x", "syllable": "y", "phone": "a"}),
        ([("ann - ORT-MAU", "x"), ("segments", "a")], None, {"word": "x", "phone": "a"}),
        ([("WRD", "x"), ("phoneme", "a"), ("syllables", "y")], None, {"word": "x", "phone": "a", "syllable": "y"}),
        ([("Mary", "x"), ("phones", "a"), ("keywords", "k")], None, {"phone": "a"}),
    ],
)
def test_tiers_are_known_by_name_and_chosen_by_speaker(tmp_path, tiers, speaker, expected):
    found = read_textgrid(write(tmp_path / "a.TextGrid", grid(*tiers)), speaker)
    expected = dict(zip(("phone", "word"), expected)) if isinstance(expected, str) else expected
    assert {tier: [label for *_, label in timed] for tier, timed in found.items()} == {
        tier: [label] for tier, label in expected.items()
    }


@pytest.mark.parametrize(
    "tiers,speaker",
    [
        ([("ann - phones", "a"), ("bob - phones", "b")], None),
        ([("ann - phones", "a"), ("bob - phones", "b")], "eve"),
        ([("phones", "a"), ("phones", "b")], "ann"),
        ([("MAU", "a"), ("phones", "b")], "ann"),
    ],
)
def test_two_tiers_of_a_kind_are_refused_by_name(tmp_path, tiers, speaker):
    (one, _), (other, _) = tiers
    message = rf"a\.TextGrid: has 2 tiers of phones, '{one}' and '{other}', .*; begin the name of each with that of"
    with pytest.raises(CorpusError, match=message):
        read_textgrid(write(tmp_path / "a.TextGrid", grid(*tiers)), speaker)


def test_tiers_that_are_left_out_are_said_once_with_their_names(tmp_path, capsys):
    notes = Notes()
    for name in "abcde":
        path = write(tmp_path / f"{name}.TextGrid", grid(("Mary", "x")) if name < "e" else grid(("phones", "a")))
        read_textgrid(path, "ann", notes)
    points = grid(("phones", "x"), kind="TextTier").replace('\n0\n1\n"x', '\n0\n"x')
    read_textgrid(write(tmp_path / "p.TextGrid", points), None, notes)
    notes.say()
    assert capsys.readouterr().err.splitlines() == [
        "TextGrids whose tier 'Mary' is called like none that is known, left out: 4 (a, b, c, ...)",
        "TextGrids without a tier of phones, words or syllables; call one of theirs `phones`: 5 (a, b, c, ...)",
        "TextGrids whose tier 'phones' has points and no intervals, left out: 1 (p)",
    ]
    read_textgrid(tmp_path / "a.TextGrid")
    assert "'Mary'" in capsys.readouterr().err


def test_numbers_and_remarks_as_textgrids_may_have_them(tmp_path):
    text = grid(("phones", 'say ""5 ! 6"" 7')).replace('\n0\n1\n"say', '\n-0 1e-05\n! a remark 3\n"say')
    [(start, end, label)] = read_textgrid(write(tmp_path / "a.TextGrid", text))["phone"]
    assert (start, end, label) == (0, 1e-5, 'say "5 ! 6" 7')


@pytest.mark.parametrize(
    "old,new,reason",
    [("0.5", "0,5", "'0,5'"), ("0.5", "--undefined--", "'--undefined--'"), ("1\n2\n0\n", "1\n1\n0\n", "on with '0.5'")],
)
def test_why_a_textgrid_is_none(tmp_path, old, new, reason):
    with pytest.raises(CorpusError, match=rf"a\.TextGrid: is no TextGrid of Praat \(.*{reason}"):
        read_textgrid(write(tmp_path / "a.TextGrid", SHORT.replace(old, new)))


def test_what_another_said_is_not_taken_for_the_speakers(tmp_path, capsys):
    """The speaker's own tier may be empty; where there is but one of another name, nobody knows what the name is."""
    silent = grid(("ann - phones", "a"), ("bob - phones", "b")).replace('0\n1\n1\n0\n1\n"a"', "0\n1\n0")
    path = write(tmp_path / "a.TextGrid", silent)
    assert read_textgrid(path, "ann") == {}
    assert "tier 'bob - phones' is another's than 'ann - phones'" in capsys.readouterr().err
    assert read_textgrid(path, "bob") == read_textgrid(path) == {"phone": [(0, 1, "b")]}
    capsys.readouterr()
    assert read_textgrid(path, "eve") == {"phone": [(0, 1, "b")]}
    assert "tier 'bob - phones' is taken, though it may be another's: 1 (a)" in capsys.readouterr().err


def test_textgrids_are_read_as_praatio_reads_them(tmp_path):
    textgrid = pytest.importorskip("praatio.textgrid")
    marks = [(0.0, 0.25, 'a "b"'), (0.25, 0.5, ""), (0.5, 1.0, "é ʃ\n2")]
    made = textgrid.Textgrid()
    made.addTier(textgrid.IntervalTier("ann - phones", marks, 0, 1))
    made.addTier(textgrid.PointTier("words", [(0.3, "x")], 0, 1))
    for form in ("short_textgrid", "long_textgrid"):
        made.save(str(tmp_path / "a.TextGrid"), form, includeBlankSpaces=True)
        assert read_textgrid(tmp_path / "a.TextGrid") == {
            "phone": [(0, 0.25, 'a "b"'), (0.25, 0.5, "SIL"), (0.5, 1, "é ʃ 2")]
        }


@pytest.mark.parametrize(
    "content,reason",
    [
        (b"ooBinaryFile\x08TextGrid", r": is no TextGrid of Praat \(it is in Praat's binary format; in Praat, save"),
        (b'"Praat chronological TextGrid text file"\n0 1', r": is no TextGrid of Praat \(it is in chronological order"),
        (grid(("phones", "é")).encode("latin-1"), r":\d+: not UTF-8 \(byte 0xe9\); save the file as UTF-8$"),
    ],
)
def test_other_kinds_of_textgrids_are_named(tmp_path, content, reason):
    (tmp_path / "a.TextGrid").write_bytes(content)
    with pytest.raises(CorpusError, match=rf"a\.TextGrid{reason}"):
        read_textgrid(tmp_path / "a.TextGrid")


def test_the_tiers_of_the_speaker_are_put_on_an_utterance(librispeech, tmp_path, capsys):
    folder = tmp_path / "aligned"
    write(folder / "84-121-0000.TextGrid", grid(("7 - phones", "IY1"), ("84 - phones", "AA1"), ("Mary", "x")))
    write(folder / "84-121-0001.TextGrid", grid(("7 - phones", "IY1"), ("9 - phones", "AA1")))
    write(folder / "nobody.TextGrid", grid(("phones", "x")))
    for name in ("x", "y"):
        write(folder / name / "7-9-0000.TextGrid", grid(("phones", "x")))
    write(folder / "tones.ctm", "84-121-0000 1 0.0 0.5 4\n")
    prepare("librispeech", librispeech, tmp_path / "out", "--alignments", folder, "--subsets", "train-clean-5")
    one = utterances(tmp_path / "out" / "train.jsonl")["84-121-0000"]
    assert one.alignment == {"phone": [(0, 16000, "AA")], "tone": [(0, 8000, "4")]}
    said = capsys.readouterr().err
    assert "84-121-0001.TextGrid: has 2 tiers of phones, '7 - phones' and '9 - phones', none of '84'" in said
    assert "TextGrids whose tier '7 - phones' is another's than '84 - phones', left out: 1 (84-121-0000)" in said
    assert "TextGrids of no utterance of these subsets, left out: 2 (7-9-0000, nobody)" in said
    with pytest.raises(CorpusError, match="nothing in it can be used"):
        prepare("librispeech", librispeech, tmp_path / "b", "--alignments", folder, "--subsets", "train-other-5")
    assert "y/7-9-0000.TextGrid: is called like " in capsys.readouterr().err
    write(folder / "phones.ctm", "84-121-0000 1 0.0 0.5 AY\n")
    with pytest.raises(CorpusError, match=r"phones\.ctm: is a second tier phone of 84-121-0000"):
        prepare("librispeech", librispeech, tmp_path / "c", "--alignments", folder, "--subsets", "train-clean-5")


def test_textgrids_become_tiers_without_stress(librispeech, tmp_path, capsys):
    write(tmp_path / "aligned" / "x" / "84-121-0001.TextGrid", LONG)
    options = ["--subsets", "train-clean-5", "--alignments", tmp_path / "aligned"]
    prepare("librispeech", librispeech, tmp_path / "out", *options)
    one = utterances(tmp_path / "out" / "train.jsonl")["84-121-0001"]
    assert one.alignment["phone"] == [(0, 4000, "sil"), (4000, 8000, "HH"), (8000, 16000, "AY")]
    assert one.alignment["word"] == [(0, 4000, "SIL"), (4000, 16000, 'say "hi 5" 7')]
    assert "1 of 2 utterances have no alignment" in capsys.readouterr().err
    prepare("librispeech", librispeech, tmp_path / "out", *options, "--stress")
    assert utterances(tmp_path / "out" / "train.jsonl")["84-121-0001"].alignment["phone"][-1].label == "AY1"


def test_ctms_become_tiers(librispeech, tmp_path):
    write(tmp_path / "aligned" / "phones.ctm", "84-121-0000 1 0.0 0.5 HH\n84-121-0000 1 0.5 0.5 AY0\n")
    write(tmp_path / "aligned" / "words.ctm", "84-121-0000 1 0.0 1.0 hi\n")
    prepare(
        "librispeech", librispeech, tmp_path / "out", "--alignments", tmp_path / "aligned", "--subsets", "train-clean-5"
    )
    one = utterances(tmp_path / "out" / "train.jsonl")["84-121-0000"]
    assert one.alignment == {"phone": [(0, 8000, "HH"), (8000, 16000, "AY")], "word": [(0, 16000, "hi")]}


# --- Zero Resource Speech Challenge 2017


@pytest.fixture
def zerospeech(tmp_path) -> Path:
    root = tmp_path / "zs" / "data"
    record(root / "train" / "english" / "s0019.wav", 5 * 16000 + 7)
    record(root / "train" / "english" / "s0023.WAV", 16000, format="WAV")
    record(root / "train" / "Mandarin" / "B07.wav", 16000)
    for duration in ("1s", "10s"):
        record(root / "test" / "english" / duration / "aghsu09.wav", 16000)
        write(root / "test" / "english" / duration / f"{duration}.item", "#file onset offset\n")
    return root


def test_zerospeech(zerospeech, tmp_path):
    prepare("zerospeech2017", zerospeech, tmp_path / "out", "--chunk", "2")
    made = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.jsonl"))
    assert made == [
        "english/test-10s.jsonl",
        "english/test-1s.jsonl",
        "english/train.jsonl",
        "mandarin/train.jsonl",
    ]
    train = list(utterances(tmp_path / "out" / "english" / "train.jsonl").values())
    assert [(u.speaker, u.start, u.ticks) for u in train] == [
        ("s0019", 0, 32000),
        ("s0019", 32000, 32000),
        ("s0019", 64000, 16007),
        ("s0023", 0, 16000),
    ]
    test = utterances(tmp_path / "out" / "english" / "test-1s.jsonl")
    assert list(test) == ["aghsu09"]
    assert test["aghsu09"].speaker is None
    for utterance in train:
        assert len(read_audio(utterance)) == utterance.ticks


def test_zerospeech_in_stretches_of_speech(zerospeech, tmp_path, capsys):
    vad = write(tmp_path / "english_vad", "f_id,start,end\ns0019,50,150\ns0019,160,165\ns0019,400,900\n")
    options = ["--languages", "english", "--vad", vad, "--vad-unit", "0.01"]
    prepare("zerospeech2017", zerospeech.parent, tmp_path / "out", *options)  # found in data/ too
    train = utterances(tmp_path / "out" / "english" / "train.jsonl").values()
    assert [(u.start, u.ticks) for u in train] == [(8000, 16000), (64000, 5 * 16000 + 7 - 64000)]
    assert capsys.readouterr().err.splitlines() == [
        "stretches of english_vad of less than 0.1 s, left out: 1 (s0019)",
        "stretches of english_vad that outlast their recording, cut to it: 1 (s0019)",
        "recordings of which english_vad has no stretch of speech, left out: 1 (s0023)",
    ]
    with pytest.raises(CorpusError, match=r"english_vad:2: 's0019;1' is not file,start,end"):
        prepare("zerospeech2017", zerospeech, tmp_path / "b", "--vad", write(vad, "f_id,start,end\ns0019;1\n"))


def test_whole_files_are_to_be_had(zerospeech, tmp_path):
    prepare("zerospeech2017", zerospeech, tmp_path / "out", "--chunk", "0", "--languages", "english")
    assert [u.ticks for u in utterances(tmp_path / "out/english/train.jsonl").values()] == [5 * 16000 + 7, 16000]


# --- TIMIT


@pytest.fixture(params=[str.upper, str.lower], ids=["capitals", "small"])
def timit(request, tmp_path) -> Path:
    """Two training speakers, two test speakers of which one is in the core test set; SPHERE and RIFF."""
    case = request.param
    for half, region, speaker, kind in (
        ("train", "dr1", "fcjf0", "NIST"),
        ("train", "dr2", "mabc0", "WAV"),
        ("test", "dr1", "mdab0", "NIST"),
        ("test", "dr3", "fxyz0", "NIST"),
    ):
        for sentence in ("sa1", "sx37"):
            stem = tmp_path / case("timit") / case(half) / case(region) / case(speaker) / case(sentence)
            record(stem.with_suffix(case(".wav")), 8000, format=kind)
            phones = "0 1000 h#\n1000 2000 ix\n2000 2500 pau\n2500 3000 dcl\n3000 3300 d\n3300 3400 q\n3400 7900 ao\n"
            write(stem.with_suffix(case(".phn")), phones + "7900 8003 h#\n")
            write(stem.with_suffix(case(".wrd")), "1000 3300 in'd\n3290 7900 all\n")
    return tmp_path / case("timit")


def test_timit(timit, tmp_path, capsys):
    for raw in (timit, timit.parent):  # as well from the folder above
        prepare("timit", raw, tmp_path / "out")
        assert "labels of the tier word that overlap or outlast their recording, cut: 4 (" in capsys.readouterr().err
        train, test, core = (utterances(tmp_path / "out" / f"{n}.jsonl") for n in ("train", "test", "core-test"))
        assert list(train) == ["fcjf0-sx37", "mabc0-sx37"]
        assert list(test) == ["fxyz0-sx37", "mdab0-sx37"]
        assert list(core) == ["mdab0-sx37"]
    one = train["fcjf0-sx37"]
    assert (one.gender, one.rate, one.ticks, one.text) == ("f", 16000, 8000, "in'd all")
    assert [interval.label for interval in one.alignment["phone"]] == ["h#", "ix", "pau", "dcl", "d", "q", "ao", "h#"]
    assert one.alignment["phone"][-1] == (7900, 8000, "h#")  # TIMIT's last label outlasts the recording
    assert one.alignment["word"] == [(1000, 3300, "in'd"), (3300, 7900, "all")]  # and words overlap
    assert len(read_audio(one)) == 8000


def test_timit_folded_to_39_phones(timit, tmp_path):
    prepare("timit", timit, tmp_path / "out", "--fold", "--sa")
    train = utterances(tmp_path / "out" / "train.jsonl")
    assert len(train) == 4
    assert train["mabc0-sa1"].alignment["phone"] == [
        (0, 1000, "sil"),
        (1000, 2000, "ih"),
        (2000, 3000, "sil"),
        (3000, 3300, "d"),
        (3400, 7900, "aa"),
        (7900, 8000, "sil"),
    ]


TIMIT_61 = """iy ih eh ey ae aa aw ay ah ao oy ow uh uw ux er ax ix axr ax-h jh ch b d g p t k dx s sh z zh f th v dh
    m n ng em nx en eng l r w y hh hv el bcl dcl gcl pcl tcl kcl q pau epi h#"""
LEE_HON_39 = """iy ih eh ey ae aa aw ay ah oy ow uh uw er jh ch b d g p t k dx s sh z f th v dh m n ng l r w y hh sil"""


def test_the_61_labels_of_timit_fold_to_39():
    """Against the classes as Lee and Hon (1989, table II) list them."""
    labels = TIMIT_61.split()
    folded = runpy.run_path(str(FOLDER / "timit.py"))["folded"]
    after = {interval.label for label in labels for interval in folded([Interval(0, 1, label)])}
    classes = LEE_HON_39.split()
    assert len(labels) == 61
    assert len(classes) == 39
    assert after == set(classes)


def test_the_core_test_set_has_two_men_and_a_woman_of_each_of_eight_dialects():
    core = runpy.run_path(str(FOLDER / "timit.py"))["CORE_TEST"].split()
    assert len(set(core)) == 24
    assert [name[0] for name in core] == ["m", "m", "f"] * 8


@pytest.mark.parametrize("suffix,text", [("phn", "0 1000 h#\n1000 b\n"), ("wrd", "")])
def test_a_broken_label_file_of_timit_is_named(timit, tmp_path, capsys, suffix, text):
    victim = next(
        p for p in sorted(timit.rglob("*")) if p.name.lower() == f"sx37.{suffix}" and "cjf0" in str(p).lower()
    )
    victim.write_text(text) if text else victim.unlink()
    prepare("timit", timit, tmp_path / "out")
    assert list(utterances(tmp_path / "out" / "train.jsonl")) == ["mabc0-sx37"]
    expected = f"{victim}:2: '1000 b' is not START END LABEL" if text else f"has no .{suffix} beside it"
    assert expected in capsys.readouterr().err
    with pytest.raises(CorpusError, match="copy"):
        prepare("timit", timit, tmp_path / "out", "--strict")


# --- the sets with tables


@pytest.fixture
def tables(tmp_path) -> Path:
    """Eight speakers, four of each gender, two utterances of a second each."""
    raw = tmp_path / "raw"
    rows = ["utt\tfile\tspeaker\tgender\tsplit\tduration\ttext"]
    phones, words = ["utt\tstart\tend\tphone"], ["utt\tstart\tend\tword"]
    for number in range(8):
        for split in ("train", "test"):
            name = f"s{number}-{split}"
            record(raw / "audio" / f"{name}.flac", 16000)
            rows.append(f'{name}\taudio/{name}.flac\ts{number}\t{"fm"[number % 2]}\t{split}\t1.0\tSAY "HI')
            phones += [f"{name}\t0.0000\t0.3333\tSIL", f"{name}\t0.3333\t1.0000\tAY"]
            words += [f"{name}\t0.3333\t1.0000\tHI"]
    for table, lines in (("utts", rows), ("phones", phones), ("words", words)):
        write(raw / f"{table}.tsv", "\n".join(lines) + "\n")
    return raw


def test_speechocean762_holds_out_as_many_women_as_men(tables, tmp_path):
    prepare("speechocean762", tables, tmp_path / "out")
    train, test = (utterances(tmp_path / "out" / f"{split}.jsonl") for split in ("train", "test"))
    assert len({u.speaker for u in train.values()}) == 6
    assert Counter(u.gender for u in test.values()) == {"f": 2, "m": 2}
    assert not {u.speaker for u in train.values()} & {u.speaker for u in test.values()}
    one = next(iter(test.values()))
    assert one.alignment == {"phone": [(0, 5333, "SIL"), (5333, 16000, "AY")], "word": [(5333, 16000, "HI")]}
    assert one.text == 'SAY "HI'
    assert Path(one.path).resolve().is_relative_to(tables)  # not copied


def test_more_speakers_join_the_train_set_without_labels(tables, tmp_path):
    more = tmp_path / "more"
    record(more / "audio" / "new.flac", 8000)
    row = "new\taudio/new.flac\tx1\tf\t0.5\tSAY HI"
    write(more / "utts.tsv", "utt\tfile\tspeaker\tgender\tduration\ttext\n" + row + "\n")
    prepare("speechocean762", tables, tmp_path / "out", "--more", more)
    train, test = (utterances(tmp_path / "out" / f"{split}.jsonl") for split in ("train", "test"))
    assert train["new"].speaker == "x1" and not train["new"].alignment and "new" not in test
    assert len(train) == 13
    known = next(iter(test.values())).speaker
    write(more / "utts.tsv", "utt\tfile\tspeaker\tgender\tduration\ttext\n" + row.replace("x1", known) + "\n")
    with pytest.raises(CorpusError, match=f"has speakers of the test set, such as {known}; take them off its utts.tsv"):
        prepare("speechocean762", tables, tmp_path / "out", "--more", more)


def test_grown_speakers_and_the_first_hours_are_chosen(tables, tmp_path):
    more = tmp_path / "more"
    rows = ["utt\tfile\tspeaker\tgender\tage\tduration\ttext"]
    for number in range(4):
        record(more / "audio" / f"new{number}.flac", 16000)
        rows.append(f"new{number}\taudio/new{number}.flac\tx{number}\tf\t{8 + 5 * number}\t1.0\tSAY HI")
    write(more / "utts.tsv", "\n".join(rows) + "\n")

    def train(*options: str) -> set[str]:
        prepare("speechocean762", tables, tmp_path / "out", "--more", more, *options)
        return set(utterances(tmp_path / "out" / "train.jsonl"))

    everyone, seconds = train(), [str(number / 3600) for number in (4, 12, 13, 14)]
    assert everyone - train("--more-from-age", "18") == {"new0", "new1"}
    few, labelled, one, two = (train("--more-from-age", "18", "--train-hours", hours) for hours in seconds)
    assert few < labelled < one < two
    assert [len(found) for found in (few, labelled, one, two)] == [4, 12, 13, 14]
    assert not {name for name in labelled if name.startswith("new")}
    assert len({name[:2] for name in few}) == 2  # whole speakers
    with pytest.raises(CorpusError, match="--more-from-age 24 leaves nobody; the oldest is 23"):
        train("--more-from-age", "24")
    with pytest.raises(CorpusError, match=r"--train-hours 1: it must be above 0, and there are 0[.]00"):
        train("--train-hours", "1")
    write(more / "utts.tsv", "\n".join(rows).replace("\t23\t", "\tgrown\t") + "\n")
    with pytest.raises(CorpusError, match="ages must be whole years"):
        train("--more-from-age", "18")


def test_genders_of_any_spelling_make_a_manifest_that_is_valid(tables, tmp_path, capsys):
    genders = ["unknown", "F", "female", "Weiblich", "male_masculine", "MAN", "", "non-binary"]
    table = (tables / "utts.tsv").read_text().splitlines()
    for number, gender in enumerate(genders):
        table = [row.replace(f"\ts{number}\t{'fm'[number % 2]}\t", f"\ts{number}\t{gender}\t") for row in table]
    write(tables / "utts.tsv", "\n".join(table) + "\n")
    prepare("vctk", tables, tmp_path / "out")
    made = utterances(tmp_path / "out" / "train.jsonl")
    assert [made[f"s{n}-train"].gender for n in range(8)] == [None, "f", "f", "f", "m", "m", None, None]
    said = capsys.readouterr().err
    assert "the gender 'unknown' is neither that of women nor of men, and is left out: 2 (s0-train, s0-test)" in said
    assert "'non-binary'" in said
    assert "the gender ''" not in said
    assert not [problem for problem in validate(tmp_path / "out" / "train.jsonl") if problem.severity == "error"]


def test_a_speaker_of_two_genders_has_none(tables, tmp_path, capsys):
    table = (tables / "utts.tsv").read_text()
    write(tables / "utts.tsv", table.replace("\ts3\tm\ttrain", "\ts3\tf\ttrain"))
    prepare("vctk", tables, tmp_path / "out")
    assert utterances(tmp_path / "out" / "train.jsonl")["s3-train"].gender is None
    assert utterances(tmp_path / "out" / "test.jsonl")["s3-test"].gender is None
    assert "a speaker of both genders, which are left out: 1 (s3)" in capsys.readouterr().err


def test_every_table_of_labels_is_a_tier(tables, tmp_path, capsys):
    write(tables / "syllables.tsv", "utt\tstart\tend\tsyllable\ns0-train\t0.5\t1.0\thi\nnobody\t0\t1\tx\n")
    tones = "s0-train\t0.3\t0.30001\t2\ns0-train\t0.5\t1.015\t4\n"
    write(tables / "pitch.tsv", f"utt\tstart\tend\ttone\n{tones}")
    write(tables / "sessions.tsv", "utt\troom\ns0-train\t12\n")
    text = "".join(row for row in (tables / "words.tsv").read_text().splitlines(True) if not row.startswith("s1-train"))
    write(tables / "words.tsv", text)
    prepare("vctk", tables, tmp_path / "out")
    made = utterances(tmp_path / "out" / "train.jsonl")
    assert made["s0-train"].alignment == {
        "phone": [(0, 5333, "SIL"), (5333, 16000, "AY")],
        "word": [(5333, 16000, "HI")],
        "syllable": [(8000, 16000, "hi")],
        "tone": [(8000, 16000, "4")],
    }
    assert list(made["s1-train"].alignment) == ["phone"]
    said = capsys.readouterr().err
    for line in (
        "tables without the columns utt, start, end and one of labels, left out: 1 (sessions.tsv)",
        "utterances of syllables.tsv that utts.tsv does not have, left out: 1 (nobody)",
        "utterances of which syllables.tsv says nothing, without the tier syllable: 15 (s0-test, s1-train, s1-test, "
        "...)",
        "utterances of which words.tsv says nothing, without the tier word: 1 (s1-train)",
        "labels of the tier tone that outlast their recording, cut to it: 1 (s0-train)",
        "labels of the tier tone without length, left out: 1 (s0-train)",
    ):
        assert line in said.splitlines(), line
    write(tables / "syllables2.tsv", "utt\tstart\tend\tsyllable\n")
    with pytest.raises(CorpusError, match=r"syllables2\.tsv: is of the tier syllable, as syllables\.tsv is; take one"):
        prepare("vctk", tables, tmp_path / "out")


@pytest.mark.parametrize("script,option", [("speechocean762", ["--given-split"]), ("vctk", [])])
def test_the_given_split_is_to_be_had(tables, tmp_path, script, option):
    prepare(script, tables, tmp_path / "out", *option)
    for split in ("train", "test"):
        assert list(utterances(tmp_path / "out" / f"{split}.jsonl")) == [f"s{n}-{split}" for n in range(8)]


def test_labels_past_the_end_are_named(tables, tmp_path, capsys):
    with (tables / "phones.tsv").open("a") as file:
        file.write("s3-train\t1.0\t1.5\tS\n")
    prepare("vctk", tables, tmp_path / "out")
    assert "phones.tsv: s3-train: 'S' ends at 1.5 s, after the recording (1.0 s)" in capsys.readouterr().err
    assert "s3-train" not in utterances(tmp_path / "out" / "train.jsonl")


# --- free spoken digits


@pytest.fixture
def digits(tmp_path) -> Path:
    raw, rows = tmp_path / "fsdd", ["file\tstart_sample\tend_sample\tspeaker\tdigit\tindex\tsplit"]
    for speaker in ("ann", "bob"):
        record(raw / "audio" / f"{speaker}.flac", 20 * 400, 8000)
        for number in range(20):
            split = "test" if number % 2 else "train"
            row = (f"audio/{speaker}.flac", number * 400, number * 400 + 390, speaker, number // 2, number % 2, split)
            rows.append("\t".join(map(str, row)))
    write(raw / "segments.tsv", "\n".join(rows) + "\n")
    return raw


def test_digits_are_joined_sample_by_sample(digits, tmp_path):
    prepare("free_spoken_digits", digits, tmp_path / "out")
    original = {name: soundfile.read(digits / "audio" / f"{name}.flac")[0] for name in ("ann", "bob")}
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    said = Counter()
    for split, parity in (("train", 0), ("test", 1)):
        for utterance in utterances(tmp_path / "out" / f"{split}.jsonl").values():
            wave = read_audio(utterance)
            assert len(wave) == utterance.ticks == utterance.alignment["word"][-1].end
            assert utterance.rate == 8000
            assert utterance.text.split() == [word.label for word in utterance.alignment["word"]]
            assert len(utterance.alignment["word"]) <= 6
            for start, end, word in utterance.alignment["word"]:
                first = (2 * names.index(word) + parity) * 400
                np.testing.assert_allclose(wave[start:end], original[utterance.speaker][first : first + 390], atol=1e-4)
                said[utterance.speaker, word, split] += 1
    assert len(said) == 2 * 10 * 2
    assert set(said.values()) == {1}  # every recording once


def test_strings_of_digits_depend_on_the_seed_alone(digits, tmp_path):
    made = []
    for number, seed in enumerate((1, 1, 2)):
        prepare("free_spoken_digits", digits, tmp_path / str(number), "--seed", seed)
        made.append((tmp_path / str(number) / "train.jsonl").read_text())
    assert made[0] == made[1] != made[2]


def test_digits_one_by_one_with_a_speaker_held_out(digits, tmp_path):
    prepare("free_spoken_digits", digits, tmp_path / "out", "--isolated", "--test-speakers", "bob")
    train, test = (utterances(tmp_path / "out" / f"{split}.jsonl") for split in ("train", "test"))
    assert {u.speaker for u in train.values()} == {"ann"}
    assert {u.speaker for u in test.values()} == {"bob"}
    assert len(train) == len(test) == 20
    assert (test["bob-3-01"].start, test["bob-3-01"].ticks, test["bob-3-01"].text) == (7 * 400, 390, "three")
    assert not (tmp_path / "out" / "wav").exists()


def test_a_length_that_no_digit_keeps_is_refused(digits, tmp_path):
    with pytest.raises(
        CorpusError, match=r"train: no digit is as short as 0\.04 s; --longest of more than 0\.05 keeps"
    ):
        prepare("free_spoken_digits", digits, tmp_path / "out", "--isolated", "--longest", "0.04")


@pytest.mark.parametrize("cells", ["0\t9000\tann\t1\t7\ttrain", "0\tx\tann\t1\t7\ttrain", "0\t9\tann\t12\t7\ttrain"])
def test_a_digit_that_cannot_be_is_left_out(digits, tmp_path, capsys, cells):
    with (digits / "segments.tsv").open("a") as file:
        file.write(f"audio/ann.flac\t{cells}\n")
    prepare("free_spoken_digits", digits, tmp_path / "out", "--isolated")
    assert "segments.tsv" in capsys.readouterr().err
    assert len(utterances(tmp_path / "out" / "train.jsonl")) == 20


# --- the real sets


def test_the_real_speechocean762(real_data, tmp_path):
    prepare("speechocean762", real_data / "so762_dev", tmp_path / "out")
    train, test = (utterances(tmp_path / "out" / f"{split}.jsonl") for split in ("train", "test"))
    assert len(train) + len(test) == 781
    speakers = {(u.speaker, u.gender) for u in test.values()}
    assert Counter(gender for _, gender in speakers) == {"f": 6, "m": 6}
    with (real_data / "so762_dev" / "phones.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    listed = [(row["utt"], row["phone"]) for row in rows]
    made = {**train, **test}
    found = [(u.id, interval.label) for u in made.values() for interval in u.alignment["phone"]]
    assert sorted(found) == sorted(listed)
    for row in rows[::500]:
        middle = (float(row["start"]) + float(row["end"])) / 2 * 16000
        assert any(i.start <= middle < i.end and i.label == row["phone"] for i in made[row["utt"]].alignment["phone"])


def test_the_real_vctk(real_data, tmp_path):
    prepare("vctk", real_data / "vctk_mini", tmp_path / "out", "--strict")
    assert len(utterances(tmp_path / "out" / "train.jsonl")) == 427
    assert len(utterances(tmp_path / "out" / "test.jsonl")) == 125


def test_the_real_digits(real_data, tmp_path):
    prepare("free_spoken_digits", real_data / "fsdd", tmp_path / "out", "--isolated", "--strict")
    assert len(utterances(tmp_path / "out" / "train.jsonl")) == 2700
    assert len(utterances(tmp_path / "out" / "test.jsonl")) == 300


# --- what the scripts share


def listed(genders: str) -> list[Utterance]:
    return [Utterance(f"u{n}", "x.wav", f"s{n}", 10, gender=g if g != "?" else None) for n, g in enumerate(genders)]


@pytest.mark.parametrize("which,count", [("1", 1), ("4", 4), ("0.25", 2), ("0.5", 4), ("s0,s7", 2)])
def test_held_out_speakers_are_on_one_side_only(which, count):
    split = hold_out(listed("ffffmmmm"), which, seed=0)
    assert len(split["test"]) == count
    assert sorted(u.id for side in split.values() for u in side) == [f"u{n}" for n in range(8)]


def test_women_and_men_are_held_out_by_turns():
    for seed in range(20):
        genders = Counter(u.gender for u in hold_out(listed("ffffffffmmmm"), "4", seed)["test"])
        assert genders == {"f": 2, "m": 2}
    genders = Counter(u.gender for u in hold_out(listed("ffffffffm"), "4", 0)["test"])
    assert genders == {"f": 3, "m": 1}
    assert len(hold_out(listed("????"), "2", 0)["test"]) == 2


def test_the_seed_draws_the_speakers():
    drawn = [tuple(u.id for u in hold_out(listed("ffffmmmm"), "2", seed)["test"]) for seed in range(10)]
    assert len(set(drawn)) > 3
    assert hold_out(listed("ffffmmmm"), "2", 0) == hold_out(listed("ffffmmmm"), "2", 0)


@pytest.mark.parametrize("which", ["0", "8", "9", "-1", ",", "s0,s1,s2,s3,s4,s5,s6,s7"])
def test_neither_side_may_be_empty(which):
    with pytest.raises(
        CorpusError, match=rf"--test-speakers {which} would hold out \d of 8 .*both sides need at least one"
    ):
        hold_out(listed("ffffmmmm"), which, 0)


def test_what_nobody_asked_for_is_called_a_default(tables, tmp_path):
    table = (tables / "utts.tsv").read_text().splitlines(True)
    write(tables / "utts.tsv", "".join(row for row in table if row[:2] in ("ut", "s0")))
    said = (
        r"--test-speakers 0.25, which is its default, would hold out 0 of 1 speakers, but both sides .*; give a number"
    )
    with pytest.raises(CorpusError, match=said):
        prepare("speechocean762", tables, tmp_path / "out")
    with pytest.raises(CorpusError, match=r"--test-speakers 1 would hold out 1 of 1 speakers"):
        prepare("speechocean762", tables, tmp_path / "out", "--test-speakers", "1")


@pytest.mark.parametrize("which", ["nan", "inf", "1.5"])
def test_what_is_no_number_of_speakers_is_a_name(which):
    with pytest.raises(CorpusError, match=rf"--test-speakers {which}: no speakers \['{which}'\] to hold out"):
        hold_out(listed("fm"), which, 0)


def test_who_is_not_known_stays_in_train_and_is_said(capsys):
    lines = [*listed("fm"), Utterance("x", "x.wav", None, 10)]
    assert [u.id for u in hold_out(lines, "s0", 0, "writer")["train"]] == ["u1", "x"]
    assert "without a writer, so in train, though it may be one of those held out: 1 (x)" in capsys.readouterr().err
    with pytest.raises(CorpusError, match="--test-writers 1 holds out writers, but none is known"):
        hold_out(lines[2:], "1", 0, "writer")


def test_unknown_speakers_cannot_be_held_out():
    with pytest.raises(CorpusError, match=r"no speakers \['ann'\] to hold out: choose from \['s0', 's1'\]"):
        hold_out(listed("fm"), "s0,ann", 0)


def test_tiers_are_clipped_by_a_frame_and_no_more(tmp_path):
    utterance = recording(record(tmp_path / "a.wav", 16000))
    assert audio_info(utterance.path) == (16000, 16000)
    clipped = with_tier(utterance, "phone", [(0, 0.5, "A"), (0.5, 0.50001, "-"), (0.50001, 1.01, "B")], tmp_path / "t")
    assert clipped.alignment["phone"] == [(0, 8000, "A"), (8000, 16000, "B")]
    for rows, what in (
        ([(0, 1.1, "A")], "after the recording"),
        ([(0.5, 0.4, "A")], "from 0.5 to 0.4 s"),
        ([(0, float("nan"), "A")], "from 0 to nan s"),
        ([(0, 0.5, "A"), (0.4, 1, "B")], "must start at 8000"),
    ):
        with pytest.raises(CorpusError, match=rf"/t: a: .*{what}"):
            with_tier(utterance, "phone", rows, tmp_path / "t")


def test_a_table_says_what_is_wrong_with_it(tmp_path):
    good = write(tmp_path / "a.tsv", 'a\tb\n1\t"2\n')
    assert list(read_table(good, ("a", "b"))) == [{"a": "1", "b": '"2'}]
    with pytest.raises(CorpusError, match=r"a\.tsv:1: has no columns \['c'\]"):
        list(read_table(good, ("a", "c")))
    with pytest.raises(CorpusError, match=r"b\.tsv:3: has too few columns"):
        list(read_table(write(tmp_path / "b.tsv", "a\tb\n1\t2\n3\n"), ("a",)))
    with pytest.raises(CorpusError, match=r"c\.tsv: cannot be read"):
        list(read_table(tmp_path / "c.tsv", ("a",)))
