"""Show a finished lesson: a summary, its chart, and the report to download."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st

from fer.emotions import EMOTIONS
from fer.errors import FerError
from fer.lesson import Lesson
from fer.lesson.report import ReportText, Trust, to_csv, to_html, to_json, to_png
from fer.lesson.report.chart import timeline
from fer.lesson.report.text import sentences
from fer.lesson.seconds import whole
from fer.settings import Settings
from fer.ui.text import escape_markdown, report_text, text
from fer.vision.classifier import describe
from fer.vision.metrics import figures, read_metrics

PAPER: Final = '<svg style="background:#fff" '
CARD: Final = 156  # four in a row on a desk, two on a phone


def show(lesson: Lesson, settings: Settings) -> None:
    """Show a lesson's main figures, summary, chart and downloads."""
    words, means = report_text(), whole(lesson.rows())
    info = lesson.info
    st.header(info.name, anchor=False)
    st.caption(f"{info.started:%Y-%m-%d %H:%M} · {words.time(lesson.duration)}")
    faces = float(means.faces[0])
    with st.container(horizontal=True):
        for title, value in (
            (text("record.duration"), words.time(lesson.duration)),
            (text("record.faces"), "–" if faces != faces else f"{faces:.0f}"),
            (text("record.negative"), words.share(float(means.indicator("negative")[0]))),
            (text("record.confused"), words.share(float(means.indicator("confused")[0]))),
        ):
            st.metric(title, value, border=True, width=CARD)
    st.markdown("\n\n".join(escape_markdown(sentence) for sentence in sentences(lesson, words)))
    if lesson.duration:
        st.subheader(text("record.timeline"), anchor=False)
        # The chart has dark lines for paper, so it needs a white background on a dark page.
        drawing = timeline(lesson, words).to_svg().replace("<svg ", PAPER, 1)
        st.image(drawing, alt=text("record.timeline_alt"), width="stretch")
    st.subheader(text("record.keep"), anchor=False)
    downloads(lesson, settings, words)


def downloads(lesson: Lesson, settings: Settings, words: ReportText) -> None:
    """Offer the report and its tables as files; each is made on the click."""
    stem = _stem(lesson)
    with st.container(horizontal=True):
        report_button(lesson, settings, f"record_html_{lesson.info.id}")
        for title, kind, mime, make in (
            (text("record.csv"), "csv", "text/csv", partial(to_csv, lesson)),
            (text("record.json"), "json", "application/json", partial(to_json, lesson)),
            (text("record.png"), "png", "image/png", partial(to_png, lesson, words)),
        ):
            st.download_button(
                title,
                make,
                f"{stem}.{kind}",
                mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"record_{kind}_{lesson.info.id}",
            )


def report_button(lesson: Lesson, settings: Settings, key: str) -> None:
    """Offer the report as a file, with the other downloads or alone."""
    st.download_button(
        text("record.html"),
        partial(_page, lesson, settings, report_text()),
        f"{_stem(lesson)}.html",
        "text/html",
        icon=":material/download:",
        type="primary",
        help=text("record.html_help"),
        on_click="ignore",
        key=key,
    )


def _page(lesson: Lesson, settings: Settings, words: ReportText) -> str:
    try:
        trust = read_trust(settings.model)
    except FerError:
        trust = None  # the report says that the network was not measured
    return to_html(lesson, trust, words)


def read_trust(folder: Path) -> Trust | None:
    """Return the measured accuracy of the model in `folder`; None if it was not measured."""
    metrics = read_metrics(folder)
    if metrics is None:
        return None
    shown = figures(metrics, describe(folder)["shown"])
    faces = dict(zip(EMOTIONS, map(sum, shown.confusion), strict=True))
    return Trust(shown.n, shown.precision(), shown.recall(), faces)


def _stem(lesson: Lesson) -> str:
    """Return a file name without an ending, valid on every system."""
    name = re.sub(r"[^\w-]+", "-", lesson.info.name).strip("-")[:60]
    return "-".join(part for part in (f"{lesson.info.started:%Y-%m-%d}", name) if part)
