"""The recipes for managed training, checked against the platforms and the job's options."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from botocore import xform_name

from fer.training.cloud.job import parser, requested
from fer.training.cloud.platforms import platform_of
from fer.training.recipes import recipe_named
from tests.deploy.recipes import DEPLOY, ROOT, blocks, called, tool

DOCKERFILE = DEPLOY / "train.Dockerfile"
SAGEMAKER, VERTEX = DEPLOY / "sagemaker", DEPLOY / "vertex"


def the_call() -> dict[str, str]:
    """Return the options of `aws sagemaker create-training-job` on the page."""
    (line,) = [
        line
        for block in blocks(SAGEMAKER / "README.md")
        for line in block.splitlines()
        if "create-training-job" in line
    ]
    words = shlex.split(line)[3:]
    found: dict[str, str] = {}
    for word in words:
        if word.startswith("--"):
            name = word
            found[name] = ""
        else:
            found[name] = word
    return found


def faults(call: dict[str, str]) -> list[str]:
    """Return the options that SageMaker's description of the call doesn't know, or misses."""
    service = botocore.session.get_session().get_service_model("sagemaker")
    shape: Any = service.operation_model("CreateTrainingJob").input_shape
    known = {f"--{xform_name(name, '-')}": member for name, member in shape.members.items()}
    bad = [name for name in call if name not in known]
    needed = {f"--{xform_name(name, '-')}" for name in shape.required_members}
    bad += sorted(needed - call.keys())
    for name in call.keys() & known.keys():
        if known[name].type_name != "map":
            bad += sorted({*re.findall(r"(\w+)=", call[name])} - names_in(known[name]))
    return bad


def names_in(shape: Any) -> set[str]:
    """Return the names of all members of a structure, at any depth."""
    if shape.type_name == "list":
        return names_in(shape.member)
    if shape.type_name != "structure":
        return set()
    return {*shape.members}.union(*(names_in(one) for one in shape.members.values()))


def test_sagemaker_knows_every_option() -> None:
    call = the_call()
    assert faults(call) == []
    assert faults(call | {"--checkpont-config": "S3Uri=x"}) == ["--checkpont-config"]
    assert faults(call | {"--resource-config": "InstanceSort=x"}) == ["InstanceSort"]
    assert faults({k: v for k, v in call.items() if k != "--role-arn"}) == ["--role-arn"]


def test_the_job_takes_sagemakers_hyperparameters(tmp_path: Path) -> None:
    given = dict(pair.split("=") for pair in the_call()["--hyper-parameters"].split(","))
    (tmp_path / "input" / "config").mkdir(parents=True)
    (tmp_path / "input" / "data" / "training").mkdir(parents=True)
    (tmp_path / "input" / "config" / "hyperparameters.json").write_text(json.dumps(given))
    platform = platform_of({"ML_ROOT": str(tmp_path)}, ["train"])
    options = parser(platform).parse_args(platform.words)
    assert requested(options, recipe_named).name == given["recipe"]
    assert options.minutes == float(given["minutes"])
    assert (
        f"ChannelName={platform.data.name if platform.data else ''},"
        in the_call()["--input-data-config"]
    )


def test_the_job_takes_vertex_ais_arguments(tmp_path: Path) -> None:
    job = yaml.safe_load((VERTEX / "job.yaml").read_text())
    (pool,) = job["workerPoolSpecs"]
    (tmp_path / "BUCKET").mkdir()
    base = job["baseOutputDirectory"]["outputUriPrefix"]
    environ = {"GCS_ROOT": str(tmp_path), "AIP_MODEL_DIR": f"{base}/model/"}
    platform = platform_of(environ, pool["containerSpec"]["args"])
    options = parser(platform).parse_args(platform.words)
    assert requested(options, recipe_named).name == "ours"
    assert platform.local_path(options.data) == str(tmp_path / "BUCKET" / "data")
    assert platform.checkpoints == tmp_path / "BUCKET" / "fer-1" / "checkpoints"


@pytest.mark.parametrize("readme", [SAGEMAKER / "README.md", VERTEX / "README.md"])
def test_the_time_limit_exceeds_the_training(readme: Path) -> None:
    """The platform's time limit is well above the minutes of training."""
    text = readme.read_text() + (VERTEX / "job.yaml").read_text()
    minutes = {int(one) for one in re.findall(r"minutes=(\d+)", text)}
    limits = re.findall(r"MaxRuntimeInSeconds=(\d+)|timeout: (\d+)s", text)
    assert minutes and limits
    assert all(int(a or b) > 1.5 * 60 * max(minutes) for a, b in limits)


def test_the_rights_are_for_one_bucket() -> None:
    rights = json.loads((SAGEMAKER / "rights.json").read_text())
    trust = json.loads((SAGEMAKER / "trust.json").read_text())
    assert trust["Statement"][0]["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    for one in rights["Statement"]:
        actions = one["Action"] if isinstance(one["Action"], list) else [one["Action"]]
        assert not any("*" in action for action in actions)
        if any(action.startswith("s3:") for action in actions):
            assert one["Resource"].startswith("arn:aws:s3:::BUCKET")


def test_the_training_image_is_clean_and_starts_the_job() -> None:
    text = DOCKERFILE.read_text()
    done = called(tool("hadolint"), "--no-color", "-", input=text)
    assert done.stdout == ""
    entry = json.loads(re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[0])
    assert entry == ["python", "-m", "fer.training.cloud.job"]
    # It is built on a stage of the other file, which holds what training needs.
    assert "AS full" in (ROOT / "Dockerfile").read_text()


def test_google_builds_both_images_in_their_order() -> None:
    steps = yaml.safe_load((VERTEX / "cloudbuild.yaml").read_text())["steps"]
    first, second = (step["args"] for step in steps)
    assert "--target=full" in first
    (named,) = re.findall(r"^ARG FULL_IMAGE=(\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert f"--tag={named}" in first
    assert f"--file={DOCKERFILE.relative_to(ROOT)}" in second
