"""Masked prediction: what is hidden, that it is hidden, and what is asked there."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from parallel_training import SPEAKERS, batch_of, settings
from tiny import as_arguments

from unitdisc.batch import cut, laid, mean_of_chosen
from unitdisc.encodings import Encodings
from unitdisc.experiment import Experiment, config
from unitdisc.model import PREDICTION, PROBE_POINTS
from unitdisc.objectives import masked
from unitdisc.objectives.masking import SpanMasking, units_of_masked
from unitdisc.training.distributed import StepPart, computing

pytest_plugins = ["tiny_fixtures"]


def experiment(**options) -> Experiment:
    return Experiment(settings("masked") | {"objective": {"kind": "masked", "span": 3, **options}}, SPEAKERS, {})


def built(one: Experiment):
    torch.manual_seed(0)
    return one.build().double().eval()


def test_spans_begin_by_chance_and_hide_what_follows():
    chances = torch.rand(4, 50)
    hidden = SpanMasking(0.2, 3).hidden(chances)
    for item in range(4):
        for t in range(50):
            assert hidden[item, t] == any(chances[item, s] < 0.2 for s in range(max(0, t - 2), t + 1))


def test_the_papers_spans_hide_more_than_half():
    masking = built(experiment(span=10)).objective.masking
    assert masking == SpanMasking(0.08, 10)
    share = masking.hidden(torch.rand(200, 500, generator=torch.Generator().manual_seed(1))).float().mean()
    assert share == pytest.approx(1 - 0.92**10, abs=0.01)


def test_held_out_spans_are_the_same_every_time_and_draw_nothing_from_training():
    masking, device, state = SpanMasking(0.2, 3), torch.device("cpu"), torch.get_rng_state()
    hidden = masking.held_out(4, 50, device)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(7)
    assert torch.equal(masking.held_out(4, 50, device), hidden)
    assert not torch.equal(masking.drawn(4, 50, device), masking.drawn(4, 50, device))


def test_what_is_laid_is_cut_again():
    places, starts = torch.rand(3, 6) < 0.5, torch.tensor([0, 2, 7])
    whole = laid(places, starts, 11)
    assert torch.equal(cut(whole[..., None].float(), starts, 6)[..., 0].bool()[:2], places[:2])
    assert whole[2].tolist() == [False] * 7 + places[2, :4].tolist()
    assert whole.sum() == places[:2].sum() + places[2, :4].sum()


def test_a_mean_of_chosen_places_is_the_mean_of_items_by_their_length():
    values, chosen = torch.randn(3, 5, 2), torch.rand(3, 5, 2) < 0.5
    chosen[1] = False
    lengths = torch.tensor([5, 4, 2])
    means = [float(values[i][chosen[i]].mean()) if chosen[i].any() else 0.0 for i in range(3)]
    expected = sum(mean * length for mean, length in zip(means, lengths.tolist())) / 11
    assert float(mean_of_chosen(values, chosen, lengths)) == pytest.approx(expected, rel=1e-5)
    spoilt = values.masked_fill(~chosen, float("nan"))
    assert float(mean_of_chosen(spoilt, chosen, lengths)) == pytest.approx(expected, rel=1e-5)


def test_what_is_hidden_is_not_seen():
    """Features that are of hidden latents alone change nothing, all others do."""
    one = experiment()
    model, batch = built(one), batch_of(0, one, 2)
    hidden = torch.zeros(batch.codes.shape[:2], dtype=torch.bool)
    hidden[:, 2:6] = True

    def latents() -> torch.Tensor:
        return units_of_masked(model, batch, hidden, model.objective.mask)[0].latents

    before = latents()
    for item, start in enumerate(batch.starts.tolist()):
        batch.features[item, start + 6 : start + 10] = 100  # of the latents 2 to 5 alone, for they see 2 more
    torch.testing.assert_close(latents(), before, rtol=0, atol=0)
    batch.features[:, batch.starts.max() + 10] = 100
    assert not torch.allclose(latents(), before)


@pytest.mark.parametrize("unmasked", [0.0, 0.5])
def test_the_loss_is_of_hidden_codes_and_of_seen_ones_if_wanted(unmasked):
    one = experiment(unmasked=unmasked)
    one = Experiment(one.options | {"codes": {"folders": ["a", "b"], "num_codes": 8}}, SPEAKERS, {})
    model, batch = built(one), batch_of(0, one, 2)
    torch.manual_seed(5)
    found = model(batch)
    torch.manual_seed(5)
    hidden = model.objective.masking.hidden(torch.rand(batch.codes.shape[:2]))
    units, lengths = units_of_masked(model, batch, hidden, model.objective.mask)
    expected = {}
    for name, places in (("masked", hidden), ("unmasked", ~hidden)):
        losses, right, weights = [], [], []
        for item, length in enumerate(lengths.tolist()):
            logits = model.objective.head(units.latents[item, :length]).reshape(length, 2, 8)
            asked = places[item, :length].nonzero()[:, 0].tolist()
            pairs = [(logits[t, book], batch.codes[item, t, book]) for t in asked for book in (0, 1)]
            losses.append(sum(F.cross_entropy(*pair).item() for pair in pairs) / max(1, len(pairs)))
            right.append(sum(float(values.argmax() == code) for values, code in pairs) / max(1, len(pairs)))
            weights.append(length)
        expected[name] = [sum(w * v for w, v in zip(weights, of)) / sum(weights) for of in (losses, right)]
    assert float(found.losses["masked"]) == pytest.approx(expected["masked"][0], rel=1e-6)
    assert ("unmasked" in found.losses) == bool(unmasked)
    if unmasked:
        assert float(found.losses["unmasked"]) == pytest.approx(unmasked * expected["unmasked"][0], rel=1e-6)
    for name, (_, accuracy) in expected.items():
        assert float(found.metrics[f"{name}_accuracy"]) == pytest.approx(accuracy, rel=1e-6)


def test_parts_hide_what_the_whole_hides(monkeypatch):
    one = experiment()
    model, batch = built(one), batch_of(0, one, 2)
    seen = []
    monkeypatch.setattr(
        masked, "units_of_masked", lambda model, batch, hidden, _: seen.append(hidden) or model.units_of(batch)
    )
    for parts in (1, 2):
        for index, piece in enumerate(batch.split(parts)):
            torch.manual_seed(3)
            with computing(StepPart(index, parts)):
                model(piece)
    assert torch.equal(seen[0], torch.cat(seen[1:]))


def test_the_prediction_is_how_probable_each_code_is_of_everything():
    """Of every codebook by itself, from the latents of unhidden frames; and there is none where nothing is told."""
    one = experiment()
    one = Experiment(one.options | {"codes": {"folders": ["a", "b"], "num_codes": 8}}, SPEAKERS, {})
    model, batch = built(one), batch_of(0, one, 2)
    points, _, lengths = model.probe_points(batch.features, batch.lengths)
    assert tuple(points) == (*PROBE_POINTS, PREDICTION)
    assert points[PREDICTION].shape == (*points["bottleneck"].shape[:2], 16)
    for item, length in enumerate(lengths.tolist()):
        for latent, found in zip(points["bottleneck"][item, :length], points[PREDICTION][item, :length]):
            logits = (model.objective.head.weight @ latent + model.objective.head.bias).tolist()
            for book in (logits[:8], logits[8:]):
                total = sum(map(math.exp, book))
                expected = [math.sqrt(math.exp(logit) / total) for logit in book]
                assert found[:8].tolist() == pytest.approx(expected)
                found = found[8:]
    other = Experiment(settings("cpc"), SPEAKERS, {}).build().double()
    assert tuple(other.probe_points(batch.features, batch.lengths)[0]) == PROBE_POINTS


def test_the_prediction_is_encoded_where_codes_are_told(tiny_corpus, tmp_path, unitdisc):
    experiment, folder = tmp_path / "masked", tmp_path / "encodings"
    options = {"encoder.dim": 8, "encoder.layers": 1, "bottleneck.dim": 4, "codes.num_codes": 5}
    options |= {"training.steps": 1, "training.batch_size": 2, "training.crop": 16, "training.valid_every": 1}
    told = unitdisc("train", "small-masked", tiny_corpus, experiment, "--device=cpu", *as_arguments(options))
    assert told.code == 0, told.err
    told = unitdisc("encode", experiment, tiny_corpus, folder, "--at", "prediction", "--device=cpu")
    assert told.code == 0, told.err
    encodings = Encodings.open(folder / PREDICTION)
    assert encodings.settings["point"] == PREDICTION
    for encoding in encodings:
        np.testing.assert_allclose(np.square(encoding.frames).sum(1), 1, rtol=1e-5)
        assert encoding.frames.shape[1] == 5


def test_no_prediction_is_asked_of_a_model_that_tells_no_codes(tiny_corpus, tiny_experiment, tmp_path, unitdisc):
    told = unitdisc("encode", tiny_experiment, tiny_corpus, tmp_path, "--at", "prediction", "--device=cpu")
    assert told.code and "--at prediction: " in told.err and "tells no codes; choose of ['encoder'" in told.err
    assert not [*tmp_path.glob("*/*.npy")]


@pytest.mark.parametrize(
    "tables,cure",
    [
        ({"encoder": {"kind": "conv"}}, "comes between local frames and their context; set encoder.kind to 'context'"),
        ({"objective": {"kind": "masked", "span": 0}}, "hide nothing"),
        ({"objective": {"kind": "masked", "probability": 0}}, "hide nothing"),
        ({"codes": {"num_codes": 1}}, r"\[codes\]: num_codes must be 2 or more, not 1"),
        ({"codes": {"folders": [1]}}, r"\[codes\]: folders must be a list of folders"),
        ({"codes": {"bins": 1}}, r"\[codes\] has no option \['bins'\]"),
    ],
)
def test_what_cannot_be_is_refused(tables, cure):
    with pytest.raises(config.ConfigError, match=cure):
        Experiment(settings("masked") | tables, SPEAKERS, {}).build()
