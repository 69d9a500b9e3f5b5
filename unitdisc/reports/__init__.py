"""The report of an experiment: one page that shows and plays what was discovered, and its figures as JSON."""

from unitdisc.reports.page import write_report
from unitdisc.reports.resyntheses import Made, made_in
from unitdisc.reports.summary import ReportError

__all__ = ["Made", "ReportError", "made_in", "write_report"]
