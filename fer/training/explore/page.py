"""Write the page of `explore`: what was found by which rule, the emotions, and examples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.emotions import COLOURS, EMOTIONS
from fer.training.data.dataset import SPLITS
from fer.training.data.findings import Finding
from fer.training.explore.duplicates import LISTED, NEAR
from fer.training.explore.pool import Ints, Pool
from fer.training.explore.rules import RULES, PoolFindings, tally
from fer.training.reports import page
from fer.training.reports.charts import bars, heat
from fer.training.reports.page import grid, picture

SAMPLES: Final = 34  # faces of an emotion that are shown, in two rows
SHOWN: Final = 24  # examples of a finding that are shown
MOST: Final = 400  # pictures in a sheet


def render(
    pool: Pool, found: PoolFindings, *, clean: str | Path | None, folds: int, seconds: float
) -> str:
    """Return the whole page."""
    read = [part.split for part in pool.parts]
    changed = {
        action: {f.row for f in found.findings if f.action == action}
        for action in ("drop", "relabel")
    }
    return page.render(
        "explore.html",
        faces=len(pool),
        read=read,
        unread=[split for split in SPLITS if split not in read],
        clean=Path(clean).name if clean else None,
        folds=folds,
        seconds=seconds,
        skipped=[name for part in pool.parts for name in part.skipped],
        findings=finding_rows(read, found.findings),
        dropped=len(changed["drop"]),
        relabelled=len(changed["relabel"] - changed["drop"]),
        rules=RULES,
        emotions=emotion_shares(pool),
        samples=SAMPLES,
        examples=emotion_examples(pool),
        most=SHOWN,
        copies=copies(pool, found),
        near=near_copies(pool, found),
        doubts=doubtful_labels(pool, found.findings),
        empty=empty_pictures(pool, found.findings),
    )


def finding_rows(splits: Sequence[str], findings: Sequence[Finding]) -> list[list[Any]]:
    """Return for each rule the number of faces by split and by action."""
    counts = tally(findings)
    columns = (*splits, "drop", "relabel")
    return [
        [page.code(name)] + [f"{counts.get(name, {}).get(key, 0):,}" for key in columns]
        for name in RULES
    ]


def emotion_shares(pool: Pool) -> dict[str, Any]:
    """Return how many faces each emotion has in each split."""
    counts = {part.split: np.bincount(part.labels, minlength=len(EMOTIONS)) for part in pool.parts}
    shares = {split: 100 * count / max(count.sum(), 1) for split, count in counts.items()}
    rows = []
    for at, name in enumerate(EMOTIONS):
        cells = [(f"{counts[split][at]:,}", f"{shares[split][at]:.1f}") for split in counts]
        rows.append([name, *(cell for pair in cells for cell in pair)])
    rows.append(["all"] + [cell for c in counts.values() for cell in (f"{c.sum():,}", "100")])
    return {
        "headers": ["emotion", *(f"{split}{unit}" for split in counts for unit in ("", " %"))],
        "rows": rows,
        "chart": bars(EMOTIONS, {k: v.tolist() for k, v in shares.items()}, form="{:.1f} %"),
    }


def emotion_examples(pool: Pool) -> list[dict[str, Any]]:
    """Return each emotion's mean face and some faces drawn at random, of the first split."""
    rng = np.random.default_rng(0)
    inside = pool.split == pool.parts[0].split
    examples = []
    for label, name in enumerate(EMOTIONS):
        members = np.flatnonzero(inside & (pool.labels == label))
        if not len(members):
            continue
        mean = pool.faces[members].mean(axis=0, dtype=np.float64)
        span = max(float(np.ptp(mean)), 1.0)
        stretched = ((mean - mean.min()) * (255 / span)).astype(np.uint8)
        drawn = np.sort(rng.permutation(members)[:SAMPLES])
        examples.append(
            {
                "name": name,
                "colour": COLOURS[name],
                "count": len(members),
                "mean": picture(stretched, 98 / 48, f"mean {name} face"),
                "drawn": picture(grid(pool.faces[drawn], SAMPLES // 2), 1, f"{name} faces"),
            }
        )
    return examples


def copies(pool: Pool, found: PoolFindings) -> dict[str, Any]:
    """Return how many byte copies there are, and those whose labels differ."""
    across = [g for g in found.same if len(set(pool.split[g])) > 1]
    differing = [g for g in found.same if len(set(pool.labels[g])) > 1]
    sizes = np.bincount([len(group) for group in found.same], minlength=3)
    names = [f"{size} copies" for size in range(2, len(sizes))]
    return {
        "rows": [
            ["groups of byte copies", f"{len(found.same):,}", f"{_members(found.same):,}"],
            ["across splits", f"{len(across):,}", f"{_members(across):,}"],
            ["with different labels", f"{len(differing):,}", f"{_members(differing):,}"],
        ],
        "chart": bars(names, {"groups": sizes[2:].tolist()}) if found.same else None,
        "differing": len(differing),
        "cards": [_card(pool, group[:1], group) for group in differing[:SHOWN]],
    }


def near_copies(pool: Pool, found: PoolFindings) -> dict[str, Any]:
    """Return the number of near copies, their similarities, and examples of the least similar."""
    pairs = found.pairs.above(NEAR)
    across = pool.split[pairs.first] != pool.split[pairs.second]
    differing = pool.labels[pairs.first] != pool.labels[pairs.second]
    edges = np.append(np.arange(LISTED, 0.999, 0.01), 1.001)
    heights = np.histogram(found.pairs.similarity, edges)[0]
    names = [f"{low:.2f}" for low in edges[:-1]]
    shade = {name: "#009E73" if float(name) >= NEAR else "#8A8A8A" for name in names}
    both = np.stack([pairs.first, pairs.second], axis=1)
    least = both[np.argsort(pairs.similarity, kind="stable")[:SHOWN]]
    return {
        "rows": [
            ["pairs", f"{len(pairs.first):,}"],
            ["across splits", f"{across.sum():,}"],
            ["with different labels", f"{differing.sum():,}"],
            ["groups that they form", f"{len(found.near):,}"],
            ["pictures in them", f"{_members(found.near):,}"],
        ],
        "bound": NEAR,
        "chart": bars(names, {"pairs": heights.tolist()}, colours=shade),
        "least": [_card(pool, pair, pair) for pair in least],
        "differing": int(differing.sum()),
        "cards": [_card(pool, pair, pair) for pair in both[differing][:SHOWN]],
    }


def doubtful_labels(pool: Pool, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return where label and voters differ, and faces on which someone disagrees strongly."""
    majority = np.concatenate([part.majority for part in pool.parts])
    known = majority >= 0
    doubts: dict[str, Any] = {"known": int(known.sum()), "listed": []}
    if known.any():
        matrix = np.zeros((len(EMOTIONS), len(EMOTIONS)), np.int64)
        np.add.at(matrix, (pool.labels[known], majority[known]), 1)
        agree = float(np.mean(majority[known] == pool.labels[known]))
        chart = heat(matrix, EMOTIONS, across="the voters' majority", down="label")
        doubts |= {"agree": agree, "agree_of_all": agree * known.mean(), "chart": chart}
    titles = {"crowd_disagrees": "The voters disagree", "network_disagrees": "Networks disagree"}
    split = pool.parts[0].split
    for kind, title in titles.items():
        listed = [f for f in findings if f.finding == kind and f.split == split]
        if listed:
            drawn = listed[:: -(-len(listed) // SHOWN)]
            entry = {"title": title, "count": len(listed), "cards": _finding_cards(pool, drawn)}
            doubts["listed"].append(entry)
    return doubts


def empty_pictures(pool: Pool, findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return the pictures that show no face, by kind."""
    titles = {
        "no_face": "Not a face for more than half of the voters",
        "blank": "Blank pictures",
    }
    place = _places(pool)
    found = []
    for kind, title in titles.items():
        listed = [place[f.split, f.row] for f in findings if f.finding == kind]
        if listed:
            shown = pool.faces[np.array(listed[:MOST])]
            sheet = picture(grid(shown, 20), 1, title)
            found.append({"title": title, "count": len(listed), "sheet": sheet})
    return found


def _finding_cards(pool: Pool, findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return a card for each finding about one face."""
    place = _places(pool)
    cards = []
    for found in findings:
        at = place[found.split, found.row]
        lines = [pool.name(at), f"{pool.emotion(at)} → {found.label}"]
        if found.action != "keep":
            lines.append("to be relabelled")
        cards.append({"picture": picture(pool.faces[at], 2), "lines": lines})
    return cards


def _card(pool: Pool, shown: Ints, named: Ints) -> dict[str, Any]:
    """Return a card with the pictures of some faces and the labels of others."""
    faces: npt.NDArray[np.uint8] = pool.faces[shown]
    lines = [f"{pool.name(at)}: {pool.emotion(at)}" for at in named]
    return {"picture": picture(grid(faces, 2), 2), "lines": lines}


def _places(pool: Pool) -> dict[tuple[str, int], int]:
    """Return the index of each face in the pool, by its split and row."""
    names = zip(pool.split.tolist(), pool.rows.tolist(), strict=True)
    return {name: at for at, name in enumerate(names)}


def _members(groups: Sequence[Ints]) -> int:
    return sum(len(group) for group in groups)
