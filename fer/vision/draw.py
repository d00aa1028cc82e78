"""Draw faces on a picture: a box, the emotion's word, its share and the id.

The emotion is always written beside its colour, for people who cannot tell the colours apart. A
face that is not read yet gets a thin grey box. One with a share below SURE gets a thin box, a dark
plate and a question mark.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from fer.emotions import COLOURS, SURE, is_light, percent
from fer.faces import NOBODY, Faces, Picture

Plates = tuple[Picture, ...]  # pictures of a label's words, drawn side by side
Whole = npt.NDArray[np.int64]
Colour = tuple[int, int, int]  # blue, green, red

DARK: Final[Colour] = (32, 32, 32)
GREY: Final[Colour] = (190, 190, 190)
# Few text sizes, so that plates can be cached and a label doesn't flicker as a face comes nearer.
TEXT_SIZES: Final = np.array((11, 13, 16, 20, 25, 31, 39, 49, 61, 76, 95))
# How far a head goes beyond the face's box, in parts of its sides: left, top, right, bottom.
HEAD: Final = (0.25, 0.45, 0.25, 0.25)
BLOCKS: Final = 6  # a blurred head is at most this many blocks wide and high
SMALLEST_BLOCK: Final = 4


class Label(NamedTuple):
    """A label's plates and its top left corner."""

    left: int
    top: int
    plates: Plates


class Mark(NamedTuple):
    """What is drawn for a face: lines outside its box, and a label once it is read."""

    box: tuple[int, int, int, int]  # left, top, right, bottom
    line: int
    colour: Colour
    label: Label | None


def annotated(frame: Picture, faces: Faces, *, ids: bool = True, blur: bool = False) -> Picture:
    """Return a copy of the picture with the faces drawn on it."""
    copy = frame.copy()
    draw(copy, faces, ids=ids, blur=blur)
    return copy


def draw(frame: Picture, faces: Faces, *, ids: bool = True, blur: bool = False) -> None:
    """Draw the faces into the picture; with `blur`, make the heads unrecognisable first."""
    if not frame.flags.c_contiguous:  # OpenCV can't draw into every view
        frame[...] = annotated(np.ascontiguousarray(frame), faces, ids=ids, blur=blur)
        return
    if blur:
        for left, top, right, bottom in _corners(faces, frame.shape).tolist():
            _pixelate(frame, left, top, right, bottom)
    found = marks(faces, frame.shape, ids=ids)
    for (left, top, right, bottom), line, colour, _ in found:
        # Line by line, as OpenCV takes twice as long for a wide one; the outermost is dark.
        for out in range(line + 1):
            corner = right + out, bottom + out
            ink = colour if out < line else DARK
            cv2.rectangle(frame, (left - 1 - out, top - 1 - out), corner, ink)
    for mark in found:  # after all boxes, so that no line crosses a word
        if mark.label is not None:
            _write(frame, *mark.label)


def marks(faces: Faces, shape: tuple[int, ...], *, ids: bool = True) -> list[Mark]:
    """Return what to draw into a picture of this shape for every face inside it."""
    height, width = shape[:2]
    corners = _corners(faces, shape)
    left, top, right, bottom = corners.T
    seen = (left < width) & (top < height) & (right > 0) & (bottom > 0)
    if not seen.all():
        faces, corners = faces[seen], corners[seen]
    shares = np.where(faces.known, faces.probabilities.max(axis=1), 0)
    lines = _line_widths(faces, shares, shape)
    words, people = faces.words(), faces.ids if ids else np.full(len(faces), NOBODY)
    sizes = _text_sizes(faces, shape).tolist()
    rows = zip(words, shares.tolist(), people.tolist(), sizes, strict=True)
    plates = [plates_of(word, *rest) for word, *rest in rows if word is not None]
    grown = corners + (lines[:, None] + 1) * (-1, -1, 1, 1)
    placed = iter(_placed(plates, grown, faces.known, (width, height)))
    return [
        Mark(tuple(box), line, GREY, None)
        if word is None
        else Mark(tuple(box), line, colour_of(word), next(placed))
        for box, line, word in zip(corners.tolist(), lines.tolist(), words, strict=True)
    ]


def plates_of(word: str, share: float, person: int, size: int) -> Plates:
    """Return a label's plates: the emotion's word, its share and the id if there is one."""
    named = plate(word if share >= SURE else word + "?", size)
    number = plate(f"{percent(share)}%", size)
    return (named, number) if person == NOBODY else (named, number, plate(f"#{person}", size))


@lru_cache(maxsize=1024)
def plate(text: str, size: int) -> Picture:
    """Return a text on its background: an emotion's colour for its word, dark for other texts."""
    ground = colour_of(text) if text in COLOURS else DARK
    font = ImageFont.load_default(size)
    pad = round(0.3 * size)
    picture = Image.new("L", (round(font.getlength(text)) + 2 * pad, round(1.4 * size)))
    ImageDraw.Draw(picture).text((pad, round(1.03 * size)), text, 255, font, anchor="ls")
    share = np.asarray(picture, np.float32)[..., None] / 255
    mixed = np.rint(share * ink_on(ground) + (1 - share) * ground).astype(np.uint8)
    mixed.flags.writeable = False  # all callers share the cached array
    return mixed


@lru_cache(maxsize=len(COLOURS))
def colour_of(word: str) -> Colour:
    """Return an emotion's colour for OpenCV."""
    red, green, blue = bytes.fromhex(COLOURS[word][1:])
    return blue, green, red


def ink_on(colour: Colour) -> Colour:
    """Return black or white, whichever is readable on this colour."""
    blue, green, red = colour
    return (0, 0, 0) if is_light(red, green, blue) else (255, 255, 255)


def _corners(faces: Faces, shape: tuple[int, ...]) -> Whole:
    """Return the boxes' corners in whole pixels, at least one pixel wide and high.

    Coordinates far outside the picture are limited, so that they fit OpenCV's integers.
    """
    corners = faces.boxes.astype(np.float64)
    corners[:, 2:] += corners[:, :2]
    far = 4.0 * max(shape[:2])
    whole = np.rint(np.minimum(np.maximum(corners, -far), far)).astype(np.int64)
    whole[:, 2:] = np.maximum(whole[:, 2:], whole[:, :2] + 1)
    return whole


def _unit(shape: tuple[int, ...]) -> float:
    """Return the picture's shorter side over 720, at least 1: it will be shown reduced by that."""
    return max(1.0, min(shape[:2]) / 720)


def _line_widths(faces: Faces, shares: npt.NDArray[np.float32], shape: tuple[int, ...]) -> Whole:
    wanted = np.minimum(2 * _unit(shape), faces.boxes[:, 2] / 12)
    wanted = wanted * np.where(shares >= SURE, 1, 0.5)
    return np.maximum(np.rint(wanted), 1).astype(np.int64)


def _text_sizes(faces: Faces, shape: tuple[int, ...]) -> Whole:
    unit, widths, least = _unit(shape), faces.boxes[:, 2], float(TEXT_SIZES[0])
    wanted = np.minimum(np.maximum(0.25 * widths, least * unit), 26 * unit)
    wanted = np.maximum(np.minimum(wanted, 0.45 * widths), least)
    return np.asarray(TEXT_SIZES[TEXT_SIZES.searchsorted(wanted, side="right") - 1])


def _placed(
    plates: list[Plates], boxes: Whole, known: npt.NDArray[np.bool_], picture: tuple[int, int]
) -> list[Label]:
    """Return a label above each read face, or where it covers the least if that covers anything."""
    own = boxes[known]
    wide, high = np.array([_size(row) for row in plates], np.int64).reshape(-1, 2).T
    left = np.maximum(np.minimum(own[:, 0], picture[0] - wide), 0)
    top = np.maximum(np.minimum(own[:, 1], picture[1]) - high, 0)
    above = np.array([left, top, left + wide, top + high]).T
    covers = (_shared(above, boxes) > 0).any(axis=1)
    covers |= np.triu(_shared(above, above) > 0, 1).any(axis=0)
    # In a crowd where most labels would cover something, all are shortened.
    if covers.sum() > max(12, len(plates) / 2) and max(map(len, plates)) > 1:
        return _placed([row[: max(len(row) - 1, 1)] for row in plates], boxes, known, picture)
    result = list(map(Label, left.tolist(), top.tolist(), plates))
    taken = np.concatenate([boxes, above[~covers]])
    for at in np.flatnonzero(covers).tolist():
        # argmin takes the first of equals, which is the longest form.
        choices = list(_choices(plates[at], own[at].tolist(), picture))
        corners, sizes = [one[:2] for one in choices], [_size(one.plates) for one in choices]
        places = np.concatenate([corners, np.add(corners, sizes)], axis=1)
        best = int(_shared(places, taken).sum(axis=1).argmin())
        result[at] = choices[best]
        taken = np.concatenate([taken, places[best : best + 1]])
    return result


def _choices(plates: Plates, own: Sequence[int], picture: tuple[int, int]) -> Iterator[Label]:
    """Yield the label and its shorter forms, above and below the face, flush left and right."""
    left, top, right, bottom = own
    for count in range(len(plates), 0, -1):
        wide, high = _size(plates[:count])
        for y in (top - high, bottom):
            for x in (left, right - wide):
                inside = max(min(x, picture[0] - wide), 0), max(min(y, picture[1] - high), 0)
                yield Label(*inside, plates[:count])


def _size(plates: Plates) -> tuple[int, int]:
    return sum(one.shape[1] for one in plates), len(plates[0])


def _shared(first: Whole, second: Whole) -> Whole:
    """Return the shared area of each box of one list with each of another in pixels, (n, m)."""
    left, top, right, bottom = first.T[:, :, None]
    wide = np.minimum(right, second[:, 2]) - np.maximum(left, second[:, 0])
    high = np.minimum(bottom, second[:, 3]) - np.maximum(top, second[:, 1])
    return np.asarray(np.maximum(wide, 0) * np.maximum(high, 0))


def _write(frame: Picture, left: int, top: int, plates: Plates) -> None:
    for piece in plates:
        room = frame[top : top + piece.shape[0], left : left + piece.shape[1]]
        if room.shape != piece.shape:  # larger than the picture
            piece = piece[: room.shape[0], : room.shape[1]]
        room[...] = piece
        left += piece.shape[1]


def _pixelate(frame: Picture, left: int, top: int, right: int, bottom: int) -> None:
    """Replace the whole head by a few even blocks."""
    width, height = right - left, bottom - top
    x, wide, across = _blocks(left - HEAD[0] * width, right + HEAD[2] * width, frame.shape[1])
    y, high, down = _blocks(top - HEAD[1] * height, bottom + HEAD[3] * height, frame.shape[0])
    if across and down:
        room = frame[y : y + high, x : x + wide]
        few = cv2.resize(room, (across, down), interpolation=cv2.INTER_AREA)
        room[...] = cv2.resize(few, (wide, high), interpolation=cv2.INTER_NEAREST)


def _blocks(start: float, end: float, length: int) -> tuple[int, int, int]:
    """Return start, length and number of the blocks that hide this stretch of a picture's side.

    A block is a share of the whole stretch, also of the part outside the picture, so a head at the
    edge gets no finer blocks. Blocks have whole pixels: averaging those is three times as fast.
    """
    block = max(SMALLEST_BLOCK, math.ceil((end - start + 2) / BLOCKS))
    first, last = max(math.floor(start), 0), min(math.ceil(end), length)
    count = max(0, math.ceil((last - first) / block))
    covered = min(count * block, length)
    return max(min(first, length - covered), 0), covered, count
