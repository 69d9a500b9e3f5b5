"""Scores of line images: the table that systems of character-like units are compared by."""

from unitdisc.evaluation.handwriting.at_columns import ColumnGrid, GriddedEncodings, height_of
from unitdisc.evaluation.handwriting.five_columns import score_lines
from unitdisc.evaluation.handwriting.lines import LineCorpus, LineOptions

__all__ = ["ColumnGrid", "GriddedEncodings", "LineCorpus", "LineOptions", "height_of", "score_lines"]
