"""Set up the device from its options, and print its reports on standard output."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fer.edge.device import Screen, read_camera, sentence
from fer.edge.mjpeg import VIEWERS, Board, MjpegServer
from fer.edge.window import Window
from fer.errors import ModelError
from fer.machine import be_frugal, give_back
from fer.net import is_local
from fer.vision.analyzer import Analyzer
from fer.vision.classifier import MODEL_FOLDER, OnnxClassifier, runtime_folder
from fer.vision.detect import Detector, load_detector
from fer.vision.detect.tiles import SIDE, SmallSearch
from fer.vision.media.camera import Camera

# CenterFace finds more faces, but takes two and a half times the work and 15 MB more memory.
BEST_FIRST: Final = ("yunet", "centerface")


@dataclass(frozen=True)
class Options:
    """The options of the device; each value can be written as JSON."""

    camera: str
    mjpeg_port: int | None = None  # 0: any free port
    host: str = "127.0.0.1"
    # Host names by which viewers call it, beside its address.
    names: list[str] = field(default_factory=list)
    viewers: int = VIEWERS
    window: bool = False
    blur: bool = False
    fps: float = 10.0
    side: int = SIDE
    detector: str = "auto"
    files: str | None = None  # folder with YuNet's file
    model: str = str(MODEL_FOLDER)
    json: bool = False


def message(line: str) -> None:
    """Print a line on standard error; standard output is for results."""
    print(line, file=sys.stderr, flush=True)


def run(options: Options) -> int:
    """Run until the file ends, or until SIGINT, SIGTERM, the window or a closed pipe ends it."""
    be_frugal()
    ending, board = threading.Event(), Board(options.viewers)
    screens: list[Screen] = [board]

    def report(numbers: dict[str, Any]) -> None:
        board.numbers = numbers
        try:
            print(json.dumps(numbers) if options.json else sentence(numbers), flush=True)
        except BrokenPipeError:  # the reader of the lines closed the pipe
            # Python flushes standard output when it ends; that must not fail.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ending.set()

    with ExitStack() as stack:
        for name in (signal.SIGINT, signal.SIGTERM):
            stack.callback(signal.signal, name, signal.signal(name, lambda *_: ending.set()))
        if options.window:
            window = Window(ending.set)
            stack.callback(window.close)
            screens.append(window)
        if options.mjpeg_port is not None:
            server = MjpegServer(
                board, options.host, options.mjpeg_port, options.viewers, options.names
            )
            stack.callback(server.close)
            message(f"fer: the picture is at {server.address}")
            if not is_local(options.host):
                message("fer: there is no password: all who reach that address see the class")
        search = SmallSearch(detector(options), options.side)
        network = OnnxClassifier(runtime_folder(Path(options.model)))
        stream = stack.enter_context(Analyzer(detector=search, classifier=network).live())
        give_back()
        camera = Camera(options.camera, options.fps, log=message)
        stack.callback(camera.close)
        read_camera(
            camera, stream, report=report, ending=ending, screens=screens, blur=options.blur
        )
    return 0


def detector(options: Options) -> Detector:
    """Return the chosen detector; for "auto" the best small one whose file is installed."""
    files = None if options.files is None else Path(options.files)
    if options.detector != "auto":
        return load_detector(options.detector, files)
    for kind in BEST_FIRST:
        try:
            return load_detector(kind, files)
        except ModelError:  # its file is not installed
            continue
    return load_detector("haar")
