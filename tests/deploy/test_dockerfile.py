"""The Dockerfile and what goes into the build, without building."""

import re
from pathlib import Path

import pytest

from tests.deploy.recipes import ROOT, called, tool

DOCKERFILE = ROOT / "Dockerfile"
SOURCES = ("app.py", "fer", "model", "haarcascades", ".streamlit", "LICENSE")
# A host with a dot before a slash, or a machine's own folder.
HOST = re.compile(r"\b[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?/|https?://|/(?:work|root|home)/")


def lint(text: str) -> list[str]:
    """Return what hadolint reports on a Dockerfile, warnings too."""
    done = called(tool("hadolint"), "--no-color", "-", input=text)
    return done.stdout.splitlines()


def test_the_dockerfile_is_clean() -> None:
    assert lint(DOCKERFILE.read_text()) == []


@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        ("USER 10001:10001", "USER root", "DL3002"),
        ("# hadolint ignore=DL3008\n", "", "DL3008"),
        ('CMD ["python", "start.py"]\n\n', "CMD python start.py\n\n", "DL3025"),
        ("pip install --no-cache-dir", "pip install", "DL3042"),
        ("-qq --no-install-recommends", "-qq", "DL3015"),
        ("FROM ${PYTHON_IMAGE} AS base", "FROM python:latest AS base", "DL3007"),
        ("WORKDIR /app", "WORKDIR app", "DL3000"),
    ],
)
def test_mistakes_in_it_are_caught(right: str, wrong: str, rule: str) -> None:
    text = DOCKERFILE.read_text()
    assert right in text
    assert any(rule in line for line in lint(text.replace(right, wrong, 1)))


def test_it_names_no_registry_and_no_machine() -> None:
    assert HOST.search("FROM gcr.io/x/python:3.11") and HOST.search("COPY /home/me/x x")
    words = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    assert [
        line for line in words if HOST.search(line.replace("/opt/venv/lib/python3*/", ""))
    ] == []


def test_the_last_stage_is_the_one_that_serves() -> None:
    stages = re.findall(r"^FROM (\S+) AS (\w+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert stages[-1] == ("runtime", "serve")
    assert stages[0] == ("${PYTHON_IMAGE}", "base")  # so a digest can be given


def test_it_serves_without_tensorflow() -> None:
    # The stage "everything" alone installs requirements.txt, and "serve" takes nothing from it.
    *_, last = DOCKERFILE.read_text().split("\nFROM ")
    assert "served" in last and "everything" not in last
    serving = (ROOT / "requirements-serve.txt").read_text().lower()
    assert not re.search(r"^(tensorflow|keras|torch)", serving, re.MULTILINE)


def test_every_copied_path_exists() -> None:
    for line in DOCKERFILE.read_text().splitlines():
        match = re.match(r"COPY (?!--from)(.+) \S+$", line)
        for name in match[1].split() if match else ():
            assert (ROOT / name).exists(), line


def let_through(names: list[str]) -> list[str]:
    """Return the files that .dockerignore lets into the build; the last matching line decides."""
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line[:1] not in ("", "#")
    ]
    kept = []
    for name in names:
        paths = [name, *map(str, Path(name).parents)][:-1]
        out = False
        for rule in rules:
            pattern = rule.removeprefix("!").removeprefix("**/")
            anywhere = "**/" in rule
            tried = [Path(path).name for path in paths] if anywhere else paths
            if any(
                Path(path).match(pattern) and (anywhere or fits(path, pattern)) for path in tried
            ):
                out = not rule.startswith("!")
        if not out:
            kept.append(name)
    return kept


def fits(path: str, pattern: str) -> bool:
    return pattern.count("/") == path.count("/")


def test_nothing_but_the_app_goes_into_the_build() -> None:
    stray = [".git/config", ".env", "tests/conftest.py", "docs/face.png", "runs/a/b.keras"]
    stray += ["fer/ui/__pycache__/live.cpython-311.pyc", ".streamlit/secrets.toml", "README.md"]
    stray += [
        "deploy/school/.env",
        "data/training.csv",
        ".venv/bin/python",
        "setup.sh",
        "notes.txt",
    ]
    assert let_through(stray) == []


def test_all_of_the_app_goes_into_the_build() -> None:
    found = called("git", "ls-files", "--", *SOURCES, "deploy/image").stdout.split()
    found += [path.name for path in ROOT.glob("requirements*.txt")]
    tools = [name for name in found if re.fullmatch(r"fer/ui/browser/([^/]+\.json|\.npmrc)", name)]
    unneeded = {"requirements-dev.txt", *tools}
    assert tools
    wanted = [name for name in found if name not in unneeded and (ROOT / name).exists()]
    assert len(wanted) > 50
    assert let_through(wanted) == wanted
    assert let_through(sorted(unneeded)) == []
