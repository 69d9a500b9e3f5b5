"""Every kind of features provides what `Features` says; a kind that nobody has heard of needs nothing but its line."""

import json
from dataclasses import asdict, dataclass
from inspect import getattr_static, isfunction
from typing import ClassVar

import numpy as np
import pytest
from tiny import listed, settings

from unitdisc.api.encode import encode
from unitdisc.api.encode import features as write_features
from unitdisc.api.inspect import inspect
from unitdisc.api.train import train
from unitdisc.corpus import CorpusError
from unitdisc.corpus.access import CorpusAccess
from unitdisc.data.base import Features, RecordingFeatures, Target, facts_of
from unitdisc.data.cache import DiskCache, named
from unitdisc.data.features import FEATURES, features_class, features_of_kind
from unitdisc.data.normalisation import Normaliser
from unitdisc.data.signals import Signals
from unitdisc.data.targets import TARGETS
from unitdisc.encodings import Encodings, centres_in_ticks
from unitdisc.experiment import Experiment
from unitdisc.experiment.config import ConfigError
from unitdisc.model import PROBE_POINTS

pytest_plugins = ["tiny_fixtures"]

DIMENSIONS, HOP = 6, 320


@dataclass(frozen=True)
class NetworkFeatures(RecordingFeatures):
    """As of a frozen network with attention: width and hop are its own, a frame depends on the whole recording."""

    kind: str = "network"
    layer: int = 1
    normalise: str = "none"
    resample: bool = False

    rate: ClassVar[int] = 16_000
    hop: ClassVar[int] = HOP
    dim: ClassVar[int] = DIMENSIONS
    margin: ClassVar[None] = None

    def __call__(self, signal: np.ndarray, first: int = 0) -> np.ndarray:
        assert first == 0
        frames = (len(signal) + HOP // 2) // HOP
        cut = np.resize(np.append(signal, np.zeros(HOP)), (frames, HOP))
        made = np.tanh(cut @ np.random.default_rng(self.layer).normal(size=(HOP, DIMENSIONS)))
        return (made - made.mean(0)).astype(np.float32)


@pytest.fixture
def network(monkeypatch):
    """One more line in the registry."""
    monkeypatch.setitem(FEATURES, "network", NetworkFeatures)


KINDS = {**FEATURES, "network": NetworkFeatures}
PRETRAINED = {"pretrained": "hubert", "pretrained-columns": "vit"}  # kind: the network that it is of here


@pytest.fixture(params=KINDS)
def features(request, tmp_path) -> Features:
    kind, options = request.param, {}
    if kind in PRETRAINED:
        pytest.importorskip("transformers", reason="transformers is not installed: pip install 'unitdisc[hf]'")
        import pretrained_networks

        save = pretrained_networks.save_recordings if kind == "pretrained" else pretrained_networks.save_lines
        save(PRETRAINED[kind], tmp_path / "network")
        options = {"model": str(tmp_path / "network")}
    return KINDS[kind](kind=kind, **options)


@pytest.fixture
def utterances(features, tiny_corpus, tiny_lines):
    return listed(tiny_lines if features.images else tiny_corpus)


def missing(provider: object, *protocols: type) -> set[str]:
    """What protocols promise and a provider has not, or has only because it inherits the promise itself."""
    names = {"__call__"}
    for protocol in protocols:
        names |= {name for name in (*vars(protocol), *protocol.__annotations__) if not name.startswith("_")}
    promises = [member for protocol in protocols for member in vars(protocol).values() if is_promise(member)]
    return {
        name for name in names if not hasattr(provider, name) or getattr_static(type(provider), name, None) in promises
    }


def is_promise(member: object) -> bool:
    """Whether a method or a property has nothing but a docstring."""
    function = getattr(member, "fget", member)
    return isfunction(function) and not function.__code__.co_names


def test_every_kind_provides_what_is_promised(features):
    assert not missing(features, Features, *([] if features.images else [RecordingFeatures]))


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_provides_what_is_promised(name):
    plain = (FEATURES[kind]() for kind in FEATURES if kind not in PRETRAINED)
    sizes = next(features.target_sizes for features in plain if name in features.targets)
    assert not missing(TARGETS[name](**sizes), Target)


def test_frames_are_as_wide_and_as_many_as_is_said(features, utterances):
    for utterance in utterances:
        signal = features.signal(utterance)
        frames = features(signal)
        assert frames.shape == (features.frames_in(utterance), features.dim)
        assert frames.dtype == np.float32
        for name in features.targets:
            target = TARGETS[name](**features.target_sizes)
            made = Signals.fitted(features, target, [utterance]).both_of(utterance)[1]
            assert len(made) == len(frames) * target.steps_per_frame
            assert made.nbytes == len(frames) * target.bytes_per_frame


def test_frames_tile_the_utterance(features, utterances):
    for utterance in utterances:
        centres = centres_in_ticks(features.frames_in(utterance), features.grid(), features.scale(utterance))
        step = centres[1] - centres[0]
        if features.kind == "pretrained":  # frames of 400 samples, 320 from the next, none beyond the signal
            assert centres[0] == 200
            assert 0 <= utterance.ticks - (centres[-1] + 200) < 320
        else:
            assert abs(centres[0] - step / 2) <= 1
            assert abs(centres[-1] + step / 2 - utterance.ticks) <= step / 2 + 1
        assert (np.diff(features.grid(4, 1.5)["stride"] * np.arange(2)) == 4 * features.grid()["stride"]).all()


def test_rates_and_durations_are_of_one_unit(features):
    (rate,) = features.frame_rates(4).values()
    duration, unit = features.duration(4 * 25)
    units = duration if features.unit_of_time == "second" else duration / 100
    assert unit == {"second": "s", "100 columns": "columns"}[features.unit_of_time]
    assert rate * units == pytest.approx(25)


def test_what_is_of_the_other_kind_is_refused(features, tiny_corpus, tiny_lines):
    for utterance in listed(tiny_corpus if features.images else tiny_lines)[:1]:
        with pytest.raises(CorpusError, match=f"{utterance.id} is .* set features.kind to"):
            features.signal(utterance)


def test_a_margin_is_as_far_as_frames_see(features, utterances):
    """What lies farther away may change; without a margin, nothing is computed of a part."""
    plain = Normaliser("none", {})
    whole = Signals(features, None, plain, plain, DiskCache(None))
    assert whole.can_be_cut(utterances[0]) == (features.margin is not None)
    if features.margin is None:
        return
    signals = Signals.fitted(features, TARGETS[features.targets[0]](**features.target_sizes), utterances)
    whole = signals.both_of(utterances[-1])
    part = signals.stretch_of(utterances[-1], 9, 21)
    np.testing.assert_allclose(part[0], whole[0][9:21], atol=1e-3)


def test_caches_of_older_versions_stay_good():
    """Which name features by the class that they once were."""
    assert named(FEATURES["mfcc"]()).startswith('["Features", {')
    assert named(FEATURES["columns"]()).startswith('["Columns", {')


def test_options_of_the_command_line_are_those_that_the_kind_has():
    made = features_of_kind("mfcc", rate=8000, hop=80, height=None, normalise="global", resample=True)
    assert facts_of(made) == {
        "kind": "mfcc", "rate": 8000, "hop": 80, "bins": None, "normalise": "global", "resample": True
    }  # fmt: skip
    assert features_of_kind("mfcc", vtln=7).vtln == 7
    assert features_of_kind() == FEATURES["mfcc"]()
    assert features_of_kind("columns", height=24) == FEATURES["columns"](height=24)
    with pytest.raises(ValueError, match=r"unknown features 'plp': choose one of .*'columns', .*'mfcc'"):
        features_of_kind("plp")


@pytest.mark.parametrize(
    "kind,options,named",
    [
        ("columns", {"rate": 8000, "hop": 80, "resample": True, "vtln": 7}, "`hop`, `rate`, `resample`, `vtln`"),
        ("mfcc", {"height": 24, "layer": 9}, "`height`, `layer`"),
    ],
)
def test_an_option_that_the_kind_does_not_have_is_refused(kind, options, named):
    with pytest.raises(ValueError, match=f"{named}: the features '{kind}' have no such option; they have"):
        features_of_kind(kind, **options)


def test_the_help_names_every_kind(unitdisc):
    told = unitdisc("features", "--help").out
    assert all(kind in told for kind in FEATURES)


def test_one_more_kind_is_a_class_and_its_line(network, tiny_corpus, tmp_path):
    """It is trained on, cached, encoded with, inspected and written by `unitdisc features` like any other."""
    options = settings(features__kind="network", features__layer=3, features__normalise="speaker")[1::2]
    for folder in ("one", "two"):  # the second reads what the first computed
        train("small", tiny_corpus, tmp_path / folder, options, access=CorpusAccess(tmp_path / "cache"), device="cpu")
    weights = [(tmp_path / folder / "model.safetensors").read_bytes() for folder in ("one", "two")]
    assert weights[0] == weights[1]
    assert Experiment.read(tmp_path / "one").options["features"] == {
        "kind": "network", "layer": 3, "normalise": "speaker", "resample": False
    }  # fmt: skip
    stride = inspect(tmp_path / "one")["latents per second"] / (16_000 / HOP)
    assert 1 / stride == round(1 / stride)
    encode(tmp_path / "one", tiny_corpus, tmp_path / "encodings", PROBE_POINTS, device="cpu")
    write_features(tiny_corpus, tmp_path / "plain", features_class("network")(layer=3))
    utterance = listed(tiny_corpus)[0]
    frames = Encodings.open(tmp_path / "plain")[utterance.id].frames
    np.testing.assert_array_equal(frames, NetworkFeatures(layer=3)(NetworkFeatures().signal(utterance)))
    told = json.loads((tmp_path / "plain" / "encodings.json").read_text())
    assert told["features"] == asdict(NetworkFeatures(layer=3))


def test_a_decoder_that_cannot_predict_beside_them_is_refused(network):
    options = {"features": {"kind": "network"}, "decoder": {"kind": "pixelcnn"}}
    with pytest.raises(
        ConfigError, match=r"'pixelcnn' predicts line images: set features.kind to 'columns', or choose"
    ):
        Experiment(options, ["s"], {}).target()
    options = {"features": {"kind": "columns"}, "decoder": {"kind": "frames"}}
    with pytest.raises(ConfigError, match=r"predicts recordings: set features.kind to one of .*'mfcc', 'network'"):
        Experiment(options, ["s"], {}).target()
