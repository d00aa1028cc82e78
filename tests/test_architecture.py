"""Which part may import which. The rules are in one table; the checker is itself tested."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# The top level of the package, from left to right: a part imports what stands to its left, nothing
# beside it or to its right. "fer" is fer/__init__.py.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "emotions", "machine"}),
    frozenset({"faces", "net"}),
    frozenset({"tables"}),
    frozenset({"vision"}),
    frozenset({"lesson", "settings"}),
    frozenset({"fer"}),
    frozenset({"store", "training", "edge"}),
    frozenset({"recordings"}),
    frozenset({"server"}),
    frozenset({"ui"}),
    frozenset({"bench"}),
    frozenset({"cli"}),
    frozenset({"app", "__main__"}),
)
LEVEL = {name: level for level, layer in enumerate(LAYERS) for name in layer}

# What may import a package from outside; who isn't named may not.
ONLY_IN: dict[str, frozenset[str]] = {
    "streamlit": frozenset({"app", "ui"}),
    "streamlit.proto": frozenset({"app", "ui", "bench"}),  # the benchmark opens pages
    "altair": frozenset({"ui"}),
    "sqlalchemy": frozenset({"store"}),
    "streamlit_webrtc": frozenset({"ui", "bench"}),
    "aiortc": frozenset({"app", "ui", "bench"}),
    "av": frozenset({"vision", "ui", "bench"}),
    **dict.fromkeys(("tensorflow", "keras", "torch"), frozenset({"training", "vision"})),
    "onnx": frozenset({"training"}),  # the container doesn't hold it
}
# Slow to load or absent from the container: outside training/ only inside functions.
HEAVY = frozenset({"tensorflow", "keras", "torch", "onnx"})
# They take faces and times, never a picture: privacy by type.
WITHOUT_PICTURES = frozenset({"lesson", "store"})
PICTURES = frozenset({"cv2", "av", "fer.vision"})
# Inside vision these don't know each other; analyzer, stream and photos put them together.
APART = frozenset({"detect", "track", "media", "classifier"})


def part_of(path: str) -> str:
    """Return the part of the project that a file belongs to: fer/ui/face.py is "ui"."""
    words = path.removesuffix(".py").split("/")
    if words[0] == "fer":
        return "fer" if words[1:] == ["__init__"] else words[1]
    return words[0]


def imports(tree: ast.AST, inside: bool = False) -> Iterator[tuple[int, str, bool]]:
    """Yield every import: its line, the full name, and whether it is inside a function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            whole = "." * node.level + (node.module or "")
            for alias in node.names:
                # `from fer import classify` names a module, `from fer import EMOTIONS` the face.
                below = alias.name in {"fer": LEVEL, "fer.vision": APART}.get(whole, ())
                yield node.lineno, f"{whole}.{alias.name}" if below else whole, inside
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from imports(node, inside or function)


def violations(path: str, source: str) -> list[str]:
    """Return a line for each thing in a file that breaks the rules."""
    part, tree = part_of(path), ast.parse(source)
    found = [f"{path}: the layers don't name {part}"] if part not in LEVEL else []
    for line, name, inside in imports(tree):
        fault = import_fault(part, name, inside) or apart_fault(path, name)
        if fault:
            found.append(f"{path}:{line}: {fault}")
    for node in ast.walk(tree):
        for fault in filter(None, (settings_fault(part, node), fragment_fault(path, node))):
            found.append(f"{path}:{getattr(node, 'lineno', 0)}: {fault}")
    return found


def fragment_fault(path: str, node: ast.AST) -> str | None:
    """Return True if code draws a fragment without its own place on the page."""
    bare = isinstance(node, ast.Attribute) and ast.unparse(node) == "st.fragment"
    return "write @part" if bare and path != "fer/ui/layout.py" else None


def settings_fault(part: str, node: ast.AST) -> str | None:
    """Return how code reads the environment's settings although it may not; None if it does not."""
    if isinstance(node, ast.Constant) and re.fullmatch(r"FER_[A-Z_]+", str(node.value)):
        return None if part == "settings" else f"only settings.py reads {node.value}"
    if isinstance(node, ast.Attribute) and node.attr == "from_env":
        return None if part in ("app", "cli") else "settings are read in app.py and cli.py only"
    return None


def apart_fault(path: str, name: str) -> str | None:
    """Return why a part of vision may not import another one; None if it may."""
    words, other = path.removesuffix(".py").split("/"), name.split(".")
    if words[:2] != ["fer", "vision"] or other[:2] != ["fer", "vision"]:
        return None
    pair = {words[2], other[2] if len(other) > 2 else ""}
    if len(pair & APART) == 2:
        return f"{words[2]} and {other[2]} don't know each other"
    return None


def import_fault(part: str, name: str, inside: bool) -> str | None:
    """Return why this part may not import this name; None if it may."""
    first, *rest = name.split(".")
    if not first:
        return "write the whole name of what is imported"
    if part in WITHOUT_PICTURES and {first, ".".join([first, *rest[:1]])} & PICTURES:
        return f"{part} takes numbers, and may not import {name}"
    if first != "fer":
        within = ".".join([first, *rest[:1]])
        return outside_fault(part, within if within in ONLY_IN else first, inside)
    return inside_fault(part, rest[0] if rest else "fer", inside)


def outside_fault(part: str, package: str, inside: bool) -> str | None:
    """Return why a part may not import a package from outside; None if it may."""
    if part not in ONLY_IN.get(package, {part}):
        return f"{part} may not import {package}"
    if package in HEAVY and part != "training" and not inside:
        return f"{part} must import {package} inside the function that needs it"
    return None


def inside_fault(part: str, other: str, inside: bool) -> str | None:
    """Return why a part may not import another part of the project; None if it may."""
    if other == part:
        return None
    if other == "training" and part != "cli":
        return "only the command line may import fer.training"
    if other == "training" and not inside:
        return "fer.training must be imported inside the function that needs it"
    if LEVEL.get(other, len(LAYERS)) >= LEVEL.get(part, len(LAYERS)):
        return f"{part} may not import {other}"
    return None


def modules() -> list[str]:
    """Return the paths of the product's files, relative to the checkout."""
    found = [ROOT / "app.py", *(ROOT / "fer").rglob("*.py")]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


@pytest.mark.parametrize("path", modules())
def test_the_layers_hold(path: str) -> None:
    assert violations(path, (ROOT / path).read_text()) == []


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        ("fer/faces.py", "from fer.vision.analyzer import Analyzer", "faces may not import vision"),
        ("fer/emotions.py", "import fer.faces", "emotions may not import faces"),
        ("fer/vision/draw.py", "from fer import Analyzer", "vision may not import fer"),
        ("fer/errors.py", "from fer.emotions import EMOTIONS", "errors may not import emotions"),
        ("fer/ui/live/page.py", "from fer.cli import main", "ui may not import cli"),
        ("fer/server/x.py", "import fer.ui.charts", "server may not import ui"),
        ("fer/lesson/x.py", "from fer.vision.stream import FaceStream", "lesson takes numbers"),
        ("fer/store/x.py", "import cv2", "store takes numbers"),
        ("fer/store/x.py", "from fer.vision.boxes import distinct", "store takes numbers"),
        ("fer/lesson/x.py", "from fer import store", "lesson may not import store"),
        ("fer/store/x.py", "from fer.recordings import queue", "store may not import recordings"),
        ("fer/recordings/x.py", "from fer.server import state", "recordings may not import server"),
        ("fer/ui/x.py", "import sqlalchemy as sa", "ui may not import sqlalchemy"),
        ("fer/ui/x.py", "from fer.novelty import x", "ui may not import novelty"),
        ("fer/novelty.py", "", "the layers don't name novelty"),
        ("fer/ui/x.py", "from . import charts", "write the whole name"),
        ("fer/server/x.py", "import streamlit as st", "server may not import streamlit"),
        ("fer/server/x.py", "def f():\n    import av", "server may not import av"),
        ("fer/server/x.py", "import streamlit_webrtc", "server may not import streamlit_webrtc"),
        ("fer/edge/x.py", "def f():\n    import keras", "edge may not import keras"),
        ("fer/vision/classifier.py", "import keras", "inside the function"),
        (
            "fer/vision/classifier.py",
            "if True:\n    from keras import layers",
            "inside the function",
        ),
        ("fer/vision/classifier.py", "class A:\n    import tensorflow.lite", "inside the function"),
        ("fer/vision/x.py", "def f():\n    import onnx", "vision may not import onnx"),
        ("fer/vision/detect/haar.py", "from fer.vision.track import Tracker", "know each other"),
        ("fer/vision/media/x.py", "from fer.vision import classifier", "know each other"),
        ("app.py", "def f():\n    from fer.training import data", "only the command line"),
        ("fer/__init__.py", "from fer.training.data import load", "only the command line"),
        ("fer/cli/x.py", "from fer.training import trainer", "inside the function"),
        ("fer/ui/x.py", 'import os\nos.environ["FER_MODEL"]', "only settings.py reads FER_MODEL"),
        ("fer/cli/x.py", 'import os\nos.getenv("FER_RUNTIME")', "only settings.py reads"),
        ("fer/ui/x.py", "Settings.from_env()", "app.py and cli.py only"),
        ("fer/ui/x.py", "@st.fragment(run_every=1)\ndef f(): ...", "write @part"),
    ],
)
def test_the_checker_catches(path: str, source: str, fault: str) -> None:
    found = violations(path, source)
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("app.py", "import streamlit\nfrom fer.ui import live\nSettings.from_env()"),
        ("fer/cli/x.py", "def f():\n    from fer.training.trainer import Trainer"),
        (
            "fer/vision/classifier.py",
            "from fer.errors import ModelError\ndef f():\n    import keras",
        ),
        ("fer/training/trainer.py", "import keras\nfrom fer import __version__"),
        ("fer/vision/detect/__init__.py", "from fer.vision.detect.haar import HaarDetector"),
        ("fer/vision/analyzer.py", "from fer.vision import detect, track"),
        ("fer/ui/live/page.py", "import streamlit\nfrom fer.ui.live.webrtc import camera"),
        ("fer/lesson/x.py", "from fer.faces import Faces\nfrom fer.lesson.indicators import mood"),
        ("fer/lesson/report/x.py", "from PIL import Image\nfrom fer.lesson import Lesson"),
        ("fer/server/x.py", "from fer.lesson import Lesson\nfrom fer.store import Store"),
        ("fer/settings.py", 'import os\nos.environ.get("FER_MODEL")'),
        ("fer/ui/x.py", 'say("Set FER_MODEL to another folder")'),
        ("fer/ui/layout.py", "alone = st.fragment(draw)"),
    ],
)
def test_the_checker_lets_pass(path: str, source: str) -> None:
    assert violations(path, source) == []
