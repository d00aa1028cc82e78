"""Measure how much the tests notice: change one thing in a file at a time, and run its tests.

`python -m tests.mutation fer/vision/boxes.py` takes each comparison, bound, number, boolean
operator and sign of the file in turn, in a copy of the project, and runs tests/vision/test_boxes.py
there. It prints the changes that no test noticed, and the share that was noticed. Changes that
alter nothing anybody could see stand in tests/mutation.toml, each with its reason.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
KNOWN: Final = "tests/mutation.toml"
# Loaded once, so that each run need not load them again; nothing of the project.
HEAVY: Final = ("aiortc", "cv2", "hypothesis", "numpy", "onnx", "onnxruntime", "sqlalchemy")

PAIRS: Final[tuple[tuple[type[ast.AST], type[ast.AST]], ...]] = (
    *((ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq)),
    *((ast.Is, ast.IsNot), (ast.In, ast.NotIn), (ast.And, ast.Or)),
    *((ast.Add, ast.Sub), (ast.Mult, ast.Div), (ast.BitAnd, ast.BitOr), (ast.USub, ast.UAdd)),
)
OPERATORS: Final = {one: other for a, b in PAIRS for one, other in ((a, b), (b, a))}
NAMES: Final = {
    one: other
    for a, b in (("min", "max"), ("minimum", "maximum"), ("any", "all"))
    for one, other in ((a, b), (b, a))
}


@dataclass(frozen=True)
class Mutant:
    """A file with one thing changed."""

    line: int
    change: str  # the smallest whole expression before and after
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Yield the file with each of its changes, alone."""
    tree = ast.parse(source)
    for parent, name, at, node in _nodes(tree):
        whole = isinstance(node, ast.UnaryOp)
        for other in _others(node):
            before = _line(node if whole else parent)
            _put(parent, name, at, other)
            after, changed = _line(other if whole else parent), ast.unparse(tree)
            _put(parent, name, at, node)
            line = getattr(node, "lineno", getattr(parent, "lineno", 0))
            yield Mutant(line, f"{before} -> {after}", changed)


def _line(node: ast.AST) -> str:
    return ast.unparse(node).splitlines()[0]


def _nodes(parent: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Yield what stands in each field, at any depth; not annotations and decorators."""
    for name, value in ast.iter_fields(parent):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        places = [*enumerate(value)] if isinstance(value, list) else [(None, value)]
        for at, node in places:
            if isinstance(node, ast.AST):
                yield parent, name, at, node
                yield from _nodes(node)


def _put(parent: ast.AST, name: str, at: int | None, node: ast.AST) -> None:
    if at is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[at] = node


def _others(node: ast.AST) -> list[ast.AST]:
    """Return what could stand in the place of a node."""
    match node:
        case ast.UnaryOp(op=ast.Not() | ast.Invert()):
            return [node.operand]
        case ast.Constant(value=bool() | int() | float()):
            return [ast.Constant(value) for value in _other_values(node.value)]
        case ast.Name(id=name) if name in NAMES:
            return [ast.Name(NAMES[name], node.ctx)]
        case ast.Attribute(attr=name) if name in NAMES:
            return [ast.Attribute(node.value, NAMES[name], node.ctx)]
    return [OPERATORS[type(node)]()] if type(node) in OPERATORS else []


def _other_values(value: float) -> list[float]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    return [(value or 1.0) * by for by in (1.1, 0.9)]


def mirror(path: str) -> str:
    """Return the tests of a file.

    >>> mirror("fer/vision/boxes.py")
    'tests/vision/test_boxes.py'
    """
    within = Path(path).relative_to("fer")
    return (Path("tests") / within.with_name(f"test_{within.name}")).as_posix()


def copied(root: Path, folder: Path) -> None:
    """Copy what may be changed and what tests it; link the rest."""
    for entry in root.iterdir():
        if entry.name in ("fer", "tests"):
            ignored = shutil.ignore_patterns("__pycache__", "node_modules")
            shutil.copytree(entry, folder / entry.name, ignore=ignored)
        elif entry.name not in (".git", ".venv", ".hypothesis"):
            (folder / entry.name).symlink_to(entry)


def _run(folder: Path, tests: Sequence[str]) -> None:
    """Run the tests in the copy and end with pytest's status; in a process of its own."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.chdir(folder)
    sys.dont_write_bytecode = True
    for name in [name for name in sys.modules if name.split(".")[0] in ("fer", "tests")]:
        del sys.modules[name]
    sys.path[:] = [str(folder), *(one for one in sys.path if Path(one).resolve() != ROOT)]
    with contextlib.suppress(SystemExit):
        loaded = "ignore::pytest.PytestAssertRewriteWarning"  # HEAVY holds plugins of pytest
        status = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-W", loaded, *tests])
        os._exit(int(status))  # without waiting for threads that a change has left hanging
    os._exit(1)


def passes(folder: Path, tests: Sequence[str], seconds: float) -> bool:
    """Return True if the tests pass in the copy within this time."""
    process = multiprocessing.get_context("fork").Process(target=_run, args=(folder, tests))
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode == 0


def main(arguments: Sequence[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m tests.mutation")
    options.add_argument("file", help="for example fer/vision/boxes.py")
    options.add_argument("--tests", nargs="*", default=[], help="more tests than the mirrored ones")
    options.add_argument("--seconds", type=float, help="for a run that may hang (3 usual runs)")
    chosen = options.parse_args(arguments)
    tests = [mirror(chosen.file), *chosen.tests]
    known_file = ROOT / KNOWN
    known = tomllib.loads(known_file.read_text()) if known_file.exists() else {}
    equivalent = known.get(chosen.file, {})
    for name in HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    noticed = unnoticed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copied(ROOT, folder)
        begun = time.monotonic()
        if not passes(folder, tests, 600):
            print(f"{' '.join(tests)}: they fail before anything is changed")
            return 2
        most = chosen.seconds or 10 + 3 * (time.monotonic() - begun)
        target = folder / chosen.file
        for mutant in mutants(target.read_text()):
            if mutant.change in equivalent:
                continue
            target.write_text(mutant.source)
            if passes(folder, tests, most):
                unnoticed += 1
                print(f"{chosen.file}:{mutant.line}: {mutant.change}", flush=True)
            else:
                noticed += 1
    share = noticed / max(noticed + unnoticed, 1)
    print(f"{chosen.file}: {noticed} of {noticed + unnoticed} changes were noticed, {share:.0%}")
    return 0 if share >= 0.9 else 1


if __name__ == "__main__":
    sys.exit(main())
