"""The check that changes one thing at a time finds what no test looks at."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation import __file__ as tool
from tests.mutation import mirror, mutants


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("a < b", ["a < b -> a <= b"]),
        ("a < b >= c", ["a < b >= c -> a <= b >= c", "a < b >= c -> a < b > c"]),
        ("a and not b", ["a and (not b) -> a or not b", "not b -> b"]),
        ("a + -b", ["a + -b -> a - -b", "-b -> +b"]),
        ("x = True", ["x = True -> x = False"]),
        ("x: int = 4", ["x: int = 4 -> x: int = 5", "x: int = 4 -> x: int = 3"]),
        ("x = 0.5", ["x = 0.5 -> x = 0.55", "x = 0.5 -> x = 0.45"]),
        ("min(a, b)", ["min(a, b) -> max(a, b)"]),
        ("@wraps(True)\ndef f(x: 'Literal[3]') -> 'Literal[4]':\n    '''text'''", []),
    ],
)
def test_one_thing_is_changed_at_a_time(source: str, changes: list[str]) -> None:
    found = [*mutants(source)]
    assert sorted(one.change for one in found) == sorted(changes)
    assert len({source, *(one.source for one in found)}) == 1 + len(found)


def test_the_tests_of_a_file_stand_where_it_stands() -> None:
    assert mirror("fer/vision/boxes.py") == "tests/vision/test_boxes.py"
    assert mirror("fer/emotions.py") == "tests/test_emotions.py"


@pytest.mark.slow
def test_what_no_test_looks_at_is_printed_with_the_share_that_was_noticed(tmp_path: Path) -> None:
    """A limit is tested on both sides; a pause is not, and one change of it is known."""
    for folder in ("fer", "tests"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "tests" / "mutation.py").write_text(Path(tool).read_text())
    (tmp_path / "tests" / "mutation.toml").write_text(
        '["fer/gate.py"]\n"PAUSE = 3 -> PAUSE = 4" = "tried"\n'
    )
    (tmp_path / "fer" / "gate.py").write_text(
        "PAUSE = 3\n\ndef opens(age):\n    while False:\n        pass\n    return age >= 6\n"
    )
    (tmp_path / "tests" / "test_gate.py").write_text(
        "from fer.gate import opens\n\ndef test_gate():\n    assert opens(6) and not opens(5)\n"
    )
    command = [sys.executable, "-m", "tests.mutation", "fer/gate.py", "--seconds", "2"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert run.stdout.splitlines() == [
        "fer/gate.py:1: PAUSE = 3 -> PAUSE = 2",
        "fer/gate.py: 4 of 5 changes were noticed, 80%",  # one of them by never ending
    ]
    assert run.returncode == 1
    assert (tmp_path / "fer" / "gate.py").read_text().startswith("PAUSE = 3")
