"""The image, built and run without Docker: buildah builds it, podman runs it.

Where no registry is at hand the base is a stand-in: Debian's own Python 3.11, made once and kept.
The machine's settings for pip and apt are lent to the build, so that the Dockerfile names no host.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.recipes import ROOT, called
from tests.e2e.server import Server, free_port

TOOLS = ("buildah", "podman", "crun", "mmdebstrap")
BASE, IMAGE = "localhost/fer-test-base", "localhost/fer-test"
# What python:3.11-slim brings, and what the first stage fetches anyway.
PACKAGES = "python3 python3-venv python3-pip ca-certificates tzdata binutils patchelf"
USER = 10001
LOCK = Path(tempfile.gettempdir()) / "fer-test-image.lock"
# Debian's podman would look for cgroups where this machine may have none.
ALONE = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"'
HARDENED = [
    *("--cgroup-manager=cgroupfs", "run", "--rm", "--no-healthcheck", "--network=host"),
    *("--cgroups=disabled", "--ulimit", "nofile=20000:20000", "--ulimit", "nproc=20000:20000"),
    *("--read-only", "--tmpfs", "/tmp", "--cap-drop=ALL", "--security-opt", "no-new-privileges"),
]
TICKS = os.sysconf("SC_CLK_TCK")


def missing() -> str | None:
    """Return why no image can be built here; None if one can."""
    wanted = [name for name in TOOLS if shutil.which(name) is None]
    if wanted:
        return f"no {', '.join(wanted)} here (Debian: the packages of these names)"
    if os.geteuid():
        return "building the image here wants root"
    release = Path("/etc/os-release")
    if not release.exists() or "VERSION_CODENAME=bookworm" not in release.read_text():
        return "the stand-in for python:3.11-slim is made on Debian bookworm only"
    return None


def output_of(*words: str | Path, **more: Any) -> str:
    """Return a command's output; if it fails, the test fails with its last lines."""
    done = called(*words, timeout=1200, **more)
    if done.returncode:
        pytest.fail(f"{' '.join(map(str, words[:3]))}:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


def make_base(folder: Path) -> None:
    """Build the substitute for the base image, unless an earlier run did."""
    if called("buildah", "images", "-q", BASE).returncode == 0:
        return
    tar = folder / "base.tar"
    sources = [Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")]
    given = [path for path in sources if path.is_file() and path.stat().st_size][:1]
    include = f"--include={PACKAGES.replace(' ', ',')}"
    output_of("mmdebstrap", "--quiet", "--variant=minbase", include, "bookworm", tar, *given)
    name = output_of("buildah", "from", "scratch").strip()
    try:
        output_of("buildah", "add", "--quiet", name, tar, "/")
        output_of("buildah", "commit", "--quiet", "--format=docker", name, BASE)
    finally:
        called("buildah", "rm", name)
        tar.unlink()


def settings_mounts() -> Iterator[str]:
    """Yield mounts of this machine's pip and apt settings for the build."""
    pip = [sys.executable, "-m", "pip", "config"]
    paths = [line.split(", exists: True")[0] for line in output_of(*pip, "debug").splitlines()]
    paths += (
        output_of(*pip, "list").replace("'", " ").replace("=", " ").replace("file://", "").split()
    )
    paths += ["/etc/apt/apt.conf.d"]
    lent = {Path(word) for word in map(str.strip, paths) if word.strip().startswith("/")}
    # The packages of an index lie beside its list.
    lent = {path.parent if path.name == "simple" else path for path in lent if path.exists()}
    yield from (f"{path}:{path}:ro" for path in sorted(lent))


def build(folder: Path) -> float:
    """Builds the image, of which little is left to do where that was done before; says how many
    seconds it took."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one at a time: `./setup.sh test` begins it early
        make_base(folder)
        volumes = [word for one in settings_mounts() for word in ("--volume", one)]
        begun = time.monotonic()
        output_of(
            *("nice", "-n", "10", "buildah", "bud", "--isolation=chroot", "--network=host"),
            *("--pull-never", "--layers", "--format=docker", "--quiet", "--target=serve"),
            *("--build-arg", f"PYTHON_IMAGE={BASE}", "--tag", IMAGE, *volumes, str(ROOT)),
        )
        return time.monotonic() - begun


@dataclass
class Container(Server):
    """The image in a container with a platform's restrictions."""

    data: Path = field(default_factory=Path)  # what it may write to, as /data

    @classmethod
    def of(cls, folder: Path, environ: dict[str, str]) -> "Container":
        """Return a container that is not started yet, with files in that folder."""
        data = folder / "data"
        data.mkdir(mode=0o700)
        os.chown(data, USER, USER)
        return cls("start.py", environ, folder / "log", data=data)

    def start(self) -> None:
        """Start the container without waiting for the app."""
        self.port = self.port or free_port()
        given = self.environ | {"PORT": str(self.port), "HOST": "127.0.0.1"}
        environ = [word for pair in given.items() for word in ("--env", "=".join(pair))]
        self._pidfile = self.log.with_name("pid")
        words = [*HARDENED, f"--pidfile={self._pidfile}", f"--volume={self.data}:/data"]
        self.began = time.monotonic()
        with self.log.open("a") as lines:
            self.process = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", ALONE, "sh", "podman", *words, *environ, IMAGE],
                stdout=lines,
                stderr=subprocess.STDOUT,
            )

    def wait_until_healthy(self, seconds: float = 90) -> tuple[float, float]:
        """Wait until the app is ready; return its age and its CPU time in seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process and self.process.poll() is None:
            if self.answer("/healthz") == '{"status":"ready"}':
                return self.age(), self.cpu()
            time.sleep(0.05)
        return pytest.fail(f"not healthy:\n{self.log.read_text()[-2000:]}")

    @property
    def pid(self) -> int:
        """Return the app's process id on this machine."""
        return int(self._pidfile.read_text())

    def status(self) -> dict[str, str]:
        """Return the kernel's status of the process."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {name: rest.strip() for name, _, rest in (line.partition(":") for line in lines)}

    def memory(self) -> float:
        """Return the megabytes in use."""
        return int(self.status()["VmRSS"].split()[0]) * 1024 / 1e6

    def _stat(self) -> list[str]:
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()

    def cpu(self) -> float:
        """Return the seconds of CPU time."""
        user, system = self._stat()[11:13]
        return (int(user) + int(system)) / TICKS

    def age(self) -> float:
        """Return the seconds since the process began."""
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        return uptime - int(self._stat()[19]) / TICKS

    @property
    def files(self) -> Path:
        """Return the container's file system as a folder of this machine."""
        return Path(f"/proc/{self.pid}/root")

    def end(self) -> tuple[int, float]:
        """Send SIGTERM as platforms do; return the exit status and the seconds that it took."""
        assert self.process is not None
        begun = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(30), time.monotonic() - begun

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.end()


if __name__ == "__main__" and missing() is None:
    with tempfile.TemporaryDirectory() as temporary:
        print(f"image: built in {build(Path(temporary)):.0f} s")
