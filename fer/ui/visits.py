"""What Streamlit holds in memory for its visits: uploaded files, and files that pages show.

Streamlit keeps both for two minutes and longer after a visit was left, and tells nobody about them.
Some names here are private to it; a test fails when they change.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final

from streamlit.runtime import Runtime

from fer.server.identity import owner_of

KEPT: Final = 30.0  # seconds for which a lost connection may come back to its files


class Visits:
    """The visits of this process's Streamlit server. Any thread may call it."""

    def __init__(
        self,
        runtime: Callable[[], Any] = lambda: Runtime.instance() if Runtime.exists() else None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runtime, self._now = runtime, now
        self._lock = threading.Lock()
        self._owners: dict[str, set[str | None]] = defaultdict(set)  # by media file
        self._left: dict[str, float] = {}  # visit: when it was first seen without a connection

    def uploaded(self) -> Mapping[str, int]:
        """Return the bytes of the files that each visit has uploaded."""
        runtime = self._runtime()
        if runtime is None:
            return {}
        stored = dict(runtime.uploaded_file_mgr.file_storage)
        return {
            visit: sum(len(file.data) for file in [*files.values()])
            for visit, files in stored.items()
        }

    def owners(self, media_id: str) -> set[str | None]:
        """Return the owners of the visits that show a media file, or showed it lately.

        A page that is drawn anew shows nothing for a moment, while the browser may still load.
        """
        runtime = self._runtime()
        if runtime is None:
            return set()
        media, owners = runtime.media_file_mgr, _owners_of_visits(runtime)
        with self._lock:
            for visit, shown in [*media._files_by_session_and_coord.items()]:
                if visit in owners:
                    for file_id in [*shown.values()]:
                        self._owners[file_id].add(owners[visit])
            for file_id in self._owners.keys() - media._file_metadata.keys():
                del self._owners[file_id]
            return set(self._owners.get(media_id, ()))

    def sweep(self) -> None:
        """Free the files of the visits that have had no connection for KEPT seconds."""
        runtime = self._runtime()
        if runtime is None:
            return
        now, media = self._now(), runtime.media_file_mgr
        holding = [*runtime.uploaded_file_mgr.file_storage, *media._files_by_session_and_coord]
        gone = {visit for visit in holding if not runtime.is_active_session(visit)}
        self._left = {visit: self._left.get(visit, now) for visit in gone}
        over = [visit for visit, since in self._left.items() if now - since >= KEPT]
        for visit in over:
            runtime.uploaded_file_mgr.remove_session_files(visit)
            media.clear_session_refs(visit)
        if over:
            media.remove_orphaned_files()


def _owners_of_visits(runtime: Any) -> dict[str, str | None]:
    """Return the owner of each visit that has a connection."""
    active = runtime._session_mgr.list_active_sessions()
    return {
        info.session.id: owner_of(info.client.client_context.cookies)
        for info in active
        if info.client.client_context is not None
    }
