"""The run of ZeroSpeech 2017: its figures, its table, what it says of what is missing; and mini speech in its shape."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import RATE, listed, make_corpus, record, settings

from unitdisc.api.encode import encode, features
from unitdisc.api.train import train
from unitdisc.corpus import CorpusError
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.media.audio import read_audio
from unitdisc.model import PROBE_POINTS

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT.parent / "shared" / "golden" / "abx"
HEADER = "#file onset offset #phone prev-phone next-phone speaker\n"


@pytest.fixture(scope="module")
def script() -> dict:
    return runpy.run_path(str(ROOT / "eval" / "zerospeech2017.py"))


@pytest.fixture
def run(script, capsys):
    """Runs the script; what it returns and what it printed."""

    def invoke(*arguments: str | Path) -> tuple[dict, str, str]:
        found = script["main"]([str(argument) for argument in (*arguments, "--threads", "1")])
        return found, *capsys.readouterr()

    return invoke


def golden(name: str = "g1200_d13") -> Path:
    if not (GOLDEN / name).is_dir():
        pytest.skip(f"no golden references at {GOLDEN}")
    return GOLDEN / name


def expected(name: str, speaker: str) -> float:
    key = f"{name}|{speaker}-speaker|within-context|cosine|slicing=exact|avg=abxpy2017|pool=none"
    figures = json.loads((GOLDEN / "expected.json").read_text())[key].values()
    assert np.ptp(list(figures)) < 1e-6
    return next(iter(figures))


def small(folder: Path, frames: int = 40, files: int = 6, seed: int = 0) -> None:
    """A system of random frames at 100 Hz and items in them."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    lines = []
    for file in range(files):
        np.save(folder / f"f{file}.npy", rng.standard_normal((frames, 4)))
        lines += [
            f"f{file} {i / 10:.2f} {(i + 1) / 10:.2f} {'ab'[i % 2]} x y s{file % 2}\n" for i in range(frames // 10)
        ]
    folder.with_suffix(".item").write_text(HEADER + "".join(lines))


# Figures


@pytest.mark.parametrize("name", ["g1200_d13", "g1200_d13_half", "g1200_d13_zeros"])
def test_figures_are_those_of_independent_tools(run, tmp_path: Path, name: str):
    source = golden(name)
    (tmp_path / "items" / "french").mkdir(parents=True)
    (tmp_path / "items" / "french" / "10s.item").symlink_to(source / "data.item")
    (tmp_path / "system" / "french").mkdir(parents=True)
    (tmp_path / "system" / "french" / "10s").symlink_to(source / "npy")
    found, out, _ = run(tmp_path / "items", tmp_path / "system", "--frame-rate", 100)
    both = found["abx"]["system"]["french"]["10s"]
    for speaker in ("within", "across"):
        assert both[speaker]["error"] == pytest.approx(expected(name, speaker), abs=1e-6)
        assert f"{100 * both[speaker]['error']:.1f}" in out
    assert found["settings"]["average"] == "abxpy" and found["settings"]["slicing"] == "exact"


def test_files_with_times_score_as_arrays_do(run, tmp_path: Path):
    """As submissions of 2017 are; in 2020 the column of times was taken for a feature."""
    small(tmp_path / "npy" / "english" / "1s")
    texts = tmp_path / "txt" / "english" / "1s"
    texts.mkdir(parents=True)
    for path in (tmp_path / "npy" / "english" / "1s").glob("*.npy"):
        frames = np.load(path)
        rows = np.column_stack([(np.arange(len(frames)) + 0.5) / 100, frames])
        np.savetxt(texts / f"{path.stem}.txt", rows, fmt="%.17g")
    items = tmp_path / "npy"
    arrays, *_ = run(items, tmp_path / "npy", "--frame-rate", 100)
    timed, *_ = run(items, tmp_path / "txt", "--times", "column")
    for speaker in ("within", "across"):
        assert arrays["abx"]["npy"]["english"]["1s"][speaker] == timed["abx"]["txt"]["english"]["1s"][speaker]
    with pytest.raises(CorpusError, match="its first column grows"):
        run(items, tmp_path / "txt", "--frame-rate", 100)


def test_units_are_compared_as_codes(run, tmp_path: Path):
    small(tmp_path / "a" / "english" / "1s")
    rng = np.random.default_rng(1)
    lines = [json.dumps({"utterance": f"f{i}", "codes": rng.integers(3, size=40).tolist()}) + "\n" for i in range(6)]
    (tmp_path / "b" / "english").mkdir(parents=True)
    (tmp_path / "b" / "english" / "1s.jsonl").write_text("".join(lines))
    with pytest.raises(
        CorpusError, match="holds codes, and angular distances are between frames; choose identity or lev"
    ):
        run(tmp_path / "a", tmp_path / "b", "--frame-rate", 100)
    found, *_ = run(tmp_path / "a", tmp_path / "b", "--frame-rate", 100, "--distance", "levenshtein")
    assert 0 < found["abx"]["b"]["english"]["1s"]["within"]["error"] < 1


# What there is, and what not


def test_every_point_language_and_duration_has_its_place_in_the_table(run, tmp_path: Path):
    for seed, place in enumerate(
        ("english/1s/condition", "english/10s/condition", "LANG1/1s/condition", "LANG1/1s/mfcc")
    ):
        small(tmp_path / "e" / place, seed=seed)
        items = tmp_path / "items" / Path(place).parent.with_suffix(".item")
        items.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "e" / place).with_suffix(".item").rename(items)
    found, out, err = run(tmp_path / "items", tmp_path / "e", "--frame-rate", 100)
    assert list(found["abx"]) == ["condition", "mfcc"]  # as found; the table has them in the order of the model
    within, across = out.split("across speakers")
    assert within.index("mfcc ") < within.index("condition ")
    row = next(line for line in across.splitlines() if line.startswith("condition")).split()
    for figure, (language, duration) in zip(
        row[1:], [("english", "1s"), ("english", "10s"), ("LANG1", "1s")], strict=False
    ):
        assert figure == f"{100 * found['abx']['condition'][language][duration]['across']['error']:.1f}"
    assert row[4] == "–"  # LANG1 10s
    assert "not there, left out: french 1s, 10s, 120s" in err
    assert "not there, left out: english 1s mfcc (encodings)" in err
    assert "LANG2" not in err


def test_the_lecture_is_quoted_as_quoted(run, script, tmp_path: Path):
    small(tmp_path / "e" / "french" / "10s")
    _, out, _ = run(tmp_path / "e", tmp_path / "e", "--frame-rate", 100)
    rows = [line.split() for line in out.splitlines()]
    assert ["topline", "(supervised)", "*", "6.8"] in rows and ["topline", "(supervised)", "*", "9.1"] in rows
    assert "quoted from the lecture" in out
    assert "quoted" not in run(tmp_path / "e", tmp_path / "e", "--frame-rate", 100, "--no-quotes")[1]
    assert {len(row) for rows in script["QUOTED"].values() for row in rows.values()} == {9}


def test_what_is_broken_is_said_and_the_rest_scored(run, tmp_path: Path, capsys):
    small(tmp_path / "e" / "english" / "1s")
    small(tmp_path / "e" / "english" / "10s")
    (tmp_path / "e" / "english" / "10s" / "f3.npy").unlink()
    small(tmp_path / "e" / "english" / "120s")
    np.save(tmp_path / "e" / "english" / "120s" / "f2.npy", np.full((40, 4), np.nan))
    with pytest.raises(CorpusError) as error:
        run(tmp_path / "e", tmp_path / "e", "--frame-rate", 100, "--json", tmp_path / "scores.json")
    assert "lacks 1 of the files that" in str(error.value) and "(f3)" in str(error.value)
    assert "f2.npy: frame 0: value 1 is nan" in str(error.value)
    assert "–" in capsys.readouterr().out
    kept = json.loads((tmp_path / "scores.json").read_text())
    assert list(kept["abx"]["e"]["english"]) == ["1s"] and len(kept["problems"]) == 2


def test_json_says_all_one_must_know(run, tmp_path: Path):
    small(tmp_path / "e" / "english" / "1s")
    first, *_ = run(tmp_path / "e", tmp_path / "e", "--frame-rate", 100, "--json", tmp_path / "scores.json")
    kept = json.loads((tmp_path / "scores.json").read_text())
    assert kept == json.loads(json.dumps(first))
    part = kept["abx"]["e"]["english"]["1s"]
    assert part["made_by"]["stride"] == 160 and {"unitdisc", "numpy"} <= kept["versions"].keys()
    np.save(tmp_path / "e" / "english" / "1s" / "f0.npy", np.ones((40, 4)))
    second, *_ = run(tmp_path / "e", tmp_path / "e", "--frame-rate", 100, "--json", tmp_path / "scores.json")
    changed = second["abx"]["e"]["english"]["1s"]["sha256"]
    assert changed["encodings"] != part["sha256"]["encodings"] and changed["items"] == part["sha256"]["items"]


def test_what_cannot_be_compared_is_a_dash_and_said(run, tmp_path: Path):
    small(tmp_path / "e" / "english" / "1s")
    path = tmp_path / "e" / "english" / "1s.item"
    path.write_text(path.read_text().replace(" s1\n", " s0\n"))
    found, out, err = run(tmp_path / "e", tmp_path / "e", "--frame-rate", 100, "--no-quotes")
    both = found["abx"]["e"]["english"]["1s"]
    assert both["within"]["error"] is not None and both["across"]["error"] is None
    assert "english 1s e: not measured across speakers: " in err and "nothing to compare across speakers" in err
    assert "–" in out


def test_nothing_to_score_is_an_error(run, tmp_path: Path):
    with pytest.raises(CorpusError, match=r"nothing to score with the items of .*english, french, mandarin"):
        run(tmp_path, tmp_path)


@pytest.mark.parametrize("layout", ["{point}/{language}-{duration}", "x/{language}/{duration}.jsonl"])
def test_other_layouts_are_found(script, tmp_path: Path, layout: str):
    place = tmp_path / layout.format(point="p", language="english", duration="1s")
    place.parent.mkdir(parents=True)
    place.touch() if place.suffix else place.mkdir()
    name = "p" if "{point}" in layout else tmp_path.name
    assert script["encodings_of"](tmp_path, layout, "english", "1s") == {name: place}
    assert script["encodings_of"](tmp_path, layout, "french", "1s") == {}


# The test set as distributed: nobody says who speaks


@pytest.fixture(scope="module")
def challenge(tmp_path_factory) -> Path:
    """Recordings in the shape of the challenge, whose test files do not say who speaks, and their items."""
    raw = tmp_path_factory.mktemp("challenge") / "raw"
    for number in range(3):
        (raw / "train" / "english").mkdir(parents=True, exist_ok=True)
        record(raw / "train" / "english" / f"s{number}.wav", 2 * RATE, number)
    for duration, ticks in (("1s", RATE), ("10s", 3 * RATE)):
        folder = raw / "test" / "english" / duration
        folder.mkdir(parents=True)
        lines = []
        for number in range(4):
            record(folder / f"h{number}.wav", ticks, 10 + number)
            phones = (f"{i / 10:.1f} {(i + 2) / 10:.1f} {'ab'[i % 2]}" for i in range(8))
            lines += [f"h{number} {phone} x y s{number % 2}\n" for phone in phones]
        (folder / f"{duration}.item").write_text(HEADER + "".join(lines))
    return raw


def test_test_files_without_speakers_go_all_the_way(challenge: Path, tmp_path: Path, run):
    data = tmp_path / "data"
    runpy.run_path(str(ROOT / "data_prep" / "zerospeech2017.py"))["main"]([str(challenge), str(data), "--chunk", "1"])
    assert {utterance.speaker for utterance in listed(data / "english" / "test-1s.jsonl")} == {None}
    options = settings()[1::2]
    train("small", data / "english" / "train.jsonl", tmp_path / "exp", options, device="cpu")
    for duration in ("1s", "10s"):
        manifest, place = data / "english" / f"test-{duration}.jsonl", tmp_path / "e" / "english" / duration
        encode(tmp_path / "exp", manifest, place, PROBE_POINTS, device="cpu")
        features(
            manifest, place / "mfcc", AcousticFeatures(normalise="speaker")
        )  # falls back on each file's own statistics
        features(manifest, place / "mfcc-file", AcousticFeatures(normalise="utterance"))
    found, *_ = run(challenge / "test", tmp_path / "e")
    assert list(found["abx"]) == ["mfcc", *PROBE_POINTS, "mfcc-file"]
    for by_language in found["abx"].values():
        for both in by_language["english"].values():
            assert 0 <= both["within"]["error"] <= 1 and both["across"]["triplets"] > 0
    for speaker in ("within", "across"):  # nobody is known, so the fallback is what `utterance` says
        assert len({found["abx"][point]["english"]["1s"][speaker]["error"] for point in ("mfcc", "mfcc-file")}) == 1


# Mini speech in the shape of the challenge


@pytest.fixture(scope="module")
def shaped(tmp_path_factory) -> tuple[Path, Path]:
    """A tiny corpus, and what the script makes of it."""
    folder = tmp_path_factory.mktemp("mini")
    manifest = make_corpus(folder / "speech" / "english", number=16)
    for split in ("train", "test"):
        (manifest.parent / f"{split}.jsonl").write_bytes(manifest.read_bytes())
    script = runpy.run_path(str(ROOT / "data_prep" / "mini_zerospeech2017.py"))
    script["main"]([str(folder / "speech"), str(folder / "raw")])
    return manifest.parent, folder / "raw"


def items(raw: Path, duration: str) -> list[list[str]]:
    text = (raw / "test" / "english" / duration / f"{duration}.item").read_text()
    assert text.startswith(HEADER)
    return [line.split() for line in text.splitlines()[1:]]


def test_speakers_are_hidden_and_all_they_say_is_there(shaped: tuple[Path, Path]):
    corpus, raw = shaped
    spoken = {}
    for utterance in listed(corpus / "test.jsonl"):
        spoken[utterance.speaker] = spoken.get(utterance.speaker, 0) + utterance.ticks
    for duration in ("1s", "10s", "120s"):
        files = sorted((raw / "test" / "english" / duration).glob("*.wav"))
        lengths = [soundfile.info(path).frames for path in files]
        assert sum(lengths) == sum(ticks // RATE * RATE for ticks in spoken.values())
        assert max(lengths) <= RATE * int(duration[:-1])
        assert not any(speaker in path.stem for path in files for speaker in spoken)
    names = sorted(path.name for path in (raw / "train" / "english").iterdir())
    assert names == [f"english-{speaker}.wav" for speaker in sorted(spoken)]


def test_items_are_the_same_whatever_the_length_of_the_files(shaped: tuple[Path, Path]):
    _, raw = shaped
    short = sorted(item[3:] for item in items(raw, "1s"))
    assert len(short) > 20
    for duration in ("10s", "120s"):
        assert sorted(item[3:] for item in items(raw, duration)) == short


def test_items_are_where_their_phones_are_said(shaped: tuple[Path, Path]):
    corpus, raw = shaped
    said = {}  # speaker and phones -> the sounds of the triphones
    for utterance in listed(corpus / "test.jsonl"):
        wave = read_audio(utterance, RATE)
        phones = utterance.alignment["phone"]
        for before, phone, after in zip(phones, phones[1:], phones[2:], strict=False):
            key = (phone.label, before.label, after.label, utterance.speaker)
            said.setdefault(key, []).append(wave[before.start : after.end])
    for duration in ("1s", "10s"):
        for name, onset, offset, *key in items(raw, duration):
            wave, _ = soundfile.read(raw / "test" / "english" / duration / f"{name}.wav")
            sound = wave[round(float(onset) * RATE) : round(float(offset) * RATE)]
            assert any(len(s) == len(sound) and np.abs(s - sound).max() < 1e-4 for s in said[tuple(key)])


def test_few_test_voices_say_more_each(tmp_path: Path):
    pytest.importorskip("espeakng_loader", reason="eSpeak NG is not installed: pip install 'unitdisc[demo]'")
    script = runpy.run_path(str(ROOT / "data_prep" / "mini_speech.py"))
    minutes = ["--train-minutes", "0.02", "--test-minutes", "0.2"]
    script["main"]([str(tmp_path), *minutes, "--test-voices", "2"])
    assert {utterance.speaker for utterance in listed(tmp_path / "test.jsonl")} == {"f3", "m2"}
    with pytest.raises(SystemExit):
        script["main"]([str(tmp_path), *minutes, "--test-voices", "13"])
