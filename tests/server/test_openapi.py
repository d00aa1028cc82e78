"""The description: valid by the standard's own schema, and true of what the routes answer.

openapi-3.1.schema.json is the OpenAPI Initiative's schema of such descriptions (Apache-2.0).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fer import __version__
from fer.errors import ModelError
from fer.server import Limits, routes
from fer.server.openapi import DESCRIPTION
from fer.server.state import State
from fer.settings import Settings
from fer.vision.media.pictures import BROUGHT
from tests.server.fakes import FakeAnalyzer
from tests.server.server import Site, jpeg, site

STANDARD = Path(__file__).with_name("openapi-3.1.schema.json")


@pytest.fixture(scope="module")
def served() -> Iterator[Site]:
    with site(limits=Limits(photo_bytes=10_000, photo_seconds=0.3)) as running:
        yield running


def content(path: str, status: int, kind: str = "application/json") -> dict[str, Any]:
    """Return the description of an answer."""
    (operation,) = DESCRIPTION["paths"][path].values()
    return operation["responses"][str(status)]["content"][kind]


def check(answer: Any, schema: dict[str, Any]) -> None:
    """Fail if an answer does not fit its schema, or has a property that the schema lacks."""
    whole = closed(schema | {"components": DESCRIPTION["components"]})
    Draft202012Validator.check_schema(whole)
    Draft202012Validator(whole).validate(answer)


def closed(schema: Any) -> Any:
    """Return the schema with no further properties allowed in objects."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(one) for name, one in schema.items()}
    return made | ({"additionalProperties": False} if "properties" in schema else {})


def test_the_description_is_valid() -> None:
    Draft202012Validator(json.loads(STANDARD.read_text())).validate(DESCRIPTION)


def test_the_schema_of_the_standard_finds_errors() -> None:
    spoilt = json.loads(json.dumps(DESCRIPTION))
    del spoilt["paths"]["/api/photo"]["post"]["responses"]["200"]["description"]
    assert not Draft202012Validator(json.loads(STANDARD.read_text())).is_valid(spoilt)


def test_every_referenced_schema_exists() -> None:
    named = json.dumps(DESCRIPTION).split('"#/components/schemas/')[1:]
    assert {name.split('"')[0] for name in named} == DESCRIPTION["components"]["schemas"].keys()


def test_every_route_is_described() -> None:
    state = State.of(Settings(secret="x" * 20), FakeAnalyzer())
    paths = {getattr(route, "path", "") for route in routes(state)}
    assert paths - {"/ws/live", "/api/{rest:path}"} == DESCRIPTION["paths"].keys()


def test_the_description_is_served(served: Site) -> None:
    answer = served.get("/api/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == DESCRIPTION
    assert answer.json()["info"]["version"] == __version__


def test_the_example_fits_its_schema() -> None:
    described = content("/api/photo", 200)
    check(described["example"], described["schema"])
    face = described["example"]["faces"][0]
    assert sum(face["emotions"].values()) == pytest.approx(1)
    assert face["landmarks"]


def test_a_real_answer_fits_its_schema_and_the_example(served: Site) -> None:
    answer = served.post("/api/photo", data=jpeg(), headers={"Content-Type": "image/jpeg"}).json()
    described = content("/api/photo", 200)
    check(answer, described["schema"])
    face, example = answer["faces"][0], described["example"]["faces"][0]
    assert face.keys() | {"landmarks", "head"} == example.keys()
    assert face["emotions"].keys() == example["emotions"].keys()


@pytest.mark.parametrize(
    ("status", "data", "headers"),
    [
        (400, b"garbage", {}),
        (403, b"", {"Origin": "https://elsewhere.example"}),
        (413, bytes(10_001), {}),
        (415, b"", {"Content-Type": "text/plain"}),
    ],
)
def test_errors_fit_their_schema(
    served: Site, status: int, data: bytes, headers: dict[str, str]
) -> None:
    answer = served.post("/api/photo", data=data, headers={"Content-Type": "image/png"} | headers)
    assert answer.status_code == status
    check(answer.json(), content("/api/photo", status)["schema"])


def test_an_error_of_the_network_fits_its_schema(served: Site) -> None:
    served.analyzer.fault = ModelError("no network")
    try:
        answer = served.post("/api/photo", data=jpeg(), headers={"Content-Type": "image/png"})
    finally:
        served.analyzer.fault = None
    check(answer.json(), content("/api/photo", answer.status_code)["schema"])


def test_the_description_names_the_true_limits() -> None:
    described = DESCRIPTION["paths"]["/api/photo"]["post"]["requestBody"]["description"]
    assert described == (
        "JPEG, PNG, WebP, AVIF, or the first picture of a GIF or TIFF; at most "
        f"{Limits().photo_bytes / 1e6:g} MB and {BROUGHT.pixels / 1e6:g} megapixels "
        f"({BROUGHT.costly_pixels / 1e6:g} of WebP, AVIF, GIF, TIFF and progressive JPEG), "
        f"no side longer than {BROUGHT.side} pixels"
    )


def test_health_fits_its_schema() -> None:
    analyzer = FakeAnalyzer()
    analyzer.fault = ModelError("no network")
    with site(analyzer=analyzer, warm=False) as served:
        check(served.get("/healthz").json(), content("/healthz", 503)["schema"])
        analyzer.fault = None
        served.state.warm_up()
        check(served.get("/healthz").json(), content("/healthz", 200)["schema"])
