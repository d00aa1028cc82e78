"""setup.sh, without installing anything: a stand-in for pip and Python tells what it would do."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")

# A Python whose `-m` words are only written down; whatever else it is asked, the real one answers.
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
    """A copy of what setup.sh needs, and a log of what it called."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "checkout", folder / "calls"
        self.folder.mkdir()
        for path in [ROOT / "setup.sh", *ROOT.glob("requirements*.txt")]:
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
        """The tools that were called, in order."""
        return [line.split()[1] for line in self.log.read_text().splitlines()]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize("word", ["--help", "-h", "help"])
def test_help_names_the_commands(checkout: Checkout, word: str) -> None:
    done = checkout(word)
    assert done.returncode == 0
    assert all(f"\n  {name} " in done.stdout for name in ("run", "test", "install"))
    assert checkout.calls() == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["frobnicate"], "no command 'frobnicate'"),
        ([], "say what to do"),
    ],
)
def test_an_unknown_word_is_one_clear_line(checkout: Checkout, words: list[str], line: str) -> None:
    done = checkout(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert line in done.stderr


def test_a_port_that_is_none_is_one_clear_line(checkout: Checkout) -> None:
    done = checkout("run", PORT="http")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "PORT must be a number" in done.stderr


def test_the_app_starts_on_the_port_asked_for(checkout: Checkout) -> None:
    assert checkout("run", PORT="9000").returncode == 0
    assert checkout.calls() == ["venv", "pip", "pip", "streamlit"]
    # To this computer alone: there is no log-in.
    asked = "streamlit run app.py --server.port 9000 --server.address localhost"
    assert asked in checkout.log.read_text()
    assert checkout("run", ADDRESS="0.0.0.0").returncode == 0
    assert "--server.port 8501 --server.address 0.0.0.0" in checkout.log.read_text()


def test_only_the_detectors_package_comes_without_what_it_needs(checkout: Checkout) -> None:
    checkout("install")
    _, *pips = checkout.log.read_text().splitlines()
    assert ["--no-deps" in line for line in pips] == [False, True]
    assert pips[1].endswith("-r requirements-detector.txt")


def test_a_second_call_installs_nothing(checkout: Checkout) -> None:
    assert checkout("install").returncode == 0
    assert checkout.calls() == ["venv", "pip", "pip"]
    assert checkout("install").returncode == 0
    assert checkout("run").returncode == 0
    assert checkout.calls() == ["streamlit"]


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
def test_one_that_fails_fails_all_and_ends_none(checkout: Checkout, failing: str) -> None:
    done = checkout("test", FAILS=failing)
    assert done.returncode == 1
    assert [*checkout.calls()].count("pytest") == 2
    assert f"{failing} failed" in done.stdout


def test_the_tests_run_whole_and_bring_what_the_app_needs(checkout: Checkout) -> None:
    assert checkout("test", "-k", "settings").returncode == 0
    assert checkout.calls() == ["venv", "pip", "pip", "ruff", "ruff", *BROWSER, "mypy", "pytest"]
    assert checkout.log.read_text().splitlines()[-1] == "-m pytest -m not long -k settings"
    assert checkout("test", "-k", "settings", FER_TEST_LONG="1").returncode == 0
    assert checkout.log.read_text().splitlines()[-1] == "-m pytest -m  -k settings"
    assert checkout("run").returncode == 0
    assert checkout.calls() == ["streamlit"]


def test_changed_requirements_are_installed_into_the_same_environment(checkout: Checkout) -> None:
    checkout("install")
    with (checkout.folder / "requirements.txt").open("a") as lines:
        lines.write("another==1.0\n")
    assert checkout("install").returncode == 0
    assert checkout.calls() == ["pip", "pip"]


def test_an_interrupted_set_up_is_made_good(checkout: Checkout) -> None:
    done = checkout("install", PIP_DIES="yes")
    assert done.returncode == 2
    assert "failed" in done.stderr.splitlines()[-1]
    assert checkout("install").returncode == 0
    assert checkout.calls() == ["venv", "pip", "pip"]


def test_every_requirement_is_pinned_and_names_no_host() -> None:
    for path in ROOT.glob("requirements*.txt"):
        for line in path.read_text().splitlines():
            words = line.partition("#")[0].strip()
            assert not words or re.fullmatch(
                r"[\w\[\].-]+==[\w.]+|-r requirements[\w-]*\.txt", words
            )


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
