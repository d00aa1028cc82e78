"""The recipes in deploy/, and the tools that check them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
READMES = sorted(DEPLOY.glob("*/README.md"))
OVERLAYS = sorted(path.parent for path in DEPLOY.glob("gke/overlays/*/kustomization.yaml"))
# What deploy.sh puts in.
IMAGE_OF = {"IMAGE": "image", "PROJECT": "school-1", "LAW": "IN", "SITE": "https://fer.example"}
SCALE = {"MIN_INSTANCES": "0", "MAX_INSTANCES": "3"}


def tool(name: str) -> str:
    """Return a program of the tests' environment or the system; skip the test if it is missing."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    return found or pytest.skip(f"no {name} here")


def called(*words: str | Path, **more: Any) -> "subprocess.CompletedProcess[str]":
    """Run a command and return its output and exit status."""
    given: dict[str, Any] = {"cwd": ROOT, "timeout": 120} | more
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, **given)


def documents(text: str) -> list[dict[str, Any]]:
    """Return every document of a YAML file."""
    return [one for one in yaml.safe_load_all(text) if one]


def blocks(readme: Path) -> list[str]:
    """Return the shell blocks of a page."""
    return re.findall(r"^```sh\n(.*?)^```$", readme.read_text(), re.DOTALL | re.MULTILINE)


def cloud_run_service() -> str:
    """Return the service as deploy.sh fills it in."""
    text = (DEPLOY / "cloudrun" / "service.yaml").read_text()
    for name, value in (IMAGE_OF | SCALE).items():
        text = text.replace(f"${{{name}}}", value)
    return text


def rendered(overlay: Path) -> str:
    """Return the overlay as kubectl would apply it."""
    done = called(tool("kubectl"), "kustomize", overlay)
    assert done.returncode == 0, done.stderr
    return done.stdout


def plain_settings(listed: list[dict[str, Any]]) -> dict[str, str]:
    """Return a container's environment, with stand-ins for secrets."""
    stand_ins = {
        "FER_SECRET": "s" * 32,
        "FER_TURN_SECRET": "t" * 32,
        "FER_DATABASE_URL": "postgresql://u:p@h/n",
    }
    return {one["name"]: one.get("value", stand_ins.get(one["name"], "")) for one in listed}
