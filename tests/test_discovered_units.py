"""Units that were discovered as bottleneck, and their network as encoder: theirs, for good, and by themselves."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch
from tiny import make_lines, tree

import unitdisc as library
from unitdisc.bottlenecks.discovered import Discovered
from unitdisc.data.codes import nearest_places
from unitdisc.encodings import Encodings
from unitdisc.experiment import Experiment, ExperimentError, load
from unitdisc.experiment.config import ConfigError
from unitdisc.files.tensors import read_tensors
from unitdisc.segmentation.templates.durations import Durations
from unitdisc.segmentation.templates.states import STATES, StateScores
from unitdisc.training.codes import CARD, CODES

pytest_plugins = ["tiny_fixtures"]

NETWORK = ["encoder.channels=[4, 8, 8]", "bottleneck.dim=6", "training.steps=40", "training.crop=32"]
NETWORK += ["training.batch_size=4", "training.learning_rate=0.01"]
SMALL = ["training.steps=4", "training.crop=32", "training.batch_size=4", "decoder.layers=2", "decoder.channels=8"]
SMALL += ["training.checkpoint_every=2", "training.log_every=1"]
OPTIONS = library.DiscoverOptions(library.TemplateOptions(units=4, rate=12, passes=2), rounds=1, edges="frames")


@pytest.fixture(scope="module")
def found(tiny_lines, tmp_path_factory):
    """Units of the tiny lines; not to be changed."""
    folder = tmp_path_factory.mktemp("discovered") / "found"
    library.discover("discover-handwriting", tiny_lines, folder, OPTIONS, NETWORK, device="cpu")
    return folder


@pytest.fixture(scope="module")
def autoencoder(found, tiny_lines, tmp_path_factory):
    """Trained behind these units; what they were found in is gone."""
    folder = tmp_path_factory.mktemp("behind")
    shutil.copytree(found, folder / "found")
    trained(tiny_lines, folder / "exp", folder / "found")
    shutil.rmtree(folder / "found")
    return folder / "exp"


def trained(lines, folder, units, more=(), preset="units-handwriting"):
    return library.train(preset, lines, folder, [*SMALL, *more], units=units, device="cpu")


@pytest.fixture(scope="module")
def other_lines(tmp_path_factory):
    """Longer lines, by hands of which some are new."""
    lines = make_lines(tmp_path_factory.mktemp("others"), 8)
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    for place, row in enumerate(rows):
        row["speaker"] = f"w{place % 5}"
    lines.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return lines


@pytest.mark.parametrize("features", [[], pytest.param(["features.normalise=speaker"], marks=pytest.mark.slow)])
def test_codes_are_those_of_discover_at_the_frames_of_the_network(features, found, tiny_lines, other_lines, tmp_path):
    """In lines that nothing was learned from, of hands that nothing was known of."""
    units, behind = found, tmp_path / "exp"
    if features:
        units = tmp_path / "found"
        library.discover("discover-handwriting", tiny_lines, units, OPTIONS, [*NETWORK, *features], device="cpu")
    trained(tiny_lines, behind, units)
    library.discover(units, other_lines, tmp_path / "theirs", device="cpu")
    library.encode(behind, other_lines, tmp_path / "ours", ["bottleneck"], device="cpu")
    ours, theirs = Encodings.open(tmp_path / "ours" / "bottleneck"), Encodings.open(tmp_path / "theirs" / "units")
    assert (ours.settings["stride"], theirs.settings["stride"]) == (2, 1)
    assert ours.settings["blank"] == theirs.settings["blank"] == 4 and ours.settings["num_codes"] == 5
    used = set()
    for encoding in ours:
        others = theirs[encoding.utterance]
        np.testing.assert_array_equal(encoding.codes, others.codes[nearest_places(others.centres, encoding.centres)])
        used |= {*encoding.codes.tolist()}
    assert len(used) > 1


def test_what_is_trained_on_are_the_codes_of_whole_lines(autoencoder, tiny_lines, tmp_path):
    library.encode(autoencoder, tiny_lines, tmp_path / "encodings", ["bottleneck"], device="cpu")
    arrays, _ = read_tensors(autoencoder / CODES, CARD)
    encodings = Encodings.open(tmp_path / "encodings" / "bottleneck")
    whole = [encodings[utterance.id].codes for utterance in library.read_corpus(tiny_lines)]
    np.testing.assert_array_equal(arrays["codes"] // STATES, np.concatenate(whole))
    assert arrays["sizes"].tolist() == [len(codes) for codes in whole]


def test_only_vectors_and_decoder_learn(autoencoder, found):
    _, model = load(autoencoder)
    network = load(found / "round-1" / "experiment")[1]
    for name, value in network.encoder.state_dict().items():
        assert torch.equal(model.encoder.network.state_dict()[name], value), name
    assert torch.equal(model.encoder.project.weight, network.bottleneck.project.weight)
    assert torch.equal(model.bottleneck.head.weight, network.objective.head.weight)
    start = torch.from_numpy(np.load(found / "units" / "units" / "codebook.npy"))
    moved = (model.bottleneck.vectors - start[np.arange(3 * 4 + 1) // 3]).abs()
    assert (moved.amax(1) > 0).any() and moved.max() < 0.1  # it began at the mean frames


def test_it_does_all_by_itself(autoencoder, tiny_lines, tmp_path, unitdisc):
    """Every command that the README names; nothing of `discover` is left."""
    voices = ("--speaker", "w0", "--speaker", "w1")
    for arguments in (
        ("encode", autoencoder, tiny_lines, tmp_path / "encodings"),
        ("resynthesise", autoencoder, tiny_lines, tmp_path / "drawn", "--limit", 2, *voices),
        ("resynthesise", autoencoder, tiny_lines, tmp_path / "gone-on", "--limit", 1, "--given", 0.5),
        ("likelihood", autoencoder, tiny_lines, "--limit", 3),
    ):
        done = unitdisc(*arguments, "--device", "cpu")
        assert done.code == 0, (arguments[0], done.err)
    assert len([*(tmp_path / "drawn").glob("*.png")]) == 4 and len([*(tmp_path / "gone-on").glob("*.png")]) == 1
    points = {path.name for path in (tmp_path / "encodings").iterdir()}
    assert points == {"encoder", "projection", "bottleneck", "condition"}
    assert unitdisc("score", tmp_path / "encodings" / "bottleneck", tiny_lines).code == 0
    assert unitdisc("inspect", autoencoder).code == 0


def test_an_interrupted_training_goes_on_without_the_folder(autoencoder, found, tiny_lines, tmp_path, unitdisc):
    """To the same bytes."""
    shutil.copytree(found, tmp_path / "found")
    trained(tiny_lines, tmp_path / "exp", tmp_path / "found", ["training.steps=2"])
    shutil.rmtree(tmp_path / "found")
    arguments = [part for each in SMALL for part in ("--set", each)]
    done = unitdisc(
        *("train", "units-handwriting", tiny_lines, tmp_path / "exp", "--units", tmp_path / "found", "--device", "cpu"),
        *arguments,
    )
    assert done.code == 0, done.err
    assert "is not there any more; going on with what" in done.err
    states = [safetensors.torch.load_file(folder / "model.safetensors") for folder in (autoencoder, tmp_path / "exp")]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.slow
def test_another_network_does_not_go_on(autoencoder, found, tiny_lines, tmp_path):
    folder = tmp_path / "exp"
    shutil.copytree(autoencoder, folder)
    more = [*NETWORK, "training.seed=3"]
    library.discover("discover-handwriting", tiny_lines, tmp_path / "other", OPTIONS, more, device="cpu")
    with pytest.raises(ExperimentError, match=r"which differs in encoder\.network"):
        trained(tiny_lines, folder, tmp_path / "other")


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("kind", ["vq", "piecewise-vq"])
def test_the_network_as_encoder_of_codes(kind, frozen, found, tiny_lines, tmp_path):
    more = ["encoder.kind=experiment", f"encoder.frozen={str(frozen).lower()}", f"bottleneck.kind={kind}"]
    more += ["bottleneck.num_codes=6", "bottleneck.warmup_steps=2"]
    trained(tiny_lines, tmp_path / "exp", found, more, preset="small-handwriting")
    experiment, model = load(tmp_path / "exp")
    assert experiment.options["features"]["slant"] and experiment.options["features"]["body"]  # the network's
    same = torch.equal(
        model.encoder.network.layers[0].weight, load(found / "round-1" / "experiment")[1].encoder.layers[0].weight
    )
    assert same == frozen
    library.encode(tmp_path / "exp", tiny_lines, tmp_path / "encodings", ["bottleneck"], device="cpu")
    assert all(encoding.codes is not None for encoding in Encodings.open(tmp_path / "encodings" / "bottleneck"))


def test_the_encoder_of_any_experiment(tiny_line_experiment, tiny_lines, tmp_path):
    more = ["bottleneck.kind=linear", "encoder.point=encoder"]
    with pytest.raises(ConfigError, match=r"is 'piecewise-vq', not 'linear'; set encoder.point to 'encoder'"):
        trained(tiny_lines, tmp_path / "exp", tiny_line_experiment, more[:1])
    trained(tiny_lines, tmp_path / "exp", tiny_line_experiment, more)
    for folder, experiment in (("ours", tmp_path / "exp"), ("theirs", tiny_line_experiment)):
        library.encode(experiment, tiny_lines, tmp_path / folder, ["encoder"], device="cpu")
    assert {name: data for name, data in tree(tmp_path / "ours" / "encoder").items() if name.endswith(".npy")} == {
        name: data for name, data in tree(tmp_path / "theirs" / "encoder").items() if name.endswith(".npy")
    }


@pytest.mark.slow
def test_units_of_speech(tiny_corpus, tmp_path):
    small = ["encoder.dim=8", "encoder.layers=1", "bottleneck.dim=6", "training.steps=2", "training.crop=20"]
    small += ["training.batch_size=2"]
    library.discover("discover-speech", tiny_corpus, tmp_path / "found", OPTIONS, small, device="cpu")
    more = ["target.bins=20", "training.crop=16"]
    trained(tiny_corpus, tmp_path / "exp", tmp_path / "found", more, preset="units-speech")
    library.encode(tmp_path / "exp", tiny_corpus, tmp_path / "ours", ["bottleneck"], device="cpu")
    ours, theirs = Encodings.open(tmp_path / "ours" / "bottleneck"), Encodings.open(tmp_path / "found" / "units")
    for encoding in ours:  # warps and normalisation of speakers are theirs, too
        others = theirs[encoding.utterance]
        np.testing.assert_array_equal(encoding.codes, others.codes[nearest_places(others.centres, encoding.centres)])
    assert library.resynthesise(tmp_path / "exp", tiny_corpus, tmp_path / "said", limit=1, device="cpu")


def test_what_cannot_be_is_refused(found, autoencoder, tiny_lines, tiny_experiment, tmp_path):
    def refused(message, units=found, more=(), preset="units-handwriting", error=(ConfigError, ExperimentError)):
        with pytest.raises(error, match=message):
            trained(tiny_lines, tmp_path / "exp", units, more, preset=preset)

    refused("give that folder as `units`, or as encoder.folder", units=None)
    refused("is not there", units=tmp_path / "nowhere")
    refused("is neither an experiment nor a folder that `unitdisc discover` filled", units=tiny_lines.parent)
    refused("is an experiment, without units", units=found / "round-1" / "experiment")
    refused("are for an encoder that is their network; take the preset", preset="small-handwriting")
    refused("needs its network", units=None, preset="small-handwriting", more=["bottleneck.kind=discovered"])
    refused("height = 24, and there 32; leave them out", more=["features.height=24"])
    refused("read off the folder of the network; leave it out", more=["bottleneck.units=3"])
    refused("leave encoder.point and encoder.frozen out", more=["encoder.frozen=false"])
    refused("has its codes; choose an objective that predicts none", more=["objective.kind=classify"])
    refused("units are those of what was not changed", more=["augmentation.noise=0.1"])
    refused("has no option", more=["encoder.dim=3"])
    folder = tmp_path / "broken"
    shutil.copytree(found, folder)
    (folder / "round-1" / "states.safetensors").write_bytes(b"torn")
    refused("states.safetensors: not there, or damaged", units=folder, error=ValueError)
    (folder / "discover.json").unlink()
    refused("has not come to its end there", units=folder)
    (folder / "options.json").unlink()
    refused("has units of a corpus, and not what found them", units=folder)
    library.discover(
        "discover-handwriting", tiny_lines, tmp_path / "t", replace(OPTIONS, rounds=0), NETWORK, device="cpu"
    )
    refused("are templates, and no network knows them", units=tmp_path / "t")
    assert not (tmp_path / "exp" / "experiment.json").exists()


@pytest.mark.parametrize("thirds", [True, False])
def test_vectors_are_of_the_cheapest_segments(thirds):
    """By every way to cut three frames into units of one or two frames, and blanks."""
    rng, states = np.random.default_rng(0), 7
    durations = Durations(np.array([1.0, 2.0]), np.ones(2), np.log([0.3, 0.7]), shortest=1, longest=2)
    scores = StateScores(durations, np.log(rng.dirichlet(np.ones(states))), price=0.2)
    bottleneck = Discovered(5, units=2, blank=True, thirds=thirds)
    head, vectors = torch.nn.Linear(5, states), rng.standard_normal((3, 5)).astype(np.float32)
    bottleneck.take_over(head, scores, vectors)
    bottleneck = bottleneck.double().float()  # which leaves what was learned in double precision
    encoded, mask = torch.randn(2, 3, 5), torch.tensor([[True, True, True], [True, True, False]])
    output = bottleneck(encoded, mask)
    for row, length in ((0, 3), (1, 2)):
        posteriors = head(encoded[row, :length].relu()).softmax(-1).detach().double().numpy()
        costs = scores.costs(posteriors)
        best = min(cuts(length), key=lambda cut: cost_of(cut, costs, scores))
        expected = [unit for width, unit in best for _ in range(width)]
        assert output.codes[row, :length].tolist() == expected
        parts = [3 * unit + (place * 3 // width) * (unit < 2) for width, unit in best for place in range(width)]
        assert bottleneck.cut(encoded, mask)[row, :length].tolist() == parts
        own = bottleneck.vectors[parts if thirds else expected]
        assert torch.equal(output.latents[row, :length], own)
        assert torch.equal(bottleneck.of_cut(torch.tensor([parts]), mask[:1, :length]).latents[0], own)
    assert output.codes[1, 2] == 0
    np.testing.assert_array_equal(bottleneck.vectors[-1].detach(), vectors[-1])


def cuts(frames):
    """All lists of (width, unit); 2 is the blank, of one frame."""
    if frames == 0:
        return [[]]
    pieces = [(width, unit) for unit in (0, 1) for width in (1, 2) if width <= frames] + [(1, 2)]
    return [[piece, *rest] for piece in pieces for rest in cuts(frames - piece[0])]


def cost_of(cut, costs, scores):
    total, place = 0.0, 0
    for width, unit in cut:
        if unit == 2:
            total += costs[place, -1]
        else:
            ends = [-(-state * width // 3) for state in range(4)]
            for state in range(3):
                total += costs[place + ends[state] : place + ends[state + 1], 3 * unit + state].sum()
            mean, deviation = scores.durations.means[unit], scores.durations.deviations[unit]
            total += scores.price + 0.5 * ((width - mean) / deviation) ** 2 + np.log(deviation)
            total -= scores.prior_weight * scores.durations.log_priors[unit]
        place += width
    return total


def test_presets_build_when_the_network_is_known(autoencoder):
    options = json.loads((autoencoder / "experiment.json").read_text())["options"]
    assert Experiment(options, ["ann", "bob"], {}).build().bottleneck.num_codes == 5
