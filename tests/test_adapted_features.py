"""Networks that learn from adapted features: kept with the experiment, the same when resumed, for new speakers too."""

from dataclasses import replace

import numpy as np
import pytest
from tiny import line_settings, make_lines, settings

import unitdisc as library
from unitdisc.adaptation.adaptation import FILE, AdaptedSpeakers
from unitdisc.adaptation.base import AdaptationError
from unitdisc.api.train import train
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.data.signals import Signals
from unitdisc.data.targets import LogMelTarget
from unitdisc.encodings import Encodings
from unitdisc.experiment import Experiment
from unitdisc.experiment.experiment import ExperimentError

pytest_plugins = ["tiny_fixtures"]

STEPS = "affine:4"


def options(**more) -> list[str]:
    return settings(features__adaptation=f"'{STEPS}'", **more)[1::2]


@pytest.fixture(scope="module")
def adapted(tiny_corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapted") / "exp"
    train("small", tiny_corpus, folder, options(), device="cpu")
    return folder


def test_frames_are_those_of_the_step(adapted, tiny_corpus, tmp_path):
    """As `unitdisc normalise` makes them of the same frames, and in single precision."""
    signals = Experiment.read(adapted).signals(adapted)
    plain = replace(signals, adaptation=None)
    for utterance in library.read_corpus(tiny_corpus)[:4]:
        key = f"speaker/{utterance.speaker}"
        frames = plain.features_of(utterance)
        expected = np.pad(frames, ((0, 0), (0, 1)), constant_values=1) @ signals.adaptation.own[key]["0.transform"]
        np.testing.assert_allclose(signals.features_of(utterance), expected, atol=1e-5)
        assert signals.features_of(utterance).dtype == np.float32
        assert not signals.can_be_cut(utterance)


def test_a_run_that_stopped_goes_on_to_the_same_bits(adapted, tiny_corpus, tmp_path, monkeypatch):
    stopped = tmp_path / "stopped"
    train("small", tiny_corpus, stopped, options(training__steps=2), device="cpu")
    kept = (stopped / FILE).read_bytes()
    monkeypatch.setattr(Signals, "fitted", None)  # it is not fitted again
    train("small", tiny_corpus, stopped, options(training__workers=1), device="cpu")
    assert (stopped / FILE).read_bytes() == kept == (adapted / FILE).read_bytes()
    assert (stopped / "model.safetensors").read_bytes() == (adapted / "model.safetensors").read_bytes()


def test_speakers_who_are_new_and_unknown(adapted, tiny_corpus, tmp_path):
    signals = Experiment.read(adapted).signals(adapted)
    utterances = library.read_corpus(tiny_corpus)
    new = [replace(utterance, speaker="new") for utterance in utterances[:2]]
    more = signals.with_speakers_of(new)
    plain = replace(more, adaptation=None)
    raw = np.concatenate([plain.raw_features(utterance) for utterance in new])
    np.testing.assert_allclose(more.feature_normaliser.groups["new"].mean, raw.mean(0, dtype=np.float64), rtol=1e-5)
    own = signals.adaptation.adaptation.of_speaker([plain.features_of(utterance) for utterance in new])
    np.testing.assert_array_equal(more.adaptation.own["speaker/new"]["0.transform"], own["0.transform"])
    assert more.adaptation.own.keys() - {"speaker/new"} == signals.adaptation.own.keys()
    nobody = replace(utterances[0], speaker=None)
    alone = signals.adaptation.adaptation.of_speaker([plain.features_of(nobody)])
    expected = signals.adaptation.adaptation(plain.features_of(nobody), alone)
    np.testing.assert_array_equal(signals.features_of(nobody), expected)
    library.encode(adapted, tiny_corpus, tmp_path / "encodings", ["encoder"], device="cpu")
    assert len(Encodings.open(tmp_path / "encodings/encoder")) == len(utterances)


@pytest.mark.parametrize("normalise", ["none", "speaker"])
def test_features_are_computed_once_while_steps_are_fitted(normalise, tiny_corpus, monkeypatch):
    computed, real = [], AcousticFeatures.__call__

    def count(self, wave, *first):
        if len(wave):  # of none, how wide frames are
            computed.append(self)
        return real(self, wave, *first)

    monkeypatch.setattr(AcousticFeatures, "__call__", count)
    utterances = library.read_corpus(tiny_corpus)
    features = AcousticFeatures(normalise=normalise, adaptation=STEPS)
    signals = Signals.fitted(features, LogMelTarget(16_000, 160), utterances)
    assert computed.count(features) == len(utterances)
    signals.with_speakers_of([replace(utterance, speaker="new") for utterance in utterances])
    assert computed.count(features) == 2 * len(utterances)
    signals.features_of(utterances[0])
    assert computed.count(features) == 2 * len(utterances) + 1  # nothing is kept beyond


def test_what_it_takes_is_kept_or_refused(adapted, tmp_path):
    known = AdaptedSpeakers.read(adapted / FILE)
    known.write(tmp_path / FILE)
    assert (tmp_path / FILE).read_bytes() == (adapted / FILE).read_bytes()
    for path in adapted.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    experiment = Experiment.read(tmp_path)
    (tmp_path / FILE).write_bytes((adapted / FILE).read_bytes()[:300])
    with pytest.raises(ExperimentError, match=r"adaptation\.safetensors: is no adaptation, or damaged"):
        experiment.signals(tmp_path)
    known.adaptation.write(tmp_path / FILE)
    with pytest.raises(ExperimentError, match="it lists no speakers"):
        experiment.signals(tmp_path)


def test_steps_may_change_how_wide_frames_are(tiny_corpus, tmp_path):
    """With warps, too: mixtures of warped, normalised frames are what the encoder reads."""
    wide = settings(features__adaptation="'standardise,posteriorgram:6'", features__vtln=3)[1::2]
    train("small", tiny_corpus, tmp_path / "exp", wide, device="cpu")
    signals = Experiment.read(tmp_path / "exp").signals(tmp_path / "exp")
    frames = signals.features_of(library.read_corpus(tiny_corpus)[0])
    assert frames.shape[1] == signals.features.dim == 6
    np.testing.assert_allclose(np.square(frames).sum(1), 1, rtol=1e-5)


def test_writers_of_lines(tmp_path):
    lines = make_lines(tmp_path)
    train(
        "small-handwriting", lines, tmp_path / "exp", line_settings(features__adaptation="'standardise,affine:3'")[1::2]
    )
    signals = Experiment.read(tmp_path / "exp").signals(tmp_path / "exp")
    assert {*signals.adaptation.own} == {"speaker/w0", "speaker/w1", "speaker/w2"}
    assert np.isfinite(signals.features_of(library.read_corpus(lines)[0])).all()


def test_what_cannot_be_is_refused(tiny_corpus, tmp_path):
    with pytest.raises(AdaptationError, match="there is no step 'nonsense'"):
        AcousticFeatures(adaptation="nonsense")
    with pytest.raises(AdaptationError, match="lda finds 3 directions"):
        ColumnFeatures(adaptation="lda:9:components=4")
    with pytest.raises(ValueError, match=r"`options\.adaptation` is for the input of models"):
        library.features(tiny_corpus, tmp_path / "f", AcousticFeatures(adaptation=STEPS))
    assert AcousticFeatures(adaptation="lda:20").dim == 20
