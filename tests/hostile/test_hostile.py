"""A short selection of hostile files; `python -m tests.hostile` tries as many as one likes."""

import sys
from collections.abc import Iterator

import pytest

from fer.vision.analyzer import Analyzer
from tests.hostile import pictures, recordings
from tests.hostile.trial import Result, Server, tried
from tests.vision.fakes import Network, Squares

if not sys.platform.startswith("linux"):
    pytest.skip("boxes are made on Linux", allow_module_level=True)

FEW = 100  # mutated pictures
FEWER = 15  # mutated recordings


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server(Analyzer(detector=Squares(), classifier=Network()))
    yield made
    made.close()


def check(result: Result, tries: int) -> None:
    """A file is answered or refused, and takes no more than it may."""
    assert result.tracebacks == []
    assert result.over_time == []
    # Of the boxes alone: this process has also made the files, which takes more than reading them.
    assert result.box <= 450_000_000
    assert result.tried == tries


@pytest.mark.parametrize("name", sorted(pictures.WORST.keys() - pictures.SLOW))
def test_a_hostile_photo_harms_nobody(server: Server, name: str) -> None:
    check(tried(server, server.picture, [(name, pictures.WORST[name]())]), 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(recordings.SLOW))
def test_a_large_hostile_recording_harms_nobody(server: Server, name: str) -> None:
    check(tried(server, server.recording, [(name, recordings.WORST[name]())]), 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(pictures.SLOW))
def test_a_large_hostile_photo_harms_nobody(server: Server, name: str) -> None:
    check(tried(server, server.picture, [(name, pictures.WORST[name]())]), 1)


@pytest.mark.parametrize(
    "name",
    [name for name in pictures.WORST if name.startswith("jpeg") and name not in pictures.SLOW],
)
def test_a_hostile_live_frame_harms_nobody(server: Server, name: str) -> None:
    data = pictures.WORST[name]()
    # The socket refuses larger ones.
    check(tried(server, server.live, [(name, data[:3_000_000])]), 1)


@pytest.mark.parametrize("name", sorted(recordings.WORST.keys() - recordings.SLOW))
def test_a_hostile_recording_harms_nobody(server: Server, name: str) -> None:
    check(tried(server, server.recording, [(name, recordings.WORST[name]())]), 1)


def test_mutated_photos_harm_nobody(server: Server) -> None:
    result = tried(server, server.picture, pictures.corpus(FEW))
    check(result, FEW)
    assert result.answers > 10


def test_mutated_live_frames_harm_nobody(server: Server) -> None:
    result = tried(server, server.live, pictures.live_corpus(FEW))
    check(result, FEW)


def test_mutated_recordings_harm_nobody(server: Server) -> None:
    result = tried(server, server.recording, recordings.corpus(FEWER))
    check(result, FEWER)
    assert result.answers > 5
