"""A lesson in a few plain sentences."""

from __future__ import annotations

import numpy as np

from fer.emotions import EMOTIONS
from fer.report.words import Words
from fer.session import Session
from fer.session.seconds import pool

MOSTLY = 0.5
SOME = 0.1  # from here on the second word is worth naming
CHANGED = 0.1  # of the mood's balance, between the first and the last third
LONG_ENOUGH = 180  # seconds; of a shorter lesson no course is told


def sentences(session: Session, words: Words) -> list[str]:
    """What a colleague would want to know of it."""
    whole, said = session.whole(), []
    if np.isnan(whole.shares).any():
        said.append(words("nobody"))
    else:
        said += [_expressions(whole.shares[0], words), _seen(session, words)]
        if session.duration >= LONG_ENOUGH:
            said += [*_course(session, words), *_worst(session, words)]
        said.append(_alerts(session, words))
    return said + _missing(session, words)


def _expressions(shares: np.ndarray, words: Words) -> str:
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


def _seen(session: Session, words: Words) -> str:
    """Over ten seconds, so that a passer-by or a slip of the detector doesn't count."""
    most = float(np.nanmax(pool(session.rows(), 10).faces))
    mean = float(session.whole().faces[0])
    return words("seen", mean=words.many("faces", mean), most=f"{most:.0f}")


def _course(session: Session, words: Words) -> list[str]:
    rows = session.rows()
    thirds = pool(rows, -(-len(rows) // 3)).balance
    change = thirds[-1] - thirds[0]
    if np.isnan(change):  # nobody was seen at one end
        return []
    if change >= CHANGED:
        return [words("brighter")]
    return [words("darker" if change <= -CHANGED else "steady")]


def _worst(session: Session, words: Words) -> list[str]:
    minutes = pool(session.rows(), 60)
    negative = np.nan_to_num(minutes.look("negative"))
    worst = int(negative.argmax())
    if not negative[worst]:
        return []
    at, share = words.time(minutes.times[worst]), words.share(negative[worst])
    return [words("worst", at=at, share=share)]


def _alerts(session: Session, words: Words) -> str:
    count = len(session.fired)
    return words.many("alerts", count) if count else words("alerts.none")


def _missing(session: Session, words: Words) -> list[str]:
    gaps = session.gaps()
    ends = (session.duration if gap.end is None else gap.end for gap in gaps)
    # A pause can begin after the last picture, where a lesson that was never ended is over.
    seconds = sum(max(0.0, end - gap.start) for gap, end in zip(gaps, ends, strict=True))
    return [words("missing", time=words.span(seconds))] if round(seconds) else []
