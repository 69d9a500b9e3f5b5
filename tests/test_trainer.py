"""The training loop on a toy model: what a step does, in which order, what is logged, saved, validated and said."""

import copy
import gc
import json
import math
import signal
from collections import defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

from unitdisc.batch import Batch, masked_mean, padding_mask
from unitdisc.bottlenecks.base import BottleneckOutput
from unitdisc.model import UnitModel
from unitdisc.objectives import ModelOutput, Player, Reconstruction
from unitdisc.training import checkpoints, distributed
from unitdisc.training import trainer as training
from unitdisc.training.distributed import normal
from unitdisc.training.schedules import SCHEDULES, cosine
from unitdisc.training.trainer import Progress, Trainer, TrainingOptions
from unitdisc.training.validation import evaluate

ITEMS, FRAMES, STEPS = 8, 6, 12


class Squares(nn.Linear):
    """A decoder without likelihoods."""

    def loss(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        return (self(condition) - target).square().sum(-1)


class Judged(nn.Module, Reconstruction):
    """Reconstruction with an adversary, a player of its own, which tells frames that were made from real ones."""

    def __init__(self):
        super().__init__()
        self.judge = nn.Linear(2, 1)

    def verdicts(self, batch: Batch, made: Tensor) -> dict[str, Tensor]:
        """made: [B, T, 2]; the first loss moves only the judge, the second only what made the frames."""
        fixed = {name: weight.detach() for name, weight in self.judge.named_parameters()}
        told = softplus(self.judge(made.detach())) + softplus(-self.judge(batch.target))
        taken = softplus(-functional_call(self.judge, fixed, (made,)))
        found = {"judge": told, "fooling": 0.5 * taken}
        count = batch.counts.get("target")
        return {name: masked_mean(each.squeeze(-1), batch.target_mask, count) for name, each in found.items()}

    def players(self) -> dict[str, Player]:
        return {"judge": Player(list(self.judge.parameters()), 0.05, "cosine", clip=0.01, betas=(0.5, 0.9))}


class Toy(nn.Module):
    """Latents are the frames [B, T, 2] made longer, codes their places on a grid of 4 x 4; noise is added in training.

    One of its losses is over every other frame. It notes in which mode it was asked.
    """

    def __init__(self, illness: str | None = None):
        super().__init__()
        self.illness = illness
        self.encoder, self.decoder = nn.Linear(2, 2, bias=False), Squares(2, 2, bias=False)
        for layer in (self.encoder, self.decoder):
            layer.weight.data += torch.eye(2)
        self.bottleneck = nn.Module()
        self.bottleneck.codebook = nn.Embedding(16, 2)
        self.bottleneck.codebook.weight.replaced = None
        self.bottleneck.num_codes = 16
        self.objective = Judged() if illness == "judged" else Reconstruction()
        self.register_buffer("calls", torch.tensor(0))
        self.modes, self.noise = [], []
        self.no_sync = nullcontext  # as of several processes

    players = UnitModel.players

    def forward(self, batch: Batch) -> ModelOutput:
        units, lengths = self.units_of(batch)
        self.calls += 1
        self.noise.append(normal(*units.latents.shape, device=units.latents.device))
        noisy = units.latents + 0.1 * self.noise[-1]
        losses = {"reconstruction": self.objective.loss(self, batch, noisy, lengths)}
        if self.illness == "judged":
            losses |= self.objective.verdicts(batch, self.decoder(noisy))
        return ModelOutput(losses | units.losses, units.metrics)

    def units_of(self, batch: Batch) -> tuple[BottleneckOutput, Tensor]:
        self.modes.append((self.training, torch.is_grad_enabled()))
        latents = self.encoder(batch.features) * (0 if self.illness == "constant latents" else 1)
        grid = (latents.detach().nan_to_num() + 2).clamp(0, 3).round().long()
        codes = (4 * grid[..., 0] + grid[..., 1]) * (0 if self.illness == "few codes" else 1)
        mask, count = padding_mask(batch.lengths, latents.shape[1]), batch.counts.get("half")
        half = mask & (torch.arange(latents.shape[1]) % 2 == 1)
        to_codes = (self.bottleneck.codebook(codes) - latents).square().mean(-1)
        losses = {"commitment": masked_mean(to_codes, half, count)}
        if self.illness == "steep":
            losses["steep"] = (0 * latents.sum()).sqrt()  # whose gradient is not finite
        metrics = {"one": masked_mean(torch.ones_like(to_codes), half, count)}
        return BottleneckOutput(latents, latents, codes, losses, metrics), batch.lengths

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return {"half": (batch.lengths // 2).sum(), **self.objective.counts(batch)}

    def conditioner(self, latents: Tensor, lengths: Tensor, speakers: Tensor) -> Tensor:
        return latents * (0 if self.illness == "ignored latents" else 1)


def batch_of(step: int) -> Batch:
    draw = torch.Generator().manual_seed(step)
    features = torch.randn(ITEMS, FRAMES, 2, generator=draw)
    lengths = torch.randint(1, FRAMES + 1, (ITEMS,), generator=draw)
    lengths[step % ITEMS] = 1  # which has no second frame for the loss over half of them
    speakers = torch.zeros(ITEMS, dtype=torch.long)
    return Batch(features, lengths, torch.zeros_like(lengths), 2 * features, lengths, FRAMES, speakers)


VALID = [batch_of(100), batch_of(101)]


def trainer_of(folder: Path, illness: str | None = None, said: list[str] | None = None, **options) -> Trainer:
    settings = {"steps": STEPS, "batch_size": ITEMS, "learning_rate": 0.01, "halve_at": [], "average_decay": 0.5}
    settings |= {"valid_every": 4, "checkpoint_every": 4, "log_every": 1}
    progress = Progress(say=(said if said is not None else []).append)
    return Trainer(lambda: Toy(illness), TrainingOptions(**settings | options), folder, "cpu", progress)


def run(trainer: Trainer, save_weights=lambda model: None, batches=batch_of) -> Trainer:
    def following(step: int) -> Iterator[Batch]:
        return (batches(number) for number in range(step, trainer.options.steps))

    trainer.run(following, VALID, save_weights)
    return trainer


def log_of(folder: Path, split: str = "train") -> list[dict]:
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [entry for entry in entries if entry["split"] == split]


def watched(trainer: Trainer) -> list[dict]:
    """What the optimiser finds at every step: rates, the norm of the gradient, and gradient and momentum of codes."""
    optimiser, seen = trainer.players["model"].optimiser, []
    step = optimiser.step
    codes = trainer.model.bottleneck.codebook.weight

    def noted() -> None:
        gradient = torch.cat([weight.grad.flatten() for weight in trainer.model.parameters()])
        momentum = optimiser.state.get(codes, {}).get("exp_avg", torch.zeros_like(codes)).clone()
        rates = [group["lr"] for group in optimiser.param_groups]
        seen.append({"rates": rates, "norm": float(gradient.norm()), "codes": codes.grad.clone(), "momentum": momentum})
        step()

    optimiser.step = noted
    return seen


# A step


def test_gradients_are_clipped_to_their_largest_norm(tmp_path):
    """And the norm that is logged is that of before."""
    trainer = trainer_of(tmp_path, clip=0.5)
    seen = watched(trainer)
    run(trainer)
    before = [entry["metrics"]["gradient_norm"] for entry in log_of(tmp_path)]
    assert min(before) > 0.5
    assert [step["norm"] for step in seen] == pytest.approx([0.5] * STEPS, rel=1e-4)
    gentle = trainer_of(tmp_path / "gentle", clip=100.0)
    seen = watched(gentle)
    run(gentle)
    before = [entry["metrics"]["gradient_norm"] for entry in log_of(tmp_path / "gentle")]
    assert [step["norm"] for step in seen] == pytest.approx(before, rel=1e-5)


def test_the_first_step_is_the_gradient_of_the_loss(tmp_path):
    """Adam's first step is of the length of the learning rate, against the sign of the gradient."""
    trainer = trainer_of(tmp_path, steps=1)
    before = copy.deepcopy(trainer.model)
    state = checkpoints.random_state(trainer.device)
    run(trainer)
    checkpoints.restore_random_state(state, trainer.device)
    output = before(batch_of(0))
    output.loss.backward()
    logged = log_of(tmp_path)[0]
    assert logged["losses"] == pytest.approx({name: loss.item() for name, loss in output.losses.items()})
    after = dict(trainer.model.named_parameters())
    for name, weight in before.named_parameters():
        torch.testing.assert_close(after[name], weight - 0.01 * weight.grad.sign(), atol=1e-5, rtol=0, msg=name)
    norm = torch.cat([weight.grad.flatten() for weight in before.parameters()]).norm()
    assert logged["metrics"]["gradient_norm"] == pytest.approx(float(norm))


def test_the_learning_rate_is_that_of_the_step(tmp_path):
    """Steps are counted from 0: `halve_at` names the first one with half the rate. The log tells the rate that was."""
    trainer = trainer_of(tmp_path, learning_rate=0.08, halve_at=[3, 9])
    trainer.players["model"].optimiser.param_groups[0]["rate_factor"] = 2.0
    seen = watched(trainer)
    run(trainer)
    rates = [0.08] * 3 + [0.04] * 6 + [0.02] * 3
    assert [step["rates"] for step in seen] == [[2 * rate] for rate in rates]
    assert [entry["learning_rate"] for entry in log_of(tmp_path)] == rates


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_is_a_part_of_the_learning_rate(tmp_path, schedule):
    trainer = trainer_of(tmp_path, learning_rate=0.08, halve_at=[3, 9], schedule=schedule)
    seen = watched(trainer)
    run(trainer)
    rates = {
        "step": [0.08] * 3 + [0.04] * 6 + [0.02] * 3,
        "constant": [0.08] * STEPS,
        "cosine": [0.04 * min(1, 0.1 + 10 * s / STEPS) * (1 + math.cos(math.pi * s / STEPS)) for s in range(STEPS)],
    }[schedule]
    assert [step["rates"][0] for step in seen] == pytest.approx(rates)
    assert [entry["learning_rate"] for entry in log_of(tmp_path)] == pytest.approx(rates)
    assert [cosine(step, STEPS) for step in (0, 2, 6, STEPS)] == pytest.approx([0.1, (2 + 3**0.5) / 4, 0.5, 0])


def test_a_schedule_of_no_name_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"schedule must be one of \('step', 'cosine', 'constant'\), not 'linear'"):
        trainer_of(tmp_path, schedule="linear")


def test_codes_that_were_put_elsewhere_settle_before_the_gradient_is_clipped(tmp_path):
    """From step 4 on: their gradient counts neither in its norm nor in the step, and their momentum is gone."""
    trainer = trainer_of(tmp_path, clip=0.5)
    codes = trainer.model.bottleneck.codebook.weight
    moved = (torch.arange(len(codes)) >= 4) & (torch.arange(len(codes)) < 12)
    trainer.model.register_forward_hook(lambda *_: setattr(codes, "replaced", moved if trainer.step >= 3 else None))
    seen = watched(trainer)
    run(trainer)
    assert codes.replaced is None
    for rows in ("codes", "momentum"):
        sizes = [float(step[rows][moved].abs().max()) for step in seen]
        assert max(sizes[:3]) > 0
        assert max(sizes[3:]) == 0
    assert any(float(step["codes"].abs().max()) > 0 for step in seen[3:])
    assert [step["norm"] for step in seen] == pytest.approx([0.5] * STEPS, rel=1e-4)


# Several players


def played(trainer: Trainer) -> dict[str, list[dict]]:
    """Rates, momenta and the norm of the gradient of every player at every step."""
    seen = {name: [] for name in trainer.players}
    for name, player in trainer.players.items():

        def noted(name=name, player=player, step=player.optimiser.step) -> None:
            norm = torch.cat([weight.grad.flatten() for weight in player.weights]).norm()
            (group,) = player.optimiser.param_groups
            seen[name].append({"rate": group["lr"], "betas": group["betas"], "norm": float(norm)})
            step()

        player.optimiser.step = noted
    return seen


def test_every_player_has_an_optimiser_a_schedule_and_a_clip_of_its_own(tmp_path):
    trainer = trainer_of(tmp_path, "judged", halve_at=[6], clip=0.5)
    weights = [{id(weight) for weight in player.weights} for player in trainer.players.values()]
    assert not weights[0] & weights[1]
    assert weights[0] | weights[1] == {id(weight) for weight in trainer.model.parameters()}
    seen = played(trainer)
    run(trainer)
    assert [step["rate"] for step in seen["model"]] == [0.01] * 6 + [0.005] * 6
    assert [step["rate"] for step in seen["judge"]] == [0.05 * cosine(step, STEPS) for step in range(STEPS)]
    for name, clip, betas in (("model", 0.5, (0.9, 0.999)), ("judge", 0.01, (0.5, 0.9))):
        assert [step["norm"] for step in seen[name]] == pytest.approx([clip] * STEPS, rel=1e-3)
        assert {step["betas"] for step in seen[name]} == {betas}
    log = log_of(tmp_path)
    assert [entry["learning_rate"] for entry in log] == [step["rate"] for step in seen["model"]]
    assert min(entry["metrics"]["gradient_norm"] for entry in log) > 0.5
    assert min(entry["metrics"]["gradient_norm_judge"] for entry in log) > 0.01


def test_the_losses_of_an_adversary_move_whom_they_are_to_move(tmp_path):
    found, output = gradients(tmp_path, as_double(batch_of(0)), 1, "judged")
    assert set(output.losses) == {"reconstruction", "judge", "fooling", "commitment"}
    judge = {name for name in found if "judge" in name}
    moved = {}
    for loss in ("judge", "fooling"):
        trainer = trainer_of(tmp_path, "judged")
        trainer.model.double()(as_double(batch_of(0))).losses[loss].backward()
        weights = trainer.model.named_parameters()
        moved[loss] = {name: weight.grad for name, weight in weights if weight.grad is not None and weight.grad.any()}
    assert moved["judge"].keys() == judge
    assert moved["fooling"].keys() == {"encoder.weight", "decoder.weight"}
    torch.testing.assert_close({name: found[name] for name in judge}, moved["judge"])


def test_a_gradient_of_any_player_that_is_not_finite_is_noticed(tmp_path):
    trainer = trainer_of(tmp_path, "judged", steps=1)
    trainer.model.objective.judge.weight.register_hook(lambda gradient: gradient / 0)
    with pytest.raises(FloatingPointError, match="not finite at step 1"):
        run(trainer)


def test_a_checkpoint_of_one_player_is_what_it_was_before_there_were_several(tmp_path):
    run(trainer_of(tmp_path, steps=4))
    (path,) = checkpoints.paths(tmp_path / "checkpoints")
    state = torch.load(path, weights_only=True)
    assert state.pop("other optimisers") == {}
    assert state.keys() == {"step", "model", "average", "optimiser", "random"}
    assert state["optimiser"].keys() == {"state", "param_groups"}
    torch.save(state, path)
    assert_the_same(run(trainer_of(tmp_path)), run(trainer_of(tmp_path / "whole")))


def as_double(batch: Batch) -> Batch:
    return replace(batch, features=batch.features.double(), target=batch.target.double())


# Parts and processes


def test_a_masked_mean_is_the_mean_of_what_the_mask_lets_through():
    values = torch.tensor([[1.0, 2.0, math.nan], [3.0, math.inf, -math.inf]], requires_grad=True)
    mask = torch.tensor([[True, True, False], [True, False, False]])
    masked_mean(values, mask).backward()
    assert masked_mean(values, mask) == 2.0
    torch.testing.assert_close(values.grad, mask / 3)
    assert masked_mean(values, mask, torch.tensor(1.5)) == 4.0
    assert masked_mean(values, torch.zeros_like(mask)) == 0.0


def test_a_masked_mean_waits_for_no_number():
    """On a device without numbers all shapes are known, forward and backward."""
    values = torch.ones(2, 3, device="meta", requires_grad=True)
    masked_mean(values, torch.ones(2, 3, dtype=torch.bool, device="meta")).backward()
    assert values.grad.shape == (2, 3)


def gradients(folder: Path, batch: Batch, parts: int, kind: str | None = None) -> tuple[dict[str, Tensor], ModelOutput]:
    """What `Trainer.gradients` leaves and gives, in float64."""
    trainer = trainer_of(folder, kind, gradient_accumulation=parts)
    trainer.model.double()
    output = trainer.gradients(trainer.model, batch)
    found = {name: weight.grad for name, weight in trainer.model.named_parameters()}
    return found, ModelOutput(*({k: v.double() for k, v in of.items()} for of in (output.losses, output.metrics)))


@pytest.fixture
def by_two_processes(monkeypatch, tmp_path):
    """Gradients, losses and metrics averaged over two processes that each have half of a batch, one after the other."""
    asked = {0: [], 1: []}  # what every process wanted to have added over both

    def computed(rank: int, batch: Batch, parts: int, kind: str | None, answers: list[Tensor] | None):
        asked[rank].clear()

        def added(value: Tensor) -> Tensor:
            asked[rank].append(value.detach())
            return value.detach() if answers is None else answers[len(asked[rank]) - 1]

        with monkeypatch.context() as patch:
            for module in (distributed, training):
                patch.setattr(module, "world_size", lambda: 2)
                patch.setattr(module, "rank", lambda: rank)
            patch.setattr(distributed, "sum_over_processes", added)
            return gradients(tmp_path, batch.split(2)[rank], parts, kind)

    def together(batch: Batch, parts: int, kind: str | None) -> tuple[dict[str, Tensor], ModelOutput]:
        for rank in (0, 1):
            computed(rank, batch, parts, kind, None)
        answers = [sum(values) for values in zip(*asked.values(), strict=True)]
        assert answers
        first, second = (computed(rank, batch, parts, kind, answers) for rank in (0, 1))
        mean = [
            {name: (of[name] + other[name]) / 2 for name in of}
            for of, other in (
                (first[0], second[0]),
                (first[1].losses, second[1].losses),
                (first[1].metrics, second[1].metrics),
            )
        ]
        return mean[0], ModelOutput(*mean[1:])

    return together


@pytest.mark.parametrize("kind", [None, "judged"])
def test_parts_of_a_batch_and_shares_of_processes_make_the_whole(tmp_path, by_two_processes, kind):
    """Noise, gradients and losses, of which one is over half of the frames, with parts that have none of these."""
    batch = as_double(batch_of(0))
    expected, whole = gradients(tmp_path, batch, 1, kind)
    assert float(whole.metrics["one"]) == 1.0
    found = {f"{parts} parts": gradients(tmp_path, batch, parts, kind) for parts in (2, 4, 8)}
    found |= {f"{parts} parts of each of two": by_two_processes(batch, parts, kind) for parts in (1, 2, 4)}
    for how, (gradient, output) in found.items():
        explained = {"rtol": 1e-6, "atol": 1e-7, "msg": lambda text, how=how: f"{how}: {text}"}
        torch.testing.assert_close(gradient, expected, **explained)
        torch.testing.assert_close(output.losses, whole.losses, **explained)
        torch.testing.assert_close(output.metrics, whole.metrics, **explained)


def test_a_step_with_next_to_nothing_in_it_is_the_same_in_parts(tmp_path):
    """One frame in all: the parts share its count, which is then less than one."""
    batch = batch_of(0)
    batch.lengths.fill_(0)
    batch.lengths[3] = 2
    batch = as_double(batch)
    (expected, whole), (found, output) = (gradients(tmp_path, batch, parts) for parts in (1, 4))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(output.losses, whole.losses)


def test_parts_are_one_step(tmp_path):
    """Of the optimiser, of the average and of the log."""
    runs = [run(trainer_of(tmp_path / str(parts), gradient_accumulation=parts)) for parts in (1, 4)]
    assert [trainer.step for trainer in runs] == [STEPS, STEPS]
    assert [int(trainer.model.calls) for trainer in runs] == [STEPS, 4 * STEPS]
    logs = [log_of(tmp_path / str(parts)) for parts in (1, 4)]
    assert [[entry["step"] for entry in log] for log in logs] == [[*range(1, STEPS + 1)]] * 2
    assert logs[1][0]["losses"] == pytest.approx(logs[0][0]["losses"], rel=1e-5)
    whole, pieces = (trainer.model.noise for trainer in runs)
    torch.testing.assert_close(torch.cat(pieces), torch.cat(whole), rtol=0, atol=0)


# The running average


def test_the_average_is_of_all_steps_and_begins_short(tmp_path):
    """Codes and buffers are copied as they are; its decay is that of the step until it is the one asked for."""
    trainer = trainer_of(tmp_path, average_decay=0.4)
    expected = {name: value.double() for name, value in trainer.model.state_dict().items()}
    update, found = trainer.average.update, []

    def noted(step: int) -> None:
        update(step)
        decay = min(0.4, (1 + len(found) + 1) / (10 + len(found) + 1))
        for name, value in trainer.model.state_dict().items():
            copied = "codebook" in name or name == "calls"
            expected[name] = value.double() if copied else decay * expected[name] + (1 - decay) * value.double()
        found.append(decay)
        kept = {name: value.double() for name, value in trainer.average.copy.state_dict().items()}
        torch.testing.assert_close(kept, expected, rtol=1e-5, atol=1e-6)

    trainer.average.update = noted
    run(trainer)
    assert len(found) == STEPS
    assert found[0] == 2 / 11
    assert found[-1] == 0.4


# Validation and alarms


def test_the_average_is_what_is_validated_and_kept(tmp_path):
    """Not the model in training; losses are means over batches, codes are counted over all of them together."""
    kept, trained = [], []
    trainer = trainer_of(tmp_path)

    def keep(model: Toy) -> None:
        kept.append(copy.deepcopy(model))
        trained.append(copy.deepcopy(trainer.model).eval())

    run(trainer, keep)
    logged = log_of(tmp_path, "valid")
    assert [entry["step"] for entry in logged] == [4, 8, 12]
    for entry, average, model in zip(logged, kept, trained, strict=True):
        found = held_out_by_hand(average)
        assert entry["losses"] | entry["metrics"] == pytest.approx(found, rel=1e-5)
        assert held_out_by_hand(model)["reconstruction"] != pytest.approx(found["reconstruction"], rel=1e-3)
        assert entry["metrics"]["latent_gap"] > 0


@torch.no_grad()
def held_out_by_hand(model: Toy) -> dict[str, float]:
    """From one frame to the next. The wrong latents of an item are those of the one before it."""
    means, codes = defaultdict(float), []
    for batch in VALID:
        latents = model.encoder(batch.features)
        grid = (latents + 2).clamp(0, 3).round().long()
        inside = [(i, t) for i in range(ITEMS) for t in range(int(batch.lengths[i]))]
        right, wrong, to_codes = [], [], []
        for i, t in inside:
            for errors, item in ((right, i), (wrong, i - 1)):
                errors.append(float((model.decoder(latents[item, t]) - batch.target[i, t]).square().mean()))
            codes.append(4 * int(grid[i, t, 0]) + int(grid[i, t, 1]))
            if t % 2:
                vector = model.bottleneck.codebook.weight[codes[-1]]
                to_codes.append(float((vector - latents[i, t]).square().mean()))
        frames = torch.stack([latents[place] for place in inside])
        values = {"reconstruction": sum(right) / len(right), "commitment": sum(to_codes) / len(to_codes), "one": 1.0}
        values["latent_gap"] = sum(wrong) / len(wrong) - values["reconstruction"]
        values["latent_deviation"] = float(frames.std(0).mean())
        for name, value in values.items():
            means[name] += value / len(VALID)
    shares = [codes.count(code) / len(codes) for code in set(codes)]
    return means | {
        "codes_used": len(set(codes)),
        "perplexity": math.exp(-sum(share * math.log(share) for share in shares)),
    }


def test_validation_is_without_gradient_and_noise_and_training_goes_on_after_it(tmp_path):
    trainer = run(trainer_of(tmp_path, steps=4, valid_every=2))
    assert trainer.model.modes == [(True, True)] * 4
    assert trainer.average.copy.modes == [(False, False)] * 2 * len(VALID)
    assert not any(weight.requires_grad for weight in trainer.average.copy.parameters())
    assert trainer.average.copy.noise == []


def test_how_often_is_looked_changes_nothing_that_is_learned(tmp_path):
    often = run(trainer_of(tmp_path / "often", valid_every=1, checkpoint_every=1, log_every=1))
    seldom = run(trainer_of(tmp_path / "seldom", valid_every=99, checkpoint_every=99, log_every=99))
    assert_the_same(often, seldom)


@pytest.mark.parametrize("illness", [None, "few codes", "ignored latents", "constant latents"])
def test_a_healthy_run_raises_no_alarm_and_each_illness_its_own(tmp_path, illness):
    """From the second validation on that finds it."""
    said = []
    run(trainer_of(tmp_path, illness, said))
    beginnings = {
        "few codes": "Few codes in use: perplexity 1.0 of 16 codes",
        "ignored latents": "The decoder ignores the latents: ",
        "constant latents": "Constant latents: ",
    }
    expected = [f"step {step}: {beginnings[illness]}" for step in (8, 12)] if illness else []
    alarms = [message for message in said if message.startswith(tuple(expected) or "step")]
    others = {"constant latents": 2}.get(illness, 0)  # of constant latents there is but one code, too
    assert len(alarms) == len(expected)
    assert len(said) == len(expected) + others
    assert all(a.startswith(b) for a, b in zip(alarms, expected, strict=True))


def test_an_alarm_needs_two_validations_in_a_row(tmp_path, monkeypatch):
    found = iter([{"a"}, {"b"}, set(), {"b"}, {"b"}, {"a", "b"}])
    monkeypatch.setattr(training, "alarms", lambda *_: {name: f"{name}!" for name in next(found)})
    said = []
    run(trainer_of(tmp_path, said=said, steps=6, valid_every=1))
    assert said == ["step 5: b!", "step 6: b!"]


def test_without_held_out_utterances_nothing_is_validated(tmp_path):
    trainer = trainer_of(tmp_path)
    trainer.run(lambda step: map(batch_of, range(step, STEPS)), [], lambda model: None)
    assert log_of(tmp_path, "valid") == []


def test_no_more_codes_are_missed_than_there_are_frames():
    few = replace(VALID[0], lengths=torch.ones_like(VALID[0].lengths))
    assert evaluate(Toy().eval(), [few]).num_codes == ITEMS
    assert evaluate(Toy().eval(), VALID).num_codes == 16


def test_wrong_latents_of_a_lone_item_are_of_another_time():
    toy = Toy().eval()
    batch = Batch(*(value[:1] if isinstance(value, Tensor) else value for value in list(vars(VALID[0]).values())[:7]))
    batch.lengths.fill_(FRAMES)
    latents = toy.encoder(batch.features)
    shifted = torch.stack([latents[0, (t - FRAMES // 2) % FRAMES] for t in range(FRAMES)])[None]
    wrong, right = (toy.objective.loss(toy, batch, frames, batch.lengths) for frames in (shifted, latents))
    expected = wrong - right
    assert evaluate(toy, [batch]).metrics["latent_gap"] == pytest.approx(expected.item(), rel=1e-5)


# When what is done


def test_what_is_done_at_which_steps(tmp_path):
    """Logged at the first step, every `log_every` and the last; validated and saved every so many and at the last."""
    told, saved = [], []
    trainer = trainer_of(tmp_path, steps=11, log_every=5, valid_every=3, checkpoint_every=4)
    trainer.progress = Progress(step=lambda step, losses: told.append((step, sorted(losses))))
    run(trainer, lambda model: saved.append(trainer.step))
    assert [entry["step"] for entry in log_of(tmp_path)] == [1, 5, 10, 11]
    assert [entry["step"] for entry in log_of(tmp_path, "valid")] == [3, 6, 9, 11]
    assert saved == [4, 8, 11]
    assert [path.name for path in checkpoints.paths(tmp_path / "checkpoints")] == [
        "step-00000008.pt",
        "step-00000011.pt",
    ]
    logged = ["commitment", "reconstruction"]
    assert told == [(step, logged if step in (1, 5, 10, 11) else []) for step in range(1, 12)]


# Stopping and going on


def assert_the_same(one: Trainer, other: Trainer) -> None:
    """To the bit: model, average and optimiser."""
    states = [
        {
            **trainer.model.state_dict(),
            **{f"average {name}": value for name, value in trainer.average.copy.state_dict().items()},
            **{
                f"{player} {name} {number}": value
                for player, playing in trainer.players.items()
                for number, state in playing.optimiser.state_dict()["state"].items()
                for name, value in state.items()
            },
        }
        for trainer in (one, other)
    ]
    assert states[0].keys() == states[1].keys()
    assert [name for name in states[0] if not torch.equal(states[0][name], states[1][name])] == []


@pytest.mark.parametrize("kind,parts", [(None, 1), ("judged", 1), ("judged", 2)])
def test_a_run_that_stopped_goes_on_to_the_same_bits(tmp_path, kind, parts):
    """Weights, average, momenta, noise, learning rate and log."""
    options = {"halve_at": [5, 9], "log_every": 2, "gradient_accumulation": parts}
    whole = run(trainer_of(tmp_path / "whole", kind, **options))

    def breaking_off(step: int) -> Batch:
        if step == 7:
            raise OSError
        return batch_of(step)

    first = trainer_of(tmp_path / "stopped", kind, **options)
    with pytest.raises(OSError):
        run(first, batches=breaking_off)
    assert first.step == 7
    torch.manual_seed(99)
    said = []
    second = trainer_of(tmp_path / "stopped", kind, said, **options)
    assert (second.step, said) == (4, ["Resuming at step 4."])
    run(second)
    assert_the_same(second, whole)
    logs = [[entry | {"seconds": 0} for entry in log_of(tmp_path / name)] for name in ("whole", "stopped")]
    assert logs[0] == logs[1]
    assert log_of(tmp_path / "whole", "valid") == log_of(tmp_path / "stopped", "valid")


def test_seeds_decide_weights_and_noise_and_nothing_of_before_does(tmp_path):
    runs = []
    for name, before, seed in (("a", 1, 0), ("b", 2, 0), ("c", 1, 3)):
        torch.manual_seed(before)
        runs.append(run(trainer_of(tmp_path / name, seed=seed, steps=3)))
    assert_the_same(*runs[:2])
    assert not torch.equal(runs[0].model.encoder.weight, runs[2].model.encoder.weight)
    assert not torch.equal(runs[0].model.noise[0], runs[2].model.noise[0])
    assert len({tuple(noise.flatten().tolist()) for noise in runs[0].model.noise}) == 3


def test_a_run_that_is_over_trains_no_more(tmp_path):
    run(trainer_of(tmp_path))
    trainer = trainer_of(tmp_path)
    watched(trainer)
    before = (tmp_path / "log.jsonl").read_bytes()
    run(trainer)
    assert trainer.step == STEPS
    assert (tmp_path / "log.jsonl").read_bytes() == before


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGUSR1"])
def test_a_signal_stops_after_the_step_and_the_second_at_once(tmp_path, number):
    """And afterwards a signal is what it was before."""

    class AtOnceError(Exception):
        pass

    def at_once(*_) -> None:
        raise AtOnceError

    def signalled(times: int):
        def batches(step: int) -> Batch:
            for _ in range(times if step == 5 else 0):
                signal.raise_signal(getattr(signal, number))
            return batch_of(step)

        return batches

    previous = signal.signal(getattr(signal, number), at_once)
    try:
        said, saved = [], []
        trainer = trainer_of(tmp_path / "once", said=said)
        with pytest.raises(KeyboardInterrupt):
            run(trainer, lambda model: saved.append(trainer.step), signalled(1))
        assert said == ["Stopped at step 6; the same command goes on from there."]
        assert saved == [4, 6]
        assert checkpoints.latest(tmp_path / "once" / "checkpoints")["step"] == 6
        with pytest.raises((AtOnceError, KeyboardInterrupt)) as raised:
            run(trainer_of(tmp_path / "twice"), batches=signalled(2))
        assert raised.type is AtOnceError
        assert checkpoints.latest(tmp_path / "twice" / "checkpoints")["step"] == 4
        assert signal.getsignal(getattr(signal, number)) is at_once
    finally:
        signal.signal(getattr(signal, number), previous)


def test_a_signal_that_a_launcher_passes_on_too_is_no_second_one(tmp_path, monkeypatch):
    """A scheduler tells all processes, and torchrun tells its one process again."""

    def batches(step: int) -> Batch:
        for _ in range(2 if step == 5 else 0):
            signal.raise_signal(signal.SIGTERM)
        return batch_of(step)

    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "7")
    previous = signal.signal(signal.SIGTERM, lambda *_: pytest.fail("over at once"))
    try:
        with pytest.raises(KeyboardInterrupt):
            run(trainer_of(tmp_path), batches=batches)
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert checkpoints.latest(tmp_path / "checkpoints")["step"] == 6


def spoilt(first: int):
    """Batches whose targets are not finite from a step on."""

    def batches(step: int) -> Batch:
        batch = batch_of(step)
        return replace(batch, target=batch.target / 0) if step >= first else batch

    return batches


@pytest.mark.parametrize("log_every,valid_every", [(1, 4), (99, 4), (99, 99)])
def test_what_is_not_finite_is_neither_logged_nor_saved(tmp_path, log_every, valid_every):
    saved = []
    trainer = trainer_of(tmp_path, log_every=log_every, valid_every=valid_every)
    with pytest.raises(FloatingPointError, match=r"not finite at step 7; .* training\.learning_rate"):
        run(trainer, lambda model: saved.append(trainer.step), spoilt(6))
    assert saved == [4]
    state = checkpoints.latest(tmp_path / "checkpoints")
    assert state["step"] == 4
    assert all(value.isfinite().all() for value in state["model"].values())
    assert "NaN" not in (tmp_path / "log.jsonl").read_text()
    assert "Infinity" not in (tmp_path / "log.jsonl").read_text()


def test_what_was_not_finite_first_is_found_when_older_steps_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "LOOKED_BACK", 3)
    for first, found in ((6, 7), (4, 6)):  # steps from 0, and from 1; of the last three that were taken, 6 to 8
        trainer = trainer_of(tmp_path / str(first), log_every=8, valid_every=99, checkpoint_every=99, steps=8)
        with pytest.raises(FloatingPointError, match=f"not finite at step {found}"):
            run(trainer, batches=spoilt(first))


def test_what_a_training_keeps_does_not_grow_with_its_steps(tmp_path):
    trainer, tensors = trainer_of(tmp_path, checkpoint_every=2, log_every=99, valid_every=99, steps=8), []

    def count(_: nn.Module) -> None:
        trainer.model.noise.clear()  # which this model keeps itself
        tensors.append(sum(issubclass(type(each), Tensor) for each in gc.get_objects()))

    run(trainer, count)
    assert len(tensors) == 4
    assert len({*tensors}) == 1


def test_a_gradient_that_is_not_finite_is_not_saved_though_its_loss_is(tmp_path):
    """The weights that it moved are not finite any more."""
    trainer = trainer_of(tmp_path, "steep", steps=1)
    with pytest.raises(FloatingPointError, match="not finite at step 1"):
        run(trainer)
    assert checkpoints.latest(tmp_path / "checkpoints") is None
