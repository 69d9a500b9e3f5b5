"""Voices by the network of Silero: in blocks as at once, at other rates, against a plain loop and its own program."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from field_folders import RATE, bursts, write
from safetensors.torch import save_file

from unitdisc import CutOptions, PrepareOptions, prepare
from unitdisc.corpus import CorpusError
from unitdisc.prep.recordings import silero
from unitdisc.prep.recordings.hearing import hear
from unitdisc.prep.recordings.pauses import FRAMES, Track, voices
from unitdisc.prep.recordings.silero import CHUNK, CONTEXT, SileroDetector, SileroNetwork


@pytest.fixture
def network(monkeypatch):
    """One of random weights, in the place of that of the package."""
    torch.manual_seed(0)
    made = SileroNetwork().eval().requires_grad_(False)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(3)  # so that what it says differs from chunk to chunk
    monkeypatch.setattr(silero, "network", lambda: made)
    return made


def likely(wave: np.ndarray, rate: int = RATE, block: int | None = None) -> np.ndarray:
    detector = SileroDetector(rate, 1)
    for first in range(0, len(wave), block or len(wave)):
        detector.add(wave[first : first + (block or len(wave)), None])
    return detector.likely(rate // FRAMES, len(wave) * FRAMES // rate)[0]


def chunk_by_chunk(network: SileroNetwork, wave: np.ndarray) -> list[float]:
    """As the stream of Silero is heard, each chunk with the end of the one before."""
    before, state, found = np.zeros(CONTEXT, np.float32), (torch.zeros(1, 128), torch.zeros(1, 128)), []
    for first in range(0, len(wave), CHUNK):
        chunk = np.zeros(CHUNK, np.float32)
        chunk[: len(wave[first : first + CHUNK])] = wave[first : first + CHUNK]
        shown = torch.from_numpy(np.concatenate([before, chunk]))[None, None]
        with torch.inference_mode():
            one, state = network(shown, state)
        found.append(one.item())
        before = chunk[-CONTEXT:]
    return found


def noise(seconds: float, rate: int = RATE) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(int(seconds * rate)).astype(np.float32)


def test_blocks_are_heard_as_the_whole_and_as_a_loop_over_chunks(network):
    wave = noise(2.045)  # whose last frames lie in a chunk that is not full
    whole = likely(wave)
    assert np.ptp(whole) > 0.01  # the network says something
    for block in (1601, 512, 100):
        np.testing.assert_allclose(likely(wave, block=block), whole, atol=1e-6)
    chunks = np.array(chunk_by_chunk(network, wave))
    centres = (np.arange(len(whole)) + 0.5) * RATE / FRAMES
    np.testing.assert_allclose(whole, chunks[(centres // CHUNK).astype(int)], atol=1e-5)


def test_channels_do_not_hear_each_other(network):
    waves = np.stack([noise(1), noise(1)[::-1]], axis=1)
    detector = SileroDetector(RATE, 2)
    detector.add(waves)
    both = detector.likely(RATE // FRAMES, FRAMES)
    for channel in range(2):
        np.testing.assert_allclose(both[channel], likely(waves[:, channel].copy()), atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_other_rates_are_brought_to_its_own(network, rate):
    wave = noise(1.5, rate)
    found = likely(wave, rate)
    assert found.shape == (150,)
    np.testing.assert_allclose(likely(wave, rate, block=4000), found, atol=1e-4)


def test_a_recording_shorter_than_a_chunk_and_none_at_all(network):
    assert likely(noise(0.02)).shape == (2,)
    assert SileroDetector(RATE, 3).likely(160, 0).shape == (3, 0)


def test_voices_begin_where_likely_and_last_where_not_unlikely():
    told = np.full(500, 0.1, np.float32)
    told[100:200], told[120:130], told[300:360] = 0.4, 0.9, 0.4  # the second is never likely
    track = Track(np.full(500, -30.0), likely=told)
    assert voices(track).tolist() == [[100, 200]]
    others = np.zeros(500, bool)
    others[110:140] = True
    assert voices(track._replace(others=others)).tolist() == []


def test_prepare_cuts_where_the_network_hears_voices(network, monkeypatch, tmp_path):
    def loud(self, chunks, state):
        return (chunks.square().mean(2) > 1e-3).float(), state

    monkeypatch.setattr(SileroNetwork, "forward", loud)
    source = tmp_path / "raw" / "ann"
    source.mkdir(parents=True)
    soundfile.write(source / "long.wav", bursts(30, [(1, 8), (10, 18), (21, 29)]), RATE)
    result = prepare(tmp_path / "raw", tmp_path / "corpus", PrepareOptions(cut=CutOptions(12, vad="silero")))
    assert len(result.manifests["all"].read_text().splitlines()) == 3


def test_a_track_is_that_of_its_channel_or_of_the_mean_of_all(network, tmp_path):
    waves = np.stack([noise(2), noise(2)[::-1]], axis=1) / 8
    soundfile.write(tmp_path / "two.wav", waves, RATE, subtype="FLOAT")
    heard = hear(tmp_path / "two.wav", "silero")
    for channel, wave in ((0, waves[:, 0]), (1, waves[:, 1]), (None, waves.mean(1))):
        np.testing.assert_allclose(heard.track(channel, apart=True).likely, likely(wave.copy()), atol=1e-5)
    assert hear(tmp_path / "two.wav").track(0, apart=True).likely is None


def test_without_the_package_it_says_what_to_install(monkeypatch, tmp_path):
    """And nothing is prepared, rather than all but what is long."""
    silero.network.cache_clear()
    monkeypatch.setattr(silero, "find_spec", lambda name: None)
    write(tmp_path / "raw" / "short.wav")
    with pytest.raises(CorpusError, match=r"silero-vad.*not installed"):
        prepare(tmp_path / "raw", tmp_path / "corpus", PrepareOptions(cut=CutOptions(vad="silero")))
    assert not (tmp_path / "corpus" / "all.jsonl").exists()
    with pytest.raises(CorpusError, match=r"silero-vad.*not installed.*unitdisc\[vad\]"):
        SileroDetector(RATE, 1)
    with pytest.raises(ValueError, match="`vad` loudness: must be one of energy, silero"):
        CutOptions(vad="loudness")


def test_weights_are_read_and_nothing_is_imported(monkeypatch, tmp_path):
    silero.network.cache_clear()
    folder = tmp_path / "silero_vad"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError")
    saved = SileroNetwork()
    save_file(saved.state_dict(), folder / "data" / "silero_vad_16k.safetensors")
    monkeypatch.syspath_prepend(tmp_path)
    loaded = silero.network()
    silero.network.cache_clear()
    assert torch.equal(loaded.lstm_cell.weight_hh, saved.lstm_cell.weight_hh)


def test_the_network_is_that_of_silero():
    """Against its own TorchScript, with the weights of that."""
    if (found := find_spec("silero_vad")) is None:
        pytest.skip("silero-vad is not installed")
    own = torch.jit.load(Path(found.submodule_search_locations[0]) / "data" / "silero_vad.jit")
    names = {"stft_conv.weight": "stft.forward_basis_buffer"}
    for part, theirs in (
        *((f"conv{n + 1}", f"encoder.{n}.reparam_conv") for n in range(4)),
        ("final_conv", "decoder.decoder.2"),
    ):
        names |= {f"{part}.{kind}": f"{theirs}.{kind}" for kind in ("weight", "bias")}
    names |= {f"lstm_cell.{one}": f"decoder.rnn.{one}" for one in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    state, network = own.state_dict(), SileroNetwork()
    network.load_state_dict({name: state[f"_model.{theirs}"] for name, theirs in names.items()})
    wave = bursts(3, [(1, 2)])
    chunks = torch.from_numpy(np.resize(wave, (len(wave) // CHUNK, 1, CHUNK)).astype(np.float32))
    own.reset_states()
    with torch.inference_mode():
        theirs = [own(chunk, RATE).item() for chunk in chunks]
    np.testing.assert_allclose(chunk_by_chunk(network, chunks.numpy().ravel()), theirs, atol=1e-5)
