"""unitdisc normalise: fitted here, applied there, completed if interrupted, and refused where it does not fit."""

import json
import shutil

import numpy as np
import pytest
from tiny import make_corpus

import unitdisc as library
from unitdisc.adaptation.adaptation import FILE, Adaptation
from unitdisc.adaptation.base import AdaptationError
from unitdisc.api import normalise as verb
from unitdisc.clustering.codebook_files import kind_of_frames
from unitdisc.corpus import CorpusError
from unitdisc.corpus.manifest import write_manifest
from unitdisc.encodings import Encoding, Encodings, EncodingsError, EncodingsWriter, read_settings

pytest_plugins = ["tiny_fixtures"]

STEPS = "standardise:speaker,affine:4,(posteriorgram:4+lda:3:1:components=4),smooth"


@pytest.fixture(scope="module")
def mfcc(tmp_path_factory):
    """MFCC of the small corpus, and its manifest."""
    home = tmp_path_factory.mktemp("mfcc")
    manifest = make_corpus(home)
    return library.features(manifest, home / "mfcc", library.AcousticFeatures(normalise="none")), manifest


def arrays_in(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.npy"))}


def test_fitted_here_and_applied_there(mfcc, tmp_path):
    """The speakers of the very frames it was fitted to come out the same with `like`, be it the folder or the file."""
    frames, manifest = mfcc
    done = library.normalise(frames, manifest, tmp_path / "a", STEPS, threads=1)
    for name, like in (("b", tmp_path / "a"), ("c", tmp_path / "a" / FILE)):
        again = library.normalise(frames, manifest, tmp_path / name, like=like, threads=2)
        assert again.checksum == done.checksum
        assert arrays_in(tmp_path / name) == arrays_in(tmp_path / "a")
        assert read_settings(tmp_path / name) == read_settings(tmp_path / "a")
    first, before = Encodings.open(tmp_path / "a"), Encodings.open(frames)
    assert [*first.codes] == [*before.codes]
    for encoding in first:
        assert encoding.frames.shape == (len(before[encoding.utterance].frames), done.dim == 7 and 7)
        np.testing.assert_array_equal(encoding.centres, before[encoding.utterance].centres)
    said = read_settings(tmp_path / "a")["normalised"]
    assert [each["steps"] for each in said] == [STEPS] and said[0]["adaptation"] == done.checksum
    assert kind_of_frames(first.settings) != kind_of_frames(before.settings)


def test_it_goes_on_where_it_was_interrupted(mfcc, tmp_path, monkeypatch):
    frames, manifest = mfcc
    library.normalise(frames, manifest, tmp_path / "whole", STEPS)
    shutil.copytree(tmp_path / "whole", tmp_path / "torn")
    (tmp_path / "torn/units.jsonl").rename(tmp_path / "torn/units.jsonl.part")
    first = sorted((tmp_path / "torn").glob("*.npy"))[0]
    first.unlink()
    fitted, written = [], []
    monkeypatch.setattr(Adaptation, "fitted", lambda *given: fitted.append(given))
    real = Adaptation.__call__
    monkeypatch.setattr(Adaptation, "__call__", lambda self, *given: written.append(given) or real(self, *given))
    library.normalise(frames, manifest, tmp_path / "torn", STEPS)
    assert not fitted and 0 < len(written) < len(Encodings.open(frames))
    assert arrays_in(tmp_path / "torn") == arrays_in(tmp_path / "whole")


def test_what_lies_in_the_folder_is_not_taken_for_what_is_asked(mfcc, tmp_path):
    frames, manifest = mfcc
    library.normalise(frames, manifest, tmp_path / "a", "whiten:half")
    with pytest.raises(EncodingsError, match="made in another way"):
        library.normalise(frames, manifest, tmp_path / "a", "whiten:whole")
    write_manifest(tmp_path / "some.jsonl", library.read_corpus(manifest)[:5])
    with pytest.raises(EncodingsError, match=r"made in another way \(normalised differ"):
        library.normalise(frames, tmp_path / "some.jsonl", tmp_path / "a", "whiten:half")
    with pytest.raises(ValueError, match="holds the frames"):
        library.normalise(frames, manifest, frames, "whiten")


def test_frames_that_changed_are_fitted_anew(mfcc, tmp_path):
    """Though the steps are the same and the folder has an adaptation: its frames are not these."""
    frames, manifest = mfcc
    shutil.copytree(frames, tmp_path / "mfcc")
    first = library.normalise(tmp_path / "mfcc", manifest, tmp_path / "a", "whiten")
    shutil.move(tmp_path / "a" / FILE, tmp_path / FILE)
    shutil.rmtree(tmp_path / "a")
    (tmp_path / "a").mkdir()
    shutil.move(tmp_path / FILE, tmp_path / "a" / FILE)
    path = sorted((tmp_path / "mfcc").glob("*.npy"))[0]
    np.save(path, np.load(path) + 1)
    again = library.normalise(tmp_path / "mfcc", manifest, tmp_path / "a", "whiten")
    assert again.checksum != first.checksum


def test_the_affine_step_is_taken_once(mfcc, tmp_path):
    frames, manifest = mfcc
    library.normalise(frames, manifest, tmp_path / "a", "affine:4")
    with pytest.raises(AdaptationError, match="went through the affine step before"):
        library.normalise(tmp_path / "a", manifest, tmp_path / "b", "smooth,affine:4")
    library.normalise(tmp_path / "a", manifest, tmp_path / "b", "whiten")
    assert len(read_settings(tmp_path / "b")["normalised"]) == 2


def test_frames_of_other_systems_and_of_other_kinds(mfcc, tmp_path):
    frames, manifest = mfcc
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for path in frames.glob("*.npy"):
        shutil.copy(path, foreign)
    options = {"frame_rate": 100.0}
    library.normalise(foreign, manifest, tmp_path / "a", "standardise,posteriorgram:4", **options)
    library.normalise(frames, manifest, tmp_path / "own", "standardise,posteriorgram:4")
    assert arrays_in(tmp_path / "a") == arrays_in(tmp_path / "own")
    assert Encodings.open(tmp_path / "a")["u00"].centres == pytest.approx(Encodings.open(frames)["u00"].centres)
    with pytest.raises(AdaptationError, match="only their dimensions could be compared"):
        library.normalise(foreign, manifest, tmp_path / "b", like=tmp_path / "own", strict=True, **options)
    mel = library.features(manifest, tmp_path / "mel", library.AcousticFeatures("log-mel", bins=39, normalise="none"))
    with pytest.raises(AdaptationError, match=r"was fitted to other frames than those of .*kind: mfcc there, log-mel"):
        library.normalise(mel, manifest, tmp_path / "c", like=tmp_path / "own")


def test_what_is_missing_is_said_or_refused(mfcc, tmp_path, capsys):
    frames, manifest = mfcc
    shutil.copytree(frames, tmp_path / "mfcc")
    (tmp_path / "mfcc/units.jsonl").unlink()
    (tmp_path / "mfcc/u01.npy").unlink()
    with pytest.raises(CorpusError, match=r"1 of .* utterances have no frames, the first: u01"):
        library.normalise(tmp_path / "mfcc", manifest, tmp_path / "a", "smooth", strict=True)
    library.normalise(tmp_path / "mfcc", manifest, tmp_path / "a", "smooth")
    assert "left out: u01 has no encoding" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"either `steps`.* or `like`"):
        library.normalise(frames, manifest, tmp_path / "b")
    with pytest.raises(ValueError, match="`threads` must be 1"):
        library.normalise(frames, manifest, tmp_path / "b", "smooth", threads=0)


def test_frames_are_put_side_by_side_at_the_times_of_the_first(mfcc, tmp_path):
    """Those of 20 ms as 10 ms need them, and the other way about; steps are fitted to all dimensions."""
    frames, manifest = mfcc
    slow = tmp_path / "slow"
    settings = read_settings(frames)
    writer = EncodingsWriter(slow, settings | {"stride": 320, "offset": 237, "features": {"kind": "slow"}})
    for each in Encodings.open(frames):
        values = each.frames[::2, :5] + 1
        writer.write(Encoding(each.utterance, 237 + 320 * np.arange(len(values)), values), True)
    writer.finish()
    for first, other in ((frames, slow), (slow, frames)):
        folder = tmp_path / f"{first.name}-first"
        done = library.normalise(first, manifest, folder, "smooth:1", beside=[other])
        assert done.dim == 44
        ours, theirs = Encodings.open(first), Encodings.open(other)
        for found in Encodings.open(folder):
            one, two = ours[found.utterance], theirs[found.utterance]
            columns = [np.interp(one.centres, two.centres, column) for column in two.frames.T]
            np.testing.assert_array_equal(found.centres, one.centres)
            np.testing.assert_allclose(found.frames, np.concatenate([one.frames, np.stack(columns, 1)], 1), atol=1e-4)
    library.normalise(frames, manifest, tmp_path / "alone", "smooth:1")
    assert kind_of_frames(read_settings(tmp_path / "mfcc-first")) != kind_of_frames(read_settings(tmp_path / "alone"))
    library.normalise(frames, manifest, tmp_path / "again", beside=[slow], like=tmp_path / "mfcc-first")
    assert arrays_in(tmp_path / "again") == arrays_in(tmp_path / "mfcc-first")
    shutil.copytree(slow, tmp_path / "other")
    (tmp_path / "other/encodings.json").write_text(json.dumps(read_settings(slow) | {"features": {"kind": "another"}}))
    with pytest.raises(AdaptationError, match=r"was fitted to other frames .*\(beside: "):
        library.normalise(frames, manifest, tmp_path / "b", beside=[tmp_path / "other"], like=tmp_path / "mfcc-first")
    with pytest.raises(AdaptationError, match=r"44 dimensions, but those of .* have 39"):
        library.normalise(frames, manifest, tmp_path / "b", like=tmp_path / "mfcc-first")


def test_what_cannot_be_put_side_by_side_is_refused(mfcc, tmp_path, unitdisc):
    frames, manifest = mfcc
    shutil.copytree(frames, tmp_path / "short")
    path = tmp_path / "short/u03.npy"
    np.save(path, np.load(path)[:-3])
    told = unitdisc("normalise", frames, manifest, tmp_path / "a", "--steps", "smooth", "--beside", tmp_path / "short")
    assert told.code and "the frames of u03 begin later than those of" in told.err and "or end before" in told.err
    with pytest.raises(ValueError, match="holds the frames; choose another folder"):
        library.normalise(frames, manifest, tmp_path / "short", "smooth", beside=[tmp_path / "short"])
    library.normalise(frames, manifest, tmp_path / "affine", "affine:4")
    with pytest.raises(AdaptationError, match="affine: its frames went through the affine step before"):
        library.normalise(frames, manifest, tmp_path / "b", "affine:4", beside=[tmp_path / "affine"])
    library.normalise(frames, manifest, tmp_path / "c", "smooth", beside=[tmp_path / "affine"])


def test_the_command(mfcc, tmp_path, unitdisc):
    frames, manifest = mfcc
    told = unitdisc("normalise", frames, manifest, tmp_path / "a", "--steps", "standardise, posteriorgram:4")
    assert told.code == 0 and "4 dimensions" in told.out, told.err
    told = unitdisc("normalise", frames, manifest, tmp_path / "b")
    assert told.code == 1 and "give either --steps" in told.err and "or --like" in told.err
    assert json.loads((tmp_path / "a/encodings.json").read_text())["features"]["kind"] == "mfcc"
    assert verb.FILE == "adaptation.safetensors" and (tmp_path / "a" / FILE).exists()
