"""What the pages say, in the reader's language.

The sentences stand in texts/, a folder a language, a file a page. `say("live.title")` gives the
sentence `title` of live.toml in this visit's language; values are put in by name. `count` picks
"one" or "many" of a sentence about a number of things.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final

import streamlit as st

from fer.emotions import EMOJI, EMOTIONS
from fer.lesson.report import ENGLISH, ReportText

FOLDER: Final = Path(__file__).with_name("texts")
LANGUAGES: Final = {"en": "English", "hi": "हिन्दी", "es": "Español"}
FIRST: Final = "en"  # whose sentences are the originals
CHOSEN: Final = "language"
ADDRESS: Final = "lang"  # its name in the page's address
SIGNS: Final = re.compile(r"([\\`*_{}\[\]()#+!|<>~$:-])")


def say(key: str, **values: object) -> str:
    """The sentence of that key, with these values in it."""
    sentence = texts(language())[key]
    return sentence.format(**values) if values else sentence


def count(key: str, n: int, **values: object) -> str:
    """The sentence about n things: that of key.one, or of key.many."""
    return say(f"{key}.{'one' if n == 1 else 'many'}", n=n, **values)


def word(emotion: str) -> str:
    """Return an emotion's word alone, for sentences and axes."""
    return say(f"emotion.{emotion}")


def emotion(name: str) -> str:
    """Return an emotion's word with its face before it."""
    return f"{EMOJI[name]} {word(name)}"


def emotions() -> dict[str, str]:
    """The seven words, without their faces."""
    return {name: word(name) for name in EMOTIONS}


def all_of(prefix: str) -> dict[str, str]:
    """Every sentence below that key, for a part of the page that runs in the browser."""
    start = f"{prefix}."
    found = texts(language())
    return {key[len(start) :]: found[key] for key in found if key.startswith(start)}


def report_words() -> ReportText:
    """A report's sentences; the English ones stand beside the report itself."""
    return ReportText(ENGLISH if language() == FIRST else all_of("report"))


def plain(words: str) -> str:
    """Somebody's own words, whose signs must mean nothing to the page."""
    return SIGNS.sub(r"\\\1", words)


def language() -> str:
    """This visit's language: the one chosen, else the browser's where we speak it."""
    chosen = st.session_state.get(CHOSEN) or st.query_params.get(ADDRESS)
    return chosen if chosen in LANGUAGES else of_browser(st.context.locale)


def of_browser(locale: str | None) -> str:
    """The language of a browser that says en-GB, es_MX or nothing.

    >>> of_browser("es-MX"), of_browser("fr"), of_browser(None)
    ('es', 'en', 'en')
    """
    short = (locale or "").replace("_", "-").split("-")[0].lower()
    return short if short in LANGUAGES else FIRST


def chooser() -> None:
    """The choice of language, in the sidebar; the page's address tells it, as in ?lang=es."""
    st.sidebar.selectbox(
        say("menu.language"),
        list(LANGUAGES),
        index=list(LANGUAGES).index(language()),
        format_func=LANGUAGES.__getitem__,
        key=CHOSEN,
        persist_state="session",
        on_change=_tell_address,
    )


def _tell_address() -> None:
    st.query_params[ADDRESS] = st.session_state[CHOSEN]


@cache
def texts(name: str) -> dict[str, str]:
    """A language's sentences, by keys such as "live.title"."""
    found: dict[str, str] = {}
    for path in sorted((FOLDER / name).glob("*.toml")):
        found |= _flat(tomllib.loads(path.read_text(encoding="utf-8")), f"{path.stem}.")
    return found


def _flat(table: dict[str, Any], before: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{key}.")
        else:
            found[before + key] = value.strip()
    return found
