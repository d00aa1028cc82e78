"""Where data is: a folder, a zip, or an s3:// or gs:// address of either.

What comes from elsewhere is kept in the user's cache folder, under a name made of its address and
version, and is fetched once. A transfer that breaks off goes on from there at the next call.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
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
NO_ENTRY: Final = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws configure`",
    "gs": "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS",
}


def local(
    address: str, *, say: Callable[[str], None], progress: Progress, cache: Path | None = None
) -> Path:
    """The folder that an address means, fetched and unpacked where need be."""
    cache = cache or cache_folder() / "data"
    kind, colons, rest = address.partition("://")
    if not colons:
        path = Path(address).expanduser()
        if not path.is_file():
            return path
        if path.suffix.lower() != ".zip":
            raise UsageError(f"{path}: --data takes a folder or a zip, not a file of another kind")
        return inside(unpack(path, cache / key(path.stem, *version_of(path)), progress))
    if kind not in REMOTE or not rest.strip("/"):
        raise UsageError(
            f"{address}: --data takes a folder, a zip, s3://BUCKET/PATH or gs://BUCKET/PATH"
        )
    try:
        return inside(Source(kind, rest.strip("/"), cache, say, progress).fetch())
    except FerError:
        raise
    except ImportError as fault:
        raise UsageError(
            f"{address}: the packages for cloud storage are missing; run in the project's folder: "
            "python -m pip install '.[cloud]'"
        ) from fault
    except Exception as fault:  # each service has errors of its own
        raise DataError(f"{address}: {why(kind, fault)}") from fault


class Source:
    """A zip or a folder in a bucket."""

    def __init__(
        self, kind: str, path: str, cache: Path, say: Callable[[str], None], progress: Progress
    ) -> None:
        # By name, for it is no requirement: most people's data lies in a folder.
        fsspec = import_module("fsspec")
        logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # it logs what it also raises
        self.address, self.path = f"{kind}://{path}", path
        self.cache, self.say, self.progress = cache, say, progress
        self.files = fsspec.filesystem(kind, skip_instance_cache=True)

    def fetch(self) -> Path:
        """The folder in the cache, with everything in it."""
        zipped = self.path.lower().endswith(".zip")
        listing = {self.path: self.files.info(self.path)} if zipped else self.below()
        total = sum(int(info["size"]) for info in listing.values())
        if total > MOST_BYTES or len(listing) > MOST_FILES:
            raise DataError(
                f"{self.address}: {len(listing):,} files of {mb(total)} are no set of faces"
            )
        versions = [f"{name} {version(info)}" for name, info in sorted(listing.items())]
        whose = key(Path(self.path).stem, self.address)
        name = key(whose, *versions)
        target = self.cache / name
        if target.is_dir():
            return target
        self.cache.mkdir(parents=True, exist_ok=True)
        coming = self.cache / f".coming-{name}"  # kept where the transfer breaks off
        self.say(f"fetching {self.address} ({mb(total)}) to {target}")
        done = 0
        for path, info in sorted(listing.items()):
            below = Path(path).name if zipped else path.removeprefix(self.path + "/")
            self.get(path, info, coming / below, done, total)
            done += int(info["size"])
        if zipped:
            try:
                unpack(coming / Path(self.path).name, target, self.progress)
            except DataError:
                shutil.rmtree(coming)  # whole and yet no good: going on would not mend it
                raise
            shutil.rmtree(coming)
        else:
            coming.rename(target)
        for older in self.cache.glob(f".coming-{whose}-*"):  # of a version that is gone
            shutil.rmtree(older)
        return target

    def below(self) -> dict[str, Any]:
        """Every file below a folder."""
        found: dict[str, Any] = self.files.find(self.path, detail=True)
        found.pop(self.path, None)
        found = {p: i for p, i in found.items() if not p.endswith("/")}  # marks of empty folders
        if not found:
            raise DataError(f"{self.address}: no zip and no folder with files in it")
        for path in found:
            if not stays_inside(path.removeprefix(self.path + "/")):
                raise DataError(f"{self.address}: {path!r} points outside its folder")
        return found

    def get(self, path: str, info: dict[str, Any], target: Path, done: int, total: int) -> None:
        """One file, from where an earlier transfer broke off."""
        size = int(info["size"])
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        have = part.stat().st_size if part.exists() else 0
        if have > size:
            part.unlink()
            have = 0
        if have:
            self.say(f"{target.name}: going on after {mb(have)}")
        with part.open("ab") as sink:
            try:
                # Without a cache nothing is read ahead, so what was read is what is kept.
                with self.files.open(path, "rb", cache_type="none") as source:
                    source.seek(have)
                    while have < size and (data := source.read(CHUNK)):
                        sink.write(data)
                        have += len(data)
                        share = (done + have) / max(total, 1)
                        self.progress(share, f"{mb(done + have)} of {mb(total)}")
            except Exception as fault:  # each service has errors of its own
                raise DataError(
                    f"{self.address}: broke off after {mb(have)} of {mb(size)} "
                    f"({line(fault)}): the same command goes on from there"
                ) from fault
        if have < size:
            raise DataError(
                f"{self.address}: ended after {mb(have)} of {mb(size)}: "
                "the same command goes on from there"
            )
        told = info.get("md5Hash")  # only Google tells; a zip has sums of its own
        if told and base64.b64decode(told) != digest_of(part):
            part.unlink()
            raise DataError(f"{self.address}: {target.name} came damaged: run the command again")
        part.replace(target)


def version(info: dict[str, Any]) -> str:
    """What changes when a file in a bucket is written anew."""
    told = info.get("ETag") or info.get("etag") or info.get("md5Hash")
    return json.dumps([told or str(info.get("LastModified") or info.get("updated")), info["size"]])


def version_of(path: Path) -> tuple[str, str, str]:
    """The same for a file here."""
    told = path.stat()
    return str(path.resolve()), str(told.st_size), str(told.st_mtime_ns)


def key(name: str, *parts: str) -> str:
    """A folder's name in the cache: readable, and another for another version."""
    word = "".join(letter if letter.isalnum() else "-" for letter in name)[-60:]
    return f"{word}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]}"


def inside(folder: Path) -> Path:
    """The folder itself, or the only one in it: zips often hold one folder around everything.

    One that is a split is no such folder: it belongs to the data.
    """
    while True:
        found = [p for p in folder.iterdir() if not p.name.startswith((".", "__MACOSX"))]
        if len(found) != 1 or not found[0].is_dir() or split_folders(folder):
            return folder
        folder = found[0]


def digest_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").digest()


def why(kind: str, fault: Exception) -> str:
    """A service's error as a line that says what to do."""
    name, said = type(fault).__name__, line(fault)
    if isinstance(fault, PermissionError) or "redential" in name + said:
        return f"no entry ({said}): {NO_ENTRY[kind]}"
    if isinstance(fault, FileNotFoundError):
        return "no such bucket or path"
    return f"cannot be reached ({name}: {said})"


def line(fault: Exception) -> str:
    return " ".join(str(fault).split())[:200] or type(fault).__name__


Progress = Callable[[float | None, str], None]  # the share that is done, and that in words

MOST_FILES: Final = 500_000
MOST_BYTES: Final = 20 * 10**9  # unpacked; FER2013 with FER+ takes 0.3
MOST_TIMES: Final = 100  # as large unpacked as packed: fer2013.csv grows threefold
SMALL: Final = 50 * 10**6  # that may grow as it will
UNPACK_CHUNK: Final = 1 << 20
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
                    while part := source.read(UNPACK_CHUNK):
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
