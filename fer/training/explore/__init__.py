"""Explore a data set: write a page about its content and faults, and a findings file to clean it.

Only training and public_test are opened unless other splits are named: once its faces have been
seen while working on a network, a split no longer gives an honest final figure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from fer.emotions import EMOTIONS
from fer.errors import DataError
from fer.faces import Floats
from fer.machine import write_text
from fer.training.data import findings as cleaning
from fer.training.data.dataset import Dataset
from fer.training.data.load import load, log_skipped, splits_in
from fer.training.explore import rules
from fer.training.explore.duplicates import NEAR, Pairs, exact_groups, is_flat, linked, near_pairs
from fer.training.explore.page import render
from fer.training.explore.pool import TRAINED_ON, Pool, Predict, out_of_fold, predict_with_keras
from fer.training.explore.rules import PoolFindings

FOR_WORK: Final = ("training", "public_test")
PAGE: Final = "index.html"
FINDINGS: Final = "findings.csv"


def explore(
    data: str | Path,
    out: str | Path,
    *,
    clean: str | Path | None = None,
    folds: Sequence[str | Path] = (),
    splits: Sequence[str] = FOR_WORK,
    predict: Predict = predict_with_keras,
    log: Callable[[str], None] = print,
) -> Path:
    """Write index.html and findings.csv to `out`; return the page.

    `folds` are runs trained with one fold left out. Each predicts the faces of its fold.
    """
    begun = time.monotonic()
    folder, target = Path(data), Path(out)
    pool = Pool.of(_read(folder, splits, clean, log))
    predictions = _predictions(pool, [Path(run) for run in folds], predict, log)
    found = find_all(pool, predictions, log)
    target.mkdir(parents=True, exist_ok=True)
    cleaning.write(target / FINDINGS, found.findings)
    log("writing the page")
    html = render(pool, found, clean=clean, folds=len(folds), seconds=time.monotonic() - begun)
    write_text(target / PAGE, html)
    changed = {(f.split, f.row) for f in found.findings if f.action != "keep"}
    log(f"{len(found.findings):,} findings, which would change {len(changed):,} faces")
    return target / PAGE


def find_all(pool: Pool, predictions: Floats, log: Callable[[str], None]) -> PoolFindings:
    """Return all findings about a pool, by the rules in RULES."""
    flat = is_flat(pool.faces)
    # Blank pictures are all alike and have a rule of their own.
    same = [group for group in exact_groups(pool.digests) if not flat[group[0]]]
    once = ~flat
    for group in same:
        once[group[1:]] = False
    different = np.flatnonzero(once)
    near = near_pairs(pool.faces[different], log)
    pairs = Pairs(different[near.first], different[near.second], near.similarity)
    copies = pairs.above(NEAR)
    return PoolFindings(
        [
            *rules.empty_pictures(pool),
            *rules.copies(pool, same),
            *rules.near_copies(pool, same, copies),
            *rules.doubtful_labels(pool, predictions),
        ],
        same,
        pairs,
        linked(len(pool), copies),
    )


def _read(
    folder: Path, splits: Sequence[str], clean: str | Path | None, log: Callable[[str], None]
) -> list[Dataset]:
    there = splits_in(folder)
    wanted = [split for split in there if split in splits]
    if not wanted:
        raise DataError(f"{folder}: none of {', '.join(splits)} in it, only {', '.join(there)}")
    parts = []
    for split in wanted:
        log(f"reading {split}")
        part = load(folder, split, clean=clean)
        log_skipped(part, log)
        parts.append(part)
    return parts


def _predictions(
    pool: Pool, runs: Sequence[Path], predict: Predict, log: Callable[[str], None]
) -> Floats:
    """Return out-of-fold predictions for training faces; NaN for all others."""
    answers = [
        out_of_fold(part, runs, predict, log)
        if runs and part.split == TRAINED_ON
        else np.full((len(part), len(EMOTIONS)), np.nan, np.float32)
        for part in pool.parts
    ]
    return np.concatenate(answers)
