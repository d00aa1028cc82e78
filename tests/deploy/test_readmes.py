"""Every command in the recipes' pages: parsed, its files checked, and run in order.

What can run here does run. For what needs an account somewhere, a stand-in writes down its words
and refuses those that name a file which isn't there.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.recipes import DEPLOY, READMES, ROOT, blocks, called, tool

# In the order of the pages' own words; these are never run for real here.
ELSEWHERE = ("gcloud", "kubectl", "docker", "aws", "heroku", "curl", "psql")
LOCAL = {"cp", "chmod", "mkdir", "sed", "cd", "rm", "export", "printf", "git", "openssl", "tr"}
SPLIT = re.compile(r"\$\(|[|\n;]")
# Answers what the next command needs, and stops at files that aren't there.
STAND_IN = """#!/usr/bin/env bash
me=${0##*/}
echo "$me $*" >>"$CALLS"
if [[ -p /dev/stdin ]]; then cat >/dev/null; fi
for word in "$@"; do
    file=
    case $word in
    --config=* | --cert=* | --key=*) file=${word#*=} ;;
    deploy/*) file=$word ;;
    *=) echo "$me: $word has no value" >&2; exit 1 ;;
    esac
    case $file in
    '' | turn.*) ;;
    *) [[ -e $file ]] || { echo "$me: no such file: $file" >&2; exit 1; } ;;
    esac
done
[[ $* != *create-repository* ]] || exit 0
echo "$me-says-1"
"""


def commands(block: str) -> list[str]:
    """Return the commands of a shell block, also those within $(...) and after |."""
    plain = re.sub(r"'[^']*'|\"[^\"$]*\"", "Q", block)
    pieces = [re.sub(r"^(\w+=[^\s]*\s*)*", "", one.strip()) for one in SPLIT.split(plain)]
    return [one.split()[0] for one in pieces if one]


def syntax(block: str) -> str:
    """Return bash's syntax errors of a block, without running it."""
    return called("bash", "-n", input=block).stderr


def run_page(readme: Path, folder: Path) -> "tuple[subprocess.CompletedProcess[str], str]":
    """Run the whole page in one shell, in a copy of the project; return the calls made."""
    home, tools = folder / "project", folder / "tools"
    home.mkdir()
    tools.mkdir()
    for name in ("deploy", "fer", "model", "haarcascades", ".streamlit"):
        unneeded = shutil.ignore_patterns("__pycache__", "*.keras")
        shutil.copytree(ROOT / name, home / name, ignore=unneeded)
    for name in ("app.py", "LICENSE", *(path.name for path in ROOT.glob("requirements*.txt"))):
        shutil.copy(ROOT / name, home / name)
    for name in ELSEWHERE:
        (tools / name).write_text(STAND_IN)
        (tools / name).chmod(0o755)
    text = "\n".join(blocks(readme))
    text = text.replace("/tmp/fer-heroku", str(folder / "heroku"))
    text = text.replace("git push heroku main", "git log --oneline main >>$CALLS")
    environ = {"PATH": f"{tools}:{os.environ['PATH']}", "CALLS": str(folder / "calls")}
    environ |= {"HOME": str(folder), "LC_ALL": "C.UTF-8"}
    script = folder / "typed.sh"
    script.write_text(f"set -euo pipefail\n{text}")
    done = called("bash", script, cwd=home, env=environ, stdin=subprocess.DEVNULL)
    log = folder / "calls"
    return done, log.read_text() if log.exists() else ""


def test_there_is_a_page_for_every_recipe() -> None:
    folders = {path.name for path in DEPLOY.iterdir() if path.is_dir()} - {"image"}
    assert {path.parent.name for path in READMES} == folders
    index = (DEPLOY / "README.md").read_text()
    assert all(f"({folder}/README.md)" in index for folder in folders)


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_a_page_is_a_page(readme: Path) -> None:
    text = readme.read_text()
    assert len(text.splitlines()) <= 105
    for title in ("## Put it there", "## See that it works", "## What it costs", "## Undo it"):
        assert title in text
    # What is typed stands in the pieces that are tested, not in others.
    assert text.count("```") == 2 * len(blocks(readme))
    for link in re.findall(r"\]\((?!https://)([^)#]+)\)", text):
        assert (readme.parent / link).exists()


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_every_command_is_one(readme: Path) -> None:
    found = [command for block in blocks(readme) for command in commands(block)]
    assert len(found) >= 5
    scripts = {str(path.relative_to(ROOT)) for path in DEPLOY.rglob("*.sh")}
    assert set(found) <= scripts | LOCAL | set(ELSEWHERE)
    assert [syntax(block) for block in blocks(readme)] == [""] * len(blocks(readme))


@pytest.mark.parametrize("block", ["cp 'a b\n", "if x; then\n", "echo $(date\n"])
def test_a_piece_that_bash_cannot_read_is_caught(block: str) -> None:
    assert syntax(block) != ""


def test_no_command_is_overlooked() -> None:
    assert commands("one a\nX=1 two b | three\nY=$(four c | five 'six | 6') seven\n") == [
        "one",
        "two",
        "three",
        "four",
        "five",
    ]


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_the_commands_run_in_the_order_given(readme: Path, tmp_path: Path) -> None:
    tool("openssl")
    done, log = run_page(readme, tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ELSEWHERE:
        typed = re.findall(rf"^{name} ", "\n".join(blocks(readme)), re.MULTILINE)
        assert len(re.findall(rf"^{name} ", log, re.MULTILINE)) >= len(typed)


def test_going_through_a_page_catches_mistakes(tmp_path: Path) -> None:
    text = (DEPLOY / "aws" / "README.md").read_text()
    for at, (right, wrong) in enumerate(
        [
            ("deploy/aws/stack.yaml", "deploy/aws/stakc.yaml"),
            ("Vpc=$VPC", "Vpc=$VCP"),
            ("SUBNETS=$(aws", "SUBNETS=$(awk"),
        ]
    ):
        assert right in text
        page = tmp_path / f"{at}.md"
        page.write_text(text.replace(right, wrong))
        folder = tmp_path / str(at)
        folder.mkdir()
        assert run_page(page, folder)[0].returncode != 0


def test_the_schools_secrets_are_made_once_and_kept_close(tmp_path: Path) -> None:
    done, _ = run_page(DEPLOY / "school" / "README.md", tmp_path)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "project" / "deploy" / "school" / ".env"
    assert path.stat().st_mode & 0o077 == 0
    given = dict(re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE))
    secrets = {given["FER_SECRET"], given["FER_TURN_SECRET"]}
    assert len(secrets) == 2 and all(re.fullmatch(r"[0-9a-f]{64}", one) for one in secrets)


def test_herokus_folder_holds_the_app_and_no_tensorflow(tmp_path: Path) -> None:
    folder = tmp_path / "slug"
    done = called("bash", DEPLOY / "heroku" / "make.sh", folder)
    assert done.returncode == 0, done.stderr
    assert called("git", "-C", folder, "status", "--short").stdout == ""
    there = {path.name for path in folder.iterdir()}
    assert {"app.py", "start.py", "Procfile", "requirements.txt", "bin"} <= there
    assert not there & {"tests", "deploy", "docs"}
    wanted = (folder / "requirements.txt").read_text()
    assert "streamlit==" in wanted and "psycopg" in wanted
    assert not re.search(r"^(tensorflow|-r )", wanted, re.MULTILINE)
    assert os.access(folder / "bin" / "post_compile", os.X_OK)
    again = called("bash", DEPLOY / "heroku" / "make.sh", folder)
    assert (again.returncode, len(again.stderr.splitlines())) == (2, 1)


def test_the_scripts_pass_shellcheck() -> None:
    scripts = [*DEPLOY.glob("*/*.sh"), DEPLOY / "heroku" / "post_compile"]
    assert len(scripts) == 3
    done = called(tool("shellcheck"), *scripts)
    assert done.returncode == 0, done.stdout
    assert called(tool("shellcheck"), "-", input="#!/bin/sh\nrm $1\n").returncode != 0


def gcloud_tree() -> dict[str, Any]:
    """Return gcloud's own list of its commands and their flags."""
    path = Path(os.path.realpath(tool("gcloud"))).parents[1] / "data/cli/gcloud_completions.py"
    if not path.exists():
        pytest.skip("this gcloud has no list of its commands")
    read: dict[str, Any] = {}
    exec(path.read_text(), read)  # gcloud itself reads it so
    return dict(read["STATIC_COMPLETION_CLI_TREE"])


def gcloud_faults(tree: dict[str, Any], words: list[str]) -> list[str]:
    """Return the words that are not among gcloud's commands or flags."""
    flags, words = dict(tree["flags"]), list(words)
    while words and words[0] in tree.get("commands", {}):
        tree = tree["commands"][words.pop(0)]
        flags |= tree.get("flags", {})
    if tree.get("commands"):
        return words[:1] or ["nothing"]
    given = [word.partition("=")[0] for word in words if word.startswith("--")]
    return [
        flag for flag in given if flag.replace("--no-", "--") not in flags and flag not in flags
    ]


def test_gcloud_knows_every_command_and_flag(tmp_path: Path) -> None:
    tree, found = gcloud_tree(), []
    for readme in READMES:
        (tmp_path / readme.parent.name).mkdir()
        _, log = run_page(readme, tmp_path / readme.parent.name)
        found += [line.split()[1:] for line in log.splitlines() if line.startswith("gcloud ")]
    assert len(found) > 30
    assert [(fault, words) for words in found for fault in gcloud_faults(tree, words)] == []
    assert gcloud_faults(tree, ["run", "services", "replace", "x", "--regoin=r"]) == ["--regoin"]
    assert gcloud_faults(tree, ["run", "service", "replace"]) == ["service"]
