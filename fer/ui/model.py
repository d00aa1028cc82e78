"""How good the network is, from what was measured, in words that a teacher can use."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from fer.emotions import EMOJI, EMOTIONS
from fer.errors import ModelError
from fer.lesson.report.trust import FEW
from fer.settings import Settings
from fer.ui.charts import confusion_map, reliability_diagram, share_bars
from fer.ui.text import say, word
from fer.vision.classifier import MODEL_FOLDER, describe, runtime_folder
from fer.vision.metrics import Figures, figures, read_metrics

HOW_TO_MAKE: Final = """
python -m fer train --data DATA --out runs/mine
python -m fer calibrate --model runs/mine --data DATA
python -m fer export --model runs/mine --data DATA
"""
HOW_TO_MEASURE: Final = """
python -m fer evaluate --data DATA --model {folder} --write {folder}/metrics.json
"""
CARD: Final = 156  # four in a row on a desk, two on a phone


def page(settings: Settings) -> None:
    """The page "How good is it?"."""
    st.title(say("model.title"))
    try:
        described = describe(settings.model)
    except ModelError as fault:
        st.info(say("model.missing"), icon=":material/model_training:")
        st.code(HOW_TO_MAKE.strip(), language="bash")
        st.caption(str(fault))
        return
    try:
        metrics = read_metrics(settings.model)
        shown = figures(metrics, described["shown"]) if metrics else None
    except ModelError as fault:
        st.error(str(fault), icon=":material/error:")
        return
    if metrics is None or shown is None:
        st.info(say("model.unmeasured"), icon=":material/straighten:")
        # By its variable: where things lie on the server is nothing for a visitor.
        inner = runtime_folder(settings.model).relative_to(settings.model).as_posix()
        base = "model" if settings.model == MODEL_FOLDER else "$FER_MODEL"
        folder = f"{base}/{inner}".removesuffix("/.")
        st.code(HOW_TO_MEASURE.format(folder=folder).strip(), language="bash")
        return
    headline(shown, metrics)
    words(shown)
    pictures(shown)
    details(described, metrics)


def headline(shown: Figures, metrics: dict[str, Any]) -> None:
    """The four figures to know."""
    splits = {
        "public_test": say("model.split.public_test"),
        "private_test": say("model.split.private_test"),
        "training": say("model.split.training"),
    }
    split = splits.get(shown.split, shown.split)
    st.markdown(say("model.measured", n=f"{shown.n:,}", split=split))
    with st.container(horizontal=True):
        for label, share, help_text in (
            (say("model.agreement.label"), shown.accuracy, say("model.agreement.help")),
            (say("model.alike.label"), shown.balanced_accuracy, say("model.alike.help")),
            (say("model.certainty.label"), shown.ece, say("model.certainty.help")),
            (say("model.labels.label"), metrics["accuracy"], say("model.labels.help")),
        ):
            st.metric(label, f"{share:.1%}", border=True, width=CARD, help=help_text)


def words(shown: Figures) -> None:
    """A line on each emotion: what to expect when the app says this word."""
    st.header(say("model.class.title"))
    st.markdown(say("model.class.precision"))
    st.altair_chart(share_bars(shown.precision()), alt=say("model.class.precision_alt"))
    st.markdown("\n".join(f"- {EMOJI[name]} {when_it_says(shown, name)}" for name in EMOTIONS))
    st.markdown(say("model.class.recall"))
    st.altair_chart(share_bars(shown.recall()), alt=say("model.class.recall_alt"))
    st.markdown("\n".join(f"- {EMOJI[name]} {when_it_is(shown, name)}" for name in EMOTIONS))
    st.markdown(say("model.class.odds"))


def pictures(shown: Figures) -> None:
    """What it takes for what, and whether it knows when it doesn't know."""
    st.header(say("model.confusion.title"))
    st.markdown(say("model.confusion.text"))
    st.altair_chart(confusion_map(shown), alt=say("model.confusion.alt"))
    if shown.reliability:
        st.header(say("model.reliability.title"))
        st.markdown(say("model.reliability.text"))
        st.altair_chart(reliability_diagram(shown.reliability), alt=say("model.reliability.alt"))


def details(described: dict[str, Any], metrics: dict[str, Any]) -> None:
    """Everything that was written down, for those who want it."""
    with st.expander(say("model.details.title")):
        st.markdown("**model.json**")
        st.json(described, expanded=False)
        st.markdown("**metrics.json**")
        st.json(metrics, expanded=False)


def when_it_says(shown: Figures, emotion: str) -> str:
    """Return one line that says how far to trust this word."""
    column, said = shown.column(EMOTIONS.index(emotion)), word(emotion)
    if not sum(column):
        return say("model.says.never", word=said) + say("model.end")
    tenths = _tenths(shown.precision()[emotion])
    line = {
        0: say("model.says.none", word=said),
        1: say("model.says.one", word=said),
        10: say("model.says.all", word=said),
    }.get(tenths) or say("model.says.many", word=said, number=_number(tenths))
    other = _most_of_the_rest(column, emotion) if tenths < 10 else None
    rest = say("model.says.rest", other=other) if other else say("model.end")
    return line + rest + _few(sum(column))


def when_it_is(shown: Figures, emotion: str) -> str:
    """Return one line that says how many of these faces the network finds."""
    row, said = shown.confusion[EMOTIONS.index(emotion)], word(emotion)
    if not sum(row):
        return say("model.finds.never", word=said) + say("model.end")
    tenths = _tenths(shown.recall()[emotion])
    line = {
        0: say("model.finds.none", word=said),
        1: say("model.finds.one", word=said),
        10: say("model.finds.all", word=said),
    }.get(tenths) or say("model.finds.many", word=said, number=_number(tenths))
    other = _most_of_the_rest(row, emotion) if tenths < 10 else None
    rest = say("model.finds.rest", other=other) if other else say("model.end")
    return line + rest + _few(sum(row))


def _tenths(share: float) -> int:
    return int(10 * share + 0.5)


def _number(tenths: int) -> str:
    return say("model.numbers").split()[tenths]


def _most_of_the_rest(counts: list[int], emotion: str) -> str | None:
    """Return the word that most of the other faces have; None where there are none."""
    others = dict(zip(EMOTIONS, counts, strict=True)) | {emotion: 0}
    most = max(others, key=others.__getitem__)
    return word(most) if others[most] else None


def _few(n: int) -> str:
    return f" {say('model.few', n=n)}" if n < FEW else ""
