"""The metrics can be read by Prometheus' parser and count what happened."""

import sys
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fer.server.metrics import LIVE, TRANSPORTS, Metrics
from fer.settings import Settings
from tests.server.fakes import FakeAnalyzer
from tests.server.server import Site, heard, jpeg, message, site, wait_until

Figures = dict[tuple[str, ...], float]


@pytest.fixture
def served() -> Iterator[Site]:
    with site(Settings(max_sessions=4)) as running:
        yield running


def figures(served: Site) -> Figures:
    """Return every sample's value by its name and labels."""
    answer = served.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_every_series_begins_at_zero(served: Site) -> None:
    samples = figures(served)
    for transport in TRANSPORTS:
        for name in ("fer_frames_total", "fer_faces_total", "fer_frame_seconds_count"):
            assert samples[name, transport] == 0
    for transport in LIVE:
        for name in ("fer_frames_left_out_total", "fer_delay_seconds_count", "fer_sessions"):
            assert samples[name, transport] == 0
    assert samples["fer_ready",] == 1


def test_a_lesson_is_counted(served: Site) -> None:
    with served.connect("lesson-one") as client:
        heard(client)
        for seq in (1, 2, 3):
            client.send(message(seq))
            heard(client)
        live = served.state.lessons.open("lesson-one", "socket")
        wait_until(lambda: live.delay() is not None)
        live.note_dropped()
        samples = figures(served)
        assert samples["fer_frames_total", "socket"] == 3
        assert samples["fer_faces_total", "socket"] == 3
        assert samples["fer_frame_seconds_count", "socket"] == 3
        assert samples["fer_frames_left_out_total", "socket"] == 1
        assert samples["fer_sessions", "socket"] == 1
        assert samples["fer_sessions", "webrtc"] == 0
        wait_until(lambda: figures(served)["fer_delay_seconds_count", "socket"] == 3)
    served.state.lessons.close()
    assert figures(served)["fer_sessions", "socket"] == 0


def test_each_transport_has_its_own_figures(served: Site) -> None:
    camera = served.state.lessons.open(None, "webrtc")
    camera.note_dropped()
    camera.note_delay(0.2)
    served.post("/api/photo", data=jpeg(), headers={"Content-Type": "image/jpeg"})
    samples = figures(served)
    assert samples["fer_sessions", "webrtc"] == 1
    assert samples["fer_frames_left_out_total", "webrtc"] == 1
    assert samples["fer_delay_seconds_sum", "webrtc"] == pytest.approx(0.2)
    assert (samples["fer_frames_total", "photo"], samples["fer_faces_total", "photo"]) == (1, 1)
    assert samples["fer_frames_total", "socket"] == 0


def test_refused_pictures_are_not_counted(served: Site) -> None:
    served.post("/api/photo", data=b"garbage", headers={"Content-Type": "image/jpeg"})
    assert figures(served)["fer_frames_total", "photo"] == 0


def test_a_histogram_separates_quick_from_slow() -> None:
    metrics = Metrics()
    for seconds in (0.004, 0.09, 0.09, 7.0):
        metrics.delayed("socket", seconds)

    def under(most: str) -> float | None:
        labels = {"transport": "socket", "le": most}
        return metrics.registry.get_sample_value("fer_delay_seconds_bucket", labels)

    assert [under(most) for most in ("0.005", "0.075", "0.1", "5.0", "+Inf")] == [1, 1, 3, 3, 4]


def test_the_metrics_show_that_the_server_is_not_ready() -> None:
    analyzer = FakeAnalyzer()
    analyzer.may_go.clear()
    with site(analyzer=analyzer, warm=False) as served:
        assert figures(served)["fer_ready",] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports a process's memory")
def test_the_metrics_show_the_servers_memory(served: Site) -> None:
    assert figures(served)["process_resident_memory_bytes",] > 10_000_000
