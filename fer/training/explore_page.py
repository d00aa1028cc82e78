"""The page that `explore` writes: what was found by which rule, the classes, their faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from fer.emotions import COLOURS, EMOTIONS
from fer.report.html import Html, join
from fer.training.charts import bars
from fer.training.clean import Finding
from fer.training.data import SPLITS
from fer.training.explore_examples import copies, doubtful_labels, empty, near_copies
from fer.training.findings import RULES, Seen, tally
from fer.training.page import grid, page, picture, row, table, tag
from fer.training.pool import Pool

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


def _about(pool: Pool, clean: str | Path | None, folds: int, seconds: float) -> Html:
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


def _summary(pool: Pool, findings: Sequence[Finding]) -> Html:
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


def _classes(pool: Pool) -> Html:
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


def _faces(pool: Pool) -> Html:
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
        dot = Html(f'<span style="color:{COLOURS[name]}">&#9632;</span> ')
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
