"""The store with a full disk, a damaged file, a lost server, and a killed process."""

import contextlib
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from fer.lesson import Lesson, LessonInfo
from fer.store import Autosave, GoneError, SaveState, Store, StoreError
from fer.store.database import file_url, own_file, read_url
from fer.store.file import Backoff
from fer.store.schema import LOCK
from tests.lesson.classes import START, crowd, new_lesson, run
from tests.store.stalling import StallingProxy

ROOT = Path(__file__).resolve().parents[2]

# Runs a lesson as fast as it can, saves every five of its seconds, and prints each second.
TEACHES = """
import sys
from datetime import UTC, datetime
from fer.lesson import Lesson, LessonInfo
from fer.store import Autosave, GoneError, SaveState, Store
from tests.lesson.classes import crowd
lesson = Lesson(LessonInfo("cut off", datetime(2026, 3, 2, tzinfo=UTC), id="the-lesson"))
clock = [0.0]
autosave, state = Autosave(Store(sys.argv[1]), now=lambda: clock[0]), SaveState()
for second in range(100_000):
    clock[0] = float(second)
    lesson.add(crowd(happy=3), second)
    if state.due <= clock[0]:
        autosave.save(lesson, "", state)
    print(second, flush=True)
"""


def bytes_of(file: Path) -> bytes:
    """Return the bytes of the database and of the files that SQLite puts beside it."""
    return b"".join(path.read_bytes() for path in file.parent.iterdir())


def test_a_killed_process_loses_ten_seconds_at_most(url: str) -> None:
    teaching = subprocess.Popen(
        [sys.executable, "-c", TEACHES, url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert teaching.stdout is not None
    with teaching.stdout as output:
        for line in output:
            if int(line) == 63:
                os.kill(teaching.pid, signal.SIGKILL)
                break
        printed = [int(line) for line in output.read().split("\n")[:-1]]
    teaching.wait()
    second = max(printed, default=63)
    store = Store(url)
    again = store.load("the-lesson")
    assert second - 10 < again.duration <= second + 2
    rows = again.rows()
    assert (rows["frames"] == 1).all()  # and nothing is torn in the middle
    assert (rows["seen"] == 3).all()
    assert [kept.id for kept in store.left_open(quiet=-1)] == ["the-lesson"]
    store.close()


def test_deleted_bytes_are_gone(file: Path) -> None:
    store = Store(file_url(file))
    other = Store(file_url(file))  # another program that has it open
    made = new_lesson(name="A secret name")
    run(made, crowd(happy=3), range(2000))
    for at in range(50):
        made.mark("note", f"whispered {at}", at)
    store.begin(made, "anna")
    store.rename(made.info.id, "Another hidden name", "anna")
    assert other.find("anna").found == 1
    secrets = [b"secret name", b"hidden name", b"whispered", made.info.id.encode(), b"anna"]
    before = bytes_of(file)
    assert [secret for secret in secrets if secret not in before] == []
    store.delete(made.info.id, "anna")
    after = bytes_of(file)
    assert [secret for secret in secrets if secret in after] == []
    for one in (store, other):
        one.close()


def test_deleting_reports_another_reader_of_the_file(file: Path) -> None:
    store = Store(file_url(file), patience=0.2)
    made = new_lesson(name="A secret name")
    store.begin(made)
    reader = sqlite3.connect(file, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM lessons").fetchone()
    with pytest.raises(StoreError, match="still reading the file"):
        store.delete(made.info.id)
    reader.close()
    store.begin(new_lesson(name="next"))
    store.close()  # the last to close it clears the journal
    assert b"A secret name" not in bytes_of(file)


def test_a_full_disk_is_reported_and_the_lesson_goes_on(file: Path) -> None:
    store = Store(file_url(file))

    @sa.event.listens_for(store.engine, "checkout")
    def limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA max_page_count = 40").close()

    made, state, autosave = new_lesson(), SaveState(), Autosave(store)
    assert autosave.save(made, "", state)
    run(made, crowd(happy=3), range(3000))
    assert not autosave.save(made, "", state)
    assert "the disk is full; free some space" in str(state.fault)
    assert made.add(crowd(happy=3), 3000)
    assert made.snapshot().faces == 3
    assert store.load(made.info.id).duration == 0  # what stood there still stands
    sa.event.remove(store.engine, "checkout", limit)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 100000")
    assert autosave.save(made, "", state)
    assert state.fault is None
    assert store.load(made.info.id).duration == 3001
    store.close()


def test_connections_that_the_server_closed_are_opened_again(postgres: str) -> None:
    store, made = Store(postgres), new_lesson()
    store.begin(made)
    admin = Store(postgres)
    with admin.engine.begin() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != :me"
        me = connection.scalar(sa.text("SELECT pg_backend_pid()"))
        connection.execute(sa.text(f"{others} AND client_port IS NOT NULL"), {"me": me})
    run(made, crowd(happy=1), range(5))
    store.save(made)
    assert store.load(made.info.id).duration == 5
    for one in (store, admin):
        one.close()


@pytest.fixture
def proxy(postgres: str) -> Iterator[StallingProxy]:
    proxy = StallingProxy(sa.make_url(postgres).port or 0)
    yield proxy
    proxy.close()


def through(proxy: StallingProxy, postgres: str) -> str:
    url = sa.make_url(postgres).set(port=proxy.port)
    return url.render_as_string(hide_password=False)


def took(work: Callable[[], object], message: str) -> float:
    """Return the seconds until `work` failed with this message."""
    begun = time.monotonic()
    with pytest.raises(StoreError, match=message):
        work()
    return time.monotonic() - begun


def test_a_server_that_stalls_is_given_up_in_time(postgres: str, proxy: StallingProxy) -> None:
    store, made = Store(through(proxy, postgres), patience=1), new_lesson()
    store.begin(made)
    run(made, crowd(happy=1), range(5))
    proxy.stall()
    for work in (lambda: store.save(made), store.find, lambda: store.load(made.info.id)):
        assert took(work, "does not answer; check that it runs") < 3
    assert took(lambda: Store(through(proxy, postgres), patience=1), "does not answer") < 4
    proxy.go_on()
    store.save(made)
    assert store.load(made.info.id).duration == 5
    store.close()


def test_bringing_the_tables_to_a_new_form_may_take_longer(postgres: str) -> None:
    other = sa.create_engine(read_url(postgres))
    with other.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    with other.begin() as busy, ThreadPoolExecutor(1) as pool:
        busy.execute(sa.text(f"SELECT pg_advisory_xact_lock({LOCK})"))  # another server migrates
        opening = pool.submit(Store, postgres, patience=1)
        time.sleep(3)
        assert not opening.done()
        busy.rollback()
        opening.result(20).close()
    other.dispose()


def test_a_lock_of_another_program_is_given_up_in_time(postgres: str) -> None:
    store, made, other = Store(postgres, patience=1), new_lesson(), Store(postgres)
    store.begin(made)
    with other.engine.begin() as connection:
        connection.execute(sa.text("LOCK TABLE lessons"))
        assert took(lambda: store.save(made), "takes too long|does not answer") < 2.5
    store.save(made)
    for one in (store, other):
        one.close()


def test_a_lesson_whose_answer_was_lost_is_begun_again(opened: Callable[[], Store]) -> None:
    store, made = opened(), new_lesson()
    store.begin(made, "anna")  # stored, and the server's answer did not come
    run(made, crowd(happy=1), range(5))
    store.begin(made, "anna")
    assert store.load(made.info.id, "anna").duration == 5
    for other, owner in ((opened(), "anna"), (store, "bert")):
        with pytest.raises(GoneError):
            other.begin(made, owner)
    assert store.find("anna").found == 1


def test_a_file_that_is_not_a_database_is_reported(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"this is a shopping list" * 100)
    with pytest.raises(StoreError, match="the file is damaged"):
        Store(file_url(file))


def test_a_damaged_file_is_reported(file: Path) -> None:
    store, made = Store(file_url(file)), new_lesson()
    run(made, crowd(happy=3), range(2000))
    store.begin(made)
    store.close()
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + b"\xaa" * (len(whole) - 8192))
    with pytest.raises(StoreError, match="the file is damaged"):
        Store(file_url(file)).load(made.info.id)


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"Not a directory|File exists"):
        Store(file_url(tmp_path / "file" / "lessons.sqlite3"))


def test_a_database_that_another_program_locks_is_reported(file: Path) -> None:
    store = Store(file_url(file), patience=0.2)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another program has locked"):
        store.begin(new_lesson())
    other.close()
    store.begin(new_lesson())
    store.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("no url", "write it like postgresql"),
        ("postgresql://u5er:secret@127.0.0.1:1/x", "cannot be reached"),
        ("postgresql://127.0.0.1:1/x?user=u5er&password=secret", "cannot be reached"),
        ("postgresql://u5er:secret@no.such.host.invalid/x", "cannot be reached"),
        ("postgresql://u5er:secret@127.0.0.1/x?pool=unheard.of", "unknown or invalid option"),
        ("fantasy://u5er:secret@host/x", "unknown kind of database"),
        ("mssql+pyodbc://u5er:secret@host/x", "driver is missing"),
        ("postgresql://u5er:secret@[::1/x", "write it like postgresql"),
        ("sqlite:////proc/no/such/place/lessons.sqlite3", "No such file"),
    ],
)
def test_an_error_does_not_show_the_address_of_the_database(
    url: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(StoreError, match=message) as fault:
        Store(url)
    for private in ("secret", "u5er", "host", "127.0.0.1", "unheard", "/proc"):
        assert private not in str(fault.value)
    assert "secret" not in caplog.text


def test_the_details_of_an_unexpected_error_go_to_the_log_only(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with store.engine.execution_options(writes=True).begin() as connection:
        connection.execute(sa.text("DROP TABLE moments"))
    with pytest.raises(StoreError, match="the server's log has the details") as fault:
        store.begin(new_lesson())
    assert "moments" not in str(fault.value)
    assert "moments" in caplog.text


def test_the_log_names_the_database_and_the_error(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(StoreError):
        Store("fantasy://u5er:secret@host/lessons?password=secret")
    (record,) = caplog.records
    assert "fantasy://u5er:***@host/lessons: Can't load plugin" in record.getMessage()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_postgresql_url_uses_psycopg(scheme: str) -> None:
    assert read_url(f"{scheme}://u@h/x").drivername == "postgresql+psycopg"


def test_only_the_owner_may_read_the_files(file: Path) -> None:
    store = Store(file_url(file))
    store.begin(Lesson(LessonInfo("private", START)))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()}
    assert modes[file.name] == modes[f"{file.name}-wal"] == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    store.close()


def test_a_user_without_a_home_folder_reads_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError))
    with pytest.raises(StoreError, match="no home folder: set FER_DATABASE_URL"):
        own_file()


def test_a_folder_that_cannot_be_made_is_one_line_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(StoreError, match=r"cannot be written to \(.+\): change its") as caught:
        Store(file_url(tmp_path / "taken" / "lessons.sqlite3"))
    assert str(tmp_path) not in str(caught.value)  # pages show the line to every visitor


def test_a_database_that_was_away_at_the_start_is_opened_later(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.parent.write_text("in the way")  # a file where the folder should be
    store = Store(file_url(file), later=True)
    assert "cannot be written to" in str(store.fault)
    with pytest.raises(StoreError, match="cannot be written to"):
        store.check()
    file.parent.unlink()
    until = time.monotonic() + 10
    while store.fault:
        with contextlib.suppress(StoreError):
            store.check()
        assert time.monotonic() < until
        time.sleep(0.05)
    store.begin(new_lesson())
    assert store.find().found == 1
    assert "the database is there again" in caplog.text
    store.close()


def test_a_server_that_comes_after_the_app_is_used(postgres: str) -> None:
    port = sa.make_url(postgres).port or 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        later = free.getsockname()[1]
    store = Store(str(sa.make_url(postgres).set(port=later)), later=True)
    assert "cannot be reached" in str(store.fault)
    proxy = StallingProxy(port, later)
    store.check()  # the first new try comes at once
    assert store.fault is None
    for one in (store, proxy):
        one.close()


def test_between_tries_are_growing_pauses_without_a_call_to_the_database() -> None:
    clock = [0.0]
    pause = Backoff(lambda: clock[0])
    waits = []
    for _ in range(9):
        pause.grow()
        begun = clock[0]
        while True:
            try:
                pause.check("away")
                break
            except StoreError:
                clock[0] += 0.5
        waits.append(clock[0] - begun)
    assert waits == [0, 1, 2, 4, 8, 10, 10, 10, 10]


def test_a_file_that_is_moved_away_while_it_is_used_loses_nothing(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, made, state = Store(file_url(file)), new_lesson(), SaveState()
    autosave = Autosave(store)
    before = new_lesson(name="Before")
    store.begin(before)
    assert autosave.save(made, "", state)
    run(made, crowd(happy=3), range(60))
    assert autosave.save(made, "", state)
    away = file.with_name("away.sqlite3")
    file.rename(away)
    run(made, crowd(happy=3), range(60, 70))
    assert not autosave.save(made, "", state)
    assert "was moved away or replaced; a new one is made now" in str(state.fault)
    assert "was moved away or replaced" in caplog.text
    assert store.moved_at is not None
    assert autosave.save(made, "", state)  # in whole, to the new file
    assert state.fault is None
    assert store.load(made.info.id).rows()["frames"].tolist() == [1] * 70
    assert [kept.id for kept in store.find().lessons] == [made.info.id]
    store.close()
    earlier = Store(file_url(away))  # what was moved away has all that was saved until then
    assert earlier.find().found == 2
    assert earlier.load(made.info.id).duration == 60
    earlier.close()


def test_a_moved_file_is_noticed_without_a_save(file: Path) -> None:
    store = Store(file_url(file))
    file.unlink()
    with pytest.raises(StoreError, match="was moved away"):
        store.check()
    store.check()
    assert file.exists()
    store.close()


def write_damage(file: Path, kind: str) -> None:
    journal = file.with_name(f"{file.name}-wal")
    with (journal if kind == "journal" else file).open("r+b") as bytes_:
        if kind == "pages":
            bytes_.seek(8192)
        bytes_.write(b"\xaa" * (32 if kind == "journal" else 100_000))


@pytest.mark.parametrize("kind", ["journal", "start", "pages"])
def test_damage_is_noticed_while_the_file_is_used(file: Path, kind: str) -> None:
    store, made, state = Store(file_url(file)), new_lesson(), SaveState()
    run(made, crowd(happy=3), range(3000))
    autosave = Autosave(store)
    assert autosave.save(made, "", state)
    if kind != "journal":  # everything goes from the journal into the file
        with store.engine.execution_options(plain=True).connect() as plain:
            plain.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    store.check()
    write_damage(file, kind)
    until = time.monotonic() + 10
    while not store.fault:
        with contextlib.suppress(StoreError):
            store.check()
        assert time.monotonic() < until
        time.sleep(0.05)
    assert store.fault == "the file is damaged; move it away, and a new one is made"
    run(made, crowd(happy=3), range(3000, 3010))
    assert not autosave.save(made, "", state)  # it would be lost at the next start
    assert "the file is damaged" in str(state.fault)
    file.rename(file.with_name("away.sqlite3"))  # as the message says
    assert not autosave.save(made, "", state)
    assert autosave.save(made, "", state)
    assert store.load(made.info.id).duration == 3010
    store.check()
    store.close()
    again = Store(file_url(file))
    assert again.load(made.info.id).duration == 3010
    again.close()


def test_reading_does_not_hide_that_nothing_can_be_saved(file: Path) -> None:
    store, made = Store(file_url(file), patience=0.2), new_lesson()
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another program has locked"):
        store.begin(made)
    assert store.find().found == 0
    assert "another program has locked" in str(store.fault)
    with pytest.raises(StoreError, match="another program has locked"):
        store.check()
    other.close()
    store.check()
    assert store.fault is None
    store.close()
