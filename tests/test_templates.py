"""Templates: cuts against all cuts, costs against their definition, learned, resumed, decoded, refused."""

import itertools
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from test_kmeans import InMemory

from unitdisc.clustering.frame_source import StoredFrames
from unitdisc.encodings import Encoding, Encodings, EncodingsError, EncodingsWriter
from unitdisc.segmentation.corpora.timing import Timing
from unitdisc.segmentation.templates import rounds
from unitdisc.segmentation.templates.durations import Durations, arrays_of_durations, durations_of_arrays
from unitdisc.segmentation.templates.kernels import BLANK, cheapest_segments
from unitdisc.segmentation.templates.lattice import NO_BLANK, Segments
from unitdisc.segmentation.templates.learning import (
    Counts,
    Projected,
    Work,
    components,
    counted,
    estimated,
    first,
    learn,
    limits_of,
    next_state,
)
from unitdisc.segmentation.templates.model import Templates, resampled_at, stretches_of
from unitdisc.segmentation.templates.names import agreed_names
from unitdisc.segmentation.templates.options import TemplateOptions
from unitdisc.segmentation.templates.start import first_boundaries, first_segments
from unitdisc.segmentation.templates.states import STATES, StateScores, finer_costs, state_ends, states_of

# Cuts


def all_cuts(frames: int, shortest: int, longest: int):
    """Every way to cut frames into units and single blanks: lists of (start, end, is a unit)."""

    def after(start: int, cut: list):
        if start == frames:
            yield cut
            return
        yield from after(start + 1, [*cut, (start, start + 1, False)])
        for end in range(start + shortest, min(start + longest, frames) + 1):
            yield from after(end, [*cut, (start, end, True)])

    yield from after(0, [])


@pytest.mark.parametrize("shortest,widths", [(1, 1), (1, 3), (2, 2), (3, 4)])
@pytest.mark.parametrize("price", [-1.0, 0.0, 2.0])
def test_the_cut_is_the_cheapest_of_all(shortest, widths, price):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        frames = int(rng.integers(1, 9))
        best, units = rng.normal(size=(frames, widths)) * 2, rng.integers(5, size=(frames, widths))
        blank = rng.normal(size=frames) + 1
        found, cost = cheapest_segments(best, units, shortest, price, blank)
        costs = [
            sum(best[a, b - a - shortest] + price if unit else blank[a] for a, b, unit in cut)
            for cut in all_cuts(frames, shortest, shortest + widths - 1)
        ]
        assert cost == pytest.approx(min(costs))
        assert found[0, 0] == 0 and found[-1, 1] == frames and (found[1:, 0] == found[:-1, 1]).all()
        told = [best[a, b - a - shortest] + price if unit != BLANK else blank[a] for a, b, unit in found.tolist()]
        assert sum(told) == pytest.approx(cost)
        assert all(unit == BLANK or unit == units[a, b - a - shortest] for a, b, unit in found.tolist())


def durations(units: int, shortest: int = 2, longest: int = 5, seed: int = 0) -> Durations:
    rng = np.random.default_rng(seed)
    priors = rng.dirichlet(np.ones(units))
    return Durations(rng.uniform(2, 5, units), rng.uniform(1, 2, units), np.log(priors), shortest, longest)


def templates(units: int = 3, points: int = 4, dim: int = 2, blank: bool = True, seed: int = 0) -> Templates:
    rng = np.random.default_rng(seed)
    return Templates(
        rng.normal(size=(units, points, dim)).astype(np.float32),
        durations(units, seed=seed),
        0.7,
        0.3,
        rng.normal(size=dim),
        np.linalg.qr(rng.normal(size=(dim, dim)))[0],
        rng.normal(size=dim).astype(np.float32) if blank else np.zeros(0, np.float32),
        1,
        1.0,
        0.3,
    )


def cost_of(model: Templates, frames: np.ndarray, start: int, end: int, unit: int) -> float:
    """As the docstring of `Templates` has it, point by point."""
    width, points = end - start, model.means.shape[1]
    apart = 0.0
    for point in range(points):
        place = min(max((point + 0.5) * width / points - 0.5, 0), width - 1)
        below, above = int(np.floor(place)), min(int(np.floor(place)) + 1, width - 1)
        frame = frames[start + below] + (place - below) * (frames[start + above] - frames[start + below])
        apart += ((frame - model.means[unit, point]) ** 2).sum()
    lasting = model.durations
    gaussian = 0.5 * ((width - lasting.means[unit]) / lasting.deviations[unit]) ** 2 + np.log(lasting.deviations[unit])
    return width / points * apart / model.variance + gaussian - model.prior_weight * lasting.log_priors[unit]


@pytest.mark.parametrize("blank", [True, False])
def test_templates_cut_where_it_costs_least(blank):
    for seed in range(6):
        model = templates(blank=blank, seed=seed)
        frames = np.random.default_rng(100 + seed).normal(size=(8, 2)).astype(np.float32)
        found = model.cut(frames)
        blanks = ((frames - model.blank) ** 2).sum(1) / model.variance if blank else np.full(8, NO_BLANK)
        least = min(
            sum(
                min(cost_of(model, frames, a, b, unit) for unit in range(3)) + model.price if is_unit else blanks[a]
                for a, b, is_unit in cut
            )
            for cut in all_cuts(8, 2, 5)
        )
        assert found.cost + model.price * len(found.units) == pytest.approx(least, rel=1e-5)
        ours = sum(cost_of(model, frames, *each) for each in zip(found.starts, found.ends, found.units))
        covered = np.zeros(8, bool)
        for start, end in zip(found.starts, found.ends):
            covered[start:end] = True
        assert ours + blanks[~covered].sum() == pytest.approx(found.cost, rel=1e-5)


def test_an_utterance_shorter_than_any_unit_is_one():
    model = replace(templates(blank=False), durations=durations(3, shortest=4, longest=6))
    found = model.cut(np.ones((2, 2), np.float32))
    assert found.starts.tolist() == [0] and found.ends.tolist() == [2]


def test_divided_frames_cost_the_same_together():
    """Cut at twice as many frames, each like its neighbour, units are where they were, but for a frame."""
    model = templates(seed=3)
    frames = np.repeat(np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32), 4, axis=0)
    coarse, fine = model.cut(frames), model.cut(np.repeat(frames, 2, axis=0), finer=2)
    assert fine.units.tolist() == coarse.units.tolist()
    assert np.abs(fine.starts - 2 * coarse.starts).max() <= 2
    assert fine.cost == pytest.approx(coarse.cost, rel=0.15)


def test_stretches_are_resampled_as_numpy_interpolates():
    frames = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    for width, points in itertools.product((1, 2, 5, 9), (1, 4, 8)):
        places = np.clip((np.arange(points) + 0.5) * width / points - 0.5, 0, width - 1)
        expected = [np.interp(places, np.arange(width), frames[2 : 2 + width, dim]) for dim in range(3)]
        found = resampled_at(frames, np.array([2]), width, points)
        np.testing.assert_allclose(found.reshape(points, 3), np.transpose(expected), atol=1e-6)
    both = stretches_of(frames, np.array([0, 3]), np.array([3, 12]), 4)
    np.testing.assert_array_equal(both[1].ravel(), resampled_at(frames, np.array([3]), 9, 4)[0])


def test_codes_between_units_are_blanks_or_those_before():
    segments = Segments(np.array([1, 5]), np.array([3, 7]), np.array([4, 2]), 0.0)
    assert segments.codes(8, 9).tolist() == [9, 4, 4, 9, 9, 2, 2, 9]
    assert segments.codes(8, None).tolist() == [4, 4, 4, 4, 4, 2, 2, 2]


# States


def test_states_share_a_unit_evenly():
    assert [state_ends(width).tolist() for width in (1, 2, 3, 7)] == [
        [0, 1, 1, 1],
        [0, 1, 2, 2],
        [0, 1, 2, 3],
        [0, 3, 5, 7],
    ]
    segments = Segments(np.array([1, 5]), np.array([5, 7]), np.array([1, 0]), 0.0)
    assert states_of(segments, 8, 6).tolist() == [6, 3, 3, 4, 5, 0, 1, 6]
    assert states_of(segments, 8, None).tolist() == [3, 3, 3, 4, 5, 0, 1, 1]


@pytest.mark.parametrize("blank", [True, False])
def test_states_are_cut_where_it_costs_least(blank):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        posteriors = rng.dirichlet(np.full(3 * STATES + blank, 0.3), 8)
        priors = np.log(rng.dirichlet(np.ones(3 * STATES + blank)))
        scores = StateScores(durations(3, seed=seed), priors, 0.4)
        found = scores.cut(posteriors)
        costs = -0.5 * (np.log(np.maximum(posteriors, 1e-8)) - 0.7 * priors)
        lasting = scores.durations.costs(1.0, 0.3, np.arange(9))

        def of(start, end, unit, costs=costs, lasting=lasting):
            states = states_of(Segments(np.array([0]), np.array([end - start]), np.array([unit]), 0.0), end - start, 99)
            return costs[np.arange(start, end), states].sum() + lasting[end - start, unit]

        least = min(
            sum(min(of(a, b, unit) for unit in range(3)) + 0.4 if is_unit else costs[a, -1] for a, b, is_unit in cut)
            for cut in all_cuts(8, 2, 5)
            if blank or all(is_unit for *_, is_unit in cut)
        )
        assert found.cost + 0.4 * len(found.units) == pytest.approx(least)
        assert scores.has_blank == blank


def test_costs_of_divided_frames_add_up():
    costs = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(finer_costs(np.repeat(costs[:1], 4, 0), 3).sum(0), 4 * costs[0])
    fine = finer_costs(costs, 3)
    assert fine.shape == (15, 3)
    np.testing.assert_allclose(3 * fine[1::3], costs)


# Learning


def corpus(lines: int = 30, units: int = 4, seed: int = 0):
    """Shapes of 4 to 8 frames, one of a few kinds, with blanks of zeros between: frames, and what they are."""
    rng = np.random.default_rng(seed)
    shapes = 6 + 2 * np.random.default_rng(1).normal(size=(units, 8, 5)).cumsum(1)
    frames, truth = {}, {}
    for line in range(lines):
        made, told, at = [], [], 0
        for _ in range(6):
            gap, unit, width = int(rng.integers(1, 3)), int(rng.integers(units)), int(rng.integers(4, 9))
            places = np.linspace(0, 7, width)
            shape = np.stack([np.interp(places, np.arange(8), shapes[unit, :, dim]) for dim in range(5)], 1)
            made += [np.zeros((gap, 5)), shape + 0.05 * rng.normal(size=shape.shape)]
            told.append((at + gap, at + gap + width, unit))
            at += gap + width
        frames[f"line{line:02}"] = np.concatenate([*made, np.zeros((2, 5))]).astype(np.float32)
        truth[f"line{line:02}"] = told
    return InMemory(frames), truth


def timing_of(frames: InMemory) -> Timing:
    lengths = {name: len(frames[name]) for name in frames.names}
    total = sum(lengths.values())
    return Timing(list(lengths), lengths, (total - len(lengths)) / 100, "100 columns", total, [])


OPTIONS = TemplateOptions(units=4, rate=10.9, pool=1, dims=5, min_duration=3, max_duration=9, passes=8)


def test_shapes_are_found_where_they_are():
    frames, truth = corpus()
    found = learn(frames, timing_of(frames), OPTIONS, blank=True).templates
    names, right = {}, 0
    for name in frames.names:
        segments = found.cut(found.projected(frames[name]))
        for start, end, unit in truth[name]:
            near = np.flatnonzero((np.abs(segments.starts - start) <= 1) & (np.abs(segments.ends - end) <= 1))
            right += len(near) > 0
            for one in near:
                names.setdefault(unit, []).append(int(segments.units[one]))
    assert right > 0.9 * 6 * len(frames.names)
    for unit, called in names.items():
        most = max(set(called), key=called.count)
        assert called.count(most) > 0.9 * len(called), unit


def test_threads_and_an_interruption_change_nothing(tmp_path):
    frames, _ = corpus(12)
    timing = timing_of(frames)
    whole = learn(frames, timing, OPTIONS, blank=True)
    several = learn(frames, timing, OPTIONS, blank=True, threads=3)
    learn(frames, timing, OPTIONS, blank=True, state_file=tmp_path / "state")
    stopped = Stopping(frames, after=4)
    with pytest.raises(KeyboardInterrupt):
        learn(frames, timing, OPTIONS, blank=True, state_file=tmp_path / "part", progress=stopped.progress)
    left = Stopping(frames, OPTIONS.passes - 4, AssertionError)  # no more than these are to be done
    resumed = learn(frames, timing, OPTIONS, blank=True, state_file=tmp_path / "part", progress=left.progress)
    assert left.left == 0
    for other in (several, resumed):
        assert other.costs == whole.costs
        for name, array in whole.templates.arrays().items():
            np.testing.assert_array_equal(other.templates.arrays()[name], array, err_msg=name)
    other_frames, _ = corpus(12, seed=5)
    anew = learn(other_frames, timing_of(other_frames), OPTIONS, blank=True, state_file=tmp_path / "part")
    assert anew.costs != whole.costs


class Stopping:
    """Raises KeyboardInterrupt, or another error, when so many passes over templates are done."""

    def __init__(self, frames: InMemory, after: int, error: type[BaseException] = KeyboardInterrupt):
        self.left = after * len(frames.names)
        self.error = error

    def progress(self, title: str, total: int, done: int = 0):
        def advance(count: int = 1, note: str = ""):
            if title == "templates":
                self.left -= count
                if self.left < 0:
                    raise self.error

        return nullcontext(advance)


def test_the_likeliest_of_several_starts_is_kept():
    frames, _ = corpus(12, units=6)
    timing, few = timing_of(frames), replace(OPTIONS, units=5, passes=2)
    costs = [learn(frames, timing, replace(few, seed=seed), blank=True).costs[-1] for seed in range(3)]
    assert learn(frames, timing, replace(few, starts=3), blank=True).costs[-1] == min(costs)


def test_there_are_as_many_units_as_asked_for():
    frames, _ = corpus(12)
    for rate in (8.0, 11.0):
        found = learn(frames, timing_of(frames), replace(OPTIONS, rate=rate), blank=True).templates
        units = sum(len(found.cut(found.projected(frames[name])).units) for name in frames.names)
        assert units == pytest.approx(timing_of(frames).segments(rate), rel=0.02)


@pytest.mark.parametrize("rate", [4.0, 25.0])
def test_the_price_follows_the_number_of_units(rate):
    frames, _ = corpus(12)
    timing, options = timing_of(frames), replace(OPTIONS, rate=rate)
    axes = components(frames, 5, 1, threads=1, advance=lambda number: None)
    limits = limits_of(options, timing)
    work = Work(Projected(frames, *axes, pool=1), timing, options, limits, True, memory=1.0, threads=1)
    before = first(work, 0, lambda number: None)
    after = next_state(work, before, 0, lambda number: None)
    too_many = after.counts.sum() - timing.segments(rate)
    assert too_many and np.sign(after.templates.price - before.templates.price) == np.sign(too_many)


def stored(folder, frames: dict[str, np.ndarray]) -> Encodings:
    writer = EncodingsWriter(folder, {"point": "bottleneck", "stride": 1, "offset": 0.5, "rate": None})
    for name, values in frames.items():
        writer.write(Encoding(name, np.arange(len(values)) + 0.5, values.astype(np.float32)))
    writer.finish()
    return Encodings.open(folder)


def test_pieces_are_called_by_their_frames_whatever_they_were_called(tmp_path):
    rng, kinds = np.random.default_rng(0), 5 * np.random.default_rng(1).normal(size=(2, 4))
    frames, segments, truth = {}, {}, []
    for line in range(6):
        widths, which = rng.integers(2, 6, 5), rng.integers(2, size=5)
        ends = np.cumsum(widths)
        frames[f"line{line}"] = np.repeat(kinds[which], widths, 0) + 0.1 * rng.normal(size=(ends[-1], 4))
        segments[f"line{line}"] = Segments(ends - widths, ends, rng.integers(2, size=5), 0.0)
        truth += [(int(kind), int(width)) for kind, width in zip(which, widths)]
    encodings = stored(tmp_path / "latents", frames)
    given = rounds.Alignment(encodings, segments, 3, False)
    lasting = durations(2, shortest=2, longest=5)
    pieces = rounds.pieces_of(given, StoredFrames(encodings, frames), threads=2)
    found, now = rounds.renamed(given, pieces, lasting, count=2, seed=0, memory=1.0, threads=2)
    assert (found.kinds, found.blank, len(now.means)) == (2, None, 2)
    called = np.concatenate([found.segments[name].units for name in frames])
    kinds_of = np.array([kind for kind, _ in truth])
    assert len({*zip(called.tolist(), kinds_of.tolist())}) == 2  # one name for a kind
    for name in range(2):
        widths = [width for (_, width), unit in zip(truth, called) if unit == name]
        assert now.means[name] == pytest.approx(np.mean(widths))
    for name, own in segments.items():
        np.testing.assert_array_equal(found.segments[name].starts, own.starts)


@pytest.mark.parametrize("blank", [True, False])
def test_an_alignment_has_a_code_for_blanks_where_there_are_any(blank, tmp_path):
    posteriors = np.random.default_rng(0).dirichlet(np.full(2 * STATES + blank, 0.2), 12)
    predictions = stored(tmp_path / "prediction", {"line": np.sqrt(posteriors)})
    priors = np.full(2 * STATES + blank, -np.log(2 * STATES + blank))
    scores = StateScores(durations(2), priors, 3.0)
    found = rounds.by_states(scores, predictions, ["line"])
    assert found.blank == (2 if blank else None)
    np.testing.assert_array_equal(found.codes("line"), scores.cut(posteriors).codes(12, found.blank))
    assert found.agreement(found) == pytest.approx(1)


def test_a_template_is_the_mean_of_what_was_cut_and_a_rare_one_begins_anew():
    model = templates(units=3, points=4, dim=2)
    frames = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    segments = Segments(np.array([0, 4, 8, 12, 15]), np.array([4, 8, 12, 15, 18]), np.array([0, 0, 0, 1, 0]), 5.0)
    seen = counted(model, frames, segments)
    assert isinstance(seen + seen, Counts) and (seen + seen).counts.tolist() == [8, 2, 0]
    made = estimated(model, seen, np.random.default_rng(0))
    of_first = stretches_of(frames, segments.starts, segments.ends, 4)[segments.units == 0]
    np.testing.assert_allclose(made.means[0], of_first.mean(0), atol=1e-6)
    assert made.durations.means[0] == pytest.approx(15 / 4)
    for rare in (1, 2):
        assert made.durations.means[rare] in (made.durations.means[0], *made.durations.means)
        assert np.isfinite(made.means[rare]).all()
    assert np.abs(made.means[1] - made.means[0]).max() < 1  # the most frequent, halved


def test_limits_follow_from_the_rate():
    timing = Timing(["a"], {"a": 101}, 1.0, "second", 101, [])
    assert limits_of(TemplateOptions(rate=5), timing).__dict__ == {
        "pool": 2,
        "shortest": 4,
        "longest": 22,
        "mean": 10.0,
    }
    for rate, pool in ((10, 1), (9.9, 2), (5, 2), (4.9, 3)):  # a mean unit has five to ten
        assert limits_of(TemplateOptions(rate=rate), timing).pool == pool
    fixed = limits_of(TemplateOptions(rate=5, pool=1, min_duration=30, max_duration=300), timing)
    assert (fixed.shortest, fixed.longest) == (3, 30)
    with pytest.raises(ValueError, match=r"`units_per_second` 200: there are but 100 frames per second"):
        limits_of(TemplateOptions(rate=200), timing)


def test_ink_and_change_give_first_boundaries():
    ink = np.array([0, 1, 3, 1, 0, 0, 2, 4, 2, 0.5, 2, 3, 1, 0.0])
    found = first_boundaries(ink[:, None], ink, 2, 5.0)
    assert found[0] == 0 and found[-1] == len(ink) and any(abs(found - 9) <= 1)
    assert first_segments(np.array([0, 1, 4, 16]), None, 3, 6).tolist() == [[0, 4], [4, 10], [10, 16]]
    blank = np.r_[np.zeros(4), np.ones(4)]
    assert first_segments(np.array([0, 4, 8]), blank, 2, 6).tolist() == [[4, 8]]


@pytest.mark.parametrize(
    "options,told",
    [
        ({"units": 0}, "`units` must be 1 or more, not 0"),
        ({"pool": 0}, "`pool` must be 1 or more, not 0"),
        ({"rate": 0.0}, "`rate` must be above 0, not 0"),
        ({"blank": "paper"}, r"`blank` paper: choose one of \['auto', 'zero', 'none'\]"),
        ({"start": "ends"}, r"`start` ends: choose one of \['auto', 'ink', 'change'\]"),
        ({"min_duration": 5.0, "max_duration": 3.0}, "`min_duration` 5 is above `max_duration` 3"),
        ({"prior_weight": -1.0}, "`prior_weight` must be 0 or more, not -1"),
    ],
)
def test_options_that_cannot_be_are_refused(options, told):
    with pytest.raises(ValueError, match=told):
        TemplateOptions(**options)


def test_too_few_segments_and_nothing_but_blanks_are_refused():
    frames, _ = corpus(2)
    with pytest.raises(EncodingsError, match=r"falls into \d+ segments, but 500 units are wanted"):
        learn(frames, timing_of(frames), replace(OPTIONS, units=500), blank=True)


def test_what_is_stored_is_what_was_learned():
    model = templates()
    again = Templates.of_arrays(model.arrays())
    for name, array in model.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)
    lasting = arrays_of_durations(model.durations)
    with pytest.raises(ValueError, match="do not fit"):
        durations_of_arrays(lasting | {"durations.means": np.ones(7)})
    with pytest.raises(ValueError, match="not above 0"):
        durations_of_arrays(lasting | {"durations.deviations": np.zeros(3)})
    with pytest.raises(ValueError, match="do not fit"):
        Templates.of_arrays(model.arrays() | {"blank": np.zeros(7)})
    with pytest.raises(KeyError):
        Templates.of_arrays({})


def test_an_utterance_without_units_has_no_pieces(tmp_path):
    """All of it is blank: it is named, and counted, with the others."""
    rng = np.random.default_rng(0)
    frames = {f"line{line}": rng.normal(size=(12, 4)) for line in range(4)}
    whole = Segments(np.array([0, 6]), np.array([6, 12]), np.array([0, 1]), 0.0)
    none = Segments(*(np.zeros(0, np.int64) for _ in range(3)), 0.0)
    segments = {name: none if name == "line2" else whole for name in frames}
    encodings = stored(tmp_path / "latents", frames)
    given = rounds.Alignment(encodings, segments, 2, True)
    pieces = rounds.pieces_of(given, StoredFrames(encodings, frames), threads=1)
    assert pieces["line2"].shape == (0, pieces.dim)
    lasting = durations(2, shortest=2, longest=8)
    found, _ = rounds.renamed(given, pieces, lasting, count=2, seed=0, memory=1.0, threads=1)
    assert len(found.segments["line2"].units) == 0 and len(found.segments["line1"].units) == 2
    assert len(agreed_names(pieces, seed=0, threads=1)) == 0  # too few, but nothing fails
    np.testing.assert_array_equal(found.codes("line2"), np.full(12, 2))
