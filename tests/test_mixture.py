"""Gaussian mixtures: the same as those of scikit-learn from the same start, out of core, with any number of threads."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from test_kmeans import InMemory, clouds

from unitdisc.clustering.expectation_maximisation import MixtureOptions, estimate_of, fit, improve, moments
from unitdisc.clustering.frame_source import KeptFrames
from unitdisc.clustering.mixture import GaussianMixture as Ours
from unitdisc.encodings import EncodingsError

COMPONENTS, DIM, FLOOR, PASSES = 6, 5, 0.02, 7
SKLEARN = {"diagonal": "diag", "full": "full"}


def doubled(shift: float = 0.0) -> InMemory:
    """Frames in double precision, so that results can be compared to the last digits."""
    return InMemory({name: values.astype(np.float64) for name, values in clouds(dim=DIM, shift=shift).items()})


def together(frames: InMemory) -> np.ndarray:
    return np.concatenate([frames[name] for name in frames.names])


def start_of(frames: np.ndarray, covariance: str) -> Ours:
    means = frames[np.random.default_rng(3).permutation(len(frames))[:COMPONENTS]]
    variances = np.full((COMPONENTS, DIM), 2.0)
    covariances = variances if covariance == "diagonal" else np.stack([np.diag(each) for each in variances])
    return Ours(np.full(COMPONENTS, -np.log(COMPONENTS)), means, covariances)


@pytest.mark.parametrize("covariance", SKLEARN)
def test_densities_are_those_of_scipy(covariance):
    frames = together(doubled(shift=1000.0))
    mixture = start_of(frames, covariance)
    expected = np.stack([multivariate_normal(mean, np.eye(DIM) * 2).logpdf(frames) for mean in mixture.means], 1)
    np.testing.assert_allclose(mixture.log_joint(frames), expected - np.log(COMPONENTS), atol=1e-8)
    np.testing.assert_allclose(mixture.posteriors(frames).sum(1), 1)
    flat = mixture.posteriors(frames, 0.01)
    assert (flat.max(1) < mixture.posteriors(frames).max(1) + 1e-12).all()


def test_single_precision_keeps_the_differences_far_from_zero():
    frames = together(doubled(shift=1000.0))
    mixture = start_of(frames, "diagonal")
    single = mixture.log_joint(frames.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, mixture.log_joint(frames.astype(np.float32).astype(np.float64)), rtol=1e-5)


@pytest.mark.parametrize("covariance", SKLEARN)
def test_expectation_maximisation_is_that_of_scikit_learn(covariance):
    frames = doubled()
    x = together(frames)
    start = start_of(x, covariance)
    options = MixtureOptions(COMPONENTS, covariance, passes=PASSES, tolerance=0.0, floor=FLOOR)
    estimate = estimate_of(frames, x.mean(0) + 1, options)
    scale = np.var(x, 0)
    found = improve(frames, start, estimate, options)
    # scikit-learn adds the same to all dimensions, so compare where all have the same variance
    np.testing.assert_allclose(estimate.floors, FLOOR * scale, rtol=1e-9)
    even = InMemory({name: frames[name] / np.sqrt(scale) for name in frames.names})
    x = together(even)
    start = start_of(x, covariance)
    found = improve(even, start, estimate_of(even, x.mean(0), options), options)
    theirs = GaussianMixture(
        COMPONENTS,
        covariance_type=SKLEARN[covariance],
        max_iter=PASSES,
        tol=0.0,
        reg_covar=FLOOR,
        weights_init=np.exp(start.log_weights),
        means_init=start.means,
        precisions_init=1 / start.covariances if covariance == "diagonal" else np.linalg.inv(start.covariances),
    )
    with pytest.warns(match="converge"):
        theirs.fit(x)
    np.testing.assert_allclose(found.mixture.means, theirs.means_, atol=1e-9)
    np.testing.assert_allclose(found.mixture.covariances, theirs.covariances_, atol=1e-9)
    np.testing.assert_allclose(np.exp(found.mixture.log_weights), theirs.weights_, atol=1e-9)
    np.testing.assert_allclose(found.mixture.posteriors(x), theirs.predict_proba(x), atol=1e-7)
    np.testing.assert_allclose(found.log_likelihoods[-1], theirs.lower_bound_, atol=1e-9)


@pytest.mark.parametrize("covariance", SKLEARN)
def test_variational_bayes_is_that_of_scikit_learn(covariance, monkeypatch):
    frames = doubled()
    scale = np.sqrt(np.var(together(frames), 0))
    frames = InMemory({name: frames[name] / scale for name in frames.names})
    x = together(frames)
    shares = np.eye(COMPONENTS)[np.random.default_rng(5).integers(0, COMPONENTS, len(x))]
    options = MixtureOptions(COMPONENTS, covariance, "dirichlet-process", passes=PASSES, tolerance=0.0, floor=FLOOR)
    estimate = estimate_of(frames, x.mean(0), options)
    start = estimate(moments(x, shares, estimate.middle, covariance == "full"))
    found = improve(frames, start, estimate, options)
    theirs = BayesianGaussianMixture(
        n_components=COMPONENTS,
        covariance_type=SKLEARN[covariance],
        max_iter=PASSES,
        tol=0.0,
        reg_covar=FLOOR,
        weight_concentration_prior_type="dirichlet_process",
    )
    monkeypatch.setattr(theirs, "_initialize_parameters", lambda x, *_, **__: theirs._initialize(x, shares))
    with pytest.warns(match="converge"):
        theirs.fit(x)
    np.testing.assert_allclose(found.mixture.means, theirs.means_, atol=1e-8)
    np.testing.assert_allclose(found.mixture.covariances, theirs.covariances_, atol=1e-8)
    np.testing.assert_allclose(found.mixture.posteriors(x), theirs.predict_proba(x), atol=1e-6)


@pytest.mark.parametrize("covariance", SKLEARN)
def test_neither_memory_nor_threads_change_a_byte(covariance):
    frames = InMemory(clouds(dim=DIM))
    options = MixtureOptions(COMPONENTS, covariance, passes=3)
    first = fit(frames, options).mixture
    for source, threads in ((KeptFrames(frames, 0.0), 1), (KeptFrames(frames, 1.0), 3)):
        again = fit(source, options, threads).mixture
        for name, array in first.arrays().items():
            assert array.tobytes() == again.arrays()[name].tobytes(), name
    other = fit(frames, MixtureOptions(COMPONENTS, covariance, passes=3, seed=1)).mixture
    assert other.means.tobytes() != first.means.tobytes()


@pytest.mark.parametrize("prior", ["none", "dirichlet-process"])
def test_clouds_are_found(prior):
    """Of more components than there are clouds, a Dirichlet process leaves those that are not needed empty."""
    frames = InMemory(clouds(utterances=30, dim=DIM))
    components = 6 if prior == "none" else 12
    found = fit(frames, MixtureOptions(components, prior=prior, passes=60, tolerance=1e-6))
    likelihoods = np.array(found.log_likelihoods)
    assert likelihoods[-1] > likelihoods[0]
    assert (found.counts > 1).sum() <= components
    assert found.counts.sum() == pytest.approx(len(together(frames)), rel=1e-5)
    if prior == "none":
        assert (np.diff(likelihoods) > -1e-4).all()
    else:
        assert (found.counts > 1).sum() < components


def test_what_cannot_be_is_refused():
    with pytest.raises(EncodingsError, match="has 3 frames, but a mixture of 4 components is wanted; ask for fewer"):
        fit(InMemory({"a": np.arange(6, dtype=np.float32).reshape(3, 2)}), MixtureOptions(4))
    for wrong in ({"components": 0}, {"covariance": "tied"}, {"prior": "flat"}, {"floor": 0.0}, {"passes": 0}):
        with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must be"):
            MixtureOptions(**{"components": 2, **wrong})


def test_a_constant_dimension_does_no_harm():
    frames = InMemory({name: np.pad(values, ((0, 0), (0, 1)), constant_values=7) for name, values in clouds().items()})
    assert np.isfinite(fit(frames, MixtureOptions(4)).mixture.log_joint(frames[frames.names[0]])).all()
