"""What a process that decodes strangers' files may still do: compute, and answer.

`limit` sets resource limits, `seal` a filter of system calls: what is not on the list fails with
EPERM. Neither can be undone by the process itself. Linux only.
"""

from __future__ import annotations

import ctypes
import platform
import resource
import struct
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Final

# prctl's options.
PARENT_DEATH_SIGNAL: Final = 1
SECCOMP: Final = 22
NO_NEW_PRIVILEGES: Final = 38
FILTER_MODE: Final = 2

# A filter's instructions.
LOAD: Final = 0x20  # a word of what is asked: the call's number, the machine, an argument
IF_EQUAL: Final = 0x15
IF_ANY_BIT: Final = 0x45
RETURN: Final = 0x06
ALLOW: Final = 0x7FFF0000
REFUSE: Final = 0x00050001  # the call fails with EPERM
KILL: Final = 0x80000000
NUMBER, MACHINE, ARGUMENTS = 0, 4, 16  # where they stand in what is asked
EXECUTABLE: Final = 4  # PROT_EXEC
# fcntl may duplicate a descriptor and read its flags. With others, such as F_SETOWN, a process can
# have signals sent to any process of the same user.
FCNTL: Final = (0, 1, 2, 3, 1030)  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC


@dataclass(frozen=True)
class Calls:
    """The numbers of a machine's system calls."""

    machine: int
    allowed: tuple[int, ...]
    mapping: tuple[int, ...]  # mmap and mprotect, but for memory that holds no code
    own_limits: int  # prlimit64, but for this process alone
    fcntl: int


# By name, in this order:
#   read write close fstat lseek readv writev pread64 munmap brk madvise mremap rt_sigaction
#   rt_sigprocmask rt_sigreturn sigaltstack sched_yield nanosleep clock_nanosleep clock_gettime
#   gettimeofday getpid gettid futex sendto recvfrom sendmsg recvmsg poll ppoll dup getrusage
#   times sysinfo uname sched_getaffinity getrandom rseq set_robust_list restart_syscall exit
#   exit_group newfstatat (with which newer C libraries do fstat)
# fmt: off
CALLS: Final = {
    "x86_64": Calls(
        0xC000003E,
        (0, 1, 3, 5, 8, 19, 20, 17, 11, 12, 28, 25, 13, 14, 15, 131, 24, 35, 230, 228, 96, 39, 186,
         202, 44, 45, 46, 47, 7, 271, 32, 98, 100, 99, 63, 204, 318, 334, 273, 219, 60, 231,
         262),
        (9, 10),
        302,
        72,
    ),
    "aarch64": Calls(
        0xC00000B7,
        (63, 64, 57, 80, 62, 65, 66, 67, 215, 214, 233, 216, 134, 135, 139, 132, 124, 101, 115, 113,
         169, 172, 178, 98, 206, 207, 211, 212, 73, 23, 165, 153, 179, 160, 123, 278, 293, 99,
         128, 93, 94, 79),
        (222, 226),
        261,
        25,
    ),
}
# fmt: on


def die_with_parent() -> None:
    """Have the kernel end this process when the one that started it ends."""
    _libc().prctl(PARENT_DEATH_SIGNAL, 9, 0, 0, 0)


def limit(memory: int, files: int) -> None:
    """Limit this process: `memory` bytes beyond what it has, and descriptors below `files`.

    It can write no file, start no process, leave no core dump, and is the first to go when the
    computer runs out of memory.
    """
    with suppress(OSError):  # a read-only /proc; the other limits hold
        Path("/proc/self/oom_score_adj").write_text("1000")
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for kind, most in (
        (resource.RLIMIT_AS, now + memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, files),
    ):
        resource.setrlimit(kind, (most, most))


def limit_processor(seconds: float) -> None:
    """Have the kernel end this process once it has computed so long from now on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = ceil(used.ru_utime + used.ru_stime + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


def seal(machine: str | None = None) -> bool:
    """Refuse every system call that decoding does without, from now on.

    Return False where the kernel or the machine knows no such filter.
    """
    calls = CALLS.get(machine or platform.machine())
    if calls is None or struct.calcsize("P") != 8:
        return False
    code = program(calls)
    filters = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: the number of instructions, and where they are.
    given = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(filters))
    libc = _libc()
    if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        return False
    return not libc.prctl(SECCOMP, FILTER_MODE, given, 0, 0)


def program(calls: Calls) -> bytes:
    """Return the filter as the kernel takes it."""
    parts = [
        _step(LOAD, MACHINE),
        _step(IF_EQUAL, calls.machine, 1, 0),
        _step(RETURN, KILL),
        _step(LOAD, NUMBER),
    ]
    for number in calls.allowed:
        parts += [_step(IF_EQUAL, number, 0, 1), _step(RETURN, ALLOW)]
    for number in calls.mapping:
        parts += [
            _step(IF_EQUAL, number, 0, 4),
            _step(LOAD, ARGUMENTS + 2 * 8),
            _step(IF_ANY_BIT, EXECUTABLE, 0, 1),
            _step(RETURN, REFUSE),
            _step(RETURN, ALLOW),
        ]
    parts += [
        _step(IF_EQUAL, calls.own_limits, 0, 4),
        _step(LOAD, ARGUMENTS),
        _step(IF_EQUAL, 0, 0, 1),
        _step(RETURN, ALLOW),
        _step(RETURN, REFUSE),
        _step(IF_EQUAL, calls.fcntl, 1, 0),
        _step(RETURN, REFUSE),
        _step(LOAD, ARGUMENTS + 8),
    ]
    for command in FCNTL:
        parts += [_step(IF_EQUAL, command, 0, 1), _step(RETURN, ALLOW)]
    return b"".join([*parts, _step(RETURN, REFUSE)])


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
