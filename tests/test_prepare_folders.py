"""Folders as people have them, each made here, become corpora by one command; what is left out is said."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from field_folders import RATE, bursts, eaf, noise, textgrid, write
from manuscripts import alto, draw_page
from tiny import make_lines

from unitdisc import CutOptions, PrepareOptions
from unitdisc.api.prepare import PrepareResult, prepare
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.manifest import read_manifest
from unitdisc.media.audio import read_audio

LONG = 6.0  # seconds, for these tests
PLAIN = PrepareOptions()
SHORTER = PrepareOptions(cut=CutOptions(longest=LONG))


@pytest.fixture
def raw(tmp_path) -> Path:
    return tmp_path / "raw"


@pytest.fixture
def brought(raw, tmp_path, capsys) -> Callable[..., tuple[PrepareResult, dict[str, Utterance], str]]:
    """What becomes of the folder: the result, its utterances by id, and what is said."""

    def run(options: PrepareOptions = PLAIN, source: Path | None = None, strict: bool = False):
        capsys.readouterr()
        result = prepare(source or raw, tmp_path / "out", options, access=CorpusAccess(strict=strict))
        listed = {u.id: u for path in result.manifests.values() for u in read_manifest(path)}
        assert not [problem for problem in result.problems if problem.severity == "error"], result.problems
        return result, listed, " ".join(capsys.readouterr().err.split())

    return run


def speakers(found: dict[str, Utterance]) -> dict[str, str | None]:
    return {id: each.speaker for id, each in found.items()}


def test_1_nested_folders_of_any_depth(raw, brought):
    for name in ("ann/wav/1.wav", "ann/wav/day 2/2.wav", "bob/1.flac", "3.wav", "Cy/a/b/c/4.ogg"):
        write(raw / name)
    result, found, said = brought()
    assert speakers(found) == {
        "ann-wav-1": "ann",
        "ann-wav-day_2-2": "day 2",
        "bob-1": "bob",
        "3": None,
        "Cy-a-b-c-4": "c",
    }
    assert "5 recordings (1 flac, 1 ogg, 3 wav) in 4 folders." in said
    assert result.next_command == f"unitdisc train small {result.manifests['all']} exp/out"
    _, found, _ = brought(PrepareOptions(speaker_from="name:^(ann|bob|Cy|.)"))
    assert speakers(found)["ann-wav-day_2-2"] == "ann" and speakers(found)["Cy-a-b-c-4"] == "Cy"
    _, found, _ = brought(PrepareOptions(speaker_from="none"))
    assert {*speakers(found).values()} == {None}


def test_2_mixed_rates_and_kinds(raw, brought):
    for name, rate in (("a.wav", 16_000), ("b.wav", 16_000), ("c.flac", 44_100), ("d.ogg", 8_000), ("e.opus", 48_000)):
        more = {"format": "OGG", "subtype": "OPUS"} if name.endswith("opus") else {}
        write(raw / name, noise(1, 3, rate), rate, **more)
    (raw / "f.mp3").write_bytes((raw / "a.wav").read_bytes())  # whatever it is called
    result = prepare(raw, raw.parent / "as-it-is")
    assert "has 44100 samples per second, but most have 16000; resample it to 16000" in "\n".join(
        map(str, result.problems)
    )
    _, found, _ = brought(PrepareOptions(resample=16_000))
    assert {each.rate for each in found.values()} == {16_000}
    assert {each.ticks for each in found.values()} == {16_000}
    copies = {Path(each.path).parent.name for each in found.values() if each.id in "cde"}
    assert copies == {"audio"} and Path(found["a"].path).parent == raw
    wave, _ = soundfile.read(raw / "c.flac")
    assert np.abs(read_audio(found["c"])).mean() == pytest.approx(np.abs(wave).mean() * (16 / 44.1) ** 0.5, rel=0.1)


def test_3_odd_names(raw, brought):
    """Blanks, accents in both encodings, right to left, emoji, quotes, controls, and names that are not UTF-8."""
    names = [
        "my talk.wav",
        "caf\u00e9.wav",
        "cafe\u0301.flac",
        "שלום.wav",
        "🎤 1.wav",
        'it\'s "so".wav',
        "a\tb\x07.wav",
        "%41|;.wav",
    ]
    for number, name in enumerate(names):
        write(raw / "Zo\u00eb K." / name, noise(0.5, number))
    bad = os.fsencode(raw / "Zo\u00eb K.") + b"/caf\xe9.wav"
    shutil.copy(os.fsencode(raw / "Zo\u00eb K." / "my talk.wav"), bad)
    _, found, said = brought()
    assert len(found) == len(names)
    assert {each.speaker for each in found.values()} == {"Zo\u00eb K."}
    assert {
        "Zo\u00eb_K.-my_talk",
        "Zo\u00eb_K.-caf\u00e9",
        "Zo\u00eb_K.-caf\u00e9-2",
        "Zo\u00eb_K.-a_b_",
    } <= found.keys()
    assert r"left out:" in said and "not UTF-8 (byte 0xe9); rename the file" in said
    assert "recordings that would be called alike, numbered: 1" in said


def test_4_files_that_would_get_one_id(raw, brought):
    write(raw / "a b.wav", noise(0.5, 1))
    write(raw / "a_b.wav", noise(0.6, 2))
    write(raw / "a_b-2.wav", noise(0.7, 3))
    write(raw / "x.wav", noise(0.5, 4))
    write(raw / "x.flac", noise(0.5, 4))
    write(raw / "y.wav", noise(0.5, 5))
    write(raw / "y.ogg", noise(0.9, 6))
    _, found, said = brought()
    assert {id: each.ticks / RATE for id, each in found.items()} == {
        "a_b": 0.5, "a_b-3": 0.6, "a_b-2": 0.7, "x": 0.5, "y": 0.9, "y-2": 0.5,
    }  # fmt: skip
    assert found["x"].path.endswith("x.flac")
    assert "recordings that are there in a better format too, left out: 1 (x.wav)" in said


def test_5_textgrids_that_half_fit(raw, brought):
    for name in ("a", "b", "c", "d"):
        write(raw / "ann" / f"{name}.wav", noise(2, ord(name)))
    grids = {
        "a": {"phones": [(0, 1, "x"), (1, 2, "")], "words": [(0, 2, "so")]},
        "b": {"Phones": [(0, 1, "x"), (1, 2.6, "y")]},
        "c": {"words": [(5, 6, "far"), (7, 8, "away")]},
    }
    for name, tiers in grids.items():
        (raw / "ann" / f"{name}.TextGrid").write_text(textgrid(3, tiers))
    (raw / "ann" / "d.TextGrid").write_text("cut off")
    (raw / "ann" / "e.TextGrid").write_text(textgrid(3, grids["a"]))
    _, found, said = brought()
    tiers = {id: {name: [tuple(i) for i in tier] for name, tier in u.alignment.items()} for id, u in found.items()}
    assert tiers == {
        "ann-a": {"phone": [(0, RATE, "x"), (RATE, 2 * RATE, "SIL")], "word": [(0, 2 * RATE, "so")]},
        "ann-b": {"phone": [(0, RATE, "x"), (RATE, 2 * RATE, "y")]},
        "ann-c": {},
        "ann-d": {},
    }
    assert found["ann-a"].text == "so"
    for sentence in (
        "labels of the tier 'phone' that outlast their recording, cut to it: 1 (ann-b)",
        "tiers 'word' of which most is outside of the recording, left out whole: 1 (ann-c)",
        "utterances without the tier 'phone', which others have: 2 (ann-c, ann-d)",
        "utterances without the tier 'word', which others have: 3 (ann-b, ann-c, ann-d)",
        "d.TextGrid: is no TextGrid of Praat",
        "texts and labels that are called like no recording, left out: 1 (e.TextGrid)",
    ):
        assert sentence in said, sentence


def test_6_stereo(raw, brought):
    """Two microphones are two speakers; music in stereo, or the same on both sides, is one recording."""
    ann, bob = bursts(4, [(0.5, 1.5)]), bursts(4, [(2, 3.5)])
    write(raw / "pair" / "two.wav", np.stack([ann, bob[::-1]], 1))
    write(raw / "pair" / "same.wav", np.stack([ann, 0.5 * ann], 1))
    write(raw / "pair" / "left.wav", np.stack([ann, 0 * ann], 1))
    write(raw / "pair" / "turned.wav", np.stack([ann, -ann], 1))
    _, found, said = brought()
    assert {id: (each.channel, each.speaker) for id, each in found.items()} == {
        "pair-two-A": (0, "pair-A"),
        "pair-two-B": (1, "pair-B"),
        "pair-same": (None, "pair"),
        "pair-left": (None, "pair"),
        "pair-turned-A": (0, "pair-A"),
        "pair-turned-B": (1, "pair-B"),
    }
    assert "recordings whose channels differ, so that each is a speaker of its own: 2 (turned.wav, two.wav)" in said
    _, found, _ = brought(PrepareOptions(cut=CutOptions(channels="1")))
    assert {id: each.channel for id, each in found.items() if "left" not in id} == {
        "pair-two": 1, "pair-same": 1, "pair-turned": 1
    }  # fmt: skip
    assert "pair-left" not in found  # silent, so it is taken out by name
    _, found, _ = brought(PrepareOptions(cut=CutOptions(channels="each")))
    assert "pair-left" in found and "pair-same-B" in found


def test_7_a_long_recording_is_cut_at_its_pauses(raw, brought):
    known = [(1, 3), (4, 6.5), (8, 9), (9.2, 9.9), (12, 17)]
    write(raw / "trip" / "field.flac", bursts(20, known))
    (raw / "trip" / "field.txt").write_text("all that was said")
    _, found, said = brought(SHORTER)
    spans = [(each.start / RATE, (each.start + each.ticks) / RATE) for each in found.values()]
    wanted = [(1, 3), (4, 6.5), (8, 9.9), (12, 17)]
    np.testing.assert_allclose(spans, [(a - 0.15, b + 0.15) for a, b in wanted], atol=0.05)
    assert all(id.startswith("trip-field-000") for id in found)
    assert {each.path for each in found.values()} == {str(raw / "trip" / "field.flac")}
    assert {each.text for each in found.values()} == {None}
    assert "texts of recordings that are cut, left out" in said


def test_7_a_long_recording_of_two_channels(raw, brought):
    ann, bob = [(1, 3), (9, 11), (15, 16)], [(4, 7), (12, 14)]
    write(raw / "pair.wav", np.stack([bursts(18, ann), np.roll(bursts(18, bob), 9)], 1))
    _, found, _ = brought(SHORTER)
    for channel, known in ((0, ann), (1, bob)):
        own = [each for each in found.values() if each.channel == channel]
        spans = [(each.start / RATE, (each.start + each.ticks) / RATE) for each in own]
        np.testing.assert_allclose(spans, [(a - 0.15, b + 0.15) for a, b in known], atol=0.06)
        assert {each.speaker for each in own} == {f"pair-{'AB'[channel]}"}


def test_8_elan_says_who_speaks(raw, brought):
    write(raw / "visit" / "talk.wav", bursts(20, [(1, 3), (4, 6), (8, 17)]))
    tiers = [
        ("A_text", "Ann", [(1, 3, "kia ora"), (8, 17, "a long story")]),
        ("B_text", "Bob", [(4, 6, "tēnā koe"), (2.5, 3.2, "mm")]),
    ]
    (raw / "visit" / "my annotations.eaf").write_text(eaf(tiers, "talk.wav"), encoding="utf-8")
    _, found, said = brought(SHORTER)
    by_speaker = {
        who: [(u.start / RATE, (u.start + u.ticks) / RATE, u.text) for u in found.values() if u.speaker == who]
        for who in ("Ann", "Bob")
    }
    assert by_speaker["Bob"] == [(2.5, 3.2, "mm"), (4, 6, "tēnā koe")]
    assert by_speaker["Ann"][0] == (1, 3, "kia ora")
    long_ones = by_speaker["Ann"][1:]
    assert len(long_ones) == 2 and all(text is None and last - first <= LONG for first, last, text in long_ones)
    assert "turns that overlap one before, so that both are heard: 1 (visit-talk)" in said
    assert "texts of turns that are cut, left out" in said
    assert all(each.id.startswith(("visit-talk-Ann-", "visit-talk-Bob-")) for each in found.values())


def test_9_audacity_labels_and_texts(raw, brought):
    for name in ("a", "b", "c"):
        write(raw / f"{name}.wav", noise(2, ord(name)))
    (raw / "a.txt").write_text("0.100000\t0.500000\tso\n1,5\t1,75\tit\n")
    (raw / "b.txt").write_text("what is said\n")
    (raw / "readme.txt").write_text("Recorded in 1998.")
    write(raw / "long.wav", bursts(14, [(1, 3), (6, 8)]))
    (raw / "long.speakers.txt").write_text("1.0\t3.0\tann\n6.0\t8.0\tbob\n")
    _, found, said = brought(SHORTER)
    assert [tuple(each) for each in found["a"].alignment["label"]] == [(1600, 8000, "so"), (24000, 28000, "it")]
    assert found["b"].text == "what is said" and not found["b"].alignment and found["c"].text is None
    assert {id: each.speaker for id, each in found.items() if "long" in id} == {
        "long-ann-0000100": "ann", "long-bob-0000600": "bob"
    }  # fmt: skip
    assert "called like no recording, left out: 1 (readme.txt)" in said


def test_10_a_folder_with_a_bit_of_everything_else(raw, brought, tmp_path):
    """Empty and broken files, a stray spreadsheet, what systems leave behind, links in a circle, and the output."""
    write(raw / "ann" / "1.wav")
    write(raw / "ann" / "2.wav", np.zeros(RATE))
    write(raw / "ann" / ".hidden" / "3.wav")
    write(raw / "__MACOSX" / "1.wav")
    (raw / "ann" / "._1.wav").write_bytes(b"of a Mac")
    (raw / "ann" / "0.wav").write_bytes(b"")
    (raw / "ann" / "4.wav").write_bytes(b"RIFF and nothing else")
    for name in (".DS_Store", "ann/Thumbs.db", "budget.xlsx", "ann/cover.jpg", "film.mp4"):
        (raw / name).write_bytes(b"x")
    (raw / "list.csv").write_text("name,price\nmicrophone,100\n")
    (raw / "ann" / "loop").symlink_to(raw, target_is_directory=True)
    (raw / "ann" / "again.wav").symlink_to(raw / "ann" / "1.wav")
    (raw / "ann" / "nowhere.wav").symlink_to(raw / "gone.wav")
    result, found, said = brought()
    assert [*found] == ["ann-1"] and len(result.left_out) == 4
    for sentence in (
        "ann/0.wav: is empty (0 bytes)",
        "ann/4.wav: cannot be read",
        "ann-2 is silent; take it off the list",
        "is the same file as",
        "hidden folders, not entered: 2",
        "links to folders, not followed",
        "links that lead nowhere, and what is no file, left out: 1",
        "(budget.xlsx, Thumbs.db)",
        "tables that name no recordings, not read: 1 (list.csv)",
        "images among recordings, left out: 1 (cover.jpg)",
        "formats that are not read, left out; convert them with ffmpeg: 1",
    ):
        assert sentence in said, sentence
    with pytest.raises(CorpusError, match="is empty"):
        brought(strict=True)
    result = prepare(raw, raw / "corpus", PrepareOptions(resample=8000))
    again = prepare(raw, raw / "corpus", PrepareOptions(resample=8000))
    assert again.said == result.said and [*map(str, result.manifests)] == ["all"]


def test_11_a_kaldi_directory(raw, brought, tmp_path):
    write(tmp_path / "wav" / "r1.wav", noise(2, 1))
    raw.mkdir()
    (raw / "wav.scp").write_text(f"r1 {tmp_path}/wav/r1.wav\n")
    (raw / "segments").write_text("ann-1 r1 0.0 0.5\nann-2 r1 0.5 1.5\n")
    (raw / "utt2spk").write_text("ann-1 ann\nann-2 ann\n")
    (raw / "text").write_text("ann-1 so\n")
    (raw / "phone.ctm").write_text("ann-1 1 0.0 0.25 s\n")
    result, found, said = brought()
    assert "a Kaldi data directory of recordings (wav.scp)" in said and result.kind == "kaldi"
    assert found["ann-1"].text == "so" and found["ann-1"].alignment["phone"] == [(0, 4000, "s")]
    assert (found["ann-2"].start, found["ann-2"].ticks) == (8000, 16000)


def test_12_line_images_and_pages(raw, brought, tmp_path):
    (raw / "ada").mkdir(parents=True)
    make_lines(raw / "ada", 4)
    (raw / "ada" / "lines.jsonl").unlink()
    (raw / "ada" / "line00.txt").write_text("abc")
    result, found, said = brought()
    assert result.kind == "lines" and "4 line images in one folder" in said
    assert len(found) == 4 and found["ada-line00"].text == "abc" and found["ada-line00"].speaker == "ada"
    assert result.next_command.startswith("unitdisc train small-handwriting ")
    pages = tmp_path / "pages" / "ms1"
    pages.mkdir(parents=True)
    draw_page(pages / "p.png")
    (pages / "p.xml").write_text(alto(image="p.png"))
    (pages / "mets.xml").write_text("<mets/>")
    shutil.rmtree(tmp_path / "out")
    result, found, said = brought(source=tmp_path / "pages")
    assert result.kind == "pages" and "1 page of manuscripts, with lines in ALTO" in said
    assert len(found) == 3 and {each.speaker for each in found.values()} == {"ms1"}
    assert all(Path(each.path).is_relative_to(tmp_path / "out" / "images") for each in found.values())


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "has no recordings and no images in it (0 other files)"),
        ({"a.xlsx": b"x", "b.pdf": b"x"}, "has no recordings and no images in it (2 other files)"),
        ({"film.m4a": b"x"}, "only such as film.m4a; convert them to WAV or FLAC with ffmpeg"),
        ({"train/wav.scp": b"a a.wav\n"}, "has Kaldi data directories in it; give one of them, such as "),
        ({"a.wav": b""}, "not one of its recordings can be used"),
    ],
)
def test_a_folder_of_nothing_is_refused_in_a_sentence(raw, brought, tmp_path, files, why):
    raw.mkdir()
    for name, content in files.items():
        (raw / name).parent.mkdir(exist_ok=True)
        (raw / name).write_bytes(content)
    with pytest.raises(CorpusError) as error:
        brought()
    assert why in str(error.value)
    assert not list((tmp_path / "out").glob("*.jsonl")) if (tmp_path / "out").exists() else True


@pytest.mark.slow
def test_an_hour_of_stereo_is_never_whole_in_memory(raw, tmp_path):
    """An hour of two channels at 48 kHz has 1.4 GB as floats; a run takes less than a fifth of that."""
    import subprocess
    import sys

    raw.mkdir()
    rate, minute = 48_000, bursts(60, [(t, t + 4) for t in range(2, 56, 6)], 48_000)
    with soundfile.SoundFile(raw / "field.flac", "w", rate, 2, "PCM_16") as file:
        for number in range(60):
            file.write(np.stack([minute, np.roll(minute[::-1], 1000 * number)], 1))
    peak = "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"  # not the parent's
    script = f"import atexit; atexit.register(lambda: {peak}); from unitdisc.commands import main; main()"
    command = [sys.executable, "-c", script, "prepare", str(raw), str(tmp_path / "out"), "--resample", "16000"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-2]) < 400_000, "kilobytes, of which torch is no part"
    found = list(read_manifest(tmp_path / "out" / "all.jsonl"))
    assert sum(each.channel == 0 for each in found) == 60 * 9 and max(each.ticks for each in found) <= 20 * 16_000, (
        done.stderr
    )
