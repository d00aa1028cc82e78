"""A recorded lesson from its upload to its report, as a visitor sees it."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from fer.bench.feed import LENGTH, gallery
from tests.e2e.conftest import Visit, served
from tests.e2e.live_tab import wait_until
from tests.e2e.server import START_SECONDS, Server
from tests.vision.media.media import cut

FACES, RATE = 9, 10
SHORT, LONG = 6, 240  # seconds
SIZE = (960, 540)
SIDEWAYS = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"


def recording(path: Path, seconds: int) -> Path:
    """A recorded gallery of people who sway, its index at the front."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
        stream = out.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        packets: list[av.Packet] = []
        for at in range(LENGTH):
            frame = av.VideoFrame.from_ndarray(gallery(FACES, at, SIZE), "bgr24")
            frame.pts, frame.time_base = at, Fraction(1, RATE)
            packets += stream.encode(frame)
        packets += stream.encode()
        # The same movements again and again, encoded once.
        for at in range(seconds * RATE):
            first = packets[at % LENGTH]
            packet = av.Packet(bytes(first))
            packet.pts = packet.dts = at
            packet.time_base, packet.stream = Fraction(1, RATE), stream
            packet.is_keyframe = first.is_keyframe
            out.mux(packet)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("video")


@pytest.fixture(scope="module")
def short(folder: Path) -> Path:
    return recording(folder / "Algebra 7b.mp4", SHORT)


@pytest.fixture(scope="module")
def long(folder: Path) -> Path:
    return recording(folder / "History.mp4", LONG)


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """The page with the shipped network, and a store of its own."""
    url = f"sqlite:///{folder / 'lessons.sqlite3'}"
    log = folder / "log"
    with served("tests/e2e/video_app.py", log, FER_DATABASE_URL=url) as running:
        wait_until(lambda: running.answer("/healthz"), START_SECONDS, "the network is loaded")
        yield running


@pytest.fixture
def page(browser: BrowserContext, server: Server) -> Iterator[Page]:
    """A new visitor, who has acknowledged what is asked."""
    browser.clear_cookies()
    tab = Visit(browser.new_page(), server.url)
    tab.page.emulate_media(color_scheme="light")
    tab.page.set_viewport_size({"width": 1280, "height": 900})
    opened = tab.open()
    opened.get_by_role("button", name="I understand").click()
    yield opened
    opened.close()


def start(page: Page, path: Path) -> None:
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("button", name="Start reading").click()


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", name=text)).to_be_visible()


def uploads_in_memory(server: Server) -> bool:
    """Whether Streamlit holds a file that a visitor brought."""
    return "UploadedFileManager" in (server.answer("/_stcore/metrics") or "")


def kept_copies(server: Server) -> list[str]:
    """The recordings that the server still has on the disk."""
    assert server.process is not None
    links = []
    for number in Path(f"/proc/{server.process.pid}/fd").iterdir():
        try:
            links.append(str(number.readlink()))
        except FileNotFoundError:  # closed meanwhile
            continue
    return [link for link in links if "/fer-recording-" in link]


def test_a_recording_becomes_a_report(page: Page, short: Path, server: Server) -> None:
    page.locator("input[type=file]").set_input_files(short)
    button = page.get_by_role("button", name="Start reading")
    expect(button).to_be_visible()
    assert uploads_in_memory(server)
    button.click()
    heading(page, "Algebra 7b, 20")
    expect(page.get_by_role("button", name="Read another recording")).to_be_visible()
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
    expect(page.get_by_text("Duration")).to_be_visible()
    expect(page.get_by_text(f"0:0{SHORT}", exact=True)).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Everything").click()
    told = json.loads(Path(download.value.path()).read_text())
    assert told["ended"] == pytest.approx(SHORT, abs=0.1)
    assert max(told["seconds"]["seen"]) >= FACES - 1
    assert kept_copies(server) == []
    # Streamlit counts anew only every five seconds.
    wait_until(lambda: not uploads_in_memory(server), 10, "the upload is let go")
    page.get_by_role("button", name="Read another recording").click()
    expect(page.locator("input[type=file]")).to_have_count(1)
    expect(page.get_by_role("heading", name="Algebra 7b")).to_have_count(0)


def test_it_shows_how_far_it_is_and_a_reload_finds_it(
    page: Page, long: Path, server: Server
) -> None:
    start(page, long)
    expect(page.get_by_alt_text("The picture that was read last")).to_be_visible()
    bar = page.get_by_test_id("stProgress")
    expect(bar).to_contain_text(f"of {LONG // 60}:{LONG % 60:02} read")
    expect(bar).to_contain_text("left")
    expect(page.get_by_text("9 faces")).to_be_visible()
    page.reload()
    expect(page.get_by_test_id("stProgress")).to_contain_text("read")
    assert all(link.endswith("(deleted)") for link in kept_copies(server))
    page.get_by_text("Blur the faces").click()
    page.get_by_role("button", name="Stop reading").click()
    expect(page.get_by_text("This is a part of the lesson")).to_be_visible()
    heading(page, "History")
    expect(page.get_by_role("button", name="Report")).to_be_visible()
    assert kept_copies(server) == []


def test_a_cut_recording_is_read_up_to_there(page: Page, short: Path) -> None:
    start(page, cut(short, 0.6))
    expect(page.get_by_text("damaged or was cut off")).to_be_visible()
    heading(page, "Algebra 7b_cut")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("a.mp4", b"words " * 99, "is not a video"), ("b.mp4", b"", "0 bytes")],
)
def test_what_is_no_video_is_named(page: Page, name: str, content: bytes, said: str) -> None:
    file = {"name": name, "mimeType": "video/mp4", "buffer": content}
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Start reading").click()
    expect(page.get_by_test_id("stAlert")).to_contain_text(said)
    expect(page.locator("input[type=file]")).to_have_count(1)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_fits(page: Page, long: Path, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 800})
    expect(page.locator("input[type=file]")).to_have_count(1)
    assert page.evaluate(SIDEWAYS) <= 0
    start(page, long)
    expect(page.get_by_alt_text("The picture that was read last")).to_be_visible()
    assert page.evaluate(SIDEWAYS) <= 0
    page.get_by_role("button", name="Stop reading").click()
    expect(page.get_by_text("This is a part of the lesson")).to_be_visible()
    assert page.evaluate(SIDEWAYS) <= 0
