"""What a sealed process may not do. Each try runs in a process of its own."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from fer.vision.media.sandbox import CALLS, program

if not sys.platform.startswith("linux"):
    pytest.skip("Linux only", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[3]
BEGIN = """
import ctypes, mmap, os, resource, signal, socket, sys
from fer.vision.media import sandbox
libc = ctypes.CDLL(None, use_errno=True)
"""
SEALED = BEGIN + "assert sandbox.seal()\n"
LIMITED = BEGIN + "sandbox.limit(50_000_000, 3)\n"


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    "act",
    [
        "open('/etc/passwd')",
        "open('/tmp/fer-test', 'w')",
        "os.listdir('/')",
        "socket.socket()",
        "socket.socketpair()",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.kill(os.getppid(), 0)",
        "os.memfd_create('a')",
        "os.pipe()",
        "os.setuid(os.getuid())",
        "os.unlink('/tmp/none')",
        "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)",
        "resource.prlimit(os.getppid(), resource.RLIMIT_CPU)",
        "__import__('fcntl').fcntl(0, 8, os.getppid())",  # F_SETOWN: signals to another process
        "__import__('threading').Thread(target=print).start()",
    ],
)
@pytest.mark.skipif(platform.machine() not in CALLS, reason="no list of calls for this machine")
def test_a_sealed_process_can_only_compute(act: str) -> None:
    tried = f"""
try:
    {act}
except (PermissionError, RuntimeError):
    os.write(1, b"refused")
"""
    assert run(SEALED + tried).stdout == "refused"
    assert "refused" not in run(BEGIN + tried).stdout


def test_a_sealed_process_computes() -> None:
    done = run(
        SEALED + "print(len(bytes(9_000_000)), sum(range(9)))\nsys.stdout.flush()\nos._exit(0)"
    )
    assert done.stdout == "9000000 36\n"


@pytest.mark.parametrize(
    "act",
    [
        "bytes(60_000_000)",
        "open('/dev/null')",
        "os.dup(1)",
        "os.fork() if os.getuid() else 1 / 0",  # root may always
    ],
)
def test_a_limited_process_has_little(act: str) -> None:
    tried = f"""
try:
    {act}
except (MemoryError, OSError, ZeroDivisionError):
    os.write(1, b"refused")
"""
    assert run(LIMITED + tried).stdout == "refused"


def test_a_limited_process_writes_no_file(tmp_path: Path) -> None:
    file = tmp_path / "a"
    script = BEGIN + f"f = os.open({str(file)!r}, os.O_CREAT | os.O_WRONLY)\n"
    script += "sandbox.limit(50_000_000, 9)\nos.write(f, b'x')"
    assert run(script).returncode != 0
    assert file.read_bytes() == b""


def test_a_process_is_ended_at_its_time() -> None:
    ended = run(BEGIN + "sandbox.limit_processor(0.2)\nwhile True: pass")
    assert ended.returncode == -24  # SIGXCPU


def test_another_machine_is_refused_at_once() -> None:
    """Calls have other numbers there."""
    other = next(calls for name, calls in CALLS.items() if name != platform.machine())
    if platform.machine() in CALLS:
        script = SEALED.replace("sandbox.seal()", "sandbox.seal(sys.argv[1])") + "print('alive')"
        name = next(name for name, calls in CALLS.items() if calls is other)
        ended = subprocess.run(
            [sys.executable, "-c", script, name], cwd=ROOT, capture_output=True, text=True
        )
        assert ended.returncode == -31  # SIGSYS
    assert len(program(other)) % 8 == 0


def test_an_unknown_machine_is_not_sealed() -> None:
    assert run(BEGIN + "print(sandbox.seal('abacus'))").stdout == "False\n"
