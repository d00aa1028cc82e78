from pathlib import Path

import pytest

from fer.classify import MODEL_FOLDER
from fer.errors import UsageError
from fer.settings import Settings


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Settings()),
        ({"FER_MODEL": "", "FER_RUNTIME": ""}, Settings(MODEL_FOLDER, "onnx")),
        ({"FER_MODEL": "/somewhere/else"}, Settings(Path("/somewhere/else"))),
        ({"FER_MODEL": "~/net"}, Settings(Path.home() / "net")),
        ({"FER_RUNTIME": "keras"}, Settings(runtime="keras")),
        ({"MODEL": "x", "RUNTIME": "y"}, Settings()),
    ],
)
def test_the_environment_sets_what_it_names(environ: dict[str, str], expected: Settings) -> None:
    assert Settings.from_env(environ) == expected


def test_an_unknown_runtime_is_told_in_one_line() -> None:
    with pytest.raises(UsageError, match=r"^FER_RUNTIME is 'tflite': take onnx or keras$"):
        Settings.from_env({"FER_RUNTIME": "tflite"})


def test_the_real_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_MODEL", "/from/the/environment")
    assert Settings.from_env().model == Path("/from/the/environment")
