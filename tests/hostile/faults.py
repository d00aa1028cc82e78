"""Let stores fail under sixteen live lessons of three quarters of an hour, and print a table.

Run: python -m tests.hostile.faults [name ...]. It needs PostgreSQL for the rows that name it, and
the right to mount a small file system for the full disk; it leaves out what it cannot do.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import sqlalchemy as sa
from websockets.sync.client import ClientConnection, connect

from fer.lesson import Lesson, LessonInfo
from fer.store import Store
from tests.lesson.classes import crowd
from tests.store.conftest import plain_user, tool, wait_for

ROOT = Path(__file__).resolve().parents[2]
OWNERS = [f"owner-{number:02}" for number in range(16)]
LENGTH = 2700  # seconds of each lesson before the fault
WARNED_WITHIN = 40.0
START_SECONDS = 120.0
END_SECONDS = 60.0
Report = dict[str, str]


@dataclass
class Server:
    """The app in a process of its own."""

    url: str
    folder: Path
    port: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    log: Path = field(default=Path())
    clients: list[ClientConnection] = field(default_factory=list)

    def start(self) -> "Server":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = self.folder / "log"
        environ = os.environ | {
            "FER_DATABASE_URL": self.url,
            "PORT": str(self.port),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
        }
        with self.log.open("ab") as lines:
            command = [sys.executable, "-m", "tests.hostile.fault_app"]
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environ, stdout=lines, stderr=lines
            )
        until = time.monotonic() + START_SECONDS
        while self.get("/healthz") is None:
            assert self.process.poll() is None and time.monotonic() < until, self.tail()
            time.sleep(0.2)
        return self

    def open_pages(self, count: int = 16) -> None:
        """Hold Streamlit's sockets open, as the pages of so many teachers do."""
        address = f"127.0.0.1:{self.port}"
        for _ in range(count):
            url = f"ws://{address}/_stcore/stream"
            self.clients.append(connect(url, origin=f"http://{address}"))  # type: ignore[arg-type]

    def tail(self) -> str:
        return self.log.read_text()[-3000:]

    def get(self, path: str, timeout: float = 60) -> Any:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}{path}", timeout=timeout
            ) as answer:
                return json.loads(answer.read())
        except HTTPError as answer:
            return json.loads(answer.read())
        except OSError:
            return None

    def lessons(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/test/lessons")["result"]
        return found

    def end(self, kind: signal.Signals = signal.SIGTERM) -> float:
        """Return the seconds until the process has ended after this signal."""
        assert self.process is not None
        begun = time.monotonic()
        self.process.send_signal(kind)
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            return float("inf")
        return time.monotonic() - begun


def fill(url: str) -> None:
    """Store a lesson for each owner that began LENGTH seconds ago and has not ended."""
    store = Store(url)
    for owner in OWNERS:
        started = datetime.now(UTC) - timedelta(seconds=LENGTH)
        lesson = Lesson(LessonInfo(f"Lesson of {owner}", started, id=f"lesson-of-{owner}"))
        for second in range(LENGTH):
            lesson.add(crowd(happy=25), second + 0.5)
        store.begin(lesson, owner)
    store.close()


def kept(url: str) -> dict[str, float]:
    """Return the seconds that the database holds of each lesson."""
    store = Store(url)
    found = {one.id: one.duration for owner in OWNERS for one in store.find(owner).lessons}
    store.close()
    return found


def try_fault(
    url: str,
    folder: Path,
    fault: Callable[[Server], None],
    mend: Callable[[Server], None],
    kind: signal.Signals = signal.SIGTERM,
) -> Report:
    """Let lessons run, let the store fail, finish one, end the server, mend, and start again."""
    server = Server(url, folder).start()
    server.get("/test/resume?owner=" + ",".join(OWNERS))
    server.open_pages()
    time.sleep(7)
    begun = time.monotonic()
    fault(server)
    first, faults = None, set()
    while (warned := time.monotonic() - begun) < WARNED_WITHIN:
        shown = server.lessons()
        now = {one["fault"] for one in shown.values()}
        faults |= now
        if first is None and now != {None}:
            first = warned
        # A file that was moved is replaced at once: then only some lessons' pages say so.
        if None not in now or (first is not None and now == {None}):
            break
        time.sleep(0.25)
    told = sorted(filter(None, faults))
    finished = server.get(f"/test/finish?owner={OWNERS[0]}")
    history = server.get(f"/test/history?owner={OWNERS[1]}")
    time.sleep(3)
    before = server.lessons() | {f"lesson-of-{OWNERS[0]}": shown[f"lesson-of-{OWNERS[0]}"]}
    ready = (server.get("/readyz") or {}).get("status")
    seconds = server.end(kind)
    files = sum(1 for _ in folder.rglob("unsaved/*.json"))
    mend(server)
    again = Server(url, folder).start()
    until = time.monotonic() + 40
    while time.monotonic() < until and (again.get("/readyz") or {}).get("status") != "ready":
        time.sleep(0.2)
    time.sleep(7)  # a check, in case the store came back after the start
    after = kept(url)
    again.end()
    lost = [before[one]["duration"] - after.get(one, 0.0) for one in before]
    return {
        "warned": "never" if first is None else f"first {first:.1f} s, last {warned:.1f} s",
        "says": " / ".join(told)[:160] or "–",
        "Finish": f"{finished['seconds']:.1f} s, {finished['result'] or 'saved'}"[:110],
        "History": f"{history['seconds']:.1f} s, {history['fault'] or 'shown'}"[:110],
        "ready": str(ready),
        "end": f"{seconds:.1f} s",
        "files": str(files),
        "lessons": f"{len(set(before) & set(after))} of {len(before)}",
        "most lost": f"{max(lost):.0f} s",
    }


def nothing(_: Server) -> None:
    """Break or mend nothing."""


@contextlib.contextmanager
def sqlite_file(folder: Path) -> Iterator[tuple[str, Path]]:
    path = folder / "kept" / "lessons.sqlite3"
    url = f"sqlite:///{path}"
    path.parent.mkdir(exist_ok=True)
    fill(url)
    yield url, path


@contextlib.contextmanager
def postgres_server(folder: Path) -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """Yield a server's URL, and what stops and starts it."""
    user = plain_user()
    home = Path(tempfile.mkdtemp(prefix="fer-faults-", dir="/tmp"))
    if user:
        shutil.chown(home, user)
    data, environ = home / "data", {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    options = ["-U", "fer", "-A", "trust", "-E", "UTF8", "--no-sync"]
    command = [tool("initdb"), "-D", str(data), *options]
    subprocess.run(command, user=user, cwd="/", env=environ, capture_output=True, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"postgresql://fer@127.0.0.1:{port}/postgres"
    running: list[subprocess.Popen[bytes]] = []
    log = (folder / "postgres").open("ab")

    def start() -> None:
        listen = ["-h", "127.0.0.1", "-p", str(port), "-k", str(home), "-F"]
        running.append(
            subprocess.Popen(
                [tool("postgres"), "-D", str(data), *listen],
                user=user,
                cwd="/",
                stdout=log,
                stderr=log,
            )
        )
        wait_for(url, running[-1], folder / "postgres")

    def stop() -> None:
        running[-1].send_signal(signal.SIGINT)
        running[-1].wait(30)

    start()
    try:
        yield url, stop, start
    finally:
        if running[-1].poll() is None:
            stop()
        log.close()
        shutil.rmtree(home, ignore_errors=True)


def processes_of(url: str) -> list[int]:
    """Return the server's own process and its children, of a PostgreSQL server at this URL."""
    engine = sa.create_engine(url.replace("postgresql", "postgresql+psycopg", 1))
    with engine.connect() as connection:
        me = connection.scalar(sa.text("SELECT pg_backend_pid()"))
        status = Path(f"/proc/{me}/stat").read_text().rpartition(")")[2].split()
    engine.dispose()
    main = int(status[1])
    children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    return [main, *map(int, children)]


def locked(folder: Path) -> Report:
    with sqlite_file(folder) as (url, path):
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

        def lock() -> None:
            other.execute("BEGIN IMMEDIATE")

        return try_fault(
            url,
            folder,
            lambda _: other.execute("BEGIN IMMEDIATE") and None,
            lambda _: other.close(),
        )


def moved(folder: Path) -> Report:
    with sqlite_file(folder) as (url, path):
        return try_fault(
            url, folder, lambda _: path.rename(path.with_name("away")) and None, nothing
        )


def overwritten(folder: Path, name: str, at: int) -> Report:
    with sqlite_file(folder) as (url, path):

        def damage(_: Server) -> None:
            with path.with_name(path.name + name).open("r+b") as file:
                file.seek(at)
                file.write(b"\xaa" * 4096)

        def move_away(_: Server) -> None:
            for one in path.parent.glob("lessons.sqlite3*"):
                one.rename(one.with_name("away-" + one.name))

        return try_fault(url, folder, damage, move_away)


def full_disk(folder: Path) -> Report:
    disk = folder / "kept"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", disk], check=True)
    try:
        with sqlite_file(folder) as (url, path):
            ballast = path.with_name("ballast")

            def fill_disk(_: Server) -> None:
                with contextlib.suppress(OSError), ballast.open("wb") as file:
                    while True:
                        file.write(bytes(1 << 16))
                        file.flush()

            return try_fault(url, folder, fill_disk, lambda _: ballast.unlink())
    finally:
        subprocess.run(["umount", disk], check=True)


def killed(folder: Path) -> Report:
    with sqlite_file(folder) as (url, _):
        server = Server(url, folder).start()
        server.get("/test/resume?owner=" + ",".join(OWNERS))
        time.sleep(12)
        before = server.lessons()
        server.end(signal.SIGKILL)
        after = kept(url)
        lost = [before[one]["duration"] - after.get(one, 0.0) for one in before]
        lessons = f"{len(set(before) & set(after))} of {len(before)}"
        return {"lessons": lessons, "most lost": f"{max(lost):.0f} s"}


def ended(folder: Path) -> Report:
    with sqlite_file(folder) as (url, _):
        server = Server(url, folder).start()
        server.get("/test/resume?owner=" + ",".join(OWNERS))
        server.open_pages()
        time.sleep(12)
        before = server.lessons()
        seconds = server.end()
        after = kept(url)
        lost = [before[one]["duration"] - after.get(one, 0.0) for one in before]
        lessons = f"{len(set(before) & set(after))} of {len(before)}"
        return {"end": f"{seconds:.1f} s", "lessons": lessons, "most lost": f"{max(lost):.0f} s"}


def stalled(folder: Path) -> Report:
    with postgres_server(folder) as (url, _, __):
        fill(url)
        frozen: list[int] = []

        def freeze(_: Server) -> None:
            frozen.extend(processes_of(url))
            for pid in frozen:
                with contextlib.suppress(ProcessLookupError):  # the one that was asked has gone
                    os.kill(pid, signal.SIGSTOP)

        def thaw(_: Server) -> None:
            for pid in frozen:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

        try:
            return try_fault(url, folder, freeze, thaw)
        finally:
            with contextlib.suppress(ProcessLookupError):
                thaw(Server("", folder))


def stopped(folder: Path) -> Report:
    with postgres_server(folder) as (url, stop, start):
        fill(url)
        return try_fault(url, folder, lambda _: stop(), lambda _: start())


def late(folder: Path) -> Report:
    """Start the app before its database."""
    with postgres_server(folder) as (url, stop, start):
        fill(url)
        stop()
        server = Server(url, folder).start()
        before = server.get("/readyz")
        start()
        begun = time.monotonic()
        while (server.get("/readyz") or {}).get("status") != "ready":
            assert time.monotonic() - begun < 60
            time.sleep(0.2)
        seconds = time.monotonic() - begun
        found = server.get("/test/resume?owner=" + ",".join(OWNERS))
        end = server.end()
        resumed = sum(one is not None for one in found["result"])
        return {
            "says": before["error"][:160],
            "ready": f"{before['status']}; ready {seconds:.1f} s after the database",
            "lessons": f"{resumed} of {len(OWNERS)}",
            "end": f"{end:.1f} s",
        }


FAULTS: dict[str, Callable[[Path], Report]] = {
    "SIGTERM": ended,
    "kill -9": killed,
    "SQLite: locked by another program": locked,
    "SQLite: file moved away": moved,
    "SQLite: journal overwritten": lambda folder: overwritten(folder, "-wal", 0),
    "SQLite: a page overwritten": lambda folder: overwritten(folder, "", 40_960),
    "SQLite: disk full": full_disk,
    "PostgreSQL: stands still": stalled,
    "PostgreSQL: stopped": stopped,
    "PostgreSQL: starts after the app": late,
}


def main(names: list[str]) -> None:
    for name, work in FAULTS.items():
        if names and not any(one.lower() in name.lower() for one in names):
            continue
        folder = Path(tempfile.mkdtemp(prefix="fer-faults-"))
        try:
            report = work(folder)
        except Exception as fault:  # the other rows are tried all the same
            report = {"not tried": f"{type(fault).__name__}: {fault}"[-2000:]}
        finally:
            if os.environ.get("KEEP") is None:
                shutil.rmtree(folder, ignore_errors=True)
        print(
            f"{name}: " + "; ".join(f"{key}: {value}" for key, value in report.items()), flush=True
        )


if __name__ == "__main__":
    main(sys.argv[1:])
