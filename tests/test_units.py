"""Units as stretches of time, and the files other tools read them from."""

import json
import re
from itertools import groupby, pairwise

import numpy as np
import pytest

from unitdisc.corpus import Interval, Utterance, labels_at
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.encodings.runs import runs_of
from unitdisc.evaluation.units.codes import CodedUtterance
from unitdisc.exports.formats import export
from unitdisc.exports.textgrid import tiled
from unitdisc.exports.units import ExportError, read_units

RATE = 16_000
STRIDE = 320
PHONES = [Interval(160, 1600, 'say "ah"'), Interval(1600, 3000, "ʃ"), Interval(3200, 4700, "")]


def utterance(name: str, ticks: int = 4800, **fields) -> Utterance:
    return Utterance(
        **{"id": name, "path": f"/corpus/{name}.wav", "speaker": "s1", "ticks": ticks, "rate": RATE} | fields
    )


@pytest.fixture
def encoded(tmp_path):
    """Writes a folder of encodings with the given codes."""

    def write(codes: dict[str, list[int] | None], frames: int = 15, **settings) -> Encodings:
        folder = tmp_path / "encodings"
        folder.mkdir()
        settings = {"point": "bottleneck", "stride": STRIDE, "offset": STRIDE // 2} | settings
        (folder / "encodings.json").write_text(json.dumps(settings))
        for name, units in codes.items():
            np.save(folder / f"{name}.npy", np.zeros((len(units or range(frames)), 2), np.float32))
        lines = (json.dumps({"utterance": name, "codes": units}) + "\n" for name, units in codes.items())
        (folder / "units.jsonl").write_text("".join(lines))
        return Encodings.open(folder)

    return write


def random_codes(rng: np.random.Generator, frames: int) -> np.ndarray:
    return np.repeat(rng.integers(0, 4, frames), rng.integers(1, 4, frames))[:frames]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("stride", "offset"), [(320, 160), (160, 80), (5, 2.5), (1, 0), (3, 0.5)])
def test_runs_tile_the_utterance_and_say_what_the_frames_say(seed, stride, offset):
    rng = np.random.default_rng(seed)
    codes = random_codes(rng, int(rng.integers(1, 40)))
    centres = offset + stride * np.arange(len(codes))
    ticks = int(centres[-1] + rng.integers(1, stride + 1))
    units = runs_of(codes, centres, ticks).labelled()
    assert [unit.label for unit in units] == [str(code) for code, _ in groupby(codes)]
    assert units[0].start == 0 and units[-1].end == ticks
    assert all(left.end == right.start for left, right in pairwise(units))
    assert all(unit.start < unit.end for unit in units)
    assert labels_at(units, centres).tolist() == [str(code) for code in codes]


def test_borders_lie_halfway_between_centres():
    found = runs_of([7, 7, 9], np.array([160, 480, 800]), 900)
    assert found.labelled() == [Interval(0, 640, "7"), Interval(640, 900, "9")]


def test_centres_need_not_be_evenly_spaced():
    units = runs_of([1, 2, 2, 1], np.array([10.5, 100, 130, 400]), 500).labelled()
    assert units == [Interval(0, 56, "1"), Interval(56, 265, "2"), Interval(265, 500, "1")]


def test_frames_past_the_end_are_left_out():
    found = runs_of([1, 2, 3], np.array([160, 480, 800]), 640)
    assert found.labelled() == [Interval(0, 320, "1"), Interval(320, 640, "2")]


@pytest.mark.parametrize(("codes", "centres", "ticks"), [([], [], 10), ([1], [3], 0)])
def test_nothing_to_divide_has_no_runs(codes, centres, ticks):
    found = runs_of(codes, np.array(centres), ticks)
    assert (found.intervals.shape, len(found.codes), len(found.frames), found.labelled()) == ((0, 2), 0, 0, [])


def test_every_code_needs_a_centre():
    with pytest.raises(ValueError, match="2 codes have 1 centres"):
        runs_of([1, 2], np.array([3]), 10)


def test_all_frames_belong_to_a_run_and_scores_have_the_units_that_are_exported():
    rng = np.random.default_rng(0)
    for _ in range(100):
        frames, ticks = rng.integers(1, 12), int(rng.integers(1, 130))
        codes, centres = rng.integers(3, size=frames), np.sort(rng.choice(120, frames, replace=False)) + 0.5
        found = CodedUtterance(Utterance("u", "x.wav", "s", ticks, 1000), codes, centres).runs
        assert found.frames.sum() == frames
        assert [label for _, _, label in found.labelled()] == [str(code) for code in found.codes]
        begin = np.ceil((np.append(-np.inf, centres[:-1]) + centres) / 2)
        inside = (begin < ticks) & (centres < ticks)
        assert labels_at(found.labelled(), centres[inside]).tolist() == [str(code) for code in codes[inside]]


def test_a_continuous_bottleneck_has_no_units(encoded):
    with pytest.raises(EncodingsError, match="a has no codes, for its bottleneck is continuous"):
        read_units(encoded({"a": None}), utterance("a"))


@pytest.mark.parametrize("ticks", [2400, 9600])
def test_units_of_another_version_of_the_corpus_are_refused(encoded, ticks):
    with pytest.raises(EncodingsError, match=rf"last frame is at tick 4640, but a has {ticks} ticks"):
        read_units(encoded({"a": [1] * 15}), utterance("a", ticks))


@pytest.mark.parametrize("ticks", [80, 160, 240, 320, 4720, 4799, 4800, 4879])
def test_every_length_an_encoder_rounds_is_accepted(encoded, ticks):
    frames = (ticks + 80) // 160  # ours: 10 ms frames rounded, then a stride of two rounded up
    units = read_units(encoded({"a": list(range(-(-frames // 2)))}), utterance("a", ticks))
    assert units.intervals[-1].end == ticks


def test_unevenly_spaced_units_are_read(encoded):
    encodings = encoded({"a": [3, 1]})
    (encodings.folder / "centres").mkdir()
    np.save(encodings.folder / "centres" / "a.npy", np.array([2000.0, 4400.0]))
    assert read_units(encodings, utterance("a")).intervals == [Interval(0, 3200, "3"), Interval(3200, 4800, "1")]


def test_units_of_a_resampled_utterance_are_in_its_own_ticks(encoded):
    """Its centres are kept beside the frames, because the folder's grid counts at the rate of the model."""
    encodings = encoded({"a": [3] * 5 + [1] * 10}, rate=RATE)
    (encodings.folder / "centres").mkdir()
    np.save(encodings.folder / "centres" / "a.npy", 80.0 + 160 * np.arange(15))
    units = read_units(encodings, utterance("a", 2400, rate=RATE // 2))
    assert units.intervals == [Interval(0, 800, "3"), Interval(800, 2400, "1")]


def test_codes_that_do_not_fit_their_frames_are_refused(encoded):
    encodings = encoded({"a": [3, 1]})
    (encodings.folder / "centres").mkdir()
    np.save(encodings.folder / "centres" / "a.npy", np.array([2000.0]))
    np.save(encodings.folder / "a.npy", np.zeros((1, 2)))
    with pytest.raises(EncodingsError, match="a has 2 codes for 1 frames"):
        read_units(encodings, utterance("a"))


def test_jsonl_gives_the_units_in_ticks(encoded, tmp_path):
    encodings = encoded({"a": [3] * 5 + [1] * 10, "b": [2] * 15})
    result = export(encodings, [utterance("b", speaker=None), utterance("a")], tmp_path / "out", ["jsonl"])
    assert result.files == [tmp_path / "out" / "units.jsonl"]
    first, second = map(json.loads, result.files[0].read_text().splitlines())
    assert first == {
        "utterance": "a",
        "speaker": "s1",
        "rate": RATE,
        "units": [{"code": 3, "start": 0, "end": 1600}, {"code": 1, "start": 1600, "end": 4800}],
    }
    assert (second["utterance"], second["speaker"]) == ("b", None)


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
def test_ctm_gives_the_units_back_to_the_tick(encoded, tmp_path, rate):
    rng = np.random.default_rng(1)
    codes = random_codes(rng, 301).tolist()
    spoken = utterance("a", 301 * 111 + 3, rate=rate)
    encodings = encoded({"a": codes}, stride=111, offset=55.5)
    (path,) = export(encodings, [spoken], tmp_path, ["ctm"]).files
    rows = [line.split(" ") for line in path.read_text().splitlines()]
    assert {tuple(row[:2]) for row in rows} == {("a", "1")}
    back = [Interval(round(float(s) * rate), round((float(s) + float(d)) * rate), code) for _, _, s, d, code in rows]
    assert back == read_units(encodings, spoken).intervals


def textgrid_tiers(text: str) -> dict[str, list[tuple[float, float, str]]]:
    """The interval tiers of a long TextGrid, read the way Praat does: only quoted strings and numbers count."""
    tokens = re.findall(r'"((?:[^"]|"")*)"|(?<![\w\[])(-?\d+(?:\.\d+)?(?:e-?\d+)?)(?![\w\]])|(<exists>)', text)
    values = iter([string.replace('""', '"') if not number else float(number) for string, number, _ in tokens])
    assert [next(values), next(values)] == ["ooTextFile", "TextGrid"]
    _, end, _exists, count = (next(values) for _ in range(4))
    tiers = {}
    for _ in range(int(count)):
        assert next(values) == "IntervalTier"
        name, start, last, size = (next(values) for _ in range(4))
        assert (start, last) == (0, end)
        tiers[name] = [(next(values), next(values), next(values)) for _ in range(int(size))]
    assert not list(values)
    return tiers


def in_seconds(intervals: list[Interval]) -> list[tuple[float, float, str]]:
    return [(start / RATE, end / RATE, label) for start, end, label in intervals]


@pytest.fixture
def textgrid(encoded, tmp_path):
    spoken = utterance("ä", alignment={"phone": PHONES, 'wo"rd': []})
    encodings = encoded({"ä": [3] * 5 + [1] * 10})
    (folder,) = export(encodings, [spoken], tmp_path, ["textgrid"]).files
    return folder / "ä.TextGrid"


def test_textgrid_has_the_units_and_the_tiers(textgrid):
    tiers = textgrid_tiers(textgrid.read_text(encoding="utf-8"))
    assert list(tiers) == ["unit", "phone", 'wo"rd']
    assert tiers["unit"] == [(0, 0.1, "3"), (0.1, 0.3, "1")]
    assert tiers["phone"] == in_seconds(tiled(PHONES, 4800))
    assert tiers['wo"rd'] == [(0, 0.3, "")]


def test_praatio_reads_the_textgrid(textgrid):
    praatio = pytest.importorskip("praatio.textgrid", reason="praatio is not installed")
    grid = praatio.openTextgrid(str(textgrid), includeEmptyIntervals=True)
    assert grid.tierNames == ("unit", "phone", 'wo"rd')
    for name, intervals in {"unit": [Interval(0, 1600, "3"), Interval(1600, 4800, "1")], "phone": PHONES}.items():
        read = [(entry.start, entry.end, entry.label) for entry in grid.getTier(name).entries]
        assert read == in_seconds(tiled(intervals, 4800))


def test_km_has_a_code_for_every_frame_in_the_order_of_its_manifest(encoded, tmp_path):
    encodings = encoded({"b": [2] * 15, "a": [3, 3, 1] * 5})
    spoken = [utterance("b", path="/corpus/test/s2/b.wav"), utterance("a", path="/corpus/test/s1/a.wav")]
    (path,) = export(encodings, spoken, tmp_path / "out", ["km"]).files
    assert path.read_text() == "3 3 1 3 3 1 3 3 1 3 3 1 3 3 1\n" + " ".join("2" * 15) + "\n"
    assert path.with_suffix(".tsv").read_text() == "/corpus/test\ns1/a.wav\t4800\ns2/b.wav\t4800\n"


def test_every_format_is_written_and_missing_utterances_are_named(encoded, tmp_path):
    result = export(encoded({"a": [1] * 15}), [utterance("a"), utterance("z")], tmp_path / "out")
    assert result.missing == ["z"]
    assert [path.name for path in result.files] == [
        "units.jsonl",
        "units.ctm",
        "textgrid",
        "elan",
        "audacity",
        "units.km",
    ]
    assert all(path.exists() for path in result.files)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        ["units.jsonl", "units.ctm", "textgrid", "elan", "audacity", "units.km", "units.tsv"]
    )


@pytest.mark.parametrize(
    ("spoken", "name", "message"),
    [
        (utterance("a"), "mlf", "unknown format 'mlf': choose from"),
        (utterance("a", rate=None), "ctm", "a: has no rate"),
        (utterance("a", rate=None), "textgrid", "a: has no rate"),
        (utterance("a", start=5), "km", "a: begins at sample 5 of /corpus/a.wav, but fairseq reads whole files"),
        (utterance("a", path="/corpus/a\tb.wav"), "km", "fairseq cannot read this file name"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(spoken, name, message, tmp_path):
    settings = {"stride": STRIDE, "offset": STRIDE // 2}
    with pytest.raises(ExportError, match=re.escape(message)):
        export(Encodings(tmp_path / "none", settings, {spoken.id: [1] * 15}), [spoken], tmp_path / "out", [name])
    assert not list(tmp_path.rglob("units.*"))


def test_a_corpus_without_encodings_is_refused(encoded, tmp_path):
    with pytest.raises(EncodingsError, match="holds none of the 1 utterances"):
        export(encoded({"a": [1] * 15}), [utterance("z")], tmp_path)
