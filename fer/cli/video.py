"""`fer video`: read a video; write it with boxes on the faces, and a table of the faces."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fer.cli.commands import Commands, reading_options, refuse_where_forbidden
from fer.cli.terminal import Progress, message, minutes
from fer.emotions import EMOTIONS, percent
from fer.errors import FerError
from fer.faces import NOBODY, Faces, Picture
from fer.settings import Settings
from fer.tables import FaceTable

if TYPE_CHECKING:
    from fer.vision.media.videos import Video


class AnalyzedFrame(Protocol):
    """One frame, read: `fer.vision.analyzer.AnalyzedFrame`."""

    @property
    def time(self) -> float: ...
    @property
    def frame(self) -> Picture: ...
    @property
    def faces(self) -> Faces: ...
    @property
    def progress(self) -> float | None: ...


class VideoReader(Protocol):
    """Detects, follows and reads faces: `fer.vision.analyzer.Analyzer`, or a test's fake."""

    def video(self, source: Video, *, thorough: bool = False) -> Iterable[AnalyzedFrame]: ...


class Drawing(Protocol):
    """Draws faces into a frame: `fer.vision.draw.annotated`, or a test's fake."""

    def __call__(self, frame: Picture, faces: Faces, *, blur: bool = False) -> Picture: ...


def add_command(commands: Commands, settings: Settings) -> None:
    """Add the command and its options."""
    one = commands.add("video", video, "read the faces in a video")
    one.add_argument("path", type=Path, metavar="PATH", help="the video file")
    one.add_argument(
        "--out",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="folder for the video with boxes and the timeline (this folder)",
    )
    one.add_argument(
        "--every", type=float, metavar="SECONDS", help="read one frame every so many seconds"
    )
    one.add_argument(
        "--blur",
        action="store_true",
        help="blur every face; this takes ten times as long, because each frame is searched",
    )
    reading_options(one, settings)


def video(options: argparse.Namespace) -> int:
    """Read the video; return the exit status."""
    refuse_where_forbidden(options)
    from fer.vision.analyzer import Analyzer
    from fer.vision.draw import annotated

    analyzer = Analyzer(options.model, options.runtime, options.detector, files=options.files)
    return read_video(
        options.path,
        analyzer,
        annotated,
        out=options.out,
        every=options.every,
        blur=options.blur,
        as_json=options.json,
    )


class Tally:
    """Counts the faces of a video and how often each emotion was the most likely."""

    def __init__(self) -> None:
        self.frames = self.at_once = 0
        self._ids: set[int] = set()
        self._words: Counter[str] = Counter()

    def add(self, faces: Faces) -> None:
        """Count the faces of a frame."""
        self.frames += 1
        self.at_once = max(self.at_once, len(faces))
        self._ids |= set(faces.ids.tolist()) - {NOBODY}
        self._words.update(word for word in faces.words() if word)

    def summary(self) -> dict[str, Any]:
        """Return the counts, and how often each emotion was the most likely, as a share."""
        read = max(self._words.total(), 1)
        return {
            "frames": self.frames,
            "faces": max(len(self._ids), self.at_once),
            "most_at_once": self.at_once,
            "emotions": {name: round(self._words[name] / read, 4) for name in EMOTIONS},
        }


def read_video(
    path: Path,
    analyzer: VideoReader,
    annotated: Drawing,
    *,
    out: Path,
    every: float | None = None,
    blur: bool = False,
    as_json: bool = False,
) -> int:
    """Read a video as far as possible, write video and table; return the exit status."""
    # Imported here: training uses this command line on machines without PyAV.
    from fer.vision.media.video_writer import Recording
    from fer.vision.media.videos import Video

    source, tally = Video(path, every), Tally()
    recording = Recording(out / f"{path.stem}_faces.mp4", source.size, source)
    timeline = out / f"{path.stem}_timeline.csv"
    fault: BaseException | None = None
    try:
        with source, recording, FaceTable(timeline, "time") as table:
            for step in _shown(analyzer.video(source, thorough=blur), source):
                recording.add(step.time, annotated(step.frame, step.faces, blur=blur))
                table.add(step.time, step.faces)
                tally.add(step.faces)
    except (FerError, OSError, KeyboardInterrupt) as ended:
        fault = ended
    if not tally.frames:
        timeline.unlink(missing_ok=True)
        if fault is not None:
            raise fault
    summary = {
        "file": str(path),
        "seconds": round(recording.seconds, 3),
        **tally.summary(),
        "broken": source.broken,
        "video": str(recording.path) if recording.kept else None,
        "timeline": str(timeline),
    }
    print(json.dumps(summary, indent=1) if as_json else _describe(summary))
    kept = [f"{recording.path} up to {minutes(recording.seconds)}"] if recording.kept else []
    parts = " and ".join([*kept, str(timeline)])
    if isinstance(fault, KeyboardInterrupt):
        message(f"fer: stopped; kept: {parts}")
        return 130
    if fault is not None:
        message(f"fer: {fault}; kept: {parts}")
        return 2
    if source.broken:
        message(f"fer: {path}: {source.broken}; what could be read is in {out}")
    if recording.lacks:
        message(f"fer: {recording.path}: {recording.lacks}")
    return 2 if source.broken or recording.lacks else 0


def _shown(steps: Iterable[AnalyzedFrame], source: Video) -> Iterator[AnalyzedFrame]:
    """Yield the frames, and show on the terminal how far the video is read."""
    progress = Progress(Path(source.name).name)
    whole = f" of {minutes(source.duration)}" if source.duration else ""
    try:
        for step in steps:
            yield step
            progress.at(step.progress, f"{minutes(step.time)}{whole}")
    finally:
        progress.clear()


def _describe(summary: dict[str, Any]) -> str:
    """Return the summary as lines for the terminal."""
    frames = f"{summary['file']}: {summary['frames']} frames, {minutes(summary['seconds'])}"
    if not summary["faces"]:
        return f"{frames}: no face found; try another --detector"
    ranked = sorted(summary["emotions"].items(), key=lambda item: -item[1])
    shown = percent if summary["faces"] == 1 else _rounded
    shares = ", ".join(f"{name} {shown(share)} %" for name, share in ranked if share >= 0.005)
    noun = "face" if summary["faces"] == 1 else "faces"
    faces = f"{summary['faces']} {noun}, at most {summary['most_at_once']} at once"
    return f"{frames}: {faces}: {shares}\nwritten: {summary['video']}, {summary['timeline']}"


def _rounded(share: float) -> int:
    """Return the share of several faces in percent, which may be 100."""
    return round(100 * share)
