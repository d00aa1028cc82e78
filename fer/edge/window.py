"""Show the annotated frames in a window, if OpenCV and the computer can."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.errors import UsageError

TITLE: Final = "Class expressions"
ESCAPE: Final = 27


class Window:
    """A window on this computer's screen; `closed` is called when its user closes it."""

    has_viewers = True

    def __init__(self, closed: Callable[[], None], environ: Mapping[str, str] = os.environ) -> None:
        self._closed = closed
        # Without a screen OpenCV's window library aborts the process instead of raising an error.
        screen = environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
        if sys.platform.startswith("linux") and not screen:
            raise UsageError("--window: this computer has no screen; use --mjpeg-port instead")
        try:
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL)
        except cv2.error as fault:
            raise UsageError(
                "--window: opencv-python-headless cannot open windows; use --mjpeg-port, or "
                "replace it by opencv-python of the same version"
            ) from fault

    def show(self, picture: npt.NDArray[np.uint8]) -> None:
        """Show a frame, and call `closed` if q, Escape or the close button was pressed."""
        cv2.imshow(TITLE, picture)
        pressed = cv2.waitKey(1) & 0xFF
        gone = cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1
        if gone or pressed in (ESCAPE, ord("q")):
            self._closed()

    def close(self) -> None:
        """Close the window."""
        cv2.destroyAllWindows()
