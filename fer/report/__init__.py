"""A lesson told on one page, as a picture, and as tables: from a running lesson or a kept one."""

from fer.report.page import to_html
from fer.report.timeline import timeline, to_png
from fer.report.trust import Trust, read_trust
from fer.report.words import ENGLISH, Words
from fer.session.forms import from_json, to_csv, to_json

__all__ = [
    "ENGLISH",
    "Trust",
    "Words",
    "from_json",
    "read_trust",
    "timeline",
    "to_csv",
    "to_html",
    "to_json",
    "to_png",
]
