"""Conversion without pairs: the objective, its networks and its critic; and the verb."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from parallel_training import SPEAKERS, batch_of, settings, trained
from tiny import line_settings, listed, make_corpus, make_lines, tree

from unitdisc.api.convert import convert, converted_inks
from unitdisc.api.resynthesise import refuse_unknown
from unitdisc.api.train import train
from unitdisc.corpus import CorpusError, scaled
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.manifest import write_manifest
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.encoders.conv2d import Conv2dEncoder
from unitdisc.experiment import Experiment, ExperimentError, config, load
from unitdisc.inference.textures import TextureOptions, batched, layers_of, restyled, texture_of, textures
from unitdisc.media.image import read_line
from unitdisc.objectives.conversion_networks import cells_in, leant, stretched
from unitdisc.training.collapse import alarms
from unitdisc.training.validation import evaluate

pytest_plugins = ["tiny_fixtures"]

TINY = ["features.height=16", "objective.channels=4", "objective.depth=1", "objective.critic_channels=4"]
TINY += ["training.batch_size=4", "training.crop=32", "training.checkpoint_every=2", "training.valid_every=2"]


def built(kind: str = "convert", speakers: list[str] = SPEAKERS, **options) -> tuple:
    """A model with its batch."""
    tables = settings(kind)
    tables["objective"] |= options
    experiment = Experiment(tables, speakers, {})
    torch.manual_seed(0)
    model = experiment.build().double()
    return model, batch_of(0, experiment, model.encoder.stride)


# The networks


def test_a_line_that_is_leant_has_its_upper_rows_further_right():
    line = torch.zeros(2, 40, 16).double()
    line[:, 20] = 1
    there = leant(line, torch.tensor([0.0, 1.0]).double())
    assert torch.equal(there[0], line[0])
    middle = (there[1] * torch.arange(40)[:, None]).sum(0) / there[1].sum(0)
    torch.testing.assert_close(middle, 20 + 7.5 - torch.arange(16).double())
    torch.testing.assert_close(there[1].sum(0), torch.ones(16).double())


def test_a_line_that_is_stretched_is_so_about_its_middle():
    line = torch.zeros(3, 2, 16).double()
    line[:, :, 6:10] = 1
    as_is, taller, lower = stretched(line, torch.tensor([0, 0.4, 0]).double(), torch.tensor([0, 0, 0.25]).double())
    assert torch.equal(as_is, line[0])
    assert taller[0].sum() == pytest.approx(4 * np.exp(0.4), abs=0.1) and torch.allclose(taller, taller.flip(1))
    assert lower[0].nonzero()[:, 0].tolist() == [10, 11, 12, 13]  # rows count downwards


def test_the_posture_learns_through_both():
    line = torch.rand(1, 6, 8, generator=torch.Generator().manual_seed(0)).double()
    numbers = [torch.tensor([value]).double().requires_grad_() for value in (0.11, 0.07, 0.23)]
    assert torch.autograd.gradcheck(lambda tall, shift, slope: leant(stretched(line, tall, shift), slope), numbers)


def test_cells_count_that_lie_in_the_line_by_half():
    lengths = torch.tensor([0, 3, 4, 11, 12, 16])
    assert cells_in(torch.arange(18) < lengths[:, None]).sum(1).tolist() == [0, 0, 1, 1, 2, 2]


# The objective


def test_conversion_begins_with_lines_as_they_are():
    model, batch = built(posture=False)
    lines, mask = batch.features[:, :16], batch.target_mask[:, :16]
    made = model.objective.converted(lines, 1 - batch.speakers, mask)
    expected = (3 * (2 * lines - 1)).sigmoid() * mask[..., None]
    assert (made - expected).abs().max() < 0.1


def test_who_is_told_matters_and_what_is_beside_a_line_does_not():
    model, _ = built()
    lines = [np.random.default_rng(size).uniform(size=(size, 16)).astype(np.float32) for size in (30, 21, 44, 4)]
    model.eval().float()
    together = converted_inks(model, 0, lines)
    for line, found, other in zip(lines, together, converted_inks(model, 1, lines), strict=True):
        (alone,) = converted_inks(model, 0, [line])
        assert found.shape == line.shape and 0 <= found.min() <= found.max() <= 1
        np.testing.assert_allclose(found, alone, atol=1e-5)
        assert np.abs(found - other).max() > 1e-4


@pytest.mark.parametrize("loss", ["non-saturating", "hinge", "wasserstein"])
def test_writer_and_critic_move_only_themselves(loss):
    model, batch = built(adversarial_loss=loss, penalty="r1")
    losses = model(batch).losses
    assert losses.keys() == {"cycle", "identity", "adversary", "critic", "penalty"}
    players = model.players()
    assert {id(weight) for weight in players["critic"].weights} == {id(w) for w in model.objective.critic.parameters()}
    for name, value in losses.items():
        moved = [
            any(
                slope is not None and bool(slope.any())
                for slope in torch.autograd.grad(value, player.weights, retain_graph=True, allow_unused=True)
            )
            for player in (players["model"], players["critic"])
        ]
        assert moved == [name not in ("critic", "penalty"), name in ("critic", "penalty")], name


def test_everybody_is_somebody_else_and_each_as_often():
    model, _ = built(speakers=["a", "b", "c", "d"])
    own = torch.arange(4).repeat_interleave(300)
    others = model.objective.others(own, torch.linspace(0, 1, 301)[:300].repeat(4))
    assert [torch.bincount(others[own == one], minlength=4).tolist() for one in range(4)] == [
        [100 * (one != other) for other in range(4)] for one in range(4)
    ]


def test_losses_by_hand():
    """Hinge, of one line: real as its own, made and real as the other's."""
    model, batch = built()
    one = replace(batch.split(8)[0], starts=torch.zeros(1, dtype=torch.long))
    maker, mask = model.objective, one.target_mask
    lines = one.features[:, : one.target_frames] * mask[..., None]
    made = maker.converted(lines, 1 - one.speakers, mask)
    cells = cells_in(mask)[0]
    (real, fake), own = (maker.critic(each, mask)[0][cells] for each in (lines, made)), int(one.speakers)
    found = model(one).losses
    critic = (1 - real[:, own]).relu() + ((1 + fake[:, 1 - own]).relu() + (1 + real[:, 1 - own]).relu()) / 2
    torch.testing.assert_close(found["critic"], critic.mean())
    torch.testing.assert_close(found["adversary"], -0.3 * fake[:, 1 - own].mean())
    again = maker.logits(made, one.speakers, mask)
    nats = torch.nn.functional.binary_cross_entropy_with_logits(again, lines, reduction="none")
    nats = nats - torch.special.entr(lines) - torch.special.entr(1 - lines)
    torch.testing.assert_close(found["cycle"], nats[mask].mean())


def test_lines_by_nobody_count_for_nothing():
    model, batch = built(penalty="r1")
    unknown = replace(batch, speakers=torch.where(torch.arange(8) < 4, batch.speakers, -1))
    torch.manual_seed(1)
    found = model(unknown).losses
    changed = torch.where((torch.arange(8) < 4)[:, None, None], batch.features, 1 - batch.features)
    torch.manual_seed(1)
    torch.testing.assert_close(model(replace(unknown, features=changed)).losses, found)
    torch.manual_seed(1)
    assert model(replace(batch, features=changed)).losses["cycle"] != found["cycle"]
    nobody = model(replace(batch, speakers=torch.full((8,), -1))).losses
    assert all(float(loss.detach()) == 0 for loss in nobody.values())


def test_a_stopped_conversion_goes_on_and_parts_are_the_whole(tmp_path):
    """The first to the same bits, both players with it."""
    experiment = Experiment(settings("convert"), SPEAKERS, {})
    whole = trained(experiment, tmp_path / "whole").model.state_dict()
    parts = trained(experiment, tmp_path / "parts", 4).model.state_dict()
    trained(experiment, tmp_path / "stopped", steps=3)
    torch.manual_seed(9)
    resumed = trained(experiment, tmp_path / "stopped").model.state_dict()
    for name, weight in whole.items():
        assert torch.equal(resumed[name], weight), name
        torch.testing.assert_close(parts[name], weight, rtol=1e-6, atol=1e-9, msg=name)


def test_validation_is_the_same_every_time_and_tells_whether_hands_are_heard():
    model, batch = built()
    state = torch.get_rng_state()
    found = evaluate(model.eval(), [batch])
    assert torch.equal(torch.get_rng_state(), state) and evaluate(model, [batch]) == found
    assert found.losses.keys() == {"cycle", "identity", "adversary", "critic"}
    assert found.metrics.keys() == {"changed", "critic_doubt", "hands_apart"}
    with torch.no_grad():
        for weight in model.objective.writer.parameters():
            weight.zero_()
    deaf = evaluate(model, [batch])
    assert deaf.metrics["hands_apart"] == 0
    (message,) = (said for name, said in alarms(deaf.metrics, None).items() if name == "ignored hands")
    assert message.startswith("Who is to have written a line changes nothing") and "Try more objective" in message
    assert "ignored hands" not in alarms(found.metrics | {"hands_apart": 0.5}, None)


@pytest.mark.parametrize(
    "options,message",
    [
        ({"penalty": "gradient"}, r"between a real and a made line, which here are by two scribes; set"),
        ({"critic_rate": 0.0}, r"critic_rate must be above 0, not 0\.0"),
    ],
)
def test_conversions_that_cannot_be(options, message):
    tables = settings("convert")
    with pytest.raises(config.ConfigError, match=message):
        Experiment(tables | {"objective": tables["objective"] | options}, SPEAKERS, {}).build()


def test_what_would_learn_nothing_is_refused():
    tables = settings("convert")
    with pytest.raises(
        config.ConfigError, match=r"makes features in .0, 1.: of line images set features\.kind to 'columns'"
    ):
        Experiment(tables | {"features": {"kind": "log-mel"}}, SPEAKERS, {}).build()
    experiment = Experiment(tables | {"bottleneck": {"kind": "linear", "dim": 8}}, SPEAKERS, {})
    with pytest.raises(ValueError, match=r"'convert' teaches encoder and bottleneck nothing: set encoder\.kind to"):
        experiment.build().double()(batch_of(0, experiment, 4))


# The verb


@pytest.fixture(scope="module")
def lines(tmp_path_factory) -> Path:
    return make_lines(tmp_path_factory.mktemp("lines"))


@pytest.fixture(scope="module")
def converter(lines, tmp_path_factory) -> Path:
    """One that has learned next to nothing."""
    folder = tmp_path_factory.mktemp("converter") / "experiment"
    return train("convert-handwriting", lines, folder, [*TINY, "training.steps=4"], device="cpu")


def test_converted_lines_keep_all_that_is_known_of_them(converter, lines, tmp_path, unitdisc):
    options = ("--speaker", "w1", "--speaker", "w0", "--device", "cpu")
    done = unitdisc("convert", converter, lines, tmp_path / "out", *options)
    assert done.code == 0 and done.out == f"{tmp_path / 'out/converted.jsonl'}\n", done.err
    before, after = listed(lines), listed(tmp_path / "out/converted.jsonl")
    asked = [(line, hand) for line in before for hand in ("w0", "w1")]
    assert [(line.id, line.speaker) for line in after] == [(f"{line.id}--{hand}", hand) for line, hand in asked]
    for (one, _), again in zip(asked, after, strict=True):
        assert (again.text, again.height, again.ticks) == (one.text, 16, one.columns_at(16))
        assert again.alignment == scaled(one, again.ticks).alignment
    _, model = load(converter)
    ink = ColumnFeatures(height=16, polarity="dark").signal(before[0]).astype(np.float32)
    assert np.abs(read_line(after[1]) - converted_inks(model, 1, [ink])[0]).max() < 0.01
    rows = [json.loads(row) for row in (converter / "log.jsonl").read_text().splitlines()]
    (valid, *_) = (row["metrics"] for row in rows if row["split"] == "valid")
    assert valid.keys() == {"changed", "critic_doubt", "hands_apart"}  # there are no latents that could collapse


def test_an_interrupted_run_is_completed_and_more_hands_are_added(converter, lines, tmp_path):
    whole = convert(converter, lines, tmp_path / "out", speakers=["w0", "w1", "w0"], device="cpu")
    assert whole.utterances == 24 and not whole.left_out
    files = tree(tmp_path / "out")
    convert(converter, lines, tmp_path / "again", speakers=["w0"], device="cpu")
    (tmp_path / "again/images/line03--w0.png").unlink()
    convert(converter, lines, tmp_path / "again", speakers=["w0", "w1"], device="cpu")
    again = tree(tmp_path / "again")
    assert again.pop("converted.jsonl") and files.pop("converted.jsonl") and again == files


def test_what_cannot_be_converted_is_refused(converter, lines, tmp_path, unitdisc):
    done = unitdisc("convert", converter, lines, tmp_path / "out")
    assert (
        done.code == 1
        and f"--speaker is missing: name a scribe or speaker; `unitdisc inspect {converter} --speakers` lists"
        in done.err
    )
    done = unitdisc("convert", converter, lines, tmp_path / "out", "--speaker", "nobody")
    assert done.code == 1 and "knows no speaker ['nobody']" in done.err
    done = unitdisc("convert", converter, lines, tmp_path / "out", "--speaker", "w0", "--steps", 3)
    assert done.code == 1 and "--steps is of --texture, and changes nothing without it; leave it out" in done.err
    alike = SimpleNamespace(speakers=["a/b", "a_b"])
    with pytest.raises(ExperimentError, match=r"speakers 'a/b' and 'a_b' would be written into the same files"):
        refuse_unknown(alike.speakers, converter, alike)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "images").write_text("")
    done = unitdisc("convert", converter, lines, tmp_path / "full", "--speaker", "w0")
    assert done.code == 1 and f"{tmp_path / 'full' / 'images'}: is a file" in done.err
    other = train(
        "small-handwriting", lines, tmp_path / "decoder", line_settings(training__steps=1)[1::2], device="cpu"
    )
    with pytest.raises(
        ExperimentError, match=r"learned by 'reconstruction', not to convert; train by convert-handwriting or"
    ):
        convert(other, lines, tmp_path / "out", speakers=["w0"], device="cpu")
    with pytest.raises(CorpusError, match="they are recordings, and line images are wanted"):
        convert(converter, make_corpus(tmp_path / "speech", 2), tmp_path / "out", speakers=["w0"], device="cpu")
    alone = [replace(line, speaker="w0") for line in listed(lines)]
    write_manifest(tmp_path / "alone.jsonl", alone)
    with pytest.raises(config.ConfigError, match=r"'convert' takes two scribes, or speakers, and the corpus"):
        train("convert-handwriting", tmp_path / "alone.jsonl", tmp_path / "one", TINY, device="cpu")
    convert(converter, lines, tmp_path / "ours", speakers=["w0"], device="cpu")
    corpus = make_lines(tmp_path / "corpus", 2)
    with pytest.raises(ValueError, match=r"holds what was made in another way \(corpus differ\)"):
        convert(converter, corpus, tmp_path / "ours", speakers=["w0"], device="cpu")
    with pytest.raises(ValueError, match="holds the originals, which would be overwritten; choose another folder"):
        convert(converter, tmp_path / "ours/converted.jsonl", tmp_path / "ours", speakers=["w0"], device="cpu")


def test_bad_lines_are_said_and_left_out(converter, tmp_path, unitdisc):
    corpus = make_lines(tmp_path / "corpus", 3)
    broken = Path(listed(corpus)[1].path)
    broken.write_bytes(broken.read_bytes()[:60])
    options = ("--speaker", "w0", "--device", "cpu")
    done = unitdisc("convert", converter, corpus, tmp_path / "out", *options)
    assert done.code == 0 and "line01.png: " in done.err and "1 left out, 2 kept" in done.err
    with pytest.raises(CorpusError, match=r"line01\.png"):
        access = CorpusAccess(strict=True)
        convert(converter, corpus, tmp_path / "strict", speakers=["w0"], access=access, device="cpu")


# By texture


@pytest.fixture(scope="module")
def encoder() -> Conv2dEncoder:
    torch.manual_seed(0)
    return Conv2dEncoder(16, [4, 6, 8], stride=2, norm="none").requires_grad_(False)


def bars(width: int, number: int = 5) -> np.ndarray:
    ink = np.zeros((12 * number, 16), dtype=np.float32)
    for place in range(number):
        ink[12 * place + 2 : 12 * place + 2 + width, 3:13] = 0.9
    return ink


def test_textures_are_means_over_places_whatever_is_beside(encoder):
    lines = [bars(3), bars(6, 3)]
    together = textures(*layers_of(encoder, *batched(encoder, lines)))
    for place, line in enumerate(lines):
        layers, masks = layers_of(encoder, *batched(encoder, [line]))
        assert [layer.shape[-1] for layer in layers] == [4, 6]
        for layer, alone, found in zip(layers, textures(layers, masks), together, strict=True):
            pixels = layer[0].flatten(0, 1)
            torch.testing.assert_close(alone[0], pixels.T @ pixels / len(pixels))
            torch.testing.assert_close(found[place], alone[0])


def test_thin_bars_become_broader_in_the_texture_of_broad_ones(encoder):
    wanted, thin = texture_of(encoder, [bars(7)]), [bars(2), bars(2, 3)]
    made = restyled(encoder, wanted, TextureOptions(steps=30, content=0.1), thin)
    same = restyled(encoder, wanted, TextureOptions(steps=30, content=1e6), thin)
    (alone,) = restyled(encoder, wanted, TextureOptions(steps=30, content=0.1), thin[1:])
    np.testing.assert_allclose(alone, made[1], atol=1e-3)
    for before, after, kept in zip(thin, made, same, strict=True):
        assert after.shape == before.shape and 0 <= after.min() <= after.max() <= 1
        assert after.mean() > 1.3 * before.mean()
        assert np.abs(kept - before).mean() < 0.5 * np.abs(after - before).mean()


def test_lines_are_converted_by_texture(converter, lines, tmp_path, unitdisc):
    options = line_settings(training__steps=1)[1::2]
    experiment = train("small-handwriting", lines, tmp_path / "units", options, device="cpu")
    asked = ("--speaker", "w1", "--texture", lines, "--steps", 2, "--lines", 2, "--device", "cpu")
    done = unitdisc("convert", experiment, lines, tmp_path / "out", *asked)
    assert done.code == 0, done.err
    after = listed(tmp_path / "out/converted.jsonl")
    assert [line.id for line in after] == [f"{line.id}--w1" for line in listed(lines)]
    again = unitdisc("convert", experiment, lines, tmp_path / "out", *asked[:4], "--steps", 3)
    assert again.code == 1 and "holds what was made in another way (lines, looked_at, steps differ)" in again.err
    manifest = lines.read_text()
    try:  # the corpus lies where it lay, and what is seen of it is not what was
        write_manifest(
            lines,
            [replace(line, speaker={"w1": "w2", "w2": "w1"}.get(line.speaker, line.speaker)) for line in listed(lines)],
        )
        changed = unitdisc("convert", experiment, lines, tmp_path / "out", *asked)
        assert changed.code == 1 and "holds what was made in another way (looked_at differ" in changed.err
    finally:
        lines.write_text(manifest)
    nobody = unitdisc("convert", experiment, lines, tmp_path / "none", "--speaker", "w9", "--texture", lines)
    assert nobody.code == 1 and "has no line by 'w9', whose texture is wanted; it has ['w0', 'w1', 'w2']" in nobody.err
    other = unitdisc("convert", converter, lines, tmp_path / "none", "--speaker", "w1", "--texture", lines)
    assert other.code == 1 and "textures are told by an encoder of the kind 'conv2d' that reads ink" in other.err
    for wrong, why in (
        ({"steps": 0}, "`lines` and `steps` must be 1 or more"),
        ({"content": -1}, "`content` must be 0"),
    ):
        with pytest.raises(ValueError, match=why):
            TextureOptions(**wrong)
