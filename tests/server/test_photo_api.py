"""The photo API: the answer to a picture, and to each kind of wrong body."""

import io
import socket
import struct
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import requests
from PIL import Image

from fer.errors import ModelError
from fer.faces import Faces
from fer.server import Limits
from fer.settings import Settings
from fer.vision.media.pictures import DecodeLimits
from tests.server.fakes import FakeAnalyzer
from tests.server.server import Site, jpeg, site, wait_until

LIMITS = Limits(photo_bytes=200_000, photo_seconds=0.5, photo_burst=1000)
RAW = {"Content-Type": "image/jpeg"}
PASS = b"\xff\xda\x00\x02"  # the start of a pass in a JPEG
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200)


@pytest.fixture(scope="module")
def served() -> Iterator[Site]:
    with site(limits=LIMITS) as running:
        yield running


def post(served: Site, data: Any, kind: str = "image/jpeg", **headers: str) -> requests.Response:
    return served.post("/api/photo", data=data, headers={"Content-Type": kind} | headers)


def records(width: int, height: int) -> list[dict[str, Any]]:
    """Return the records of the faces that the fake analyzer finds in a picture."""
    return FakeAnalyzer().photo(np.zeros((height, width, 3), np.uint8)).to_records()


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png(width: int, height: int) -> bytes:
    """Return a small PNG file of black rows; with many rows it is a decompression bomb."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 7) // 8 + 1) * min(height, 2000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["image/jpeg", "IMAGE/PNG; x=y", "application/octet-stream", ""])
def test_a_raw_picture_is_answered_with_records(served: Site, kind: str) -> None:
    answer = post(served, jpeg(64, 48), kind)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"faces": records(64, 48), "size": [64, 48]}


def test_a_form_gets_the_same_answer(served: Site) -> None:
    form = {"file": ("class.jpg", jpeg(64, 48), "image/jpeg")}
    answer = served.post("/api/photo", files=form, data={"note": "hello"})
    assert answer.json() == post(served, jpeg(64, 48)).json()


def test_a_body_in_pieces_is_one_picture(served: Site) -> None:
    data = jpeg(64, 48)
    pieces = (data[at : at + 100] for at in range(0, len(data), 100))
    assert post(served, pieces).json()["size"] == [64, 48]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "GIF", "TIFF"])
def test_usual_formats_are_read(served: Site, kind: str) -> None:
    answer = post(served, saved(Image.new("RGB", (40, 30)), kind), f"image/{kind}")
    assert answer.json()["size"] == [40, 30]


def test_a_progressive_photo_is_read(served: Site) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = saved(Image.fromarray(noise), "JPEG", progressive=True)
    assert post(served, data).status_code == 200


def test_a_photo_is_rotated_as_its_camera_was_held(served: Site) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: a quarter turn
    data = saved(Image.new("RGB", (64, 48)), "JPEG", exif=turned)
    assert post(served, data).json()["size"] == [48, 64]


def test_faces_have_the_form_of_the_package() -> None:
    class Two(FakeAnalyzer):
        def photo(self, frame: np.ndarray) -> Faces:
            points = [[[1.25, 2], [3, 4], [5, 6], [7, 8], [9, 10]]] * 2
            shares = [[0.1] * 6 + [0.4], [np.nan] * 7]
            boxes = [[1.5, 2.5, 30, 40], [5, 6, 7, 8]]
            return Faces.of(
                boxes, confidence=[0.98765, 0.5], probabilities=shares, landmarks=points
            )

    analyzer = Two()
    with site(analyzer=analyzer) as served:
        faces = post(served, jpeg()).json()["faces"]
    assert faces == analyzer.photo(np.zeros((1, 1, 3))).to_records()
    assert faces[1]["emotions"] == {}


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 400, "empty"),
        (b"garbage" * 30, 400, "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 400, "not a picture"),
        (jpeg()[:120], 400, "cut off or damaged"),
        (HEIC, 400, "HEIC"),
        (png(60_000, 60_000), 400, "megapixels"),
        (png(8_000, 6_300), 400, "megapixels"),
        (jpeg()[:-2] + PASS * (DecodeLimits().passes + 1), 400, "too many passes"),
        (bytes(200_001), 413, "0.2 MB"),
    ],
)
@pytest.mark.parametrize("sent_as", ["raw", "pieces", "form"])
def test_a_body_that_is_not_a_picture_gets_one_line(
    served: Site, data: bytes, status: int, words: str, sent_as: str
) -> None:
    if sent_as == "form":
        answer = served.post("/api/photo", files={"file": ("a.jpg", data)})
    else:
        body = (
            data if sent_as == "raw" else (data[at : at + 5000] for at in range(0, len(data), 5000))
        )
        answer = post(served, body)
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def test_a_large_declared_size_is_refused_before_the_body(served: Site) -> None:
    with socket.create_connection(("127.0.0.1", served.port), 10) as line:
        head = "POST /api/photo HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
        line.sendall(f"{head}Content-Length: 999999999999\r\n\r\n".encode())
        answer = line.makefile("rb").read()  # until the server closes it
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("kind", ["text/html", "application/json", "image/", "video/mp4", "x" * 99])
def test_another_content_type_is_refused(served: Site, kind: str) -> None:
    answer = post(served, jpeg(), kind)
    assert answer.status_code == 415
    assert len(answer.json()["error"]) < 150


FORM = "multipart/form-data; boundary=b"


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("multipart/form-data", b"", "boundary"),
        (FORM, b"no parts at all", "cannot be read"),
        (FORM, b"--b--\r\n", "no file"),
        (FORM, b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--', "no file"),
        (FORM, b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", "name"),
        (
            FORM,
            b'--b\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nx\r\n' * 2
            + b"--b--",
            "many files",
        ),
        (
            FORM,
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n' * 5 + b"--b--",
            "many fields",
        ),
        (
            FORM,
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"x" * 20_000,
            "maximum size",
        ),
    ],
)
def test_the_answer_to_a_wrong_form_names_what_is_missing(
    served: Site, kind: str, body: bytes, words: str
) -> None:
    answer = post(served, body, kind)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_a_slow_body_is_refused(served: Site) -> None:
    def drip() -> Iterator[bytes]:
        for at in range(100):
            yield jpeg()[at : at + 1]
            time.sleep(0.1)

    begun = time.monotonic()
    answer = post(served, drip())
    assert answer.status_code == 408
    assert time.monotonic() - begun < 5


def test_a_caller_that_leaves_is_forgotten(served: Site) -> None:
    for _ in range(2 * LIMITS.photos_waiting):
        with socket.create_connection(("127.0.0.1", served.port), 10) as line:
            head = "POST /api/photo HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
            line.sendall(f"{head}Content-Length: 1000\r\n\r\nabc".encode())
    wait_until(lambda: post(served, jpeg()).status_code == 200)


def test_calls_a_second_are_bounded() -> None:
    with site(limits=Limits(photo_burst=3, photos_a_second=0.001)) as served:
        answers = [post(served, jpeg()) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["retry-after"] == "2"
    assert "one a second" in answers[-1].json()["error"]


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        (Limits(photos_waiting=3, photos_of_one=9), 503),
        (Limits(photos_waiting=9, photos_of_one=3), 429),
    ],
)
def test_pictures_at_once_are_bounded(limits: Limits, status: int) -> None:
    analyzer = FakeAnalyzer()
    with site(analyzer=analyzer, limits=limits) as served, ThreadPoolExecutor(4) as pool:
        analyzer.may_go.clear()
        sent = [pool.submit(post, served, jpeg()) for _ in range(4)]
        answered, waiting = wait(sent, timeout=10, return_when=FIRST_COMPLETED)
        analyzer.may_go.set()
        assert [one.result().status_code for one in answered] == [status]
        assert [one.result().status_code for one in waiting] == [200] * 3
        assert post(served, jpeg()).status_code == 200  # what was taken is given back


def test_by_default_one_client_has_four_pictures_at_once() -> None:
    analyzer = FakeAnalyzer()
    with site(analyzer=analyzer) as served, ThreadPoolExecutor(5) as pool:
        analyzer.may_go.clear()
        sent = [pool.submit(post, served, jpeg()) for _ in range(5)]
        answered, waiting = wait(sent, timeout=10, return_when=FIRST_COMPLETED)
        analyzer.may_go.set()
        assert [one.result().status_code for one in answered] == [429]
        assert [one.result().status_code for one in waiting] == [200] * 4


def test_pictures_are_analysed_one_after_the_other() -> None:
    class Counting(FakeAnalyzer):
        now = most = 0

        def photo(self, frame: np.ndarray) -> Faces:
            self.now += 1
            self.most = max(self.most, self.now)
            time.sleep(0.05)
            self.now -= 1
            return super().photo(frame)

    analyzer = Counting()
    with site(analyzer=analyzer) as served, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: post(served, jpeg()).status_code, range(4)))
    assert answers == [200] * 4
    assert analyzer.most == 1


def test_before_the_network_has_answered_it_is_not_ready() -> None:
    analyzer = FakeAnalyzer()
    analyzer.may_go.clear()
    with site(analyzer=analyzer, warm=False) as served:
        answer = post(served, jpeg())
        assert answer.status_code == 503
        assert "loaded" in answer.json()["error"]


def test_an_error_of_the_network_is_reported(served: Site) -> None:
    served.analyzer.fault = ModelError("no network\nhere")
    try:
        answer = post(served, jpeg())
    finally:
        served.analyzer.fault = None
    assert (answer.status_code, answer.json()) == (503, {"error": "no network here"})


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null"])
@pytest.mark.parametrize("path", ["/api/photo", "/api/openapi.json"])
def test_another_sites_page_is_refused(served: Site, origin: str, path: str) -> None:
    ask = served.post if path == "/api/photo" else served.get
    answer = ask(path, headers={"Origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_this_sites_page_is_answered(served: Site) -> None:
    assert post(served, jpeg(), Origin=served.url).status_code == 200


def test_a_page_of_a_site_in_the_settings_may_call() -> None:
    named, foreign = "https://school.example", "https://elsewhere.example"
    asking = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    with site(Settings(origins=(named,))) as served:
        before = requests.options(
            f"{served.url}/api/photo", headers={"Origin": named} | asking, timeout=10
        )
        assert before.status_code == 200
        assert before.headers["access-control-allow-origin"] == named
        answer = post(served, jpeg(), Origin=named)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == named
        before = requests.options(
            f"{served.url}/api/photo", headers={"Origin": foreign} | asking, timeout=10
        )
        assert before.status_code == 403
        assert "access-control-allow-origin" not in before.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/photo", 405),
        ("DELETE", "/api/photo", 405),
        ("POST", "/api/openapi.json", 405),
        ("OPTIONS", "/api/photo", 204),
        ("GET", "/api/photos", 404),
        ("POST", "/api/", 404),
    ],
)
def test_other_paths_do_not_get_streamlits_page(
    served: Site, method: str, path: str, status: int
) -> None:
    answer = requests.request(method, served.url + path, timeout=10)
    assert answer.status_code == status
    if status != 204:
        assert "/api/openapi.json" in answer.json()["error"]


def test_nothing_is_written_to_a_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By default a form's file of over a megabyte is written to a disk; here that would fail."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8)
    data = cv2.imencode(".png", noise)[1].tobytes()
    assert len(data) > 2_000_000
    with site() as large:
        answer = large.post("/api/photo", files={"file": ("a.png", data)})
    assert answer.json()["size"] == [900, 900]


def test_many_callers_at_once_each_get_an_answer() -> None:
    seen: list[int] = []
    lock = threading.Lock()

    def call(served: Site) -> None:
        answer = post(served, jpeg())
        with lock:
            seen.append(answer.status_code)

    with site(limits=Limits(photo_burst=1000)) as served, ThreadPoolExecutor(16) as pool:
        list(pool.map(call, [served] * 64))
    assert set(seen) <= {200, 429, 503}
    assert seen.count(200) >= 10
