"""Every registered bottleneck keeps the contract; a new one is covered by its registry line alone."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from unitdisc.batch import padding_mask
from unitdisc.bottlenecks import BOTTLENECKS, VQ, Calibrated, Coded, CutsUtterances, FollowsCodes, Gaussian
from unitdisc.bottlenecks.base import perplexity
from unitdisc.bottlenecks.codes.batch_norm import MaskedBatchNorm
from unitdisc.bottlenecks.codes.codebooks import CodebookOptions
from unitdisc.bottlenecks.continuous import divergence_from_unit_normal
from unitdisc.experiment import config

LENGTHS = torch.tensor([9, 5])
MASK = padding_mask(LENGTHS, 9)
VARIANTS = {
    "linear": ("linear", {}),
    "gaussian": ("gaussian", {"free_bits": 0.0}),
    "global-gaussian": ("global-gaussian", {}),
    "global-gaussian, told the speaker": ("global-gaussian", {"speaker": True, "kl_weight": 0.5}),
    "global-linear": ("global-linear", {}),
    "global-linear, with categories": ("global-linear", {"categories": 5}),
    "vq": ("vq", {"warmup_steps": 0, "num_codes": 6}),
    "vq by gradient": ("vq", {"warmup_steps": 0, "num_codes": 6, "codebook": "gradient"}),
    "vq with batch norm": ("vq", {"warmup_steps": 0, "num_codes": 6, "batch_norm": True}),
    "vq warming up": ("vq", {"warmup_steps": 3, "num_codes": 6}),
    "vq without restarts": ("vq", {"warmup_steps": 0, "num_codes": 6, "restart": False}),
    "vq placed again": ("vq", {"warmup_steps": 0, "num_codes": 6, "reestimations": 5, "reservoir": 2}),
    "vq placed again, by fast gradient": (
        "vq",
        {"warmup_steps": 0, "num_codes": 6, "reestimations": 5, "codebook": "gradient", "codebook_rate": 10.0},
    ),
    "piecewise-vq": ("piecewise-vq", {"warmup_steps": 0, "num_codes": 6}),
    "piecewise-vq by viterbi": ("piecewise-vq", {"warmup_steps": 0, "num_codes": 6, "solver": "viterbi"}),
    "piecewise-vq, exact": ("piecewise-vq", {"warmup_steps": 0, "num_codes": 6, "solver": "exact", "squared": False}),
    "piecewise-vq, pooling": ("piecewise-vq", {"warmup_steps": 0, "num_codes": 6, "pooling": True}),
    "piecewise-vq warming up": ("piecewise-vq", {"warmup_steps": 3, "num_codes": 6}),
    "residual-vq": ("residual-vq", {"warmup_steps": 0, "num_codes": 3}),
    "residual-vq by gradient": ("residual-vq", {"warmup_steps": 0, "num_codes": 3, "codebook": "gradient"}),
    "residual-vq warming up": ("residual-vq", {"warmup_steps": 2, "num_codes": 3, "codebook": "gradient"}),
    "grouped-vq": ("grouped-vq", {"warmup_steps": 0, "num_codes": 3, "batch_norm": True}),
    "grouped-vq warming up": ("grouped-vq", {"warmup_steps": 3, "num_codes": 3}),
    "gumbel": ("gumbel", {"num_codes": 6}),
    "gumbel by distance": ("gumbel", {"num_codes": 6, "tied": True}),
    "soft": ("soft", {"num_codes": 6, "diversity": 0.1}),
    "soft, untied": ("soft", {"num_codes": 6, "tied": False}),
    "gmm": ("gmm", {"num_codes": 6}),
    "gmm, hard": ("gmm", {"num_codes": 6, "hard": True, "diversity": 0.0}),
    "fsq": ("fsq", {"levels": [5, 4, 3]}),
    "discovered": ("discovered", {"units": 6, "thirds": False}),
    "discovered, with blanks, finer": ("discovered", {"units": 5, "blank": True, "finer": 3}),
    "pca": ("pca", {"warmup_steps": 2}),
    "pca, whitened": ("pca", {"warmup_steps": 2, "whiten": True}),
    "kmeans": ("kmeans", {"num_codes": 4, "warmup_steps": 1}),
    "kmeans warming up": ("kmeans", {"num_codes": 4, "warmup_steps": 5}),
    "sparse": ("sparse", {"active": 2, "warmup_steps": 2}),
    "denoising": ("denoising", {}),
    "denoising, gaussian": ("denoising", {"noise": "gaussian"}),
}


def test_every_bottleneck_is_tested():
    assert {kind for kind, _ in VARIANTS.values()} | {"none"} == set(BOTTLENECKS)


def test_nothing_goes_through_nothing():
    encoded = torch.randn(2, 9, 12, requires_grad=True)
    output = BOTTLENECKS["none"](12)(encoded, MASK)
    assert output.latents.shape == (2, 9, 1) and not output.latents.any()
    output.latents.sum().backward()
    assert not encoded.grad.any()


@pytest.fixture(params=VARIANTS)
def make(request):
    kind, options = VARIANTS[request.param]
    sizes = {"in_dim": 12, "dim": 4, "frame_rate": 50.0, "values_per_latent": 128, "num_speakers": 3}
    sizes = {name: size for name, size in sizes.items() if name in config.option_types(BOTTLENECKS[kind])}

    def build():
        torch.manual_seed(0)
        return config.construct(kind, BOTTLENECKS[kind], options, **sizes)

    return build


def run(bottleneck, encoded):
    return bottleneck(encoded, MASK).averaged(MASK)


def test_shapes(make):
    bottleneck = make()
    output = run(bottleneck, torch.randn(2, 9, 12))
    assert output.latents.shape == output.projected.shape == (2, 9, bottleneck.dim)
    assert output.codes is None or output.codes.shape == (2, 9)
    assert output.codes is None or (isinstance(bottleneck, Coded) and int(output.codes.max()) < bottleneck.num_codes)
    assert isinstance(bottleneck, Calibrated) == isinstance(bottleneck, BOTTLENECKS["piecewise-vq"])
    assert all(value.shape == () for value in (output.losses | output.metrics).values())


FOLLOW = {"vq", "piecewise-vq", "residual-vq", "grouped-vq", "gumbel", "fsq", "kmeans", "discovered"}  # not mixtures
CUT = ("piecewise-vq", "discovered")  # of so few frames, one unit is often all


def test_latents_follow_from_codes_where_a_bottleneck_says_so(make, request):
    bottleneck = make()
    kind = VARIANTS[request.node.callspec.params["make"]][0]
    assert isinstance(bottleneck, FollowsCodes) == (kind in FOLLOW)
    if kind not in FOLLOW or request.node.callspec.params["make"] == "discovered, with blanks, finer":
        return  # the latter: see below
    while run(bottleneck.eval(), torch.randn(2, 9, 12)).codes is None:  # until all codebooks have begun
        run(bottleneck.train(), torch.randn(2, 9, 12))
    with torch.no_grad():
        output = bottleneck.eval()(torch.randn(2, 9, 12), MASK)
        for row, length in enumerate(LENGTHS.tolist()):
            latents = bottleneck.latents_of(output.codes[row, :length])
            torch.testing.assert_close(latents, output.latents[row, :length])
            assert kind in CUT or len(latents.unique(dim=0)) > 1


@pytest.mark.parametrize("blank,finer", [(False, 1), (True, 1), (True, 3), (False, 4)])
def test_runs_of_discovered_units_are_cut_into_even_thirds(blank, finer):
    bottleneck = BOTTLENECKS["discovered"](12, units=5, blank=blank, finer=finer)
    runs = [(4, 5), (5 if blank else 1, 2), (4, 1), (0, 7), (3, 3)]
    codes = torch.tensor([code for code, frames in runs for _ in range(frames)])
    expected = []
    for code, frames in runs:
        for frame in range(frames):
            middle = finer * frame + (finer - 1) // 2  # of the finer frames, that which the frame is
            expected.append(3 * code + (0 if blank and code == 5 else 3 * middle // (finer * frames)))
    assert bottleneck.parts_of(codes).tolist() == expected
    assert torch.equal(bottleneck.latents_of(codes), bottleneck.vectors[expected])


def test_gradient_reaches_the_encoder(make):
    encoded, bottleneck = torch.randn(2, 9, 12, requires_grad=True), make()
    run(bottleneck, encoded).latents.square().sum().backward()
    if isinstance(bottleneck, CutsUtterances):
        assert encoded.grad is None and (bottleneck.vectors.grad.abs().sum(1) > 0).any()  # only its vectors learn
        return
    assert (encoded.grad[MASK].abs().sum(-1) > 0).all()


def test_every_loss_trains_something(make):
    bottleneck = make()
    if run(bottleneck.eval(), torch.randn(2, 9, 12)).codes is None and hasattr(bottleneck, "num_codes"):
        pytest.skip("losses are off during warm-up")
    for name in run(bottleneck.train(), torch.randn(2, 9, 12)).losses:
        bottleneck = make()
        encoded = torch.randn(2, 9, 12, requires_grad=True)
        run(bottleneck, encoded).losses[name].backward()
        trained = [encoded.grad, *(parameter.grad for parameter in bottleneck.parameters())]
        assert any(gradient is not None and gradient.abs().sum() > 0 for gradient in trained), name


@pytest.mark.parametrize("training", [True, False])
def test_padding_changes_nothing(make, training):
    encoded = torch.randn(2, 9, 12)
    noisy = encoded.clone()
    noisy[1, 5:] = 100.0
    outputs, states = [], []
    for signal in (encoded, noisy):
        bottleneck = make().train(training)
        torch.manual_seed(1)
        outputs.append(run(bottleneck, signal))
        states.append(bottleneck.state_dict())
    clean, padded = outputs
    torch.testing.assert_close(clean.latents[MASK], padded.latents[MASK])
    torch.testing.assert_close(clean.losses, padded.losses)
    torch.testing.assert_close(clean.metrics, padded.metrics)
    torch.testing.assert_close(*states)


def test_state_survives_saving(make):
    bottleneck, copy = make(), make()
    for _ in range(3):
        run(bottleneck, torch.randn(2, 9, 12))
    copy.load_state_dict(bottleneck.state_dict())
    for training in (True, False):
        encoded = torch.randn(2, 9, 12)
        outputs = []
        for one in (bottleneck, copy):
            torch.manual_seed(2)
            outputs.append(run(one.train(training), encoded).latents)
        assert torch.equal(*outputs)
    torch.testing.assert_close(bottleneck.state_dict(), copy.state_dict(), rtol=0, atol=0)


def test_divergence_is_that_of_torch():
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(divergence_from_unit_normal(mean, log_variance), expected)


def test_free_bits_are_free():
    bottleneck = Gaussian(in_dim=12, dim=4)
    encoded = torch.randn(2, 9, 12)
    bits = run(bottleneck, encoded).metrics["bits_per_latent"]
    bottleneck.free_nats = 1e3 * math.log(2)
    output = run(bottleneck, encoded.requires_grad_())
    output.losses["kl"].backward()
    assert 0 < bits < 1e3
    assert output.losses["kl"] == 0
    assert encoded.grad.abs().sum() == 0


def test_the_pull_to_the_prior_grows_by_equal_factors():
    bottleneck = Gaussian(in_dim=12, dim=4, free_bits=0.0, kl_weight=0.5, warmup_steps=3)
    encoded = torch.randn(2, 9, 12)
    pulls = [run(bottleneck, encoded).losses["kl"] for _ in range(5)]
    full = pulls[-1]
    torch.testing.assert_close(torch.stack(pulls), full * torch.tensor([1e-3, 1e-2, 1e-1, 1.0, 1.0]))
    assert run(bottleneck.eval(), encoded).losses["kl"] == full  # held out, it is the same from the start
    fresh = Gaussian(in_dim=12, dim=4, free_bits=0.0, kl_weight=0.5, warmup_steps=3).eval()
    assert fresh.weight_now() == 0.5


def test_a_vae_of_before_there_was_a_warm_up_goes_on_at_full_pull():
    bottleneck = Gaussian(in_dim=12, dim=4)
    state = bottleneck.state_dict()
    del state["steps"]
    bottleneck.load_state_dict(state)
    assert bottleneck.weight_now() == bottleneck.kl_weight


def test_the_vae_is_certain_at_evaluation_only():
    bottleneck, encoded = Gaussian(in_dim=12, dim=4), torch.randn(2, 9, 12)
    assert not torch.equal(run(bottleneck, encoded).latents, run(bottleneck, encoded).latents)
    bottleneck.eval()
    output = run(bottleneck, encoded)
    assert torch.equal(output.latents, output.projected)


def test_frames_become_their_nearest_code():
    bottleneck = VQ(12, 4, CodebookOptions(num_codes=6, warmup_steps=0)).eval()
    output = run(bottleneck, torch.randn(2, 9, 12))
    distances = (output.projected[:, :, None] - bottleneck.quantiser.codebook.vectors).norm(dim=-1)
    assert torch.equal(output.codes, distances.argmin(-1) * MASK)  # 0 in the padding
    torch.testing.assert_close(output.latents, bottleneck.quantiser.codebook.vectors[output.codes])


def test_vq_gradients_are_those_of_the_definition():
    """log p + |sg(z) - e|^2 + commitment |z - sg(e)|^2, as means over dimensions (van den Oord et al., 2017)."""
    codes = CodebookOptions(num_codes=6, warmup_steps=0, codebook="gradient")
    bottleneck = VQ(12, 4, codes, commitment=0.25).eval()
    encoded = torch.randn(2, 9, 12)
    output = run(bottleneck, encoded)
    sum(output.losses.values()).backward()
    frames, codes = output.projected.detach()[MASK], output.codes[MASK]
    error = (frames - bottleneck.quantiser.codebook.vectors.detach()[codes]) * 2 / frames.numel()
    expected = torch.zeros(6, 4).index_add_(0, codes, -error)
    torch.testing.assert_close(bottleneck.quantiser.codebook.vectors.grad, expected)
    torch.testing.assert_close(bottleneck.project.bias.grad, 0.25 * error.sum(0))


def test_batch_norm_sees_valid_frames_only():
    norm = MaskedBatchNorm(3)
    frames = torch.randn(2, 9, 3) * 4 + 7
    expected = torch.nn.BatchNorm1d(3, affine=False)(frames[MASK])
    torch.testing.assert_close(norm(frames, MASK)[MASK], expected)
    mean, variance = frames[MASK].mean(0), frames[MASK].var(0, correction=0)
    torch.testing.assert_close(norm.mean, 0.1 * mean)
    torch.testing.assert_close(norm.variance, 0.9 + 0.1 * variance)
    normalised = (frames - norm.mean) / (norm.variance + 1e-5).sqrt()
    torch.testing.assert_close(norm.eval()(frames, MASK), normalised)


def test_perplexity_of_known_distributions():
    assert perplexity(torch.zeros(10, dtype=torch.long)) == 1
    torch.testing.assert_close(perplexity(torch.arange(4).repeat(3)), torch.tensor(4.0))
