"""Report a lesson, running or stored: as an HTML page, a picture, JSON and CSV."""

from fer.lesson.export import from_json, to_csv, to_json
from fer.lesson.report.chart import timeline, to_png
from fer.lesson.report.page import to_html
from fer.lesson.report.text import ENGLISH, ReportText
from fer.lesson.report.trust import Trust

__all__ = [
    "ENGLISH",
    "ReportText",
    "Trust",
    "from_json",
    "timeline",
    "to_csv",
    "to_html",
    "to_json",
    "to_png",
]
