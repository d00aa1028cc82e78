"""Zips of faces, unpacked with care: what comes from elsewhere may be damaged, or meant to harm."""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

from fer.errors import DataError

Progress = Callable[[float | None, str], None]  # the share that is done, and that in words

MOST_FILES: Final = 500_000
MOST_BYTES: Final = 20 * 10**9  # unpacked; FER2013 with FER+ takes 0.3
MOST_TIMES: Final = 100  # as large unpacked as packed: fer2013.csv grows threefold
SMALL: Final = 50 * 10**6  # that may grow as it will
CHUNK: Final = 1 << 20
ENCRYPTED: Final = 1  # the bit of a member's flags


def unpack(file: Path, target: Path, progress: Progress) -> Path:
    """Unpack a zip to a folder that is there only once it is whole; gives the folder."""
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=target.parent))
    try:
        with zipfile.ZipFile(file) as archive:
            members = checked(file, archive)
            total, done = sum(member.file_size for member in members) or 1, 0
            if total > (free := shutil.disk_usage(made).free):
                raise DataError(
                    f"{file}: unpacks to {mb(total)}, and only {mb(free)} are free in {made.parent}"
                )
            for member in members:
                path = made / member.filename
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, path.open("xb") as sink:
                    while part := source.read(CHUNK):
                        sink.write(part)
                        done += len(part)
                        progress(done / total, f"{mb(done)} of {mb(total)}")
        made.rename(target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as fault:
        raise DataError(
            f"{file}: damaged, cut short, or no zip at all ({fault}): fetch it again"
        ) from fault
    except FileExistsError as fault:
        raise DataError(f"{file}: holds a file twice ({Path(fault.filename).name})") from fault
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return target


def checked(file: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files in a zip, where none is dangerous to unpack."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) > MOST_FILES:
        raise DataError(f"{file}: holds {len(members):,} files, more than {MOST_FILES:,}")
    for member in members:
        if not stays_inside(member.filename):
            raise DataError(f"{file}: {member.filename!r} in it points outside its folder")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise DataError(f"{file}: {member.filename!r} in it is a link, not a file")
        if member.flag_bits & ENCRYPTED:
            raise DataError(f"{file}: is encrypted; unpack it yourself and give the folder")
    large = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if large > MOST_BYTES or (large > SMALL and large > MOST_TIMES * packed):
        raise DataError(
            f"{file}: {mb(packed)} would unpack to {mb(large)}, which no set of faces does"
        )
    return members


def stays_inside(name: str) -> bool:
    """Whether a member's name, on any system, means a place below the folder it is unpacked to."""
    path = PurePosixPath(name.replace("\\", "/"))
    return not (path.is_absolute() or ".." in path.parts or ":" in name or not path.parts)


def mb(size: int) -> str:
    """A size as people read it."""
    return f"{size / 1e6:,.1f} MB"
