"""Fetch and unpack data: a folder, a zip, or an s3:// or gs:// address of either.

Fetched data is kept in the user's cache folder, under a name made of its address and version, so it
is fetched once. An interrupted transfer goes on where it stopped at the next call.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import lzma
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any, Final

from fer.errors import DataError, FerError, UsageError
from fer.machine import cache_folder
from fer.training.data.folders import split_folders

REMOTE: Final = ("s3", "gs")
CHUNK: Final = 4 << 20
HOW_TO_LOG_IN: Final = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws configure`",
    "gs": "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS",
}


Progress = Callable[[float | None, str], None]  # the share done, and a text

MOST_FILES: Final = 500_000
MOST_BYTES: Final = 20 * 10**9  # unpacked; FER2013 with FER+ takes 0.3
MOST_TIMES: Final = (
    100  # the most that unpacking may multiply the size: fer2013.csv grows threefold
)
SMALL: Final = 50 * 10**6  # below this, any growth is allowed
UNPACK_CHUNK: Final = 1 << 20
# What a damaged or crafted zip raises, each way of packing and names that are not UTF-8 included.
UNREADABLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    UnicodeError,
    EOFError,
    NotImplementedError,
)
ENCRYPTED: Final = 1  # the bit of a member's flags


def local(
    address: str, *, log: Callable[[str], None], progress: Progress, cache: Path | None = None
) -> Path:
    """Return the local folder of an address, after fetching and unpacking it if necessary."""
    cache = cache or cache_folder() / "data"
    kind, colons, rest = address.partition("://")
    if not colons:
        path = Path(address).expanduser()
        if not path.is_file():
            return path
        if path.suffix.lower() != ".zip":
            raise UsageError(f"{path}: --data takes a folder or a zip, not a file of another kind")
        return inside(unpack(path, cache / cache_key(path.stem, *version_of(path)), progress))
    if kind not in REMOTE or not rest.strip("/"):
        raise UsageError(
            f"{address}: --data takes a folder, a zip, s3://BUCKET/PATH or gs://BUCKET/PATH"
        )
    try:
        return inside(Source(kind, rest.strip("/"), cache, log, progress).fetch())
    except FerError:
        raise
    except ImportError as fault:
        raise UsageError(
            f"{address}: the packages for cloud storage are missing; run in the project's folder: "
            "python -m pip install '.[cloud]'"
        ) from fault
    except Exception as fault:  # each service has its own exceptions
        raise DataError(f"{address}: {explained(kind, fault)}") from fault


class Source:
    """A zip or a folder in a bucket, which `fetch` copies to the cache."""

    def __init__(
        self, kind: str, path: str, cache: Path, log: Callable[[str], None], progress: Progress
    ) -> None:
        # An optional package: most people's data lies in a folder.
        fsspec = import_module("fsspec")
        logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # it logs what it also raises
        self.address, self.path = f"{kind}://{path}", path
        self.cache, self.log, self.progress = cache, log, progress
        self.files = fsspec.filesystem(kind, skip_instance_cache=True)

    def fetch(self) -> Path:
        """Fetch what is missing; return the folder in the cache."""
        zipped = self.path.lower().endswith(".zip")
        listing = {self.path: self.files.info(self.path)} if zipped else self.files_below()
        total = sum(int(info["size"]) for info in listing.values())
        if total > MOST_BYTES or len(listing) > MOST_FILES:
            raise DataError(
                f"{self.address}: {len(listing):,} files of {mb(total)} are no set of faces"
            )
        versions = [f"{name} {version(info)}" for name, info in sorted(listing.items())]
        prefix = cache_key(Path(self.path).stem, self.address)
        name = cache_key(prefix, *versions)
        target = self.cache / name
        if target.is_dir():
            return target
        self.cache.mkdir(parents=True, exist_ok=True)
        coming = self.cache / f".coming-{name}"  # stays if the transfer is interrupted
        self.log(f"fetching {self.address} ({mb(total)}) to {target}")
        done = 0
        for path, info in sorted(listing.items()):
            below = Path(path).name if zipped else path.removeprefix(self.path + "/")
            self.get(path, info, coming / below, done, total)
            done += int(info["size"])
        if zipped:
            try:
                unpack(coming / Path(self.path).name, target, self.progress)
            except DataError:
                shutil.rmtree(coming)  # complete but damaged: going on would not help
                raise
            shutil.rmtree(coming)
        else:
            coming.rename(target)
        for older in self.cache.glob(f".coming-{prefix}-*"):  # of an older version
            shutil.rmtree(older)
        return target

    def files_below(self) -> dict[str, Any]:
        """Return every file below the folder, by path."""
        found: dict[str, Any] = self.files.find(self.path, detail=True)
        found.pop(self.path, None)
        found = {p: i for p, i in found.items() if not p.endswith("/")}  # markers of empty folders
        if not found:
            raise DataError(f"{self.address}: no zip and no folder with files in it")
        for path in found:
            if not stays_inside(path.removeprefix(self.path + "/")):
                raise DataError(f"{self.address}: {path!r} points outside its folder")
        return found

    def get(self, path: str, info: dict[str, Any], target: Path, done: int, total: int) -> None:
        """Fetch one file, from where an earlier transfer stopped."""
        size = int(info["size"])
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        received = part.stat().st_size if part.exists() else 0
        if received > size:
            part.unlink()
            received = 0
        if received:
            self.log(f"{target.name}: going on after {mb(received)}")
        with part.open("ab") as sink:
            try:
                # Without a cache nothing is read ahead, so what was read is what is kept.
                with self.files.open(path, "rb", cache_type="none") as source:
                    source.seek(received)
                    while received < size and (data := source.read(CHUNK)):
                        sink.write(data)
                        received += len(data)
                        share = (done + received) / max(total, 1)
                        self.progress(share, f"{mb(done + received)} of {mb(total)}")
            except Exception as fault:  # each service has its own exceptions
                raise DataError(
                    f"{self.address}: interrupted after {mb(received)} of {mb(size)} "
                    f"({one_line(fault)}): run the same command again to go on"
                ) from fault
        if received < size:
            raise DataError(
                f"{self.address}: ended after {mb(received)} of {mb(size)}: "
                "run the same command again to go on"
            )
        md5 = info.get("md5Hash")  # only Google gives one; a zip has its own checksums
        if md5 and base64.b64decode(md5) != digest_of(part):
            part.unlink()
            raise DataError(f"{self.address}: {target.name} arrived damaged: run the command again")
        part.replace(target)


def version(info: dict[str, Any]) -> str:
    """Return what changes when a file in a bucket is replaced."""
    tag = info.get("ETag") or info.get("etag") or info.get("md5Hash")
    return json.dumps([tag or str(info.get("LastModified") or info.get("updated")), info["size"]])


def version_of(path: Path) -> tuple[str, str, str]:
    """Return what changes when a local file is replaced."""
    status = path.stat()
    return str(path.resolve()), str(status.st_size), str(status.st_mtime_ns)


def cache_key(name: str, *parts: str) -> str:
    """Return a readable name for a folder in the cache, which depends on `parts`."""
    word = "".join(letter if letter.isalnum() else "-" for letter in name)[-60:]
    return f"{word}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]}"


def inside(folder: Path) -> Path:
    """Return the folder that holds the data: zips often hold one folder around everything.

    A folder that is itself a split belongs to the data.
    """
    while True:
        found = [p for p in folder.iterdir() if not p.name.startswith((".", "__MACOSX"))]
        if len(found) != 1 or not found[0].is_dir() or split_folders(folder):
            return folder
        folder = found[0]


def digest_of(path: Path) -> bytes:
    """Return the file's MD5."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").digest()


def explained(kind: str, fault: Exception) -> str:
    """Return a service's error as one line with what to do."""
    name, message = type(fault).__name__, one_line(fault)
    if isinstance(fault, PermissionError) or "redential" in name + message:
        return f"access denied ({message}): {HOW_TO_LOG_IN[kind]}"
    if isinstance(fault, FileNotFoundError):
        return "no such bucket or path"
    return f"cannot be reached ({name}: {message})"


def one_line(fault: Exception) -> str:
    """Return the error's message in one line."""
    return " ".join(str(fault).split())[:200] or type(fault).__name__


def unpack(file: Path, target: Path, progress: Progress) -> Path:
    """Unpack a zip to `target`, which appears only when it is complete; return `target`."""
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
                    while part := source.read(UNPACK_CHUNK):
                        sink.write(part)
                        done += len(part)
                        progress(done / total, f"{mb(done)} of {mb(total)}")
        made.rename(target)
    except UNREADABLE as fault:
        raise DataError(
            f"{file}: damaged, cut short, or not a zip ({fault}): download it again"
        ) from fault
    except FileExistsError as fault:
        raise DataError(f"{file}: contains a file twice ({Path(fault.filename).name})") from fault
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return target


def checked(file: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the files in a zip; raise a DataError if one is dangerous to unpack."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) > MOST_FILES:
        raise DataError(f"{file}: holds {len(members):,} files, more than {MOST_FILES:,}")
    for member in members:
        if not stays_inside(member.filename):
            raise DataError(f"{file}: {member.filename!r} in it points outside its folder")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise DataError(f"{file}: {member.filename!r} in it is a link, not a file")
        if member.flag_bits & ENCRYPTED:
            raise DataError(f"{file}: is encrypted: unpack it and pass the folder")
    large = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if large > MOST_BYTES or (large > SMALL and large > MOST_TIMES * packed):
        raise DataError(
            f"{file}: {mb(packed)} would unpack to {mb(large)}, more than any set of faces"
        )
    return members


def stays_inside(name: str) -> bool:
    """Return True if a member's name means a place below its folder, on any system."""
    path = PurePosixPath(name.replace("\\", "/"))
    return not (path.is_absolute() or ".." in path.parts or ":" in name or not path.parts)


def mb(size: int) -> str:
    """Return a size as text."""
    return f"{size / 1e6:,.1f} MB"
