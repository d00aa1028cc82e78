"""The benchmark of live lessons: its figures, and a real run over each transport."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.bench.feed import LENGTH, Vp8, gallery
from fer.bench.live import (
    IN_FLIGHT,
    LESSONS,
    Row,
    Spent,
    cameras,
    growth,
    lessons,
    lines,
    row,
    sockets,
)
from fer.bench.live.app import running
from fer.bench.live.socket import Tally, feed
from fer.bench.live.webrtc import BITS, mark, read_mark
from fer.cli import main
from fer.faces import Faces
from fer.server.state import State
from fer.settings import Settings
from fer.vision.draw import draw


def test_a_row_sums_up_its_clients() -> None:
    quick = Tally([0.1 * at for at in range(40)], [(0.1 * at, 0.05) for at in range(40)])
    slow = Tally([0.1 * at for at in range(40)], [(0.1 * at, 0.25) for at in range(10)])
    made = row("socket", "paced", [quick, slow], seconds=4.0, spent=Spent(0.0, 2.0, 1.0))
    answers = len(quick.answered) + len(slow.answered)
    assert made == Row(
        "socket",
        "paced",
        clients=2,
        pages=0,
        fps=answers / 4.0,
        delay_p50_ms=50.0,
        delay_p95_ms=250.0,
        dropped=30,
        sent=80,
        fairness=10 / 40,
        app_cores=2.0 / 4.0 / 2,
        app_cpu_ms=1000 * 2.0 / answers,
        clients_cores=1.0 / 4.0,
    )


def test_without_answers_there_is_no_delay() -> None:
    made = row("webrtc", "flood", [Tally([1.0, 1.1])], seconds=1.0, spent=Spent(0.0, 0.1, 0.1))
    assert (made.fps, made.dropped, made.fairness) == (0, 2, 0)
    assert made.delay_p50_ms is made.delay_p95_ms is None
    assert "webrtc" in "\n".join(lines({"faces": 1, "rows": [vars(made)], "rss_mb": []}))


def test_only_the_frames_of_the_given_time_count() -> None:
    tally = Tally([0.0, 1.0, 2.0, 3.0], [(0.0, 9.0), (1.0, 0.5), (3.0, 0.1)])
    assert tally.between(1.0, 3.0) == Tally([1.0, 2.0], [(1.0, 0.5)])


def test_the_feed_is_the_gallery() -> None:
    frames = feed(4, (320, 240))
    assert len(frames) == LENGTH
    shown = cv2.imdecode(np.frombuffer(frames[3], np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(shown.astype(int) - gallery(4, 3, (320, 240))).mean() < 6


@pytest.mark.parametrize("number", [0, 1, 0b1010101010, (1 << BITS) - 1])
def test_a_number_in_a_picture_survives_encoding_twice(number: int) -> None:
    there, back, picture = Vp8(), Vp8(), gallery(25, number % LENGTH)
    mark(picture, number)
    arrived = there.decode(there.encode(picture))
    faces = Faces.of([[20, 580, 90, 110]], probabilities=[[0, 0, 0, 1, 0, 0, 0]], ids=[1])
    draw(arrived, faces)
    assert read_mark(back.decode(back.encode(arrived))) == number


def test_the_result_is_shown_in_lines_and_as_json() -> None:
    one = row(
        "socket", "flood", [Tally([0.0], [(0.0, 0.04)])], seconds=1.0, spent=Spent(0.0, 0.5, 0.1)
    )
    result = {"faces": 25, "rows": [vars(one)], "rss_mb": [300.4, 301.0]}
    shown = "\n".join(lines(json.loads(json.dumps(result))))
    for words in ("socket", "flood", "40 ms", "MB: 300 301"):
        assert words in shown


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--minutes", "3"], "--minutes works only with --live"),
        (["--live", "--minutes", "-1"], "more than 0"),
        (["--live", "--model", "elsewhere"], "FER_MODEL"),
    ],
)
def test_contradicting_options_are_refused(
    words: list[str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *words]) == 2
    assert fault in capsys.readouterr().err


@pytest.mark.slow
def test_the_running_app_is_measured(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_MODEL", str(tiny_model))
    monkeypatch.setenv("FER_DETECTOR", "haar")
    monkeypatch.setenv("FER_SECRET", "for this test and no other")
    state, frames = State.of(Settings.from_env()), feed(4, (320, 240))
    with running() as app:
        paced = sockets(app, state, frames, 2, 1.0, IN_FLIGHT, warm_up=0.5)
        flood = sockets(app, state, frames, 2, 1.0, None, warm_up=0.5)
        opened = lessons(app, state, frames, LESSONS, 1.0, warm_up=0.5)
        sizes = growth(app, state, frames, 1 / 60)
    assert 0 < paced.fps <= 2 * 31
    assert flood.sent >= paced.sent
    assert all(one.delay_p95_ms >= one.delay_p50_ms > 0 for one in (paced, flood))
    assert 0 < paced.fairness <= 1
    assert (opened.pages, opened.clients) == (LESSONS, LESSONS)
    assert opened.fps > 0
    assert len(sizes) == 2


@pytest.mark.slow
def test_cameras_are_measured(tiny_model: Path) -> None:
    made = cameras(Settings(model=tiny_model, detector="haar"), 1, 2.0)
    assert made.sent > 0
    assert 0 < made.fps <= 31
    assert made.app_cpu_ms > 0
