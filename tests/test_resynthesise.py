"""unitdisc resynthesise draws utterances together, and writes for each what it would have written for it alone."""

import errno
from pathlib import Path

import pytest
import torch
from tiny import RATE, line_settings, listed, make_corpus, make_lines, record, settings, tree

from unitdisc.api import resynthesise as verb
from unitdisc.api.resynthesise import Counted, Drawing, file_name, groups, resynthesise
from unitdisc.api.train import train
from unitdisc.corpus import Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.data.signals import Signals
from unitdisc.decoders import DrawsInSteps
from unitdisc.decoders.sampling.batched import sample_several
from unitdisc.experiment import ExperimentError, load

pytest_plugins = ["tiny_fixtures"]

DECODERS = {
    "frames": [],
    "wavenet": ["decoder.kind=wavenet", "decoder.skip_channels=8", "decoder.cycle=2"],
    "columns": ["decoder.kind=columns"],
    "pixelcnn": ["decoder.kind=pixelcnn"],
    "deconv": ["decoder.kind=deconv"],
    "flow": ["decoder.kind=flow"],
    "flow-columns": ["decoder.kind=flow-columns"],
    "diffusion": ["decoder.kind=diffusion", "decoder.steps=4"],
    "diffusion-columns": ["decoder.kind=diffusion-columns", "decoder.steps=4"],
    "vocoder": ["decoder.kind=vocoder"],
    "flow-wave": ["decoder.kind=flow-wave"],
}
OF_SAMPLES = ("wavenet", "vocoder", "flow-wave")
LINES = ("columns", "pixelcnn", "deconv", "flow-columns", "diffusion-columns")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory) -> Path:
    """Four of a fifth to a third of a second, not in the order of their lengths."""
    folder = tmp_path_factory.mktemp("recordings")
    utterances = []
    for i, ticks in enumerate((4300, 3200, 5400, 3750)):
        record(folder / f"u{i}.wav", ticks, i)
        utterances.append(Utterance(f"u{i}", str(folder / f"u{i}.wav"), f"s{i % 3}", ticks, RATE))
    write_manifest(folder / "corpus.jsonl", utterances)
    return folder / "corpus.jsonl"


@pytest.fixture(scope="module")
def lines(tmp_path_factory) -> Path:
    return make_lines(tmp_path_factory.mktemp("lines"), 4)


@pytest.fixture(scope="module", params=DECODERS)
def trained(request, recordings, lines, tmp_path_factory):
    """An experiment with a decoder of this kind, and its corpus."""
    corpus = lines if request.param in LINES else recordings
    options = (line_settings if request.param in LINES else settings)(training__steps=1)[1::2]
    options = [option for option in options if request.param not in OF_SAMPLES or "target.bins" not in option]
    folder = tmp_path_factory.mktemp(request.param) / "experiment"
    preset = "small-handwriting" if request.param in LINES else "small"
    train(preset, corpus, folder, [*options, *DECODERS[request.param]], device="cpu")
    return folder, corpus


def written(trained, folder, **options):
    paths = resynthesise(*trained, folder, device="cpu", **options)
    return [path.name for path in paths], tree(folder)


def one_at_a_time(trained, folder, seed=0):
    """From the definition: every utterance by itself, from the beginning of the random numbers."""
    experiment, model = load(trained[0])
    signals = experiment.signals(trained[0])
    folder.mkdir()
    for utterance in listed(trained[1]):
        features = torch.from_numpy(signals.features_of(utterance))[None]
        with torch.inference_mode():
            units, lengths = model.encode(features, torch.tensor([features.shape[1]]))
            size = units.latents.shape[1] * model.encoder.stride * signals.target.steps_per_frame
            voice = torch.tensor([experiment.speakers.index(utterance.speaker)])
            generator = torch.Generator().manual_seed(seed)
            target = model.resynthesise(units.latents, lengths, voice, size, generator)[0].numpy()
        verb.write(folder / verb.file_name(utterance, utterance.speaker, ""), signals, utterance, target)
    return tree(folder)


def test_together_is_what_alone_is(trained, tmp_path, monkeypatch):
    expected = one_at_a_time(trained, tmp_path / "alone", seed=3)
    for number, (threads, items) in enumerate([(1, 64), (2, 3)]):
        monkeypatch.setattr(torch, "get_num_threads", lambda: threads)  # noqa: B023
        monkeypatch.setattr(verb, "ITEMS_IN_A_GROUP", items)
        names, files = written(trained, tmp_path / str(number), drawing=Drawing(seed=3))
        assert names == list(expected) and files == expected


def test_paths_come_in_the_order_of_the_corpus_and_of_the_voices(trained, tmp_path):
    experiment, _ = load(trained[0])
    voices = experiment.speakers[2::-2]
    names, _ = written(trained, tmp_path / "x", speakers=voices, limit=3)
    kind = "png" if listed(trained[1])[0].is_image else "wav"
    assert names == [f"{u.id}--{voice}.{kind}" for u in listed(trained[1])[:3] for voice in voices]


def test_a_file_that_goes_bad_is_named_and_the_others_are_as_before(tiny_experiment, tmp_path, monkeypatch, unitdisc):
    corpus = make_corpus(tmp_path / "corpus", 5)
    assert unitdisc("resynthesise", tiny_experiment, corpus, tmp_path / "good", "--device", "cpu").code == 0
    usable = verb.usable_table

    def spoilt(*arguments):
        found = usable(*arguments)
        (corpus.parent / "u02.wav").write_bytes(b"RIFF")  # after it was looked at
        return found

    monkeypatch.setattr(verb, "usable_table", spoilt)
    done = unitdisc("resynthesise", tiny_experiment, corpus, tmp_path / "bad", "--device", "cpu")
    assert done.code == 0 and done.err.count("u02.wav") == 1
    assert "1 left out, 4 kept." in done.err and "5/5 utterances" in done.err
    expected = {name: content for name, content in tree(tmp_path / "good").items() if not name.startswith("u02")}
    assert tree(tmp_path / "bad") == expected
    assert [line.rpartition("/")[2] for line in done.out.split()] == list(expected)


def test_every_voice_is_its_own(tiny_line_experiment, tiny_lines, tmp_path):
    trained, alone = (tiny_line_experiment, tiny_lines), {}
    for hand in ("w0", "w2"):
        alone |= written(trained, tmp_path / hand, speakers=[hand], limit=2)[1]
    assert len(set(alone.values())) == 4
    assert written(trained, tmp_path / "both", speakers=["w2", "w0"], limit=2)[1] == alone


def test_temperature_and_seed_reach_the_decoder(tiny_corpus, tiny_experiment, tmp_path, monkeypatch, unitdisc):
    asked = []

    def sample(decoder, items, temperature, finish, tick):
        asked.append((temperature, [item.generator.initial_seed() for item in items]))
        sample_several(decoder, items, temperature, finish, tick)

    monkeypatch.setattr(verb, "sample_several", sample)
    options = ["--limit", "1", "--temperature", "0.25", "--seed", "7", "--device", "cpu"]
    assert unitdisc("resynthesise", tiny_experiment, tiny_corpus, tmp_path / "x", *options).code == 0
    assert asked == [(0.25, [7])]


def test_a_full_disk_ends_it(trained, tmp_path, monkeypatch):
    def write(path, *_):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(verb, "write", write)
    with pytest.raises(OSError, match="No space left"):
        resynthesise(*trained, tmp_path / "x", device="cpu")


@pytest.mark.parametrize("voices,most", [(1, 4), (2, 2), (9, 1)])
def test_groups_are_no_larger_than_memory_allows(tiny_corpus, tiny_experiment, voices, most, monkeypatch):
    experiment, _ = load(tiny_experiment)
    signals, utterances = experiment.signals(tiny_experiment), listed(tiny_corpus)
    monkeypatch.setattr(verb, "ITEMS_IN_A_GROUP", 4)
    found = list(groups(utterances, signals, voices))
    assert max(map(len, found)) == most
    assert sorted(u.id for group in found for u in group) == [u.id for u in utterances]
    monkeypatch.setattr(verb, "ITEMS_IN_A_GROUP", 100)
    monkeypatch.setattr(verb, "FRAMES_IN_A_GROUP", 200)
    for group in groups(utterances, signals, voices):
        frames = [signals.frames_in(utterance) for utterance in group]
        assert len(group) == 1 or voices * len(group) * max(frames) <= 200


def test_steps_are_counted_in_utterances():
    told = []
    counted = Counted(told.append, utterances=3, steps=100)
    for steps in (30, 3, 1, 0, 66):
        counted(steps)
    counted.tell(3)
    assert told == [1, 2]
    counted = Counted(told.append, utterances=3, steps=0)  # none could be read
    counted.tell(3)
    assert told == [1, 2, 3]


def test_recordings_are_read_once_for_all_voices(tiny_corpus, tiny_experiment, tmp_path, monkeypatch):
    read, features_of = [], Signals.features_of
    monkeypatch.setattr(Signals, "features_of", lambda self, u: read.append(u.id) or features_of(self, u))
    resynthesise(tiny_experiment, tiny_corpus, tmp_path / "x", speakers=["s0", "s1"], limit=2, device="cpu")
    assert read == ["u00", "u01"]


def test_names_of_files_have_room_for_every_voice():
    line = Utterance("語" * 66, "a.png", None, 5, height=3)
    names = {file_name(line, voice, "--given-last-50") for voice in ("ann", "語" * 100, "語" * 101)}
    assert len(names) == 3 and all(len(name.encode()) <= 255 for name in names)
    assert f"{line.id}--ann--given-last-50.png" in names


def test_steps_and_sampler_may_be_chosen_where_a_decoder_draws_in_steps(trained, tmp_path):
    _, model = load(trained[0])
    if isinstance(model.decoder, DrawsInSteps):
        found = [
            written(trained, tmp_path / str(number), limit=1, drawing=drawing)[1]
            for number, drawing in enumerate((Drawing(), Drawing(steps=4), Drawing(steps=2), Drawing(sampler="ddpm")))
        ]
        assert found[0] == found[1] and found[0] not in found[2:] and found[2] != found[3]
        with pytest.raises(ValueError, match="sampler is one of ddim"):
            written(trained, tmp_path / "x", drawing=Drawing(sampler="magic"))
    else:
        for drawing in (Drawing(steps=2), Drawing(sampler="ddim")):
            with pytest.raises(
                ExperimentError, match="does not draw in steps, so that `sampler` and `steps` mean nothing"
            ):
                written(trained, tmp_path / "x", drawing=drawing)


def test_steps_and_sampler_reach_the_decoder(tiny_corpus, tmp_path, monkeypatch, unitdisc):
    options = [*settings(training__steps=1), "--set", "decoder.kind=diffusion"]
    assert unitdisc("train", "small", tiny_corpus, tmp_path / "exp", *options, "--device", "cpu").code == 0
    asked = []
    monkeypatch.setattr(verb, "draw_by", lambda model, drawing, folder: asked.append((drawing.sampler, drawing.steps)))
    done = unitdisc(
        *("resynthesise", tmp_path / "exp", tiny_corpus, tmp_path / "out", "--limit", 1, "--device", "cpu"),
        *("--sampler", "heun", "--steps", 3),
    )
    assert done.code == 0 and asked == [("heun", 3)]
    done = unitdisc("likelihood", tmp_path / "exp", tiny_corpus, "--limit", 2, "--device", "cpu")
    assert done.code == 0 and "at most " in done.out
