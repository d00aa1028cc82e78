"""The pages' sentences in the visitor's language.

They are in texts/LANGUAGE/PAGE.toml. `text("live.title")` returns the sentence `title` of live.toml
in this visit's language, with values put in by name. `plural` chooses between the forms for one and
for many.
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
FIRST: Final = "en"  # the language that the others are translated from
CHOSEN: Final = "language"
PARAMETER: Final = "lang"  # its name in the page's address
MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()#+!|<>~$:-])")


def text(key: str, **values: object) -> str:
    """Return the sentence of a key in this visit's language, with the values put in."""
    sentence = load_texts(language())[key]
    return sentence.format(**values) if values else sentence


def plural(key: str, n: int, **values: object) -> str:
    """Return the sentence about n things: that of key.one for one, else that of key.many."""
    return text(f"{key}.{'one' if n == 1 else 'many'}", n=n, **values)


def word(emotion: str) -> str:
    """Return an emotion's word alone, for sentences and axes."""
    return text(f"emotion.{emotion}")


def emotion(name: str) -> str:
    """Return an emotion's word with its face before it."""
    return f"{EMOJI[name]} {word(name)}"


def emotions() -> dict[str, str]:
    """Return the seven emotions' words, without their faces."""
    return {name: word(name) for name in EMOTIONS}


def texts_below(prefix: str) -> dict[str, str]:
    """Return every sentence below that key, for a part of the page that runs in the browser."""
    start = f"{prefix}."
    found = load_texts(language())
    return {key[len(start) :]: found[key] for key in found if key.startswith(start)}


def report_text() -> ReportText:
    """Return a report's sentences. The English ones are in fer/lesson/report."""
    return ReportText(ENGLISH if language() == FIRST else texts_below("report"))


def escape_markdown(words: str) -> str:
    """Return a user's words so that none of their characters acts as Markdown."""
    return MARKDOWN.sub(r"\\\1", words)


def language() -> str:
    """Return this visit's language: the chosen one, else the browser's if it is known."""
    chosen = st.session_state.get(CHOSEN) or st.query_params.get(PARAMETER)
    return chosen if chosen in LANGUAGES else browser_language(st.context.locale)


def browser_language(locale: str | None) -> str:
    """Return the language for a browser's locale such as en-GB, es_MX or None.

    >>> browser_language("es-MX"), browser_language("fr"), browser_language(None)
    ('es', 'en', 'en')
    """
    short = (locale or "").replace("_", "-").split("-")[0].lower()
    return short if short in LANGUAGES else FIRST


def language_chooser() -> None:
    """Show the choice of language in the sidebar; the page's address keeps it, as in ?lang=es."""
    st.sidebar.selectbox(
        text("menu.language"),
        list(LANGUAGES),
        index=list(LANGUAGES).index(language()),
        format_func=LANGUAGES.__getitem__,
        key=CHOSEN,
        persist_state="session",
        on_change=_put_into_address,
    )


def _put_into_address() -> None:
    st.query_params[PARAMETER] = st.session_state[CHOSEN]


@cache
def load_texts(name: str) -> dict[str, str]:
    """Return a language's sentences by keys such as "live.title"."""
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
