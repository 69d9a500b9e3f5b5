"""Layers of a teacher that are told: of `distil` their mean, of `dinosr` their codes."""

import pytest
import torch
import torch.nn.functional as F
from parallel_training import SPEAKERS, batch_of, settings

from unitdisc.experiment import Experiment
from unitdisc.objectives.masking import units_of_masked
from unitdisc.training.collapse import alarms
from unitdisc.training.validation import evaluate

STRIDE = 2


def experiment(kind: str, context: str = "conv", **options) -> Experiment:
    tables = settings("dinosr")
    tables["encoder"] |= {"context": context, "layers": 3}
    tables["objective"] = {"kind": kind, "span": 2, "probability": 0.4, **options}
    return Experiment(tables, SPEAKERS, {})


def built(one: Experiment):
    torch.manual_seed(0)
    return one.build().double()


def outputs_of_blocks(encoder, features, lengths) -> list[torch.Tensor]:
    """What comes out of each block, caught on the way; the last as the encoder gives it."""
    caught = []
    hooks = [block.register_forward_hook(lambda *call: caught.append(call[2])) for block in encoder.network.blocks]
    encoded, lengths = encoder(features, lengths)
    for hook in hooks:
        hook.remove()
    inside = torch.arange(encoded.shape[1]) < lengths[:, None]
    return [*(frames * inside[..., None] for frames in caught[:-1]), encoded]


def normalised(frames: torch.Tensor, start: int, size: int) -> torch.Tensor:
    part = frames[start : start + size]
    return (part - part.mean(0)) / (part.var(0, correction=0) + 1e-5).sqrt()


@pytest.mark.parametrize("context", ["conv", "transformer"])
def test_layers_are_what_blocks_give(context):
    one = experiment("dinosr", context)
    encoder, batch = built(one).encoder, batch_of(0, one, STRIDE)
    local, found = encoder.local(batch.features, batch.lengths)[0], encoder.layer_frames(batch.features, batch.lengths)
    assert torch.equal(found[0], local)
    assert len(found) == 1 + encoder.depth == 4
    for mine, caught in zip(found[1:], outputs_of_blocks(encoder, batch.features, batch.lengths), strict=True):
        assert torch.equal(mine, caught)


@pytest.mark.parametrize("context", ["gru", "lstm"])
def test_of_a_recurrent_context_there_is_one(context):
    one = experiment("distil", context)
    encoder, batch = built(one).encoder, batch_of(0, one, STRIDE)
    (found,) = encoder.layer_frames(batch.features, batch.lengths)
    assert encoder.depth == 1
    assert torch.equal(found, encoder(batch.features, batch.lengths)[0])
    with pytest.raises(ValueError, match=r"layers is 2, and of this context network 1 can be told; set it to fewer"):
        experiment("distil", context, layers=2).build()


@pytest.mark.parametrize("kind", ["distil", "dinosr"])
def test_what_is_told_is_of_the_upper_layers(kind):
    """And codebooks follow the frames behind what is hidden."""
    sizes = {"num_codes": 2, "code_decay": 0.75} if kind == "dinosr" else {}
    one = experiment(kind, layers=2, **sizes)
    model, batch = built(one), batch_of(0, one, STRIDE)
    objective = model.objective
    before = [{name: kept.clone() for name, kept in each.codebook.state_dict().items()} for each in books(objective)]
    torch.manual_seed(4)
    found = model(batch)
    torch.manual_seed(4)
    hidden = objective.masking.drawn(len(batch.lengths), batch.target_frames // STRIDE, torch.device("cpu"))
    units, sizes = units_of_masked(model, batch, hidden, objective.mask)
    frames = outputs_of_blocks(objective.teacher, batch.second_view, batch.lengths)[-2:]
    told = objective.head(units.latents)
    loss, right, followed = 0.0, 0.0, [[], []]
    for item, (start, size) in enumerate(zip((batch.starts // STRIDE).tolist(), sizes.tolist())):
        layers = [normalised(layer[item], start, size) for layer in frames]
        places = hidden[item, :size]
        if kind == "distil":
            errors = (told[item, :size] - (layers[0] + layers[1]) / 2).square().mean(1)
            loss += size * errors[places].mean().nan_to_num()
            continue
        losses, hits = [], []
        for index, layer in enumerate(layers):
            codes = torch.cdist(layer, before[index]["vectors"]).argmin(1)
            logits = told[item, :size, 2 * index : 2 * index + 2]
            losses.append(F.cross_entropy(logits[places], codes[places]).nan_to_num())
            hits.append((logits.argmax(1) == codes)[places].double().mean().nan_to_num())
            followed[index] += [(int(code), frame) for code, frame in zip(codes[places], layer[places])]
        loss += size * (losses[0] + losses[1]) / 2
        right += size * (hits[0] + hits[1]) / 2
    torch.testing.assert_close(found.losses["distil"], loss / sizes.sum())
    for index, quantiser in enumerate(books(objective)):
        for code in (0, 1):
            own = [frame for number, frame in followed[index] if number == code]
            count = 0.75 * before[index]["counts"][code] + 0.25 * len(own)
            total = 0.75 * before[index]["sums"][code] + 0.25 * sum(own)
            torch.testing.assert_close(quantiser.codebook.vectors[code], total / count)
    if kind == "dinosr":
        torch.testing.assert_close(found.metrics["distil_accuracy"], right / sizes.sum())


def books(objective) -> list:
    return [*getattr(objective, "quantisers", [])]


def test_codes_that_are_all_alike_raise_an_alarm_and_validation_learns_nothing():
    one = experiment("dinosr", num_codes=30)
    model, batch = built(one).eval(), batch_of(0, one, STRIDE)
    state = {name: kept.clone() for name, kept in model.state_dict().items()}
    assert "few targets" not in alarms(evaluate(model, [batch]).metrics, None)
    assert all(torch.equal(kept, state[name]) for name, kept in model.state_dict().items())
    model.objective.quantisers[0].codebook.vectors[1:] = 1e3
    assert "few targets" in alarms(evaluate(model, [batch]).metrics, None)
