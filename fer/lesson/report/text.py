"""The English texts of a report, and the sentences of its summary.

Another language is another mapping with the same keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from fer.emotions import EMOTIONS
from fer.lesson import Lesson
from fer.lesson.seconds import gaps, pool, whole

ENGLISH: Final[Mapping[str, str]] = {
    "language": "en",
    # The emotions and the indicators.
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happy",
    "sad": "sad",
    "surprise": "surprise",
    "neutral": "neutral",
    "negative": "looks negative",
    "confused": "looks confused",
    "flat": "looks flat",
    "positive": "looks positive",
    "negative.short": "negative",
    "confused.short": "confused",
    "flat.short": "flat",
    "positive.short": "positive",
    "topic": "topic",
    "question": "question",
    "note": "note",
    "pause": "paused",
    "lost": "no picture",
    # Numbers.
    "percent": "{value:.0f} %",
    "range": "{start} – {end}",
    "unknown": "–",
    "faces.one": "1 face",
    "faces.many": "{n:.0f} faces",
    "minutes.one": "1 minute",
    "minutes.many": "{n} minutes",
    "seconds.one": "1 second",
    "seconds.many": "{n} seconds",
    # The head of the page.
    "unnamed": "A lesson",
    "running": "still running",
    "tile.duration": "duration",
    "tile.faces": "faces on average",
    "tile.negative": "of the faces looked negative",
    "tile.confused": "of the faces looked confused",
    # The summary.
    "summary": "In short",
    "mostly": "Mostly {first} ({share}).",
    "mostly.some": "Mostly {first} ({share}), with some {second} ({other}).",
    "mixed": "Mixed: {first} ({share}) and {second} ({other}) come first.",
    "nobody": "No face was read in this lesson.",
    "seen": "On average {mean} could be seen, at most {most}.",
    "brighter": "Towards the end the faces looked more cheerful than at the start.",
    "darker": "Towards the end the faces looked less cheerful than at the start.",
    "steady": "The end of the lesson looked much like its start.",
    "worst": "Negative looks were most frequent in the minute from {at}: {share} of the faces.",
    "alerts.none": "No alert was given.",
    "alerts.one": "1 alert was given.",
    "alerts.many": "{n} alerts were given.",
    "missing": (
        "For {time} nothing was seen. Nothing is guessed for it: the charts stay empty there."
    ),
    # The timeline.
    "timeline": "The lesson over time",
    "timeline.expressions": "expressions on the faces",
    "timeline.indicators": "share of the faces",
    "timeline.faces": "faces in the picture",
    "timeline.axis": "minutes since the start",
    "timeline.caption": (
        "Above: the mean of what the network says of each face, stacked. Middle: the share of "
        "faces with each indicator; bars above it are alerts. Below: how many faces could be seen. "
        "Grey: nothing was seen. Numbers in circles are the notes listed below. A point is the "
        "mean of {step}."
    ),
    "means": "The whole lesson",
    "means.expression": "expression",
    "means.share": "mean",
    "means.first": "faces whose first word it is",
    "indicators.name": "indicator",
    "indicators.share": "share of the faces",
    # Notes and alerts.
    "notes": "Notes",
    "notes.time": "at",
    "notes.kind": "kind",
    "notes.text": "words",
    "alerts": "Alerts",
    "alerts.time": "from – to",
    "alerts.what": "more faces than set",
    "alerts.rule": "over {share} for {seconds}",
    "alerts.peak": "at most",
    # What to make of it.
    "limits": "How far to trust it",
    "limits.feeling": (
        "An expression is not a feeling. A frown may be bad light or hard thinking, a smile may be "
        "politeness. Take what stands here as a reason to ask, never as an answer, and grade, rank "
        "or discipline nobody by it."
    ),
    "limits.measured": (
        "Measured on {n:,} pictures that the network had not seen, against what most of ten people "
        "said of them. They are posed and staged pictures from the web; in a classroom expect more "
        "errors, above all between neutral and sad."
    ),
    "limits.unmeasured": "How often this network errs was not measured.",
    "limits.called": "of ten faces it calls so, really are",
    "limits.found": "of ten such faces, it finds",
    "limits.few": "(few faces: a loose figure)",
    "tenths.0": "hardly any",
    "tenths.1": "about one",
    "tenths.2": "about two",
    "tenths.3": "about three",
    "tenths.4": "about four",
    "tenths.5": "about five",
    "tenths.6": "about six",
    "tenths.7": "about seven",
    "tenths.8": "about eight",
    "tenths.9": "about nine",
    "tenths.10": "nearly all",
    "law": "Consent and law",
    "law.acknowledged": (
        "The teacher confirmed on {date} at {time} that the class knows of this and agrees."
    ),
    "law.not": "It was not confirmed that the class knows of this and agrees.",
    "law.region": "Region: {region}.",
    "law.act": (
        "In the European Union, inferring emotions in education is prohibited except for medical "
        "or safety reasons: AI Act (Regulation (EU) 2024/1689), Article 5(1)(f)."
    ),
    "how": "How the numbers come about",
    "how.mean": (
        "For each face the network gives seven shares that add up to 100 %. The mean over all "
        "faces of all pictures of a stretch is what the upper chart shows; every face counts alike."
    ),
    "how.negative": "A face looks negative where {words} have {half} or more together.",
    "how.confused": (
        "It looks confused where {words} have {half} or more together, and none of them alone. "
        "No network was taught this word: it is a convention, and a loose one."
    ),
    "how.flat": "It looks flat where {word} has {flat} or more.",
    "how.positive": "It looks positive where {word} has {half} or more.",
    "how.overlap": "A face may have several indicators or none, so they don't add up to 100 %.",
    "how.kept": "No picture was kept. This page holds all its numbers itself and loads nothing.",
    "how.model": "Network: {model} {version}.",
    "and": "{most} and {last}",
}


class ReportText:
    """The texts of one language: `words("percent", value=3)` returns "3 %"."""

    def __init__(self, language: Mapping[str, str] = ENGLISH) -> None:
        self._language = language

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of this key with these values in it."""
        return self._language[key].format(**values)

    def many(self, key: str, n: float) -> str:
        """Return a count with its noun in the right form."""
        return self(f"{key}.one" if round(n) == 1 else f"{key}.many", n=n)

    def share(self, value: float) -> str:
        """Return a share as percent, or a dash if it is NaN."""
        return self("unknown") if value != value else self("percent", value=100 * value)

    def listed(self, keys: tuple[str, ...]) -> str:
        """Return the texts of several keys as a list for a sentence: "a, b and c"."""
        *most, last = (self(key) for key in keys)
        return self("and", most=", ".join(most), last=last)

    def time(self, seconds: float) -> str:
        """Return a time of the lesson as hours, minutes and seconds.

        >>> ReportText().time(3725.4), ReportText().time(59)
        ('1:02:05', '0:59')
        """
        minutes, second = divmod(int(seconds), 60)
        hours, minute = divmod(minutes, 60)
        return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"

    def span(self, seconds: float) -> str:
        """Return a length of time in seconds, or in minutes from two minutes on."""
        rounded = round(seconds)
        if rounded < 120:
            return self.many("seconds", rounded)
        return self.many("minutes", round(rounded / 60))


MOSTLY: Final = 0.5  # least share of an emotion that the lesson "mostly" showed
SOME: Final = 0.1  # least share of a second emotion that is named too
CHANGED: Final = 0.1  # of the mood's balance, between the first and the last third
LONG_ENOUGH: Final = 180  # seconds; a shorter lesson gets no sentence about its trend


def sentences(lesson: Lesson, words: ReportText) -> list[str]:
    """Return the summary of a lesson in a few sentences."""
    means, found = whole(lesson.rows()), []
    if np.isnan(means.shares).any():
        found.append(words("nobody"))
    else:
        found += [_expressions(means.shares[0], words), _seen(lesson, words)]
        if lesson.duration >= LONG_ENOUGH:
            found += [*_trend(lesson, words), *_worst(lesson, words)]
        found.append(_alerts(lesson, words))
    return found + _missing(lesson, words)


def _expressions(shares: np.ndarray, words: ReportText) -> str:
    first, second = (int(at) for at in np.argsort(-shares, kind="stable")[:2])
    key = "mixed"
    if shares[first] >= MOSTLY:
        key = "mostly.some" if shares[second] >= SOME else "mostly"
    return words(
        key,
        first=words(EMOTIONS[first]),
        share=words.share(shares[first]),
        second=words(EMOTIONS[second]),
        other=words.share(shares[second]),
    )


def _seen(lesson: Lesson, words: ReportText) -> str:
    """Return the sentence on how many faces were seen.

    The largest number is a mean of ten seconds, so that a passer-by does not count.
    """
    most = float(np.nanmax(pool(lesson.rows(), 10).faces))
    mean = float(whole(lesson.rows()).faces[0])
    return words("seen", mean=words.many("faces", mean), most=f"{most:.0f}")


def _trend(lesson: Lesson, words: ReportText) -> list[str]:
    rows = lesson.rows()
    thirds = pool(rows, -(-len(rows) // 3)).balance
    change = thirds[-1] - thirds[0]
    if np.isnan(change):  # no face was read in the first or the last third
        return []
    if change >= CHANGED:
        return [words("brighter")]
    return [words("darker" if change <= -CHANGED else "steady")]


def _worst(lesson: Lesson, words: ReportText) -> list[str]:
    minutes = pool(lesson.rows(), 60)
    negative = np.nan_to_num(minutes.indicator("negative"))
    worst = int(negative.argmax())
    if not negative[worst]:
        return []
    at, share = words.time(minutes.times[worst]), words.share(negative[worst])
    return [words("worst", at=at, share=share)]


def _alerts(lesson: Lesson, words: ReportText) -> str:
    count = len(lesson.fired)
    return words.many("alerts", count) if count else words("alerts.none")


def _missing(lesson: Lesson, words: ReportText) -> list[str]:
    missing = gaps(lesson.rows(), lesson.pauses)
    ends = (lesson.duration if gap.end is None else gap.end for gap in missing)
    # In a lesson that was never finished, a pause can begin after the last picture, at its end.
    seconds = sum(max(0.0, end - gap.start) for gap, end in zip(missing, ends, strict=True))
    return [words("missing", time=words.span(seconds))] if round(seconds) else []
