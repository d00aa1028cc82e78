"""What a visit holds in Streamlit is counted, and freed soon after it was left."""

from types import SimpleNamespace
from typing import Any

from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from fer.server.identity import COOKIE, owner_of
from fer.ui.visits import KEPT, Visits
from tests.server.fakes import Clock

COOKIES = {"mine": {COOKIE: "a" * 32}, "yours": {COOKIE: "b" * 32}}


class Server:
    """Streamlit's own stores of files, and a list of who is connected."""

    def __init__(self) -> None:
        self.uploaded_file_mgr = MemoryUploadedFileManager("/_stcore/upload_file")
        self.storage = MemoryMediaFileStorage("/media")
        self.media_file_mgr = MediaFileManager(self.storage)
        self.connected = {"mine", "yours"}
        self._session_mgr = self

    def is_active_session(self, visit: str) -> bool:
        return visit in self.connected

    def list_active_sessions(self) -> list[Any]:
        return [
            SimpleNamespace(
                session=SimpleNamespace(id=visit),
                client=SimpleNamespace(client_context=SimpleNamespace(cookies=COOKIES[visit])),
            )
            for visit in self.connected
        ]

    def upload(self, visit: str, size: int) -> None:
        file = UploadedFileRec(f"file-{size}", "a.jpg", "image/jpeg", bytes(size))
        self.uploaded_file_mgr.add_file(visit, file)

    def show(self, visit: str, data: bytes) -> str:
        file_id = self.storage.load_and_get_id(data, "image/jpeg", self.media_kind)
        self.media_file_mgr._files_by_session_and_coord[visit]["0.1"] = file_id
        self.media_file_mgr._file_metadata[file_id] = self.metadata
        return file_id

    @property
    def media_kind(self) -> Any:
        from streamlit.runtime.media_file_storage import MediaFileKind

        return MediaFileKind.MEDIA

    @property
    def metadata(self) -> Any:
        from streamlit.runtime.media_file_manager import MediaFileMetadata

        return MediaFileMetadata(self.media_kind)


def test_bytes_are_counted_for_each_visit() -> None:
    server = Server()
    server.upload("mine", 10)
    server.upload("mine", 20)
    server.upload("yours", 5)
    assert Visits(lambda: server).uploaded() == {"mine": 30, "yours": 5}


def test_without_a_server_there_is_nothing() -> None:
    visits = Visits(lambda: None)
    visits.sweep()
    assert (visits.uploaded(), visits.owners("x")) == ({}, set())


def test_a_shown_file_is_its_visitors() -> None:
    server = Server()
    visits = Visits(lambda: server)
    picture = server.show("mine", b"a picture")
    assert visits.owners(picture) == {owner_of(COOKIES["mine"])}
    assert visits.owners("unknown") == set()
    server.media_file_mgr.clear_session_refs("mine")  # as at the begin of a run
    assert visits.owners(picture) == {owner_of(COOKIES["mine"])}
    server.show("yours", b"a picture")
    assert visits.owners(picture) == {owner_of(cookies) for cookies in COOKIES.values()}
    server.media_file_mgr.clear_session_refs("yours")
    server.media_file_mgr.remove_orphaned_files()
    assert visits.owners(picture) == set()


def test_what_a_visit_held_is_freed_soon_after_it_left() -> None:
    server, clock = Server(), Clock()
    visits = Visits(lambda: server, clock)
    for visit in ("mine", "yours"):
        server.upload(visit, 10)
    picture = server.show("mine", b"a picture")
    visits.sweep()
    server.connected = {"yours"}
    visits.sweep()
    clock.at += KEPT - 1
    visits.sweep()
    assert visits.uploaded() == {"mine": 10, "yours": 10}  # it may come back
    clock.at += 1
    visits.sweep()
    assert visits.uploaded() == {"yours": 10}
    assert picture not in server.media_file_mgr._file_metadata


def test_a_visit_that_comes_back_keeps_its_files() -> None:
    server, clock = Server(), Clock()
    visits = Visits(lambda: server, clock)
    server.upload("mine", 10)
    for _ in range(5):
        server.connected = {"yours"}
        visits.sweep()
        clock.at += KEPT - 1
        server.connected = {"mine", "yours"}
        visits.sweep()
    assert visits.uploaded() == {"mine": 10}
