"""The report of an experiment: one page that shows and plays what was discovered, and its figures as JSON."""

from unitdisc.report.page import write_report
from unitdisc.report.resyntheses import Made, made_in
from unitdisc.report.summary import ReportError

__all__ = ["Made", "ReportError", "made_in", "write_report"]
