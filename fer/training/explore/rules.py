"""Find faults in a data set by fixed rules, as lines of a findings file.

Only training faces are dropped or relabelled: a test split stays as it was published, or its
figures could not be compared with those of others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.faces import Floats
from fer.training.data.dataset import FERPLUS, FERPLUS_OF_EMOTION
from fer.training.data.findings import Action, Finding
from fer.training.explore.duplicates import Pairs, is_flat
from fer.training.explore.pool import Ints, Pool

CROWD_DOUBTS: Final = 0.7  # share of the votes for one other emotion, with none for the label
NETWORK_SURE: Final = 0.9  # share of another emotion
NETWORK_REJECTS: Final = 0.05  # share of the label, at most

RULES: Final = {
    "blank": (
        "The middle of the picture has hardly any difference between its pixels (standard "
        "deviation under 5 grey levels). Training: dropped."
    ),
    "no_face": (
        "More than half of the FER+ votes are for “not a face”. Training: dropped, for there is "
        "nothing to learn from it."
    ),
    "copy": (
        "The same pixels as another picture. A training copy of a face in another split is "
        "dropped, or that split would measure memory. Within training, copies with one label stay: "
        "a picture that counts twice does no harm. Where their labels differ, those with the label "
        "that most of the group's votes are for stay (without votes: that most copies have), and "
        "the others are dropped; with no such label all are, for the network can't learn both."
    ),
    "near_copy": (
        "The same photograph, scaled, lit or cropped a little otherwise (correlation of at least "
        "0.94 after moving one over the other). A training face whose near copy is in another "
        "split is dropped. Within training they stay: they are what augmentation makes anyway."
    ),
    "crowd_disagrees": (
        "Nobody voted for the label, and at least 70 % of the votes are for one other emotion. "
        "Training: relabelled where every vote is for that emotion, or where a network that never "
        "saw the face gives it at least 90 % as well; else only listed."
    ),
    "network_disagrees": (
        "A network that never saw the face gives its label at most 5 % and another emotion at "
        "least 90 %. Only listed: one network is not enough to change a label."
    ),
}


@dataclass(frozen=True)
class PoolFindings:
    """Everything that was found in a pool."""

    findings: list[Finding]
    same: list[Ints]  # groups of byte copies
    pairs: Pairs  # similar pairs, likely copies or not
    near: list[Ints]  # groups of near copies


def empty_pictures(pool: Pool) -> list[Finding]:
    """Return findings of blank pictures, and of pictures that voters call no face."""
    found = []
    flat = is_flat(pool.faces)
    against, total = pool.votes[:, FERPLUS.index("not_a_face")], pool.votes.sum(axis=1)
    for at in np.flatnonzero(flat):
        found.append(_finding(pool, at, "blank", "drop", "hardly any difference between pixels"))
    for at in np.flatnonzero(against * 2 > total):
        detail = f"{against[at]} of {total[at]} votes for not a face"
        found.append(_finding(pool, at, "no_face", "drop", detail))
    return found


def copies(pool: Pool, groups: Sequence[Ints]) -> list[Finding]:
    """Return findings of byte copies, and which of them training should drop."""
    found = []
    for group in groups:
        inside = pool.trained_on[group]
        stay = _label_to_keep(pool, group)
        for at in group:
            others = f"same pixels as {pool.names(group[group != at])}"
            action: Action = "keep"
            if not inside.all():
                action = "drop"
            elif len(set(pool.labels[group])) > 1:
                labels = ", ".join(sorted({pool.emotion(other) for other in group}))
                likelier = "none is likelier" if stay is None else f"{EMOTIONS[stay]} is likelier"
                others += f"; labels {labels}: {likelier}"
                action = "keep" if pool.labels[at] == stay else "drop"
            found.append(_finding(pool, at, "copy", action, others))
    return found


def near_copies(pool: Pool, groups: Sequence[Ints], pairs: Pairs) -> list[Finding]:
    """Return findings of near copies; a pair counts for all byte copies of its two faces."""
    same = {int(group[0]): group for group in groups}
    closest: dict[int, tuple[float, int]] = {}
    leaks: dict[int, tuple[float, int]] = {}
    for one, other, similarity in zip(pairs.first, pairs.second, pairs.similarity, strict=True):
        for mine, theirs in ((one, other), (other, one)):
            for partner in same.get(int(theirs), np.array([theirs])):
                for at in same.get(int(mine), np.array([mine])):
                    step = (float(similarity), -int(partner))
                    closest[at] = max(closest.get(at, step), step)
                    if pool.split[partner] != pool.split[at]:
                        leaks[at] = max(leaks.get(at, step), step)
    found = []
    for at in sorted(closest):
        similarity, partner = leaks.get(at, closest[at])
        other = -partner
        detail = f"the same photograph as {pool.name(other)} ({similarity:.2f})"
        if pool.labels[other] != pool.labels[at]:
            detail += f", which is labelled {pool.emotion(other)}"
        found.append(_finding(pool, at, "near_copy", "drop" if at in leaks else "keep", detail))
    return found


def doubtful_labels(pool: Pool, predictions: Floats) -> list[Finding]:
    """Return findings of labels that voters or untrained networks contradict strongly."""
    found = []
    seven, total = pool.votes[:, FERPLUS_OF_EMOTION], pool.votes.sum(axis=1)
    everyone = np.arange(len(pool))
    best, most = seven.argmax(axis=1), seven.max(axis=1)
    nobody = (seven[everyone, pool.labels] == 0) & (total > 0)
    known = ~np.isnan(predictions[:, 0])
    shares = np.where(known[:, None], predictions, 0)
    guess, top = shares.argmax(axis=1), shares.max(axis=1)
    for at in np.flatnonzero(nobody & (most >= CROWD_DOUBTS * total)):
        agreed = guess[at] == best[at] and top[at] >= NETWORK_SURE
        action: Action = "relabel" if most[at] == total[at] or agreed else "keep"
        label, own = EMOTIONS[best[at]], pool.emotion(at)
        words = f"{most[at]} of {total[at]} votes for {label}, none for {own}"
        if agreed:
            words += f"; a network that never saw it gives {label} {top[at]:.0%}"
        found.append(_finding(pool, at, "crowd_disagrees", action, words, label))
    rejected = known & (shares[everyone, pool.labels] <= NETWORK_REJECTS) & (top >= NETWORK_SURE)
    for at in np.flatnonzero(rejected):
        share = shares[at, pool.labels[at]]
        words = f"{EMOTIONS[guess[at]]} {top[at]:.0%}, {pool.emotion(at)} {share:.0%}"
        found.append(_finding(pool, at, "network_disagrees", "keep", words, EMOTIONS[guess[at]]))
    return found


def tally(findings: Sequence[Finding]) -> dict[str, dict[str, int]]:
    """Return how many faces each finding has, by action and by split."""
    faces: dict[str, dict[str, set[tuple[str, int]]]] = defaultdict(lambda: defaultdict(set))
    for found in findings:
        for key in (found.action, found.split):
            faces[found.finding][key].add((found.split, found.row))
    return {name: {key: len(which) for key, which in by.items()} for name, by in faces.items()}


def _finding(
    pool: Pool, at: int | np.integer, kind: str, action: Action, detail: str, label: str = ""
) -> Finding:
    """Return a line of the file; for faces that are not training ones, the action is keep."""
    split = str(pool.split[at])
    if not pool.trained_on[at]:
        action = "keep"
    return Finding(split, int(pool.rows[at]), kind, action, label, detail)


def _label_to_keep(pool: Pool, group: Ints) -> int | None:
    """Return the label with most votes in the group (else most copies); None on a tie."""
    seven = pool.votes[group][:, FERPLUS_OF_EMOTION].sum(axis=0)
    held = np.bincount(pool.labels[group], minlength=len(EMOTIONS))
    score: npt.NDArray[np.int64] = np.where(held > 0, seven if seven.sum() else held, -1)
    best = np.flatnonzero(score == score.max())
    return int(best[0]) if len(best) == 1 else None
