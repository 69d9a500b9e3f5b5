"""CPC and aligned CPC beside loops over every latent, every step and every alignment."""

from dataclasses import replace
from itertools import combinations

import pytest
import torch
import torch.nn.functional as F
from parallel_training import SPEAKERS, batch_of, settings

from unitdisc.api.train import views_of
from unitdisc.batch import cut, padding_mask
from unitdisc.experiment import Experiment, config
from unitdisc.objectives.contrastive import aligned

SIZE = {"steps": 4, "dim": 6}


def experiment(kind: str, **options) -> Experiment:
    return Experiment(settings(kind) | {"objective": {"kind": kind, **SIZE, **options}}, SPEAKERS, {})


def built(one: Experiment):
    torch.manual_seed(0)
    return one.build().double().eval()


def ways(steps: int, predictions: int) -> list[list[int]]:
    """Every way to give steps to predictions in order, each some: the prediction of every step."""
    found = []
    for cuts in combinations(range(1, steps), predictions - 1):
        ends = [*cuts, steps]
        found.append([sum(step >= end for end in ends) for step in range(steps)])
    return found


@pytest.mark.parametrize("predictions,steps", [(1, 1), (1, 4), (3, 3), (2, 5), (4, 7)])
def test_an_alignment_is_the_sum_over_all_of_them(predictions, steps):
    likelihoods = torch.randn(2, 3, predictions, steps).double().requires_grad_()
    every = ways(steps, predictions)
    assert len({tuple(way) for way in every}) == len(every)
    assert predictions == 1 or all(way[0] == 0 and way[-1] == predictions - 1 for way in every)
    sums = torch.stack([likelihoods[..., way, torch.arange(steps)].sum(-1) for way in every])
    expected = sums.logsumexp(0)
    torch.testing.assert_close(aligned(likelihoods), expected)
    gradients = [
        torch.autograd.grad(total.sum(), likelihoods, retain_graph=True)[0]
        for total in (aligned(likelihoods), expected)
    ]
    torch.testing.assert_close(*gradients)


def test_an_alignment_is_ctc_without_blanks():
    predictions, steps = 5, 9
    likelihoods = F.log_softmax(torch.randn(2, predictions, steps), 1)
    with_blank = torch.cat([torch.full((2, 1, steps), -1e5), likelihoods], 1).permute(2, 0, 1)
    lengths = torch.full((2,), steps), torch.full((2,), predictions)
    labels = torch.arange(1, predictions + 1).expand(2, -1)
    expected = F.ctc_loss(with_blank, labels, *lengths, reduction="none")
    torch.testing.assert_close(-aligned(likelihoods), expected, rtol=1e-5, atol=1e-5)


def parts_of(model, batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Predictions and targets of unit length, how many latents items have, and places of negatives."""
    local, lengths = model.encoder.local(batch.features, batch.lengths)
    units, sizes = model.units_behind(batch, model.encoder.context(local, lengths), lengths)
    size = units.latents.shape[1]
    targets = F.normalize(model.objective.target(cut(local, batch.starts // 2, size)), dim=-1)
    predictions = model.objective.predictor(units.latents, sizes).unflatten(-1, (-1, 6))
    torch.manual_seed(4)
    chances = torch.rand(len(sizes), len(sizes) * size)
    return F.normalize(predictions, dim=-1), targets, sizes, model.objective.drawn(batch, sizes, chances)


def by_length(of_items: list[list[torch.Tensor]], lengths: torch.Tensor) -> torch.Tensor:
    means = [sum(values) / len(values) if values else 0 for values in of_items]
    return sum(mean * length for mean, length in zip(means, lengths.tolist())) / lengths.sum()


@pytest.mark.parametrize("kind", ["cpc", "acpc"])
def test_of_clean_targets_only_the_past_is_augmented(kind):
    """Predictions are of what is heard, targets and negatives of the clean recording; the encoder learns from both."""
    objective = {"kind": kind, **SIZE, "clean_targets": True} | ({"predictions": 2} if kind == "acpc" else {})
    one = Experiment(settings(kind) | {"objective": objective, "augmentation": {"noise": 1.0}}, SPEAKERS, {})
    model, heard = built(one), batch_of(0, one, 2)
    both = replace(heard, second_view=heard.features + torch.randn(heard.features.shape).double())
    seen = []
    model.objective.compared, compared = lambda *given: seen.append(given) or compared(*given), model.objective.compared
    losses = {}
    for name, batch in (("both", both), ("heard", heard), ("clean", replace(heard, features=both.second_view))):
        torch.manual_seed(4)
        losses[name] = model(batch).losses["prediction"]
    (predictions, targets, lengths, _), heard_alone, clean_alone = seen
    inside = padding_mask(lengths, targets.shape[1])
    torch.testing.assert_close(predictions[inside], heard_alone[0][inside])
    torch.testing.assert_close(targets[inside], clean_alone[1][inside])
    assert not torch.allclose(targets, heard_alone[1]) and not torch.allclose(predictions, clean_alone[0])
    assert losses["both"] != losses["heard"]
    first = next(model.encoder.parameters())
    for part in (predictions, targets):
        assert torch.autograd.grad(part.square().sum() + part.sum(), first, retain_graph=True)[0].any()


def test_what_cpc_hears_is_augmented_and_what_it_predicts_is_not():
    """In training, from the table on."""
    tables = settings("cpc") | {"objective": {"kind": "cpc", **SIZE}, "augmentation": {"noise": 1.0}}
    for clean, second in ((False, None), (True, "clean")):
        tables["objective"]["clean_targets"] = clean
        one = Experiment(tables, SPEAKERS, {})
        assert views_of(one.build(), one, signals=None, seed=0).second == second
    tables.pop("augmentation")
    with pytest.raises(config.ConfigError, match="'cpc' compares two voices of every crop"):
        Experiment(tables, SPEAKERS, {}).build()
    tables["objective"]["clean_targets"] = False
    one = Experiment(tables, SPEAKERS, {})
    assert views_of(one.build(), one, signals=None, seed=0) is None


@pytest.mark.parametrize("negatives_of", ["utterance", "speaker", "batch"])
@pytest.mark.parametrize("predictor,first", [("linear", 1), ("transformer", 2)])
def test_cpc_tells_each_step_ahead_from_negatives(negatives_of, predictor, first):
    one = experiment("cpc", negatives=20, negatives_of=negatives_of, predictor=predictor, first_step=first)
    model, batch = built(one), batch_of(0, one, 2)
    predictions, targets, lengths, drawn = parts_of(model, batch)
    assert predictions.shape[2] == 5 - first
    places, size = targets.flatten(0, 1), targets.shape[1]
    losses, right = [[] for _ in lengths], [[] for _ in lengths]
    for item, length in enumerate(lengths.tolist()):
        for t in range(length):
            for index, step in enumerate(range(first, 5)):
                if t + step < length:
                    itself = item * size + t + step
                    others = [place for place in drawn[item].tolist() if place not in (-1, itself)]
                    scores = places[[itself, *others]] @ predictions[item, t, index] / 0.1
                    losses[item].append(F.cross_entropy(scores[None], torch.zeros(1, dtype=torch.long)))
                    right[item].append((scores[1:] < scores[0]).all().double())
    torch.manual_seed(4)
    found = model(batch)
    assert list(found.losses) == ["prediction"]
    torch.testing.assert_close(found.losses["prediction"], by_length(losses, lengths))
    torch.testing.assert_close(found.metrics["prediction_accuracy"], by_length(right, lengths))


def test_aligned_cpc_sums_over_ways_to_give_steps_to_predictions():
    one = experiment("acpc", negatives=20, negatives_of="batch", predictions=2)
    model, batch = built(one), batch_of(0, one, 2)
    predictions, targets, lengths, drawn = parts_of(model, batch)
    places, size = targets.flatten(0, 1), targets.shape[1]
    losses, right = [[] for _ in lengths], [[] for _ in lengths]
    for item, length in enumerate(lengths.tolist()):
        for t in range(length - 4):
            ahead = [item * size + t + step for step in range(1, 5)]
            others = [place for place in drawn[item].tolist() if place != -1 and place not in ahead]
            logs = torch.stack(
                [
                    torch.stack(
                        [
                            F.log_softmax(places[[itself, *others]] @ predictions[item, t, one] / 0.1, 0)[0]
                            for itself in ahead
                        ]
                    )
                    for one in range(2)
                ]
            )
            total = torch.stack([logs[way, torch.arange(4)].sum() for way in ways(4, 2)]).logsumexp(0)
            losses[item].append(-total / 4)
            nearest = places[[ahead[0], *others]] @ predictions[item, t, 0]
            right[item].append((nearest[1:] < nearest[0]).all().double())
    torch.manual_seed(4)
    found = model(batch)
    torch.testing.assert_close(found.losses["prediction"], by_length(losses, lengths))
    torch.testing.assert_close(found.metrics["prediction_accuracy"], by_length(right, lengths))


@pytest.mark.parametrize("negatives_of", ["utterance", "speaker", "batch"])
@pytest.mark.parametrize("negatives", [3, 10_000])
def test_negatives_are_of_whom_they_should_be_and_no_padding(negatives_of, negatives):
    one = experiment("cpc", negatives=negatives, negatives_of=negatives_of)
    model, batch = built(one), batch_of(0, one, 2)
    batch = replace(batch, speakers=torch.tensor([0, 1, 0, -1, -1, 2, 1, 0]))
    lengths = torch.tensor([8, 8, 5, 2, 8, 1, 8, 7])
    drawn = model.objective.drawn(batch, lengths, torch.rand(8, 64))
    for item, of_item in enumerate(drawn.tolist()):
        speaker = int(batch.speakers[item])
        there = {
            "utterance": {item},
            "speaker": {i for i in range(8) if i == item or speaker == batch.speakers[i] != -1},
            "batch": set(range(8)),
        }[negatives_of]
        allowed = {8 * i + t for i in there for t in range(int(lengths[i]))}
        found = [place for place in of_item if place != -1]
        assert len(set(found)) == len(found) == min(negatives, len(allowed))
        assert set(found) <= allowed


@pytest.mark.parametrize(
    "tables,cure",
    [
        ({"encoder": {"kind": "conv"}}, "set encoder.kind to 'context'"),
        ({"encoder": {"kind": "context"}}, "sees what is to be predicted; set encoder.causal to true"),
        ({"objective": {"kind": "cpc", "first_step": 13}}, r"first_step must be from 1 to steps \(12\), not 13"),
        ({"objective": {"kind": "acpc", "predictions": 13}}, r"predictions must be from 1 to steps \(12\), not 13"),
        ({"objective": {"kind": "cpc", "negatives_of": "speakers"}}, "negatives_of must be one of .*, not 'speakers'"),
        ({"objective": {"kind": "cpc", "predictor": "lstm"}}, "predictor must be one of .*, not 'lstm'"),
        ({"objective": {"kind": "cpc", "temperature": 0}}, "temperature above 0"),
    ],
)
def test_what_cannot_be_is_refused(tables, cure):
    with pytest.raises(config.ConfigError, match=cure):
        Experiment(settings("cpc") | tables, SPEAKERS, {}).build()


@pytest.mark.parametrize("kind", ["cpc", "acpc"])
def test_crops_that_are_too_short_are_refused(kind):
    one = experiment(kind, steps=8, **({"first_step": 8} if kind == "cpc" else {}))
    model = built(one)
    with pytest.raises(ValueError, match=r"8 frames ahead .* in crops of 8: set training.crop to more"):
        model(batch_of(0, one, 2))
