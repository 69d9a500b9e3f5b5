"""The vocoder: spectra by their definition, who learns from which loss, padding, refusals, and waves of full length."""

import math
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
import torch
from parallel_training import SPEAKERS, batch_of, settings
from tiny import as_arguments, listed, make_corpus
from torch import nn

from unitdisc.corpus import Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.data.targets import WaveTarget
from unitdisc.decoders.spectra import FAINT, SpectralDistance, Spectrum, mel_bins
from unitdisc.decoders.vocoder import Vocoder, samples_of_a_frame
from unitdisc.experiment import Experiment, config
from unitdisc.model import UnitModel
from unitdisc.objectives.vocoding import Vocoding
from unitdisc.objectives.wave_critics import WaveCritics, unlike
from unitdisc.training.distributed import StepPart, computing
from unitdisc.training.validation import evaluate

pytest_plugins = ["tiny_fixtures"]

SMALL = {  # of a model of waves
    "features.kind": "log-mel",
    "features.normalise": "global",
    "encoder.kind": "identity",
    "encoder.stride": 1,
    "bottleneck.kind": "linear",
    "bottleneck.dim": 8,
    "decoder.kind": "vocoder",
    "decoder.channels": 8,
    "decoder.layers": 1,
    "objective.kind": "vocoder",
    "objective.critic_channels": 2,
    "training.steps": 2,
    "training.batch_size": 2,
    "training.crop": 16,
    "training.valid_every": 2,
    "training.checkpoint_every": 2,
    "training.log_every": 1,
}


def waves(items: int = 2, size: int = 800) -> torch.Tensor:
    return torch.randn(items, size, dtype=torch.double, generator=torch.Generator().manual_seed(1)) / 10


@pytest.fixture(scope="module")
def model() -> tuple[Experiment, UnitModel]:
    options = settings("vocoder")
    options["objective"] |= {"adversary_from": 0, "critic_every": 1}
    experiment = Experiment(options, SPEAKERS, {})
    torch.manual_seed(0)
    return experiment, experiment.build().double()


def moved(model: UnitModel) -> set[str]:
    """The parts of a model that a gradient has reached."""
    found = {name for name, weight in model.named_parameters() if weight.grad is not None and weight.grad.any()}
    return {"critics" if "critics" in name else name.partition(".")[0] for name in found}


# Spectra


def test_a_spectrum_is_that_of_its_definition():
    """Window t lies around sample (t + 1/2) * hop, among zeros; noise of variance v has power v."""
    spectrum, wave = Spectrum(64), waves(1, 100)
    found = spectrum(wave)[0]
    padded = torch.cat([torch.zeros(200).double(), wave[0], torch.zeros(200).double()])
    assert len(found) == 7
    for window in (0, 3, 6):
        first = 200 + window * 16 + 8 - 32
        expected = torch.fft.rfft(padded[first : first + 64] * spectrum.shape.double()).abs().square()
        torch.testing.assert_close(found[window], expected)
    assert Spectrum(256)(waves(1, 80_000)).mean().item() == pytest.approx(0.01, rel=0.03)


@pytest.mark.parametrize("rate,window", [(16_000, 128), (16_000, 1024), (8_000, 64), (1_600, 16)])
def test_mel_bins_take_means_and_leave_nothing_out(rate, window):
    bins = mel_bins(rate, window)
    torch.testing.assert_close(bins.sum(0), torch.ones(bins.shape[1]))
    assert (bins.sum(1) > 0)[1:-1].all()
    assert (bins.argmax(0).diff() >= 0).all()


def test_distance_is_of_amplitudes_in_nats_and_deaf_to_phases():
    distance, wave = SpectralDistance(16_000), waves()
    assert distance(wave, wave).shape == (2, 800) and not distance(wave, wave).any()
    torch.testing.assert_close(distance(3 * wave, wave).mean().item(), math.log(3), rtol=1e-3, atol=0)
    torch.testing.assert_close(distance(-wave, wave), torch.zeros(2, 800).double())
    silent = distance(0 * wave, 0 * wave + 1e-9)
    assert silent.max() < 1e-6 and FAINT == 1e-8
    assert distance(0 * wave, wave).mean() > 5  # and the gradient from silence on is not 0
    faint = (1e-6 * wave).requires_grad_()
    distance(faint, wave).mean().backward()
    assert faint.grad.abs().max() > 0


# The decoder


def test_frames_that_a_wave_was_cut_into_add_up_to_it():
    decoder, wave = Vocoder(3, 1, hop=20), waves(2, 200)
    framed = nn.functional.pad(wave, (30, 30)).unfold(1, 80, 20) * decoder.shape.double()
    inside = torch.ones(2, 10, 1).double()
    torch.testing.assert_close(decoder.added_up(torch.fft.rfft(framed), inside), wave)


@pytest.mark.parametrize(
    "rate,hop,expected", [(16_000, 160, 160), (16_000, 320, 160), (8_000, 80, 80), (16_000, 200, 100), (16_000, 1, 1)]
)
def test_frames_are_of_ten_milliseconds_or_less(rate, hop, expected):
    assert samples_of_a_frame(rate, hop) == expected
    assert (
        Vocoder(3, 1, rate=rate, hop=hop, channels=4, layers=1).wave(torch.randn(1, 3, 3), 3 * hop).shape[1] == 3 * hop
    )


def test_a_condition_that_holds_for_part_of_a_frame_is_refused():
    with pytest.raises(ValueError, match=r"80 samples of a condition are no multiple of the 160 of a frame"):
        Vocoder(3, 1, channels=4, layers=1).wave(torch.randn(1, 4, 3), 320)


def test_what_is_told_of_a_wave_does_not_depend_on_the_padding_beside_it():
    """Nor is there any sound in it."""
    torch.manual_seed(0)
    decoder, condition = Vocoder(3, 1, hop=20, channels=8, layers=3).double(), torch.randn(2, 12, 3).double()
    together = decoder.wave(condition, 240, torch.tensor([240, 125]))
    torch.testing.assert_close(together[1, :125], decoder.wave(condition[1:, :7], 140, torch.tensor([125]))[0, :125])
    assert not together[1, 125:].any() and together[1, 124] != 0


def test_a_target_has_a_sample_for_every_one_of_its_frames():
    target = WaveTarget(16_000, 160)
    for ticks in (800, 879, 880):
        wave = waves(1, ticks)[0].numpy()
        found = target(wave)
        assert found.dtype == "float32" and len(found) == 160 * ((ticks + 80) // 160)
        assert target.to_audio(9 * found).max() <= 1
    assert (found[:880] == wave.astype("float32")).all() and not found[880:].any()


# Critics


def test_critics_hear_nothing_of_the_padding():
    torch.manual_seed(0)
    critics, wave = WaveCritics(2).double(), waves(2, 1500)
    wave[1, 700:] = 0
    together, alone = critics(wave, torch.tensor([1500, 700])), critics(wave[1:, :700], torch.tensor([700]))
    assert len(together) == 8
    for one, other in zip(together, alone):
        torch.testing.assert_close(one.mean(one.scores)[1], other.mean(other.scores)[0])
    for one, other in zip(unlike(together, critics(wave / 2, torch.tensor([1500, 700]))), unlike(alone, alone)):
        assert (one > 0).all() and not other.any()


def test_who_learns_from_which_loss(model):
    experiment, built = model
    batch = batch_of(0, experiment, built.encoder.stride)
    model_parts = {"encoder", "bottleneck", "conditioner", "decoder"}
    expected = dict.fromkeys(("reconstruction", "adversary", "matching"), model_parts)
    expected["critic"] = {"critics"}
    for name, parts in expected.items():
        built.zero_grad(set_to_none=True)
        built.train()(batch).losses[name].backward()
        assert moved(built) == parts, name


def test_what_lies_in_the_padding_of_a_target_changes_no_loss(model):
    experiment, built = model
    batch = batch_of(0, experiment, built.encoder.stride)
    assert not batch.target_mask.all()
    other = replace(batch, target=torch.where(batch.target_mask, batch.target, 3.0))
    torch.testing.assert_close(built.eval()(other).losses, built(batch).losses, rtol=0, atol=0)


def test_losses_by_hand(model):
    """Hinge: what is heard as real is above 1 nowhere, as made below -1 nowhere; means over critics, then items."""
    _, built = model
    built.train()
    objective, real, made, lengths = built.objective, waves(8, 320), waves(8, 320).flip(0), torch.full((8,), 320)
    found = objective.contested(real, made, lengths)
    scores = [[each.scores.flatten(1) for each in objective.critics(side, lengths)] for side in (real, made)]
    learning = [(1 - r).relu().mean() + (1 + m).relu().mean() for r, m in zip(*scores)]
    torch.testing.assert_close(found.losses["critic"], sum(learning) / 8)
    torch.testing.assert_close(found.losses["adversary"], -0.05 * sum(m.mean() for m in scores[1]) / 8)
    assert found.metrics["critic_doubt"] == found.losses["critic"] / 2
    same = objective.contested(real, real, lengths)
    assert same.losses["matching"] == 0 and same.metrics["critic_right"] == 0.5


def test_critics_hear_one_item_in_so_many(model):
    _, built = model
    built.train()
    objective, real, made, lengths = built.objective, waves(8, 320), waves(8, 320).flip(0), torch.full((8,), 320)
    some = objective.contested(real[::3], made[::3], lengths[::3]).losses
    objective.critic_every = 3
    try:
        torch.testing.assert_close(objective.contested(real, made, lengths).losses, some)
        parts = []
        for part in range(4):
            mine = slice(2 * part, 2 * part + 2)
            with computing(StepPart(part, 4)):
                parts.append(objective.contested(real[mine], made[mine], lengths[mine]))
        assert not any(parts[2].losses.values()) and parts[2].metrics["critic_right"] == 0.5  # of items 4 and 5
        mean = {name: sum(each.losses[name] for each in parts) / 4 for name in some}
        torch.testing.assert_close(mean, some)
    finally:
        objective.critic_every = 1


def test_critics_wait_until_they_are_wanted(model):
    experiment, built = model
    batch, objective = batch_of(0, experiment, built.encoder.stride), built.objective
    objective.steps.zero_()
    objective.adversary_from = 1
    try:
        first, second = built.train()(batch).losses, built(batch).losses
    finally:
        objective.adversary_from = 0
    assert first.keys() == {"reconstruction", "critic"} and first["critic"] == 0
    assert second.keys() == {"reconstruction", "adversary", "matching", "critic"} and objective.steps == 2


def test_held_out_waves_are_judged_by_their_spectra(model):
    experiment, built = model
    batch, state = batch_of(0, experiment, built.encoder.stride), torch.get_rng_state()
    found = evaluate(built.eval(), [batch])
    assert found.losses.keys() == {"reconstruction"} and torch.equal(torch.get_rng_state(), state)
    assert {"latent_gap", "critic_right", "critic_doubt"} <= found.metrics.keys()
    assert evaluate(built, [batch]) == found
    alone = Vocoding(adversary=0, matching=0)
    assert alone.critics is None and list(alone.players()) == ["model"]


@pytest.mark.parametrize(
    "options,why",
    [
        ({"adversarial_loss": "wasserstein"}, "grow without end where no penalty bounds"),
        ({"adversarial_loss": "lsgan"}, "loss must be one of"),
        (
            {"critic_channels": 0},
            "critic_channels and critic_every must be 1 or more, and critic_learning_rate above 0",
        ),
        ({"critic_every": 0}, "critic_channels and critic_every must be 1 or more"),
        ({"critic_learning_rate": 0.0}, "critic_learning_rate above 0"),
    ],
)
def test_options_that_cannot_be(options, why):
    tables = settings("vocoder")
    with pytest.raises(config.ConfigError, match=why):
        Experiment(tables | {"objective": tables["objective"] | options}, SPEAKERS, {}).build()


def test_a_decoder_of_something_else_is_refused():
    tables = settings("vocoder") | {"decoder": {"kind": "frames", "channels": 8}, "target": {}}
    experiment = Experiment(tables, SPEAKERS, {})
    built = experiment.build().double()
    with pytest.raises(ValueError, match=r"teaches a decoder that tells waves: set decoder.kind to 'vocoder'"):
        built(batch_of(0, experiment, built.encoder.stride))


# Commands


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, Path]:
    """An experiment, and its corpus of recordings whose lengths are no multiples of a frame."""
    from unitdisc.api.train import train

    folder = tmp_path_factory.mktemp("vocoder")
    corpus = make_corpus(folder / "corpus", 4)
    train("small", corpus, folder / "exp", as_arguments(SMALL)[1::2], device="cpu")
    return folder / "exp", corpus


def test_every_recording_is_made_as_long_as_it_is_in_every_voice(trained, tmp_path, unitdisc):
    folder, corpus = trained
    voices = ("--speaker", "s0", "--speaker", "s1")
    assert unitdisc("resynthesise", folder, corpus, tmp_path / "out", *voices, "--device", "cpu").code == 0
    for utterance in listed(corpus):
        made = [soundfile.read(tmp_path / "out" / f"{utterance.id}--{voice}.wav") for voice in ("s0", "s1")]
        assert {(len(wave), rate) for wave, rate in made} == {(160 * ((utterance.ticks + 80) // 160), 16_000)}
        assert (made[0][0] != made[1][0]).any()


def test_there_are_no_bits(trained, unitdisc):
    done = unitdisc("likelihood", *trained, "--device", "cpu")
    assert done.code == 1 and "has no decoder that says how probable a target is, so there are no bits" in done.err


def test_a_corpus_is_made_again_by_griffin_lim_and_by_experiments(trained, tmp_path, capsys):
    main = runpy.run_path(str(Path(__file__).parent.parent / "benchmarks" / "vocoders.py"))["main"]
    folder, corpus = trained
    found = main(
        [str(corpus), str(tmp_path), "griffin-lim", str(folder), "--limit", "2", "--output", f"{tmp_path}/x.json"]
    )
    assert found.keys() == {"griffin-lim", "exp"} and all(row["x real time"] > 0 for row in found.values())
    for name in found:
        made = sorted(path.name for path in (tmp_path / name).iterdir())
        assert made == ["u00--s0.wav", "u01--s1.wav"]
        assert soundfile.info(tmp_path / name / made[0]).frames == 6400
    assert "| exp | " in capsys.readouterr().out
    write_manifest(tmp_path / "bad.jsonl", [Utterance("u", str(tmp_path / "no.wav"), "s", 6400, 16_000)])
    with pytest.raises(SystemExit, match=r"no\.wav"):
        main([str(tmp_path / "bad.jsonl"), str(tmp_path / "other"), "griffin-lim"])
    with pytest.raises(SystemExit):
        main([str(corpus), str(tmp_path), str(folder), str(folder)])
