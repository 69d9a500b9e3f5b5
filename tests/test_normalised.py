"""Frames normalised as they are read: the same as if `unitdisc normalise` had written them, command by command."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from tiny import make_corpus

import unitdisc as library
from unitdisc.adaptation.adaptation import FILE, Adaptation
from unitdisc.adaptation.base import AdaptationError
from unitdisc.clustering.codebook_files import CodebookError
from unitdisc.corpus import CorpusError
from unitdisc.corpus.manifest import write_manifest
from unitdisc.encodings import Encodings, EncodingsError, read_settings
from unitdisc.evaluation import intervals

pytest_plugins = ["tiny_fixtures"]

STEPS = [
    "standardise:speaker",
    "standardise:utterance,whiten:half",
    "standardise:speaker,affine:4,(posteriorgram:4+lda:3:1:components=4),smooth",
]
CODES = library.KMeansOptions(4, sample=100, starts=1, passes=5)
UNITS = library.SegmentOptions(8)
QUICK = library.ProbeOptions(controls=False, training_frames=500)
SOUNDS = library.ItemColumns(context="any")
FEW = library.AbxResources(bootstrap=9)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(intervals, "RESAMPLES", 20)


@pytest.fixture(scope="module")
def mfcc(tmp_path_factory):
    """MFCC of the small corpus, its manifest, and both halves of that; in the second one is of nobody known."""
    home = tmp_path_factory.mktemp("mfcc")
    manifest = make_corpus(home)
    utterances = library.read_corpus(manifest)
    nobody = replace(utterances[-1], speaker=None)
    for name, share in (("even", utterances[::2]), ("odd", [*utterances[1:-1:2], nobody])):
        write_manifest(home / f"{name}.jsonl", share)
    frames = library.features(manifest, home / "mfcc", library.AcousticFeatures(normalise="none"))
    return frames, manifest, home / "even.jsonl", home / "odd.jsonl"


def bytes_in(folder) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(files)}


def numbers_of(scores) -> list:
    return [(speaker, result.error, result.interval, result.triplets) for speaker, result in scores.results.items()]


@pytest.mark.parametrize("steps", STEPS)
def test_abx_is_that_of_the_folder(mfcc, tmp_path, steps):
    frames, manifest, *_ = mfcc
    library.normalise(frames, manifest, tmp_path / "a", steps)
    written = library.abx(tmp_path / "a", manifest, SOUNDS, resources=FEW)
    ours = library.abx(frames, manifest, SOUNDS, resources=FEW, normalise=steps)
    assert numbers_of(ours) == numbers_of(written) != numbers_of(library.abx(frames, manifest, SOUNDS, resources=FEW))
    assert ours.settings["normalised"] == read_settings(tmp_path / "a")["normalised"]


@pytest.mark.parametrize("steps", STEPS)
def test_a_codebook_is_that_of_the_folder(mfcc, tmp_path, steps):
    frames, _, even, odd = mfcc
    library.normalise(frames, even, tmp_path / "even", steps)
    library.normalise(frames, odd, tmp_path / "odd", like=tmp_path / "even")
    for half, how in ((even, {"normalise": steps}), (odd, {"normalise_like": tmp_path / "even"})):
        written = library.kmeans(tmp_path / half.stem, tmp_path / "written.npy", CODES)
        for memory in (2.0, 1e-4):  # a frame or two are kept
            ours = library.kmeans(frames, tmp_path / "codes.npy", CODES, corpus=half, memory=memory, **how)
            assert ours.vectors.tobytes() == written.vectors.tobytes()
            assert {**ours.card, "encodings": ""} == {**written.card, "encodings": ""}
        kept = Adaptation.read(tmp_path / "codes.adaptation.safetensors")
        assert kept.checksum == Adaptation.read(tmp_path / half.stem / FILE).checksum


@pytest.mark.parametrize("steps", STEPS)
def test_units_are_those_of_the_folder(mfcc, tmp_path, steps):
    frames, *_, odd = mfcc
    library.normalise(frames, odd, tmp_path / "a", steps)
    codes = library.Codes(num_codes=4)
    library.segment(tmp_path / "a", odd, tmp_path / "written", codes, UNITS)
    library.segment(frames, odd, tmp_path / "ours", codes, UNITS, normalise=steps)
    ours, written = bytes_in(tmp_path / "ours"), bytes_in(tmp_path / "written")
    assert ours.pop(FILE) == (tmp_path / "a" / FILE).read_bytes()
    for one in (ours, written):  # which says where the frames were
        one["units/codebook.json"] = {**json.loads(one["units/codebook.json"]), "from": ""}
    assert ours == written


@pytest.mark.parametrize("steps", STEPS)
def test_probes_are_those_of_the_folder(mfcc, tmp_path, steps):
    frames, manifest, even, odd = mfcc
    library.normalise(frames, manifest, tmp_path / "all", steps)
    library.normalise(frames, even, tmp_path / "even", steps)
    library.normalise(frames, odd, tmp_path / "odd", like=tmp_path / "even")
    tasks = library.ProbeTasks(("labels",))
    written = library.probe(tmp_path / "all", manifest, tasks, QUICK)
    ours = library.probe(frames, manifest, tasks, QUICK, normalise=steps)
    assert ours.figures == written.figures
    assert ours.settings["normalised"][0]["steps"] == steps
    written = library.probe(tmp_path / "odd", odd, tasks, QUICK, train=(tmp_path / "even", even))
    assert library.probe(frames, odd, tasks, QUICK, train=(frames, even), normalise=steps).figures == written.figures
    like = library.probe(frames, odd, tasks, QUICK, train=(frames, even), normalise_like=tmp_path / "even")
    assert like.figures == written.figures


def test_few_labels_of_normalised_frames(mfcc, tmp_path):
    frames, _, even, odd = mfcc
    library.normalise(frames, even, tmp_path / "even", STEPS[0])
    library.normalise(frames, odd, tmp_path / "odd", like=tmp_path / "even")
    few = {"few": library.FewLabels((2,), 1)}
    plain = {"baseline": frames, "train_baseline": frames}
    written = library.probe(
        tmp_path / "odd", odd, options=QUICK, train=(tmp_path / "even", even), **few, **plain
    ).figures["few"]
    ours = library.probe(frames, odd, options=QUICK, train=(frames, even), normalise=STEPS[0], **few, **plain).figures[
        "few"
    ]
    assert [*ours.values()] == [*written.values()] and {*ours} == {"mfcc", "baseline"}
    assert ours["mfcc"] != ours["baseline"]


def test_a_codebook_remembers_how_its_frames_were_normalised(mfcc, tmp_path):
    """And is refused for frames that were normalised otherwise, or not; of whatever system."""
    frames, _, even, odd = mfcc
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for path in frames.glob("*.npy"):
        shutil.copy(path, foreign)
    for name, source, more in (("own", frames, {}), ("foreign", foreign, {"frame_rate": 100.0})):
        book = tmp_path / f"{name}.npy"
        library.kmeans(source, book, CODES, corpus=even, normalise="standardise:global")
        codes, beside = library.Codes(book), tmp_path / f"{name}.adaptation.safetensors"
        like = {"normalise_like": beside, **more}
        assert library.segment(source, odd, tmp_path / f"{name}-a", codes, UNITS, **like).units
        of_units = library.Codes(tmp_path / f"{name}-a/units/codebook.npy")
        like["normalise_like"] = tmp_path / f"{name}-a"
        assert library.segment(source, odd, tmp_path / f"{name}-b", of_units, UNITS, **like).units
        with pytest.raises(CodebookError, match=rf"normalised by standardise:global, but .* by nothing.*{beside.name}"):
            library.segment(source, odd, tmp_path / "b", codes, UNITS, **more)
        with pytest.raises(CodebookError, match="by standardise:global, or by what other frames taught"):
            library.segment(source, odd, tmp_path / "b", codes, UNITS, normalise="standardise:global", **more)
        library.kmeans(source, book, CODES, corpus=even)
        assert not beside.exists()
        with pytest.raises(CodebookError, match=r"normalised by nothing, but .* by smooth.*as they were before"):
            library.segment(source, odd, tmp_path / "b", codes, UNITS, normalise="smooth", **more)


def test_what_a_speaker_needs_is_learnt_of_all_that_the_speaker_says(mfcc, tmp_path):
    """Steps that learn nothing of all fit any corpus: the codebook of one half names the units of the other."""
    frames, _, even, odd = mfcc
    library.kmeans(frames, tmp_path / "codes.npy", CODES, corpus=even, normalise="standardise:speaker")
    codes = library.Codes(tmp_path / "codes.npy")
    assert library.segment(frames, odd, tmp_path / "a", codes, UNITS, normalise="standardise:speaker").units


def test_shards_fit_once_and_say_what_one_run_says(mfcc, tmp_path, monkeypatch):
    frames, manifest, *_ = mfcc
    whole = library.abx(frames, manifest, SOUNDS, resources=FEW, normalise=STEPS[2])
    fitted, real = [], Adaptation.fitted
    monkeypatch.setattr(Adaptation, "fitted", lambda *given: fitted.append(given) or real(*given))
    shards = [
        library.abx(
            frames,
            manifest,
            SOUNDS,
            resources=FEW,
            shard=library.Shard(i, 3),
            parts=tmp_path / "parts",
            normalise=STEPS[2],
        )
        for i in (1, 2, 3)
    ]
    assert [bool(shard.unfinished) for shard in shards] == [True, True, False]
    assert numbers_of(shards[2]) == numbers_of(whole) and len(fitted) == 1
    with pytest.raises(ValueError, match="counts another comparison"):
        library.abx(
            frames,
            manifest,
            SOUNDS,
            resources=FEW,
            shard=library.Shard(1, 3),
            parts=tmp_path / "parts",
            normalise=STEPS[0],
        )


def test_an_item_file_says_who_speaks(mfcc, tmp_path):
    frames, manifest, *_ = mfcc
    there = [utterance for utterance in library.read_corpus(manifest) if utterance.speaker]
    write_manifest(tmp_path / "named.jsonl", there)
    lines = ["#file onset offset #phone prev-phone next-phone speaker"]
    for utterance in there:
        for start, end, label in utterance.alignment["phone"]:
            times = f"{start / utterance.rate} {end / utterance.rate}"
            lines.append(f"{utterance.id} {times} {label} a b {utterance.speaker}")
    (tmp_path / "all.item").write_text("\n".join(lines) + "\n")
    library.normalise(frames, tmp_path / "named.jsonl", tmp_path / "a", STEPS[0])
    for steps in STEPS[:2]:
        shutil.rmtree(tmp_path / "a")
        library.normalise(frames, tmp_path / "named.jsonl", tmp_path / "a", steps)
        written = library.abx(tmp_path / "a", tmp_path / "all.item", SOUNDS, resources=FEW)
        assert numbers_of(
            library.abx(frames, tmp_path / "all.item", SOUNDS, resources=FEW, normalise=steps)
        ) == numbers_of(written)
    (tmp_path / "two.item").write_text("\n".join([*lines, lines[1].rsplit(" ", 1)[0] + " another"]) + "\n")
    with pytest.raises(CorpusError, match=r"another and .* speak in u00|and another speak in u00"):
        library.abx(frames, tmp_path / "two.item", SOUNDS, resources=FEW, normalise=STEPS[0])


def test_what_is_wrong_is_said_before_the_work(mfcc, tmp_path, unitdisc):
    frames, manifest, *_ = mfcc
    with pytest.raises(ValueError, match="give either `normalise`"):
        library.abx(frames, manifest, normalise="smooth", normalise_like=tmp_path)
    with pytest.raises(AdaptationError, match="there is no step 'smoth'"):
        library.kmeans(tmp_path / "nothing", tmp_path / "c.npy", CODES, corpus=manifest, normalise="smoth")
    with pytest.raises(AdaptationError, match="no such file"):
        library.probe(frames, manifest, options=QUICK, normalise_like=tmp_path / "nothing")
    told = unitdisc("kmeans", frames, tmp_path / "c.npy", "--normalise", "smooth")
    assert told.code == 1 and "--normalise needs to know who speaks; give the --corpus" in told.err
    library.normalise(frames, manifest, tmp_path / "moved", "affine:4")
    for command in (library.abx, library.probe):
        with pytest.raises(AdaptationError, match="went through the affine step before"):
            command(tmp_path / "moved", manifest, normalise="affine:4")
    mel = library.features(manifest, tmp_path / "mel", library.AcousticFeatures("log-mel", bins=39, normalise="none"))
    with pytest.raises(AdaptationError, match="was fitted to other frames than those of"):
        library.abx(mel, manifest, normalise_like=tmp_path / "moved")


def test_of_a_changed_recording_all_that_its_speaker_says_is_cut_anew(mfcc, tmp_path):
    frames, manifest, *_ = mfcc
    shutil.copytree(frames, tmp_path / "mfcc")
    how = {"codes": library.Codes(num_codes=4), "options": UNITS, "normalise": "standardise:speaker"}
    library.segment(tmp_path / "mfcc", manifest, tmp_path / "units", **how)
    before = {path.stem: path.stat().st_mtime_ns for path in (tmp_path / "units").glob("*.npy")}
    speakers = {utterance.id: utterance.speaker for utterance in library.read_corpus(manifest)}
    (tmp_path / "mfcc/u00.npy").touch()
    library.segment(tmp_path / "mfcc", manifest, tmp_path / "units", **how)
    after = {path.stem: path.stat().st_mtime_ns for path in (tmp_path / "units").glob("*.npy")}
    assert {name for name in before if before[name] != after[name]} == {
        name for name, speaker in speakers.items() if speaker == speakers["u00"]
    }


def test_only_the_utterances_of_the_corpus_are_clustered(mfcc, tmp_path, capsys):
    frames, _, even, _ = mfcc
    some = library.kmeans(frames, tmp_path / "some.npy", CODES, corpus=even)
    assert some.card["utterances"] == len(library.read_corpus(even)) < len(Encodings.open(frames))
    others = [replace(utterance, id=f"x{utterance.id}") for utterance in library.read_corpus(even)]
    write_manifest(tmp_path / "others.jsonl", others)
    with pytest.raises(EncodingsError, match="holds none of the"):
        library.kmeans(frames, tmp_path / "some.npy", CODES, corpus=tmp_path / "others.jsonl")
    write_manifest(tmp_path / "both.jsonl", [*library.read_corpus(even), others[0]])
    library.kmeans(frames, tmp_path / "some.npy", CODES, corpus=tmp_path / "both.jsonl", normalise="smooth")
    assert f"left out: {others[0].id} has no encoding" in capsys.readouterr().err


@pytest.mark.parametrize("steps", STEPS)
def test_features_are_those_of_the_folder(mfcc, tmp_path, steps, unitdisc):
    frames, _, even, odd = mfcc
    library.normalise(frames, even, tmp_path / "even", steps)
    library.normalise(frames, odd, tmp_path / "odd", like=tmp_path / "even")
    home = tmp_path / "ours" / "mfcc"
    for half, how in ((even, ("--normalise", steps)), (odd, ("--normalise-like", home / "even"))):
        told = unitdisc("features", half, home / half.stem, *how)
        assert told.code == 0, told.err
        ours, written = bytes_in(home / half.stem), bytes_in(tmp_path / half.stem)
        plain = {name.removeprefix("plain/"): ours.pop(name) for name in [*ours] if name.startswith("plain/")}
        for one in (ours, written):
            one["encodings.json"] = json.loads(one["encodings.json"]) | {"point": "mfcc"}
        one.pop(FILE), ours.pop(FILE)  # which says what the point was called
        assert ours == written
        first = "u00.npy" if half == even else "u01.npy"
        assert plain[first] == (frames / first).read_bytes()


def test_what_a_model_makes_is_normalised_at_every_point(tiny_experiment, mfcc, tmp_path):
    _, manifest, even, odd = mfcc
    points = ["encoder", "bottleneck"]
    library.encode(tiny_experiment, even, tmp_path / "even", points, normalise=STEPS[0] + ",whiten")
    library.encode(tiny_experiment, odd, tmp_path / "odd", points, normalise_like=tmp_path / "even")
    library.encode(tiny_experiment, odd, tmp_path / "again", points)
    for point in points:
        library.normalise(tmp_path / "again" / point, odd, tmp_path / "written" / point, like=tmp_path / "even" / point)
        assert bytes_in(tmp_path / "odd" / point) == bytes_in(tmp_path / "written" / point)
        assert bytes_in(tmp_path / "odd/plain" / point) == bytes_in(tmp_path / "again" / point)
    assert Encodings.open(tmp_path / "odd/plain/bottleneck").codes["u01"]
    with pytest.raises(ValueError, match=r"`shard` 1/2: frames are normalised by all that there are"):
        access = library.CorpusAccess(shard=library.Shard(1, 2))
        library.encode(tiny_experiment, odd, tmp_path / "c", points, access=access, normalise="smooth")
    with pytest.raises(ValueError, match=r"`shard` 1/2"):
        library.features(manifest, tmp_path / "c", library.AcousticFeatures(), access=access, normalise="smooth")


def test_the_commands(mfcc, tmp_path, unitdisc):
    frames, manifest, *_ = mfcc
    book, like = tmp_path / "c.npy", ("--normalise-like", tmp_path / "c.adaptation.safetensors")
    steps = ("--normalise", "standardise,whiten")
    for line in (
        ("abx", frames, manifest, "--context", "any", "--bootstrap", 9, *steps),
        ("kmeans", frames, book, "--codes", 4, "--corpus", manifest, *steps),
        ("segment", frames, manifest, tmp_path / "u", "--codebook", book, "--units-per-second", 8, *like),
        ("probe", frames, manifest, "--task", "labels", "--training-frames", 300, "--no-controls", *steps),
    ):
        told = unitdisc(*map(str, line))
        assert told.code == 0, told.err
    assert np.load(book).shape == (4, 39)
