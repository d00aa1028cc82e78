"""The page "How good is it?": the network's measured accuracy in sentences and charts."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from fer.emotions import EMOJI, EMOTIONS
from fer.errors import ModelError
from fer.lesson.report.trust import FEW
from fer.settings import Settings
from fer.ui.charts import confusion_map, reliability_diagram, share_bars
from fer.ui.text import emotion, text, texts_below, word
from fer.vision.classifier import MODEL_FOLDER, describe, runtime_folder
from fer.vision.metrics import Figures, Shifted, figures, read_metrics, shifts

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
    """Show the page "How good is it?"."""
    st.title(text("model.title"))
    try:
        described = describe(settings.model)
    except ModelError as fault:
        st.info(text("model.missing"), icon=":material/model_training:")
        st.code(HOW_TO_MAKE.strip(), language="bash")
        st.caption(str(fault))
        return
    try:
        metrics = read_metrics(settings.model)
        shown = figures(metrics, described["shown"]) if metrics else None
        worse = shifts(metrics, described["shown"]) if metrics else []
    except ModelError as fault:
        st.error(str(fault), icon=":material/error:")
        return
    if metrics is None or shown is None:
        st.info(text("model.unmeasured"), icon=":material/straighten:")
        # Show the variable's name, not its value: a visitor must not see the server's paths.
        inner = runtime_folder(settings.model).relative_to(settings.model).as_posix()
        base = "model" if settings.model == MODEL_FOLDER else "$FER_MODEL"
        folder = f"{base}/{inner}".removesuffix("/.")
        st.code(HOW_TO_MEASURE.format(folder=folder).strip(), language="bash")
        return
    show_headline(shown, metrics)
    show_emotions(shown)
    show_charts(shown)
    show_shifts(worse)
    show_details(described, metrics)


def show_headline(shown: Figures, metrics: dict[str, Any]) -> None:
    """Show the four main figures."""
    splits = {
        "public_test": text("model.split.public_test"),
        "private_test": text("model.split.private_test"),
        "training": text("model.split.training"),
    }
    split = splits.get(shown.split, shown.split)
    st.markdown(text("model.measured", n=f"{shown.n:,}", split=split))
    with st.container(horizontal=True):
        for label, share, help_text in (
            (text("model.agreement.label"), shown.accuracy, text("model.agreement.help")),
            (text("model.alike.label"), shown.balanced_accuracy, text("model.alike.help")),
            (text("model.certainty.label"), shown.ece, text("model.certainty.help")),
            (text("model.labels.label"), metrics["accuracy"], text("model.labels.help")),
        ):
            st.metric(label, f"{share:.1%}", border=True, width=CARD, help=help_text)


def show_emotions(shown: Figures) -> None:
    """Show precision and recall of each emotion as charts and sentences."""
    st.header(text("model.class.title"))
    st.markdown(text("model.class.precision"))
    st.altair_chart(share_bars(shown.precision()), alt=text("model.class.precision_alt"))
    st.markdown(
        "\n".join(f"- {EMOJI[name]} {precision_sentence(shown, name)}" for name in EMOTIONS)
    )
    st.markdown(text("model.class.recall"))
    st.altair_chart(share_bars(shown.recall()), alt=text("model.class.recall_alt"))
    st.markdown("\n".join(f"- {EMOJI[name]} {recall_sentence(shown, name)}" for name in EMOTIONS))
    if shown.intervals:
        st.markdown(text("model.class.bounds"))
        headers = [
            text("model.bars.emotion"),
            text("model.bars.share"),
            text("model.class.between"),
        ]
        rows = [
            [emotion(name), _percent(recall), " – ".join(map(_percent, shown.intervals[name]))]
            for name, recall in shown.recall().items()
            if name in shown.intervals
        ]
        st.markdown(_table(headers, rows))
    st.markdown(text("model.class.odds"))


def show_charts(shown: Figures) -> None:
    """Show the confusion matrix and the reliability diagram."""
    st.header(text("model.confusion.title"))
    st.markdown(text("model.confusion.text"))
    st.altair_chart(confusion_map(shown), alt=text("model.confusion.alt"))
    if shown.reliability:
        st.header(text("model.reliability.title"))
        st.markdown(text("model.reliability.text"))
        st.altair_chart(reliability_diagram(shown.reliability), alt=text("model.reliability.alt"))


def show_shifts(worse: list[Shifted]) -> None:
    """Show the figures on small, dark, blurred and turned faces as a table."""
    if not worse:
        return
    st.header(text("model.shift.title"))
    st.markdown(text("model.shift.text"))
    known = texts_below("model.shift.name")
    rows = [
        [
            known.get(one.name, one.name),
            *map(_percent, (one.accuracy, one.balanced_accuracy, one.ece)),
        ]
        for one in worse
    ]
    headers = [text("model.shift.picture"), text("model.agreement.label")]
    st.markdown(_table([*headers, text("model.alike.label"), text("model.certainty.label")], rows))


def show_details(described: dict[str, Any], metrics: dict[str, Any]) -> None:
    """Show the whole content of model.json and metrics.json."""
    with st.expander(text("model.details.title")):
        st.markdown("**model.json**")
        st.json(described, expanded=False)
        st.markdown("**metrics.json**")
        st.json(metrics, expanded=False)


def precision_sentence(shown: Figures, emotion: str) -> str:
    """Return one sentence on an emotion's precision."""
    column, name = shown.column(EMOTIONS.index(emotion)), word(emotion)
    if not sum(column):
        return text("model.precision.never", word=name) + text("model.end")
    tenths = _tenths(shown.precision()[emotion])
    line = {
        0: text("model.precision.none", word=name),
        1: text("model.precision.one", word=name),
        10: text("model.precision.all", word=name),
    }.get(tenths) or text("model.precision.many", word=name, number=_number(tenths))
    other = _most_of_the_rest(column, emotion) if tenths < 10 else None
    rest = text("model.precision.rest", other=other) if other else text("model.end")
    return line + rest + _few(sum(column))


def recall_sentence(shown: Figures, emotion: str) -> str:
    """Return one sentence on an emotion's recall."""
    row, name = shown.confusion[EMOTIONS.index(emotion)], word(emotion)
    if not sum(row):
        return text("model.recall.never", word=name) + text("model.end")
    tenths = _tenths(shown.recall()[emotion])
    line = {
        0: text("model.recall.none", word=name),
        1: text("model.recall.one", word=name),
        10: text("model.recall.all", word=name),
    }.get(tenths) or text("model.recall.many", word=name, number=_number(tenths))
    other = _most_of_the_rest(row, emotion) if tenths < 10 else None
    rest = text("model.recall.rest", other=other) if other else text("model.end")
    return line + rest + _few(sum(row))


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _table(headers: list[str], rows: list[list[str]]) -> str:
    lines = [headers, ["---", *["---:"] * (len(headers) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _tenths(share: float) -> int:
    return int(10 * share + 0.5)


def _number(tenths: int) -> str:
    return text("model.numbers").split()[tenths]


def _most_of_the_rest(counts: list[int], emotion: str) -> str | None:
    """Return the word of the most frequent other emotion; None if there are no other faces."""
    others = dict(zip(EMOTIONS, counts, strict=True)) | {emotion: 0}
    most = max(others, key=others.__getitem__)
    return word(most) if others[most] else None


def _few(n: int) -> str:
    return f" {text('model.few', n=n)}" if n < FEW else ""
