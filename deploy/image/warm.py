"""Run the app once while the image is built, to compile its modules and to check that it works.

Python saves the compiled form of each module that it loads. The image's files cannot be written
later, so this must happen in the build. The build fails if the app does not answer.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import pkgutil
import signal
import subprocess
import sys
import time
import urllib.request

import av
import cv2
import numpy as np
from streamlit.testing.v1 import AppTest

PORT = "8099"
URL = f"http://127.0.0.1:{PORT}"
START_SECONDS = 120  # for compiling everything
END_SECONDS = 15
# Modules that are loaded later: for a database server, a camera, a recording.
LATER = ("psycopg", "sqlalchemy.dialects.postgresql.psycopg", "aiortc", "av", "altair")
# What serving never imports; Alembic runs the migrations itself, in a context that it makes.
LEFT_OUT = ("fer.training", "fer.bench", "fer.__main__", "fer.store.migrations.")


def load_all() -> None:
    """Import every module that serving can need, so not those for training and benchmarks."""
    import fer

    for module in pkgutil.walk_packages(fer.__path__, "fer."):
        if not module.name.startswith(LEFT_OUT):
            importlib.import_module(module.name)
    for name in LATER:
        importlib.import_module(name)


def write_and_read_video() -> None:
    """Write a second of video and read it again."""
    file, still = io.BytesIO(), np.full((120, 160, 3), 127, np.uint8)
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(10):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(still, "bgr24")))
        out.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as video:
        if len([frame.to_ndarray(format="bgr24") for frame in video.decode(video=0)]) != 10:
            sys.exit("a video that was written cannot be read")


def open_page() -> None:
    """Draw the first page, as for a visitor."""
    page = AppTest.from_file("app.py", default_timeout=60).run()
    if page.exception:
        sys.exit(f"the first page failed: {page.exception[0].value}")


def serve_once() -> None:
    """Start the server as the container does, have it read a picture, and end it."""
    environ = os.environ | {"PORT": PORT, "HOST": "127.0.0.1"}
    server = subprocess.Popen([sys.executable, "start.py"], env=environ)
    try:
        end = time.monotonic() + START_SECONDS
        while subprocess.run([sys.executable, "start.py", "check"], env=environ).returncode:
            if server.poll() is not None or time.monotonic() > end:
                sys.exit("the server did not become ready")
            time.sleep(0.2)
        picture = cv2.imencode(".jpg", np.full((240, 320, 3), 127, np.uint8))[1].tobytes()
        asked = urllib.request.Request(f"{URL}/api/photo", picture, {"Content-Type": "image/jpeg"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            if json.load(answer)["size"] != [320, 240]:
                sys.exit("the photo API gave a wrong answer")
        urllib.request.urlopen(URL, timeout=30).close()
        server.send_signal(signal.SIGTERM)
        if status := server.wait(END_SECONDS):
            sys.exit(f"the server ended with {status}")
    finally:
        server.kill()


if __name__ == "__main__":
    load_all()
    write_and_read_video()
    open_page()
    serve_once()
