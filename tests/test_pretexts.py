"""Pretexts: what is shown, that the answers are true, and that nothing else counts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from parallel_training import SPEAKERS, batch_of, settings

from unitdisc.experiment import Experiment, config
from unitdisc.objectives import OBJECTIVES
from unitdisc.objectives.pretexts import OFFSETS, PRETEXTS, Question
from unitdisc.training.distributed import StepPart, computing, share_of_count

QUESTIONS = [kind for kind, member in PRETEXTS.items() if issubclass(member, Question)]
LENGTHS = torch.tensor([70, 64, 41, 9, 3])
FRAMES, ROWS, STRIDE = 70, 16, 2


def built(kind: str, **options):
    torch.manual_seed(0)
    tables = settings(kind)
    tables["objective"] = tables["objective"] | options
    return Experiment(tables, SPEAKERS, {}).build().double()


def asked(kind: str, chances: torch.Tensor, **options) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
    """Pieces, their lengths and answers, of crops of which every number tells where it is: 1000 t + row + 1."""
    sizes = {"latent_dim": 3, "stride": STRIDE} | ({"in_dim": ROWS} if kind in ("rotation", "position") else {})
    question = OBJECTIVES[kind](**sizes, **options)
    frames = 1000 * torch.arange(FRAMES)[:, None] + torch.arange(1, ROWS + 1)
    inside = torch.arange(FRAMES) < LENGTHS[:, None]
    frames = (frames * inside[..., None]).double()
    pieces, answers = question.asked(frames, LENGTHS, chances)
    lengths = question.lengths(LENGTHS, FRAMES)
    return pieces.numpy(), lengths.numpy(), answers.numpy(), [each[:n].numpy() for each, n in zip(frames, LENGTHS)]


@pytest.fixture(params=range(4))
def chances(request) -> torch.Tensor:
    return torch.rand(len(LENGTHS), 2, FRAMES, generator=torch.Generator().manual_seed(request.param))


def test_order_shows_two_stretches_with_a_gap(chances):
    pieces, lengths, answers, crops = asked("order", chances, gap=5)
    assert lengths[:, 0].tolist() == [32, 29, 18, 2, 0]
    for item, (crop, size) in enumerate(zip(crops, lengths[:, 0])):
        shown = [crop[:size], crop[size + 5 : 2 * size + 5]]
        for piece, expected in zip(pieces[item, 0], shown[::-1] if answers[item, 0] else shown):
            assert np.array_equal(piece[:size], expected) and not piece[size:].any()


def test_direction_turns_time_and_leaves_padding_at_the_end(chances):
    pieces, lengths, answers, crops = asked("direction", chances)
    assert lengths[:, 0].tolist() == LENGTHS.tolist()
    for item, crop in enumerate(crops):
        piece = pieces[item, 0, 0]
        assert np.array_equal(piece[: len(crop)], crop[::-1] if answers[item, 0] else crop)
        assert not piece[len(crop) :].any()


def test_rotation_turns_squares_by_quarters(chances):
    pieces, lengths, answers, crops = asked("rotation", chances)
    assert (lengths > 0).sum(1).tolist() == [4, 4, 2, 0, 0]
    for item, number in np.argwhere(lengths):
        square = crops[item][16 * number : 16 * (number + 1)]
        assert np.array_equal(pieces[item, number, 0], np.rot90(square, answers[item, number]))
        assert lengths[item, number] == 16


@pytest.mark.parametrize("gap,side", [(0, 8), (4, 6), (3, 6)])
def test_position_shows_neighbours_and_the_answer_is_where_the_second_is(gap, side):
    found, width = [], 3 * side + 2 * gap
    for seed in range(8):
        chances = torch.rand(len(LENGTHS), 2, FRAMES, generator=torch.Generator().manual_seed(seed))
        pieces, lengths, answers, _ = asked("position", chances, gap=gap)
        assert (lengths > 0).sum(1).tolist() == [int(n) // width for n in LENGTHS]
        for item, number in np.argwhere(lengths):
            corners = []
            for piece in pieces[item, number]:
                rows = np.flatnonzero(piece.any(0))
                assert rows.tolist() == list(range((16 - side) // 2, (16 - side) // 2 + side))
                patch = piece[:, rows]
                column, row = divmod(int(patch[0, 0]) - 1, 1000)
                expected = 1000 * np.arange(column, column + side)[:, None] + np.arange(row + 1, row + side + 1)
                assert np.array_equal(patch, expected)
                corners.append((column, row))
            assert corners[0][0] == number * width + side + gap
            apart = [(second - first) / (side + gap) for first, second in zip(*corners)]
            assert OFFSETS[answers[item, number]] == tuple(apart)
            found.append(answers[item, number])
    shares = np.bincount(found, minlength=8) / len(found)
    sideways = [place for place, (_, down) in enumerate(OFFSETS) if not down]
    assert shares[sideways].sum() == pytest.approx(0.4, abs=4 * (0.24 / len(found)) ** 0.5)
    assert shares.min() > 0


def crops(kind: str, model):
    return batch_of(0, Experiment(settings(kind), SPEAKERS, {}), model.encoder.stride)


@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_crop_is_asked_as_it_is_alone_and_the_loss_is_the_mean_of_all_questions(kind):
    """Whatever is around it, in its padding and in other crops."""
    model = built(kind).eval()
    batch = crops(kind, model)
    chances = torch.rand(len(batch.lengths), 2, batch.target_frames)
    whole, _ = model.objective.answered(model, batch, chances)
    sums, number = dict.fromkeys((kind, f"{kind}_accuracy"), 0.0), 0
    for item, alone in enumerate(batch.split(len(batch.lengths))):
        alone = replace(alone, features=alone.features.clone())
        alone.features[0, int(alone.lengths) :] = 7
        alone.features[0, : int(alone.starts)] = 7
        alone.features[0, int(alone.starts) + alone.target_frames :] = 7
        own = int(model.objective.counts(alone)["questions"])
        found, _ = model.objective.answered(model, alone, chances[item : item + 1])
        number += own
        for name, value in (found.losses | found.metrics).items():
            sums[name] += own * value.item()
    assert number == int(model.objective.counts(batch)["questions"]) > 2
    for name, value in (whole.losses | whole.metrics).items():
        assert value.item() == pytest.approx(sums[name] / number, rel=1e-9), name


@pytest.mark.parametrize("kind", QUESTIONS)
def test_losses_of_the_bottleneck_in_parts_are_those_of_the_whole(kind):
    torch.manual_seed(0)
    tables = settings(kind) | {"bottleneck": {"kind": "gaussian", "dim": 4, "free_bits": 0}}
    model = Experiment(tables, SPEAKERS, {}).build().double().eval()
    batch = crops(kind, model)
    counts = {name: share_of_count(count, 2) for name, count in model.counts(batch).items()}
    losses = []
    for parts in (1, 2):
        for index, piece in enumerate(batch.split(parts)):
            torch.manual_seed(3)
            with computing(StepPart(index, parts)):
                losses.append(model(piece if parts == 1 else replace(piece, counts=counts)).losses)
    assert losses[0].keys() == {kind, "kl"}
    assert losses[0]["kl"] > 0
    for name, value in losses[0].items():
        torch.testing.assert_close((losses[1][name] + losses[2][name]) / 2, value, msg=name)


@pytest.mark.parametrize("kind", ["order", "direction", "rotation"])
def test_answers_are_drawn_alike(kind):
    draws = [torch.rand(len(LENGTHS), 2, FRAMES, generator=torch.Generator().manual_seed(seed)) for seed in range(40)]
    found = np.concatenate([asked(kind, chances)[2].flatten() for chances in draws])
    expected = 1 / PRETEXTS[kind].num_answers
    shares = np.bincount(found, minlength=PRETEXTS[kind].num_answers) / len(found)
    tolerance = 4 * (expected * (1 - expected) / len(found)) ** 0.5  # four standard errors
    assert shares == pytest.approx(np.full(len(shares), expected), abs=tolerance)


@pytest.mark.parametrize("kind", QUESTIONS)
def test_answers_are_learnt_by_encoder_and_head(kind):
    model = built(kind).train()
    model(crops(kind, model)).losses[kind].backward()
    for part in (model.encoder, model.bottleneck, model.objective):
        assert all(weight.grad is not None and weight.grad.any() for weight in part.parameters() if weight.dim() > 1)


# Filling in


def test_what_is_hidden_is_told_of_what_is_not():
    """The loss is of hidden frames alone, and their features change nothing but what is to be told."""
    model = built("inpainting").eval()
    objective, batch = model.objective, crops("inpainting", model)
    batch = replace(batch, second_view=torch.randn_like(batch.features))
    size, stride = batch.target_frames, model.encoder.stride
    chosen = torch.rand(len(batch.lengths), size // stride) < 0.5
    found, _, latents = objective.filled_in(model, batch, chosen)
    hidden = chosen.repeat_interleave(stride, dim=1)
    masked = batch.features.clone()
    for item, start in enumerate(batch.starts.tolist()):
        for t in hidden[item].nonzero()[:, 0].tolist():
            if start + t < masked.shape[1]:
                masked[item, start + t] = objective.mask
    units, _ = model.units_of(replace(batch, features=masked))
    told = objective.head(units.latents).reshape(len(chosen), -1, batch.features.shape[2])
    sums = [0.0, 0.0]
    for item, start in enumerate(batch.starts.tolist()):
        clean = batch.second_view[item, start : min(int(batch.lengths[item]), start + size)]
        places = hidden[item, : len(clean)]
        errors = [(saying - clean)[places].square().mean() for saying in (told[item, : len(clean)], clean.mean(0))]
        sums = [total + latents[item] * error.nan_to_num() for total, error in zip(sums, errors)]
    for value, total in zip((found.losses["inpainting"], found.metrics["inpainting_chance"]), sums):
        torch.testing.assert_close(value, total / latents.sum())
    spoilt = batch.features.clone()
    for item, start in enumerate(batch.starts.tolist()):
        spoilt[item, start : start + size][hidden[item, : spoilt.shape[1] - start]] = 50
    again, _, _ = objective.filled_in(model, replace(batch, features=spoilt), chosen)
    assert torch.equal(again.losses["inpainting"], found.losses["inpainting"])


@pytest.mark.parametrize(
    "kind,tables,cure",
    [
        (
            "direction",
            {"features": {"kind": "mfcc"}},
            "'direction' is told by the deltas of MFCC; set features.kind",
        ),
        (
            "order",
            {"objective": {"kind": "rotation"}},
            "'rotation' asks of line images; set features.kind to",
        ),
        ("order", {"objective": {"kind": "position"}}, "'position' asks of line images"),
        ("position", {"objective": {"kind": "position", "gap": 15}}, "a gap of 15 leaves nothing of 16 rows"),
        ("inpainting", {"objective": {"kind": "inpainting", "span": 0}}, "hide nothing"),
    ],
)
def test_what_cannot_be_is_refused(kind, tables, cure):
    with pytest.raises(config.ConfigError, match=cure):
        Experiment(settings(kind) | tables, SPEAKERS, {}).build()


@pytest.mark.parametrize(
    "kind,table", [("order", {"objective": {"gap": 15}}), ("rotation", {"features": {"height": 40}})]
)
def test_crops_that_are_too_short_are_refused(kind, table):
    tables = settings(kind)
    model = (
        Experiment(tables | {name: tables[name] | more for name, more in table.items()}, SPEAKERS, {}).build().double()
    )
    batch = batch_of(0, Experiment(tables, SPEAKERS, {}), model.encoder.stride)
    with pytest.raises(ValueError, match=rf"\[objective\] '{kind}' asks of .* frames or more, .* set training.crop to"):
        model(batch)
