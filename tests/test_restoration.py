"""Restoring lines: the objective and its critic, the verb, and how like restored lines are to the clean ones."""

import json
import os
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from parallel_training import SPEAKERS, batch_of, settings
from tiny import line_settings, listed, make_corpus, make_lines, tree

from unitdisc.api.restore import restore, restored_inks
from unitdisc.api.train import train
from unitdisc.batch import Batch
from unitdisc.corpus import CorpusError, Interval, Utterance, scaled
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.manifest import write_manifest
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.evaluation.handwriting.likeness import psnr, ssim
from unitdisc.experiment import Experiment, ExperimentError, config, load
from unitdisc.media.image import read_image, read_line
from unitdisc.objectives.ink import surprise
from unitdisc.objectives.restoration import PatchCritic, Restoration, patches_in, size_of
from unitdisc.training.validation import evaluate

pytest_plugins = ["tiny_fixtures"]

EVAL = Path(__file__).parent.parent / "eval"
LINES = ColumnFeatures(height=16)
TINY = ["features.height=16", "objective.channels=8", "objective.depth=1", "training.batch_size=4", "training.crop=32"]
TINY += ["training.checkpoint_every=5", "training.valid_every=5", "training.log_every=1"]
TINY += ["training.learning_rate=2e-2", "training.schedule=constant", "training.average_decay=0.5"]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


# The objective


def built(kind: str, **options) -> tuple:
    """A model with its batch."""
    tables = settings(kind)
    tables["objective"] |= options
    experiment = Experiment(tables, SPEAKERS, {})
    torch.manual_seed(0)
    model = experiment.build().double()
    return model, batch_of(0, experiment, model.encoder.stride)


def moves(loss: torch.Tensor, weights: list) -> bool:
    slopes = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
    return any(slope is not None and bool(slope.any()) for slope in slopes)


def test_ink_that_is_told_rightly_is_no_surprise():
    ink = torch.tensor([0.0, 0.25, 0.5, 1.0])
    assert surprise(torch.logit(ink.clamp(1e-6, 1 - 1e-6)), ink).abs().max() < 1e-4
    told = torch.tensor([0.3, 0.3, 0.3, 0.3])
    assert (surprise(torch.logit(told), ink) > 0).all()
    assert surprise(torch.logit(told[:1]), torch.ones(1)) == pytest.approx(-np.log(0.3))
    assert surprise(torch.full((1,), 50.0), torch.zeros(1)) == pytest.approx(50)  # and no infinity


def test_what_is_restored_does_not_depend_on_what_is_beside_it():
    model, _ = built("restore")
    lines = [np.random.default_rng(size).uniform(size=(size, 16)) for size in (30, 21, 44, 4)]
    model.eval()
    together = restored_inks(model.float(), [line.astype(np.float32) for line in lines])
    for line, found in zip(lines, together, strict=True):
        (alone,) = restored_inks(model, [line.astype(np.float32)])
        assert found.shape == line.shape and 0 <= found.min() <= found.max() <= 1
        np.testing.assert_allclose(found, alone, atol=1e-5)


def test_damaged_lines_are_shown_and_clean_ones_are_told():
    model, batch = built("restore")
    found = model(batch)
    assert found.losses.keys() == {"restore"} and found.metrics.keys() == {"error"}
    damaged = replace(batch, features=batch.features + 1)
    assert model(damaged).losses["restore"] != found.losses["restore"]
    size = batch.target_frames
    for place, (start, length) in enumerate(zip(batch.starts.tolist(), batch.target_lengths.tolist())):
        one = Batch(**{n: v[place : place + 1] if isinstance(v, torch.Tensor) else v for n, v in vars(batch).items()})
        shown, clean, logits = model.objective.lines(one, torch.zeros(1, size // 4, 1).double())
        assert torch.equal(shown[0, :length], batch.features[place, start : start + length])
        assert torch.equal(clean[0, :length], batch.second_view[place, start : start + length])
        assert not shown[0, length:].any() and logits.shape == shown.shape


@pytest.mark.parametrize("loss", ["non-saturating", "hinge", "wasserstein"])
def test_the_critic_and_the_network_move_only_themselves(loss):
    model, batch = built("restore with a critic", adversarial_loss=loss)
    losses = model(batch).losses
    assert losses.keys() == {"restore", "adversary", "critic", "penalty"}
    critic, network = [*model.objective.critic.parameters()], [*model.objective.network.parameters()]
    (player,) = (one.weights for name, one in model.players().items() if name == "critic")
    assert {id(weight) for weight in player} == {id(weight) for weight in critic}
    moved = {name: [moves(value, part) for part in (network, critic)] for name, value in losses.items()}
    of_network, of_critic = [True, False], [False, True]
    assert moved == {"restore": of_network, "adversary": of_network, "critic": of_critic, "penalty": of_critic}


def test_a_critic_is_shown_pairs_and_scores_patches_of_18_pixels():
    torch.manual_seed(0)
    critic = PatchCritic(4).double()
    line, damaged = normal(1, 60, 32), normal(1, 60, 32, seed=1)
    before = critic(line, damaged)
    assert before.shape == (1, 15, 8) and critic(line[:, :58, :30], damaged[:, :58, :30]).shape == (1, 15, 8)
    for changed in (line, damaged):
        other = changed.clone()
        other[0, 30, 16] += 1
        after = critic(other, damaged) if changed is line else critic(line, other)
        columns, rows = (after != before)[0].nonzero().T
        assert (columns.min(), columns.max()) == (5, 9) and (rows.min(), rows.max()) == (
            2,
            5,
        )  # of pixels 4 i - 7 to + 10


def test_patches_count_that_lie_in_the_line_by_half():
    lengths = torch.tensor([0, 1, 2, 5, 6, 8, 10])
    assert patches_in(torch.arange(10) < lengths[:, None]).sum(1).tolist() == [0, 0, 1, 1, 2, 2, 3]


def test_lines_are_compared_by_a_trained_encoder_that_is_frozen():
    network = {"encoder": {"kind": "conv2d", "channels": [4, 4, 8], "stride": 4}, "dim": 8}
    tables = settings("restore") | {"encoder": {"kind": "experiment", "network": network, "point": "encoder"}}
    tables["objective"] |= {"perceptual": 0.5}
    torch.manual_seed(0)
    experiment = Experiment(tables, SPEAKERS, {})
    model = experiment.build().double()
    batch = batch_of(0, experiment, 4)
    losses = model(batch).losses
    assert losses.keys() == {"restore", "perceptual"}
    assert moves(losses["perceptual"], [*model.objective.network.parameters()])
    _, clean, _ = model.objective.lines(batch, torch.zeros(len(batch.lengths), batch.target_frames // 4, 1).double())
    logits = torch.logit(clean.clamp(1e-9, 1 - 1e-9))
    same = model.objective.compared(model, batch, clean, logits, -(-batch.target_lengths // 4)).losses
    assert same["perceptual"] < 1e-6 and same["restore"] < 1e-6
    for wrong in ({"kind": "identity", "stride": 4}, tables["encoder"] | {"frozen": False}):
        with pytest.raises(ValueError, match=r"perceptual compares lines by a trained encoder that is frozen; set"):
            Experiment(tables | {"encoder": wrong}, SPEAKERS, {}).build()


def test_a_network_learns_to_restore():
    """Bars under noise and holes, by what is around: held-out ones are wrong by a third of the damage."""
    torch.manual_seed(0)
    objective = Restoration(LINES, 16, 1, channels=4, depth=1)
    optimiser = torch.optim.Adam(objective.parameters(), 2e-2)
    draw, mask, latents = torch.Generator().manual_seed(0), torch.ones(8, 32, dtype=torch.bool), torch.zeros(8, 32, 1)

    def pairs() -> tuple[torch.Tensor, torch.Tensor]:
        clean = (torch.rand(8, 8, 1, generator=draw) > 0.5).float().repeat_interleave(4, dim=1).expand(-1, -1, 16)
        kept = torch.rand(8, 32, 16, generator=draw) > 0.2
        return clean, clean * kept + 0.2 * torch.rand(8, 32, 16, generator=draw)

    for _ in range(30):
        clean, damaged = pairs()
        optimiser.zero_grad()
        surprise(objective.logits(damaged, latents, mask), clean).mean().backward()
        optimiser.step()
    clean, damaged = pairs()
    error = (objective.restored(damaged, latents, mask) - clean).abs().mean()
    assert error < (damaged - clean).abs().mean() / 3


def test_the_frames_of_a_line_are_measured_without_its_padding():
    frames = torch.tensor([[[1.0, -3.0], [5.0, 5.0]], [[2.0, 2.0], [4.0, 0.0]]])
    assert size_of(frames, torch.tensor([[True, False], [True, True]])).tolist() == [[2.0], [2.0]]
    assert size_of(frames, torch.zeros(2, 2, dtype=torch.bool)).min() > 0


@pytest.mark.parametrize(
    "features,message",
    [
        ({"kind": "mfcc"}, r"restores lines, column by column; set features\.kind to 'columns', not 'mfcc'"),
        ({"kind": "columns", "normalise": "global"}, r"what is told is ink, from 0 to 1; leave features\.normalise"),
        ({"kind": "columns", "slant": True}, r"set upright in another way than a clean one; leave features\.slant"),
        ({"kind": "columns"}, r"'restore' compares two voices of every crop, which without augmentation are one"),
    ],
)
def test_what_cannot_be_restored_is_refused(features, message):
    tables = {"objective": {"kind": "restore"}, "encoder": {"kind": "identity"}, "features": features}
    with pytest.raises(config.ConfigError, match=message):
        Experiment(tables, SPEAKERS, {}).build()


def test_held_out_lines_are_damaged_too_and_always_alike():
    model, batch = built("restore with a critic")
    found = evaluate(model.eval(), [batch])
    assert found.losses.keys() == {"restore"} and found.metrics.keys() == {"error", "damage"}
    assert found == evaluate(model, [batch])
    inside = batch.target_mask
    damaged, clean, _ = model.objective.lines(batch, torch.zeros(len(inside), inside.shape[1] // 4, 1).double())
    assert found.metrics["damage"] == pytest.approx(float((damaged - clean).abs()[inside].mean()))


# The verb


@pytest.fixture(scope="module")
def lines(tmp_path_factory) -> Path:
    return make_lines(tmp_path_factory.mktemp("lines"))


@pytest.fixture(scope="module")
def restorer(lines, tmp_path_factory) -> Path:
    """One that has learned next to nothing."""
    folder = tmp_path_factory.mktemp("restorer") / "experiment"
    return train("restore-handwriting", lines, folder, [*TINY, "training.steps=10"], device="cpu")


def test_training_says_how_damaged_held_out_lines_are(restorer):
    log = [json.loads(row) for row in (restorer / "log.jsonl").read_text().splitlines()]
    first, last = (row["metrics"] for row in log if row["split"] == "valid")
    assert first["damage"] == last["damage"] > 0.05 and first["error"] > last["error"] > 0
    assert first.keys() == {"damage", "error"}  # there are no latents that could collapse


def test_restored_lines_keep_all_that_is_known_of_them(restorer, lines, tmp_path, unitdisc):
    done = unitdisc("restore", restorer, lines, tmp_path / "out", "--device", "cpu")
    assert done.code == 0 and done.out == f"{tmp_path / 'out/restored.jsonl'}\n"
    before, after = listed(lines), listed(tmp_path / "out/restored.jsonl")
    assert [line.id for line in after] == [line.id for line in before]
    for one, again in zip(before, after, strict=True):
        assert (again.speaker, again.text, again.height) == (one.speaker, one.text, 16)
        assert again.ticks == one.columns_at(16) and read_line(again).shape == (again.ticks, 16)
        assert [interval.label for interval in again.alignment["character"]] == list(one.text)
        assert again.alignment["character"] == scaled(one, again.ticks).alignment["character"]
    _, model = load(restorer)
    (expected,) = restored_inks(model, [LINES.signal(before[0]).astype(np.float32)])
    assert np.abs(read_line(after[0]) - expected).max() < 0.01


def test_an_interrupted_run_is_completed_and_what_is_there_is_left_alone(restorer, lines, tmp_path, monkeypatch):
    whole = restore(restorer, lines, tmp_path / "out", device="cpu")
    assert whole.utterances == 12 and not whole.left_out
    files = tree(tmp_path / "out")
    for path in ("images/line03.png", "restored.jsonl"):
        (tmp_path / "out" / path).unlink()
    restore(restorer, lines, tmp_path / "out", device="cpu")
    assert tree(tmp_path / "out") == files
    from unitdisc.api import restore as verb

    monkeypatch.setattr(verb, "restored_inks", lambda *_: pytest.fail("all is there"))
    restore(restorer, lines, tmp_path / "out", device="cpu")
    source = Path(listed(lines)[3].path)
    os.utime(tmp_path / "out/images/line03.png", ns=(0, source.stat().st_mtime_ns - 1))
    with pytest.raises(pytest.fail.Exception, match="all is there"):
        restore(restorer, lines, tmp_path / "out", device="cpu")


def test_bad_lines_are_said_and_left_out(restorer, tmp_path, unitdisc):
    corpus = make_lines(tmp_path / "corpus", 4)
    good = listed(corpus)
    Path(good[1].path).write_bytes(Path(good[1].path).read_bytes()[:60])
    done = unitdisc("restore", restorer, corpus, tmp_path / "out", "--device", "cpu")
    assert done.code == 0 and "line01.png: " in done.err and "1 left out, 3 kept" in done.err
    assert [line.id for line in listed(tmp_path / "out/restored.jsonl")] == ["line00", "line02", "line03"]
    with pytest.raises(CorpusError, match=r"line01\.png"):
        restore(restorer, corpus, tmp_path / "strict", access=CorpusAccess(strict=True), device="cpu")


def test_a_line_of_which_nothing_is_left_is_said(restorer, lines, tmp_path, monkeypatch, capsys):
    from unitdisc.api import restore as verb

    def emptied(model, features):
        return [np.zeros_like(line) if place == 0 else line for place, line in enumerate(features)]

    monkeypatch.setattr(verb, "restored_inks", emptied)
    found = restore(restorer, lines, tmp_path / "out", device="cpu")
    assert found.utterances == 11 and "nothing is left of line" in found.left_out[0]
    assert "nothing is left of line" in capsys.readouterr().err


def test_what_restores_nothing_or_would_destroy_is_refused(restorer, lines, tmp_path):
    corpus = make_lines(tmp_path / "images", 2)
    with pytest.raises(ValueError, match=r"holds the damaged lines, which would be overwritten; choose another folder"):
        restore(restorer, corpus, tmp_path, device="cpu")
    assert not (tmp_path / "restoration.json").exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/restoration.json").write_text('{"model": "another"}')
    with pytest.raises(
        ValueError, match=r"holds what was made in another way \(corpus, model differ\); remove it or choose another"
    ):
        restore(restorer, lines, tmp_path / "other", device="cpu")
    restore(restorer, lines, tmp_path / "ours", device="cpu")
    with pytest.raises(ValueError, match=r"\(corpus differ\)"):  # or lines of the same names would pass for done
        restore(restorer, corpus, tmp_path / "ours", device="cpu")
    options = line_settings(training__steps=1)[1::2]
    other = train("small-handwriting", lines, tmp_path / "decoder", options, device="cpu")
    with pytest.raises(
        ExperimentError, match=r"learned by 'reconstruction', not to restore; train by restore-handwriting"
    ):
        restore(other, lines, tmp_path / "out", device="cpu")
    with pytest.raises(CorpusError, match="they are recordings, and line images are wanted"):
        restore(restorer, make_corpus(tmp_path / "speech", 2), tmp_path / "out", device="cpu")


def test_intervals_go_where_their_columns_go():
    line = Utterance(
        "a", "a.png", None, 30, height=60, alignment={"tier": [Interval(0, 10, "x"), Interval(10, 11, "y")]}
    )
    assert scaled(line, 10).alignment == {"tier": [Interval(0, 3, "x"), Interval(3, 4, "y")]}
    assert scaled(line, 3).alignment == {"tier": [Interval(0, 1, "x")]} and scaled(line, 3).ticks == 3


# What restored lines are worth


def test_psnr_is_of_the_mean_squared_error():
    original = np.linspace(0, 1, 60, dtype=np.float32).reshape(12, 5)
    assert psnr(original, original) == np.inf
    assert psnr(original + 0.1, original) == pytest.approx(20)
    assert psnr(np.where(np.arange(60).reshape(12, 5) % 4 == 0, original + 0.2, original), original) == pytest.approx(
        20
    )
    with pytest.raises(ValueError, match=r"pictures of one size can be compared, not \(12, 5\) and \(5, 12\)"):
        psnr(original, original.T)


def test_ssim_is_that_of_every_window():
    """From the definition, window by window."""
    draw = np.random.default_rng(0)
    a = draw.uniform(size=(17, 13))
    b = np.clip(a + 0.3 * draw.standard_normal(a.shape), 0, 1)
    weights = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    weights = np.outer(weights, weights) / weights.sum() ** 2
    found = []
    for column in range(17 - 10):
        for row in range(13 - 10):
            x, y = (each[column : column + 11, row : row + 11] for each in (a, b))
            means = (weights * x).sum(), (weights * y).sum()
            of_x, of_y = (weights * (x - means[0]) ** 2).sum(), (weights * (y - means[1]) ** 2).sum()
            both = (weights * (x - means[0]) * (y - means[1])).sum()
            luminance = (2 * means[0] * means[1] + 1e-4) / (means[0] ** 2 + means[1] ** 2 + 1e-4)
            found.append(luminance * (2 * both + 9e-4) / (of_x + of_y + 9e-4))
    assert ssim(a, b) == pytest.approx(np.mean(found), abs=1e-12)
    assert ssim(a, a) == 1 and ssim(a, b) == pytest.approx(ssim(b, a), abs=1e-12) and ssim(a, 1 - a) < 0
    with pytest.raises(ValueError, match="SSIM needs 11 columns and rows, not 17 and 10"):
        ssim(a[:, :10], b[:, :10])


def script(name: str):
    return runpy.run_path(str(EVAL / f"{name}.py"))


def test_damaged_lines_are_written_and_judged(lines, tmp_path, capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(EVAL))
    damage = script("damage_lines")["main"]
    for folder in ("one", "two"):
        damage([str(lines), str(tmp_path / folder), "--blots", "2", "--bleed", "0.5", "--grain", "0.1"])
    one, two = tree(tmp_path / "one"), tree(tmp_path / "two")
    assert one == two and len(one) == 13
    clean, damaged = listed(lines), listed(tmp_path / "one/lines.jsonl")
    assert [replace(line, path="") for line in damaged] == [replace(line, path="") for line in clean]
    damage([str(lines), str(tmp_path / "other"), "--blots", "2", "--bleed", "0.5", "--grain", "0.1", "--seed", "1"])
    assert tree(tmp_path / "other")["images/line00.png"] != one["images/line00.png"]
    again = tmp_path / "same"
    write_manifest(again / "restored.jsonl", clean)
    judge, picture = script("restored_lines")["main"], tmp_path / "p.png"
    capsys.readouterr()
    found = judge(
        [str(lines), str(tmp_path / "one/lines.jsonl"), str(again), "--height", "16", "--picture", str(picture)]
    )
    assert list(found) == ["damaged", "median", "binarised", "same", "clean"]
    assert found["same"] == found["clean"] == {"PSNR": np.inf, "SSIM": 1.0}
    assert found["damaged"]["PSNR"] < 25 and found["damaged"]["SSIM"] < 0.98
    assert "| damaged | " in capsys.readouterr().out and read_image(picture).shape[0] > 3 * 4 * 16
    coarse = judge([str(lines), str(tmp_path / "one/lines.jsonl"), "--height", "16", "--coarse", "2"])
    assert coarse["bicubic"]["PSNR"] > 10 and set(coarse) == {"damaged", "median", "binarised", "bicubic", "clean"}


def test_paper_is_divided_away_and_specks_go():
    binarised = script("restored_lines")["binarised"]
    ink = np.linspace(0.1, 0.5, 80)[:, None].repeat(24, 1)
    ink[20:24, 4:20] = ink[60:64, 4:20] = 0.95
    ink[40, 12] = 0.9
    made = binarised(ink.astype(np.float32))
    assert set(np.unique(made)) == {0.0, 1.0}
    assert made[20:24, 6:18].all() and made[60:64, 6:18].all() and made.sum() < 2.5 * 4 * 16


@pytest.mark.parametrize(
    "arguments,message",
    [
        ([], r"give one or more of --fading, --bleed, --blots, --holes, --coarse, --grain, above 0"),
        (["--bleed", "2"], "bleed must be 1 or less"),
        (["--grain", "-1"], "above 0"),
        (["--blots", "1", "--seed", "-1"], "--seed must be 0 or more, not -1"),
    ],
)
def test_damage_that_is_none_is_refused(arguments, message, lines, tmp_path, capsys):
    with pytest.raises(SystemExit):
        script("damage_lines")["main"]([str(lines), str(tmp_path), *arguments])
    assert message in capsys.readouterr().err


def test_lists_of_lines_are_not_overwritten(lines, capsys):
    before = lines.read_bytes()
    with pytest.raises(SystemExit):
        script("damage_lines")["main"]([str(lines), str(lines.parent), "--blots", "1"])
    assert "which would be overwritten" in capsys.readouterr().err and lines.read_bytes() == before
    with pytest.raises(SystemExit, match="SSIM needs 11 columns and rows"):
        script("restored_lines")["main"]([str(lines), str(lines), "--height", "8"])
