"""A packed corpus sounds, looks and trains like the one it was made of; what is bad is said, what broke off mended."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tiny import RATE, listed, make_corpus, make_lines, record, settings, tree
from typer.testing import CliRunner

from unitdisc.api import shards as verb
from unitdisc.api.encode import encode
from unitdisc.api.shards import PackingOptions, shards
from unitdisc.api.train import train
from unitdisc.commands import app
from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.kaldi import write_kaldi
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.corpus.validation.report import validate
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.loader import batches
from unitdisc.data.signals import Signals
from unitdisc.data.tar_crops import ShardBatches, ShardPlan, places_of
from unitdisc.data.targets import LogMelTarget
from unitdisc.encodings import Encodings
from unitdisc.experiment import ExperimentError
from unitdisc.jobs import Shard
from unitdisc.media.audio import audio_info, read_audio
from unitdisc.media.image import read_line
from unitdisc.media.packing import safe
from unitdisc.media.tars import in_tar, members, samples

pytest_plugins = ["tiny_fixtures"]

SMALL = PackingOptions(max_mb=0.05)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def packed(corpus, tmp_path_factory) -> Path:
    return shards(corpus, tmp_path_factory.mktemp("packed"), SMALL)


def assert_same_sound(before: list[Utterance], after: list[Utterance]) -> None:
    assert [u.id for u in before] == [u.id for u in after]
    for old, new in zip(before, after):
        np.testing.assert_array_equal(read_audio(new), read_audio(old))
        facts = [(u.speaker, u.ticks, u.gender, u.text, u.alignment) for u in (old, new)]
        assert facts[0] == facts[1]


def test_a_packed_corpus_is_the_same_corpus(corpus, packed):
    assert packed.name == corpus.name
    assert_same_sound(listed(corpus), listed(packed))
    assert all(in_tar(utterance.path) for utterance in listed(packed))
    assert validate(packed) == []


def test_shards_stay_below_the_limit(packed):
    tars = sorted((packed.parent / "shards").glob("*.tar"))
    assert len(tars) > 3
    assert tars[0].name == "000000.tar"
    assert all(tar.stat().st_size <= 50_000 for tar in tars)


def test_a_shard_that_grows_beyond_the_limit_becomes_several(tmp_path):
    """Two channels of 24 bits take thrice what was reckoned with."""
    made = []
    for number in range(8):
        path = tmp_path / f"u{number}.wav"
        soundfile.write(path, 0.1 * np.random.default_rng(number).standard_normal((2000, 2)), RATE, subtype="PCM_24")
        made.append(Utterance(path.stem, str(path), None, 2000, RATE))
    write_manifest(tmp_path / "c.jsonl", made)
    after = listed(shards(tmp_path / "c.jsonl", tmp_path / "p", PackingOptions(max_mb=0.045)))
    assert_same_sound(made, after)
    tars = sorted((tmp_path / "p/shards").glob("*.tar"))
    assert {"000000.tar", "000000-1.tar"} <= {tar.name for tar in tars}
    assert all(tar.stat().st_size <= 45_000 for tar in tars)


def test_each_shard_is_a_random_part_with_a_manifest_of_its_own(packed):
    manifests = sorted((packed.parent / "shards").glob("*.jsonl"))
    parts = [listed(manifest) for manifest in manifests]
    assert sorted(u.id for part in parts for u in part) == [u.id for u in listed(packed)]
    assert [u.id for part in parts for u in part] != [u.id for u in listed(packed)]
    assert_same_sound(parts[0], [u for u in listed(packed) if u.id in {each.id for each in parts[0]}])


def test_any_tool_can_read_a_shard(packed):
    """tarfile and soundfile alone: KEY.flac, then KEY.json."""
    utterances = {utterance.id: utterance for utterance in listed(packed)}
    for path in (packed.parent / "shards").glob("*.tar"):
        with tarfile.open(path) as tar:
            names = tar.getnames()
            for sound, text in zip(names[::2], names[1::2], strict=True):
                facts = json.load(tar.extractfile(text))
                assert (sound, text) == (f"{facts['id']}.flac", f"{facts['id']}.json")
                wave, rate = soundfile.read(io.BytesIO(tar.extractfile(sound).read()), dtype="float32")
                np.testing.assert_array_equal(wave, read_audio(utterances[facts["id"]]))
                assert (facts["rate"], facts["speaker"]) == (rate, utterances[facts["id"]].speaker)
                assert [Interval(*i) for i in facts["alignment"]["phone"]] == utterances[facts["id"]].alignment["phone"]


def test_the_same_corpus_gives_the_same_bytes(corpus, packed, tmp_path):
    shards(corpus, tmp_path, SMALL, workers=2)
    assert tree(tmp_path) == tree(packed.parent)


def test_an_interrupted_run_is_completed(corpus, packed, tmp_path, monkeypatch):
    write, calls = verb.write_shard, []

    def killed(*args, **options):
        calls.append(args)
        if len(calls) == 3:
            (tmp_path / "shards" / ".000002.tar.1.tmp").write_bytes(b"half")  # what a kill leaves behind
            (tmp_path / "shards" / "000002.tar").write_bytes(b"no manifest yet")
            raise KeyboardInterrupt
        return write(*args, **options)

    monkeypatch.setattr(verb, "write_shard", killed)
    with pytest.raises(KeyboardInterrupt):
        shards(corpus, tmp_path, SMALL)
    assert not (tmp_path / corpus.name).exists()
    shards(corpus, tmp_path, SMALL)
    assert len(calls) == 3 + len(list((tmp_path / "shards").glob("*.jsonl"))) - 2
    assert tree(tmp_path) == tree(packed.parent)


def test_parts_give_what_one_run_gives(corpus, packed, tmp_path):
    assert shards(corpus, tmp_path, SMALL, access=CorpusAccess(shard=Shard(2, 2))) is None
    assert not (tmp_path / corpus.name).exists()
    assert shards(corpus, tmp_path, SMALL, access=CorpusAccess(shard=Shard(1, 2))) == tmp_path / corpus.name
    assert tree(tmp_path) == tree(packed.parent)


def test_a_folder_of_something_else_is_refused(corpus, packed, tmp_path):
    with pytest.raises(CorpusError, match=r"made in another way \(format differ\)"):
        shards(corpus, packed.parent, PackingOptions(max_mb=0.05, format="wav"))
    other = make_corpus(tmp_path / "other", 3)
    with pytest.raises(CorpusError, match="corpus, utterances differ"):
        shards(other, packed.parent, SMALL)
    (tmp_path / "mine" / "shards").mkdir(parents=True)
    with pytest.raises(CorpusError, match="holds something else"):
        shards(corpus, tmp_path / "mine", SMALL)


KINDS = [
    ("wav", "PCM_16", 1),
    ("wav", "PCM_U8", 1),
    ("wav", "PCM_24", 2),
    ("wav", "ULAW", 1),
    ("wav", "FLOAT", 1),
    ("flac", "PCM_16", 2),
    ("flac", "PCM_24", 1),
    ("ogg", "VORBIS", 1),
    ("mp3", "MPEG_LAYER_III", 1),
]


@pytest.mark.parametrize("suffix,subtype,channels", KINDS)
@pytest.mark.parametrize("form,whole", [("flac", False), ("wav", False), ("flac", True)])
def test_samples_survive(tmp_path, suffix, subtype, channels, form, whole):
    """To the last bit, but where floating-point or lossy ones are rounded to 24 or 16 bits."""
    wave = 0.1 * np.random.default_rng(0).standard_normal((16_000, channels)).clip(-3, 3)
    path = tmp_path / f"long.{suffix}"
    soundfile.write(path, wave, RATE, subtype=subtype)
    first = Utterance("a", str(path), None, 3000, RATE, start=500)
    last = Utterance("b", str(path), None, 8000, RATE, start=7000)
    write_manifest(tmp_path / "c.jsonl", [first, last])
    after = listed(shards(tmp_path / "c.jsonl", tmp_path / "p", PackingOptions(format=form, whole=whole)))
    exact = not (suffix in ("ogg", "mp3") and not whole) and not (subtype == "FLOAT" and form == "flac")
    for old, new in zip((first, last), after):
        assert (new.start != 0) == whole
        tolerance = 0 if exact else 2**-24 if subtype == "FLOAT" else 2**-15
        np.testing.assert_allclose(read_audio(new), read_audio(old), rtol=0, atol=tolerance)
    number = sum(1 for tar in (tmp_path / "p/shards").glob("*.tar") for _ in members(tar))
    assert number == (2 if whole else 4)


def test_entries_of_kaldi_archives_are_packed_alone(tmp_path):
    """A FLAC in an archive does not say where it ends: copied, it would bring the rest of the archive along."""
    contents = []
    for number in range(3):
        record(tmp_path / "u.flac", 6400, number)
        contents.append((tmp_path / "u.flac").read_bytes())
    (tmp_path / "x.ark").write_bytes(b"".join(contents))
    starts = np.cumsum([0, *map(len, contents[:2])])
    made = [Utterance(f"u{start}", f"{tmp_path}/x.ark:{start}", None, 6400, RATE) for start in starts]
    write_manifest(tmp_path / "c.jsonl", made)
    after = listed(shards(tmp_path / "c.jsonl", tmp_path / "p", PackingOptions(whole=True)))
    assert_same_sound(sorted(made, key=lambda u: u.id), after)
    assert (tmp_path / "p/shards/000000.tar").stat().st_size < 1.5 * sum(map(len, contents))


def test_what_flac_cannot_hold_is_said(tmp_path):
    soundfile.write(tmp_path / "loud.wav", np.linspace(-3, 3, 9000), RATE, subtype="FLOAT")
    write_manifest(tmp_path / "c.jsonl", [Utterance("a", str(tmp_path / "loud.wav"), None, 9000, RATE)])
    with pytest.raises(CorpusError, match=r"louder than full scale.*`format` wav"):
        shards(tmp_path / "c.jsonl", tmp_path / "p", PackingOptions())
    after = listed(shards(tmp_path / "c.jsonl", tmp_path / "q", PackingOptions(format="wav")))
    assert np.abs(read_audio(after[0])).max() == 3


def test_a_bad_file_is_left_out_and_said(tmp_path, capsys):
    manifest = make_corpus(tmp_path, 6)
    (tmp_path / "u02.wav").write_bytes((tmp_path / "u02.wav").read_bytes()[:3000])
    (tmp_path / "u03.wav").unlink()
    soundfile.write(tmp_path / "u04.wav", np.zeros(9000), RATE)
    after = listed(shards(manifest, tmp_path / "p", SMALL))
    assert [utterance.id for utterance in after] == ["u00", "u01", "u05"]
    said = capsys.readouterr().err
    for message in ("u02.wav: is truncated", "u03.wav: no such file", "u04 is silent", "3 left out, 3 kept"):
        assert message in said
    before = tree(tmp_path / "p")
    shards(manifest, tmp_path / "p", SMALL)  # finished, but what is missing is said again
    assert "u03.wav: no such file" in capsys.readouterr().err
    assert tree(tmp_path / "p") == before
    with pytest.raises(CorpusError, match=r"u0[234]"):
        shards(manifest, tmp_path / "q", SMALL, access=CorpusAccess(strict=True))
    assert not (tmp_path / "q" / manifest.name).exists()


@pytest.mark.parametrize("bad", [["u01"], [f"u{i:02d}" for i in range(6)]])
def test_what_was_left_out_is_packed_once_it_is_mended(tmp_path, monkeypatch, bad):
    """Only its shards are written again, and there is no manifest meanwhile: it would say where things lay before."""
    manifest = make_corpus(tmp_path, 6)
    for name in bad:
        (tmp_path / f"{name}.wav").rename(tmp_path / f"{name}.away")
    if len(bad) < 6:
        shards(manifest, tmp_path / "p", SMALL)
    else:
        with pytest.raises(CorpusError, match="nothing could be packed"):
            shards(manifest, tmp_path / "p", SMALL)
    for name in bad:
        (tmp_path / f"{name}.away").rename(tmp_path / f"{name}.wav")
    write, written = verb.write_shard, []

    def watched(folder, name, *rest, **options):
        assert not (folder.parent / manifest.name).exists()
        written.append(name)
        return write(folder, name, *rest, **options)

    monkeypatch.setattr(verb, "write_shard", watched)
    shards(manifest, tmp_path / "p", SMALL)
    assert len(written) == (1 if len(bad) == 1 else len(list((tmp_path / "p/shards").glob("*.jsonl"))))
    shards(manifest, tmp_path / "q", SMALL)
    assert tree(tmp_path / "p") == tree(tmp_path / "q")


def test_two_runs_of_the_same_do_not_get_in_each_others_way(corpus, packed, tmp_path, monkeypatch):
    """One that begins while another writes takes nothing from under its hands."""
    write, inside = verb.write_shard, []

    def crossed(folder, name, items, **rest):
        def halfway():
            for number, item in enumerate(items):
                if number == 1 and not inside:
                    inside.append(name)
                    shards(corpus, tmp_path, SMALL, access=CorpusAccess(shard=Shard(1, 3)))
                yield item

        return write(folder, name, halfway(), **rest)

    monkeypatch.setattr(verb, "write_shard", crossed)
    shards(corpus, tmp_path, SMALL)
    assert inside
    assert tree(tmp_path) == tree(packed.parent)


def test_what_cannot_be_is_refused_before_a_folder_is_claimed(unitdisc, corpus, tmp_path):
    for option, value in (("max-mb", "inf"), ("max-mb", "nan"), ("seed", "-1"), ("workers", "0")):
        refused = unitdisc("shards", corpus, tmp_path / "p", f"--{option}", value)
        assert refused.code == 1
        assert f"--{option} {value}" in refused.err
        assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    "name,expected",
    [
        ("p225_001-a", "p225_001-a"),
        ("a.b", "a%2Eb"),
        ("-rf", "%2Drf"),
        ("a%2Eb", "a%252Eb"),
        ("été", "été"),
        ('a:"*?$`', "a%3A%22%2A%3F%24%60"),
    ],
)
def test_names_are_safe(name, expected):
    assert safe(name) == expected


def test_names_of_any_id_stay_apart_and_short(tmp_path):
    names = ["a.b", "a%2Eb", "a_b", "x" * 199, "x" * 200, "..", "字" * 66]
    record(tmp_path / "u.wav", 6400, 0)
    write_manifest(tmp_path / "c.jsonl", [Utterance(n, str(tmp_path / "u.wav"), None, 6400, RATE) for n in names])
    after = shards(tmp_path / "c.jsonl", tmp_path / "p", PackingOptions())
    found = list(samples(tmp_path / "p/shards/000000.tar"))
    assert len({sample.key for sample in found}) == len(names)
    assert all(sorted(sample.members) == ["flac", "json"] and len(sample.key.encode()) < 400 for sample in found)
    assert sorted(utterance.id for utterance in listed(after)) == sorted(names)
    assert max(len(Path(member.name).name.encode()) for member in members(tmp_path / "p/shards/000000.tar")) <= 255


def test_a_kaldi_directory_is_packed(corpus, tmp_path):
    write_kaldi(tmp_path / "kaldi", listed(corpus))
    after = shards(tmp_path / "kaldi", tmp_path / "p", PackingOptions())
    assert after.name == "kaldi.jsonl"
    assert_same_sound(listed(corpus), listed(after))


def test_shards_are_packed_anew(packed, tmp_path):
    again = shards(packed, tmp_path, PackingOptions(max_mb=10, in_order=True))
    assert_same_sound(listed(packed), listed(again))
    assert len(list((tmp_path / "shards").glob("*.tar"))) == 1


@pytest.mark.parametrize("whole", [False, True])
def test_lines_of_handwriting_are_packed(tmp_path, whole):
    manifest = make_lines(tmp_path / "lines", 5)
    lines = listed(manifest)
    part = {"ticks": 40, "alignment": {}, "text": None}
    lines.append(Utterance("part", lines[0].path, "w", start=10, height=lines[0].height, **part))
    write_manifest(manifest, lines)
    after = listed(shards(manifest, tmp_path / "p", PackingOptions(whole=whole)))
    for old, new in zip(sorted(lines, key=lambda line: line.id), after, strict=True):
        np.testing.assert_array_equal(read_line(new), read_line(old))
    problems = validate(tmp_path / "p" / manifest.name)  # that the part has no labels is all there is to say
    assert {(each.severity, each.line) for each in problems} == {("warning", 6)}
    assert len(list(samples(tmp_path / "p/shards/000000.tar"))) == (5 if whole else 6)


def test_the_command_line_packs(corpus, packed, tmp_path):
    arguments = ["shards", str(corpus), str(tmp_path), "--max-mb", "0.05"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.stdout.strip() == str(tmp_path / corpus.name)
    assert tree(tmp_path) == tree(packed.parent)
    assert CliRunner().invoke(app, [*arguments, "--format", "mp3"]).exception.args[0].startswith("`format` mp3")


def overrides(**more) -> list[str]:
    return [part for part in settings(**more) if part != "--set"]


@pytest.fixture(scope="module")
def trained(packed, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train("small", packed, folder, overrides(), device="cpu")
    return folder


def test_a_packed_corpus_is_read_shard_by_shard(trained, corpus, packed, tmp_path, capsys):
    assert json.loads((trained / "experiment.json").read_text())["options"]["training"]["order"] == "shards"
    train("small", corpus, tmp_path / "loose", overrides(), device="cpu")
    train("small", packed, tmp_path / "random", overrides(training__order="random"), device="cpu")
    weights = [(folder / "model.safetensors").read_bytes() for folder in (tmp_path / "loose", tmp_path / "random")]
    assert weights[0] == weights[1] != (trained / "model.safetensors").read_bytes()
    assert "from beginning to end" not in capsys.readouterr().err


@pytest.mark.parametrize("stop", [1, pytest.param(3, marks=pytest.mark.slow), 5])
def test_training_stops_and_goes_on_to_the_same_weights(trained, packed, tmp_path, stop):
    train("small", packed, tmp_path, overrides(training__steps=stop), device="cpu")
    train("small", packed, tmp_path, overrides(training__workers=stop % 2), device="cpu")
    assert (tmp_path / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_two_processes_follow_one_through_the_shards(packed, tmp_path):
    """With weights that stand still, for roundings grow from step to step."""
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m"]
    for name, launched in (("one", []), ("two", launcher)):
        line = [sys.executable, "-m", *launched, "unitdisc", "train", "small", str(packed), str(tmp_path / name)]
        line += ["--device=cpu", *settings(training__learning_rate=1e-12)]
        done = subprocess.run(line, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
    logs = [map(json.loads, (tmp_path / name / "log.jsonl").read_text().splitlines()) for name in ("one", "two")]
    for one, two in zip(*logs, strict=True):
        assert two["losses"] == pytest.approx(one["losses"], rel=1e-5, abs=1e-6)


@pytest.fixture(scope="module")
def batches_of(packed):
    """Makes the batches of the packed corpus for a share of the processes."""
    utterances = listed(packed)
    signals = Signals.fitted(AcousticFeatures(), LogMelTarget(RATE, 160), utterances)
    frames = [signals.frames_in(utterance) for utterance in utterances]

    def make(share: tuple[int, int] = (0, 1)) -> ShardBatches:
        plan = ShardPlan(frames, places_of(utterances), 4, 16, 2, seed=0)
        return ShardBatches(utterances, signals, plan, 8, ["s0", "s1", "s2", "s3"], share)

    return make


def test_processes_share_a_batch(batches_of):
    for step in range(4):
        whole, parts = batches_of()[step], [batches_of((rank, 2))[step] for rank in range(2)]
        assert torch.equal(torch.cat([part.target for part in parts]), whole.target)
        assert torch.equal(torch.cat([part.speakers for part in parts]), whole.speakers)


def test_workers_change_nothing(batches_of):
    alone, helped = list(batches(batches_of(), 2, 8, 0)), list(batches(batches_of(), 2, 8, 2))
    assert len(alone) == len(helped) == 6
    assert all(torch.equal(a.target, b.target) and torch.equal(a.features, b.features) for a, b in zip(alone, helped))


def test_what_comes_next_is_read_before_it_is_needed(batches_of):
    data, read = batches_of(), []
    load, data.load = data.load, lambda index: (read.append(index), load(index))[1]
    for step in range(data.plan.batches_per_epoch):
        data[step]
    assert read == list(
        dict.fromkeys(index for s in range(data.plan.batches_per_epoch) for index in data.plan.arrivals(s))
    )


def test_the_order_does_not_change_on_the_way(corpus, packed, tmp_path):
    train("small", corpus, tmp_path, overrides(training__steps=1), device="cpu")
    with pytest.raises(ExperimentError, match=r"differs in training\.order"):
        train("small", packed, tmp_path, overrides(), device="cpu")
    experiment = json.loads((tmp_path / "experiment.json").read_text())
    del experiment["options"]["training"]["order"]  # as before there was a choice
    (tmp_path / "experiment.json").write_text(json.dumps(experiment))
    train("small", corpus, tmp_path, overrides(training__steps=2), device="cpu")


def test_encodings_are_those_of_the_files(trained, corpus, packed, tmp_path):
    for name, manifest in (("loose", corpus), ("packed", packed)):
        encode(trained, manifest, tmp_path / name, ["bottleneck"], device="cpu")
    loose, same = (Encodings.open(tmp_path / name / "bottleneck") for name in ("loose", "packed"))
    assert list(loose.codes) == list(same.codes) != []
    for before, after in zip(loose, same):
        np.testing.assert_array_equal(before.frames, after.frames)


def test_manifests_may_be_moved_with_their_shards(packed, tmp_path):
    shutil.copytree(packed.parent, tmp_path / "elsewhere")
    moved = listed(tmp_path / "elsewhere" / packed.name)
    assert all(str(tmp_path) in utterance.path for utterance in moved)
    assert audio_info(moved[0].path) == audio_info(next(read_manifest(packed)).path)
