"""The members of the family beside VQ do what their papers say, and every one runs through every command."""

import math
from datetime import timedelta

import numpy as np
import pytest
import torch
import torch.distributed as dist
from sklearn import decomposition
from sklearn.cluster import KMeans as ReferenceKMeans
from tiny import OPTIONS
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, Uniform, kl_divergence

from unitdisc.batch import masked_mean, padding_mask
from unitdisc.bottlenecks import BOTTLENECKS
from unitdisc.bottlenecks.autoencoders import Denoising, Sparse
from unitdisc.bottlenecks.codes.codebooks import CodebookOptions
from unitdisc.bottlenecks.codes.joint import LARGEST, joint_codes, joint_size
from unitdisc.bottlenecks.fsq import FSQ
from unitdisc.bottlenecks.gmm import GMM, SMALLEST_VARIANCE
from unitdisc.bottlenecks.grouped_vq import GroupedVQ
from unitdisc.bottlenecks.gumbel import Gumbel
from unitdisc.bottlenecks.kmeans import KMeans
from unitdisc.bottlenecks.pca import PCA
from unitdisc.bottlenecks.residual_vq import ResidualVQ
from unitdisc.bottlenecks.soft import Soft, divergence_from_uniform
from unitdisc.bottlenecks.temperature import Temperature
from unitdisc.bottlenecks.vq import VQ
from unitdisc.encodings import Encodings

pytest_plugins = ["tiny_fixtures"]

MASK = padding_mask(torch.tensor([9, 5]), 9)
EVERY = torch.ones(4, 25, dtype=torch.bool)


def unprojected(bottleneck):
    """The same, with a projection that changes nothing."""
    torch.nn.init.eye_(bottleneck.project.weight)
    torch.nn.init.zeros_(bottleneck.project.bias)
    return bottleneck


# Choosing among codes


def test_temperature_falls_with_the_training_steps_to_its_lowest():
    temperature = Temperature(2.0, 0.5, 0.5)
    assert [float(temperature()) for _ in range(4)] == [2.0, 1.0, 0.5, 0.5]
    temperature.steps.zero_()
    assert [float(temperature.eval()()) for _ in range(2)] == [2.0, 2.0]


@pytest.mark.parametrize("kind", [Soft, Gumbel])
def test_codes_are_the_nearest_where_the_codebook_chooses(kind):
    bottleneck = kind(12, 4, num_codes=6, tied=True).eval()
    output = bottleneck(torch.randn(4, 25, 12), EVERY)
    distances = (output.projected[:, :, None] - bottleneck.codebook).norm(dim=-1)
    assert torch.equal(output.codes, distances.argmin(-1))


def test_soft_mixes_codes_by_their_distance():
    bottleneck = Soft(12, 4, num_codes=6, temperature=0.7).eval()
    output = bottleneck(torch.randn(4, 25, 12), EVERY)
    distances = (output.projected[:, :, None] - bottleneck.codebook).square().sum(-1)
    mixture = (-distances / math.sqrt(4) / 0.7).softmax(-1)
    torch.testing.assert_close(output.latents, mixture @ bottleneck.codebook)


def test_soft_is_hard_when_cold():
    bottleneck = Soft(12, 4, num_codes=6, temperature=1e-7, min_temperature=1e-7).eval()
    output = bottleneck(torch.randn(4, 25, 12), EVERY)
    torch.testing.assert_close(output.latents, bottleneck.codebook[output.codes])


@pytest.mark.parametrize("training", [True, False])
def test_gumbel_latents_are_codes(training):
    bottleneck = Gumbel(12, 4, num_codes=6).train(training)
    output = bottleneck(torch.randn(4, 25, 12), EVERY)
    distances, nearest = torch.cdist(output.latents, bottleneck.codebook.expand(4, -1, -1)).min(-1)
    assert distances.max() < 1e-5
    assert torch.equal(nearest, output.codes) != training  # drawn while training, afterwards the likeliest


def test_gumbel_draws_codes_with_the_probabilities_of_the_logits():
    bottleneck = Gumbel(12, 4, num_codes=5)
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0, 0.5])
    drawn = bottleneck.weights(logits.expand(100, 400, -1), torch.tensor(0.7)).mean((0, 1))
    torch.testing.assert_close(drawn, logits.softmax(-1), atol=0.01, rtol=0)


def test_gumbel_gradients_are_those_of_the_relaxed_choice():
    """d one-hot = d softmax((logits + noise) / temperature)."""
    bottleneck = Gumbel(12, 4, num_codes=5)
    logits = torch.randn(2, 9, 5, requires_grad=True)
    direction = torch.randn(2, 9, 5)
    torch.manual_seed(7)
    bottleneck.weights(logits, torch.tensor(0.7)).mul(direction).sum().backward()
    torch.manual_seed(7)
    noisy = logits.detach() - (-torch.rand(2, 9, 5).log()).log()
    noisy.requires_grad_()
    (noisy / 0.7).softmax(-1).mul(direction).sum().backward()
    torch.testing.assert_close(logits.grad, noisy.grad)


def test_diversity_is_the_divergence_of_the_mean_choice_from_uniform():
    logits = torch.randn(2, 9, 6)
    mean = Categorical(logits[MASK].softmax(-1).mean(0))
    expected = kl_divergence(mean, Categorical(torch.ones(6)))
    torch.testing.assert_close(divergence_from_uniform(logits, MASK), expected)
    bottleneck = Gumbel(12, 4, num_codes=6, diversity=3.0).eval()
    encoded = torch.randn(2, 9, 12)
    unweighted = divergence_from_uniform(bottleneck.logits(bottleneck.project(encoded)), MASK)
    torch.testing.assert_close(bottleneck(encoded, MASK).losses["diversity"], 3 * unweighted)


def test_codes_that_no_frame_can_choose_leave_gradients_finite():
    logits = torch.zeros(1, 5, 4)
    logits[..., 0] = 1e3  # softmax of the others is 0
    logits.requires_grad_()
    divergence = divergence_from_uniform(logits, torch.ones(1, 5, dtype=torch.bool))
    divergence.backward()
    assert divergence.item() == pytest.approx(math.log(4))
    assert logits.grad.isfinite().all()


def test_diversity_brings_unused_codes_back():
    bottleneck = Gumbel(3, 3, num_codes=8, diversity=1.0)
    with torch.no_grad():
        bottleneck.choose.bias[0] = 20.0  # always the same code
    optimiser = torch.optim.Adam(bottleneck.parameters(), 0.5)
    encoded = torch.randn(4, 25, 3)
    assert bottleneck(encoded, EVERY).metrics["perplexity"] == 1
    for _ in range(60):
        optimiser.zero_grad()
        bottleneck(encoded, EVERY).losses["diversity"].backward()
        optimiser.step()
    assert bottleneck(encoded, EVERY).metrics["perplexity"] > 4


@pytest.mark.parametrize(
    "options,cure",
    [
        ({"temperature": 0.1, "min_temperature": 0.5}, "fall from temperature 0.1 to min_temperature 0.5"),
        ({"min_temperature": 0.0}, "above 0"),
        ({"temperature_decay": 1.5}, "at most 1, not 1.5"),
    ],
)
def test_impossible_temperatures_are_refused(options, cure):
    with pytest.raises(ValueError, match=cure):
        Gumbel(12, **options)


# A mixture


def test_gmm_is_the_mixture_of_torch():
    """Posteriors, means that they weigh, and the log-likelihood, which pulls the frames by a part."""
    torch.manual_seed(0)
    bottleneck = GMM(12, 4, num_codes=6, temperature=1.0, commitment=0.3).eval()
    for parameter in (bottleneck.log_variances, bottleneck.scores):
        torch.nn.init.normal_(parameter)
    encoded = torch.randn(4, 25, 12)
    output = bottleneck(encoded, EVERY)
    deviations = (SMALLEST_VARIANCE + bottleneck.log_variances.exp()).sqrt()
    components = Independent(Normal(bottleneck.means, deviations), 1)
    theirs = MixtureSameFamily(Categorical(logits=bottleneck.scores), components)
    frames = output.projected.detach().requires_grad_()
    joint = components.log_prob(frames[:, :, None]) + theirs.mixture_distribution.logits
    torch.testing.assert_close(output.latents, joint.softmax(-1) @ bottleneck.means)
    assert torch.equal(output.codes, joint.argmax(-1))
    likelihood = theirs.log_prob(frames) / 4
    torch.testing.assert_close(output.losses["mixture"], -likelihood)
    parameters = [bottleneck.means, bottleneck.log_variances, bottleneck.scores]
    ours = torch.autograd.grad(output.losses["mixture"].sum(), [*parameters, output.projected])
    expected = torch.autograd.grad(-likelihood.sum(), [*parameters, frames])
    torch.testing.assert_close(ours[:3], expected[:3])
    torch.testing.assert_close(ours[3], 0.3 * expected[3])


def test_hard_gmm_gives_means_and_the_gradients_of_the_soft_one():
    torch.manual_seed(0)
    soft, hard = GMM(12, 4, num_codes=6).eval(), GMM(12, 4, num_codes=6, hard=True).eval()
    hard.load_state_dict(soft.state_dict())
    encoded, direction = torch.randn(4, 25, 12), torch.randn(4, 25, 4)
    outputs = [bottleneck(encoded, EVERY) for bottleneck in (soft, hard)]
    torch.testing.assert_close(outputs[1].latents, hard.means[outputs[1].codes])
    gradients = [
        torch.autograd.grad((output.latents * direction).sum(), bottleneck.project.weight)[0]
        for output, bottleneck in zip(outputs, (soft, hard))
    ]
    torch.testing.assert_close(*gradients)


def test_gmm_finds_the_means_variances_and_weights_of_frames():
    torch.manual_seed(0)
    bottleneck = unprojected(GMM(2, 2, num_codes=3, commitment=0.0, diversity=0.0)).eval()  # frames as they are
    places = torch.tensor([[-2.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    torch.nn.init.zeros_(bottleneck.means).data.add_(places / 2)
    drawn = Categorical(torch.tensor([0.2, 0.3, 0.5])).sample((4, 500))
    encoded = places[drawn] + torch.tensor([0.3, 0.5]) * torch.randn(4, 500, 2)
    optimiser = torch.optim.Adam(bottleneck.parameters(), 0.05)
    mask = torch.ones(4, 500, dtype=torch.bool)
    for _ in range(150):
        optimiser.zero_grad()
        bottleneck(encoded, mask).losses["mixture"].mean().backward()
        optimiser.step()
    weights = drawn.flatten().bincount() / drawn.numel()
    torch.testing.assert_close(bottleneck.scores.softmax(-1), weights, atol=0.01, rtol=0)
    variances = SMALLEST_VARIANCE + bottleneck.log_variances.exp()
    for component in range(3):
        frames = encoded[drawn == component]
        torch.testing.assert_close(bottleneck.means[component], frames.mean(0), atol=0.03, rtol=0)
        torch.testing.assert_close(variances[component], frames.var(0), atol=0.03, rtol=0)


# Finite scalars


@pytest.mark.parametrize("levels", [[3], [4, 3], [8, 5, 5, 5], [7, 5, 5, 5, 5]])
def test_fsq_reaches_every_level_and_no_more(levels):
    bottleneck = unprojected(FSQ(len(levels), levels)).eval()
    wide = Uniform(-8.0, 8.0).sample((4, 2000, len(levels)))
    latents = bottleneck(wide, torch.ones(4, 2000, dtype=torch.bool)).latents
    for values, size in zip(latents.flatten(0, 1).T, levels):
        expected = torch.arange(size) - size // 2
        torch.testing.assert_close(values.unique(), expected / (size // 2))


def test_fsq_codes_number_all_combinations():
    """Every combination of levels has a code of its own, the first number counting ones (the paper's order)."""
    levels = [4, 3, 5]
    bottleneck = unprojected(FSQ(3, levels)).eval()
    output = bottleneck(Uniform(-5.0, 5.0).sample((4, 2000, 3)), torch.ones(4, 2000, dtype=torch.bool))
    assert bottleneck.num_codes == 60
    assert output.codes.unique().tolist() == list(range(60))
    digits = (output.latents * torch.tensor([2, 1, 2])).round() + torch.tensor([2, 1, 2])
    assert torch.equal(output.codes, (digits @ torch.tensor([1.0, 4.0, 12.0])).long())


def test_fsq_zero_is_a_level():
    """Frames about 0 fall well inside the level 0, also where the number of levels is even."""
    bottleneck = unprojected(FSQ(2, [8, 5])).eval()
    assert bottleneck(Uniform(-0.1, 0.1).sample((4, 25, 2)), EVERY).latents.abs().max() == 0


def test_fsq_gradients_pass_the_rounding():
    bottleneck = unprojected(FSQ(2, [5, 5]))
    frames = torch.randn(4, 25, 2, requires_grad=True)
    bottleneck(frames, EVERY).latents.sum().backward()
    half = 2 * (1 + 1e-3)  # latents are 2.002 tanh(frame) / 2, but for the rounding
    torch.testing.assert_close(frames.grad, half * (1 - frames.detach().tanh() ** 2) / 2)


@pytest.mark.parametrize("levels", [[], [2, 5], [5, "5"], [5, True], [5.0]])
def test_impossible_levels_are_refused(levels):
    with pytest.raises(ValueError, match="whole numbers, 3 or more each"):
        FSQ(12, levels)


# Several codebooks


def test_joint_codes_are_digits():
    digits = [torch.tensor([[3, 0]]), torch.tensor([[1, 2]]), torch.tensor([[0, 4]])]
    assert joint_codes(digits, [4, 3, 5]).tolist() == [[3 + 4, 2 * 4 + 4 * 12]]


def test_more_codes_than_can_be_numbered_are_refused():
    assert joint_size([2, LARGEST // 2], "levels") == LARGEST - 1
    for build in (lambda: ResidualVQ(12, stages=4), lambda: GroupedVQ(12, groups=4), lambda: FSQ(12, [8] * 11)):
        with pytest.raises(ValueError, match=f"different codes, more than {LARGEST}; take fewer or smaller"):
            build()


def codes(**options) -> CodebookOptions:
    return CodebookOptions(**{"num_codes": 4, "warmup_steps": 0, **options})


def test_residual_codes_are_the_nearest_to_what_is_left():
    bottleneck = ResidualVQ(12, 4, stages=3, codes=codes()).eval()
    output = bottleneck(torch.randn(4, 25, 12), EVERY)
    left, expected = output.projected, 0
    for number, stage in enumerate(bottleneck.quantiser.stages):
        nearest = (left[:, :, None] - stage.codebook.vectors).norm(dim=-1).argmin(-1)
        left = left - stage.codebook.vectors[nearest]
        expected = expected + nearest * 4**number
    assert torch.equal(output.codes, expected)
    torch.testing.assert_close(output.latents, output.projected - left)


def test_one_stage_and_one_group_are_vq():
    encoded = torch.randn(4, 25, 12)
    outputs = []
    for kind in (VQ, ResidualVQ, GroupedVQ):
        bottleneck = kind(12, 4, codes=codes()).eval() if kind is VQ else kind(12, 4, 1, codes()).eval()
        parts = getattr(bottleneck.quantiser, "stages", getattr(bottleneck.quantiser, "groups", [None]))
        torch.manual_seed(5)
        torch.nn.init.normal_(bottleneck.project.weight)
        torch.nn.init.zeros_(bottleneck.project.bias)
        (parts[0] or bottleneck.quantiser).codebook.vectors.copy_(torch.randn(4, 4))
        outputs.append(bottleneck(encoded, EVERY))
    for output in outputs[1:]:
        assert torch.equal(output.codes, outputs[0].codes)
        torch.testing.assert_close(output.latents, outputs[0].latents)
        torch.testing.assert_close(output.losses, outputs[0].losses)


def test_residual_stages_warm_up_one_after_the_other():
    """The first stage finds the coarse clusters, the second, from what is left, the fine ones."""
    bottleneck = unprojected(ResidualVQ(2, 2, 2, codes(num_codes=2, warmup_steps=3)))
    clusters = torch.tensor([[8.0, 1.0], [8.0, -1.0], [-8.0, 1.0], [-8.0, -1.0]])

    def frames():
        return clusters[torch.randperm(100) % 4].unflatten(0, (4, 25)) + 0.01 * torch.randn(4, 25, 2)

    for _ in range(6):
        batch = frames()
        output = bottleneck(batch, EVERY)
        assert output.codes is None
        assert torch.equal(output.latents, batch)
    batch = frames()
    output = bottleneck(batch, EVERY)
    torch.testing.assert_close(output.latents, batch, atol=0.05, rtol=0)
    assert len(output.codes.unique()) == 4


def test_every_residual_stage_leaves_less():
    bottleneck = unprojected(ResidualVQ(3, 3, 3, codes(num_codes=8, warmup_steps=4)))
    for _ in range(30):
        bottleneck(torch.randn(4, 25, 3), EVERY)
    frames = torch.randn(4, 25, 3)
    left, errors = frames, []
    for stage in bottleneck.eval().quantiser.stages:
        found = stage(left, EVERY, bottleneck.assign)
        left = left - found.quantised
        errors.append(float(left.square().mean()))
    assert errors[2] < errors[1] < errors[0] < float(frames.square().mean())


def test_groups_are_quantised_apart():
    bottleneck = GroupedVQ(12, 4, 2, codes()).eval()
    output = bottleneck(torch.randn(4, 25, 12), EVERY)
    expected = 0
    for number, group in enumerate(bottleneck.quantiser.groups):
        part = slice(2 * number, 2 * number + 2)
        nearest = (output.projected[:, :, None, part] - group.codebook.vectors).norm(dim=-1).argmin(-1)
        torch.testing.assert_close(output.latents[..., part], group.codebook.vectors[nearest])
        expected = expected + nearest * 4**number
    assert torch.equal(output.codes, expected)


def test_unequal_groups_are_refused():
    with pytest.raises(ValueError, match="groups must divide dim = 64 into equal parts, which 3 does not"):
        GroupedVQ(12, groups=3)
    with pytest.raises(ValueError, match="stages must be 1 or more, not 0"):
        ResidualVQ(12, stages=0)


# Classical baselines


def batches(number: int, dim: int = 6) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Correlated frames off the origin, in batches with padding that would spoil them."""
    mixing = torch.randn(dim, dim)
    found = []
    for _ in range(number):
        frames = torch.randn(2, 9, dim) @ mixing + 5
        frames[~MASK] = 1e4
        found.append((frames, MASK))
    return found


@pytest.mark.parametrize("whiten", [False, True])
def test_pca_is_that_of_scikit_learn_on_the_same_frames(whiten):
    bottleneck, data = PCA(6, dim=4, whiten=whiten, warmup_steps=7), batches(7)
    for frames, mask in data:
        output = bottleneck(frames, mask)
    seen = torch.cat([frames[mask] for frames, mask in data]).double().numpy()
    reference = decomposition.PCA(4, whiten=whiten, svd_solver="full").fit(seen)
    frames, mask = batches(1)[0]
    expected = torch.from_numpy(reference.transform(frames[mask].double().numpy())).float()
    torch.testing.assert_close(bottleneck(frames, mask).latents[mask], expected, atol=1e-4, rtol=1e-4)
    explained = float(reference.explained_variance_ratio_.sum())
    assert float(output.metrics["explained_variance"]) == pytest.approx(explained, rel=1e-5)


def test_pca_stays_after_the_warm_up():
    bottleneck = PCA(6, dim=4, warmup_steps=3)
    for frames, mask in batches(3):
        bottleneck(frames, mask)
    before = {name: value.clone() for name, value in bottleneck.state_dict().items()}
    for frames, mask in batches(3):
        bottleneck(frames * 100, mask)
    torch.testing.assert_close(bottleneck.state_dict(), before, atol=0, rtol=0)


def test_pca_survives_constants_and_single_frames():
    bottleneck = PCA(6, dim=4, whiten=True, warmup_steps=3)
    for _ in range(3):
        assert bottleneck(torch.ones(1, 1, 6), torch.ones(1, 1, dtype=torch.bool)).latents.isfinite().all()
    with pytest.raises(ValueError, match="dim 7 is more than the 6 dimensions"):
        PCA(6, dim=7)


def test_kmeans_units_are_those_of_scikit_learn_on_the_same_frames():
    """As good a clustering: the local optimum depends on the start."""
    bottleneck, data = KMeans(6, num_codes=3, warmup_steps=5), batches(5)
    centres = 9 * torch.randn(3, 6)
    data = [
        (torch.where(mask[..., None], frames + centres[torch.randint(3, (2, 9))], 1e4), mask) for frames, mask in data
    ]
    for frames, mask in data:
        output = bottleneck(frames, mask)
        assert output.codes is None
        assert torch.equal(output.latents, frames)
    seen = torch.cat([frames[mask] for frames, mask in data]).numpy()
    reference = ReferenceKMeans(3, n_init=10, random_state=0).fit(seen)
    frames, mask = data[0]
    output = bottleneck(frames, mask)
    pairs = set(zip(output.codes[mask].tolist(), reference.predict(frames[mask].numpy()).tolist()))
    assert len(pairs) == len(np.unique(reference.predict(frames[mask].numpy())))
    expected = torch.from_numpy(reference.cluster_centers_[reference.predict(frames[mask].numpy())])
    torch.testing.assert_close(output.latents[mask], expected, atol=1e-3, rtol=1e-3)


def test_kmeans_units_stay_after_the_warm_up():
    bottleneck = KMeans(6, num_codes=3, warmup_steps=2)
    for frames, mask in batches(2):
        bottleneck(frames, mask)
    before = {name: value.clone() for name, value in bottleneck.state_dict().items()}
    for frames, mask in batches(3):
        bottleneck(frames * 100, mask)
    torch.testing.assert_close(bottleneck.train().state_dict(), before, atol=0, rtol=0)


def test_sparse_keeps_the_greatest_values():
    bottleneck = Sparse(12, dim=20, active=3, warmup_steps=0).eval()
    output = bottleneck(torch.randn(2, 9, 12), MASK)
    least = output.projected.sort(-1, descending=True).values[..., 2:3]
    torch.testing.assert_close(output.latents, output.projected * (output.projected >= least))
    used = (output.latents[MASK] != 0).any(0).sum()
    assert output.metrics["hidden_units_used"] == used


def test_sparseness_comes_in_the_course_of_the_warm_up():
    bottleneck = Sparse(12, dim=20, active=4, warmup_steps=4)
    kept = [int((bottleneck(torch.randn(2, 9, 12), MASK).latents[0, 0] != 0).sum()) for _ in range(6)]
    assert kept == [20, 16, 12, 8, 4, 4]


def test_denoising_corrupts_in_training_only():
    bottleneck, frames = unprojected(Denoising(12, 12, amount=0.4)), torch.randn(40, 25, 12)
    mask = torch.ones(40, 25, dtype=torch.bool)
    corrupted = bottleneck(frames, mask)
    gone = corrupted.projected == 0
    assert float(gone.float().mean()) == pytest.approx(0.4, abs=0.02)
    assert torch.equal(corrupted.projected[~gone], frames[~gone])
    torch.testing.assert_close(corrupted.latents, corrupted.projected.sigmoid())
    assert torch.equal(bottleneck.eval()(frames, mask).projected, frames)


def test_gaussian_noise_has_the_deviation_asked_for():
    bottleneck, frames = unprojected(Denoising(12, 12, noise="gaussian", amount=0.3)), torch.randn(40, 25, 12)
    noise = bottleneck(frames, torch.ones(40, 25, dtype=torch.bool)).projected.detach() - frames
    assert float(noise.std()) == pytest.approx(0.3, rel=0.05)


@pytest.mark.parametrize(
    "build,cure",
    [
        (lambda: Denoising(12, noise="hiss"), "choose 'masking' or 'gaussian'"),
        (lambda: Denoising(12, amount=1.0), "from 0 to below 1, not 1.0"),
        (lambda: Sparse(12, dim=8, active=9), "between 1 and dim = 8, not 9"),
        (lambda: PCA(12, dim=4, warmup_steps=0), "warmup_steps must be 1 or more"),
        (lambda: KMeans(12, warmup_steps=0), "warmup_steps must be 1 or more"),
    ],
)
def test_impossible_options_are_refused(build, cure):
    with pytest.raises(ValueError, match=cure):
        build()


# Several processes

SHARED = {
    "residual-vq": {"dim": 4, "codes": codes(num_codes=3, warmup_steps=2, codebook="gradient")},
    "grouped-vq": {"dim": 4, "codes": codes(num_codes=3, warmup_steps=2)},
    "gumbel": {"dim": 4, "num_codes": 6, "diversity": 1.0},
    "soft": {"dim": 4, "num_codes": 6, "diversity": 1.0},
    "gmm": {"dim": 4, "num_codes": 6, "diversity": 1.0},
    "fsq": {"levels": [5, 4, 3]},
    "discovered": {"units": 6, "blank": True},
    "pca": {"dim": 4, "warmup_steps": 3},
    "kmeans": {"num_codes": 3, "warmup_steps": 3},
    "sparse": {"dim": 8, "active": 2, "warmup_steps": 2},
    "denoising": {"dim": 4},
}


def after_some_steps(kind: str, share: slice) -> dict[str, torch.Tensor]:
    """State and last gradients of a bottleneck that saw a share of every batch."""
    torch.manual_seed(1)
    bottleneck = BOTTLENECKS[kind](12, **SHARED[kind])
    mask = padding_mask(torch.tensor([9, 5, 7, 2]), 9)[share]
    for step in range(7):
        torch.manual_seed(step)
        frames = torch.randn(4, 9, 12)[share]
        output = bottleneck(frames, mask).averaged(mask)
        bottleneck.zero_grad()
        objective = masked_mean(output.latents.square().sum(-1), mask) + sum(output.losses.values())
        if objective.requires_grad:
            objective.backward()
    gradients = {f"{name} (gradient)": weight.grad for name, weight in bottleneck.named_parameters()}
    return bottleneck.state_dict() | {name: value for name, value in gradients.items() if value is not None}


def share_of_training(rank: int, address: str, folder: str) -> None:
    """What one of two processes does: half of every batch."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=2, timeout=timedelta(seconds=120))
    try:
        for kind in SHARED:
            torch.save(after_some_steps(kind, slice(2 * rank, 2 * rank + 2)), f"{folder}/{kind}-{rank}.pt")
    finally:
        dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tmp_path):
    """The same state, and gradients that average to those of the whole batch."""
    arguments = (f"file://{tmp_path}/meeting", str(tmp_path))
    torch.multiprocessing.start_processes(share_of_training, arguments, nprocs=2, start_method="fork")
    for kind in SHARED:
        whole = after_some_steps(kind, slice(None))
        parts = [torch.load(tmp_path / f"{kind}-{rank}.pt", weights_only=True) for rank in (0, 1)]
        assert whole.keys() == parts[0].keys() == parts[1].keys(), kind
        for name, value in whole.items():
            both = [part[name] for part in parts]
            found = sum(both) / 2 if name.endswith("(gradient)") else both[0]
            assert name.endswith("(gradient)") or torch.equal(*both), (kind, name)
            torch.testing.assert_close(found, value, msg=lambda text, at=(kind, name): f"{at}: {text}")


# Commands

PLAIN = {"encoder.kind": "identity"}
LEARNT = {"encoder.dim": 16}
EXPERIMENTS = {
    "residual-vq": {"bottleneck.num_codes": 8, "bottleneck.warmup_steps": 2, **LEARNT},
    "grouped-vq": {"bottleneck.num_codes": 8, "bottleneck.warmup_steps": 2, **LEARNT},
    "gumbel": {"bottleneck.num_codes": 8, **LEARNT},
    "soft": {"bottleneck.num_codes": 8, **LEARNT},
    "gmm": {"bottleneck.num_codes": 8, **LEARNT},
    "fsq": {"bottleneck.levels": [8] * 10, **LEARNT},  # 2^30 codes: nothing may have a place for each
    "pca": {"bottleneck.dim": 8, "bottleneck.warmup_steps": 2, **PLAIN},
    "kmeans": {"bottleneck.num_codes": 8, "bottleneck.warmup_steps": 2, **PLAIN},
    "sparse": {"bottleneck.dim": 32, "bottleneck.active": 4, **PLAIN},
    "denoising": {"bottleneck.dim": 8, **PLAIN},
    "global-linear": {"bottleneck.dim": 4, "training.crop": 0, "jitter.probability": 0, **PLAIN},
    "global-gaussian": {"bottleneck.dim": 4, "training.crop": 0, "jitter.probability": 0, **PLAIN},
}
CONTINUOUS = {"pca", "sparse", "denoising", "global-linear", "global-gaussian"}


@pytest.fixture
def trained(unitdisc, tiny_corpus, tmp_path):
    """Trains a tiny model of a kind; gives the folder of the experiment."""

    def train(kind: str):
        options = {
            name: value for name, value in OPTIONS.items() if name.split(".")[0] not in ("encoder", "bottleneck")
        }
        options |= {"training.steps": 6, "training.checkpoint_every": 6, "bottleneck.kind": kind, **EXPERIMENTS[kind]}
        chosen = [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
        done = unitdisc("train", "small", tiny_corpus, tmp_path / "experiment", "--device", "cpu", *chosen)
        assert done.code == 0, done.err
        return tmp_path / "experiment"

    return train


@pytest.mark.parametrize("kind", EXPERIMENTS)
def test_every_kind_trains_encodes_scores_and_speaks(unitdisc, tiny_corpus, trained, tmp_path, kind):
    experiment = trained(kind)
    done = unitdisc("encode", experiment, tiny_corpus, tmp_path / "encodings", "--device", "cpu")
    assert done.code == 0, done.err
    codes = [encoding.codes for encoding in Encodings.open(tmp_path / "encodings" / "bottleneck")]
    assert all((one is None) == (kind in CONTINUOUS) for one in codes)
    done = unitdisc("score", tmp_path / "encodings" / "bottleneck", tiny_corpus)
    assert (done.code == 0) == (kind not in CONTINUOUS), done.err
    assert kind not in CONTINUOUS or "has no codes" in done.err
    done = unitdisc("resynthesise", experiment, tiny_corpus, tmp_path / "heard", "--limit", "1", "--device", "cpu")
    assert done.code == 0, done.err


@pytest.mark.slow
def test_a_billion_codes_are_reported(unitdisc, tiny_corpus, trained):
    experiment = trained("fsq")
    done = unitdisc("report", experiment, tiny_corpus, "--device", "cpu")
    assert done.code == 0, done.err
    assert (experiment / "report" / "index.html").exists()
    assert unitdisc("inspect", experiment).code == 0


def test_every_kind_is_trained():
    """`discovered`, which takes units, in test_discovered_units.py."""
    assert EXPERIMENTS.keys() | {"linear", "gaussian", "vq", "piecewise-vq", "none", "discovered"} >= BOTTLENECKS.keys()
