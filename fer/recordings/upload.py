"""An uploaded recording, which is on the disk only while it waits or is read."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from fer.errors import DataError

OPEN_FILES: Final = Path("/proc/self/fd")  # Linux: open files by number, including deleted ones
PIECE: Final = 1 << 20  # bytes copied at a time, so that the recording is not in memory twice
FIRST_YEAR: Final = 2000  # cameras whose clock was never set write 1904 or 1970


class RecordingFile:
    """A temporary copy of a recording. On Linux it has no name, so that a crash leaves no file.

    >>> import io
    >>> with RecordingFile(io.BytesIO(b"pictures")) as file:
    ...     file.path.read_bytes()
    b'pictures'
    """

    def __init__(self, data: BinaryIO, open_files: Path = OPEN_FILES) -> None:
        # No `with` block: the file stays open after the request that brought it.
        self._file = tempfile.NamedTemporaryFile(prefix="fer-recording-", delete=False)  # noqa: SIM115
        named = Path(self._file.name)
        self.path = named
        try:
            if open_files.is_dir():
                named.unlink()
                self.path = open_files / str(self._file.fileno())
            shutil.copyfileobj(data, self._file, PIECE)
            self._file.flush()
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
        if not self._file.closed:
            self._file.close()
            Path(self._file.name).unlink(missing_ok=True)

    def __enter__(self) -> RecordingFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def recorded_at(created: str, now: datetime) -> datetime | None:
    """Return when a recording was made; None if its file has no time, or an impossible one."""
    try:
        time = datetime.fromisoformat(created)
    except ValueError:
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return time if time.year >= FIRST_YEAR and time <= now else None
