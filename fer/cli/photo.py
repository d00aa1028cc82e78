"""`fer photo`: read the faces in pictures, and print what each picture shows."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Protocol

from fer.cli.commands import Commands, reading_options
from fer.cli.terminal import Progress, message
from fer.emotions import percent
from fer.errors import DataError, UsageError
from fer.faces import Faces, Picture
from fer.settings import Settings
from fer.tables import FaceTable
from fer.vision.media.pictures import find_pictures, png, read_picture

MANY: Final = 6  # most faces that are listed one by one; more are counted by emotion


class PhotoReader(Protocol):
    """Detects and reads faces: `fer.vision.analyzer.Analyzer`, or a test's fake."""

    def photo(self, frame: Picture) -> Faces: ...


class Drawing(Protocol):
    """Draws faces into a frame: `fer.vision.draw.annotated`, or a test's fake."""

    def __call__(self, frame: Picture, faces: Faces) -> Picture: ...


def add_command(commands: Commands, settings: Settings) -> None:
    """Add the command and its options."""
    one = commands.add("photo", photo, "read the faces in pictures")
    one.add_argument(
        "paths", nargs="+", metavar="PATH", help="pictures, folders of them, or patterns ('*.jpg')"
    )
    one.add_argument(
        "--out", type=Path, metavar="DIR", help="also write the pictures with boxes, and faces.csv"
    )
    reading_options(one, settings)


def photo(options: argparse.Namespace) -> int:
    """Read the pictures; return the exit status."""
    from fer.vision.analyzer import Analyzer
    from fer.vision.draw import annotated

    analyzer = Analyzer(options.model, options.runtime, options.detector, files=options.files)
    return read_photos(options.paths, analyzer, annotated, out=options.out, as_json=options.json)


def read_photos(
    paths: Sequence[str | Path],
    analyzer: PhotoReader,
    annotated: Drawing,
    *,
    out: Path | None = None,
    as_json: bool = False,
) -> int:
    """Read and print every picture, list those that cannot be read; return the exit status."""
    pictures = find_pictures(paths)
    if out and any(Path(path).resolve() in out.resolve().parents for path in paths):
        # Do not read what an earlier run wrote into a folder inside the given one.
        pictures = [path for path in pictures if out.resolve() not in path.resolve().parents]
    targets = _targets(pictures, out) if out and pictures else []
    results: list[dict[str, Any]] = []
    progress = Progress("Reading pictures")
    stopped = False
    with ExitStack() as stack:
        table = stack.enter_context(FaceTable(out / "faces.csv", "file")) if out else None
        try:
            for at, path in enumerate(pictures):
                progress.at(at / len(pictures), f"{at} of {len(pictures)}")
                try:
                    frame = read_picture(path)
                except DataError as fault:
                    results.append({"file": str(path), "error": str(fault)})
                    continue
                faces = analyzer.photo(frame)
                if table is not None:
                    table.add(str(path), faces)
                    try:
                        _write(targets[at], annotated(frame, faces))
                    except DataError as fault:
                        results.append({"file": str(path), "error": str(fault)})
                        continue
                results.append({"file": str(path), "faces": faces.to_records()})
                if not as_json:
                    progress.clear()
                    print(f"{path}: {describe(faces)}", flush=True)
        except KeyboardInterrupt:
            stopped = True
        finally:
            progress.clear()
    if as_json:
        print(json.dumps(results, indent=1))
    failed = _list_failures(results)
    if stopped:
        message(f"fer: stopped after {len(results)} of {len(pictures)} pictures")
        return 130
    return 2 if failed else 0


def _list_failures(results: Sequence[dict[str, Any]]) -> bool:
    """Print which pictures could not be read; return True if there are any."""
    failed = [result["error"] for result in results if "error" in result]
    if len(failed) > 1:
        message(f"fer: {len(failed)} of {len(results)} pictures could not be read:")
    for line in failed:
        message(f"  {line}" if len(failed) > 1 else f"fer: {line}")
    return bool(failed)


def describe(faces: Faces) -> str:
    """Return a line on the faces of a picture.

    >>> describe(Faces.of([[0, 0, 9, 9]], probabilities=[[0, 0, 0, 0.87, 0, 0, 0.13]]))
    '1 face: happy 87 %'
    """
    if not len(faces):
        return "no face found; try a larger or brighter picture, or another --detector"
    noun = "face" if len(faces) == 1 else "faces"
    if len(faces) > MANY:
        counts = Counter(word or "not read" for word in faces.words())
        shown = [f"{word} {count}" for word, count in counts.most_common()]
        return f"{len(faces)} {noun}: {', '.join(shown)}"
    shown = [
        f"{word} {percent(share)} %" if word else "not read"
        for word, share in zip(faces.words(), faces.probabilities.max(axis=1), strict=True)
    ]
    return f"{len(faces)} {noun}: {', '.join(shown)}"


def _targets(pictures: Sequence[Path], out: Path) -> list[Path]:
    """Return the path of each written picture: its name, or more of its path if names clash."""
    whole = [path.resolve() for path in pictures]
    top = os.path.commonpath([path.parent for path in whole])
    below = [path.relative_to(top) for path in whole]
    for names in (
        [path.with_suffix(".png").name for path in below],
        [str(path.with_suffix(".png")) for path in below],
        [f"{path}.png" for path in below],  # a.jpg beside a.png
    ):
        if len({name.casefold() for name in names}) == len(names):
            break
    targets = [out / name for name in names]
    given = set(whole)
    for target in targets:
        if target.resolve() in given:
            raise UsageError(f"--out {out} would overwrite {target}; choose another folder")
    return targets


def _write(path: Path, picture: Picture) -> None:
    # Encode in memory: OpenCV cannot write to every file name on every system.
    data = png(picture, str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
