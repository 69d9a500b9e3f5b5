"""Line images in every score: what is counted in seconds of recordings is counted in pixel columns of lines."""

import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from line_corpus import CHARACTERS, EACH, GAP, HEIGHTS, ROWS, TEST, TRAIN, WIDE, centres, encode, lines
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, normalized_mutual_info_score

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.encodings import EncodingsError
from unitdisc.evaluation import UnscorableError, intervals
from unitdisc.evaluation.abx import abx, label_items, triphone_items
from unitdisc.evaluation.handwriting import (
    ColumnGrid,
    GriddedEncodings,
    LineCorpus,
    LineOptions,
    height_of,
    score_lines,
)
from unitdisc.evaluation.handwriting import five_columns as scores
from unitdisc.evaluation.handwriting.at_columns import GAP as GAP_LABEL
from unitdisc.evaluation.handwriting.at_columns import ColumnLabelTask, frames_at, with_gaps
from unitdisc.evaluation.handwriting.line_units import by_column, own_frames
from unitdisc.evaluation.probes import (
    LabelTask,
    ProbeOptions,
    SequenceTask,
    SpeakerTask,
    joined,
    probe,
    read_point,
    sequences,
    tasks_named,
)
from unitdisc.evaluation.probes import models as readers
from unitdisc.evaluation.probes.sequences import sequence_probe
from unitdisc.evaluation.probes.suite import usual_tasks
from unitdisc.evaluation.settings import corpus_settings
from unitdisc.evaluation.units.bitrate import unit_bitrates
from unitdisc.evaluation.units.boundaries import unit_boundaries
from unitdisc.evaluation.units.codes import coded
from unitdisc.evaluation.units.unit_scores import score_units

pytest_plugins = ["tiny_fixtures"]
PLAIN = ProbeOptions(controls=False)
SCRIPT = Path(__file__).parent.parent / "eval" / "handwriting.py"


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """What little there is to learn here takes few steps; what all of `score_lines` writes is not looked at."""
    monkeypatch.setattr(readers, "LEAST_STEPS", 50)
    monkeypatch.setattr(readers, "EPOCHS", 2)
    monkeypatch.setattr(intervals, "RESAMPLES", 20)
    monkeypatch.setattr(sequences, "LEAST_STEPS", 10)
    monkeypatch.setattr(scores, "EPOCHS", 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A system with a latent every 4 columns (fine) and one with a latent every 12 (coarse), train and test."""
    folder = tmp_path_factory.mktemp("lines")
    for name, stride in (("fine", 4), ("coarse", 12)):
        for part, utterances in (("train", TRAIN), ("test", TEST)):
            encode(folder / name / part / "bottleneck", utterances, stride)
    for part, utterances in (("train", TRAIN), ("test", TEST)):  # tells the scribe and nothing else
        encode(folder / "fine" / part / "condition", utterances, 4, lambda u, label: list(HEIGHTS).index(u.speaker))
    return folder


def opened(folder: Path, system: str, part: str = "test"):
    from unitdisc.encodings import Encodings

    return Encodings.open(folder / system / part / "bottleneck")


def corpora(folder: Path, system: str) -> tuple[LineCorpus, LineCorpus]:
    return tuple(
        LineCorpus({"bottleneck": opened(folder, system, part)}, utterances)
        for part, utterances in (("test", TEST), ("train", TRAIN))
    )


def test_centres_of_lines_of_other_heights_are_their_own(folder):
    encodings = opened(folder, "fine")
    for utterance in TEST:
        assert encodings[utterance.id].centres.tolist() == centres(utterance, 4).tolist()
    assert np.diff(encodings["test-eve0"].centres)[0] == 2 * np.diff(encodings["test-ada0"].centres)[0]


def test_units_that_are_characters_score_all(folder):
    found = score_units(opened(folder, "fine"), TEST, "character", tolerance=4)
    assert found["ari"] > 0.7
    assert found["many_to_one_same_data"] == 1  # each frame has the code of the character in its middle
    assert found["boundaries"]["lenient"]["precision"] > 0.9
    assert "a rate" in found["terms"]["why"]
    json.dumps(found, allow_nan=False)


def test_the_tolerance_is_in_columns_of_the_image(folder):
    units = coded(opened(folder, "fine"), TEST)
    far = [np.abs(border - np.array(edges)).min() for border, edges in borders_and_edges(units)]
    for tolerance in (0, 1, 2, 4):
        found = unit_boundaries(units, "character", tolerance).lenient
        assert found.hits_found == sum(distance <= tolerance for distance in far)
    assert unit_boundaries(units, "character") == unit_boundaries(units, "character", 1)


def borders_and_edges(units):
    for entry in units:
        ticks = entry.utterance.ticks
        edges = sorted({e for i in entry.utterance.alignment["character"] for e in i[:2]} - {0, ticks})
        for border in sorted({*entry.runs.intervals.ravel().tolist()} - {0, ticks}):
            yield border, edges


def test_bits_are_counted_per_100_columns_and_per_character(folder):
    units = coded(opened(folder, "fine"), TEST)
    found = unit_bitrates(units, "character")
    columns, characters = sum(u.ticks for u in TEST), sum(len(u.alignment["character"]) for u in TEST)
    codes = np.concatenate([entry.codes for entry in units])
    shares = np.bincount(codes) / len(codes)
    bits = -len(codes) * (shares[shares > 0] * np.log2(shares[shares > 0])).sum()
    assert found.bitrate.bits_per_100_columns == pytest.approx(100 * bits / columns)
    assert found.bitrate.bits_per_label == pytest.approx(bits / characters)
    assert found.bitrate_uniform.bits_per_label == pytest.approx(len(codes) * np.log2(found.bitrate.types) / characters)
    assert (found.bitrate.columns, found.bitrate.labels) == (columns, characters)
    assert found.bitrate_collapsed.symbols == sum(len(entry.runs.codes) for entry in units)
    assert unit_bitrates(units).bitrate.bits_per_label is None


def test_lines_and_recordings_are_not_counted_together(folder):
    units = coded(opened(folder, "fine"), TEST)
    recording = replace(units[0], utterance=replace(TEST[0], height=None, rate=100))
    with pytest.raises(UnscorableError, match="is a line image among recordings"):
        unit_bitrates([recording, *units[1:]])


def test_settings_speak_of_columns():
    found = corpus_settings(TEST, "character")
    assert found["columns"] == sum(u.ticks for u in TEST)
    assert "seconds" not in found
    assert found["silences"] == ["", " "]
    assert corpus_settings([replace(TEST[0], height=None, rate=100)], "character")["seconds"] == TEST[0].ticks / 100


def test_an_underscore_is_a_character_of_a_line_and_a_pause_of_a_recording(folder):
    point = read_point(opened(folder, "fine"), TEST)
    assert "_" in LabelTask("character").items(point).targets
    assert "_" in {item.label for item in label_items(TEST, "character")}
    heard = [replace(u, height=None, rate=100) for u in TEST]
    assert "_" not in {item.label for item in label_items(heard, "character")}


@pytest.mark.parametrize("speaker", ["within", "across"])
def test_abx_tells_characters_apart_within_and_across_scribes(folder, speaker):
    encodings = opened(folder, "fine")
    assert abx(label_items(TEST, "character"), encodings, speaker).error < 0.05
    by_chance = abx(label_items(mislabelled(TEST), "character"), encodings, speaker).error
    assert 0.3 < by_chance < 0.7


def test_abx_between_the_same_neighbours_needs_characters_without_a_gap_between(folder):
    items = list(triphone_items(TEST, "character"))
    assert len(items) == 4 * len(TEST)  # of three characters between gaps, the one in the middle
    assert abx(items, opened(folder, "fine"), "within").cells > 0


def mislabelled(utterances):
    rng = np.random.default_rng(5)

    def other(u: Utterance) -> Utterance:
        intervals = [i._replace(label=str(rng.choice(list(CHARACTERS)))) for i in u.alignment["character"]]
        return replace(u, alignment={"character": intervals})

    return [other(u) for u in utterances]


@pytest.mark.parametrize("reader", ["linear", "mlp"])
def test_characters_are_read_on_other_scribes(folder, reader):
    score = probe(LabelTask("character"), read_point(opened(folder, "fine"), TEST), replace(PLAIN, reader=reader))
    assert score.accuracy > 0.95
    assert (score.split, score.folds, score.classes) == ("other speakers", 3, len(CHARACTERS))


def test_characters_of_a_single_scribe_are_read_on_other_lines(folder):
    alone = [u for u in TEST if u.speaker == "bob"]
    point = read_point(opened(folder, "fine"), alone)
    with pytest.raises(UnscorableError, match="two known speakers"):
        probe(LabelTask("character"), point, PLAIN)
    score = probe(LabelTask("character", unseen_speakers=False), point, PLAIN)
    assert score.accuracy > 0.9
    assert (score.split, score.utterances) == ("other utterances, whoever speaks", EACH)
    nameless = read_point(opened(folder, "fine"), [replace(u, speaker=None) for u in alone])
    assert probe(LabelTask("character", unseen_speakers=False), nameless, PLAIN).accuracy == score.accuracy
    one = read_point(opened(folder, "fine"), alone[:1])
    with pytest.raises(UnscorableError, match="other utterances takes two or more"):
        probe(LabelTask("character", unseen_speakers=False), one, PLAIN)


def test_no_line_is_learned_from_and_scored(folder):
    from unitdisc.evaluation.probes.splits import folds_of

    items = LabelTask("character", unseen_speakers=False).items(read_point(opened(folder, "fine"), TEST))
    folds = folds_of(items.split, items.targets, items.utterances, items.speakers, None, 0)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(items.targets)))
    for train, test in folds:
        assert not {*items.utterances[train]} & {*items.utterances[test]}
        assert {*items.speakers[train]} & {*items.speakers[test]}


def test_given_corpora_share_scribes_only_where_they_may(folder):
    point = joined(*(read_point(opened(folder, "fine", part), u) for part, u in (("train", TRAIN), ("test", TEST))))
    with pytest.raises(UnscorableError, match="--known-speakers"):
        probe(LabelTask("character"), point, PLAIN)
    score = probe(LabelTask("character", unseen_speakers=False), point, PLAIN)
    assert (score.folds, score.utterances, score.speakers) == (1, len(TEST), len(HEIGHTS))


def test_a_report_asks_a_single_scribe_for_other_lines():
    assert usual_tasks(TEST, "character", None)["labels"] == LabelTask("character")
    alone = usual_tasks([u for u in TEST if u.speaker == "bob"], "character", None)
    assert alone["labels"] == LabelTask("character", unseen_speakers=False)
    assert not alone["columns"].unseen_speakers
    assert tasks_named(["labels"], "character", unseen_speakers=False)["labels"] == alone["labels"]


def test_the_scribe_of_a_line_is_told(tmp_path):
    of_scribe = encode(tmp_path / "s", TEST, 4, lambda u, label: list(HEIGHTS).index(u.speaker))
    assert probe(SpeakerTask(), read_point(of_scribe, TEST), PLAIN).accuracy == 1


def test_double_characters_are_two_and_gaps_are_none():
    twice = replace(
        TEST[0], alignment={"character": [Interval(0, 3, "l"), Interval(3, 6, "l"), Interval(9, 12, "a")]}, text="ll a"
    )
    assert SequenceTask("character").sequence(twice) == ["l", "l", "a"]
    assert SequenceTask(None).sequence(twice) == ["l", "l", " ", "a"]
    assert SequenceTask(None).sequence(replace(twice, text="q̃ui")) == ["q̃", "u", "i"]
    assert SequenceTask("character").sequence(replace(twice, height=None)) == ["l", "a"]
    assert SequenceTask("other").sequence(twice) == []


@pytest.mark.parametrize("tier", ["character", None])
def test_lines_are_written_by_their_boxes_and_by_their_texts(folder, tier, monkeypatch):
    monkeypatch.setattr(sequences, "LEAST_STEPS", 150)
    monkeypatch.setattr(sequences, "LEARNING_RATE", 0.02)
    point = joined(*(read_point(opened(folder, "fine", part), u) for part, u in (("train", TRAIN), ("test", TEST))))
    task = SequenceTask(tier, "conv", unseen_speakers=False, epochs=1)
    score = sequence_probe(task, point, PLAIN)
    assert score.error_rate < 0.25
    assert score.labels == sum(len(task.sequence(u)) for u in TEST)


# Columns -----------------------------------------------------------------------------------------------------------


def test_a_frame_covers_the_columns_nearest_to_it():
    for stride in (1, 4, 12):
        for utterance in TEST:
            grid, frames = ColumnGrid(ROWS), centres(utterance, stride)
            expected = np.repeat(np.arange(len(frames)), stride)[: utterance.columns_at(grid.height)]
            assert frames_at(frames, grid.places(utterance)).tolist() == expected.tolist()
    assert frames_at(np.array([5.0]), np.array([1.0, 9.0])).tolist() == [0, 0]
    assert frames_at(np.array([2.0, 6.0]), np.array([3.9, 4.0])).tolist() == [0, 1]


def test_lines_have_as_many_columns_whatever_their_height():
    grid = ColumnGrid(ROWS)
    assert {u.columns_at(grid.height) for u in TEST} == {12 * WIDE + 3 * GAP}
    assert ColumnGrid(ROWS, 12).places(TEST[0]).tolist() == (12 * (np.arange(12) + 0.5)).tolist()
    with pytest.raises(CorpusError, match="is no line image"):
        replace(TEST[0], height=None, rate=100).columns_at(grid.height)


def test_systems_of_different_strides_are_scored_on_the_same_columns(folder):
    found = {}
    for name in ("fine", "coarse"):
        columns = GriddedEncodings(opened(folder, name), TEST, ColumnGrid(ROWS))
        found[name] = score_units(columns, TEST, "character")
        assert columns[TEST[0].id].centres.tolist() == (np.arange(138) + 0.5).tolist()
        items = ColumnLabelTask("character", ColumnGrid(ROWS)).items(read_point(opened(folder, name), TEST))
        assert len(items.targets) == 12 * WIDE * len(TEST)
    assert found["fine"]["frames"] == found["coarse"]["frames"] == 12 * WIDE * len(TEST)
    assert found["coarse"]["ari"] < found["fine"]["ari"]


def test_the_height_is_that_of_the_encodings_or_else_of_all_images(folder):
    encodings = opened(folder, "fine")
    assert height_of(encodings, TEST) == ROWS
    silent = replace(encodings, settings={})
    assert height_of(silent, [u for u in TEST if u.speaker == "bob"]) == 48
    with pytest.raises(UnscorableError, match=r'add "height": ROWS to its encodings\.json'):
        height_of(silent, TEST)


def test_gaps_become_a_class_of_their_own():
    filled = with_gaps(TEST[0], "character").alignment["character"]
    assert sum(end - start for start, end, _ in filled) == TEST[0].ticks
    assert [i for i in filled if i.label != GAP_LABEL] == TEST[0].alignment["character"]
    assert sum(i.label == GAP_LABEL for i in filled) == 3
    assert with_gaps(replace(TEST[0], alignment={}), "character").alignment == {}


def by_hand(folder: Path, system: str, gaps: bool, by_column: bool) -> tuple[list[str], list[int]]:
    """The label and the code of every column, or of every frame, one after the other."""
    labels, codes = [], []
    stride = {"fine": 4, "coarse": 12}[system]
    for utterance in TEST:
        zoom, of_frames = utterance.height / ROWS, opened(folder, system).codes[utterance.id]
        if by_column:
            under = [((column + 0.5) * zoom, column // stride) for column in range(round(utterance.ticks / zoom))]
        else:
            under = [((frame + 0.5) * stride * zoom, frame) for frame in range(len(of_frames))]
        for tick, frame in under:
            label = next((i.label for i in utterance.alignment["character"] if i.start <= tick < i.end), None)
            if label or (gaps and tick < utterance.ticks):
                labels.append(label or "gap")
                codes.append(of_frames[frame])
    return labels, codes


@pytest.mark.parametrize("system", ["fine", "coarse"])
def test_frames_and_columns_are_scored_as_scikit_learn_does_if_they_are_counted_by_hand(folder, system):
    test, training = corpora(folder, system)
    found = score_lines(test, training, LineOptions(training_columns=500))
    for gaps, measured in ((False, found["bottleneck"]), (True, found["with_gaps"])):
        for name in ("units", "units_by_column"):
            labels, codes = by_hand(folder, system, gaps, by_column=name == "units_by_column")
            units = measured[name]
            assert units["frames"] == len(labels)
            assert units["ari"] == pytest.approx(adjusted_rand_score(labels, codes))
            assert units["ami"] == pytest.approx(adjusted_mutual_info_score(labels, codes))
            assert units["nmi"] == pytest.approx(normalized_mutual_info_score(labels, codes))
            most = sum(
                max(sum(one == name for one, other in zip(labels, codes) if other == code) for name in {*labels})
                for code in {*codes}
            )
            assert units["many_to_one_same_data"] == pytest.approx(most / len(labels))
    learnt = found["bottleneck"]["units"]
    assert learnt["codes"] == 5 and {"ami", "many_to_one_learnt"} <= learnt["intervals"].keys()
    assert found["columns"] == sum(u.columns_at(ROWS) for u in TEST)
    bottleneck = found["bottleneck"]
    assert bottleneck["labels"]["accuracy"] > (0.9 if system == "fine" else 0.5)
    assert bottleneck["labels"]["items"] == 12 * WIDE * len(TEST)
    assert bottleneck["ctc"]["items"] == len(TEST)
    assert bottleneck["labels"]["folds"] == bottleneck["ctc"]["folds"] == 1  # learned from the other corpus
    units = coded(opened(folder, system), TEST)
    number = sum(len(entry.runs.codes) for entry in units)
    assert bottleneck["units_per_100_columns"] == pytest.approx(100 * number / found["columns"])
    assert bottleneck["bitrate_collapsed"]["bits_per_100_columns"] == pytest.approx(
        100 * number * bottleneck["bitrate_collapsed"]["entropy"] / found["columns"]
    )
    assert found["points"]["bottleneck"]["speaker"]["accuracy"] <= 1
    assert found["points"]["bottleneck"]["abx"]["across"] < 0.3
    json.dumps(found, allow_nan=False)


def test_a_tolerance_is_in_columns_of_the_scaled_line(folder):
    test, training = corpora(folder, "fine")
    found = score_lines(test, training, LineOptions(training_columns=200, gaps=False))["bottleneck"]["boundaries"]
    per_scribe = [unit_boundaries(coded(opened(folder, "fine"), [u]), "character", 2 * u.height / ROWS) for u in TEST]
    assert found["2"]["strict"]["hits_found"] == sum(score.strict.hits_found for score in per_scribe)


def test_without_a_corpus_to_learn_from_folds_of_lines_are_scored(folder):
    test, _ = corpora(folder, "fine")
    found = score_lines(test, None, LineOptions(training_columns=500, gaps=False))
    assert found["bottleneck"]["labels"]["folds"] == 3
    assert found["bottleneck"]["labels"]["accuracy"] > 0.9
    units = found["bottleneck"]["units"]
    assert "many_to_one_learnt" not in units
    assert units["many_to_one"] == 1  # each frame has the code of the character in its middle, whoever writes
    alone = LineCorpus(test.points, [u for u in TEST if u.speaker == "bob"])
    units = score_lines(alone, None, LineOptions(training_columns=500, gaps=False))["bottleneck"]["units"]
    assert units["many_to_one"] is None and units["many_to_one_other_utterances"] == 1


def test_many_random_codes_of_a_coarse_system_flatter_themselves_only_column_by_column(tmp_path):
    """And names that are learnt on other lines are worth the commonest character."""
    rng = np.random.default_rng(0)
    made = {"train": lines("train-", 5, each=60), "test": lines("test-", 6, each=2)}
    encodings = {
        part: encode(tmp_path / part, of, 12, lambda u, label: int(rng.integers(60))) for part, of in made.items()
    }
    test, training = (LineCorpus({"bottleneck": encodings[part]}, made[part]) for part in ("test", "train"))
    options, grid = LineOptions(), ColumnGrid(ROWS)
    found, columns = own_frames(test, training, options), by_column(test, grid, "character")
    assert columns["ami"] > 0.15 and columns["many_to_one_same_data"] > 0.5
    assert found["intervals"]["ami"][0] < 0 < found["intervals"]["ami"][1]
    assert abs(found["ami"]) < 0.08
    assert found["many_to_one_learnt"] == pytest.approx(found["majority"], abs=0.08)


def test_lines_in_both_corpora_are_refused(folder):
    test, _ = corpora(folder, "fine")
    with pytest.raises(CorpusError, match="test-ada0: is in the corpus to learn from and in the one to score"):
        score_lines(test, test)
    renamed = LineCorpus(test.points, [replace(u, id=f"again-{u.id}") for u in test.utterances])
    with pytest.raises(CorpusError, match="test-ada0: is in the corpus to learn from"):
        score_lines(test, renamed)


def test_what_a_system_without_codes_cannot_tell_says_why(folder, tmp_path):
    test, training = corpora(folder, "fine")
    for corpus in (test, training):
        encodings = corpus.points["bottleneck"]
        encodings.codes.update(dict.fromkeys(encodings.codes))
    found = score_lines(test, training, LineOptions(training_columns=200))
    assert "no codes" in found["bottleneck"]["units"]["why"]
    assert found["bottleneck"]["labels"]["accuracy"] > 0.8


# The script --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def manifests(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("manifests")
    for name, utterances in (("train", TRAIN), ("test", TEST)):
        write_manifest(folder / f"{name}.jsonl", utterances)
    return folder / "train.jsonl", folder / "test.jsonl"


def run(*arguments: str | Path) -> dict:
    sys.path.insert(0, str(SCRIPT.parent))  # as Python itself does, for scripts that share code
    try:
        return runpy.run_path(str(SCRIPT))["main"]([*map(str, arguments)])
    finally:
        sys.path.remove(str(SCRIPT.parent))


def test_the_script_prints_the_five_columns_beside_the_published_ones(folder, manifests, tmp_path, capsys):
    train, test = manifests
    systems = [f"vq-0={folder / 'coarse'}", f"vq-1={folder / 'coarse'}", f"pc={folder / 'fine'}"]
    output = tmp_path / "table.json"
    found = run(test, "--train", train, *systems, "--points", "--output", output)
    out = capsys.readouterr().out
    assert "| vq | 2 |" in out
    assert "± 0" in out
    assert "| *Tasman, piecewise-constant* | | *30.0* | *65.0* | *57.0* | *0.23* | *0.36* | *–* |" in out
    scribes, characters = (row_after(out, title) for title in ("Scribe probe", "Character probe"))
    assert scribes[1] == "100.0"
    assert float(characters[1]) < 50 < float(characters[0])
    kept = json.loads(output.read_text())
    systems = found["systems"]
    assert kept["rows"]["pc"]["AMI"]["mean"] == systems["pc"]["bottleneck"]["units"]["ami"]
    assert kept["rows"]["pc"]["AMI, by column"]["mean"] == systems["pc"]["bottleneck"]["units_by_column"]["ami"]
    first = out[: out.index("Column by column")]
    units, low_and_high = systems["vq-0"]["bottleneck"]["units"], systems["vq-0"]["bottleneck"]["units"]["intervals"]
    bounds = ", ".join(f"{bound:.3f}" for bound in low_and_high["ami"])
    assert f"| {units['ami']:.3f} ± 0.000 [{bounds}] |" in first
    assert f"| {100 * units['many_to_one_learnt']:.1f} ± 0.0 [" in first
    assert "| system | seeds | codes |" in first and "| pc | 1 | 6 |" in first
    assert "boundary F1 % (±1) | boundary F1 % (±2) | boundary F1 % (±4)" in out
    assert kept["rows"]["vq"]["CER %"]["seeds"][0] == 100 * found["systems"]["vq-0"]["bottleneck"]["ctc"]["error_rate"]
    assert kept["settings"]["systems"]["pc"] == str(folder / "fine")
    assert kept["published"]["all scribes, VQ"]["CER %"] == 60


def row_after(out: str, title: str) -> list[str]:
    """The figures of the system pc in a table: bottleneck, condition."""
    lines = out[out.index(title) :].splitlines()
    assert lines[2] == "| system | seeds | bottleneck | condition |"
    return next(line for line in lines if line.startswith("| pc |")).strip("| ").split(" | ")[2:]


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["vq"], "vq: has no folder encodings; give an experiment, or NAME=FOLDER"),
        (["vq=x", "vq=y"], "there is a system vq already"),
        (["vq=nowhere"], "has none of the folders columns, encoder"),
    ],
)
def test_the_script_says_what_is_wrong(manifests, arguments, message):
    with pytest.raises((ValueError, EncodingsError), match=message):
        run(manifests[1], *arguments)


def test_encodings_that_lack_lines_are_named(folder, manifests):
    with pytest.raises(EncodingsError, match=r"lacks 18 of the 18 lines of .*train\.jsonl, such as train-ada0"):
        run(manifests[0], f"vq={folder / 'fine'}")


# The commands ------------------------------------------------------------------------------------------------------


def test_commands_speak_of_columns(unitdisc, folder, manifests, tmp_path):
    encodings = folder / "fine" / "test" / "bottleneck"
    result = unitdisc("score", encodings, manifests[1], "--tier", "character", "--tolerance", "2")
    assert result.code == 0, result.err
    assert "tolerance 2 columns" in result.out
    assert "bits per 100 columns, runs" in result.out
    assert "per second" not in result.out
    result = unitdisc("abx", encodings, manifests[1], "--tier", "character", "--context", "any", "--bootstrap", "0")
    assert result.code == 0, result.err
    how = ["--tier", "character", "--task", "labels", "--no-controls", "--known-speakers"]
    result = unitdisc("probe", encodings, manifests[1], *how, "--output", tmp_path / "probe.json")
    assert result.code == 0, result.err
    kept = json.loads((tmp_path / "probe.json").read_text())
    assert kept["probes"]["labels"]["split"] == "other utterances, whoever speaks"
    assert kept["settings"]["columns"] == sum(u.ticks for u in TEST)
