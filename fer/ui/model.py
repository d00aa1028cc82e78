"""How good the network is, from what was measured, in words that a teacher can use."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from fer.classify import describe
from fer.emotions import EMOJI, EMOTIONS
from fer.errors import ModelError
from fer.settings import Settings
from fer.ui.charts import confusion_map, reliability_diagram, share_bars
from fer.ui.figures import Figures, figures, read_metrics

HOW_TO_MAKE: Final = """
python -m fer train --data DATA --out runs/mine
python -m fer calibrate --model runs/mine --data DATA
python -m fer export --model runs/mine --data DATA
"""
HOW_TO_MEASURE: Final = """
python -m fer evaluate --data DATA --split public_test --write {folder}/metrics.json
"""
CARD: Final = 164  # four in a row on a desk, two on a phone
SPLITS: Final = {
    "public_test": "FER2013's public test pictures",
    "private_test": "FER2013's private test pictures",
    "training": "FER2013's training pictures",
}


def page(settings: Settings) -> None:
    """The page "How good is it?"."""
    st.title("How good is it?")
    try:
        described = describe(settings.model)
    except ModelError as fault:
        st.info("There is no network here yet. This makes one:", icon=":material/model_training:")
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
        st.info("This network was not measured yet. This does it:", icon=":material/straighten:")
        st.code(HOW_TO_MEASURE.format(folder=settings.model.name).strip(), language="bash")
        return
    headline(shown, metrics)
    words(shown)
    pictures(shown)
    details(described, metrics)


def headline(shown: Figures, metrics: dict[str, Any]) -> None:
    """The four figures to know."""
    split = SPLITS.get(shown.split, shown.split)
    st.markdown(
        f"Measured on **{shown.n:,} faces** kept apart from training ({split}), "
        "against the word that most people in a group chose for each face."
    )
    with st.container(horizontal=True):
        st.metric(
            "Agreement",
            f"{shown.accuracy:.1%}",
            border=True,
            width=CARD,
            help="Share of faces where its first word is the group's.",
        )
        st.metric(
            "Emotions alike",
            f"{shown.balanced_accuracy:.1%}",
            border=True,
            width=CARD,
            help="The mean over the seven emotions, so that the many happy faces don't hide "
            "how the rare ones fare (balanced accuracy).",
        )
        st.metric(
            "Certainty off by",
            f"{shown.ece:.1%}",
            border=True,
            width=CARD,
            help="How far its certainty is from how often it is right, on the average "
            "(expected calibration error). Less is better.",
        )
        st.metric(
            "FER2013 labels",
            f"{metrics['accuracy']:.1%}",
            border=True,
            width=CARD,
            help="Its second output, against the data set's original labels, which many papers "
            "report. Those labels are rough: the group disagrees with a third of them.",
        )


def words(shown: Figures) -> None:
    """A line on each emotion: what to expect when the app says this word."""
    st.header("What that means in class")
    st.markdown("**When it says a word, how often would people agree?**")
    st.altair_chart(share_bars(shown.precision()), alt="Precision of each emotion")
    st.markdown("\n".join(f"- {EMOJI[name]} {shown.when_it_says(name)}" for name in EMOTIONS))
    st.markdown("**When people see an expression, how often does it?**")
    st.altair_chart(share_bars(shown.recall()), alt="Recall of each emotion")
    st.markdown("\n".join(f"- {EMOJI[name]} {shown.when_it_is(name)}" for name in EMOTIONS))
    st.markdown(
        "These are figures for many faces. For one student at one moment they are no more than "
        "odds; for a class over minutes the errors partly cancel out. Pictures from a lesson are "
        "darker, smaller and more turned away than these: expect less."
    )


def pictures(shown: Figures) -> None:
    """What it takes for what, and whether it knows when it doesn't know."""
    st.header("What it takes for what")
    st.markdown("Of a hundred faces in a row, so many are called what the column says.")
    st.altair_chart(confusion_map(shown), alt="Confusion matrix in percent of each row")
    if shown.reliability:
        st.header("Does it know when it is unsure?")
        st.markdown(
            "On the dashed line it is right as often as it claims. Points below the line claim "
            "too much, points above it too little. Large points stand for many faces."
        )
        st.altair_chart(reliability_diagram(shown.reliability), alt="Reliability diagram")


def details(described: dict[str, Any], metrics: dict[str, Any]) -> None:
    """Everything that was written down, for those who want it."""
    with st.expander("All figures"):
        st.markdown("**model.json**")
        st.json(described, expanded=False)
        st.markdown("**metrics.json**")
        st.json(metrics, expanded=False)
