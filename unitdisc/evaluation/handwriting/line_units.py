"""Units of line images against characters: at their own frames, each counted once, and column by column as published.

A system with a latent every 12 columns has a third of the frames of one with a latent every 4. Repeated over columns
they are as many, but no frame says more than before: what is left to chance among so many copies seems to vanish, and
AMI rises. Codes named on the lines that are scored are named rightly the more often, the more codes there are.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.handwriting.at_columns import ColumnGrid, GriddedEncodings, columns_of
from unitdisc.evaluation.handwriting.lines import UNITS, LineCorpus, LineOptions
from unitdisc.evaluation.units.agreement import agreement
from unitdisc.evaluation.units.bitrate import unit_bitrates
from unitdisc.evaluation.units.boundaries import segmentation_scores, unit_segmentation, utterance_segmentation
from unitdisc.evaluation.units.clustering import code_usage, labelled_codes, named_confusion, unit_scores
from unitdisc.evaluation.units.codes import CodedUtterance, coded

TOLERANCES = (1, 2, 4, 8)  # columns


def own_frames(test: LineCorpus, training: LineCorpus | None, options: LineOptions) -> dict[str, Any]:
    """Codes against characters, every frame counted once: see `agreement`; names are learnt from `training`, too.

    Raises UnscorableError if there are no codes, or no labels.
    """
    units, learn = (corpus and coded(corpus.points[UNITS], corpus.utterances) for corpus in (test, training))
    found = agreement(units, options.tier, learn, seed=options.seed)
    return {name: value for name, value in found.items() if name != "confusion"}


def by_column(test: LineCorpus, grid: ColumnGrid, tier: str) -> dict[str, Any]:
    """Codes against characters, column by column, named on the lines scored: `UnitScores`, as in published tables.

    Raises UnscorableError if there are no codes, or no labels.
    """
    columns = GriddedEncodings(test.points[UNITS], test.utterances, grid)
    return asdict(unit_scores(named_confusion(labelled_codes(coded(columns, test.utterances), tier))))


def counted(units: Sequence[CodedUtterance], grid: ColumnGrid, tier: str) -> dict[str, Any]:
    """How many units there are, how many bits they take, and whether their borders are those of characters."""
    columns = columns_of([entry.utterance for entry in units], grid)
    aligned = [entry for entry in units if tier in entry.utterance.alignment]
    found = [unit_segmentation(entry) for entry in aligned]
    reference = [utterance_segmentation(entry.utterance, tier) for entry in aligned]

    def boundaries(tolerance: float) -> dict[str, Any]:
        ticks = [grid.ticks(entry.utterance, tolerance) for entry in aligned]
        try:
            return asdict(segmentation_scores(found, reference, ticks))
        except UnscorableError as error:
            return {"why": str(error)}

    bits = unit_bitrates(units, tier).bitrate_collapsed
    return {
        "units_per_100_columns": 100 * sum(len(entry.runs.codes) for entry in units) / columns,
        "usage": asdict(code_usage(units)),
        "bitrate_collapsed": asdict(
            replace(bits, columns=columns, bits_per_100_columns=bits.bits_per_100_columns * bits.columns / columns)
        ),
        "boundaries": {str(tolerance): boundaries(tolerance) for tolerance in TOLERANCES},
    }
