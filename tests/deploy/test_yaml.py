"""The recipes' YAML: its form, Kubernetes' own schemas, and names that must agree."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from fer.settings import Settings
from tests.deploy.recipes import (
    DEPLOY,
    OVERLAYS,
    blocks,
    called,
    documents,
    plain_settings,
    rendered,
    tool,
)

KUBERNETES = sorted(DEPLOY.glob("gke/base/*.yaml"))
# Google's own kinds, which Kubernetes has no schema for; tests/deploy/google.json has.
GOOGLES = ("BackendConfig", "FrontendConfig", "ManagedCertificate", "PodMonitoring")
GOOGLE_SCHEMA = json.loads(Path(__file__).with_name("google.json").read_text())
COMPOSE_SCHEMA = json.loads(Path(__file__).with_name("compose.json").read_text())


def lint(path: Path) -> str:
    """Return what yamllint reports."""
    return called(tool("yamllint"), "--strict", "-c", DEPLOY / ".yamllint", path).stdout


def check(*paths: Path) -> list[str]:
    """Return what Kubernetes would refuse; unknown kinds count too, of which it only warns."""
    done = called(tool("kubernetes-validate"), "--strict", *paths)
    lines = (done.stdout + done.stderr).splitlines()
    unknown = [line for line in lines if line.startswith("WARN")]
    allowed = [line for line in unknown if any(f"for kind {kind} " in line for kind in GOOGLES)]
    faults = [line for line in lines if not line.startswith(("INFO", "WARN"))]
    assert bool(faults) == (done.returncode != 0)
    return faults + [line for line in unknown if line not in allowed]


def google_faults(text: str) -> list[str]:
    """Return the errors in documents of Google's kinds."""
    return [
        error.message
        for one in documents(text)
        if one["kind"] in GOOGLES
        for error in jsonschema.Draft202012Validator(GOOGLE_SCHEMA[one["kind"]]).iter_errors(one)
    ]


def test_every_file_is_well_formed() -> None:
    assert lint(DEPLOY) == ""


@pytest.mark.parametrize(
    "mistake", ["a: 1\na: 2\n", "a:  1\n", "a:\n    - b\n   - c\n", f"a: {'x' * 100}\n", "a: 1"]
)
def test_yaml_mistakes_are_caught(mistake: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(mistake)
    assert lint(path) != ""


def test_kubernetes_accepts_the_base() -> None:
    paths = [path for path in KUBERNETES if path.name != "kustomization.yaml"]
    assert len(paths) >= 6
    assert check(*paths) == []
    assert [fault for path in paths for fault in google_faults(path.read_text())] == []


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_kubernetes_accepts_the_overlays(overlay: Path, tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(rendered(overlay))
    assert check(path) == []
    assert google_faults(path.read_text()) == []


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("deployment.yaml", "readinessProbe:", "readynessProbe:"),
        ("deployment.yaml", "containerPort: 8080", "containerPort: http"),
        ("deployment.yaml", "  selector:\n    matchLabels:\n      app", "  x:\n    y:\n      app"),
        ("deployment.yaml", "drop: [ALL]", "drop: ALL"),
        ("disruption.yaml", "policy/v1", "policy/v9"),
        ("network.yaml", "policyTypes: [Ingress, Egress]", "policyTypes: Ingress"),
        ("service.yaml", "kind: Service", "kind: Sevrice"),
    ],
)
def test_kubernetes_mistakes_are_caught(file: str, right: str, wrong: str, tmp_path: Path) -> None:
    text = (DEPLOY / "gke" / "base" / file).read_text()
    assert right in text
    (tmp_path / file).write_text(text.replace(right, wrong, 1))
    assert check(tmp_path / file) != []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("timeoutSec: 28800", "timeoutSeconds: 28800"),
        ("timeoutSec: 28800", "timeoutSec: 30"),
        ("affinityType: GENERATED_COOKIE", "affinityType: COOKIE"),
        ("requestPath: /healthz", "requestPath: /"),
    ],
)
def test_mistakes_in_googles_kinds_are_caught(right: str, wrong: str) -> None:
    text = (DEPLOY / "gke" / "base" / "ingress.yaml").read_text()
    assert right in text
    assert google_faults(text.replace(right, wrong, 1)) != []


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_the_app_accepts_the_pods_settings(overlay: Path) -> None:
    all_of_it = documents(rendered(overlay))
    (given,) = [one["data"] for one in all_of_it if one["kind"] == "ConfigMap"]
    secrets = plain_settings([{"name": "FER_SECRET"}, {"name": "FER_TURN_SECRET"}])
    settings = Settings.from_env(given | secrets)
    # Google writes the visitor's address and its balancer's into X-Forwarded-For.
    assert settings.proxies == 2
    assert settings.site.startswith("https://")
    assert settings.live == ("socket" if overlay.name == "one" else "auto")
    assert bool(settings.ice.relays) == (settings.live == "auto")  # no UDP comes in
    assert set(given) <= known_settings()


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_no_container_has_unneeded_rights(overlay: Path) -> None:
    pods = [one for one in documents(rendered(overlay)) if one["kind"] == "Deployment"]
    for pod in (one["spec"]["template"]["spec"] for one in pods):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            given = container["securityContext"]
            assert given["allowPrivilegeEscalation"] is False
            assert given["readOnlyRootFilesystem"] is True
            relay = {"add": ["NET_BIND_SERVICE"]} if container["name"] == "coturn" else {}
            assert given["capabilities"] == {"drop": ["ALL"]} | relay
            assert container["resources"]["limits"]["memory"]


def test_pods_are_scaled_by_a_metric_of_the_app() -> None:
    # The app's own metrics, by a lesson that runs.
    from prometheus_client import generate_latest

    from fer.server.metrics import Metrics

    metrics = Metrics()
    metrics.observe(lambda _: 0, lambda: True)
    shown = generate_latest(metrics.registry).decode()
    text = (DEPLOY / "gke" / "overlays" / "school" / "scaling.yaml").read_text()
    asked = [
        metric["pods"]["metric"]
        for one in documents(text)
        if one["kind"] == "HorizontalPodAutoscaler"
        for metric in one["spec"]["metrics"]
        if metric["type"] == "Pods"
    ]
    assert len(asked) == 2
    for metric in asked:
        _, name, kind = metric["name"].split("|")
        transport = metric["selector"]["matchLabels"]["metric.labels.transport"]
        assert f"# TYPE {name} {kind}\n" in shown
        assert f'{name}{{transport="{transport}"}} 0.0' in shown


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


def test_compose_accepts_the_schools_server() -> None:
    jsonschema.Draft202012Validator(COMPOSE_SCHEMA).validate(compose())


@pytest.mark.parametrize(
    "mistake",
    [
        {"services": {"app": {"imgae": "fer"}}},
        {"services": {"app": {"image": "fer", "ports": [80]}}},
        {"services": {"app": {"image": "fer", "read_only": "yes"}}},
        {"servces": {}},
    ],
)
def test_compose_mistakes_are_caught(mistake: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(COMPOSE_SCHEMA).validate(mistake)


def test_the_schools_server_gets_what_its_file_asks_for() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    asked = set(re.findall(r"(?<!\$)\$\{(\w+)", text))
    offered = set(re.findall(r"^(\w+)=", (DEPLOY / "school/env.example").read_text(), re.MULTILINE))
    optional = {"FER_MAX_SESSIONS"}
    assert asked - optional == offered
    given = {
        name: str(value) for name, value in compose()["services"]["app"]["environment"].items()
    }
    given |= {"FER_SECRET": "s" * 32, "FER_TURN_SECRET": "t" * 32, "FER_REGION": "IN"}
    given |= {"FER_SITE": "https://fer.example", "FER_MAX_SESSIONS": "6"}
    given |= {"FER_TURN_URL": "turns:turn.example:5349?transport=tcp"}
    assert Settings.from_env(given).ice.relay_only
    assert set(given) <= known_settings()


class Stack(yaml.SafeLoader):
    """Read CloudFormation's short forms: !Ref X becomes {"!Ref": X}."""


def _short_form(loader: Stack, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {f"!{tag}": loader.construct_scalar(node)}
    assert isinstance(node, yaml.SequenceNode)
    return {f"!{tag}": loader.construct_sequence(node, deep=True)}


Stack.add_multi_constructor("!", _short_form)


def stack_faults(text: str) -> list[str]:
    """Return the names in a CloudFormation stack that are not defined there."""
    stack = yaml.load(text, Stack)
    known = {*stack["Parameters"], *stack["Resources"], *stack["Conditions"]}
    found: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, list):
            for one in node:
                walk(one)
        elif isinstance(node, dict):
            for key, value in node.items():
                name = value[0] if isinstance(value, list) and value else value
                if key in ("!Ref", "!GetAtt", "!If", "DependsOn") and isinstance(name, str):
                    name = name.split(".")[0] if key == "!GetAtt" else name
                    if name not in known and not name.startswith("AWS::"):
                        found.append(name)
                walk(value)

    walk(stack)
    return found


def test_the_stack_for_aws_uses_only_defined_names() -> None:
    text = (DEPLOY / "aws" / "stack.yaml").read_text()
    assert stack_faults(text) == []
    assert stack_faults(text.replace("!Ref TaskGroup", "!Ref TaksGroup")) == ["TaksGroup"]
    assert stack_faults(text.replace("DependsOn: Listener", "DependsOn: Listner")) == ["Listner"]
    (task,) = yaml.load(text, Stack)["Resources"]["Task"]["Properties"]["ContainerDefinitions"]
    names = {one["Name"]: str(one["Value"]) for one in task["Environment"]}
    filled_in = {"FER_REGION": "", "FER_SITE": "https://fer.example"}
    assert Settings.from_env(names | filled_in).live == "socket"
    assert set(names) <= known_settings()


def test_cloudformation_accepts_the_stack_for_aws() -> None:
    done = called(tool("cfn-lint"), DEPLOY / "aws" / "stack.yaml")
    assert done.returncode == 0, done.stdout


def test_recipes_set_only_known_settings() -> None:
    used = {
        name
        for path in DEPLOY.rglob("*")
        if path.is_file() and path.suffix in (".md", ".yaml", ".sh", ".example")
        for name in re.findall(r"\bFER_[A-Z_]+\b", path.read_text())
    }
    assert len(used) > 5
    assert used <= known_settings()
    heroku = " ".join(blocks(DEPLOY / "heroku" / "README.md"))
    given = dict(re.findall(r"\b(FER_(?!SECRET|DATABASE)[A-Z_]+)=(\S+)", heroku))
    assert Settings.from_env(given).live == "socket"


def known_settings() -> set[str]:
    """Return the variables that the docstring of fer/settings.py lists."""
    from fer import settings

    return set(re.findall(r"^ {4}(FER_[A-Z_]+) ", settings.__doc__ or "", re.MULTILINE))
