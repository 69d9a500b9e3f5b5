"""wav2vec 2.0 beside loops over every hidden frame and everything that it is told from."""

import math

import pytest
import torch
import torch.nn.functional as F
from parallel_training import SPEAKERS, batch_of, settings

from unitdisc.experiment import Experiment, config
from unitdisc.objectives.wav2vec2 import ProductQuantiser, Quantisation
from unitdisc.training.collapse import alarms
from unitdisc.training.validation import evaluate

SIZE = {"span": 2, "probability": 0.4, "dim": 6, "groups": 2, "num_codes": 3}


def experiment(**options) -> Experiment:
    return Experiment(settings("wav2vec2") | {"objective": {"kind": "wav2vec2", **SIZE, **options}}, SPEAKERS, {})


def built(one: Experiment):
    torch.manual_seed(0)
    return one.build().double()


def entropy(shares: torch.Tensor) -> float:
    return -sum(share * math.log(share) for share in shares.tolist() if share)


@pytest.mark.parametrize("negatives,training", [(2, True), (100, True), (100, False)])
def test_hidden_frames_are_told_from_other_hidden_ones(negatives, training):
    one = experiment(negatives=negatives, diversity=0.5)
    model, batch = built(one).train(training), batch_of(0, one, 2)
    objective, starts = model.objective, batch.starts // 2
    local, lengths = model.encoder.local(batch.features, batch.lengths)
    torch.manual_seed(4)
    found = model(batch)
    torch.manual_seed(4)
    size = batch.target_frames // 2
    begun, chances = torch.rand(len(lengths), size) < 0.4, torch.rand(len(lengths), size)
    noise = -(-torch.rand(len(lengths), size, 2, 3).log()).log() if training else torch.zeros(len(lengths), size, 2, 3)
    hidden = torch.zeros(local.shape[:2], dtype=torch.bool)
    for item in range(len(lengths)):
        for t in range(size):
            if begun[item, t]:
                hidden[item, starts[item] + t : min(starts[item] + size, starts[item] + t + 2)] = True
    seen = torch.where(hidden[..., None], objective.mask, local)
    units, sizes = model.units_behind(batch, model.encoder.context(seen, lengths), lengths)
    sums = dict.fromkeys(("loss", "right", "chance"), 0.0)
    shares, used = [], []
    for item, own_size in enumerate(sizes.tolist()):
        codes, targets = [], []
        for t in range(own_size):
            frame = F.layer_norm(local[item, starts[item] + t], local.shape[-1:])
            logits = (frame @ objective.quantiser.choose.weight.T).reshape(2, 3)
            shares.append(logits.softmax(-1))
            codes.append((logits + noise[item, t]).argmax(-1).tolist())
            vector = torch.cat([objective.quantiser.codebooks[group, codes[-1][group]] for group in (0, 1)])
            targets.append(objective.target(vector))
        used += codes
        places = [t for t in range(own_size) if hidden[item, starts[item] + t]]
        drawn = sorted(places, key=lambda t: chances[item, t], reverse=True)[:negatives]
        told = {t: objective.head(units.latents[item, t]) for t in places}
        losses, right, chance = [], [], []
        for t in places:
            others = [other for other in drawn if codes[other] != codes[t]]
            if not others:
                continue
            cosines = [F.cosine_similarity(told[t], targets[place], dim=0) / 0.1 for place in (t, *others)]
            losses.append(F.cross_entropy(torch.stack(cosines)[None], torch.tensor([0])).item())
            right.append(float(all(cosines[0] > other for other in cosines[1:])))
            chance.append(1 / len(cosines))
        for name, values in (("loss", losses), ("right", right), ("chance", chance)):
            sums[name] += own_size * sum(values) / max(1, len(values))
    total = int(sizes.sum())
    assert found.losses["prediction"].item() == pytest.approx(sums["loss"] / total, rel=1e-6)
    assert found.metrics["prediction_accuracy"].item() == pytest.approx(sums["right"] / total)
    assert found.metrics["prediction_chance"].item() == pytest.approx(sums["chance"] / total)
    mean = torch.stack(shares).mean(0)
    divergence = sum(math.log(3) - entropy(of_group) for of_group in mean) / 2
    assert found.losses["target_diversity"].item() == pytest.approx(0.5 * divergence, rel=1e-6)
    counts = [torch.bincount(of_group, minlength=3) / len(used) for of_group in torch.tensor(used).T]
    perplexity = sum(math.exp(entropy(of_group)) for of_group in counts) / 2
    assert found.metrics["target_use"].item() == pytest.approx(perplexity / 3, rel=1e-5)


def test_a_vector_is_that_of_the_codes_and_learns_as_their_mixture():
    torch.manual_seed(0)
    quantiser = ProductQuantiser(5, 4, Quantisation(2, 3, gumbel_temperature=0.7, min_gumbel_temperature=0.1)).eval()
    vectors, codes, logits = quantiser(torch.randn(2, 6, 5))
    for index in range(2):
        torch.testing.assert_close(
            vectors[..., 2 * index : 2 * index + 2], quantiser.codebooks[index][codes[..., index]]
        )
    mixed = torch.stack([(logits[..., g, :] / 0.7).softmax(-1) @ quantiser.codebooks[g] for g in (0, 1)], -2).flatten(2)
    weight = torch.randn_like(vectors)
    ways = [torch.autograd.grad((made * weight).sum(), logits, retain_graph=True)[0] for made in (vectors, mixed)]
    torch.testing.assert_close(*ways)


def test_codes_are_drawn_as_often_as_they_are_likely_in_training_alone():
    torch.manual_seed(0)
    quantiser = ProductQuantiser(5, 4, Quantisation(1, 3))
    frames = torch.randn(1, 1, 5).expand(1, 20_000, 5)
    _, codes, logits = quantiser(frames)
    often = torch.bincount(codes.flatten(), minlength=3) / 20_000
    torch.testing.assert_close(often, logits[0, 0, 0].softmax(-1), rtol=0, atol=0.015)  # four standard errors
    assert (quantiser.eval()(frames)[1] == logits[0, 0, 0].argmax()).all()


def test_targets_that_are_all_alike_raise_an_alarm():
    one = experiment(num_codes=30)
    model, batch = built(one).eval(), batch_of(0, one, 2)
    metrics = evaluate(model, [batch]).metrics
    assert "few targets" not in alarms(metrics, None)
    with torch.no_grad():
        model.objective.quantiser.choose.bias[[0, 30]] = 1e6
    found = evaluate(model, [batch])
    assert found.losses["prediction"] == found.metrics["prediction_chance"] == 0
    assert "objective.diversity" in alarms(found.metrics, None)["few targets"]


@pytest.mark.parametrize(
    "tables,cure",
    [
        ({"encoder": {"kind": "conv"}}, "comes between local frames and their context; set encoder.kind to 'context'"),
        ({"objective": {"kind": "wav2vec2", "span": 0}}, "hide nothing"),
        ({"objective": {"kind": "wav2vec2", "negatives": 0}}, "negatives must be 1 or more"),
        ({"objective": {"kind": "wav2vec2", "groups": 3}}, "groups must divide dim = 256"),
        ({"objective": {"kind": "wav2vec2", "num_codes": 1}}, "num_codes 2 or more"),
        ({"objective": {"kind": "wav2vec2", "gumbel_temperature": 0.1}}, "temperatures must fall"),
    ],
)
def test_what_cannot_be_is_refused(tables, cure):
    with pytest.raises(config.ConfigError, match=cure):
        Experiment(settings("wav2vec2") | tables, SPEAKERS, {}).build()
