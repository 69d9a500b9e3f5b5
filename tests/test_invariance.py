"""Speakers made alike in training: the adversary, swapped prediction, and that both train as everything else does."""

import json
from dataclasses import replace

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from parallel_training import SPEAKERS, batch_of, settings, trained
from tiny import make_corpus
from tiny import settings as tiny_settings
from torch import Tensor

from unitdisc.batch import Batch, padding_mask
from unitdisc.experiment import Experiment, config, load
from unitdisc.model import UnitModel
from unitdisc.objectives.adversary import ReversedGradient, SpeakerAdversary
from unitdisc.objectives.masking import SpanMasking, units_of_masked
from unitdisc.objectives.swapped import sinkhorn
from unitdisc.training.validation import evaluate
from unitdisc.training.weights import weights

pytest_plugins = ["tiny_fixtures"]

SWAP = {"objective": {"kind": "swap", "num_codes": 6}, "augmentation": {"offset": 0.2}}
CONTEXT = {"encoder": {"kind": "context", "dim": 8, "layers": 2, "context": "gru"}}
CASES = {
    "adversary": {"adversary": {"strength": 0.5, "ramp_steps": 4, "hidden": 8}},
    "adversary of crops": {"adversary": {"strength": 0.5, "ramp_steps": 4, "hidden": 8, "pooled": True}},
    "swap": SWAP,
    "distil": CONTEXT
    | {"objective": {"kind": "distil", "probability": 0.3, "span": 2, "decay": 0.5, "decay_steps": 4}},
    "swap, reconstruction, adversary": SWAP
    | {"objective": SWAP["objective"] | {"reconstruction": 0.5}, "adversary": {"strength": 0.5, "hidden": 8}},
}


def experiment_of(case: str, kind: str = "linear") -> Experiment:
    return Experiment(settings(kind) | CASES[case], SPEAKERS, {})


def built(experiment: Experiment) -> UnitModel:
    torch.manual_seed(0)
    return experiment.build().double()


def batch_with_views(step: int, experiment: Experiment, stride: int) -> Batch:
    """Random crops, and the same a little changed."""
    batch = batch_of(step, experiment, stride)
    noise = torch.randn(batch.features.shape, generator=torch.Generator().manual_seed(step), dtype=torch.double)
    inside = padding_mask(batch.lengths, batch.features.shape[1])[..., None]
    return replace(batch, second_view=batch.features + 0.3 * noise * inside)


def assert_alike(one: UnitModel, other: UnitModel, **tolerance: float) -> None:
    for name, value in one.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], value, **tolerance, msg=name)


FIRST = ("swap, reconstruction, adversary", "distil")  # the others are parts of them


@pytest.mark.parametrize(
    "case", [case if case in FIRST else pytest.param(case, marks=pytest.mark.slow) for case in CASES]
)
def test_a_stopped_training_goes_on_to_the_same_bits(case, tmp_path):
    experiment = experiment_of(case)
    whole = trained(experiment, tmp_path / "whole", batches=batch_with_views)
    trained(experiment, tmp_path / "parts", steps=3, batches=batch_with_views)
    torch.manual_seed(9)
    assert_alike(whole.model, trained(experiment, tmp_path / "parts", batches=batch_with_views).model, rtol=0, atol=0)
    log = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert {entry["split"] for entry in log} == {"train", "valid"}
    for entry in log:
        for name in ("adversary", "swap", "distil"):
            assert (name in entry["losses"]) == (name in case), entry
        assert ("adversary_accuracy" in entry["metrics"]) == ("adversary" in case)


@pytest.mark.parametrize("case", ["adversary", "adversary of crops", "distil"])
def test_a_step_in_parts_is_the_step(case, tmp_path):
    """Not of `swap`, where each part shares out its own frames."""
    experiment = experiment_of(case)
    whole, parts = (
        trained(experiment, tmp_path / str(parts), parts, batches=batch_with_views).model for parts in (1, 4)
    )
    assert_alike(whole, parts, rtol=1e-6, atol=1e-9)


# The adversary


def test_the_gradient_of_the_encoder_is_minus_the_strength_times_that_of_the_classifier():
    experiment = experiment_of("adversary")
    model = built(experiment)
    batch = batch_of(0, experiment, model.encoder.stride)
    model.adversary.steps.fill_(2)
    strength = model.adversary.strength
    below = [*model.encoder.parameters(), *model.bottleneck.parameters()]
    own = list(model.adversary.parameters())

    def gradients(loss: Tensor, weights: list) -> list[Tensor]:
        return torch.autograd.grad(loss, weights, allow_unused=True)

    units, lengths = model.units_of(batch)
    logits = model.adversary.classifier(units.latents)
    mask = padding_mask(lengths, logits.shape[1])
    plain = F.cross_entropy(logits[mask], batch.speakers[:, None].expand(mask.shape)[mask])
    wanted = gradients(plain, [*below, *own])
    model.adversary.steps.fill_(2)
    units, _ = model.units_of(batch)
    torch.testing.assert_close(units.losses["adversary"], plain)
    found = gradients(units.losses["adversary"], [*below, *own])
    assert sum(gradient is not None and bool(gradient.any()) for gradient in found[: len(below)]) > 5
    for place, (mine, truth) in enumerate(zip(found, wanted)):
        factor = -strength if place < len(below) else 1.0
        assert (mine is None) == (truth is None)
        if mine is not None:
            torch.testing.assert_close(mine, factor * truth)


def test_the_strength_rises_as_the_paper_has_it():
    adversary = SpeakerAdversary(4, 2, strength=0.5, ramp_steps=10)
    seen = []
    batch = batch_of(0, experiment_of("adversary"), 2)
    for _ in range(11):
        seen.append(adversary.strength)
        adversary(torch.zeros(8, 3, 4), torch.full((8,), 3), batch)
    expected = [0.5 * (2 / (1 + torch.tensor(-10 * step / 10, dtype=torch.double).exp()) - 1) for step in range(11)]
    assert seen == pytest.approx([float(each) for each in expected], rel=1e-12)
    assert seen[0] == 0
    adversary.eval()(torch.zeros(8, 3, 4), torch.full((8,), 3), batch)
    assert int(adversary.steps) == 11


def test_reversal_is_the_identity_going_forward():
    frames = torch.randn(3, 4, requires_grad=True)
    reversed_frames = ReversedGradient.apply(frames, 0.25)
    assert torch.equal(reversed_frames, frames)
    (gradient,) = torch.autograd.grad(reversed_frames.square().sum(), frames)
    assert torch.equal(gradient, -0.25 * 2 * frames)


@pytest.mark.parametrize("pooled", [False, True])
def test_who_is_unknown_and_what_is_padding_count_for_nothing(pooled):
    torch.manual_seed(0)
    adversary = SpeakerAdversary(4, 3, 1.0, pooled=pooled)
    latents, lengths = torch.randn(4, 5, 4), torch.tensor([5, 3, 4, 5])
    batch = batch_of(0, experiment_of("adversary"), 2)
    speakers = torch.tensor([0, 2, -1, 1, 0, 0, 0, 0])
    batch = replace(batch, speakers=speakers[:4])
    found = adversary(latents, lengths, batch)
    changed = latents.clone()
    changed[1, 3:] = 9
    changed[2] = 9
    again = adversary(changed, lengths, batch)
    assert torch.equal(found.losses["adversary"], again.losses["adversary"])
    items = [(item, latents[item, : lengths[item]]) for item in (0, 1, 3)]
    logits = [adversary.classifier(frames.mean(0, keepdim=True) if pooled else frames) for _, frames in items]
    truth = [speakers[item].expand(len(each)) for (item, _), each in zip(items, logits)]
    torch.testing.assert_close(found.losses["adversary"], F.cross_entropy(torch.cat(logits), torch.cat(truth)))
    right = (torch.cat(logits).argmax(1) == torch.cat(truth)).float().mean()
    torch.testing.assert_close(found.metrics["adversary_accuracy"], right)
    assert int(adversary.counts(batch, lengths)["adversary"]) == (3 if pooled else 13)


def test_one_speaker_is_nobody_to_tell_apart(tmp_path, unitdisc):
    corpus = make_corpus(tmp_path / "corpus", 4)
    lines = [json.loads(line) | {"speaker": "ann"} for line in corpus.read_text().splitlines()]
    corpus.write_text("".join(json.dumps(line) + "\n" for line in lines))
    refused = unitdisc("train", "small", corpus, tmp_path / "exp", *tiny_settings(adversary__strength=1))
    assert refused.code == 1
    assert "[adversary] takes two speakers to tell apart" in refused.err


# Swapped prediction


def transport(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    """Sinkhorn's iterations as they are written down: scaling rows and columns of exp(scores / epsilon) in turn."""
    kernel = (scores / epsilon).exp()
    frames, codes = kernel.shape
    rows = torch.ones(frames, dtype=scores.dtype)
    for _ in range(iterations):
        columns = (1 / codes) / (kernel.T @ rows)
        rows = (1 / frames) / (kernel @ columns)
    return frames * rows[:, None] * kernel * columns


@pytest.mark.parametrize("iterations", [1, 3, 50])
def test_sinkhorn_is_transport_by_scaling(iterations):
    scores = torch.randn(40, 7, dtype=torch.double, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    found = sinkhorn(scores, 0.1, iterations)
    torch.testing.assert_close(found, transport(scores, 0.1, iterations))
    torch.testing.assert_close(found.sum(1), torch.ones(40, dtype=torch.double))


def test_codes_are_shared_out_evenly_and_where_they_score_most():
    scores = torch.randn(60, 6, dtype=torch.double, generator=torch.Generator().manual_seed(1)) + torch.arange(6) / 2
    found = sinkhorn(scores, 0.1, 500)
    torch.testing.assert_close(found.sum(0), torch.full((6,), 10.0, dtype=torch.double), rtol=1e-6, atol=0)
    from scipy.optimize import linear_sum_assignment

    rows, slots = linear_sum_assignment(scores.repeat_interleave(10, dim=1).numpy(), maximize=True)
    best = float(scores[rows, slots // 10].sum())
    assert float((sinkhorn(scores, 0.01, 3000) * scores).sum()) == pytest.approx(best, rel=2e-3)


def test_each_voice_is_told_the_codes_of_the_other():
    experiment = experiment_of("swap")
    model = built(experiment)
    batch = batch_with_views(0, experiment, model.encoder.stride)
    objective = model.objective
    found = model(batch)
    views = [model.units_of(replace(batch, features=features)) for features in (batch.features, batch.second_view)]
    mask = padding_mask(views[0][1], views[0][0].latents.shape[1])
    scores = [objective.scores(units.projected)[mask] for units, _ in views]
    codes = [sinkhorn(each.detach(), objective.epsilon) for each in scores]
    logs = [F.log_softmax(each / objective.temperature, dim=1) for each in scores]
    loss = -0.5 * ((codes[0] * logs[1]).sum(1).mean() + (codes[1] * logs[0]).sum(1).mean())
    torch.testing.assert_close(found.losses["swap"], loss)
    alike = (codes[0].argmax(1) == codes[1].argmax(1)).double().mean()
    torch.testing.assert_close(found.metrics["swap_agreement"], alike)
    seen = [batch.features.requires_grad_(), batch.second_view.requires_grad_()]
    for gradient in torch.autograd.grad(model(batch).losses["swap"], seen):
        assert gradient.abs().sum() > 0


def test_padding_changes_nothing_that_is_swapped():
    experiment = experiment_of("swap")
    model = built(experiment)
    batch = batch_with_views(1, experiment, model.encoder.stride)
    padding = ~padding_mask(batch.lengths, batch.features.shape[1])[..., None]
    filled = replace(
        batch,
        features=torch.where(padding, 7.0, batch.features),
        second_view=torch.where(padding, -7.0, batch.second_view),
    )
    assert bool(padding.any())
    assert torch.equal(model(filled).losses["swap"], model(batch).losses["swap"])


def test_held_out_items_have_one_voice():
    experiment = experiment_of("swap, reconstruction, adversary")
    model = built(experiment).eval()
    found = evaluate(model, [batch_of(0, experiment, model.encoder.stride)])
    assert found.losses.keys() == {"swap", "reconstruction", "adversary"}
    assert found.metrics.keys() >= {"prototype_perplexity", "adversary_accuracy", "latent_gap"}


@pytest.mark.parametrize("views,augmentation", [("augmented", False), ("clean", False), ("augmented", True)])
def test_two_voices_need_augmentation(views, augmentation):
    options = settings("linear") | {"objective": {"kind": "swap", "clean": views == "clean"}}
    options |= {"augmentation": {"offset": 0.1}} if augmentation else {}
    experiment = Experiment(options, SPEAKERS, {})
    if augmentation:
        assert experiment.build().objective.second_view == views
        return
    with pytest.raises(config.ConfigError, match=r"\[objective\] 'swap' compares two voices .* set augmentation.warp"):
        experiment.build()


def test_the_command_line_trains_it(tmp_path, unitdisc):
    """And what is kept is the model with its prototypes, which `encode` needs not to know of."""
    corpus = make_corpus(tmp_path / "corpus")
    options = tiny_settings(objective__kind="swap", objective__num_codes=4, augmentation__warp=0.1, training__steps=3)
    taken = [part for name, part in zip(options[::2], options[1::2]) if not part.startswith(("decoder", "target"))]
    settings_taken = [word for part in taken for word in ("--set", part)]
    result = unitdisc("train", "small", corpus, tmp_path / "exp", *settings_taken, "--device", "cpu")
    assert result.code == 0, result.err
    weights = safetensors.torch.load_file(tmp_path / "exp" / "model.safetensors")
    assert "objective.prototypes" in weights
    assert unitdisc("encode", tmp_path / "exp", corpus, tmp_path / "units", "--device", "cpu").code == 0


# Distillation


def test_the_teacher_is_a_running_average_that_rises_as_it_says(tmp_path):
    experiment = experiment_of("distil")
    model = built(experiment)
    expected = {name: weight.clone() for name, weight in model.encoder.state_dict().items()}
    optimiser = torch.optim.SGD(model.players()["model"].weights, 0.1)
    for step in range(6):
        decay = 0.5 + (0.999 - 0.5) * min(1, step / 4)
        for name, weight in model.encoder.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * weight
        optimiser.zero_grad()
        model(batch_with_views(step, experiment, model.encoder.stride)).loss.backward()
        optimiser.step()
        for name, weight in model.objective.teacher.state_dict().items():
            torch.testing.assert_close(weight, expected[name], rtol=1e-9, atol=1e-12)
    fresh = built(experiment).encoder
    fresh.load_state_dict(expected)
    batch = batch_with_views(0, experiment, fresh.stride)
    seen = [encoder(batch.features, batch.lengths)[0] for encoder in (fresh, model.objective.teacher)]
    torch.testing.assert_close(*seen)
    assert not any("teacher" in name for name, _ in model.named_parameters())
    assert not any("teacher" in name for name in weights(model))


def test_the_student_sees_what_is_left_and_the_teacher_all_of_the_clean_one():
    experiment = experiment_of("distil")
    model = built(experiment)
    batch = batch_with_views(0, experiment, model.encoder.stride)
    seen, teacher = [], model.objective.teacher
    layer_frames = teacher.layer_frames
    teacher.layer_frames = lambda features, lengths: seen.append(features) or layer_frames(features, lengths)
    model.objective.masking = SpanMasking(1.0, 10)
    model(batch)
    assert torch.equal(seen[0], batch.second_view)
    features = batch.features.requires_grad_()
    (gradient,) = torch.autograd.grad(model(replace(batch, features=features)).loss, features)
    size, stride = batch.target_frames, model.encoder.stride
    for item, start in enumerate(batch.starts.tolist()):
        inside = gradient[item, start + stride : start + size - stride]  # whose local latents are all hidden
        assert not inside.any()
    model(replace(batch, features=batch.features.detach(), second_view=None))
    assert torch.equal(seen[-1], batch.features)


def test_the_target_is_what_the_teacher_makes_normalised():
    experiment = experiment_of("distil")
    model = built(experiment)
    batch = batch_with_views(0, experiment, model.encoder.stride)
    model.objective.masking = SpanMasking(1.0, 10)
    found = model(batch)
    objective, stride = model.objective, model.encoder.stride
    frames, _ = objective.teacher(batch.second_view, batch.lengths)
    hidden = torch.ones(len(frames), batch.target_frames // stride, dtype=torch.bool)
    units, sizes = units_of_masked(model, batch, hidden, objective.mask)
    told = objective.head(units.latents)
    sums = 0
    for item, (start, size) in enumerate(zip((batch.starts // stride).tolist(), sizes.tolist())):
        part = frames[item, start : start + size]
        target = (part - part.mean(0)) / (part.var(0, correction=0) + 1e-5).sqrt()
        sums += (told[item, :size] - target).square().mean(1).sum()
    torch.testing.assert_close(found.losses["distil"], sums / sizes.sum())


def test_a_saved_model_has_no_teacher_and_loads(tmp_path, unitdisc):
    corpus = make_corpus(tmp_path / "corpus")
    options = ["encoder.kind=context", "encoder.dim=8", "objective.kind=distil", "bottleneck.num_codes=4"]
    options += ["training.steps=2", "training.batch_size=4", "training.crop=16", "augmentation.warp=0.1"]
    words = [word for option in options for word in ("--set", option)]
    result = unitdisc("train", "small", corpus, tmp_path / "exp", *words, "--device", "cpu")
    assert result.code == 0, result.err
    assert not any("teacher" in name for name in safetensors.torch.load_file(tmp_path / "exp" / "model.safetensors"))
    load(tmp_path / "exp")
