"""Line images from the manifest to units, likelihoods and lines written again."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import line_settings, listed, make_corpus, make_lines, settings, tree

from unitdisc.api.resynthesise import Drawing, items_of
from unitdisc.api.train import train
from unitdisc.corpus import CorpusError, Utterance, labels_at
from unitdisc.corpus.manifest import write_manifest
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.cache import DiskCache
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.data.signals import Signals
from unitdisc.data.targets import GreyTarget
from unitdisc.decoders import ColumnWaveNet
from unitdisc.decoders.base import LikelihoodDecoder
from unitdisc.encodings import Encodings
from unitdisc.experiment import Experiment, config, load
from unitdisc.experiment.config import ConfigError
from unitdisc.exports.units import read_units
from unitdisc.inference.likelihood import LikelihoodError, likelihood
from unitdisc.media.image import ImageError, read_image

pytest_plugins = ["tiny_fixtures"]


def line(ticks: int, height: int) -> Utterance:
    return Utterance("a", "a.png", "w", ticks, height=height)


# Columns


def test_a_line_has_a_height_and_no_rate():
    with pytest.raises(CorpusError, match="a line image has a positive height, a recording a rate"):
        Utterance("a", "a.png", "w", 10, 16_000, height=32)
    assert line(10, 32).is_image and not Utterance("a", "a.wav", "s", 10, 16_000).is_image


@pytest.mark.parametrize("ticks,height,frames", [(100, 32, 100), (100, 48, 67), (100, 16, 200), (1, 64, 1)])
def test_a_line_has_as_many_frames_as_columns_at_the_height(ticks, height, frames):
    columns = ColumnFeatures(height=32)
    assert columns.frames_in(line(ticks, height)) == frames
    assert columns.scale(line(ticks, height)) == ticks / frames


def test_frames_are_the_columns_of_the_line(tiny_lines):
    columns = ColumnFeatures(height=16, polarity="dark", contrast=False)  # as the bars were drawn
    for utterance in listed(tiny_lines):
        frames = columns(columns.signal(utterance))
        assert frames.shape == (columns.frames_in(utterance), columns.dim) and frames.dtype == np.float32
        assert 0 <= frames.min() < 0.1 and 0.5 < frames.max() <= 1
        centres = (0.5 + np.arange(len(frames))) * columns.scale(utterance)
        labels = labels_at(utterance.alignment["character"], centres, "")
        ink = {label: frames[labels == label].sum(1).mean() for label in set(labels)}
        assert ink.pop("") < 1
        assert [label for label, _ in sorted(ink.items(), key=lambda item: item[1])] == sorted(ink)


def test_recordings_and_line_images_are_told_apart(tiny_lines, tmp_path):
    recording = listed(make_corpus(tmp_path / "speech", 1))[0]
    with pytest.raises(ImageError, match=r"u00 is no line image; set features.kind to that of recordings"):
        ColumnFeatures().signal(recording)
    with pytest.raises(CorpusError, match=r"line00 is a line image; set features.kind to 'columns'"):
        AcousticFeatures().signal(listed(tiny_lines)[0])


@pytest.mark.parametrize("options", [{"height": 4}, {"polarity": "up"}, {"normalise": "x"}, {"kind": "mfcc"}])
def test_wrong_options_are_refused(options):
    with pytest.raises(ValueError, match=str(next(iter(options.values())))):
        ColumnFeatures(**options)


# Levels of grey


@pytest.mark.parametrize("levels", [2, 4, 256])
def test_levels_stand_for_equally_wide_ranges(levels):
    ink = np.linspace(0, 1, 1001, dtype=np.float32)[:, None]
    target = GreyTarget(1, levels)
    found = target(ink)
    assert found[0, 0] == 0 and found[-1, 0] == levels - 1
    counts = np.bincount(found[:-1, 0], minlength=levels)
    assert counts.max() - counts.min() <= 2
    assert np.abs(target.to_image(found) - ink).max() <= 1 / levels + 1e-6
    np.testing.assert_array_equal(target(target.to_image(found)), found)


def test_wrong_numbers_of_levels_are_refused():
    with pytest.raises(ValueError, match="from 2 to 256, not 1"):
        GreyTarget(32, 1)


@pytest.mark.parametrize("kept", [False, True], ids=["files", "cache"])
def test_a_line_is_read_once_for_features_and_target(tiny_lines, tmp_path, monkeypatch, kept):
    line, cache = listed(tiny_lines)[0], tmp_path if kept else None
    signals = Signals.fitted(ColumnFeatures(height=16, normalise="global"), GreyTarget(16), [line], cache)
    features, target = signals.features_of(line), signals.target_of(line)
    read, looked_up = [], []
    signal, get = Signals.signal, DiskCache.get
    monkeypatch.setattr(Signals, "signal", lambda *arguments: read.append(1) or signal(*arguments))
    monkeypatch.setattr(DiskCache, "get", lambda *arguments: looked_up.append(1) or get(*arguments))
    both = signals.both_of(line)
    assert (len(read), len(looked_up)) == (not kept, 1)
    np.testing.assert_array_equal(both[0], features)
    np.testing.assert_array_equal(both[1], target)


# Training


def test_a_decoder_of_sounds_cannot_write():
    with pytest.raises(
        ConfigError, match=r"'wavenet' predicts recordings: .* choose one of \['columns', .*'pixelcnn'\]"
    ):
        Experiment({"features": {"kind": "columns"}, "decoder": {"kind": "wavenet"}}, ["w"], {}).build()
    with pytest.raises(ConfigError, match=r"'pixelcnn' predicts line images: set features.kind to 'columns'"):
        Experiment({"decoder": {"kind": "pixelcnn"}}, ["w"], {}).build()


@pytest.mark.parametrize("option", ["units_per_second", "units_per_100_columns"])
def test_units_are_counted_by_what_the_signal_has(option):
    images = option == "units_per_100_columns"
    tables = {"features": {"kind": "columns" if images else "mfcc"}, "bottleneck": {"kind": "piecewise-vq", option: 5}}
    tables |= {"encoder": {"kind": "conv2d", "channels": [4, 4, 4]}, "decoder": {"kind": "columns"}} if images else {}
    model = Experiment(tables, ["w"], {}).build()
    assert model.bottleneck.changes_per_frame == pytest.approx(5 * model.encoder.stride / 100 if images else 5 / 50)
    tables["bottleneck"]["units_per_second" if images else "units_per_100_columns"] = 5
    with pytest.raises(ConfigError, match=f"counted by {option}; leave the other option out"):
        Experiment(tables, ["w"], {}).build()


def test_an_experiment_says_all_of_its_options(tiny_line_experiment, tiny_lines):
    experiment, model = load(tiny_line_experiment)
    assert experiment.options["features"]["height"] == 16 and experiment.options["target"] == {"levels": 4}
    assert "levels" not in experiment.options["decoder"]
    columns = sum(ColumnFeatures(height=16).frames_in(utterance) for utterance in listed(tiny_lines))
    assert experiment.corpus["columns"] == columns and experiment.corpus["speakers"] == 3
    assert model.encoder.stride == 4


@pytest.mark.parametrize("decoder", ["columns", "deconv", "pixelcnn", "flow-columns", "diffusion-columns"])
def test_training_resumes_bit_for_bit(tiny_lines, tmp_path, decoder):
    options = line_settings(decoder__kind=decoder, training__crop=16, training__batch_size=2)
    if decoder != "columns":
        options += ["--set", "decoder.channels=4"]
    train("small-handwriting", tiny_lines, tmp_path / "once", options[1::2], device="cpu")
    for steps in (3, 6):
        train(
            "small-handwriting",
            tiny_lines,
            tmp_path / "twice",
            [*options[1::2], f"training.steps={steps}"],
            device="cpu",
        )
    once, twice = (tree(tmp_path / name)["model.safetensors"] for name in ("once", "twice"))
    assert once == twice


def test_a_corpus_of_recordings_is_refused(tmp_path, unitdisc):
    done = unitdisc(
        "train", "small-handwriting", make_corpus(tmp_path / "speech", 2), tmp_path / "exp", *line_settings()
    )
    assert done.code == 1 and "nothing in it can be used: they are recordings, and line images are wanted" in done.err
    done = unitdisc("train", "small", make_lines(tmp_path / "lines", 2), tmp_path / "exp2", *settings())
    assert done.code == 1 and "nothing in it can be used: they are line images, and recordings are wanted" in done.err


def test_all_that_is_of_the_other_kind_counts_as_left_out(tmp_path, unitdisc, tiny_lines):
    both = [*listed(make_corpus(tmp_path / "speech", 2)), *listed(tiny_lines)[:3]]
    write_manifest(tmp_path / "both.jsonl", both)
    done = unitdisc("features", tmp_path / "both.jsonl", tmp_path / "columns", "--kind", "columns")
    assert done.code == 0 and "(2 of 5 are)" in done.err and "2 left out, 3 kept." in done.err


# Encoding


def test_latents_happen_where_their_columns_are(tiny_line_encodings, tiny_lines):
    for point, stride in (("bottleneck", 4), ("columns", 1)):
        encodings = Encodings.open(tiny_line_encodings / point)
        assert encodings.settings["rate"] is None and encodings.settings["height"] == 16
        for utterance in listed(tiny_lines):
            centres = encodings[utterance.id].centres
            columns = ColumnFeatures(height=16)
            assert len(centres) == -(-columns.frames_in(utterance) // stride)
            expected = (stride * np.arange(len(centres)) + stride / 2) * columns.scale(utterance)
            np.testing.assert_allclose(centres, expected)


def test_units_of_lines_are_stretches_of_columns(tiny_line_encodings, tiny_lines):
    encodings = Encodings.open(tiny_line_encodings / "bottleneck")
    for utterance in listed(tiny_lines):
        intervals = read_units(encodings, utterance).intervals
        assert intervals[0].start == 0 and intervals[-1].end == utterance.ticks


def test_units_of_lines_are_exported_in_columns(tiny_line_encodings, tiny_lines, tmp_path, unitdisc):
    encodings = tiny_line_encodings / "bottleneck"
    done = unitdisc("export", encodings, tiny_lines, tmp_path)
    assert done.code == 0 and {path.name for path in tmp_path.iterdir()} == {"units.jsonl", "units.ctm"}
    found = [line.split() for line in (tmp_path / "units.ctm").read_text().splitlines()]
    units = [(u.id, *unit) for u in listed(tiny_lines) for unit in read_units(Encodings.open(encodings), u).intervals]
    assert [(id, int(start), int(start) + int(size), code) for id, _, start, size, code in found] == units
    done = unitdisc("export", encodings, tiny_lines, tmp_path, "--format", "textgrid")
    assert done.code == 1 and "choose one of the formats jsonl, ctm" in done.err


# Writing again


def test_lines_are_written_again_in_the_hand_of_anyone(tiny_line_experiment, tiny_lines, tmp_path, unitdisc):
    folder = tmp_path / "written"
    hands = ["--speaker", "w0", "--speaker", "w2"]
    done = unitdisc("resynthesise", tiny_line_experiment, tiny_lines, folder, "--limit", 2, *hands, "--device", "cpu")
    assert done.code == 0, done.err
    written = sorted(path.name for path in folder.iterdir())
    assert written == [f"line0{i}--w{j}.png" for i in (0, 1) for j in (0, 2)]
    utterance = listed(tiny_lines)[1]
    assert Image.open(folder / "line01--w0.png").size == (ColumnFeatures(height=16).frames_in(utterance), 16)


def test_half_a_line_is_kept_and_completed(tiny_line_experiment, tiny_lines, tmp_path, unitdisc):
    arguments = [tiny_line_experiment, tiny_lines, tmp_path, "--limit", 1, "--given", 0.5, "--device", "cpu"]
    assert unitdisc("resynthesise", *arguments).code == 0
    experiment, _ = load(tiny_line_experiment)
    line = experiment.signals(tiny_line_experiment).target_of(listed(tiny_lines)[0])
    written = GreyTarget(16)(1 - read_image(tmp_path / "line00--w0--given-50.png").T)
    half = len(line) // 2
    np.testing.assert_array_equal(written[:half], line[:half])
    assert (written[half:] != line[half:]).any()  # after six steps of training


def drawn(model, signals, utterance, drawing):
    (item,) = items_of(model, signals, utterance, [0], drawing)
    return item.sample(model.decoder, drawing.temperature).numpy()


def test_a_line_written_leftwards_keeps_its_own_end(tiny_lines):
    """And not that of its last latent, which may be of fewer columns than the others."""
    encoder = {"encoder__stride": 12, "encoder__channels": "[4, 4, 4, 8]", "bottleneck__units_per_100_columns": 4.0}
    leftwards = line_settings(decoder__kind="pixelcnn", decoder__direction="right-to-left", **encoder)
    experiment = Experiment(config.read("small-handwriting", leftwards[1::2]), ["w0", "w1", "w2"], {})
    utterances = listed(tiny_lines)
    signals = Signals.fitted(experiment.features(), experiment.target(), utterances)
    uneven = next(utterance for utterance in utterances if signals.frames_in(utterance) % 12)
    line, model = signals.target_of(uneven), experiment.build().eval()
    for share in (0.0, 0.5):
        kept = round(share * len(line))
        written = drawn(model, signals, uneven, Drawing(given=share))
        np.testing.assert_array_equal(written[len(line) - kept : len(line)], line[len(line) - kept :])
        assert len(written) % 12 == 0 and not written[len(line) :].any()


@pytest.mark.parametrize("given", ["1", "-0.1", "nan"])
def test_what_is_given_is_a_share(tiny_line_experiment, tiny_lines, tmp_path, unitdisc, given):
    done = unitdisc("resynthesise", tiny_line_experiment, tiny_lines, tmp_path, "--given", given)
    assert done.code == 1 and "--given is a share of every line" in done.err


def test_recordings_are_not_completed(tiny_experiment, tiny_corpus, tmp_path, unitdisc):
    done = unitdisc("resynthesise", tiny_experiment, tiny_corpus, tmp_path, "--given", "0.5")
    assert done.code == 1 and "--given completes lines of handwriting" in done.err


def test_the_seed_is_that_of_the_drawing(tiny_line_experiment, tiny_lines):
    experiment, model = load(tiny_line_experiment)
    signals, utterance = experiment.signals(tiny_line_experiment), listed(tiny_lines)[0]
    one, again, other = (drawn(model, signals, utterance, Drawing(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


# Likelihood


def test_bits_are_those_of_the_decoder_line_by_line(tiny_line_experiment, tiny_lines, tmp_path, unitdisc):
    experiment, model = load(tiny_line_experiment)
    signals = experiment.signals(tiny_line_experiment)
    nats, pixels = 0.0, 0
    for utterance in listed(tiny_lines):
        features = torch.from_numpy(signals.features_of(utterance))[None]
        target = torch.from_numpy(signals.target_of(utterance).astype(np.int64))
        with torch.inference_mode():
            units, lengths = model.encode(features, torch.tensor([features.shape[1]]))
            size = units.latents.shape[1] * model.encoder.stride
            padded = torch.nn.functional.pad(target, (0, 0, 0, size - len(target)))[None]
            scribe = torch.tensor([experiment.speakers.index(utterance.speaker)])
            log_prob = model.decoder.log_prob(padded, model.conditioner(units.latents, lengths, scribe))
        nats -= float(log_prob[0, : len(target)].double().sum())
        pixels += target.numel()
    found, problems = likelihood(model, signals, listed(tiny_lines), experiment.speakers, lambda count: None)
    assert not problems and found.values == pixels and found.utterances == 12
    assert found.bits == pytest.approx(nats / pixels / np.log(2), rel=1e-5)
    assert found.bits_with_wrong_latents != found.bits
    output = tmp_path / "bits.json"
    done = unitdisc("likelihood", tiny_line_experiment, tiny_lines, "--output", output, "--device", "cpu")
    assert done.code == 0 and "bits per pixel" in done.out
    assert json.loads(output.read_text())["bits"] == pytest.approx(found.bits)


def test_a_line_that_cannot_be_read_is_left_out(tiny_line_experiment, tmp_path):
    manifest = make_lines(tmp_path / "lines", 3)
    experiment, model = load(tiny_line_experiment)
    signals, lines = experiment.signals(tiny_line_experiment), listed(manifest)
    Path(lines[1].path).unlink()
    found, problems = likelihood(model, signals, lines, experiment.speakers, lambda count: None)
    assert found.utterances == 2 and len(problems) == 1 and "line01.png" in problems[0]


def test_recordings_have_likelihoods_too(tiny_experiment, tiny_corpus, unitdisc):
    done = unitdisc("likelihood", tiny_experiment, tiny_corpus, "--limit", 2, "--device", "cpu")
    assert done.code == 0 and "bits per mel bin" in done.out


def test_a_decoder_without_likelihoods_is_refused(tiny_line_experiment, tiny_lines, tmp_path, unitdisc, monkeypatch):
    """Before anything is read. What it promises, a loss and samples, it still has."""
    monkeypatch.delattr(ColumnWaveNet, "log_prob")
    LikelihoodDecoder._abc_caches_clear()  # from Python 3.12 on, what a class was found to be is kept
    done = unitdisc("likelihood", tiny_line_experiment, tmp_path / "none.jsonl", "--device", "cpu")
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert f"{tiny_line_experiment}: has no decoder that says how probable a target is" in done.err
    experiment, model = load(tiny_line_experiment)
    signals = experiment.signals(tiny_line_experiment)
    with pytest.raises(LikelihoodError, match=r"such as one with decoder\.kind = 'pixelcnn'"):
        likelihood(model, signals, listed(tiny_lines), experiment.speakers, lambda count: None)


def test_who_is_new_to_a_model_is_predicted_with_all_that_is_said(tiny_experiment, tiny_corpus, tmp_path, unitdisc):
    """Features are normalised by the whole corpus of a new speaker, not by each utterance."""
    strangers = [replace(utterance, speaker="new") for utterance in listed(tiny_corpus)[:3]]
    write_manifest(tmp_path / "new.jsonl", strangers)
    experiment, model = load(tiny_experiment)
    signals = experiment.signals(tiny_experiment)
    both = [
        likelihood(model, some, strangers, experiment.speakers, lambda count: None)[0].bits
        for some in (signals.with_speakers_of(strangers), signals)
    ]
    output = tmp_path / "bits.json"
    done = unitdisc("likelihood", tiny_experiment, tmp_path / "new.jsonl", "--output", output, "--device", "cpu")
    assert done.code == 0, done.err
    found = json.loads(output.read_text())["bits"]
    assert found == pytest.approx(both[0], rel=1e-6)
    assert found != pytest.approx(both[1], rel=1e-6)
