"""Line images scored column by column: the table that systems of character-like units are compared by."""

from unitdisc.evaluation.handwriting.at_columns import ColumnGrid, GriddedEncodings, height_of
from unitdisc.evaluation.handwriting.five_columns import LineCorpus, LineOptions, score_lines

__all__ = ["ColumnGrid", "GriddedEncodings", "LineCorpus", "LineOptions", "height_of", "score_lines"]
