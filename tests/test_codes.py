"""Codes that are predicted: of features, or of folders at any rate; and trainings on them, stopped or not."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from tiny import OPTIONS, as_arguments, listed

from unitdisc.clustering.codebook_files import read_codebook
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.codes import CodesOptions, FeatureCodes, mean_frames, nearest_places, read_codes
from unitdisc.data.crops import CropPlan
from unitdisc.data.loader import CropBatches
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.experiment import WEIGHTS, Experiment, load
from unitdisc.training.codes import CODEBOOK

pytest_plugins = ["tiny_fixtures"]

FEATURES = AcousticFeatures(normalise="none")
MASKED = {name: value for name, value in OPTIONS.items() if name.startswith("training.")} | {
    "encoder.kind": "context",
    "encoder.dim": 16,
    "encoder.layers": 1,
    "bottleneck.kind": "linear",
    "objective.kind": "masked",
    "codes.num_codes": 8,
}


@pytest.mark.parametrize("frames,stride", [(6, 2), (7, 2), (1, 2), (7, 3), (5, 1), (0, 2)])
def test_frames_are_averaged_over_those_that_are_there(frames, stride):
    features = np.random.default_rng(0).standard_normal((frames, 4)).astype(np.float32)
    expected = [features[first : first + stride].mean(0) for first in range(0, frames, stride)]
    found = mean_frames(features, stride)
    assert found.shape == (-(-frames // stride), 4) and found.dtype == np.float32
    assert not frames or np.allclose(found, expected, atol=1e-6)


def test_the_nearest_vector_is_the_code():
    rng = np.random.default_rng(0)
    vectors, features = rng.standard_normal((5, 3)), rng.standard_normal((9, 3))
    codes = FeatureCodes(vectors, 2)(None, features, 0)
    distances = np.linalg.norm(mean_frames(features, 2)[:, None] - vectors, axis=-1)
    assert codes.tolist() == distances.argmin(1)[:, None].tolist()


def test_the_nearest_time_is_found():
    rng = np.random.default_rng(0)
    there, wanted = np.sort(rng.random(20)), rng.random(50)
    assert nearest_places(there, wanted).tolist() == np.abs(there - wanted[:, None]).argmin(1).tolist()
    assert nearest_places(np.array([3.0]), wanted).tolist() == [0] * 50


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_codes_of_another_rate_are_those_at_the_time_of_the_latent(tiny_corpus, tiny_encodings, stride):
    folder, utterances = tiny_encodings / "bottleneck", listed(tiny_corpus)
    encodings = Encodings.open(folder)
    codes = read_codes(CodesOptions([str(folder)] * 2, 8), utterances, FEATURES, stride, (stride - 1) / 2)
    for utterance in utterances:
        theirs = encodings[utterance.id]
        frames = FEATURES.frames_in(utterance)
        found = codes(utterance, np.zeros((frames, 1)), 0)
        assert found.dtype == np.int64 and found.shape == (-(-frames // stride), 2)
        for latent, pair in enumerate(found.tolist()):
            centre = (stride * latent + stride / 2) * FEATURES.hop
            assert pair == [theirs.codes[np.abs(theirs.centres - centre).argmin()]] * 2
        later = codes(utterance, np.zeros((5, 1)), 2 * stride)
        assert np.array_equal(later, found[2 : 2 - (-5 // stride)])


def test_a_batch_has_the_codes_behind_its_crops(tiny_corpus, tiny_experiment):
    """Whether a whole utterance is at hand, or the stretch of a crop alone."""
    experiment = Experiment.read(tiny_experiment)
    signals, utterances = experiment.signals(tiny_experiment), listed(tiny_corpus)
    codes = FeatureCodes(np.random.default_rng(0).standard_normal((8, 39)).astype(np.float32), 2)
    plan = CropPlan([signals.frames_in(u) for u in utterances], 4, 30, 2, seed=0)
    dataset = CropBatches(utterances, signals, plan, 7, experiment.speakers, codes=codes)
    for in_parts in (False, True):
        dataset.in_parts = in_parts
        for step in range(3):
            batch = dataset[step]
            assert batch.codes.dtype == torch.int64 and batch.codes.shape == (4, 15, 1)
            for row, crop in zip(batch.codes, plan.batch(step)):
                utterance = utterances[crop.index]
                whole = codes(utterance, signals.features_of(utterance), 0)[crop.start // 2 :][:15]
                same = np.mean(row[: len(whole)].numpy() == whole)
                assert same >= (0.9 if in_parts else 1.0)  # stretches are the same to rounding


@pytest.fixture
def broken(tmp_path, tiny_encodings) -> Path:
    """A copy of encodings with codes, to be spoilt."""
    return Path(shutil.copytree(tiny_encodings / "bottleneck", tmp_path / "codes"))


def rewritten(folder: Path, change) -> None:
    """Every line of units.jsonl changed; left out where that gives None."""
    path = folder / "units.jsonl"
    lines = [change(json.loads(line)) for line in path.read_text().splitlines()]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines if line))


SPOILT = {
    "missing": (lambda line: None if line["utterance"] == "u03" else line, "u03 has no encoding in .*codes"),
    "no codes": (lambda line: line | {"codes": None}, "u00 has no codes"),
    "large": (
        lambda line: line | {"codes": [9, *line["codes"][1:]]},
        "u00 has code 9; set codes.num_codes to more than .* not 8",
    ),
    "short": (lambda line: line | {"codes": line["codes"][:-3]}, "codes of u00 end before it does"),
    "empty": (lambda line: line | {"codes": []}, "codes of u00 end before it does"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_codes_that_are_not_all_there_are_refused(tiny_corpus, broken, case):
    change, message = SPOILT[case]
    rewritten(broken, change)
    with pytest.raises(EncodingsError, match=message):
        read_codes(CodesOptions([str(broken)], 8), listed(tiny_corpus), FEATURES, 2, 0.5)


def test_codes_of_a_longer_rate_are_no_gap(tiny_corpus, broken):
    """A frame of theirs and one of ours may lie between."""
    settings = json.loads((broken / "encodings.json").read_text())
    rewritten(broken, lambda line: line | {"codes": line["codes"][::5]})
    (broken / "encodings.json").write_text(json.dumps(settings | {"stride": 5 * settings["stride"]}))
    read_codes(CodesOptions([str(broken)], 8), listed(tiny_corpus), FEATURES, 2, 0.5)


@pytest.fixture
def train(unitdisc, tiny_corpus, tmp_path):
    def run(folder: str, **options) -> str:
        """What training into a folder says, which must succeed unless it is `refused`."""
        refused = options.pop("refused", False)
        found = MASKED | {name.replace("__", "."): value for name, value in options.items()}
        result = unitdisc("train", tmp_path / "nothing.toml", tiny_corpus, tmp_path / folder, *as_arguments(found))
        assert result.code == (1 if refused else 0), result.err
        return result.err

    (tmp_path / "nothing.toml").write_text("")
    return run


def weights(folder: Path) -> dict:
    return safetensors.torch.load_file(folder / WEIGHTS)


def test_codes_of_the_features_take_one_command_that_can_be_stopped(train, tmp_path):
    train("whole", training__workers=1)
    codebook = read_codebook(tmp_path / "whole" / CODEBOOK)
    assert codebook.vectors.shape == (8, 39)
    assert codebook.card["frames"] > 100
    options = Experiment.read(tmp_path / "whole").options
    assert options["codes"] == {"folders": [], "num_codes": 8}
    assert not options.keys() & {"decoder", "target", "jitter", "conditioner"}
    train("stopped", training__steps=3)
    train("stopped")
    assert all(
        torch.equal(weight, weights(tmp_path / "stopped")[name]) for name, weight in weights(tmp_path / "whole").items()
    )
    log = [json.loads(line) for line in (tmp_path / "whole/log.jsonl").read_text().splitlines()]
    assert {"masked_accuracy", "unmasked_accuracy"} <= log[-1]["metrics"].keys()
    (tmp_path / "whole" / CODEBOOK).write_bytes(b"")
    assert "codebook.npy: is no codebook" in train("whole", training__steps=9, refused=True)


def test_codes_of_a_folder_are_part_of_the_experiment(train, tmp_path, broken):
    folders = {"codes__folders": f'["{broken}"]'}
    train("exp", **folders)
    assert not (tmp_path / "exp" / CODEBOOK).exists()
    _, model = load(tmp_path / "exp")  # which needs no folder
    assert model.objective.head.out_features == 8
    train("exp", **folders)
    rewritten(broken, lambda line: line | {"codes": [0, *line["codes"][1:]]})
    assert "differs in the codes in codes.folders" in train("exp", **folders, refused=True)
    shutil.rmtree(broken)
    assert f"{broken}: no such folder" in train("exp", **folders, refused=True)


def test_reconstruction_beside_it_brings_a_decoder(train, tmp_path):
    decoder = {"decoder__channels": 8, "decoder__layers": 2, "decoder__kind": '"frames"', "target__bins": 20}
    train("exp", objective__reconstruction=0.5, training__steps=3, **decoder)
    experiment, model = load(tmp_path / "exp")
    assert model.decoder is not None and experiment.options["target"]["bins"] == 20
    last = json.loads((tmp_path / "exp/log.jsonl").read_text().splitlines()[-1])
    assert last["losses"].keys() == {"masked", "reconstruction"} and "latent_gap" in last["metrics"]
    train("exp", objective__reconstruction=0.5, training__steps=6, **decoder)
