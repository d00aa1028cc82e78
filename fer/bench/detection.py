"""Measure detectors on pictures with known faces: recall, false boxes, and their confidence.

A folder holds pictures and faces.json, which maps a picture's name either to its faces as
[left, top, right, bottom], or to a record with `faces`, `ignore` and `kind`. A box on an ignored
region, such as a face that is turned away, counts neither as right nor as false.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from fer.bench.feed import FPS
from fer.errors import DataError
from fer.faces import Faces, Floats, Picture
from fer.vision.analyzer import PHOTO_LONGEST, Analyzer
from fer.vision.boxes import Mask, inside, overlaps
from fer.vision.detect import LONGEST
from fer.vision.detect.base import shrunk

TRUTH: Final = "faces.json"
SECONDS: Final = 2.0  # that a picture is fed to a live stream
MATCH: Final = 0.3  # least overlap at which a box counts as a face
IGNORED: Final = 0.6  # a box with this share inside an ignored region is not counted
LOWEST: Final = 16  # pixels; faces with a smaller height are ignored
HEIGHTS: Final = (16, 24, 32, 48)  # the lower bounds of the groups by height
BINS: Final = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)  # the lower bounds of the groups by confidence
FITTED: Final = (1280, 720)
WORST: Final = 3  # pictures that are listed for each kind of error


@dataclass(frozen=True, eq=False)
class KnownPicture:
    """A picture whose faces are known."""

    path: Path
    kind: str
    faces: Floats  # boxes
    ignore: Floats

    def read(self) -> Picture:
        """Return the picture in BGR."""
        frame = cv2.imread(str(self.path))
        if frame is None:
            raise DataError(f"{self.path}: {TRUTH} names this picture, but it cannot be read")
        return np.asarray(frame, np.uint8)

    def fitted(self, frame: Picture, width: int, height: int) -> tuple[Picture, KnownPicture]:
        """Return the picture reduced to fit into a size, and its faces at that size."""
        scale = min(1.0, width / frame.shape[1], height / frame.shape[0])
        small, factors = shrunk(frame, scale)
        four = np.tile(factors, 2)
        return small, replace(self, faces=self.faces * four, ignore=self.ignore * four).readable()

    def readable(self) -> KnownPicture:
        """Return a copy in which faces under LOWEST pixels are ignored regions."""
        low = self.faces[:, 3] < LOWEST
        ignore = np.concatenate([self.ignore, self.faces[low]])
        return replace(self, faces=self.faces[~low], ignore=ignore)


def known_pictures(folder: Path) -> list[KnownPicture]:
    """Return the pictures that the folder's faces.json names, in the order of their names."""
    path = folder / TRUTH
    try:
        content = json.loads(path.read_text())
    except OSError as fault:
        raise DataError(f"{path}: cannot be read ({fault.strerror})") from fault
    except ValueError as fault:
        raise DataError(f"{path}: not valid JSON ({fault})") from fault
    if not isinstance(content, dict) or not content:
        raise DataError(f"{path}: must map names of pictures to their faces")
    return [_known(folder, name, entry) for name, entry in sorted(content.items())]


def _known(folder: Path, name: str, entry: Any) -> KnownPicture:
    record = entry if isinstance(entry, dict) else {"faces": entry, "kind": tiles_of(name)}
    if not (folder / name).is_file():
        raise DataError(f"{folder / TRUTH}: names {name}, but this picture is not in the folder")
    boxes = {}
    for part in ("faces", "ignore"):
        corners = _corners(record.get(part, []))
        if corners is None:
            raise DataError(
                f"{folder / TRUTH}: {part} of {name} must be a list of "
                "[left, top, right, bottom] with right > left and bottom > top"
            )
        corners[:, 2:] -= corners[:, :2]
        boxes[part] = corners
    kind = str(record.get("kind", "other"))
    return KnownPicture(folder / name, kind, boxes["faces"], boxes["ignore"]).readable()


def _corners(entry: Any) -> Floats | None:
    """Return corners as an array (n, 4); None if the entry is not a list of valid corners."""
    try:
        corners = np.array(entry, np.float32)
    except (TypeError, ValueError):
        return None
    if corners.size == 0:
        return np.zeros((0, 4), np.float32)
    if corners.ndim != 2 or corners.shape[1] != 4 or not np.isfinite(corners).all():
        return None
    return corners if (corners[:, 2:] > corners[:, :2]).all() else None


def tiles_of(name: str) -> str:
    """Return the kind of a made gallery: for "25_hard_0.jpg" it is "25 tiles"."""
    first = name.split("_")[0]
    return f"{first} tiles" if first.isdecimal() else "other"


def matches(boxes: Floats, truth: Floats) -> tuple[Mask, Mask]:
    """Return which boxes are on a face and which faces are found; each is matched once."""
    shared = overlaps(boxes, truth)
    hits, found = np.zeros(len(boxes), bool), np.zeros(len(truth), bool)
    while shared.size and shared.max() >= MATCH:
        row, column = np.unravel_index(int(shared.argmax()), shared.shape)
        hits[row] = found[column] = True
        shared[row], shared[:, column] = 0, 0
    return hits, found


@dataclass
class Score:
    """The results of one detector on many pictures."""

    heights: list[float] = field(default_factory=list)  # of every known face
    kinds: list[str] = field(default_factory=list)
    found: list[float] = field(default_factory=list)  # confidence of the face's box; -1: none
    confidence: list[float] = field(default_factory=list)  # of every box that counts
    true: list[bool] = field(default_factory=list)
    pictures: dict[str, tuple[int, int]] = field(default_factory=dict)  # name: (missed, false)

    def add(self, known: KnownPicture, faces: Faces) -> None:
        """Count the faces found in a picture."""
        hits, found = matches(faces.boxes, known.faces)
        ignored = ~hits & _ignored(faces.boxes, known.ignore)
        confidence = np.nan_to_num(faces.confidence)
        by_face = overlaps(faces.boxes, known.faces).argmax(0) if len(faces) else found * 0
        sure = [float(confidence[by_face[at]]) if found[at] else -1.0 for at in range(len(found))]
        self.heights += known.faces[:, 3].tolist()
        self.kinds += [known.kind] * len(found)
        self.found += sure
        self.confidence += confidence[~ignored].tolist()
        self.true += hits[~ignored].tolist()
        self.pictures[known.path.name] = (int((~found).sum()), int((~hits & ~ignored).sum()))

    def row(self) -> dict[str, Any]:
        """Return the figures in the form that `fer bench --pictures --json` prints."""
        found, heights = np.array(self.found) >= 0, np.array(self.heights)
        ends = (*HEIGHTS[1:], np.inf)
        kinds = np.array(self.kinds)
        return {
            "faces": len(found),
            "recall": _share(found),
            "false_boxes": round(self.false / max(len(self.pictures), 1), 3),
            "by_height": {
                f"{low}-{high:.0f}" if high < np.inf else f"{low}+": _part(
                    found[(heights >= low) & (heights < high)]
                )
                for low, high in zip(HEIGHTS, ends, strict=True)
            },
            "by_kind": {kind: _part(found[kinds == kind]) for kind in sorted(set(self.kinds))},
            "worst": self.worst(),
            "reliability": self.reliability(),
        }

    @property
    def false(self) -> int:
        """Return the number of boxes that are not on a face."""
        return sum(false for _, false in self.pictures.values())

    def worst(self) -> dict[str, list[dict[str, Any]]]:
        """Return the pictures with the most missed faces, and those with the most false boxes."""
        out = {}
        for at, name in enumerate(("missed", "false")):
            order = sorted(self.pictures, key=lambda picture: -self.pictures[picture][at])
            out[name] = [
                {"picture": picture, "count": self.pictures[picture][at]}
                for picture in order[:WORST]
                if self.pictures[picture][at]
            ]
        return out

    def reliability(self) -> list[dict[str, Any]]:
        """Return each group of boxes by confidence: its mean and the share that are faces."""
        confidence, true = np.array(self.confidence), np.array(self.true, bool)
        out = []
        for low, high in zip(BINS, (*BINS[1:], np.inf), strict=True):
            here = (confidence >= low) & (confidence < high)
            if here.any():
                out.append(
                    {
                        "from": low,
                        "boxes": int(here.sum()),
                        "confidence": round(float(confidence[here].mean()), 3),
                        "faces": round(float(true[here].mean()), 3),
                    }
                )
        return out

    def curve(self) -> list[tuple[float, float]]:
        """Return (false boxes a picture, recall) for every threshold of confidence."""
        found, confidence = np.array(self.found), np.array(self.confidence)
        false = confidence[~np.array(self.true, bool)]
        pictures = max(len(self.pictures), 1)
        thresholds = np.unique(confidence)
        return [
            (float((false >= least).sum()) / pictures, float((found >= least).mean()))
            for least in thresholds[:: max(1, len(thresholds) // 100)]
        ]


def _ignored(boxes: Floats, ignore: Floats) -> Mask:
    if not len(ignore):
        return np.zeros(len(boxes), bool)
    on = (overlaps(boxes, ignore) >= MATCH) | (inside(boxes, ignore) >= IGNORED)
    return np.asarray(on.any(axis=1))


def _share(found: Mask) -> float | None:
    return round(float(found.mean()), 4) if len(found) else None


def _part(found: Mask) -> dict[str, Any]:
    return {"faces": len(found), "recall": _share(found)}


def as_photo(analyzer: Analyzer, frame: Picture, known: KnownPicture) -> tuple[KnownPicture, Faces]:
    """Return the faces found in the whole picture with the settings for photos."""
    return known, analyzer.detector.detect(frame, longest=PHOTO_LONGEST)


def as_fitted(
    analyzer: Analyzer, frame: Picture, known: KnownPicture
) -> tuple[KnownPicture, Faces]:
    """Return the faces found in the picture, reduced to FITTED, with the settings for photos."""
    small, known = known.fitted(frame, *FITTED)
    return as_photo(analyzer, small, known)


def as_live(analyzer: Analyzer, frame: Picture, known: KnownPicture) -> tuple[KnownPicture, Faces]:
    """Return the faces that a live stream shows after SECONDS, in real time."""
    small, known = known.fitted(frame, LONGEST, LONGEST)
    return known, after_seconds(analyzer, small)


PATHS: Final[Mapping[str, Callable[..., tuple[KnownPicture, Faces]]]] = {
    "photo": as_photo,
    "photo 1280x720": as_fitted,
    "live": as_live,
}


def scores(
    analyzers: Mapping[str, Analyzer],
    pictures: Iterable[KnownPicture],
    paths: Sequence[str] = tuple(PATHS),
    log: Callable[[str], None] = lambda line: None,
) -> dict[tuple[str, str], Score]:
    """Return the score of each detector on each path."""
    out = {(kind, path): Score() for kind in analyzers for path in paths}
    for known in pictures:
        log(known.path.name)
        frame = known.read()
        for (kind, path), score in out.items():
            score.add(*PATHS[path](analyzers[kind], frame, known))
    return out


def rows(found: Mapping[tuple[str, str], Score]) -> list[dict[str, Any]]:
    """Return the figures of each detector and path."""
    return [{"detector": kind, "path": path} | found[kind, path].row() for kind, path in found]


def galleries(analyzers: Mapping[str, Analyzer], folder: Path) -> list[dict[str, Any]]:
    """Return recall and false boxes of live streams, for each detector and kind of gallery."""
    known = known_pictures(folder)
    out = []
    for kind in sorted({picture.kind for picture in known}):
        here = [picture for picture in known if picture.kind == kind]
        for row in rows(scores(analyzers, here, ("live",))):
            out.append({"kind": kind} | {name: row[name] for name in GALLERY_COLUMNS})
    return out


GALLERY_COLUMNS: Final = ("detector", "recall", "false_boxes")


def after_seconds(analyzer: Analyzer, frame: Picture) -> Faces:
    """Return the faces after feeding the picture to a stream for SECONDS, in real time."""
    with analyzer.live() as live:
        begun = time.monotonic()
        while (now := time.monotonic()) < begun + SECONDS:
            live.feed(frame, now)
            time.sleep(max(0.0, now + 1 / FPS - time.monotonic()))
        return live.faces


def lines(found: Sequence[Mapping[str, Any]], pictures: int) -> Iterator[str]:
    """Yield the figures as lines for a terminal."""
    yield f"{pictures} pictures, {found[0]['faces'] if found else 0} faces"
    heights = [*found[0]["by_height"]] if found else []
    yield f"{'':12}{'':16}{'recall':>8}{'false':>7}" + "".join(f"{h + ' px':>10}" for h in heights)
    for row in found:
        parts = [row["by_height"][height]["recall"] for height in heights]
        yield (
            f"{row['detector']:12}{row['path']:16}{_percent(row['recall'])}"
            f"{row['false_boxes']:>7.2f}" + "".join(f"{_percent(part):>10}" for part in parts)
        )
    for row in found:
        for name, pictures_ in row["worst"].items():
            named = ", ".join(f"{one['picture']} {one['count']}" for one in pictures_)
            if named:
                yield f"{row['detector']}, {row['path']}, most {name}: {named}"


def _percent(share: float | None) -> str:
    return f"{'-':>8}" if share is None else f"{share:>8.1%}"
