from pathlib import Path

import pytest

from fer.errors import UsageError
from fer.net import Ice
from fer.settings import Settings
from fer.vision.classifier import MODEL_FOLDER

SECRET = "a secret of the school's own"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Settings()),
        ({"FER_MODEL": "", "FER_RUNTIME": ""}, Settings(MODEL_FOLDER, "onnx")),
        ({"FER_MODEL": "/somewhere/else"}, Settings(Path("/somewhere/else"))),
        ({"FER_MODEL": "~/net"}, Settings(Path.home() / "net")),
        ({"FER_RUNTIME": "keras"}, Settings(runtime="keras")),
        ({"FER_LIVE": "socket"}, Settings(live="socket")),
        ({"FER_MAX_SESSIONS": "3"}, Settings(max_sessions=3)),
        ({"FER_MAX_UPLOAD": "200"}, Settings(max_upload=200)),
        ({"FER_SECRET": SECRET}, Settings(secret=SECRET)),
        (
            {"FER_ORIGINS": "https://A.org/, http://b.org:8080"},
            Settings(origins=("https://a.org", "http://b.org:8080")),
        ),
        ({"FER_TRUST_PROXY": "yes"}, Settings(proxies=1)),
        ({"FER_PROXIES": "2", "FER_TRUST_PROXY": "yes"}, Settings(proxies=2)),
        ({"FER_SITE": "https://A.org/"}, Settings(site="https://a.org")),
        (
            {"FER_HOSTS": "A.org, *.b.org,[2001:db8::1],10.0.0.7"},
            Settings(hosts=("a.org", "*.b.org", "2001:db8::1", "10.0.0.7")),
        ),
        ({"FER_DATABASE_URL": "sqlite://"}, Settings(database_url="sqlite://")),
        ({"FER_REGION": "eu"}, Settings(region="EU")),
        (
            {"FER_REGION": "EU", "FER_MEDICAL_OR_SAFETY": "1"},
            Settings(region="EU", medical_or_safety=True),
        ),
        (
            {"FER_TURN_URL": "turns:a.org, turn:a.org", "FER_TURN_SECRET": SECRET},
            Settings(ice=Ice(turn_urls=("turns:a.org", "turn:a.org"), turn_secret=SECRET)),
        ),
        (
            {"FER_ICE_SERVERS": '[{"urls": "turn:a.org"}]', "FER_RELAY_ONLY": "1"},
            Settings(ice=Ice(servers=({"urls": "turn:a.org"},), relay_only=True)),
        ),
        ({"MODEL": "x", "RUNTIME": "y"}, Settings()),
    ],
)
def test_each_variable_sets_its_field(environ: dict[str, str], expected: Settings) -> None:
    assert Settings.from_env(environ) == expected


def test_an_unknown_runtime_is_one_line() -> None:
    with pytest.raises(UsageError, match=r"^FER_RUNTIME is 'tflite': use onnx or keras$"):
        Settings.from_env({"FER_RUNTIME": "tflite"})


def test_the_real_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_MODEL", "/from/the/environment")
    assert Settings.from_env().model == Path("/from/the/environment")


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        ({"FER_LIVE": "carrier pigeon"}, "use auto, webrtc or socket"),
        ({"FER_MAX_SESSIONS": "0"}, "FER_MAX_SESSIONS is '0': use a number from 1 to 9999"),
        ({"FER_MAX_SESSIONS": "many"}, "use a number from 1 to 9999"),
        ({"FER_SECRET": "short"}, "FER_SECRET is too short: use at least 16 characters"),
        ({"FER_ORIGINS": "school.example"}, "write it like https://school.example"),
        ({"FER_REGION": "Europe"}, "use two letters, such as EU or IN"),
        ({"FER_MEDICAL_OR_SAFETY": "perhaps"}, "FER_MEDICAL_OR_SAFETY is 'perhaps'"),
        ({"FER_SITE": "school.example"}, "write it like https://school.example"),
        ({"FER_SITE": "https://a.org,https://b.org"}, "FER_SITE names several sites"),
        ({"FER_HOSTS": "https://a.org"}, "is not a host name"),
        ({"FER_HOSTS": "a.org:8501"}, "is not a host name"),
        ({"FER_HOSTS": "*"}, "is not a host name"),
        ({"FER_PROXIES": "many"}, "FER_PROXIES is 'many': use a number from 0 to 8"),
        ({"FER_TRUST_PROXY": "maybe"}, "FER_TRUST_PROXY is 'maybe'"),
        ({"FER_ICE_SERVERS": "stun:a.org"}, "FER_ICE_SERVERS, FER_TURN_URL: .* not JSON"),
        ({"FER_TURN_URL": "turn:a.org"}, "needs its server's secret"),
        ({"FER_TURN_URL": "http://a.org", "FER_TURN_SECRET": SECRET}, "is not a TURN address"),
        ({"FER_RELAY_ONLY": "1"}, "name a TURN server"),
    ],
)
def test_a_wrong_value_is_one_line(environ: dict[str, str], fault: str) -> None:
    with pytest.raises(UsageError, match=fault) as caught:
        Settings.from_env(environ)
    assert "\n" not in str(caught.value)
    assert "short" not in str(caught.value).replace("too short", "")


def test_secrets_are_not_shown() -> None:
    settings = Settings.from_env(
        {"FER_SECRET": SECRET, "FER_TURN_URL": "turn:a.org", "FER_TURN_SECRET": SECRET}
    )
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("region", "exempt", "forbidden"),
    [
        ("", False, False),
        ("IN", False, False),
        ("EU", False, True),
        ("EU", True, False),
        ("FR", False, True),
    ],
)
def test_the_law_of_the_region_forbids_or_allows(
    region: str, exempt: bool, forbidden: bool
) -> None:
    assert Settings(region=region, medical_or_safety=exempt).forbidden is forbidden
