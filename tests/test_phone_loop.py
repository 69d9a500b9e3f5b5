"""Phone loops: what is expected and what is likeliest, as counted path by path; learned, resumed, decoded, refused."""

import itertools
import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.mixture import BayesianGaussianMixture
from test_kmeans import InMemory, clouds
from test_segmenting import OURS, make, seconds, units, write
from torch.distributions import Dirichlet, Gamma, kl_divergence

import unitdisc as library
from unitdisc.clustering.codebook_files import CodebookError
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.segmentation.corpora import sample
from unitdisc.segmentation.corpora.options import SegmentOptions
from unitdisc.segmentation.phone_loop import variational
from unitdisc.segmentation.phone_loop.kernels import forward_backward, likeliest_path
from unitdisc.segmentation.phone_loop.learning import learn
from unitdisc.segmentation.phone_loop.options import PhoneLoopOptions
from unitdisc.segmentation.phone_loop.storage import read_phone_loop
from unitdisc.segmentation.phone_loop.variational import Posterior, Prior, Statistics, expectation

pytest_plugins = ["tiny_fixtures"]

SMALL = PhoneLoopOptions(6, components=2, passes=4)
SHAPES = [(1, 1, 1), (5, 2, 2), (4, 3, 1), (6, 1, 3), (4, 2, 3), (3, 2, 4)]  # frames, units, states


# Paths, one by one


def random_loop(frames: int, units: int, states: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Scores and prices that are no probabilities, as those of variational Bayes are none."""
    rng = np.random.default_rng(frames + 10 * units + 100 * states + 1000 * seed)
    shapes = (frames, units, states), (units,), (units, states), (units, states)
    return tuple(rng.normal(size=shape) * 2 for shape in shapes)


def all_paths(scores, enter, stay, leave) -> Iterator[tuple[float, list[tuple[int, int]], list[str]]]:
    """log p, states and moves of every path: "enter" at first, then "stay", "next" or "enter" before every frame."""
    frames, units, states = scores.shape

    def after(log_p: float, path: list, moves: list):
        if len(path) == frames:
            yield log_p, path, moves
            return
        time, (unit, state) = len(path), path[-1]
        yield from after(log_p + stay[unit, state] + scores[time, unit, state], [*path, path[-1]], [*moves, "stay"])
        left = log_p + leave[unit, state]
        if state + 1 < states:
            onwards = left + scores[time, unit, state + 1]
            yield from after(onwards, [*path, (unit, state + 1)], [*moves, "next"])
            return
        for new in range(units):
            yield from after(left + enter[new] + scores[time, new, 0], [*path, (new, 0)], [*moves, "enter"])

    for unit in range(units):
        yield from after(enter[unit] + scores[0, unit, 0], [(unit, 0)], ["enter"])


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_expected_is_the_sum_over_all_paths(shape):
    given = random_loop(*shape)
    paths = list(all_paths(*given))
    total = np.logaddexp.reduce([log_p for log_p, *_ in paths])
    expected = [np.zeros(each.shape) for each in given]
    for log_p, path, moves in paths:
        share = np.exp(log_p - total)
        for time, (state, move) in enumerate(zip(path, moves)):
            expected[0][time, *state] += share
            expected[1][state[0]] += share * (move == "enter")
            if time:
                expected[2 if move == "stay" else 3][path[time - 1]] += share
    found = forward_backward(*given)
    assert found[0] == pytest.approx(total, abs=1e-10)
    for ours, theirs in zip(found[1:], expected):
        np.testing.assert_allclose(ours, theirs, atol=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("switch_cost", [0.0, 1.5, -2.0])
def test_the_path_is_the_likeliest_on_which_no_unit_follows_itself(shape, switch_cost):
    for seed in range(5):
        scores, enter, stay, leave = random_loop(*shape, seed)
        priced = scores, enter - switch_cost, stay, leave
        allowed = [
            (log_p, path, moves)
            for log_p, path, moves in all_paths(*priced)
            if not any(move == "enter" and path[time][0] == path[time + 1][0] for time, move in enumerate(moves[1:]))
        ]
        log_p, path, moves = max(allowed)
        codes = np.empty(len(scores), np.int64)
        assert likeliest_path(*priced, codes) == (pytest.approx(log_p, abs=1e-10), moves.count("enter"))
        assert codes.tolist() == [unit for unit, _ in path]


def test_frames_that_no_state_expects_neither_underflow_nor_count_twice():
    scores, enter, stay, leave = random_loop(8, 3, 3)
    scores[3] -= 1e5
    total, shares, *_ = forward_backward(scores, enter, stay, leave)
    assert np.isfinite(total)
    np.testing.assert_allclose(shares.sum((1, 2)), 1, atol=1e-9)


def test_utterances_of_which_runs_are_measured_are_drawn_by_the_seed(monkeypatch):
    monkeypatch.setattr(sample, "SAMPLE", 40)
    lengths = {f"u{number:02}": 10 for number in range(50)}
    draws = [sample.drawn(lengths, seed) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert all(draw == sorted(draw) and len(draw) == 4 for draw in draws)


# Variational Bayes


def posterior_of(units: int = 3, states: int = 2, components: int = 2, dim: int = 3) -> Posterior:
    rng = np.random.default_rng(0)
    counts = rng.gamma(5.0, size=(units, states, components))
    sums = counts[..., None] * rng.normal(size=(*counts.shape, dim))
    squares = sums**2 / counts[..., None] + counts[..., None] * rng.gamma(2.0, size=sums.shape)
    moves = rng.gamma(3.0, size=(2, units, states))
    seen = Statistics(moves[1, :, -1], *moves, counts, sums, squares, np.float64(0), counts.sum())
    return Posterior.after(seen, Prior(rng.normal(size=dim), rng.gamma(3.0, size=dim), 0.5))


def test_the_divergence_from_the_prior_is_that_of_torch():
    posterior = posterior_of()

    def tensor(value) -> torch.Tensor:
        return torch.as_tensor(np.asarray(value, np.float64))

    def like(value: np.ndarray, prior: float) -> torch.Tensor:
        return torch.full_like(tensor(value), prior)

    total = kl_divergence(
        Dirichlet(tensor(posterior.sticks)), Dirichlet(torch.tensor([1.0, variational.CONCENTRATION]))
    )
    expected = float(total.sum())
    for counts in (posterior.steps, posterior.weights):
        expected += float(kl_divergence(Dirichlet(tensor(counts)), Dirichlet(like(counts, variational.EVEN))).sum())
    shapes = tensor(posterior.shapes)[..., None].expand(posterior.rates.shape)
    rates = tensor(variational.SHAPE * posterior.prior.variance).expand(posterior.rates.shape)
    gammas = Gamma(shapes, tensor(posterior.rates)), Gamma(like(posterior.rates, variational.SHAPE), rates)
    expected += float(kl_divergence(*gammas).sum())
    deviation = np.sqrt(posterior.rates / posterior.shapes[..., None])  # of the expected precision
    normals = (
        torch.distributions.Normal(
            tensor(posterior.means), tensor(deviation / np.sqrt(posterior.mean_frames[..., None]))
        ),
        torch.distributions.Normal(like(posterior.means, 0), tensor(deviation / np.sqrt(variational.MEAN_FRAMES))),
    )
    expected += float(kl_divergence(*normals).sum())
    assert posterior.divergence() == pytest.approx(expected, rel=1e-9)


def test_of_single_frames_it_is_the_mixture_of_scikit_learn(monkeypatch):
    """A Dirichlet process of Gaussians: utterances of one frame, units of one state and one Gaussian."""
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.normal(place, 0.5, size=(60, 1)) for place in (-3, 0, 2.5)])
    shares = rng.dirichlet(np.ones(5), len(x))
    mean, variance = x.mean(0), x.var(0)
    seen = Statistics(
        shares.sum(0),
        np.zeros((5, 1)),
        np.zeros((5, 1)),
        shares.sum(0)[:, None, None],
        (shares.T @ (x - mean))[:, None, None],
        (shares.T @ (x - mean) ** 2)[:, None, None],
        np.float64(0),
        np.float64(len(x)),
    )
    for _ in range(6):
        loop = Posterior.after(seen, Prior(mean, variance, 1.0)).loop()
        found = [expectation(loop, frame[None], mean) for frame in x]
        seen = sum(found[1:], found[0])
    theirs = BayesianGaussianMixture(
        n_components=5,
        covariance_type="diag",
        max_iter=6,
        tol=0.0,
        reg_covar=0.0,
        weight_concentration_prior_type="dirichlet_process",
        weight_concentration_prior=variational.CONCENTRATION,
        mean_precision_prior=variational.MEAN_FRAMES,
        degrees_of_freedom_prior=2 * variational.SHAPE,
        covariance_prior=2 * variational.SHAPE * variance,
    )
    monkeypatch.setattr(theirs, "_initialize_parameters", lambda x, *_, **__: theirs._initialize(x, shares))
    with pytest.warns(match="converge"):
        theirs.fit(x)
    loop = Posterior.after(seen, Prior(mean, variance, 1.0)).loop()
    np.testing.assert_allclose(loop.means[:, 0, 0], theirs.means_, atol=1e-8)
    posteriors = np.concatenate([loop.posteriors(loop.scores(frame[None])) for frame in x])[:, :, 0]
    np.testing.assert_allclose(posteriors, theirs.predict_proba(x), atol=1e-8)


def doubled() -> InMemory:
    return InMemory({name: values.astype(np.float64) for name, values in clouds(dim=3).items()})


@pytest.mark.parametrize(
    "options", [{}, {"states": 1}, {"acoustic_scale": 1.0, "components": 3}, {"units": 2, "components": 1}]
)
def test_the_evidence_never_falls(options):
    found = learn(doubled(), replace(SMALL, passes=12, tolerance=0.0, **options))
    assert len(found.bounds) == 12
    assert (np.diff(found.bounds) > -1e-11).all()
    assert found.bounds[-1] > found.bounds[0]


# Learning


def planted(seed: int, utterances: int = 20) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Frames and units: five units, each of three stretches, that last 3 to 12 frames; never one after itself."""
    places = np.random.default_rng(7)
    places = 3 * places.normal(size=(5, 1, 4)) + places.normal(size=(5, 3, 4))
    rng = np.random.default_rng(seed)
    frames, truth = {}, {}
    for number in range(utterances):
        names = [int(rng.integers(5))]
        while len(names) < 12:
            names += [unit for unit in [int(rng.integers(5))] if unit != names[-1]]
        lengths = rng.integers(1, 5, size=(12, 3))
        rows = [np.repeat(places[unit], length, axis=0) for unit, length in zip(names, lengths)]
        clean = np.concatenate(rows)
        frames[f"u{number:02}"] = (clean + 0.4 * rng.normal(size=clean.shape)).astype(np.float32)
        truth[f"u{number:02}"] = np.repeat(names, lengths.sum(1))
    return frames, truth


def test_planted_units_are_found_again_in_other_utterances():
    loop = learn(InMemory(planted(1)[0]), PhoneLoopOptions(12, components=1, acoustic_scale=1.0, passes=10)).loop
    frames, truth = planted(2, 10)
    codes = {name: loop.path(loop.scores(values)).codes for name, values in frames.items()}
    together = [np.concatenate([each[name] for name in frames]) for each in (truth, codes)]
    assert adjusted_mutual_info_score(*together) > 0.9
    borders = [{(name, t) for name in each for t in np.flatnonzero(np.diff(each[name]))} for each in (truth, codes)]
    assert len(borders[0] & borders[1]) > 0.9 * max(map(len, borders))


def test_the_seed_decides_and_threads_memory_and_order_of_files_change_no_byte():
    frames = clouds()
    first = learn(InMemory(frames), SMALL)
    backwards = InMemory(dict(reversed(frames.items())))
    again = learn(backwards, SMALL, memory=0.05, threads=3)
    assert again.bounds == first.bounds
    for name, array in first.loop.arrays().items():
        assert array.tobytes() == again.loop.arrays()[name].tobytes(), name
    assert learn(InMemory(frames), replace(SMALL, seed=1)).bounds != first.bounds


class Stop:
    """Progress that interrupts the passes after some utterances."""

    def __init__(self, utterances: int):
        self.left = utterances

    def __call__(self, title: str, total: int, done: int = 0):
        return nullcontext(self.advance if title == "phone loop" else lambda *_, **__: None)

    def advance(self, count: int = 1, note: str = "") -> None:
        self.left -= count
        if self.left < 0:
            raise KeyboardInterrupt


def test_an_interrupted_run_ends_with_the_same_bytes(tmp_path):
    frames, state = InMemory(clouds()), tmp_path / "state"
    whole = learn(frames, SMALL)
    with pytest.raises(KeyboardInterrupt):
        learn(frames, SMALL, state_file=state, progress=Stop(2 * len(frames.names) + 5))
    looked = []
    resumed = learn(frames, SMALL, state_file=state, progress=lambda title, *_, **__: looked.append(title) or quiet())
    assert "first units" not in looked
    assert resumed.bounds == whole.bounds
    assert all(array.tobytes() == resumed.loop.arrays()[name].tobytes() for name, array in whole.loop.arrays().items())


def quiet():
    return nullcontext(lambda *_, **__: None)


def test_the_state_of_other_frames_or_options_or_a_torn_one_is_not_used(tmp_path):
    state = tmp_path / "state"
    learn(InMemory(clouds(10)), SMALL, state_file=state)
    frames = InMemory(clouds(12))
    whole = learn(frames, SMALL).bounds
    assert learn(frames, SMALL, state_file=state).bounds == whole
    assert learn(frames, replace(SMALL, components=1), state_file=state).bounds != whole
    state.write_bytes(state.read_bytes()[:100])
    assert learn(frames, SMALL, state_file=state).bounds == whole


# Of a corpus


@pytest.fixture
def place(tmp_path):
    place = make(tmp_path)
    library.phone_loop(place.encodings, tmp_path / "loop.safetensors", SMALL, threads=1)
    return place


def loop_of(place) -> library.Codes:
    return library.Codes(phone_loop=place.root / "loop.safetensors")


def test_units_are_as_many_as_asked_and_last_as_long_as_they_have_states(place):
    for rate in (3.0, 8.0):
        folder = place.segment(f"out-{rate}", loop_of(place), method="phone-loop", rate=rate)
        assert abs(units(folder) - (len(place.frames) + rate * seconds(place))) < 2
        assert "switch_cost" in Encodings.open(folder).settings["segmentation"]
        for codes in Encodings.open(folder).codes.values():
            lengths = [len(list(run)) for _, run in itertools.groupby(codes)]
            assert all(length >= SMALL.states for length in lengths[:-1])
    free = place.segment("free", loop_of(place), method="phone-loop")
    assert Encodings.open(free).settings["segmentation"]["switch_cost"] == 0


def test_frames_are_what_units_stand_for_or_posteriors(place):
    loop = read_phone_loop(place.root / "loop.safetensors").loop
    plain = Encodings.open(place.segment("plain", loop_of(place), method="phone-loop", rate=8))
    price = plain.settings["segmentation"]["switch_cost"]
    for name, frames in place.frames.items():
        np.testing.assert_allclose(plain[name].frames, loop.unit_means[plain.codes[name]], rtol=1e-6)
        expected = loop.posteriors(loop.scores(frames), price)
        for kind, shown in (("units", expected.sum(2)), ("states", expected.reshape(len(frames), -1))):
            given = {"method": "phone-loop", "rate": 8, "posteriors": kind}
            folder = place.segment(kind, loop_of(place), **given)
            found = Encodings.open(folder)
            np.testing.assert_allclose(np.square(found[name].frames), shown, atol=1e-6)
            assert found.codes[name].tolist() == plain.codes[name].tolist()


def test_posteriors_of_another_tool_s_frames_are_as_wide_as_they_say(place, tmp_path):
    for name, frames in place.frames.items():
        (tmp_path / "theirs").mkdir(exist_ok=True)
        np.save(tmp_path / "theirs" / f"{name}.npy", frames)
    library.phone_loop(tmp_path / "theirs", tmp_path / "loop.safetensors", SMALL, threads=1)
    given = {"method": "phone-loop", "rate": 8, "posteriors": "units"}
    theirs = {"encodings": tmp_path / "theirs", "frame_rate": 100.0}
    found = Encodings.open(place.segment("theirs-units", loop_of(place), **given, **theirs))
    assert found.settings["dim"] == found["u0"].frames.shape[1] == SMALL.units


def test_new_utterances_are_decoded_by_what_was_learned_before(place, tmp_path):
    whole = place.segment("whole", loop_of(place), method="phone-loop")
    for name in ("u1", "u3"):
        (place.encodings / f"{name}.npy").unlink()
    listed = [json.loads(line) for line in (place.encodings / "units.jsonl").read_text().splitlines()]
    left = [json.dumps(each) for each in listed if each["utterance"] not in ("u1", "u3")]
    (place.encodings / "units.jsonl").write_text("\n".join(left) + "\n")
    some = Encodings.open(place.segment("some", loop_of(place), method="phone-loop"))
    assert len(some.codes) == 3
    for name, codes in some.codes.items():
        assert codes.tolist() == Encodings.open(whole).codes[name].tolist()


def test_an_unfinished_folder_is_completed_and_another_loop_refused(place):
    given = {"method": "phone-loop", "rate": 8}
    folder = place.segment("out", loop_of(place), **given)
    before = {path.name: path.read_bytes() for path in folder.glob("*.npy")}
    (folder / "u2.npy").unlink()
    place.segment("out", loop_of(place), **given)
    assert {path.name: path.read_bytes() for path in folder.glob("*.npy")} == before
    other = replace(SMALL, seed=3)
    library.phone_loop(place.encodings, place.root / "loop.safetensors", other, threads=1)
    with pytest.raises(EncodingsError, match="phone_loop differ"):
        place.segment("out", loop_of(place), **given)


def test_what_does_not_fit_is_refused_by_name(place, tmp_path):
    loop = loop_of(place)
    wider = {name: np.pad(frames, ((0, 0), (0, 1))) for name, frames in place.frames.items()}
    write(tmp_path / "wider", wider, OURS)
    with pytest.raises(
        CodebookError, match=r"have 3 dimensions, but the frames of .*wider have 4.*unitdisc phone-loop"
    ):
        place.segment("a", loop, encodings=tmp_path / "wider", method="phone-loop")
    write(tmp_path / "other", place.frames, OURS | {"point": "encoder"})
    with pytest.raises(CodebookError, match=r"point: projection there, encoder here.*unitdisc phone-loop"):
        place.segment("b", loop, encodings=tmp_path / "other", method="phone-loop")
    codes = {name: np.zeros(len(frames), np.int64) for name, frames in place.frames.items()}
    (tmp_path / "codes").mkdir()
    for name, values in codes.items():
        np.save(tmp_path / "codes" / f"{name}.npy", values)
    with pytest.raises(EncodingsError, match="u0 has codes and no frames"):
        library.phone_loop(tmp_path / "codes", tmp_path / "c.safetensors", SMALL)
    with pytest.raises(EncodingsError, match="501 frames, but 999 units are wanted"):
        library.phone_loop(place.encodings, tmp_path / "c.safetensors", PhoneLoopOptions(999))
    with pytest.raises(ValueError, match=r"must end in \.safetensors"):
        library.phone_loop(place.encodings, tmp_path / "c.npy", SMALL)
    with pytest.raises(ValueError, match="`memory`"):
        library.phone_loop(place.encodings, tmp_path / "c.safetensors", SMALL, memory=1e-6)
    path = tmp_path / "loop.safetensors"
    whole = path.read_bytes()
    for damaged in (b"", whole[:-100], b"\x00" * 200):
        path.write_bytes(damaged)
        with pytest.raises(CodebookError, match=r"loop\.safetensors: is no phone loop, or damaged"):
            read_phone_loop(path)
    with pytest.raises(CodebookError, match="no such file; `unitdisc phone-loop` makes one"):
        read_phone_loop(tmp_path / "none.safetensors")


def test_options_that_do_not_go_together_are_refused(place):
    for wrong in ({"durations": "poisson"}, {"solver": "exact"}, {"distance": "cosine"}, {"iterations": 1}):
        with pytest.raises(ValueError, match=f"a phone loop knows no `{next(iter(wrong))}`"):
            SegmentOptions(8.0, "phone-loop", **wrong)
    with pytest.raises(ValueError, match="those of a phone loop"):
        SegmentOptions(8.0, posteriors="units")
    with pytest.raises(ValueError, match="`posteriors` frames: choose one of"):
        SegmentOptions(8.0, "phone-loop", posteriors="frames")
    with pytest.raises(ValueError, match="exclude each other"):
        SegmentOptions(8.0, "phone-loop", pool=True, posteriors="units")
    with pytest.raises(ValueError, match="`phone_loop` and `method` phone-loop belong together"):
        place.segment("a", loop_of(place), rate=8)
    with pytest.raises(ValueError, match="`phone_loop` and `method` phone-loop belong together"):
        place.segment("a", method="phone-loop", rate=8)
    for name, value in (("units", 0), ("states", 0), ("components", 0), ("seed", -1), ("passes", 0)):
        with pytest.raises(ValueError, match=f"`{name}` must be"):
            PhoneLoopOptions(**{name: value})
    for name, value in (("acoustic_scale", 0.0), ("acoustic_scale", 1.5), ("tolerance", -1.0)):
        with pytest.raises(ValueError, match=f"`{name}` must be"):
            PhoneLoopOptions(**{name: value})


def test_the_commands_say_what_they_found(place, unitdisc):
    made = unitdisc("phone-loop", place.encodings, place.root / "new.safetensors", "--units", 6, "--passes", 2)
    assert made.code == 0 and "of 6 units in use, stopped after 2 passes" in made.out, made.err
    found = unitdisc(
        "segment", place.encodings, place.corpus, place.root / "new", "--phone-loop", place.root / "new.safetensors",
        "--units-per-second", 8, "--posteriors", "units",
    )  # fmt: skip
    assert found.code == 0 and "switch cost" in found.out, found.err
    assert unitdisc("abx", place.root / "new", place.corpus).code != 2
    refused = unitdisc(
        "segment", place.encodings, place.corpus, place.root / "b", "--phone-loop", place.root / "new.safetensors",
        "--method", "peaks",
    )  # fmt: skip
    assert refused.code == 1 and "--phone-loop and --method phone-loop belong together" in refused.err
