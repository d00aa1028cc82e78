"""Run each store test on SQLite and on a PostgreSQL server that the tests start."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from fer.store import Store
from fer.store.database import file_url

DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
START_SECONDS = 60


def tool(name: str) -> str:
    """Return the path of one of PostgreSQL's programs; skip the test if it is not installed."""
    found = shutil.which(name, path=os.pathsep.join([*map(str, DEBIAN), os.environ["PATH"]]))
    if found is None:
        pytest.skip("needs PostgreSQL (on Debian: apt-get install postgresql)")
    return found


def plain_user() -> str | None:
    """Return a user who may run PostgreSQL, which refuses root; None if we are not root."""
    if os.getuid():
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("PostgreSQL does not run as root, and there is no other user")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a server that runs until the last test."""
    pytest.importorskip("psycopg", reason="needs the extra postgres")
    initdb, server, user = tool("initdb"), tool("postgres"), plain_user()
    # Not in pytest's temporary folder, which other users may not enter.
    folder = Path(f"/tmp/fer-postgres-{os.getpid()}")
    folder.mkdir(mode=0o700)
    if user:
        shutil.chown(folder, user)
    try:
        data = folder / "data"
        made = subprocess.run(
            [initdb, "-D", data, "-U", "fer", "-A", "trust", "-E", "UTF8", "--no-sync"],
            user=user,
            cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        # -F: do not wait for the disk, so that the tests are fast.
        options = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
        with (tmp_path_factory.mktemp("postgres") / "log").open("w") as log:
            running = subprocess.Popen(
                [server, "-D", data, *options], user=user, cwd="/", stdout=log, stderr=log
            )
            try:
                url = f"postgresql://fer@127.0.0.1:{port}/postgres"
                wait_for(url, running, Path(log.name))
                yield url
            finally:
                running.terminate()
                running.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(url: str, running: "subprocess.Popen[bytes]", log: Path) -> None:
    engine = sa.create_engine(url.replace("postgresql", "postgresql+psycopg", 1))
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            with engine.connect():
                break
        except sa.exc.OperationalError:
            assert running.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.1)
    engine.dispose()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "lessons.sqlite3"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, file: Path) -> str:
    """Return the URL of an empty database."""
    if request.param == "sqlite":
        return file_url(file)
    server: str = request.getfixturevalue("postgres")
    engine = sa.create_engine(server.replace("postgresql", "postgresql+psycopg", 1))
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()
    return server


class FakeClock:
    """A clock that moves only when a test sets `at`."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def wall() -> FakeClock:
    return FakeClock()


@pytest.fixture
def opened(url: str, wall: FakeClock) -> Iterator[Callable[[], Store]]:
    """Return a function that opens the database once more; the test's end closes them all."""
    stores: list[Store] = []

    def another() -> Store:
        stores.append(Store(url, wall))
        return stores[-1]

    yield another
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[[], Store]) -> Store:
    return opened()
