"""The annotated picture in a window, where OpenCV and the computer have any."""

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
    """A window; `closed` is called once its user has enough of it."""

    watched = True

    def __init__(self, closed: Callable[[], None], environ: Mapping[str, str] = os.environ) -> None:
        self._closed = closed
        # Without a screen, windows' libraries end the whole process instead of saying so.
        screen = environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
        if sys.platform.startswith("linux") and not screen:
            raise UsageError("--window: this computer has no screen; use --mjpeg-port instead")
        try:
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL)
        except cv2.error as fault:
            raise UsageError(
                "--window: this OpenCV draws no windows, as it is opencv-python-headless; "
                "use --mjpeg-port, or install opencv-python of the same version in its place"
            ) from fault

    def show(self, picture: npt.NDArray[np.uint8]) -> None:
        """Draw it, and see whether q, Escape or the window's cross was pressed."""
        cv2.imshow(TITLE, picture)
        pressed = cv2.waitKey(1) & 0xFF
        gone = cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1
        if gone or pressed in (ESCAPE, ord("q")):
            self._closed()

    def close(self) -> None:
        """Take the window away."""
        cv2.destroyAllWindows()
