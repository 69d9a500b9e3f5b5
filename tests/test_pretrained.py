"""Frames of networks of others are those of `transformers`' own forward pass, and happen when it is said they do."""

import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from pretrained_networks import (
    DEPTH,
    DEVIATION,
    LINES,
    MEAN,
    NOISE,
    RECORDINGS,
    WIDTH,
    save_lines,
    save_recordings,
    states_of,
    transformers,
)
from tiny import listed, settings

from unitdisc.api.card import card
from unitdisc.api.encode import encode
from unitdisc.api.encode import features as write_features
from unitdisc.api.kmeans import kmeans
from unitdisc.api.train import train
from unitdisc.clustering import KMeansOptions
from unitdisc.corpus.access import CorpusAccess
from unitdisc.data.base import num_frames
from unitdisc.data.features import features_of_kind
from unitdisc.data.pretrained import PretrainedColumns, PretrainedError, PretrainedFeatures
from unitdisc.data.pretrained.windows import windows
from unitdisc.encoders.pretrained import PretrainedLayers
from unitdisc.encodings import Encodings
from unitdisc.experiment import Experiment, ExperimentError, load

pytest_plugins = ["tiny_fixtures"]

TICKS = (719, 720, 4000, 12_345, 15_900, 16_000)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """name -> (folder, network, feature extractor), each made once."""
    made = {}

    def save(name: str):
        if name not in made:
            folder = tmp_path_factory.mktemp("networks") / name
            made[name] = folder, *save_recordings(name, folder)
        return made[name]

    return save


def features_of(folder, **options) -> PretrainedFeatures:
    """With little context, for a Whisper of one second."""
    return PretrainedFeatures(model=str(folder), **{"context": 0.2, **options})


@pytest.mark.parametrize("name", RECORDINGS)
def test_frames_are_those_of_the_networks_own_forward_pass(name, saved):
    folder, network, extractor = saved(name)
    for layer in (0, 2, None):
        features = features_of(folder, layer=layer)
        for ticks in TICKS:
            frames = features(NOISE[:ticks])
            expected = states_of(network, extractor, NOISE[:ticks])[DEPTH if layer is None else layer][: len(frames)]
            assert frames.shape == (features.frames_of(ticks), features.dim) == expected.shape
            assert len(frames) <= num_frames(ticks, features.hop)
            np.testing.assert_allclose(frames, expected, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in RECORDINGS if name not in ("whisper", "wav2vec2-bert")])
def test_no_frame_of_the_network_is_left_out(name, saved):
    """The others put silence after the end, of which they make frames as well."""
    folder, network, extractor = saved(name)
    for ticks in TICKS:
        assert features_of(folder).frames_of(ticks) == len(states_of(network, extractor, NOISE[:ticks])[0])


@pytest.mark.parametrize("name", ["wav2vec2-large", "wav2vec2-bert"])
def test_padded_and_masked_in_a_batch_they_are_the_same(name, saved):
    """Where transformers' own batches do not change results. Here every recording is computed by itself."""
    folder, network, extractor = saved(name)
    waves = [NOISE[:5000], NOISE[5000:17_000], NOISE[:8321]]
    inputs = extractor(waves, sampling_rate=16_000, padding=True, return_tensors="pt")
    assert "attention_mask" in inputs
    with torch.inference_mode():
        together = network(**inputs, output_hidden_states=True).hidden_states[-1].numpy()
    features = features_of(folder)
    for wave, padded in zip(waves, together):
        frames = features(wave)
        np.testing.assert_allclose(frames, padded[: len(frames)], atol=1e-5)


@pytest.mark.parametrize("name", ["hubert", "data2vec-audio"])
def test_networks_that_padding_would_change_are_not_padded(name, saved):
    """Norms over time, and convolutions after the mask, see the padding: a batch gives other frames."""
    folder, network, extractor = saved(name)
    inputs = extractor([NOISE[:5000], NOISE[:12_000]], sampling_rate=16_000, padding=True, return_tensors="pt")
    mask = torch.arange(12_000) < torch.tensor([[5000], [12_000]])
    with torch.inference_mode():
        together = network(inputs["input_values"], attention_mask=mask, output_hidden_states=True).hidden_states[-1]
    frames = features_of(folder)(NOISE[:5000])
    assert np.abs(frames - together[0, : len(frames)].numpy()).max() > 1e-3


@pytest.fixture
def without_places(saved, tmp_path):
    """The same networks without their convolution over positions: what layer 0 reads is of one place."""

    def make(name: str):
        _, network, extractor = saved(name)
        other = type(network)(network.config)
        still = {**network.state_dict()}
        for key in still:
            if "pos_conv" in key and not key.endswith("original1"):  # the direction, whose length is another weight
                still[key] = torch.zeros_like(still[key])
        other.load_state_dict(still)
        other.save_pretrained(tmp_path)
        extractor.save_pretrained(tmp_path)
        return features_of(tmp_path, layer=0)

    return make


@pytest.mark.parametrize("name", RECORDINGS)
def test_an_impulse_is_loudest_in_the_frame_that_it_is_the_centre_of(name, without_places):
    features = without_places(name)
    grid = features.grid()
    quiet = features(NOISE[:16_000])
    around = np.zeros(5)
    for frame in range(8, len(quiet) - 8, 5):
        wave = NOISE[:16_000].copy()
        wave[round(grid["offset"] + grid["stride"] * frame)] += 0.5
        around += np.abs(features(wave) - quiet)[frame - 2 : frame + 3].sum(1)
    assert around.argmax() == 2


@pytest.mark.parametrize("name", ["wav2vec2-large", "data2vec-audio"])
def test_a_frame_is_of_the_samples_on_either_side_of_its_centre(name, without_places):
    """To the sample, where nothing is normalised over time: those that change it, and no others."""
    folder = without_places(name).folder
    spoil(folder, "preprocessor_config.json", do_normalize=False)
    features = features_of(folder, layer=0)
    assert features.frames_of(16_000) == 49
    quiet = features(NOISE[:8000])
    centres = features.grid()["offset"] + features.grid()["stride"] * np.arange(len(quiet))
    for tick in (1000, 3199, 3200, 3599, 3600, 4321):
        wave = NOISE[:8000].copy()
        wave[tick] += 0.5
        changed = np.abs(features(wave) - quiet).max(1) > 0
        np.testing.assert_array_equal(changed, np.abs(tick + 0.5 - centres) < 200)


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_mean_of_layers(name, saved):
    folder = saved(name)[0]
    layers = [features_of(folder, layer=layer)(NOISE[:8000]) for layer in range(DEPTH + 1)]
    mean = features_of(folder, layer_weights=[0, 1, 3, 0])(NOISE[:8000])
    np.testing.assert_allclose(mean, (layers[1] + 3 * layers[2]) / 4, atol=1e-6)


def test_windows_follow_one_another_and_have_context():
    for frames in range(1, 60):
        for size, context in [(10, 0), (10, 2), (7, 3)]:
            found = windows(frames, size, context)
            kept = [frame for window in found for frame in range(window.first, window.last)]
            assert kept == list(range(frames))
            for window in found:
                assert 0 <= window.begin <= window.first < window.last <= window.end <= frames
                assert window.end - window.begin == min(size, frames)
                assert window.begin == 0 or window.first - window.begin >= context
                assert window.end == frames or window.end - window.last >= context
    with pytest.raises(ValueError, match="a window of 10 frames has none left between 5 frames of context"):
        windows(20, 10, 5)


@pytest.mark.parametrize("name", ["wav2vec2-large", "wav2vec2-bert"])
def test_windows_agree_with_the_whole_where_frames_see_no_farther_than_their_context(name, saved, tmp_path):
    """Of a network that attends to nothing, all is convolution; one that attends sees its window, not the whole."""
    folder, network, extractor = saved(name)
    with torch.no_grad():
        deaf = {**network.state_dict()}
        for weight in [
            weight for weight in deaf if ".self_attn.linear_out" in weight or ".attention.out_proj" in weight
        ]:
            deaf[weight] = torch.zeros_like(deaf[weight])
    other = type(network)(network.config)
    other.load_state_dict(deaf)
    other.save_pretrained(tmp_path)
    extractor.save_pretrained(tmp_path)
    whole = features_of(tmp_path)(NOISE)
    in_windows = features_of(tmp_path, window=1.1, context=0.3)(NOISE)
    np.testing.assert_allclose(in_windows, whole, atol=2e-5)
    attending = features_of(folder)(NOISE), features_of(folder, window=1.1, context=0.3)(NOISE)
    assert 1e-4 < np.abs(attending[0] - attending[1]).max() < 1


def test_whispers_windows_are_its_own(saved):
    folder, network, extractor = saved("whisper")
    frames = features_of(folder)(NOISE)  # 63 frames in windows of 50, of which 10 on either side are context
    expected = [states_of(network, extractor, part)[-1] for part in (NOISE[:16_000], NOISE[13 * 320 :])]
    np.testing.assert_allclose(frames, np.concatenate([expected[0][:23], expected[1][10:50]]), atol=1e-5)
    with pytest.raises(PretrainedError, match="`window` cannot be chosen: Whisper reads"):
        features_of(folder, window=20.0)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_is_near(precision, saved):
    folder = saved("wav2vec2-large")[0]
    frames = features_of(folder, precision=precision)(NOISE[:8000])
    assert frames.dtype == np.float32
    exact = features_of(folder)(NOISE[:8000])
    error = np.linalg.norm(frames - exact) / np.linalg.norm(exact)
    assert 0 < error < {"bfloat16": 0.05, "float16": 0.005}[precision]


def test_a_signal_shorter_than_a_frame_has_none(saved):
    features = features_of(saved("hubert")[0])
    assert features(NOISE[: features.reader.width - 1]).shape == (0, WIDTH)
    assert features(NOISE[: features.reader.width]).shape == (1, WIDTH)


# lines


@pytest.mark.parametrize("name", LINES)
def test_a_line_is_read_as_the_network_reads_a_picture(name, tmp_path):
    network = save_lines(name, tmp_path)
    ink = np.random.default_rng(0).random((32, 32)).astype(np.float32)
    paper = (1 - torch.from_numpy(ink.T)).expand(3, -1, -1)
    pixels = (paper - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]
    more = {"interpolate_pos_encoding": True} if name == "vit of another size" else {}
    with torch.inference_mode():
        states = network(pixels[None], output_hidden_states=True, **more).hidden_states
    for layer in range(DEPTH + 1):
        frames = PretrainedColumns(model=str(tmp_path), layer=layer)(ink)
        expected = states[layer][0, -16:].reshape(4, 4, WIDTH).mean(0)  # rows of patches, columns of patches
        np.testing.assert_allclose(frames, expected, atol=1e-5)


def test_ink_changes_the_frame_whose_columns_it_is_in(tmp_path):
    save_lines("vit", tmp_path)
    features = PretrainedColumns(model=str(tmp_path), layer=0)
    for columns in (3, 20, 32, 100, 157):
        line = np.zeros((columns, 32), np.float32)
        empty = features(line)
        assert len(empty) == max(1, num_frames(columns, 8))
        for frame, centre in enumerate(features.grid()["offset"] + features.grid()["stride"] * np.arange(len(empty))):
            if centre < columns:
                inked = line.copy()
                inked[int(centre), 5] = 1
                changed = np.flatnonzero(np.abs(features(inked) - empty).max(1) > 1e-6)
                assert changed.tolist() == [frame]


def test_lines_of_a_corpus(tiny_lines, tmp_path):
    save_lines("dinov2", tmp_path / "network")
    features = features_of_kind(model=str(tmp_path / "network"))
    assert isinstance(features, PretrainedColumns)
    write_features(tiny_lines, tmp_path / "frames", features)
    encodings = Encodings.open(tmp_path / "frames")
    for utterance in listed(tiny_lines):
        frames, centres = encodings[utterance.id].frames, encodings[utterance.id].centres
        assert len(frames) == features.frames_in(utterance)
        assert 0 < centres[0] < centres[-1] <= utterance.ticks


# corpora, experiments


def test_a_corpus_its_units_and_a_model_that_reads_the_frames(saved, tiny_corpus, tmp_path):
    folder = saved("hubert")[0]
    features = features_of_kind(model=str(folder), layer=2)
    write_features(tiny_corpus, tmp_path / "frames", features)
    encodings = Encodings.open(tmp_path / "frames")
    for utterance in listed(tiny_corpus):
        encoding = encodings[utterance.id]
        np.testing.assert_array_equal(encoding.frames, features(features.signal(utterance)))
        np.testing.assert_array_equal(encoding.centres, 200 + 320 * np.arange(len(encoding.frames)))
    told = json.loads((tmp_path / "frames" / "encodings.json").read_text())
    assert told["features"] == {**asdict(features), "layer_weights": []}
    kmeans(tmp_path / "frames", tmp_path / "codes.npy", KMeansOptions(codes=3))

    chosen = {"features__kind": "pretrained", "features__model": str(folder), "features__layer": 2}
    options = settings(**chosen)[1::2]
    access = CorpusAccess(tmp_path / "cache")
    for name in ("one", "two"):  # the second reads what the first computed
        train("small", tiny_corpus, tmp_path / name, options, access=access, device="cpu")
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two")]
    assert weights[0] == weights[1]
    train("small", tiny_corpus, tmp_path / "one", options, access=access, device="cpu")  # which has nothing to do
    assert Experiment.read(tmp_path / "one").features() == features
    encode(tmp_path / "one", tiny_corpus, tmp_path / "encodings", ["bottleneck"], device="cpu")
    with pytest.raises(ExperimentError, match=r"differs in features\.layer"):
        other = settings(**chosen | {"features__layer": 1})[1::2]
        train("small", tiny_corpus, tmp_path / "one", other, access=access, device="cpu")


def test_other_weights_in_the_same_folder_are_refused(saved, tmp_path):
    shutil.copytree(saved("hubert")[0], tmp_path / "network")
    features = PretrainedFeatures(model=str(tmp_path / "network"))
    shutil.copy(saved("wav2vec2")[0] / "preprocessor_config.json", tmp_path / "network")
    with pytest.raises(PretrainedError, match="not the network that was used before"):
        features(NOISE)
    assert PretrainedFeatures(model=str(tmp_path / "network")).checksum != features.checksum


def test_a_network_trained_here_is_read_back(tmp_path):
    """A step of training changes the frames; saved as others save theirs, they are read back as they became."""
    network, extractor = save_recordings("hubert", tmp_path)
    before = features_of(tmp_path)(NOISE[:8000])
    network.train()
    optimiser = torch.optim.SGD(network.parameters(), 0.1)
    inputs = extractor(NOISE[:8000], sampling_rate=16_000, return_tensors="pt")
    network(**inputs).last_hidden_state.square().mean().backward()
    optimiser.step()
    network.eval().save_pretrained(tmp_path)
    after = features_of(tmp_path)(NOISE[:8000])
    np.testing.assert_allclose(after, states_of(network, extractor, NOISE[:8000])[-1], atol=1e-5)
    assert np.abs(after - before).max() > 1e-3


def test_a_network_with_a_head_is_read_without_it(tmp_path):
    torch.manual_seed(0)
    config = transformers.HubertConfig.from_pretrained(save(tmp_path / "plain"))
    head = transformers.HubertForCTC(config).eval()
    head.save_pretrained(tmp_path / "head")
    shutil.copy(tmp_path / "plain" / "preprocessor_config.json", tmp_path / "head")
    with torch.inference_mode():
        extractor = transformers.Wav2Vec2FeatureExtractor.from_pretrained(tmp_path / "head")
        expected = states_of(head.hubert, extractor, NOISE[:8000])[-1]
    np.testing.assert_allclose(features_of(tmp_path / "head")(NOISE[:8000]), expected, atol=1e-5)


def save(folder):
    save_recordings("hubert", folder)
    return folder


def test_a_name_of_the_hub_is_a_folder_that_was_downloaded(saved, tmp_path, monkeypatch):
    hub = tmp_path / "models--somebody--hubert"
    (hub / "refs").mkdir(parents=True)
    (hub / "refs" / "main").write_text("0" * 40)
    shutil.copytree(saved("hubert")[0], hub / "snapshots" / ("0" * 40))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    named = features_of("somebody/hubert", layer=1)
    np.testing.assert_array_equal(named(NOISE[:4000]), features_of(saved("hubert")[0], layer=1)(NOISE[:4000]))
    with pytest.raises(PretrainedError, match="`model` 'nobody/nothing': no such folder, and the hub gave no network"):
        features_of("nobody/nothing")


# what cannot be


def spoil(folder, name, **changes):
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    "options,match",
    [
        ({"model": ""}, "`model` is missing: give the folder of a network, or its name"),
        ({"layer": 4}, "`layer` 4: .* has layers 0 to 3"),
        ({"layer": 1, "layer_weights": [1, 0, 0, 0]}, "`layer` and `layer_weights` exclude each other"),
        ({"layer_weights": [1, 0, 0]}, "give 4 numbers of 0 or more"),
        ({"layer_weights": [0, 0, 0, 0]}, "give 4 numbers of 0 or more"),
        ({"layer_weights": [0, -1, 0, 2]}, "give 4 numbers of 0 or more"),
        ({"precision": "int8"}, "unknown precision 'int8': choose one of"),
        ({"window": 1.0, "context": 0.5}, "a `window` of 1 s is all `context`"),
        ({"normalise": "never"}, "unknown normalisation 'never'"),
    ],
)
def test_options_that_cannot_be(options, match, saved):
    with pytest.raises(ValueError, match=match):
        PretrainedFeatures(**{"model": str(saved("hubert")[0]), **options})


def test_pickled_weights_are_refused(saved, tmp_path):
    shutil.copytree(saved("hubert")[0], tmp_path / "network")
    (tmp_path / "network" / "model.safetensors").rename(tmp_path / "network" / "pytorch_model.bin")
    with pytest.raises(PretrainedError, match="its weights are pickled, and may run code; load it with transformers"):
        features_of(tmp_path / "network")


def test_files_that_are_missing_or_damaged_are_named(saved, tmp_path):
    folder = tmp_path / "network"
    shutil.copytree(saved("hubert")[0], folder)
    spoil(folder, "config.json", model_type="bert")
    with pytest.raises(PretrainedError, match=r"a network of type 'bert': .* those known are .*'hubert'"):
        features_of(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(PretrainedError, match=r"config\.json: damaged"):
        features_of(folder)
    shutil.copy(saved("hubert")[0] / "config.json", folder)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(PretrainedError, match=r"preprocessor_config\.json: not there; copy it from where"):
        features_of(folder)


def test_weights_that_are_missing_are_not_drawn_at_random(saved, tmp_path):
    from safetensors.torch import load_file, save_file

    shutil.copytree(saved("hubert")[0], tmp_path / "network")
    path = tmp_path / "network" / "model.safetensors"
    weights = load_file(path)
    del weights["encoder.layers.1.attention.q_proj.weight"]
    save_file(weights, path, metadata={"format": "pt"})
    features = features_of(tmp_path / "network")
    with pytest.raises(
        PretrainedError, match=r"lacks 1 weights, such as encoder\.layers\.1\.attention\.q_proj\.weight"
    ):
        features(NOISE)


def test_a_network_of_the_other_kind_of_signal_is_refused(saved, tmp_path):
    save_lines("vit", tmp_path)
    with pytest.raises(
        PretrainedError, match=r"type 'vit': if it is one of images, set features\.kind to 'pretrained-c"
    ):
        PretrainedFeatures(model=str(tmp_path))
    with pytest.raises(
        PretrainedError, match=r"type 'hubert': if it is one of speech, set features\.kind to 'pretrained'"
    ):
        PretrainedColumns(model=str(saved("hubert")[0]))


def test_without_transformers_it_is_said_what_to_install(saved, monkeypatch):
    monkeypatch.setattr("unitdisc.data.pretrained.folders.find_spec", lambda name: None)
    folder = saved("hubert")[0]
    with pytest.raises(PretrainedError, match=r"need transformers: pip install 'unitdisc\[hf\]'"):
        PretrainedFeatures(model=str(folder))
    replace(PretrainedFeatures(model=str(folder), checksum="of an experiment"), normalise="speaker")  # may be cached


def test_a_device_is_refused_where_nothing_runs_on_one(saved, tiny_corpus, tmp_path):
    with pytest.raises(ValueError, match="`device` cpu: the features 'mfcc' are computed on the CPU; leave it out"):
        write_features(tiny_corpus, tmp_path / "mfcc", features_of_kind(), device="cpu")


def test_the_command(saved, tiny_corpus, tmp_path, unitdisc):
    folder = saved("wavlm")[0]
    arguments = ["--model", folder, "--layer-weights", "0,1,1,0", "--precision", "bfloat16", "--device", "cpu"]
    assert unitdisc("features", tiny_corpus, tmp_path / "frames", *arguments).code == 0
    told = json.loads((tmp_path / "frames" / "encodings.json").read_text())["features"]
    assert (told["kind"], told["layer_weights"], told["precision"]) == ("pretrained", [0, 1, 1, 0], "bfloat16")
    said = unitdisc("features", tiny_corpus, tmp_path / "other", "--model", folder, "--hop", "160").err
    assert "--hop: the features 'pretrained' have no such option" in said


TRAINED_ON = ("data2vec-audio", "hubert", "wav2vec2", "wav2vec2-large")


@pytest.mark.parametrize("name", TRAINED_ON)
@pytest.mark.parametrize("last", [2, None])
def test_an_encoder_begins_where_the_features_end(name, last, saved):
    """Before it was trained on, its frames are the network's, in a batch of several lengths as one by one."""
    folder, _, _ = saved(name)
    below, above = features_of(folder, layer=1), features_of(folder, layer=DEPTH if last is None else last)
    encoder = PretrainedLayers(below.dim, below, last).eval()
    given = [torch.from_numpy(below(NOISE[:ticks])) for ticks in (16_000, 4000, 8000)]
    padded = torch.nn.utils.rnn.pad_sequence(given, batch_first=True)
    padded[1, len(given[1]) :] = 100.0  # whatever stands there
    lengths = torch.tensor([len(frames) for frames in given])
    with torch.inference_mode():
        found, same = encoder(padded, lengths)
    assert torch.equal(same, lengths)
    assert not found[1, lengths[1] :].any()
    for frames, length, ticks in zip(found, lengths, (16_000, 4000, 8000)):
        np.testing.assert_allclose(frames[:length], above(NOISE[:ticks]), atol=1e-5)
    assert all(weight.requires_grad for weight in encoder.parameters())


@pytest.mark.parametrize(
    "name, options, last, message",
    [
        ("hubert", {}, None, "set features.layer, below the last"),
        ("hubert", {"layer": DEPTH}, None, "set features.layer, below the last"),
        ("hubert", {"layer": 2}, 2, r"last must be above features.layer, 3 to 3, not 2"),
        ("hubert", {"layer_weights": [1] * (DEPTH + 1)}, None, "set features.layer, below the last"),
        (
            "wavlm",
            {"layer": 1},
            None,
            r"'wavlm' want more than frames; those of \['data2vec-audio', 'hubert', 'wav2vec2'\]",
        ),
    ],
)
def test_an_encoder_that_cannot_begin_there_says_why(name, options, last, message, saved):
    features = features_of(saved(name)[0], **options)
    with pytest.raises(PretrainedError, match=message):
        PretrainedLayers(features.dim, features, last)


@pytest.mark.parametrize("objective", ["masked", "swap"])
def test_upper_layers_are_trained_on_and_read_back(objective, saved, tiny_corpus, tmp_path):
    folder, _, _ = saved("hubert")
    config = tmp_path / "upper.toml"
    config.write_text(
        f"""
        features = {{ kind = "pretrained", model = "{folder}", layer = 1 }}
        encoder = {{ kind = "pretrained" }}
        bottleneck = {{ kind = "linear", dim = 16 }}
        objective = {{ kind = "{objective}" }}
        augmentation = {{ scale = 0.1 }}
        training = {{ steps = 3, batch_size = 2, crop = 16, valid_every = 3, checkpoint_every = 3, log_every = 1 }}
        """
    )
    train(config, tiny_corpus, tmp_path / "exp", device="cpu")
    experiment, model = load(tmp_path / "exp")
    first = Experiment(experiment.options, experiment.speakers, {}).build()
    moved = [not torch.equal(a, b) for a, b in zip(model.encoder.parameters(), first.encoder.parameters())]
    assert all(moved)
    encode(tmp_path / "exp", tiny_corpus, tmp_path / "enc", ["encoder"])
    found = Encodings.open(tmp_path / "enc" / "encoder")
    assert found[next(iter(found.codes))].frames.shape[1] == WIDTH


def test_a_network_trained_on_is_handed_on_as_transformers_opens_it(saved, tiny_corpus, tmp_path):
    """Layer 2 of the network that is handed on is what the encoder gives, and the layer above it is as it was."""
    folder, original, _ = saved("hubert")
    config = tmp_path / "upper.toml"
    config.write_text(
        f"""
        features = {{ kind = "pretrained", model = "{folder}", layer = 1 }}
        encoder = {{ kind = "pretrained", last = 2 }}
        bottleneck = {{ kind = "linear", dim = 16 }}
        objective = {{ kind = "masked" }}
        training = {{ steps = 3, batch_size = 2, crop = 16, valid_every = 3, checkpoint_every = 3, log_every = 1 }}
        """
    )
    train(config, tiny_corpus, tmp_path / "exp", device="cpu")
    encode(tmp_path / "exp", tiny_corpus, tmp_path / "enc", ["encoder"])
    text = card(tmp_path / "exp", tmp_path / "given").read_text()
    assert "AutoModel.from_pretrained" in text and "hidden_states[2]" in text
    options = json.loads((tmp_path / "exp" / "experiment.json").read_text())["options"]["features"]
    given = str(tmp_path / "given" / "transformers")
    again = PretrainedFeatures(**options | {"model": given, "checksum": "", "layer": 2})
    write_features(tiny_corpus, tmp_path / "again", again)
    found, wanted = Encodings.open(tmp_path / "again"), Encodings.open(tmp_path / "enc" / "encoder")
    for utterance in wanted.codes:
        np.testing.assert_allclose(found[utterance].frames, wanted[utterance].frames, atol=1e-4)
    network = transformers.AutoModel.from_pretrained(given)
    same = [torch.equal(*pair) for pair in zip(network.parameters(), original.parameters(), strict=True)]
    assert sum(not kept for kept in same) == len(list(network.encoder.layers[1].parameters()))
    card(tmp_path / "exp", tmp_path / "given")  # once more
