"""A finished lesson on a page: what was seen, in short, and the report to keep."""

from __future__ import annotations

import re
from functools import partial
from typing import Final

import streamlit as st

from fer.errors import FerError
from fer.report import Words, read_trust, timeline, to_csv, to_html, to_json, to_png
from fer.report.summary import sentences
from fer.session import Session
from fer.settings import Settings
from fer.ui.words import plain, report_words, say

PAPER: Final = '<svg style="background:#fff" '
CARD: Final = 156  # four in a row on a desk, two on a phone


def show(session: Session, settings: Settings) -> None:
    """The lesson in short, its chart, and what can be downloaded."""
    words, whole = report_words(), session.whole()
    lesson = session.lesson
    st.header(lesson.name, anchor=False)
    st.caption(f"{lesson.started:%Y-%m-%d %H:%M} · {words.time(session.duration)}")
    faces = float(whole.faces[0])
    with st.container(horizontal=True):
        for title, value in (
            (say("record.duration"), words.time(session.duration)),
            (say("record.faces"), "–" if faces != faces else f"{faces:.0f}"),
            (say("record.negative"), words.share(float(whole.look("negative")[0]))),
            (say("record.confused"), words.share(float(whole.look("confused")[0]))),
        ):
            st.metric(title, value, border=True, width=CARD)
    st.markdown("\n\n".join(plain(sentence) for sentence in sentences(session, words)))
    if session.duration:
        st.subheader(say("record.timeline"), anchor=False)
        # It is drawn for paper; the page may be dark.
        drawing = timeline(session, words).to_svg().replace("<svg ", PAPER, 1)
        st.image(drawing, alt=say("record.timeline_alt"), width="stretch")
    st.subheader(say("record.keep"), anchor=False)
    downloads(session, settings, words)


def downloads(session: Session, settings: Settings, words: Words) -> None:
    """The report and its tables as files; each is made when it is asked for."""
    stem = _stem(session)
    with st.container(horizontal=True):
        for title, kind, mime, make, hint in (
            (
                say("record.html"),
                "html",
                "text/html",
                partial(_page, session, settings, words),
                say("record.html_help"),
            ),
            (say("record.csv"), "csv", "text/csv", partial(to_csv, session), None),
            (say("record.json"), "json", "application/json", partial(to_json, session), None),
            (say("record.png"), "png", "image/png", partial(to_png, session, words), None),
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
                key=f"record_{kind}_{session.lesson.id}",
            )


def _page(session: Session, settings: Settings, words: Words) -> str:
    try:
        trust = read_trust(settings.model)
    except FerError:
        trust = None  # the report says that the network was not measured
    return to_html(session, trust, words)


def _stem(session: Session) -> str:
    """A file's name that every system takes."""
    name = re.sub(r"[^\w-]+", "-", session.lesson.name).strip("-")[:60]
    return "-".join(part for part in (f"{session.lesson.started:%Y-%m-%d}", name) if part)
