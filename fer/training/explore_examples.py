"""The examples on `explore`'s page: copies, near copies, labels in doubt, and what is no face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.report.html import Html, join
from fer.training.charts import bars, heat
from fer.training.clean import Finding
from fer.training.duplicates import LISTED, NEAR
from fer.training.findings import Seen
from fer.training.page import figure, grid, picture, row, table, tag
from fer.training.pool import Ints, Pool

SHOWN: Final = 24  # examples of a finding that are shown
MOST: Final = 400  # pictures in a grid


def copies(pool: Pool, seen: Seen) -> Html:
    """Byte copies: how many, and those whose labels differ."""
    across = [g for g in seen.same if len(set(pool.split[g])) > 1]
    differing = [g for g in seen.same if len(set(pool.labels[g])) > 1]
    sizes = np.bincount([len(group) for group in seen.same], minlength=3)
    rows = [
        ["groups of byte copies", f"{len(seen.same):,}", f"{_members(seen.same):,}"],
        ["across splits", f"{len(across):,}", f"{_members(across):,}"],
        ["with different labels", f"{len(differing):,}", f"{_members(differing):,}"],
    ]
    parts = [tag("h2", "Byte copies"), table(["", "groups", "pictures"], rows)]
    if seen.same:
        names = [f"{size} copies" for size in range(2, len(sizes))]
        parts += [
            tag("p", "Groups by how often the picture is there:"),
            bars(names, {"groups": sizes[2:].tolist()}),
        ]
    if differing:
        parts.append(tag("h3", "One picture, different labels", _of(len(differing))))
        parts.append(row(*(_group(pool, group) for group in differing[:SHOWN])))
    return join(parts)


def near_copies(pool: Pool, seen: Seen) -> Html:
    """Near copies: how many, how alike, and the least alike of them."""
    pairs = seen.pairs.above(NEAR)
    across = pool.split[pairs.first] != pool.split[pairs.second]
    differing = pool.labels[pairs.first] != pool.labels[pairs.second]
    rows = [
        ["pairs", f"{len(pairs.first):,}"],
        ["across splits", f"{across.sum():,}"],
        ["with different labels", f"{differing.sum():,}"],
        ["groups that they form", f"{len(seen.near):,}"],
        ["pictures in them", f"{_members(seen.near):,}"],
    ]
    edges = np.append(np.arange(LISTED, 0.999, 0.01), 1.001)
    heights = np.histogram(seen.pairs.likeness, edges)[0]
    names = [f"{low:.2f}" for low in edges[:-1]]
    shade = {name: "#009E73" if float(name) >= NEAR else "#8A8A8A" for name in names}
    parts = [
        tag("h2", "Near copies"),
        table(["one photograph, other pixels", ""], rows),
        tag("p", f"Pairs by likeness; those from {NEAR} on (green) count as near copies."),
        bars(names, {"pairs": heights.tolist()}, colours=shade),
    ]
    if len(pairs.first):
        least = np.argsort(pairs.likeness, kind="stable")[:SHOWN]
        parts.append(tag("h3", "The least alike that still count"))
        parts.append(row(*(_pair(pool, pairs.first[k], pairs.second[k]) for k in least)))
        chosen = np.flatnonzero(differing)[:SHOWN]
        if len(chosen):
            parts.append(tag("h3", "With different labels", _of(int(differing.sum()))))
            parts.append(row(*(_pair(pool, pairs.first[k], pairs.second[k]) for k in chosen)))
    return join(parts)


def doubtful_labels(pool: Pool, findings: Sequence[Finding]) -> Html:
    """Where the label and the crowd part, and faces on which someone disagrees strongly."""
    parts = [tag("h2", "Labels in doubt")]
    majority = np.concatenate([part.majority for part in pool.parts])
    known = majority >= 0
    if known.any():
        matrix = np.zeros((len(EMOTIONS), len(EMOTIONS)), np.int64)
        np.add.at(matrix, (pool.labels[known], majority[known]), 1)
        agree = float(np.mean(majority[known] == pool.labels[known]))
        parts += [
            tag(
                "p",
                f"Of {len(pool):,} faces {known.sum():,} have one emotion that most FER+ voters "
                f"chose; on {agree:.1%} of these it is the label, on {agree * known.mean():.1%} of "
                "all. A row is a label, shaded by where its faces went.",
            ),
            heat(matrix, EMOTIONS, across="the crowd's majority", down="label"),
        ]
    else:
        parts.append(tag("p", "No FER+ votes lie with this data."))
    titles = {"crowd_disagrees": "The crowd disagrees", "network_disagrees": "Networks disagree"}
    split = pool.parts[0].split
    for kind, title in titles.items():
        listed = [f for f in findings if f.finding == kind and f.split == split]
        if listed:
            drawn = listed[:: -(-len(listed) // SHOWN)]
            parts.append(tag("h3", f"{title}: {len(drawn)} of {len(listed):,} faces of {split}"))
            parts.append(row(*_cards(pool, drawn)))
    return join(parts)


def empty(pool: Pool, findings: Sequence[Finding]) -> Html:
    """Pictures that show no face."""
    parts = [tag("h2", "No faces")]
    titles = {
        "no_face": "Not a face for more than half of the voters",
        "blank": "Blank pictures",
    }
    place = _places(pool)
    for kind, title in titles.items():
        listed = [place[f.split, f.row] for f in findings if f.finding == kind]
        if listed:
            shown = pool.faces[np.array(listed[:MOST])]
            parts.append(tag("h3", f"{title}: {len(listed):,}"))
            parts.append(picture(grid(shown, 20), 1, title))
    if len(parts) == 1:
        parts.append(tag("p", "None were found."))
    return join(parts)


def _of(count: int) -> str:
    return f": the first {SHOWN} of {count:,}" if count > SHOWN else f": {count:,}"


def _cards(pool: Pool, findings: Sequence[Finding]) -> list[Html]:
    place = _places(pool)
    cards = []
    for found in findings:
        at = place[found.split, found.row]
        lines = [pool.name(at), f"{pool.emotion(at)} → {found.label}"]
        if found.action != "keep":
            lines.append("to be relabelled")
        cards.append(figure(picture(pool.faces[at], 2), join(lines, "<br>"), card=True))
    return cards


def _group(pool: Pool, group: Ints) -> Html:
    lines = [f"{pool.name(at)}: {pool.emotion(at)}" for at in group]
    return figure(picture(pool.faces[group[0]], 2), join(lines, "<br>"), card=True)


def _pair(pool: Pool, one: int | np.integer, other: int | np.integer) -> Html:
    both: npt.NDArray[np.uint8] = pool.faces[np.array([one, other])]
    lines = [f"{pool.name(at)}: {pool.emotion(at)}" for at in (one, other)]
    return figure(picture(grid(both, 2), 2), join(lines, "<br>"), card=True)


def _places(pool: Pool) -> dict[tuple[str, int], int]:
    names = zip(pool.split.tolist(), pool.rows.tolist(), strict=True)
    return {name: at for at, name in enumerate(names)}


def _members(groups: Sequence[Ints]) -> int:
    return sum(len(group) for group in groups)
