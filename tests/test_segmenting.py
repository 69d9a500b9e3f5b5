"""Units after the fact: as many as asked, by any solver and prior, of any system's frames, and said what is wrong."""

import itertools
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from unitdisc.api import segment as verb
from unitdisc.api.kmeans import kmeans as make_codebook
from unitdisc.clustering import KMeansOptions
from unitdisc.clustering.codebook_files import CodebookError, write_codebook
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.encodings import Encoding, Encodings, EncodingsError, EncodingsWriter
from unitdisc.segmentation.corpora import codebooks
from unitdisc.segmentation.corpora.costs import nat
from unitdisc.segmentation.corpora.options import SegmentOptions, frames_around
from unitdisc.segmentation.corpora.solving import Priors, price_of, with_priors
from unitdisc.segmentation.corpora.timing import Timing
from unitdisc.segmentation.durations import DURATIONS, DurationPrior, durations_of
from unitdisc.segmentation.viterbi import viterbi_path

pytest_plugins = ["tiny_fixtures"]

HOP, RATE = 160, 16_000
OURS = {"point": "projection", "model": "abc", "stride": HOP, "offset": HOP / 2, "rate": RATE}
CODES = 5


@dataclass(frozen=True)
class Place:
    """A corpus, its frames, and a codebook."""

    root: Path
    frames: dict[str, np.ndarray]
    vectors: np.ndarray

    @property
    def corpus(self) -> Path:
        return self.root / "corpus.jsonl"

    @property
    def encodings(self) -> Path:
        return self.root / "frames"

    @property
    def codebook(self) -> verb.Codes:
        return verb.Codes(self.root / "codes.npy", None, None)

    def segment(self, folder: str = "out", codes: verb.Codes | None = None, **options) -> Path:
        """Runs the command; returns the folder."""
        place = {"encodings": self.encodings, "frame_rate": None, "times": None, "strict": False, "memory": 2.0}
        place |= {"per": "second", "threads": 1} | {name: options.pop(name) for name in {*options} & EXTRA}
        given = place.pop("encodings"), self.corpus, self.root / folder, codes or self.codebook
        verb.segment(*given, SegmentOptions(**options), **place)
        return self.root / folder


EXTRA = {"encodings", "frame_rate", "times", "strict", "memory", "per", "threads", "boundaries"}


@pytest.fixture
def place(tmp_path) -> Place:
    return make(tmp_path)


def make(root: Path, rate: int | None = RATE) -> Place:
    rng = np.random.default_rng(0)
    vectors = 2 * rng.normal(size=(CODES, 3)).astype(np.float32)
    frames, utterances = {}, []
    for i, length in enumerate([150, 90, 200, 1, 60]):
        path = np.repeat(rng.integers(0, CODES, length), rng.integers(3, 15, length))[:length]
        frames[f"u{i}"] = (vectors[path] + rng.normal(size=(length, 3))).astype(np.float32)
        utterances.append(Utterance(f"u{i}", f"u{i}.wav", "s", length * HOP, rate))
    write_manifest(root / "corpus.jsonl", utterances)
    write(root / "frames", frames, OURS if rate else OURS | {"rate": None})
    write_codebook(root / "codes.npy", vectors, {"frames_of": OURS})
    return Place(root, frames, vectors)


def write(folder: Path, frames: dict[str, np.ndarray], settings: dict) -> Path:
    writer = EncodingsWriter(folder, settings)
    for name, values in frames.items():
        writer.write(Encoding(name, np.zeros(len(values)), values))
    writer.finish()
    return folder


def units(folder: Path) -> int:
    return sum(len(list(itertools.groupby(codes))) for codes in Encodings.open(folder).codes.values())


def seconds(place: Place) -> float:
    return sum(len(values) - 1 for values in place.frames.values()) * HOP / RATE


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


PRIORS = {
    "none": {},
    "linear": {"durations": "linear"},
    "poisson": {"durations": "poisson"},
    "gamma": {"durations": "gamma"},
    "histogram": {"durations": "histogram"},
    "bigram": {"transitions": "bigram"},
    "both": {"durations": "histogram", "transitions": "bigram", "iterations": 1},
    "codebook": {"iterations": 2},
    "bounds": {"min_duration": 30, "max_duration": 250},
    "strong": {"durations": "poisson", "prior_weight": 50.0},
}


@pytest.mark.parametrize("prior", PRIORS)
def test_there_are_as_many_units_as_asked(place, prior):
    for rate in (8, 12, 16):
        folder = place.segment(f"out{rate}", rate=rate, **PRIORS[prior])
        assert abs(units(folder) - (5 + round(rate * seconds(place)))) <= 2


def test_every_duration_prior_is_tested_and_named_in_the_help(unitdisc):
    assert {options.get("durations", "none") for options in PRIORS.values()} == set(DURATIONS)
    told = unitdisc("segment", "--help").out
    assert all(name in told for name in DURATIONS)


def test_one_more_duration_prior_is_one_function_and_one_line(place, monkeypatch):
    """One under which every unit of an utterance of 200 frames has 8."""

    def eights(mean, longest, observed):
        return np.where(np.arange(1, longest + 1) == 8, 0.0, 1000.0)

    monkeypatch.setitem(DURATIONS, "eights", DurationPrior(eights))
    folder = place.segment(rate=12.5, durations="eights", prior_weight=1e6)
    assert durations_of(Encodings.open(folder).codes["u2"]).tolist() == [8] * 25


@pytest.mark.parametrize("solver", ["greedy", "exact"])
def test_solvers_of_a_whole_corpus_keep_to_the_number(place, solver):
    assert units(place.segment(rate=12, solver=solver)) <= 5 + round(12 * seconds(place))
    with pytest.raises(ValueError, match=f"`solver` {solver} looks at all 501 frames and 5 codes"):
        place.segment("other", rate=12, solver=solver, memory=1e-6)


def distances(place: Place, name: str) -> np.ndarray:
    return ((place.frames[name][:, None].astype(np.float64) - place.vectors) ** 2).sum(-1)


@pytest.mark.parametrize("distance", ["squared", "euclidean"])
def test_codes_are_those_of_viterbi_at_the_switch_cost_that_is_told(place, distance):
    folder = place.segment(rate=12, distance=distance)
    told = json.loads((folder / "encodings.json").read_text())["segmentation"]
    for name, codes in Encodings.open(folder).codes.items():
        costs = distances(place, name) ** (1 if distance == "squared" else 0.5)
        assert viterbi_path(costs.astype(np.float32), told["switch_cost"]).codes.tolist() == codes.tolist()
    assert told["rate"] == 12 and told["distance"] == distance


def test_units_are_the_same_at_the_price_that_was_found(place):
    found = place.segment("found", rate=12)
    price = json.loads((found / "units" / "summary.json").read_text())["segmentation"]["switch_cost"]
    assert price > 0
    again = Encodings.open(place.segment("again", switch_cost=price))
    for name, codes in Encodings.open(found).codes.items():
        assert again.codes[name].tolist() == codes.tolist()


def test_nearest_codes_need_no_number(place):
    found = Encodings.open(place.segment(solver="nearest"))
    assert all(found.codes[name].tolist() == distances(place, name).argmin(1).tolist() for name in place.frames)


def test_cosine_does_not_see_loudness(place, tmp_path):
    rng = np.random.default_rng(5)
    first = Encodings.open(place.segment(rate=12, distance="cosine")).codes
    loud = {name: values * rng.uniform(1, 4, (len(values), 1)).astype("f") for name, values in place.frames.items()}
    second = place.segment("loud", rate=12, distance="cosine", encodings=write(tmp_path / "louder", loud, OURS))
    same = [a == b for name, codes in Encodings.open(second).codes.items() for a, b in zip(codes, first[name])]
    assert np.mean(same) > 0.99


def test_memory_and_threads_change_no_byte(place):
    first = contents(place.segment(rate=12, iterations=1, durations="histogram"))
    second = place.segment("second", rate=12, iterations=1, durations="histogram", memory=1e-6, threads=3)
    assert contents(second) == first


def test_units_are_neither_shorter_nor_longer_than_allowed(place):
    folder = place.segment(rate=12, min_duration=40, max_duration=160)
    for codes in Encodings.open(folder).codes.values():
        lengths = [len(list(run)) for _, run in itertools.groupby(codes)]
        assert max(lengths) <= 16
        assert min(lengths) >= min(4, len(codes))


def test_a_shortest_unit_alone_sets_no_longest(place):
    rng = np.random.default_rng(3)
    hum = place.vectors[2] + 0.1 * rng.normal(size=(3000, 3))  # half a minute
    long = replace(place, frames={"u5": np.concatenate([place.frames["u0"], hum]).astype(np.float32)})
    write_manifest(place.corpus, [Utterance("u5", "u5.wav", "s", 3150 * HOP, RATE)])
    folder = long.segment(rate=0.3, min_duration=50, encodings=write(place.root / "long", long.frames, OURS))
    lengths = [len(list(run)) for _, run in itertools.groupby(Encodings.open(folder).codes["u5"])]
    assert lengths[-1] >= 3000 and min(lengths) >= 5 and len(lengths) == 10


def test_what_runs_cost_is_counted_beyond_the_table():
    codes = np.repeat([0, 1, 0], [2, 5, 3])
    priors = Priors(np.array([9.0, 4.0, 1.0]), tail=0.5)
    assert price_of(codes, priors) == 4 + (1 + 2 * 0.5) + 1
    assert price_of(codes[:2], replace(priors, tail=np.inf)) == 4


def test_frames_are_codes_or_means_of_units(place):
    coded, pooled = Encodings.open(place.segment(rate=12)), Encodings.open(place.segment("pool", rate=12, pool=True))
    for name, frames in place.frames.items():
        codes = np.array(coded.codes[name])
        np.testing.assert_array_equal(coded[name].frames, place.vectors[codes])
        first = 0
        for _, run in itertools.groupby(codes):
            last = first + len(list(run))
            expected = np.tile(frames[first:last].mean(0), (last - first, 1))
            np.testing.assert_allclose(pooled[name].frames[first:last], expected, atol=1e-5)
            first = last


def test_estimating_codes_again_brings_them_nearer(place):
    def cost(folder: Path) -> float:
        found = Encodings.open(folder)
        return sum(((found[name].frames - frames) ** 2).sum() for name, frames in place.frames.items())

    assert cost(place.segment("again", rate=12, iterations=3)) < cost(place.segment(rate=12))


def test_other_tools_get_units_too(place):
    folder = place.segment(rate=12)
    lines = [json.loads(line) for line in (folder / "units" / "units.jsonl").read_text().splitlines()]
    assert sum(len(line["units"]) for line in lines) == units(folder)
    assert (folder / "units" / "textgrid" / "u0.TextGrid").exists() and (folder / "units" / "units.ctm").exists()
    summary = json.loads((folder / "units" / "summary.json").read_text())
    assert summary["asked"] == 12 and abs(summary["found"] - 12) < 0.5


def test_images_have_units_per_100_columns(tmp_path):
    place = make(tmp_path, rate=None)
    folder = place.segment(rate=0.075, per="100 columns")  # of 160 columns a frame
    assert abs(units(folder) - (5 + round(0.075 * seconds(place) * RATE / 100))) <= 1
    assert not (folder / "units" / "units.ctm").exists()
    with pytest.raises(ValueError, match="give `units_per_100_columns`"):
        place.segment("other", rate=12)


def test_an_interrupted_run_is_completed_to_the_same_bytes(place, monkeypatch):
    whole = contents(place.segment("whole", codes=verb.Codes(None, 4, None), rate=12))
    written, write_one = [], EncodingsWriter.write

    def stop_at_third(self, *arguments):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(write_one(self, *arguments))

    monkeypatch.setattr(EncodingsWriter, "write", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        place.segment(codes=verb.Codes(None, 4, None), rate=12)
    monkeypatch.undo()
    with pytest.raises(EncodingsError, match="interrupted"):
        Encodings.open(place.root / "out")
    assert contents(place.segment(codes=verb.Codes(None, 4, None), rate=12)) == whole
    with pytest.raises(EncodingsError, match="made in another way"):
        place.segment(rate=8)


@pytest.mark.parametrize("method", ["peaks", "prominence", "change"])
def test_peaks_make_as_many_units_as_asked(place, method):
    for codes in (None, verb.Codes(None, 4, None)):
        folder = place.segment(f"out{codes is None}", codes=codes, method=method, rate=6)
        assert abs(units(folder) - (5 + round(6 * seconds(place)))) <= 2


def test_peaks_of_a_given_prominence(place):
    few = units(place.segment("few", method="peaks", prominence=0.6))
    assert few < units(place.segment("many", method="peaks", prominence=0.2))


def test_change_looks_as_far_around_a_boundary_whatever_the_frame_rate():
    known = {"names": ["a", "b"], "lengths": {}, "problems": []}
    assert frames_around(Timing(**known, span=1.0, unit="second", frames=102)) == 4
    assert frames_around(Timing(**known, span=1.0, unit="second", frames=52)) == 2
    assert frames_around(Timing(**known, span=1.0, unit="100 columns", frames=52)) == 2


def test_segments_of_other_units_are_named_by_these_frames(place):
    """The frames of a segment have one code, that nearest to their mean, whatever the codes of the other units are."""
    cuts = Encodings.open(place.segment("cuts", codes=verb.Codes(None, 3), method="change", rate=6))
    named = Encodings.open(place.segment("named", method="given", boundaries=place.root / "cuts"))
    for name, codes in cuts.codes.items():
        starts = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1])
        for start, end in zip(starts, [*starts[1:], len(codes)]):
            mean = place.frames[name][start:end].mean(0)
            nearest = np.square(place.vectors - mean).sum(1).argmin()
            assert named.codes[name][start:end].tolist() == [nearest] * (end - start)


def test_segments_that_no_frame_lies_in_are_counted(place, tmp_path, capsys):
    rarer = {name: frames[10::20] for name, frames in place.frames.items() if len(frames) > 30}
    write(tmp_path / "rarer", rarer, OURS | {"stride": 20 * HOP, "offset": 10.5 * HOP})
    cuts = Encodings.open(place.segment("cuts", codes=verb.Codes(None, 3), method="change", rate=12))
    given = {"method": "given", "boundaries": cuts.folder, "encodings": tmp_path / "rarer"}
    place.segment("named", **given)
    ends = {name: np.flatnonzero(np.diff(cuts.codes[name], append=-1)) + 1 for name in rarer}
    empty = sum(
        not any(start <= frame < end for frame in range(10, len(place.frames[name]), 20))
        for name in rarer
        for start, end in zip([0, *ends[name]], ends[name])
    )
    total = sum(map(len, ends.values()))
    assert f"{empty} of its {total} segments have no frame of" in capsys.readouterr().err and empty > 5


def test_segments_are_named_by_frames_at_another_rate(place, tmp_path):
    """Every frame lies in the segment that its centre lies in."""
    rarer = {name: frames[1::2] for name, frames in place.frames.items() if len(frames) > 1}
    write(tmp_path / "rarer", rarer, OURS | {"stride": 2 * HOP, "offset": 1.5 * HOP})
    cuts = Encodings.open(place.segment("cuts", codes=verb.Codes(None, 3), method="change", rate=6))
    folder = place.segment("named", method="given", boundaries=cuts.folder, encodings=tmp_path / "rarer")
    for name, codes in Encodings.open(folder).codes.items():
        segments = np.cumsum(np.diff(cuts.codes[name], prepend=cuts.codes[name][0]) != 0)[1::2]
        for number in np.unique(segments):
            mean = rarer[name][segments == number].mean(0)
            nearest = np.square(place.vectors - mean).sum(1).argmin()
            assert set(np.asarray(codes)[segments == number].tolist()) == {nearest}


def test_segments_after_the_last_frame_are_left_out(place, tmp_path):
    """Of frames that end before the units do, by less than would be an error."""
    shorter = {name: frames[:-2] for name, frames in place.frames.items() if len(frames) > 3}
    write(tmp_path / "shorter", shorter, OURS)
    changing = {
        name: np.repeat(np.eye(3, dtype=np.float32)[[0, 1, 2]], [50, len(x) - 51, 1], 0)
        for name, x in place.frames.items()
        if len(x) > 52
    }
    write(tmp_path / "changing", changing, OURS)
    write_codebook(tmp_path / "eye.npy", np.eye(3, dtype=np.float32), {})
    ends = place.segment(
        "ends", codes=verb.Codes(tmp_path / "eye.npy"), solver="nearest", encodings=tmp_path / "changing"
    )
    folder = place.segment("named", method="given", boundaries=ends, encodings=tmp_path / "shorter")
    for name, codes in Encodings.open(folder).codes.items():
        assert len(codes) == len(shorter[name]) and (np.flatnonzero(np.diff(codes)) + 1).tolist() in ([50], [])


def test_a_codebook_for_given_segments_is_of_their_means(place):
    place.segment("cuts", codes=verb.Codes(None, 3), method="change", rate=6)
    folder = place.segment("named", codes=verb.Codes(None, 4), method="given", boundaries=place.root / "cuts")
    assert len(np.load(folder / "units" / "codebook.npy")) == 4
    with pytest.raises(ValueError, match=r"falls into \d+ segments, but 400 codes"):
        place.segment("more", codes=verb.Codes(None, 400), method="given", boundaries=place.root / "cuts")


def test_what_is_wrong_with_given_boundaries_is_said(place, capsys):
    cuts = place.segment("cuts", codes=verb.Codes(None, 3), method="change", rate=6)
    for options in ({"method": "given"}, {"rate": 6, "boundaries": cuts}):
        with pytest.raises(ValueError, match="belong together"):
            place.segment("wrong", **options)
    with pytest.raises(ValueError, match="whatever the `rate`"):
        place.segment("wrong", method="given", boundaries=cuts, rate=6)
    with pytest.raises(EncodingsError, match="has no units, for"):
        place.segment("wrong", method="given", boundaries=place.encodings)
    write(place.root / "few", {"u0": place.frames["u0"]}, OURS)
    others = place.segment("others", codes=verb.Codes(None, 3), method="change", rate=4)
    place.segment("named", method="given", boundaries=cuts)
    with pytest.raises(EncodingsError, match="made in another way"):
        place.segment("named", method="given", boundaries=others)
    few = place.segment("few-cuts", encodings=place.root / "few", rate=6, method="change")
    capsys.readouterr()
    assert list(Encodings.open(place.segment("part", method="given", boundaries=few)).codes) == ["u0"]
    assert "u1 has no encoding in" in capsys.readouterr().err


def test_frames_of_other_tools_are_segmented_by_their_frame_rate(place, tmp_path):
    for name, values in place.frames.items():
        (tmp_path / "hubert" / "deep").mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "hubert" / "deep" / f"{name}.npy", values)
    folder = place.segment(rate=12, encodings=tmp_path / "hubert", frame_rate=100)
    assert Encodings.open(folder).codes == Encodings.open(place.segment("own", rate=12)).codes
    with pytest.raises(CorpusError, match=r"4 of 5 utterances cannot be segmented.*is the frame rate right"):
        place.segment("other", rate=12, encodings=tmp_path / "hubert", frame_rate=50)
    with pytest.raises(ValueError, match="nothing says when its frames happen"):
        place.segment("other", rate=12, encodings=tmp_path / "hubert")


def test_frames_of_other_tools_that_are_made_again_are_segmented_again(place, tmp_path):
    (tmp_path / "hubert" / "deep").mkdir(parents=True)
    for name, values in place.frames.items():
        np.save(tmp_path / "hubert" / "deep" / f"{name}.npy", values)
    given = {"solver": "nearest", "encodings": tmp_path / "hubert", "frame_rate": 100}
    place.segment(**given)
    path = tmp_path / "hubert" / "deep" / "u1.npy"
    np.save(path, np.tile(place.vectors[3], (90, 1)))
    os.utime(path, ns=(2**62, 2**62))
    assert Encodings.open(place.segment(**given)).codes["u1"].tolist() == [3] * 90


def test_a_codebook_of_other_frames_is_refused(place):
    write_codebook(place.root / "codes.npy", place.vectors, {"frames_of": OURS | {"point": "encoder"}})
    with pytest.raises(CodebookError, match=r"codes.npy.*frames.*point: encoder there, projection here"):
        place.segment(rate=12)
    write_codebook(place.root / "codes.npy", place.vectors[:, :2], {})
    with pytest.raises(CodebookError, match="2 dimensions, but the frames of"):
        place.segment(rate=12)
    write_codebook(place.root / "codes.npy", place.vectors, {"spherical": True, "frames_of": OURS})
    with pytest.raises(CodebookError, match="`distance` cosine"):
        place.segment(rate=12)


def test_a_codebook_without_a_card_is_said_and_with_strict_refused(place, capsys):
    (place.root / "codes.json").unlink()
    place.segment(rate=12)
    assert "does not say what its frames are" in capsys.readouterr().err
    with pytest.raises(ValueError, match="does not say what its frames are"):
        place.segment("other", rate=12, strict=True)


def test_a_codebook_of_another_layer_as_wide_is_said_and_with_strict_refused(place, capsys):
    options = KMeansOptions(CODES, sample=200)
    make_codebook(place.encodings, place.root / "codes.npy", options, threads=1)
    place.segment(rate=12, strict=True)
    capsys.readouterr()
    deeper = write(place.root / "deeper", {name: 9 * values for name, values in place.frames.items()}, OURS)
    place.segment("other", rate=12, encodings=deeper)
    assert "times as far from its codes as those that it was made from" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"codes.npy: the frames of .*deeper are .* give the codebook of these"):
        place.segment("strict", rate=12, encodings=deeper, strict=True)
    make_codebook(place.encodings, place.root / "codes.npy", replace(options, spherical=True), threads=1)
    place.segment("angles", rate=12, encodings=deeper, distance="cosine", strict=True)


def test_the_codebook_of_an_experiment_is_for_its_projections(place, monkeypatch):
    from safetensors.numpy import save_file

    from unitdisc.experiment import weights_checksum

    monkeypatch.setattr(codebooks, "refuse_waiting", lambda experiment: None)  # there are weights, but no experiment
    folder = place.root / "exp"
    folder.mkdir()
    save_file({"bottleneck.codebook.vectors": place.vectors}, folder / "model.safetensors")
    codes = verb.Codes(None, None, folder)
    with pytest.raises(CodebookError, match=r"model: .* there, abc here"):
        place.segment(codes=codes, rate=12)
    settings = OURS | {"model": weights_checksum(folder)}
    right = place.segment("right", codes=codes, rate=12, encodings=write(place.root / "p", place.frames, settings))
    assert Encodings.open(right).codes == Encodings.open(place.segment(rate=12)).codes
    save_file({"bottleneck.project.weight": place.vectors}, folder / "model.safetensors")
    with pytest.raises(CodebookError, match="has no codebook"):
        place.segment("other", codes=codes, rate=12)


SPOILT = {
    "missing": lambda path: path.unlink(),
    "nan": lambda path: np.save(path, np.full((90, 3), np.nan, np.float32)),
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:500]),
    "of another corpus": lambda path: np.save(path, np.zeros((40, 3), np.float32)),
    "of other dimensions": lambda path: np.save(path, np.zeros((90, 4), np.float32)),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_a_bad_utterance_is_left_out_and_said_or_with_strict_refused(place, capsys, fault):
    SPOILT[fault](place.encodings / "u1.npy")
    with pytest.raises(CorpusError, match=r"1 of 5 utterances cannot be segmented.*u1"):
        place.segment("strict", rate=12, strict=True)
    folder = place.segment(rate=12)
    assert sorted(Encodings.open(folder).codes) == ["u0", "u2", "u3", "u4"]
    assert "left out" in capsys.readouterr().err


def test_nothing_to_segment_is_refused(place):
    with pytest.raises(EncodingsError, match="holds none of the 5 utterances"):
        place.segment(rate=12, encodings=write(place.root / "z", {"z": np.zeros((4, 3), np.float32)}, OURS))
    with pytest.raises(ValueError, match="choose another folder"):
        place.segment("frames", rate=12)


@pytest.mark.parametrize(
    "wrong,told",
    [
        ({}, "say how many units"),
        ({"rate": -1.0}, "above 0"),
        ({"rate": float("nan")}, "above 0"),
        ({"rate": 12, "solver": "best"}, "`solver` best: choose one of"),
        ({"rate": 12, "durations": "normal"}, "choose one of"),
        ({"rate": 12, "solver": "nearest"}, "leave `units_per_second` out"),
        ({"rate": 12, "solver": "exact", "durations": "gamma"}, "knows no durations"),
        ({"rate": 12, "prominence": 0.1}, "leave it out"),
        ({"method": "change"}, "say how many"),
        ({"method": "change", "prominence": 0.1}, "say how many"),
        ({"rate": 12, "method": "peaks", "prominence": 0.1}, "exclude each other"),
        ({"rate": 12, "method": "peaks", "durations": "gamma"}, "leave them out"),
        ({"rate": 12, "min_duration": 90, "max_duration": 50}, "is above `max_duration`"),
        ({"rate": 12, "iterations": -1}, "`iterations`"),
        ({"switch_cost": -1.0}, "`switch_cost` must be 0 or more"),
        ({"rate": 12, "switch_cost": 1.0}, "takes the place"),
        ({"switch_cost": 1.0, "durations": "gamma"}, "takes the place"),
        ({"switch_cost": 1.0, "max_duration": 50}, "takes the place"),
        ({"switch_cost": 1.0, "method": "change", "rate": 12}, "is of `method` units"),
    ],
)
def test_options_that_cannot_be_are_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        SegmentOptions(**wrong)
    with pytest.raises(ValueError, match="give codes: one of `codebook`"):
        verb.Codes(None, None, None)


def test_the_price_of_changes_may_be_below_zero():
    """Solutions of a corpus: (cost, segments); the least of cost + price x segments is chosen."""
    solutions = [(100.0, 4), (40.0, 6), (36.0, 7), (33.0, 8), (45.0, 12), (80.0, 20)]

    def evaluate(price: float) -> tuple[float, int]:
        return min(solutions, key=lambda solution: (solution[0] + price * solution[1], solution[1]))

    for wanted in (4, 6, 7, 8, 12, 20):
        found = with_priors(evaluate, wanted)
        assert (found.segments, evaluate(found.switch_cost)[1]) == (wanted, wanted)
    assert with_priors(evaluate, 12).switch_cost < 0 < with_priors(evaluate, 6).switch_cost
    assert with_priors(evaluate, 3).segments == 4
    assert with_priors(evaluate, 90).segments == 20
    assert with_priors(evaluate, 11).segments == 12


@pytest.mark.parametrize("prior", ["gamma", "bigram"])
def test_frames_that_are_all_codes_make_as_many_units_as_asked(place, prior):
    """As the nearest codes cost nothing, so do priors; changes must cost something all the same."""
    vectors = np.unique(np.concatenate([*place.frames.values()]), axis=0)
    write_codebook(place.root / "codes.npy", vectors, {"frames_of": OURS})
    assert abs(units(place.segment(rate=12, **PRIORS[prior])) - (5 + round(12 * seconds(place)))) <= 2


def test_rates_are_for_recordings_or_images(unitdisc, place):
    given = ["segment", place.encodings, place.corpus, place.root / "x", "--codes", "4"]
    both = unitdisc(*given, "--units-per-second", "12", "--units-per-100-columns", "3")
    assert "--units-per-second is for recordings and --units-per-100-columns for images; give one" in both.err
    assert replace(SegmentOptions(12), rate=8).rate == 8


def test_codes_become_the_means_of_the_frames_of_their_units(place):
    first, again = Encodings.open(place.segment(rate=12)), place.segment("again", rate=12, iterations=1)
    codes = np.concatenate([first.codes[name] for name in place.frames])
    frames = np.concatenate([*place.frames.values()])
    expected = [frames[codes == k].mean(0) if (codes == k).any() else place.vectors[k] for k in range(CODES)]
    np.testing.assert_allclose(np.load(again / "units" / "codebook.npy"), expected, rtol=1e-5)


def test_a_nat_is_what_frames_around_their_codes_cost_where_they_are_e_times_as_rare():
    """Of a normal distribution exp(-cost / (2 s^2)), of exp(-cost / scale), and of von Mises and Fisher's."""
    dim, rng = 50, np.random.default_rng(0)
    around = 0.3 * rng.standard_normal((20_000, dim))
    assert nat(np.square(around).sum(1).mean(), dim, "squared") == pytest.approx(2 * 0.3**2, rel=0.02)
    assert nat(0.7 * rng.gamma(dim, size=20_000).mean(), dim, "euclidean") == pytest.approx(0.7, rel=0.02)
    concentration = 1e4  # so near to the pole that 1 - cos is half of the squared distance on the plane
    cosine = np.square(rng.standard_normal((20_000, dim - 1))).sum(1) / (2 * concentration)
    assert nat(cosine.mean(), dim, "cosine") == pytest.approx(1 / concentration, rel=0.04)
