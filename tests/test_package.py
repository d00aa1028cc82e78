"""The package as its users install it: built as a wheel, in an environment and a folder of its own.

Its requirements come from the tests' own environment, so nothing is downloaded.
"""

import os
import shutil
import signal
import site
import subprocess
import sys
import sysconfig
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.server import free_port

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "fer" / "ui" / "sample.png"
START_SECONDS = 90
pytestmark = pytest.mark.slow


@dataclass
class Installed:
    """An environment with the wheel, and an empty folder to work in."""

    venv: Path
    folder: Path

    @property
    def packages(self) -> Path:
        return next(self.venv.glob("lib/python3*/site-packages"))

    @property
    def environ(self) -> dict[str, str]:
        own = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        kept = str(self.folder.parent / "kept")
        return own | {"XDG_DATA_HOME": kept, "XDG_CACHE_HOME": kept}

    def __call__(self, program: str, *words: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [self.venv / "bin" / program, *words],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy of the tracked and new files, with what browser tools leave beside them."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    browser = source / "fer" / "ui" / "browser"
    for name in ("package.json", "tsconfig.json", "node_modules/x/index.js"):
        (browser / name).parent.mkdir(parents=True, exist_ok=True)
        (browser / name).write_text("{}")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    subprocess.run([*build, str(source)], capture_output=True, check=True, timeout=120)
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def built(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the wheel into a new environment; tests that damage it take `installed` instead."""
    base = tmp_path_factory.mktemp("user")
    (base / "folder").mkdir()
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", base / "venv"], check=True, timeout=120
    )
    made = Installed(base / "venv", base / "folder")
    pip = [sys.executable, "-m", "pip", f"--python={base / 'venv' / 'bin' / 'python'}"]
    install = ["install", "--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *install, str(wheel)], check=True, timeout=120)
    others = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()}
    (made.packages / "others.pth").write_text("\n".join(sorted(others)))
    return made


@pytest.fixture
def installed(built: Installed, tmp_path: Path) -> Iterator[Installed]:
    """The installed package, restored after the test."""
    kept = tmp_path / "fer"
    shutil.copytree(built.packages / "fer", kept)
    yield built
    shutil.rmtree(built.packages / "fer")
    shutil.copytree(kept, built.packages / "fer")


def test_the_wheel_holds_the_package_and_its_assets(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"fer/py.typed", "fer/_assets/app.py", "fer/_assets/.streamlit/config.toml"} <= names
    for folder in ("model", "haarcascades"):
        files = {path.name for path in (ROOT / folder).iterdir()}
        assert {f"fer/_assets/{folder}/{name}" for name in files} <= names
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"fer"}
    left_out = ("/tests/", "node_modules", "package.json", "tsconfig.json", "__pycache__", ".venv")
    assert [name for name in names if any(part in f"/{name}" for part in left_out)] == []
    texts = {path.relative_to(ROOT).as_posix() for path in (ROOT / "fer").rglob("*.toml")}
    assert texts <= names


def test_the_wheel_declares_its_extras(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    lines = archive.read(name).decode().splitlines()
    extras = {line.split(": ")[1] for line in lines if line.startswith("Provides-Extra")}
    assert extras == {"training", "postgres", "cloud"}
    base = [line for line in lines if line.startswith("Requires-Dist") and "extra ==" not in line]
    assert any("streamlit==" in line for line in base)
    assert not any("tensorflow" in line or "keras" in line for line in base)


def test_a_photo_is_read_from_another_folder(built: Installed) -> None:
    done = built("fer", "photo", SAMPLE, "--detector", "haar")
    assert done.returncode == 0, done.stderr
    assert "1 face: happy" in done.stdout


def test_the_public_names_can_be_imported(built: Installed) -> None:
    code = (
        "from fer import Analyzer, EMOTIONS, Faces, Lesson, ModelError, Photos; "
        "import fer; print(fer.__file__)"
    )
    done = built("python", "-c", code)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).parent == built.packages / "fer"


def test_importing_the_package_loads_nothing_heavy(built: Installed) -> None:
    code = "import fer, sys; print({'cv2', 'numpy', 'streamlit', 'onnxruntime'} & {*sys.modules})"
    assert built("python", "-c", code).stdout.strip() == "set()"


def test_the_app_is_served_from_an_empty_folder_until_ctrl_c(built: Installed) -> None:
    port, log = free_port(), built.folder.parent / "log"
    words = [built.venv / "bin" / "fer", "serve", "--port", str(port), "--server.headless", "true"]
    with log.open("w") as lines:
        app = subprocess.Popen(
            words, cwd=built.folder, env=built.environ, stdout=lines, stderr=lines
        )
    try:
        end = time.monotonic() + START_SECONDS
        while answer(port, "/healthz") != '{"status":"ready"}':
            assert app.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.2)
        assert "<title>Streamlit</title>" in (answer(port, "/") or "")
        app.send_signal(signal.SIGINT)
        assert app.wait(30) == 0, log.read_text()
    finally:
        app.kill()
    text = log.read_text()
    assert f"fer: serving at http://127.0.0.1:{port}" in text
    assert "Aborted" not in text and "Traceback" not in text
    assert [*built.folder.iterdir()] == []


def answer(port: int, path: str) -> str | None:
    """Return the text at this path; None while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as found:
            return str(found.read().decode())
    except OSError:
        return None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("model", ["photo", str(SAMPLE), "--detector", "haar"]),
        (
            "haarcascades/haarcascade_frontalface_default.xml",
            ["photo", str(SAMPLE), "--detector", "haar"],
        ),
        ("app.py", ["serve"]),
    ],
)
def test_a_missing_asset_is_one_line(name: str, words: list[str], installed: Installed) -> None:
    path = installed.packages / "fer" / "_assets" / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = installed("fer", *words)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"{path} is missing from this installation; run: python -m pip" in line


@pytest.mark.parametrize("command", ["serve", "doctor"])
def test_another_package_named_fer_is_one_line(command: str, installed: Installed) -> None:
    other = installed.packages / "fer-22.5.1.dist-info"
    other.mkdir()
    try:
        (other / "METADATA").write_text("Metadata-Version: 2.1\nName: fer\nVersion: 22.5.1\n")
        (other / "RECORD").write_text("fer/__init__.py,,\nfer/fer.py,,\n")
        done = installed("fer", command)
    finally:
        shutil.rmtree(other)
    assert done.returncode == 2
    lines = (done.stdout + done.stderr).splitlines()
    (line,) = [line for line in lines if "another package named fer" in line]
    assert "python -m pip uninstall fer" in line
