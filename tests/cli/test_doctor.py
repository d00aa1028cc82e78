from pathlib import Path

import pytest

from fer.cli import main
from fer.cli.doctor import LEAST_MEMORY, attempt, check_package, limits, processor, write_fault
from fer.errors import UsageError


def test_a_sound_installation_has_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = {line[7:].partition(":")[0] for line in lines}
    assert {"package", "model", "cascades", "data folder", "cache", "video"} <= names
    assert {"onnxruntime", "processor", "limits"} <= names
    assert {line[:5].strip() for line in lines} <= {"ok", "note"}


def test_a_fault_is_one_line_and_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("FER_MODEL", str(tmp_path / "none"))
    assert main(["doctor"]) == 2
    faults = [line for line in capsys.readouterr().out.splitlines() if line.startswith("fault")]
    assert len(faults) == 2
    assert faults[0].startswith("fault  model: ")
    assert f"{tmp_path}/file/fer-classroom cannot be written to" in faults[1]
    assert "FER_DATABASE_URL" in faults[1]


@pytest.mark.parametrize(
    "names", [{}, {"fer": ["fer-classroom"]}, {"fer": ["fer-classroom"] * 2, "numpy": ["numpy"]}]
)
def test_no_other_package_is_no_fault(names: dict[str, list[str]]) -> None:
    assert "no other package" in check_package(lambda: names)


@pytest.mark.parametrize("names", [["fer-classroom", "fer"], ["fer"]])
def test_another_fer_is_named_with_the_remedy(names: list[str]) -> None:
    with pytest.raises(
        UsageError, match=r"installed here \(fer\).*pip uninstall fer, then"
    ) as found:
        check_package(lambda: {"fer": names})
    assert "\n" not in str(found.value)


def test_an_error_of_several_lines_becomes_one() -> None:
    def broken() -> str:
        raise ImportError("libGL.so.1:\n cannot open")

    assert attempt("video", broken).detail == "libGL.so.1: cannot open"
    assert attempt("video", broken).result == "fault"


def test_a_folder_that_does_not_exist_yet_can_be_written_to(tmp_path: Path) -> None:
    assert write_fault(tmp_path / "a" / "b") is None
    (tmp_path / "file").touch()
    assert write_fault(tmp_path / "file" / "a") is not None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "processor : 0\nflags\t\t: fpu avx2 avx512_vnni\n",
            "avx2 yes, avx512_vnni yes, amx_int8 no",
        ),
        ("Features : asimd\n", "avx2 no, avx512_vnni no, amx_int8 no"),
    ],
)
def test_the_processors_features_are_listed(text: str, shown: str, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert processor(tmp_path / "cpuinfo").detail.endswith(shown)
    assert processor(tmp_path / "none").result == "note"


def test_little_memory_is_noted() -> None:
    assert limits(None, 2).detail == "no memory limit, 2 processors"
    assert limits(LEAST_MEMORY, 0.5).result == "ok"
    assert limits(LEAST_MEMORY - 1, 0.5).result == "note"
