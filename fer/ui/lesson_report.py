"""A finished lesson on a page: what was seen, in short, and the report to keep."""

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
from fer.ui.text import plain, report_words, say
from fer.vision.classifier import describe
from fer.vision.metrics import figures, read_metrics

PAPER: Final = '<svg style="background:#fff" '
CARD: Final = 156  # four in a row on a desk, two on a phone


def show(lesson: Lesson, settings: Settings) -> None:
    """The lesson in short, its chart, and what can be downloaded."""
    words, means = report_words(), whole(lesson.rows())
    info = lesson.info
    st.header(info.name, anchor=False)
    st.caption(f"{info.started:%Y-%m-%d %H:%M} · {words.time(lesson.duration)}")
    faces = float(means.faces[0])
    with st.container(horizontal=True):
        for title, value in (
            (say("record.duration"), words.time(lesson.duration)),
            (say("record.faces"), "–" if faces != faces else f"{faces:.0f}"),
            (say("record.negative"), words.share(float(means.indicator("negative")[0]))),
            (say("record.confused"), words.share(float(means.indicator("confused")[0]))),
        ):
            st.metric(title, value, border=True, width=CARD)
    st.markdown("\n\n".join(plain(sentence) for sentence in sentences(lesson, words)))
    if lesson.duration:
        st.subheader(say("record.timeline"), anchor=False)
        # It is drawn for paper; the page may be dark.
        drawing = timeline(lesson, words).to_svg().replace("<svg ", PAPER, 1)
        st.image(drawing, alt=say("record.timeline_alt"), width="stretch")
    st.subheader(say("record.keep"), anchor=False)
    downloads(lesson, settings, words)


def downloads(lesson: Lesson, settings: Settings, words: ReportText) -> None:
    """The report and its tables as files; each is made when it is asked for."""
    stem = _stem(lesson)
    with st.container(horizontal=True):
        for title, kind, mime, make, hint in (
            (
                say("record.html"),
                "html",
                "text/html",
                partial(_page, lesson, settings, words),
                say("record.html_help"),
            ),
            (say("record.csv"), "csv", "text/csv", partial(to_csv, lesson), None),
            (say("record.json"), "json", "application/json", partial(to_json, lesson), None),
            (say("record.png"), "png", "image/png", partial(to_png, lesson, words), None),
        ):
            st.download_button(
                title,
                make,
                f"{stem}.{kind}",
                mime,
                icon=":material/download:",
                type="primary" if kind == "html" else "secondary",
                help=hint,
                on_click="ignore",
                key=f"record_{kind}_{lesson.info.id}",
            )


def _page(lesson: Lesson, settings: Settings, words: ReportText) -> str:
    try:
        trust = read_trust(settings.model)
    except FerError:
        trust = None  # the report says that the network was not measured
    return to_html(lesson, trust, words)


def read_trust(folder: Path) -> Trust | None:
    """Return what was measured of the model in `folder`; None where it was not measured."""
    metrics = read_metrics(folder)
    if metrics is None:
        return None
    shown = figures(metrics, describe(folder)["shown"])
    faces = dict(zip(EMOTIONS, map(sum, shown.confusion), strict=True))
    return Trust(shown.n, shown.precision(), shown.recall(), faces)


def _stem(lesson: Lesson) -> str:
    """A file's name that every system takes."""
    name = re.sub(r"[^\w-]+", "-", lesson.info.name).strip("-")[:60]
    return "-".join(part for part in (f"{lesson.info.started:%Y-%m-%d}", name) if part)
