"""The page that `explore` writes: what was found by which rule, the classes, their faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from fer.emotions import COLOURS, EMOTIONS
from fer.training.data.dataset import SPLITS
from fer.training.data.findings import Finding
from fer.training.explore.duplicates import LISTED, NEAR
from fer.training.explore.pool import Ints, Pool
from fer.training.explore.rules import RULES, Seen, tally
from fer.training.reports.charts import bars, heat
from fer.training.reports.page import figure, grid, join, page, picture, row, table, tag

SAMPLES: Final = 34  # faces of a class that are shown, in two rows


def render(pool: Pool, seen: Seen, *, clean: str | Path | None, folds: int, seconds: float) -> str:
    """The whole page."""
    parts = [
        _about(pool, clean, folds, seconds),
        _summary(pool, seen.findings),
        _classes(pool),
        _faces(pool),
        copies(pool, seen),
        near_copies(pool, seen),
        doubtful_labels(pool, seen.findings),
        empty(pool, seen.findings),
    ]
    return page("What is in this data set", join(parts))


def _about(pool: Pool, clean: str | Path | None, folds: int, seconds: float) -> Markup:
    read = [part.split for part in pool.parts]
    unread = [split for split in SPLITS if split not in read]
    skipped = [name for part in pool.parts for name in part.skipped]
    cleaned = f"with {Path(clean).name} applied" if clean else "as it is, with nothing cleaned"
    asked = f"{folds} networks were asked about faces they never saw. " if folds else ""
    lines = [
        tag(
            "p",
            f"{len(pool):,} faces of {_and(read)}, {cleaned}, looked at in {seconds:.0f} seconds. "
            f"{asked}Other splits ({', '.join(unread)}) were not opened: "
            "the final test is only read when a network is evaluated on it.",
        )
    ]
    if skipped:
        lines.append(tag("p", f"{len(skipped):,} pictures cannot be read and were left out:"))
        lines.append(tag("details", tag("summary", "their names"), tag("p", ", ".join(skipped))))
    return join(lines)


def _summary(pool: Pool, findings: Sequence[Finding]) -> Markup:
    splits = [part.split for part in pool.parts]
    counts = tally(findings)
    rows = [
        [tag("code", name)]
        + [f"{counts.get(name, {}).get(key, 0):,}" for key in (*splits, "drop", "relabel")]
        for name in RULES
    ]
    changed = {
        action: {f.row for f in findings if f.action == action} for action in ("drop", "relabel")
    }
    both = len(changed["relabel"] - changed["drop"])
    rules = join(tag("p", tag("code", name), " ", rule) for name, rule in RULES.items())
    return join(
        [
            tag("h2", "What was found"),
            table(["finding", *splits, "to drop", "to relabel"], rows),
            tag(
                "p",
                f"In all {len(changed['drop']):,} training faces would be dropped and {both:,} "
                "more relabelled. The lines are in ",
                tag("code", "findings.csv"),
                ", a table to edit; nothing happens until it is passed on: ",
                tag("code", "python -m fer train --clean findings.csv"),
                ". Test splits are only listed, never changed.",
            ),
            tag("h3", "The rules"),
            rules,
        ]
    )


def _classes(pool: Pool) -> Markup:
    counts = {part.split: np.bincount(part.labels, minlength=len(EMOTIONS)) for part in pool.parts}
    shares = {split: 100 * count / max(count.sum(), 1) for split, count in counts.items()}
    headers = ["class", *(f"{split}{unit}" for split in counts for unit in ("", " %"))]
    rows = [
        [name]
        + [
            cell
            for split in counts
            for cell in (f"{counts[split][at]:,}", f"{shares[split][at]:.1f}")
        ]
        for at, name in enumerate(EMOTIONS)
    ]
    rows.append(["all"] + [cell for c in counts.values() for cell in (f"{c.sum():,}", "100")])
    return join(
        [
            tag("h2", "Classes"),
            tag("p", "Share of each class in per cent, by split."),
            bars(EMOTIONS, {k: v.tolist() for k, v in shares.items()}, form="{:.1f} %"),
            table(headers, rows),
        ]
    )


def _faces(pool: Pool) -> Markup:
    rng = np.random.default_rng(0)
    split = pool.parts[0].split
    inside = pool.split == split
    parts = [
        tag("h2", "Faces"),
        tag(
            "p",
            f"Each class of {split}: the mean of all its faces (its contrast stretched), and "
            f"{SAMPLES} drawn by chance.",
        ),
    ]
    for label, name in enumerate(EMOTIONS):
        members = np.flatnonzero(inside & (pool.labels == label))
        if not len(members):
            continue
        mean = pool.faces[members].mean(axis=0, dtype=np.float64)
        span = max(float(np.ptp(mean)), 1.0)
        stretched = ((mean - mean.min()) * (255 / span)).astype(np.uint8)
        drawn = np.sort(rng.permutation(members)[:SAMPLES])
        dot = Markup(f'<span style="color:{COLOURS[name]}">&#9632;</span> ')
        parts += [
            tag("h3", dot, f"{name}: {len(members):,}"),
            row(
                picture(stretched, 98 / 48, f"mean {name} face"),
                picture(grid(pool.faces[drawn], SAMPLES // 2), 1, f"{name} faces"),
            ),
        ]
    return join(parts)


def _and(words: Sequence[str]) -> str:
    return " and ".join(words)


SHOWN: Final = 24  # examples of a finding that are shown
MOST: Final = 400  # pictures in a grid


def copies(pool: Pool, seen: Seen) -> Markup:
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


def near_copies(pool: Pool, seen: Seen) -> Markup:
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


def doubtful_labels(pool: Pool, findings: Sequence[Finding]) -> Markup:
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


def empty(pool: Pool, findings: Sequence[Finding]) -> Markup:
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


def _cards(pool: Pool, findings: Sequence[Finding]) -> list[Markup]:
    place = _places(pool)
    cards = []
    for found in findings:
        at = place[found.split, found.row]
        lines = [pool.name(at), f"{pool.emotion(at)} → {found.label}"]
        if found.action != "keep":
            lines.append("to be relabelled")
        cards.append(figure(picture(pool.faces[at], 2), join(lines, "<br>"), card=True))
    return cards


def _group(pool: Pool, group: Ints) -> Markup:
    lines = [f"{pool.name(at)}: {pool.emotion(at)}" for at in group]
    return figure(picture(pool.faces[group[0]], 2), join(lines, "<br>"), card=True)


def _pair(pool: Pool, one: int | np.integer, other: int | np.integer) -> Markup:
    both: npt.NDArray[np.uint8] = pool.faces[np.array([one, other])]
    lines = [f"{pool.name(at)}: {pool.emotion(at)}" for at in (one, other)]
    return figure(picture(grid(both, 2), 2), join(lines, "<br>"), card=True)


def _places(pool: Pool) -> dict[tuple[str, int], int]:
    names = zip(pool.split.tolist(), pool.rows.tolist(), strict=True)
    return {name: at for at, name in enumerate(names)}


def _members(groups: Sequence[Ints]) -> int:
    return sum(len(group) for group in groups)
