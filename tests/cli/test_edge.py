import json
import sys
from pathlib import Path

import pytest

from fer.cli import main, parser
from fer.cli.edge import command
from fer.edge.run import Options
from fer.settings import Settings


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--fps", "0"], "--fps must be more than 0"),
        (["--viewers", "-1"], "--viewers must be more than 0"),
        (["--side", "0"], "--side must be more than 0"),
        (["--mjpeg-port", "70000"], "--mjpeg-port must be a number up to 65535"),
    ],
)
def test_an_impossible_value_is_one_line(
    words: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["edge", "--camera", "0", *words]) == 2
    assert capsys.readouterr().err == f"fer: {line}\n"


def test_nothing_starts_if_the_law_forbids_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FER_REGION", "FR")
    assert main(["edge", "--camera", "0"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "the law forbids" in line


def test_a_camera_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as fault:
        main(["edge"])
    assert fault.value.code == 2
    assert "--camera" in capsys.readouterr().err


def given(*words: str, settings: Settings | None = None) -> Options:
    """Return the options that the device's process gets."""
    parsed = parser(settings or Settings()).parse_args(["edge", "--camera", "0", *words])
    first, *rest, text = command(parsed)
    assert (first, rest) == (sys.executable, ["-m", "fer.edge"])
    return Options(**json.loads(text))


def test_every_option_reaches_the_device() -> None:
    words = ["--mjpeg-port", "8090", "--host", "0.0.0.0", "--viewers", "2", "--window", "--blur"]
    words += ["--fps", "5", "--side", "640", "--detector", "haar", "--model", "m", "--json"]
    settings = Settings(detector_files=Path("files"), hosts=("camera.example",))
    assert given(*words, settings=settings) == Options(
        camera="0",
        mjpeg_port=8090,
        host="0.0.0.0",
        names=["camera.example"],
        viewers=2,
        window=True,
        blur=True,
        fps=5.0,
        side=640,
        detector="haar",
        files="files",
        model="m",
        json=True,
    )


def test_defaults_are_the_devices_own() -> None:
    assert given() == Options(camera="0")
