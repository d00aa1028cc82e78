"""An uploaded recording, which is on the disk only while it waits or is read."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO, Final, cast

from fer.errors import DataError
from fer.recordings.kept import KeptFile

OPEN_FILES: Final = Path("/proc/self/fd")  # Linux: open files by number, including deleted ones
PIECE: Final = 1 << 20  # bytes copied at a time, so that the recording is not in memory twice
FIRST_YEAR: Final = 2000  # cameras whose clock was never set write 1904 or 1970


class RecordingFile:
    """A temporary copy of a recording: in `kept`, so that it is found after a restart.

    Without `kept` it has no name on Linux, so that a crash leaves no file. Without `data` it is a
    copy that an earlier process has made.

    >>> import io
    >>> with RecordingFile(io.BytesIO(b"pictures")) as file:
    ...     file.path.read_bytes()
    b'pictures'
    """

    def __init__(
        self,
        data: BinaryIO | None,
        open_files: Path = OPEN_FILES,
        *,
        kept: KeptFile | None = None,
    ) -> None:
        # No `with` block: the file stays open after the request that brought it.
        self._kept = kept or _temporary_file()
        self.path = self._kept.path
        try:
            if kept is None and open_files.is_dir():
                self.path.unlink()
                self.path = open_files / str(self._kept.file.fileno())
            if data is not None:
                shutil.copyfileobj(data, self._kept.file, PIECE)
                self._kept.file.flush()
        except OSError as fault:
            self.close()
            message = (
                f"the recording cannot be copied to the server's disk ({fault.strerror}); "
                "free some space"
            )
            raise DataError(message, "disk") from fault
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Delete the copy; a second call changes nothing."""
        self._kept.remove()

    def __enter__(self) -> RecordingFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _temporary_file() -> KeptFile:
    made = tempfile.NamedTemporaryFile(prefix="fer-recording-", delete=False)  # noqa: SIM115
    path = Path(made.name)
    return KeptFile(path, path, cast(IO[bytes], made))


def recorded_at(created: str, now: datetime) -> datetime | None:
    """Return when a recording was made; None if its file has no time, or an impossible one."""
    try:
        time = datetime.fromisoformat(created)
    except ValueError:
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return time if time.year >= FIRST_YEAR and time <= now else None
