from pathlib import Path

import pytest

from fer.cli import main, read
from fer.cli.serve import command
from fer.errors import UsageError


def words(*given: str) -> list[str]:
    return command(read(["serve", *given]), Path(__file__))


def test_only_this_computer_is_served_unless_asked_otherwise() -> None:
    assert words() == [
        *("streamlit", "run", __file__),
        *("--server.address=127.0.0.1", "--server.port=8501"),
    ]
    assert words("--address", "::", "--port", "80")[3:] == [
        "--server.address=::",
        "--server.port=80",
    ]


def test_further_options_go_to_streamlit() -> None:
    given = ["--server.fileWatcherType", "auto", "--server.headless=true"]
    assert words("--port", "9000", *given)[4:] == ["--server.port=9000", *given]


def test_other_commands_take_no_unknown_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as fault:
        main(["recipes", "--server.headless=true"])
    assert fault.value.code == 2
    assert "unrecognized arguments: --server.headless=true" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "65536", "http", "٣", "-1"])
def test_a_port_out_of_range_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as fault:
        main(["serve", f"--port={port}"])
    assert fault.value.code == 2
    assert "must be a number from 1 to 65535" in capsys.readouterr().err


def test_a_missing_app_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"app\.py is missing from this installation"):
        command(read(["serve"]), tmp_path / "app.py")
