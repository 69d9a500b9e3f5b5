"""discover: from nothing to units, and to those of other lines; interrupted, gone on with, refused."""

import json
import shutil

import numpy as np
import pytest
from tiny import make_lines, tree

import unitdisc as library
from unitdisc.api import discover_rounds as verb
from unitdisc.api.discover_rounds import best_of, is_enough
from unitdisc.encodings import Encodings
from unitdisc.segmentation.templates import names
from unitdisc.segmentation.templates.names import AgreedNames, agreed_number

pytest_plugins = ["tiny_fixtures"]

NETWORK = ["encoder.channels=[4, 8, 8]", "training.steps=4", "training.valid_every=2", "training.checkpoint_every=2"]
NETWORK += ["training.log_every=1", "training.crop=16", "training.batch_size=2", "bottleneck.dim=6"]
NETWORK += ["features.slant=false"]  # most of the time, else
OPTIONS = library.DiscoverOptions(library.TemplateOptions(units=4, rate=12, passes=2), rounds=2)


def found(lines, folder, options=OPTIONS, more=(), **given):
    return library.discover("discover-handwriting", lines, folder, options, [*NETWORK, *more], device="cpu", **given)


@pytest.fixture(scope="module", autouse=True)
def few_halvings():
    """Of which a mean and its error are, as of more."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(names, "HALVINGS", 2)
        yield


@pytest.fixture(scope="module")
def whole(tiny_lines, tmp_path_factory):
    """Discovered without an interruption; not to be changed."""
    folder = tmp_path_factory.mktemp("whole") / "found"
    return folder, found(tiny_lines, folder)


def test_every_line_is_cut_into_units(whole, tiny_lines):
    folder, result = whole
    units = Encodings.open(folder / "units")
    utterances = library.read_corpus(tiny_lines)
    assert {utterance.id for utterance in utterances} == {encoding.utterance for encoding in units}
    vectors = np.load(folder / "units" / "units" / "codebook.npy")
    for utterance in utterances:
        encoding = units[utterance.id]
        assert encoding.codes.max() <= 4 and len(encoding.frames) == len(encoding.codes) == len(encoding.centres)
        assert encoding.centres.max() < utterance.ticks and encoding.centres.min() >= 0
        np.testing.assert_array_equal(encoding.frames, vectors[encoding.codes])
    assert (folder / "units" / "units" / "units.jsonl").exists()
    assert [*result.rounds[1]] == ["units", "kinds", "agreement", "accuracy", "halves"] and len(result.rounds) == 3
    assert result.kept == 2 and all(0 <= each["halves"] <= 1 for each in result.rounds[1:])
    assert result.units == result.rounds[-1]["units"] and result.per == "100 columns"


def test_frames_are_as_fine_as_those_that_templates_were_made_of(whole):
    folder, _ = whole
    units, network = Encodings.open(folder / "units"), Encodings.open(folder / "round-2" / "encodings" / "bottleneck")
    assert (network.settings["stride"], units.settings["stride"], units.settings["offset"]) == (2, 1, 0.5)


def test_how_certain_every_unit_is_is_known(whole, tiny_lines):
    folder, _ = whole
    known = json.loads((folder / "discover.json").read_text())["stability"]
    units = Encodings.open(folder / "units")
    used = {int(code) for encoding in units for code in encoding.codes} - {units.settings.get("blank")}
    assert {each["unit"] for each in known} == used
    assert all(0 < each["stability"] <= 1 and each["mixed_with"] != each["unit"] for each in known)


def test_every_round_trains_with_a_seed_of_its_own(whole):
    places = [whole[0] / f"round-{number}" / "experiment" / "experiment.json" for number in (1, 2)]
    seeds = [json.loads(path.read_text())["options"]["training"]["seed"] for path in places]
    assert seeds[1] == seeds[0] + 1


def test_the_same_units_are_found_again_by_what_was_learned(whole, tiny_lines, tmp_path):
    folder, _ = whole
    library.discover(folder, tiny_lines, tmp_path / "again", device="cpu")
    ours, theirs = (Encodings.open(place / "units") for place in (folder, tmp_path / "again"))
    for encoding in ours:
        np.testing.assert_array_equal(theirs[encoding.utterance].codes, encoding.codes)
        np.testing.assert_array_equal(theirs[encoding.utterance].frames, encoding.frames)
    pages = [
        library.show(at / "units", tiny_lines, tmp_path / "page.html").read_text()
        for at in (folder, tmp_path / "again")
    ]
    assert all("round 2, kept" in page and "units are found again" in page for page in pages)


@pytest.mark.parametrize(
    "stage",
    [
        "encode",
        *(pytest.param(stage, marks=pytest.mark.slow) for stage in ("features", "make", "train", "write_scores")),
    ],
)
def test_an_interrupted_run_goes_on_to_the_same_units(stage, whole, tiny_lines, tmp_path, monkeypatch):
    """Stopped after each kind of stage of the second round, or of the beginning."""
    folder, calls = tmp_path / "found", []
    real = getattr(verb, stage)
    last = 1 if stage in ("features", "make") else 2

    def stopping(*args, **kwargs):
        made = real(*args, **kwargs)
        calls.append(stage)
        if len(calls) == last:
            raise KeyboardInterrupt
        return made

    with monkeypatch.context() as patch:
        patch.setattr(verb, stage, stopping)
        with pytest.raises(KeyboardInterrupt):
            found(tiny_lines, folder)
    assert not (folder / "units").exists()
    with pytest.raises(ValueError, match="has not come to its end there; run it again, and it goes on"):
        library.discover(folder, tiny_lines, tmp_path / "other", device="cpu")
    found(tiny_lines, folder)
    assert tree(folder / "units") == tree(whole[0] / "units")


@pytest.mark.slow
def test_other_seeds_find_other_units(whole, tiny_lines, tmp_path):
    more = ["training.seed=5"]
    other = found(tiny_lines, tmp_path / "other", more=more)
    assert other.rounds[0] == whole[1].rounds[0] and other.rounds[1] != whole[1].rounds[1]


def test_without_rounds_units_are_templates(tiny_lines, tmp_path):
    options = library.DiscoverOptions(OPTIONS.templates, rounds=0, edges="frames")
    result = found(tiny_lines, tmp_path / "found", options)
    assert len(result.rounds) == 1 and not (tmp_path / "found" / "round-1").exists()
    library.discover(tmp_path / "found", tiny_lines, tmp_path / "again", device="cpu")
    codes, choice = library.Codes(templates=tmp_path / "found" / "templates.safetensors"), "templates"
    library.segment(
        tmp_path / "found" / "frames",
        tiny_lines,
        tmp_path / "segmented",
        codes,
        library.SegmentOptions(method=choice),
        per="100 columns",
    )
    folders = [tmp_path / "found" / "units", tmp_path / "again" / "units", tmp_path / "segmented"]
    first, *others = [Encodings.open(folder) for folder in folders]
    for encoding in first:
        for other in others:
            np.testing.assert_array_equal(other[encoding.utterance].codes, encoding.codes)


def sequences(folder):
    """Of every line the units one after the other, without blanks and repetitions."""
    units = Encodings.open(folder / "units")
    found = {}
    for encoding in units:
        codes = encoding.codes[encoding.codes != units.settings["blank"]]
        found[encoding.utterance] = codes[np.insert(np.diff(codes) != 0, 0, True)].tolist()
    return found


def test_edges_move_and_units_stay(tiny_lines, tmp_path):
    """A code for every column of the file; the same units in the same order; again by what was learned."""
    by_ink = library.DiscoverOptions(OPTIONS.templates, rounds=0)
    by_frames = library.DiscoverOptions(OPTIONS.templates, rounds=0, edges="frames")
    ours, theirs = tmp_path / "ink", tmp_path / "frames"
    found(tiny_lines, ours, by_ink)
    found(tiny_lines, theirs, by_frames)
    assert sequences(ours) == sequences(theirs)
    units, others = (Encodings.open(folder / "units") for folder in (ours, theirs))
    assert (units.settings["stride"], units.settings["offset"]) == (1, 0.5)
    moved = 0
    for utterance in library.read_corpus(tiny_lines):
        encoding, other = units[utterance.id], others[utterance.id]
        np.testing.assert_array_equal(encoding.centres, np.arange(utterance.ticks) + 0.5)
        moved += int((encoding.codes[np.floor(other.centres).astype(int)] != other.codes).sum())
    assert moved
    library.discover(ours, tiny_lines, tmp_path / "again", device="cpu")
    assert tree(tmp_path / "again" / "units") == tree(ours / "units")
    asked = json.loads((ours / "options.json").read_text())
    del asked["options"]["edges"]  # of a version that knew of frames alone
    (ours / "options.json").write_text(json.dumps(asked))
    library.discover(ours, tiny_lines, tmp_path / "older", device="cpu")
    assert tree(tmp_path / "older" / "units") == tree(theirs / "units")


def test_units_of_speech(tiny_corpus, tmp_path, unitdisc):
    small = ["encoder.dim=8", "encoder.layers=1", "bottleneck.dim=6", "training.steps=2", "training.crop=20"]
    small += ["training.batch_size=2", "features.vtln=0"]
    arguments = [part for each in small for part in ("--set", each)]
    done = unitdisc(
        *("discover", "discover-speech", tiny_corpus, tmp_path / "found", "--units", 4, "--rate", 8),
        *("--rounds", 1, "--device", "cpu", *arguments),
    )
    assert done.code == 0, done.err
    assert "per second" in done.out and "round 1: " in done.err
    assert {path.name for path in (tmp_path / "found/units/units").iterdir()} >= {
        "units.ctm",
        "textgrid",
        "units.jsonl",
    }
    again = unitdisc("discover", tmp_path / "found", tiny_corpus, tmp_path / "again", "--device", "cpu")
    assert again.code == 0, again.err


def test_frames_of_any_system_are_a_beginning(tiny_lines, tmp_path):
    frames = library.features(tiny_lines, tmp_path / "columns", library.ColumnFeatures())
    options = library.DiscoverOptions(OPTIONS.templates, rounds=0)
    found(tiny_lines, tmp_path / "found", options, frames=frames)
    assert not (tmp_path / "found" / "frames").exists()
    with pytest.raises(ValueError, match=r"its templates are of the frames in .*; give those of this corpus to"):
        library.discover(tmp_path / "found", tiny_lines, tmp_path / "again", device="cpu")


def test_what_cannot_be_is_refused(whole, tiny_lines, tmp_path):
    folder, _ = whole
    with pytest.raises(ValueError, match=r"small: \[objective\] kind is 'reconstruction', but units are taught by"):
        library.discover("small", tiny_lines, tmp_path / "a")
    with pytest.raises(ValueError, match=r"\[codes\] are those that `discover` finds"):
        found(tiny_lines, tmp_path / "a", more=["codes.num_codes=5"])
    with pytest.raises(ValueError, match="was begun with other options; give the same, or choose another folder"):
        found(tiny_lines, folder, library.DiscoverOptions(OPTIONS.templates, rounds=1))
    with pytest.raises(ValueError, match="was begun with other network"):
        found(tiny_lines, folder, more=["training.seed=7"])
    with pytest.raises(ValueError, match="was begun with other corpus"):
        found(make_lines(tmp_path / "lines", 6), folder)
    with pytest.raises(ValueError, match="its units are known; leave options"):
        library.discover(folder, tiny_lines, tmp_path / "b", OPTIONS)
    with pytest.raises(ValueError, match="`rounds` must be 0 or more"):
        library.DiscoverOptions(rounds=-1)
    with pytest.raises(ValueError, match="`edges` must be one of ink, frames, not strokes"):
        library.DiscoverOptions(edges="strokes")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds something else; choose another folder"):
        found(tiny_lines, tmp_path / "c")
    assert json.loads((folder / "options.json").read_text())["options"]["rounds"] == 2


def test_a_damaged_state_is_named(whole, tiny_lines, tmp_path):
    folder = tmp_path / "found"
    shutil.copytree(whole[0], folder)
    (folder / "round-2" / "states.safetensors").write_bytes(b"torn")
    with pytest.raises(
        ValueError, match=r"round-2/states.safetensors: not there, or damaged .*; run `discover` there again"
    ):
        library.discover(folder, tiny_lines, tmp_path / "again", device="cpu")


@pytest.mark.slow
@pytest.mark.parametrize("agreed", [True, False])
def test_without_a_number_of_units_there_are_two_names_for_every_kind(agreed, tiny_lines, tmp_path, monkeypatch):
    if not agreed:
        monkeypatch.setattr(verb, "agreed_names", lambda *args, **kwargs: [])
    options = library.DiscoverOptions(library.TemplateOptions(rate=12, passes=2), rounds=2)
    result = found(tiny_lines, tmp_path / "found", options)
    summary = json.loads((tmp_path / "found" / "discover.json").read_text())
    tried = summary["numbers"]
    first, second = (each["kinds"] for each in result.rounds[1:])
    assert first == result.rounds[0]["kinds"]
    assert second == (2 * agreed_number([AgreedNames(**each) for each in tried]) if agreed else first)
    assert bool(tried) == agreed
    targets = Encodings.open(tmp_path / "found" / "round-2" / "targets")
    assert targets.settings["num_codes"] == 3 * second + 1
    assert Encodings.open(tmp_path / "found" / "units").settings["blank"] == second


def told(*halves, kinds=32):
    """Of templates, of a first round of 100 names, and of more, about which halves agree by so much."""
    rounds = [{"kinds": 100}, {"kinds": 100, "halves": 0.95}]
    return rounds + [{"kinds": kinds} | ({} if each is None else {"halves": each}) for each in halves]


def test_rounds_are_enough_once_halves_agree_no_better():
    assert not is_enough(told()) and not is_enough(told(0.5)) and not is_enough(told(0.5, 0.6))
    assert is_enough(told(0.5, 0.6, 0.6)) and is_enough(told(0.5, 0.6, 0.55))
    assert is_enough(told(0.94, kinds=100))  # as many names as in the first round
    assert not is_enough(told(None)) and is_enough(told(None, None))  # as many as usual, where nothing tells
    assert [best_of(told(*halves)) for halves in ((0.5,), (0.5, 0.6, 0.55), (0.5, 0.6, 0.6), (None, None))] == [
        2,
        3,
        4,
        3,
    ]
    assert best_of(told(0.94, kinds=100)) == 1


def test_the_best_round_is_kept(whole, tiny_lines, tmp_path, monkeypatch):
    """Of three, the second; later ones are as if they had not been."""
    halves = iter([0.5, 0.7, 0.6])
    monkeypatch.setattr(verb.Halvings, "agreed", lambda self, number, threads: AgreedNames(number, next(halves), 0.01))
    auto = found(tiny_lines, tmp_path / "auto", library.DiscoverOptions(OPTIONS.templates, rounds="auto"))
    assert (auto.kept, len(auto.rounds)) == (2, 4)
    assert json.loads((tmp_path / "auto" / "discover.json").read_text())["rounds"] == 2
    ours, theirs = (Encodings.open(folder / "units") for folder in (tmp_path / "auto", whole[0]))
    assert ours.settings == theirs.settings
    for encoding in ours:
        np.testing.assert_array_equal(theirs[encoding.utterance].codes, encoding.codes)
    library.discover(tmp_path / "auto", tiny_lines, tmp_path / "again", device="cpu")
    again = Encodings.open(tmp_path / "again" / "units")
    assert all((again[encoding.utterance].codes == encoding.codes).all() for encoding in ours)


def test_a_number_of_rounds_that_cannot_be_is_refused(unitdisc, tiny_lines, tmp_path):
    for rounds in (-1, "some", 1.5):
        with pytest.raises(ValueError, match="`rounds` must be 0 or more, or auto"):
            library.DiscoverOptions(rounds=rounds)
    done = unitdisc("discover", "discover-handwriting", tiny_lines, tmp_path / "found", "--rounds", "many")
    assert done.code and "--rounds must be a number or auto, not many" in done.err
