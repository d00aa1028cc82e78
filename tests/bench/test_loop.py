"""The whole loop and its parts, with a detector that needs no file."""

import os
from pathlib import Path

import numpy as np
import pytest

from fer.bench import cold, lines
from fer.bench.feed import FPS, LENGTH, Feed, Vp8, gallery
from fer.bench.loop import FLOOR, MOST, LoopRun, measure
from fer.cli.bench import plot
from fer.errors import ModelError
from fer.faces import Faces
from fer.vision.analyzer import Analyzer
from fer.vision.detect.haar import HaarDetector
from fer.vision.stream import DETECT_AT_LATEST
from tests.vision.fakes import Network, Squares

SMALL = (320, 240)


class FakeTutorial:
    """Counts the frames and does nothing else."""

    frames = 0

    def step(self, frame: np.ndarray) -> int:
        self.frames += 1
        return 0


def analyzer() -> Analyzer:
    return Analyzer(detector=Squares(), classifier=Network())


def test_a_frame_is_encoded_and_decoded() -> None:
    stream, frame = Vp8(), gallery(25)
    back = stream.decode(stream.encode(frame))
    assert back.shape == frame.shape
    assert np.abs(back.astype(int) - frame).mean() < 6


@pytest.mark.parametrize("count", [1, 25, 49])
def test_a_gallery_moves_and_repeats(count: int) -> None:
    first, later = gallery(count, 0), gallery(count, LENGTH // 4)
    assert first.shape == later.shape == (720, 1280, 3)
    assert (first != later).any()
    assert np.array_equal(first, gallery(count, LENGTH))


def test_haar_finds_the_face_of_the_feed() -> None:
    assert len(HaarDetector().detect(gallery(9))) == 9


def test_every_stage_is_measured_and_nothing_else() -> None:
    tutorial = FakeTutorial()
    feeds = [Feed(4, SMALL), Feed(MOST, SMALL)]
    result = measure({"auto": analyzer(), "other": analyzer()}, feeds, 8, tutorial, 2)
    assert [(row["detector"], row["faces"]) for row in result["loop"]] == [
        ("auto", 4),
        ("other", 4),
        ("auto", MOST),
        ("other", MOST),
    ]
    for row in result["loop"]:
        stages = row["stages"]
        assert stages.keys() == {"decode", "detect", "track", "classify", "draw", "encode"}
        assert row["cpu_ms"] == pytest.approx(sum(stages.values()), abs=0.01)
        assert row["floor_cpu_ms"] == pytest.approx(sum(stages[n] for n in FLOOR), abs=0.01)
        assert row["latency_ms"] > 0
    assert tutorial.frames == 2 * len(feeds)
    theirs = {row["faces"]: row["cpu_ms"] for row in result["tutorial"]}
    ours = next(row for row in result["loop"] if row["faces"] == MOST)["cpu_ms"]
    assert result["ratio_49"] == pytest.approx(theirs[MOST] / ours, abs=0.06)


def test_without_keras_the_comparison_is_left_out() -> None:
    result = measure({"auto": analyzer()}, [Feed(4, SMALL)], 2)
    assert result["tutorial"] == []
    assert result["ratio_49"] is None
    assert len(result["loop"]) == 1


@pytest.mark.slow
def test_a_slow_detection_is_spread_over_the_frames_until_the_next() -> None:
    class Slow(Squares):
        def detect(self, *words: object, **more: object) -> Faces:
            until = os.times().user + 0.4
            while os.times().user < until:
                pass
            return super().detect(*words, **more)  # type: ignore[arg-type]

        def redetect(self, frame: np.ndarray, known: np.ndarray) -> Faces:
            return self.detect(frame)

    run = LoopRun("slow", Analyzer(detector=Slow(), classifier=Network()), Feed(1, SMALL))
    for _ in range(12):
        run.step()
    run.search()
    row = run.row()
    assert row["scan_ms"] >= 390
    assert row["stages"]["detect"] == pytest.approx(
        row["scan_ms"] / (DETECT_AT_LATEST * FPS), rel=0.3
    )
    assert row["stages"]["track"] < 50  # the searches within the run aren't charged to it


def test_a_new_process_loads_no_heavy_packages() -> None:
    from fer.vision.classifier import MODEL_FOLDER

    figures = cold.measure(MODEL_FOLDER)
    assert figures["faces"] == cold.FACES
    assert figures["heavy_modules"] == []
    assert 0 < figures["import_s"] < figures["ready_s"]
    assert figures["rss_mb"] > 50


def test_a_new_process_that_fails_names_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a model description"):
        cold.measure(tmp_path)


def test_the_growth_is_plotted() -> None:
    rows = [
        {"size": list(size), "faces": faces, "cpu_ms": faces + size[0], "floor_cpu_ms": size[0]}
        for size in ((640, 480), (1280, 720))
        for faces in (1, 25)
    ]
    drawn = plot(rows)
    assert drawn.startswith("<svg")
    assert drawn.count("<polyline") == 4
    assert all(
        words in drawn for words in ("640×480", "1280×720", "CPU-ms a frame", "without reading")
    )


def test_the_result_has_a_line_for_each_measurement() -> None:
    loop = measure({"auto": analyzer()}, [Feed(MOST, SMALL)], 2, FakeTutorial(), 1)
    forms = {"unit": "ms", "batches": [1], "forms": {"onnx": [2.0]}}
    start = {"import_s": 0.25, "ready_s": 1.0, "rss_mb": 190.0}
    found = [{"detector": "auto", "kind": "25 tiles", "recall": 1.0, "false_boxes": 0.25}]
    text = "\n".join(lines({"forms": forms, **loop, "cold_start": start, "recall": found}))
    for words in ("times the work at 49 faces", "after 1.00 s, 190 MB", "100.0% found after 2 s"):
        assert words in text
