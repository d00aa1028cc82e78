"""Cloud Run: the service against a strict schema, and deploy.sh with a fake gcloud."""

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from fer.settings import Settings
from tests.deploy.recipes import DEPLOY, ROOT, called, cloud_run_service, plain_settings

SCHEMA = json.loads(Path(__file__).with_name("cloudrun.json").read_text())
SCRIPT = DEPLOY / "cloudrun" / "deploy.sh"
# Knows what was created, writes down each call, and keeps the service's file as it was given.
FAKE_GCLOUD = """#!/usr/bin/env bash
echo "$*" >>"$CALLS"
kind=$1-$2
[[ $1 != secrets ]] || kind=secret
case "$*" in
*" create "*) touch "$MADE/$kind" ;;
"$BREAKS"*) echo "gcloud: it broke" >&2; exit 1 ;;
"run services replace"*) cp "$4" "$MADE/service.yaml" ;;
"run services describe"*) echo https://fer-1.example ;;
*" describe "*) [[ -e "$MADE/$kind" ]] ;;
esac
"""
ORDER = [
    "services enable",
    "artifacts repositories",
    "builds submit",
    "iam service-accounts",
    "secrets create",
    "secrets add-iam-policy-binding",
    "run services replace",
    "run services describe",
]


def faults(text: str) -> list[str]:
    """Return what Cloud Run would refuse, or what this app cannot run with."""
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return [error.message for error in validator.iter_errors(yaml.safe_load(text))]


def container() -> dict[str, Any]:
    template = yaml.safe_load(cloud_run_service())["spec"]["template"]
    return dict(template["spec"]["containers"][0])


def test_cloud_run_accepts_the_service() -> None:
    text = cloud_run_service()
    assert "${" not in text
    assert faults(text) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("serving.knative.dev/v1", "serving.knative.dev/v2"),
        ("containerConcurrency", "concurrency"),
        ("timeoutSeconds: 3600", "timeoutSeconds: 36000"),
        ('cpu-throttling: "false"', 'cpu-throttling: "true"'),
        ('cpu-throttling: "false"', "cpu-throttling: false"),
        ("sessionAffinity", "session-affinity"),
        ('maxScale: "3"', 'maxScale: "0"'),
        ("path: /healthz", "path: /"),
        ("startupProbe:", "startupprobe:"),
        ("containerPort: 8080", "containerPort: 8501"),
        ("memory: 1Gi", "memory: 1GB"),
        ('cpu: "2"', "cpu: 2"),
        ("key: latest", "key: newest"),
        ("name: FER_PROXIES", "name: PROXIES"),
        (
            "valueFrom:\n                secretKeyRef:\n                  name: fer-secret\n"
            "                  key: latest",
            "value: in-the-open-for-everybody",
        ),
        ("image: image", "image: ${IMAGE}"),
    ],
)
def test_mistakes_in_it_are_caught(right: str, wrong: str) -> None:
    text = cloud_run_service()
    assert right in text
    assert faults(text.replace(right, wrong, 1)) != []


def test_the_app_accepts_its_settings() -> None:
    settings = Settings.from_env(plain_settings(container()["env"]))
    assert settings.live == "socket"  # no UDP comes in
    assert (settings.proxies, settings.hosts) == (1, ("*.run.app",))
    assert settings.secret is not None  # the same in every instance
    # A lesson has two connections, and there must be some for other pages, but not so many that
    # lessons are refused before another instance starts.
    template = yaml.safe_load(cloud_run_service())["spec"]["template"]["spec"]
    assert 2 * settings.max_sessions < template["containerConcurrency"] < 4 * settings.max_sessions


def test_the_image_is_built_by_steps_that_name_it() -> None:
    build = yaml.safe_load((DEPLOY / "cloudrun" / "cloudbuild.yaml").read_text())
    first, *_ = build["steps"]
    assert first["args"][0] == "build" and first["args"][-1] == "."
    assert "--tag=${_IMAGE}" in first["args"] and build["images"] == ["${_IMAGE}"]
    used = {word for step in build["steps"] for word in step["args"] if "${" in word}
    names = {word[word.index("${") + 2 : word.index("}")] for word in used}
    assert names == set(build["substitutions"])


class Rehearsal:
    """deploy.sh with a gcloud that only records its calls."""

    def __init__(self, folder: Path) -> None:
        self.calls, self.made, tools = folder / "calls", folder / "made", folder / "tools"
        self.made.mkdir()
        tools.mkdir()
        (tools / "gcloud").write_text(FAKE_GCLOUD)
        (tools / "gcloud").chmod(0o755)
        self.environ = os.environ | {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "CALLS": str(self.calls),
            "MADE": str(self.made),
            "BREAKS": "nothing",
            "PROJECT": "school-1",
            "REGION": "asia-south1",
        }

    def __call__(self, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        self.calls.write_text("")
        return called("bash", SCRIPT, *words, env=self.environ | environ, cwd="/")

    def recorded(self) -> list[str]:
        return self.calls.read_text().splitlines()

    def done(self, what: str) -> bool:
        return any(line.startswith(what) for line in self.recorded())


@pytest.fixture
def rehearsal(tmp_path: Path) -> Rehearsal:
    return Rehearsal(tmp_path)


def in_order(lines: list[str], wanted: list[str]) -> bool:
    rest = iter(lines)
    return all(any(line.startswith(one) for line in rest) for one in wanted)


def test_everything_is_done_in_order(rehearsal: Rehearsal) -> None:
    done = rehearsal(VERSION="7")
    assert done.returncode == 0, done.stderr
    assert in_order(rehearsal.recorded(), ORDER)
    assert not in_order(rehearsal.recorded(), ORDER[::-1])
    assert done.stdout.splitlines()[-1] == "https://fer-1.example"
    assert all("--project=school-1" in line for line in rehearsal.recorded())
    service = (rehearsal.made / "service.yaml").read_text()
    assert faults(service) == []
    assert "asia-south1-docker.pkg.dev/school-1/fer/fer:7" in service


def test_a_second_run_makes_nothing_again(rehearsal: Rehearsal) -> None:
    rehearsal()
    assert sum(" create " in line for line in rehearsal.recorded()) == 3
    assert rehearsal().returncode == 0
    assert sum(" create " in line for line in rehearsal.recorded()) == 0
    assert rehearsal.done("run services replace")


def test_it_ends_at_the_first_failure(rehearsal: Rehearsal) -> None:
    done = rehearsal(BREAKS="builds submit")
    assert done.returncode != 0
    assert "it broke" in done.stderr
    assert not rehearsal.done("run services replace")


def test_nobody_has_access_by_default(rehearsal: Rehearsal) -> None:
    rehearsal()
    assert not rehearsal.done("run services add-iam-policy-binding")
    rehearsal(ACCESS="allUsers")
    (line,) = [one for one in rehearsal.recorded() if one.startswith("run services add-iam")]
    assert "--member=allUsers" in line


def test_a_dry_run_prints_the_same_commands_and_runs_none(rehearsal: Rehearsal) -> None:
    done = rehearsal("--dry-run", ACCESS="allUsers", VERSION="7")
    assert done.returncode == 0
    assert rehearsal.recorded() == []
    printed = [shlex.split(line) for line in done.stdout.splitlines()]
    assert {words[0] for words in printed} == {"gcloud"}
    rehearsal(ACCESS="allUsers", VERSION="7")
    made = [line.split() for line in rehearsal.recorded() if " describe " not in line]
    assert [words[1:3] for words in printed if "describe" not in words] == [w[:2] for w in made]


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({"PROJECT": ""}, "set PROJECT"),
        ({"REGION": ""}, "set REGION"),
        ({"ACCESS": "everybody"}, "ACCESS is 'everybody'"),
        ({"LAW": "France"}, "LAW is 'France'"),
        ({"SITE": "fer.example"}, "SITE is 'fer.example'"),
        ({"MAX_INSTANCES": "0"}, "MAX_INSTANCES must be"),
    ],
)
def test_a_wrong_value_is_one_line(
    rehearsal: Rehearsal, environ: dict[str, str], line: str
) -> None:
    done = rehearsal(**environ)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert line in done.stderr
    assert rehearsal.recorded() == []


def test_the_secret_is_new_each_time_and_never_shown(rehearsal: Rehearsal) -> None:
    done = called("bash", "-x", SCRIPT, env=rehearsal.environ | {"CALLS": os.devnull}, cwd=ROOT)
    assert done.returncode == 0
    (path,) = {w for w in done.stderr.split() if w.startswith("--data-file=") and "/" in w}
    assert not Path(path.partition("=")[2]).exists()  # gone with the folder
