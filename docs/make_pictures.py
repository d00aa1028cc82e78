"""Make the pictures of the app in docs/pictures: `.venv/bin/python -m docs.make_pictures`.

Start the app with an empty store and take a picture of each page in Chromium, light and dark, at
a desktop's and a phone's size. The class is one portrait, many times over: NASA's of Eileen
Collins, the app's sample.
"""

from __future__ import annotations

import io
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
from PIL import Image
from playwright.sync_api import BrowserContext, Page, sync_playwright

from fer.lesson import Alert, Lesson, LessonInfo
from fer.server.identity import owner_of
from fer.store import Store
from fer.store.database import file_url
from tests.e2e.conftest import FLAGS, ROOT, chromium, served
from tests.e2e.server import Server

FOLDER: Final = ROOT / "docs" / "pictures"
SAMPLE: Final = ROOT / "fer/ui/sample.png"
DESK, PHONE = (1280, 860), (390, 844)
SHOWN: Final = {DESK: 1000, PHONE: 390}  # pixels of a kept picture's width
Scheme = Literal["light", "dark"]
VARIANTS: Final[tuple[tuple[tuple[int, int], Scheme], ...]] = (
    (DESK, "light"),
    (DESK, "dark"),
    (PHONE, "light"),
    (PHONE, "dark"),
)


def film(folder: Path) -> Path:
    """Write a gallery of nine for the browser's camera; return its path.

    Each tile is the portrait, mirrored or lit differently.
    """
    portrait = cv2.imread(str(SAMPLE))
    wall = np.full((720, 1280, 3), 27, np.uint8)
    rng = np.random.default_rng(7)
    for at in range(9):
        tile = np.full((232, 420, 3), rng.integers(60, 200, 3), np.uint8)
        face = cv2.resize(portrait, (150, 150), interpolation=cv2.INTER_AREA)
        face = face[:, ::-1] if at % 2 else face
        face = cv2.convertScaleAbs(face, alpha=rng.uniform(0.75, 1.15))
        left = int(rng.integers(90, 180))
        tile[60:210, left : left + 150] = face
        top, side = 4 + (at // 3) * 239, 5 + (at % 3) * 425
        wall[top : top + 232, side : side + 420] = tile
    path = folder / "class.mjpeg"
    path.write_bytes(cv2.imencode(".jpg", wall)[1].tobytes() * 30)
    return path


def made_lesson(name: str, day: int, minutes: int, cheer: float) -> Lesson:
    """Return a made-up lesson: cheer that comes and goes, two notes, an alert."""
    from fer.emotions import EMOTIONS
    from fer.faces import Faces

    alert = Alert("negative", 0.3, 30)
    lesson = Lesson(LessonInfo(name, datetime(2026, 11, day, 9, 30, tzinfo=UTC)), (alert,))
    rng = np.random.default_rng(day)
    boxes = [[0, 0, 9, 9]] * 24
    for second in range(60 * minutes):
        weights = np.full((24, len(EMOTIONS)), 0.02)
        wave = cheer + 0.25 * np.sin(second / 200)
        weights[:, EMOTIONS.index("happy")] += np.clip(wave + rng.normal(0, 0.2, 24), 0, 1)
        weights[:, EMOTIONS.index("neutral")] += 0.5
        if 0.6 < second / (60 * minutes) < 0.72:
            weights[:9, EMOTIONS.index("sad")] += 2.0
        lesson.add(Faces.of(boxes, probabilities=weights / weights.sum(1, keepdims=True)), second)
    lesson.mark("topic", "Fractions", 60.0 * minutes * 0.3)
    lesson.mark("question", "Why is it turned over?", 60.0 * minutes * 0.65)
    lesson.finish(60 * minutes)
    return lesson


def keep(page: Page, name: str, size: tuple[int, int], scheme: Scheme) -> None:
    """Save what the page shows, reduced to the kept width."""
    taken = Image.open(io.BytesIO(page.screenshot()))
    width = SHOWN[size]
    small = taken.resize(
        (width, round(taken.height * width / taken.width)), Image.Resampling.LANCZOS
    )
    kind = "desk" if size == DESK else "phone"
    small.convert("RGB").save(FOLDER / f"{name}-{kind}-{scheme}.webp", quality=82, method=6)


def take_pictures(
    context: BrowserContext, server: Server, report: str, size: tuple[int, int], scheme: Scheme
) -> None:
    """Save a picture of every page."""
    page = context.new_page()
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=scheme)
    for name in ("photo", "video", "history", "model", "about"):
        page.goto(f"{server.url}/{name}")
        page.locator("h1").first.wait_for()
        if name == "photo":
            page.get_by_text("Sample", exact=False).first.click()
            page.get_by_test_id("stVegaLiteChart").first.wait_for()
        page.wait_for_timeout(2500)
        keep(page, name, size, scheme)
    page.goto(f"{server.url}/history?lesson={report}")
    page.get_by_text("Fractions, 7b").first.wait_for()
    page.wait_for_timeout(2500)
    keep(page, "report", size, scheme)
    page.goto(server.url)
    page.get_by_role("button", name="I understand").click()
    page.get_by_text("A camera").click()
    page.get_by_text("allow the camera").wait_for()
    page.get_by_role("button", name="Start").click()
    page.locator(".figures", has_text="9 faces").wait_for()
    page.wait_for_timeout(9000)
    page.get_by_role("button", name="New topic").click()
    page.wait_for_timeout(6000)
    keep(page, "live", size, scheme)
    page.get_by_role("button", name="Finish").click()
    page.get_by_role("button", name="Begin another lesson").wait_for()
    page.close()


def main() -> None:
    """Make all pictures anew."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        folder = Path(made)
        database = file_url(folder / "lessons.sqlite3")
        flags = [
            *FLAGS,
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={film(folder)}",
        ]
        context = playwright.chromium.launch_persistent_context(
            folder / "profile", executable_path=chromium(), headless=False, args=flags
        )
        context.set_default_timeout(60_000)
        environ = {"FER_LIVE": "socket", "FER_DATABASE_URL": database}
        with served("app.py", folder / "log", **environ) as server:
            context.new_page().goto(server.url)
            cookies = {one["name"]: one["value"] for one in context.cookies(server.url)}
            owner = owner_of(cookies)
            assert owner is not None
            store = Store(database)
            for lesson in (
                made_lesson("Fractions, 7b", 18, 40, 0.2),
                made_lesson("Photosynthesis", 19, 30, 0.4),
            ):
                store.begin(lesson, owner)
            report = store.find(owner, "7b").lessons[0].id
            store.close()
            for size, scheme in VARIANTS:
                take_pictures(context, server, report, size, scheme)
        context.close()


if __name__ == "__main__":
    main()
