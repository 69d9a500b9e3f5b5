"""eval/resyntheses.py: originals are as near to themselves as can be, and what differs is told apart."""

import json
import runpy
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tiny import listed, make_corpus, make_lines

from unitdisc.alignment import Aligner, Alphabet, save
from unitdisc.corpus.manifest import write_manifest
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.media.image import read_image, read_line

EVAL = Path(__file__).parent.parent / "eval"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(EVAL))
    return runpy.run_path(str(EVAL / "resyntheses.py"))


@pytest.fixture
def main(script):
    return script["main"]


def copied(corpus: Path, folder: Path) -> Path:
    folder.mkdir()
    for utterance in listed(corpus):
        kind = Path(utterance.path).suffix
        shutil.copy(utterance.path, folder / f"{utterance.id}--{utterance.speaker}{kind}")
    return folder


def with_texts(corpus: Path) -> Path:
    write_manifest(corpus, [replace(utterance, text="abca") for utterance in listed(corpus)])
    return corpus


def reader(folder: Path, features) -> Path:
    torch.manual_seed(0)
    folder.mkdir()
    save(Aligner.new(features, Alphabet.of(["abc"]), {"prior": 0.3}, recurrent=4), folder)
    return folder


def test_recordings_are_nothing_apart_from_themselves(main, tmp_path, capsys):
    corpus = with_texts(make_corpus(tmp_path / "corpus", 3))
    same, other = copied(corpus, tmp_path / "same"), copied(corpus, tmp_path / "other")
    for path in other.iterdir():
        wave, rate = soundfile.read(path)
        soundfile.write(path, np.random.default_rng(0).permuted(wave), rate)
    aligner = reader(tmp_path / "reader", AcousticFeatures("log-mel", 16000, 160, 40, normalise="utterance"))
    found = main([str(corpus), str(same), str(other), "--reader", str(aligner), "--output", str(tmp_path / "x.json")])
    near, far = found[str(same)], found[str(other)]
    assert (
        near["utterances"] == 3
        and near["dB"] == near["periodicity"] == 0
        and near["variance"] == 1
        and near["CER"] == near["real"]
    )
    assert far["dB"] > 3 and far["variance"] != 1
    assert json.loads((tmp_path / "x.json").read_text()) == found
    assert capsys.readouterr().out.startswith("|  | utterances | dB | variance | periodicity | CER | real |")


def test_what_repeats_itself_is_told_from_noise(script):
    """A tone of 100 Hz whose phases are lost has the energies that it had, and no period."""
    tone = np.sign(np.sin(2 * np.pi * 100 * np.arange(8000) / 16000)).astype(np.float32)
    noise = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    frames = [np.lib.stride_tricks.sliding_window_view(wave, 640)[::160] for wave in (tone, noise)]
    periodic, not_periodic = (script["periodicity"](each, 16000) for each in frames)
    assert (periodic > 0.95).all() and (not_periodic < 0.6).all()
    quiet = np.concatenate([tone, 1e-3 * noise])
    apart = script["periodicity_apart"](quiet, np.concatenate([tone, 0 * noise]), 16000)
    assert len(apart) < 60 and apart.max() < 0.2  # what nobody hears does not count


def test_lines_have_the_ink_of_themselves(main, tmp_path):
    corpus = with_texts(make_lines(tmp_path, 3))
    aligner = reader(tmp_path / "reader", ColumnFeatures(height=16))
    found = main([str(corpus), str(copied(corpus, tmp_path / "same")), "--reader", str(aligner)])
    row = found[str(tmp_path / "same")]
    assert row["ink"] == pytest.approx(1) and row["CER"] == row["real"]


def test_a_folder_of_something_else_is_named(main, tmp_path):
    corpus = make_lines(tmp_path, 2)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match="empty: no file UTTERANCE--SPEAKER"):
        main([str(corpus), str(tmp_path / "empty")])


def test_a_picture_shows_lines_above_what_became_of_them(main, tmp_path):
    """Of those in all folders; the caption, the line, and where they are beside one another nothing else."""
    corpus = make_lines(tmp_path, 3)
    folders = [copied(corpus, tmp_path / name) for name in ("same", "fewer")]
    missing = min(folders[1].iterdir())
    missing.unlink()
    shown = {name: tmp_path / f"{name}.png" for name in ("all", "one")}
    main([str(corpus), *map(str, folders), "--picture", str(shown["all"])])
    main([str(corpus), *map(str, folders), "--picture", str(shown["one"]), "--lines", "1"])
    everything, one = (read_image(path) for path in shown.values())
    shared = [utterance for utterance in listed(corpus) if not missing.name.startswith(f"{utterance.id}--")]
    ink = read_line(shared[0]).T
    rows, columns = ink.shape
    top, second, third = (one[start : start + rows] for start in (0, rows + 4, 2 * (rows + 4)))
    for strip in (top, second, third):
        np.testing.assert_allclose(strip[:, 150 : 150 + columns], 1 - ink, atol=1 / 255)
        assert strip[:, :150].min() < 0.5
    assert not np.array_equal(second[:, :150], third[:, :150])
    assert len(everything) == sum(3 * (line.height + 4) + 8 for line in shared)


def test_a_picture_of_one_folder_shows_lines_in_every_hand(main, tmp_path):
    corpus = make_lines(tmp_path, 2)
    folder = copied(corpus, tmp_path / "same")
    for path in sorted(folder.iterdir()):
        shutil.copy(path, path.with_stem(f"{path.stem.partition('--')[0]}--other"))
    main([str(corpus), str(folder), "--picture", str(tmp_path / "x.png")])
    assert len(read_image(tmp_path / "x.png")) == sum(3 * (line.height + 4) + 8 for line in listed(corpus))


@pytest.mark.parametrize("make", [make_lines, make_corpus])
def test_where_there_is_nothing_to_see_there_is_no_picture(main, tmp_path, make):
    corpus = make(tmp_path / "corpus", 2)
    options = ["--picture", str(tmp_path / "x.png")] + ["--lines", "0"] * (make is make_lines)
    with pytest.raises(SystemExit, match="a picture needs a line image that is in all folders"):
        main([str(corpus), str(copied(corpus, tmp_path / "same")), *options])
    assert not (tmp_path / "x.png").exists()


def test_a_folder_becomes_a_corpus_with_the_texts_of_the_originals(main, tmp_path, capsys):
    corpus = with_texts(make_lines(tmp_path, 3))
    folder, made = copied(corpus, tmp_path / "same"), tmp_path / "made.jsonl"
    main([str(corpus), str(folder), "--corpus", str(made)])
    assert {u.id: u.text for u in listed(made)} == {u.id: u.text for u in listed(corpus)}
    assert {Path(u.path).parent for u in listed(made)} == {folder}
    with pytest.raises(SystemExit):
        main([str(corpus), str(folder), str(folder), "--corpus", str(made)])
    assert "--corpus is made of one folder" in capsys.readouterr().err
