"""Line images scored column by column: the table that systems of character-like units are compared by."""

from unitdisc.evaluation.lines.columns import ColumnGrid, GriddedEncodings, height_of
from unitdisc.evaluation.lines.scores import LineCorpus, LineOptions, score_lines

__all__ = ["ColumnGrid", "GriddedEncodings", "LineCorpus", "LineOptions", "height_of", "score_lines"]
