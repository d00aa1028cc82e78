"""A recording that a visitor brought: on the disk while it is read, and no moment longer."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from fer.errors import DataError
from fer.vision.media.videos import open_media

OPEN_FILES: Final = Path("/proc/self/fd")  # Linux: files by their number, those without a name too
PIECE: Final = 1 << 20  # bytes copied at once, so that the recording is not in memory twice
FIRST_YEAR: Final = 2000  # a camera whose clock was never set says 1904 or 1970


class RecordingFile:
    """A copy of it to read from. Where the system can, it has no name, so a crash leaves nothing.

    >>> import io
    >>> with RecordingFile(io.BytesIO(b"pictures")) as file:
    ...     file.path.read_bytes()
    b'pictures'
    """

    def __init__(self, data: BinaryIO, open_files: Path = OPEN_FILES) -> None:
        # Closed by `close`, not by a block: it outlives the request that it came with.
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
            said = f"the recording cannot be copied ({fault.strerror})"
            raise DataError(said, "disk") from fault
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Deletes it. A second call changes nothing."""
        if not self._file.closed:
            self._file.close()
            Path(self._file.name).unlink(missing_ok=True)

    def __enter__(self) -> RecordingFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def begun(path: Path, now: datetime) -> datetime | None:
    """When the recording was made, if it tells and that can be so."""
    with open_media(path) as container:
        said = container.metadata.get("creation_time", "")
    try:
        time = datetime.fromisoformat(said)
    except ValueError:
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return time if time.year >= FIRST_YEAR and time <= now else None
