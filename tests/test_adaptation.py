"""Steps that make speakers alike: against plain formulas and scikit-learn, each under one contract."""

from functools import partial

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from test_kmeans import InMemory

from unitdisc.adaptation.adaptation import Adaptation
from unitdisc.adaptation.affine import Affine
from unitdisc.adaptation.base import AdaptationError
from unitdisc.adaptation.chain import Chain, mixtures
from unitdisc.adaptation.lda import LDA, SHRINKAGE
from unitdisc.adaptation.length import FixedLength
from unitdisc.adaptation.places import Place, Resources, speaker_key
from unitdisc.adaptation.posteriorgram import Posteriorgram
from unitdisc.adaptation.smoothing import Smoothing
from unitdisc.adaptation.speaker_directions import SpeakerDirections
from unitdisc.adaptation.standardisation import Standardisation
from unitdisc.adaptation.steps import CHAINS, STEPS, parse, step_of
from unitdisc.adaptation.whitening import Whitening
from unitdisc.clustering.expectation_maximisation import MixtureOptions
from unitdisc.clustering.mixture import GaussianMixture

DIM, SPEAKERS = 4, 5
WRITTEN = {  # a small one of every step
    "affine": "affine:6",
    "lda": "lda:3:1:components=6",
    "length": "length:0.5",
    "posteriorgram": "posteriorgram:6:0.5",
    "remove-speakers": "remove-speakers:0.6",
    "smooth": "smooth:3",
    "standardise": "standardise:speaker",
    "whiten": "whiten:half",
}


def voices(seed: int = 0, utterances: int = 15) -> InMemory:
    """Frames near one of six places, which every speaker moves, and stretches, in an own way."""
    rng = np.random.default_rng(seed)
    places = 3 * np.random.default_rng(9).normal(size=(6, DIM))
    frames = {}
    for number in range(utterances):
        own = np.random.default_rng(number % SPEAKERS)
        values = places[rng.integers(0, 6, rng.integers(20, 60))]
        values = values + 0.5 * rng.normal(size=values.shape)
        frames[f"u{number:02}"] = (values * own.uniform(0.7, 1.4, DIM) + own.normal(size=DIM)).astype(np.float32)
    return InMemory(frames)


def keys_of(frames: InMemory, known: bool = True) -> dict[str, str]:
    speakers = {name: f"s{int(name[1:]) % SPEAKERS}" if known else None for name in frames.names}
    return {name: speaker_key(name, speaker) for name, speaker in speakers.items()}


def place_of(frames: InMemory, known: bool = True, **resources) -> Place:
    return Place(frames, keys_of(frames, known), Resources(**resources))


def together(frames: InMemory) -> np.ndarray:
    return np.concatenate([frames[name] for name in frames.names])


def own_frames(place: Place, key: str) -> np.ndarray:
    return np.concatenate([*place.of_speaker(key)])


def test_every_step_is_here():
    assert WRITTEN.keys() == STEPS.keys()


@pytest.mark.parametrize("text", [*WRITTEN.values(), "(affine:6+lda:2:components=6),smooth", "standardise,affine:6"])
def test_the_contract(text, tmp_path):
    """Wide as it says, finite, single precision; the same from disk, by threads and without memory."""
    place = place_of(voices())
    fitted = Adaptation.fitted(text, place, {"frames_of": {"features": "voices"}})
    fitted.write(tmp_path / "it.safetensors")
    again = Adaptation.read(tmp_path / "it.safetensors")
    hurried = Adaptation.fitted(text, place_of(voices(), memory=1e-9, threads=3), fitted.card)
    assert (again.steps, again.card, again.checksum) == (fitted.steps, fitted.card, fitted.checksum) and again.dim
    assert hurried.checksum == fitted.checksum
    after = place.after(fitted.chain, fitted.learnt)
    assert after.source.dim == fitted.dim
    for key, names in place.names_of.items():
        own = again.of_speaker(place.of_speaker(key))
        for name in names:
            frames = again(place.source[name], own)
            assert frames.dtype == np.float32 and frames.shape == (len(place.source[name]), fitted.dim)
            assert np.isfinite(frames).all()
            assert frames.tobytes() == after.source[name].tobytes()


@pytest.mark.parametrize("text", WRITTEN.values())
def test_frames_of_other_speakers_and_of_nobody(text):
    """New speakers are learnt from their own frames; an utterance whose speaker is unknown, from itself."""
    fitted = Adaptation.fitted(text, place_of(voices()), {})
    for place in (place_of(voices(seed=7)), place_of(voices(seed=7), known=False)):
        for key, names in place.names_of.items():
            own = fitted.of_speaker(place.of_speaker(key))
            assert all(np.isfinite(fitted(place.source[name], own)).all() for name in names)
    assert len(place.names_of) == len(place.source.names)


def test_standardisation():
    place = place_of(voices())
    for key in place.names_of:
        own = Standardisation().fit_speaker({}, partial(place.of_speaker, key))
        values = own_frames(place, key).astype(np.float64)
        made = Standardisation().apply({}, own, own_frames(place, key))
        np.testing.assert_allclose(made, (values - values.mean(0)) / values.std(0), atol=1e-5)
    everything = together(place.source)
    learnt = Standardisation("global").fit(place)
    made = Standardisation("global").apply(learnt, {}, everything)
    np.testing.assert_allclose([made.mean(0), made.std(0)], [np.zeros(DIM), np.ones(DIM)], atol=1e-5)
    one = Standardisation("utterance").apply({}, {}, place.source["u03"])
    np.testing.assert_allclose([one.mean(0), one.std(0)], [np.zeros(DIM), np.ones(DIM)], atol=1e-5)


def test_the_affine_step_is_a_ridge_regression():
    """Of frames, one after the other, and as many rows that ask for the identity as the ridge is worth."""
    place = place_of(voices())
    step = Affine(6, temperature=0.5, ridge=0.4)
    learnt = step.fit(place)
    mixture = GaussianMixture.of_arrays(learnt)
    for key in place.names_of:
        own = step.fit_speaker(learnt, partial(place.of_speaker, key))
        x = own_frames(place, key)
        scores = mixture.log_joint(x).astype(np.float64) * 0.5
        shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        rows = np.sqrt(0.4 * len(x)) * np.eye(DIM + 1)
        left = np.vstack([np.hstack([x, np.ones((len(x), 1))]), rows])
        right = np.vstack([shares @ mixture.means, rows[:, :DIM]])
        expected = np.hstack([x, np.ones((len(x), 1))]) @ np.linalg.lstsq(left, right)[0]
        expected = (expected - expected.mean(0)) / expected.std(0)
        np.testing.assert_allclose(step.apply(learnt, own, x), expected, atol=1e-4)


def test_the_affine_step_brings_speakers_together():
    def spread(place: Place) -> float:
        """How far apart speakers are where they say the same, as a part of how far apart all frames are."""
        means = [own_frames(place, key).mean(0) for key in sorted(place.names_of)]
        return np.var(means, 0).sum() / np.var(together_at(place), 0).sum()

    def together_at(place: Place) -> np.ndarray:
        return np.concatenate([place.source[name] for name in place.source.names])

    place = place_of(voices(utterances=30))
    step = Affine(6)
    assert spread(place.after(step, step.fit(place))) < spread(place) / 3


def test_speaker_directions_are_the_principal_ones_of_means():
    place = place_of(voices())
    means = np.stack([own_frames(place, key).astype(np.float64).mean(0) for key in place.speakers()])
    theirs = PCA().fit(means)
    for share in (0.3, 0.6, 0.95):
        number = 1 + int((np.cumsum(theirs.explained_variance_ratio_) < share).sum())
        learnt = SpeakerDirections(share).fit(place)
        found = learnt["directions"]
        assert len(found) == min(number, DIM - 1)
        np.testing.assert_allclose(
            found.T @ found, theirs.components_[: len(found)].T @ theirs.components_[: len(found)], atol=1e-6
        )
        made = SpeakerDirections(share).apply(learnt, {}, together(place.source))
        np.testing.assert_allclose(made @ found.T, 0, atol=1e-5)
    with pytest.raises(AdaptationError, match="the corpus names 0 speakers"):
        SpeakerDirections().fit(place_of(voices(), known=False))


def test_frames_get_a_length_and_keep_their_direction():
    frames = np.array([[3.0, 4.0], [0.0, 0.0], [-1e-20, 0.0], [0.0, 1e15]], np.float32)
    made = FixedLength(0.5).apply({}, {}, frames)
    np.testing.assert_allclose(made, [[0.3, 0.4], [0, 0], [-0.5, 0], [0, 0.5]], rtol=1e-6)


def test_whitening():
    place = place_of(voices())
    everything = together(place.source)
    theirs = PCA(whiten=True).fit(everything)
    made = Whitening().apply(Whitening().fit(place), {}, everything)
    factor = np.sqrt(len(everything) / (len(everything) - 1))  # scikit-learn divides by one frame less
    np.testing.assert_allclose(np.abs(made), np.abs(theirs.transform(everything)) * factor, atol=2e-3)
    half = Whitening("half").apply(Whitening("half").fit(place), {}, everything)
    np.testing.assert_allclose(half.std(0), np.sqrt(np.sqrt(theirs.explained_variance_)), rtol=1e-2)


@pytest.mark.parametrize("leading", [0, 3])
def test_lda_is_that_of_scikit_learn(leading):
    """Its classes are components; distances are the same, for directions may point either way."""
    place = place_of(voices())
    step = LDA(2, context=1, leading=leading, components=6)
    learnt = step.fit(place)
    mixture = place.mixture(MixtureOptions(6))
    x = np.concatenate([stacked_by_hand(place.source[name], 1, leading or DIM) for name in place.source.names])
    classes = np.concatenate([mixture.log_joint(place.source[name]).argmax(1) for name in place.source.names])
    theirs = LinearDiscriminantAnalysis(solver="eigen", shrinkage=SHRINKAGE, n_components=2).fit(x, classes)
    expected = theirs.transform(x)
    made = np.concatenate([step.apply(learnt, {}, place.source[name]) for name in place.source.names])
    np.testing.assert_allclose(cdist(made, made[:50]), cdist(expected, expected[:50]), rtol=1e-3, atol=1e-3)


def stacked_by_hand(frames: np.ndarray, context: int, leading: int) -> np.ndarray:
    rows = [
        np.concatenate(
            [frames[np.clip(time + shift, 0, len(frames) - 1), :leading] for shift in range(-context, context + 1)]
        )
        for time in range(len(frames))
    ]
    return np.stack(rows).astype(np.float64)


def test_posteriorgrams_have_length_one():
    place = place_of(voices())
    step = Posteriorgram(6, 0.5)
    made = step.apply(step.fit(place), {}, together(place.source))
    np.testing.assert_allclose(np.square(made).sum(1), 1, rtol=1e-5)
    mixture = place.mixture(MixtureOptions(6))
    joint = mixture.log_joint(together(place.source)).astype(np.float64) / 2
    np.testing.assert_allclose(made**2, np.exp(joint) / np.exp(joint).sum(1, keepdims=True), atol=1e-4)


def test_smoothing():
    frames = np.array([[0.0], [3.0], [6.0], [0.0]], np.float32)
    np.testing.assert_allclose(Smoothing(3).apply({}, {}, frames)[:, 0], [1, 3, 3, 2])
    np.testing.assert_array_equal(Smoothing(1).apply({}, {}, frames), frames)


def test_steps_that_want_the_same_mixture_get_the_same(monkeypatch):
    from unitdisc.adaptation import places

    fitted = []
    real = places.fit
    monkeypatch.setattr(places, "fit", lambda *given, **options: fitted.append(given[1]) or real(*given, **options))
    Adaptation.fitted("(posteriorgram:6+lda:2:components=6+posteriorgram:5)", place_of(voices()), {})
    assert sorted(options.components for options in fitted) == [5, 6]
    assert mixtures(parse("(posteriorgram:6+lda:2:components=6+posteriorgram:5)")) == 3


def test_chains_as_they_are_written():
    assert parse("smooth") == Chain((Smoothing(),))
    assert parse(" lda : 40 : 4 : leading = 13 , posteriorgram:temperature=.3 ") == Chain(
        (LDA(40, 4, 13), Posteriorgram(256, 0.3))
    )
    for name in CHAINS:
        assert parse(name).dim(39) == 512
    branches = parse("(smooth,(smooth+whiten)+standardise:global),whiten:half").steps[0]
    assert [len(chain.steps) for chain in branches.chains] == [2, 1] and branches.dim(4) == 12


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "a step is missing"),
        ("smooth,", "a step is missing"),
        ("smooth)", "there is a '\\)' too many"),
        ("(smooth+whiten", "a parenthesis is not closed"),
        ("nonsense", "there is no step 'nonsense': the steps are"),
        ("smooth,classical", "there is no step 'classical'"),
        ("smooth:2", "an odd number of them, not 2"),
        ("smooth:3:4", "'4' is none of its options: they are \\['frames'\\]"),
        ("smooth:3:frames=3", "'frames' is given twice"),
        ("lda:big", "size must be int, not 'big'"),
        ("lda:-3", "size must be 0 or more, not -3"),
        ("posteriorgram:8:nan", "temperature must be 0 or more"),
        ("posteriorgram:8:2", "at most 1, not 2"),
        ("posteriorgram:8:1:tied", "takes one of \\['diagonal', 'full'\\]"),
        ("standardise:writer", "by one of .*, not 'writer'"),
        ("length:0", "the length of frames must be above 0, not 0"),
        ("whiten:twice", "half or whole, not 'twice'"),
        ("remove-speakers:0", "a share of the variance is above 0"),
        ("affine:ridge=0", "the ridge must be above 0"),
        ("affine,smooth,(affine+smooth)", "the affine step is there more than once"),
    ],
)
def test_what_is_no_chain_is_refused(text, what):
    with pytest.raises(AdaptationError, match=what):
        parse(text)


def test_two_branches_may_each_have_an_affine_step():
    assert parse("(affine:4+whiten,affine:4)")


def test_widths_are_checked_before_anything_is_learnt():
    for text, what in (("lda:13:1", "lda finds 12 directions at most"), ("posteriorgram:3,lda:9:1", "finds 9")):
        if "9" in what:
            assert parse(text).dim(DIM) == 9
            continue
        with pytest.raises(AdaptationError, match=what):
            Adaptation.fitted(text, place_of(voices()), {})


def test_frames_of_another_kind_are_refused(tmp_path):
    fitted = Adaptation.fitted("whiten", place_of(voices()), {"frames_of": {"features": {"kind": "mfcc"}}})
    same = {"features": {"kind": "mfcc"}, "stride": 160}
    assert fitted.refuse_other(tmp_path, tmp_path, same, DIM) is None
    assert "only their dimensions" in fitted.refuse_other(tmp_path, tmp_path, {}, DIM)
    with pytest.raises(AdaptationError, match=r"fitted to frames of 4 dimensions, but those of .* have 9"):
        fitted.refuse_other(tmp_path, tmp_path, same, 9)
    with pytest.raises(AdaptationError, match="kind: mfcc there, log-mel here"):
        fitted.refuse_other(tmp_path, tmp_path, {"features": {"kind": "log-mel"}}, DIM)
    with pytest.raises(AdaptationError, match="normalised: None there"):
        fitted.refuse_other(tmp_path, tmp_path, {**same, "normalised": [{"adaptation": "x"}]}, DIM)


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "adaptation.safetensors"
    with pytest.raises(AdaptationError, match="no such file"):
        Adaptation.read(path)
    fitted = Adaptation.fitted("whiten", place_of(voices()), {})
    fitted.write(path)
    whole = path.read_bytes()
    for spoilt in (b"", whole[:100], whole[:-9], b"\x80" + whole[1:], whole.replace(b"whiten", b"nonsen")):
        path.write_bytes(spoilt)
        with pytest.raises(AdaptationError, match=r"adaptation\.safetensors: is no adaptation, or damaged"):
            Adaptation.read(path)
    Adaptation("whiten", DIM, {name: array * np.nan for name, array in fitted.learnt.items()}, {}).write(path)
    with pytest.raises(AdaptationError, match="is not finite"):
        Adaptation.read(path)


def test_one_step_as_text():
    assert step_of("standardise") == Standardisation("speaker")
