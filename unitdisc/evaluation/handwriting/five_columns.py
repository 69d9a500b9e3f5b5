"""The scores of one system of units of line images: those of the ScribbleLens table, and what explains them.

    CER          of a CTC probe that writes the characters of a line, read off the bottleneck
    accuracy     of an MLP probe that names the character of every pixel column
    many-to-one  every code called by its most frequent character, on the lines to learn from or on others
    ARI          adjusted Rand index of codes and characters, over frames
    AMI, NMI     (adjusted, normalised) mutual information of both

Codes are compared at the frames of the system, each counted once, where its centre is in a character. The published
figures, over columns and named on the lines scored ("token to character"), are beside them: `line_units.py` says what
that flatters. The same with the gaps as a class of their own is there as well, as DistSup reports both.
"""

from collections.abc import Callable, Sequence
from typing import Any

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.abx import CONTEXTS, AbxProtocol, Sampling, abx
from unitdisc.evaluation.handwriting.at_columns import (
    ColumnGrid,
    ColumnLabelTask,
    GriddedEncodings,
    columns_of,
    height_of,
)
from unitdisc.evaluation.handwriting.line_units import by_column, counted, own_frames
from unitdisc.evaluation.handwriting.lines import UNITS, LineCorpus, LineOptions, with_gaps_in
from unitdisc.evaluation.overlap import refuse_common
from unitdisc.evaluation.probes import PointFrames, ProbeOptions, SequenceTask, joined, probe, read_point
from unitdisc.evaluation.probes.cross_validation import Task
from unitdisc.evaluation.probes.results import ready_for_json
from unitdisc.evaluation.probes.sequences import sequence_probe
from unitdisc.evaluation.probes.tasks import SpeakerTask
from unitdisc.evaluation.units.codes import coded

WRITING = 4  # columns from one frame that a CTC probe reads to the next
LINES, EPOCHS = 8, 20  # that it learns from at a time, and how often from all (and for 1500 steps at least)

Tell = Callable[[str], None]  # the job that begins


def score_lines(
    test: LineCorpus, training: LineCorpus | None = None, options: LineOptions | None = None, tell: Tell | None = None
) -> dict[str, Any]:
    """Scores the lines of `test`; probes learn from `training`, or from folds of the lines.

        {"bottleneck": {"ctc", "labels", "units": at the frames of the system, "units_by_column", "boundaries", "usage",
                        "bitrate_collapsed", "units_per_100_columns"},
         "with_gaps": {"labels", "units", "units_by_column"},
         "points": {POINT: {"speaker", "labels", "abx": {"within", "across"}}}, "columns": in all, "height": rows}

    What cannot be told is {"why": ...}. Raises EncodingsError naming the file if encodings are missing or unusable,
    CorpusError if a line is in both corpora or is no line image.
    """
    options, tell = options or LineOptions(), tell or (lambda job: None)
    refuse_common(training.utterances if training else [], test.utterances, "lines")
    grid = ColumnGrid(height_of(next(iter(test.points.values())), test.utterances))
    scores: dict[str, Any] = {
        "columns": columns_of(test.utterances, grid),
        "height": grid.height,
        "lines": len(test.utterances),
        "points": {},
    }
    for point in test.points:
        tell(f"scribes and ABX, {point}")
        scores["points"][point] = score_point(point, test, training, grid, options)
    if UNITS not in test.points:
        return scores
    scores[UNITS] = score_bottleneck(test, training, grid, options, tell)
    if options.gaps:
        tell("gaps as a class")
        filled, filled_training = (with_gaps_in(corpus, options.tier) for corpus in (test, training))
        labels = attempt(lambda: read_labels(UNITS, filled, filled_training, grid, options))
        scores["with_gaps"] = {
            "labels": labels,
            "units": attempt(lambda: own_frames(filled, filled_training, options)),
            "units_by_column": attempt(lambda: by_column(filled, grid, options.tier)),
        }
    return scores


def attempt(score: Callable[[], dict]) -> dict[str, Any]:
    """The scores, or why there are none."""
    try:
        return score()
    except UnscorableError as error:
        return {"why": str(error)}


def frames_of(point: str, test: LineCorpus, training: LineCorpus | None, grid: ColumnGrid | None = None) -> PointFrames:
    """What probes read: the frames as they come, or on a grid."""

    def read(corpus: LineCorpus) -> PointFrames:
        encodings = corpus.points[point]
        return read_point(
            GriddedEncodings(encodings, corpus.utterances, grid) if grid else encodings, corpus.utterances
        )

    return joined(read(training), read(test)) if training else read(test)


def probed(task: Task, frames: PointFrames, options: LineOptions, reader: str, width: int) -> dict[str, Any]:
    how = ProbeOptions(
        reader=reader,
        context_frames=width,
        controls=False,
        training_frames=options.training_columns,
        seed=options.seed,
    )
    return ready_for_json(probe(task, frames, how))


def read_labels(
    point: str, test: LineCorpus, training: LineCorpus | None, grid: ColumnGrid, options: LineOptions
) -> dict[str, Any]:
    """The MLP probe of the character of every column."""
    width = options.context_frames if point == UNITS else 1  # other points are as wide as a whole network
    task = ColumnLabelTask(options.tier, grid)
    return probed(task, frames_of(point, test, training), options, "mlp", width)


def score_point(
    point: str, test: LineCorpus, training: LineCorpus | None, grid: ColumnGrid, options: LineOptions
) -> dict[str, Any]:
    """Who wrote a line, what ABX tells of its characters, and the characters themselves if they are asked for."""
    found = {
        "speaker": attempt(lambda: probed(SpeakerTask(), frames_of(point, test, training), options, "linear", 1)),
        "abx": compared(test.points[point], test.utterances, grid, options),
    }
    if point in options.labels_at and point != UNITS:
        found["labels"] = attempt(lambda: read_labels(point, test, training, grid, options))
    return found


def compared(
    encodings: Encodings, utterances: Sequence[Utterance], grid: ColumnGrid, options: LineOptions
) -> dict[str, Any]:
    """ABX over characters, column by column, within scribes and across them: {"within": error or None, ...}."""
    aligned = [utterance for utterance in utterances if options.tier in utterance.alignment]
    items = CONTEXTS[options.context](aligned, options.tier)
    sampling = (
        Sampling(max_size_group=options.items_in_a_group, seed=options.seed) if options.items_in_a_group else None
    )
    columns = GriddedEncodings(encodings, aligned, grid)
    found: dict[str, Any] = {}
    for speaker in ("within", "across"):
        try:
            found[speaker] = abx(items, columns, speaker, AbxProtocol(sampling=sampling), threads=1).error
        except UnscorableError as error:
            found[speaker] = None
            found.setdefault("why", str(error))
    return found


def score_bottleneck(
    test: LineCorpus, training: LineCorpus | None, grid: ColumnGrid, options: LineOptions, tell: Tell
) -> dict[str, Any]:
    tell("characters written by a CTC probe")
    found = {"ctc": attempt(lambda: written(test, training, grid, options))}
    tell("characters of columns")
    found["labels"] = attempt(lambda: read_labels(UNITS, test, training, grid, options))
    tell("units against characters")
    found["units"] = attempt(lambda: own_frames(test, training, options))
    found["units_by_column"] = attempt(lambda: by_column(test, grid, options.tier))
    return found | attempt(lambda: counted(coded(test.points[UNITS], test.utterances), grid, options.tier))


def written(test: LineCorpus, training: LineCorpus | None, grid: ColumnGrid, options: LineOptions) -> dict[str, Any]:
    """The CTC probe. Frames far apart are repeated, or a line would have fewer frames than characters."""
    frames = frames_of(UNITS, test, training, ColumnGrid(grid.height, WRITING))
    how = ProbeOptions(controls=False, seed=options.seed)
    task = SequenceTask(options.tier, "conv", unseen_speakers=False, batch=LINES, epochs=EPOCHS)
    return ready_for_json(sequence_probe(task, frames, how))
