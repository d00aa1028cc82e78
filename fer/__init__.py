"""Read the facial expressions of a class while the lesson runs.

>>> from fer import Analyzer, Faces, EMOTIONS
>>> faces = Analyzer().photo(frame)       # doctest: +SKIP
>>> faces.to_records()[0]["emotions"]     # doctest: +SKIP
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fer.emotions import EMOTIONS
from fer.errors import (
    BusyError,
    DataError,
    FerError,
    LiveError,
    ModelError,
    TokenError,
    UsageError,
)

if TYPE_CHECKING:
    from fer.faces import Faces
    from fer.lesson import Lesson
    from fer.vision.analyzer import Analyzer
    from fer.vision.photos import Photos

# Some builds of onnxruntime report to their maker unless this is set before they are imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
__all__ = [
    "EMOTIONS",
    "Analyzer",
    "BusyError",
    "DataError",
    "Faces",
    "FerError",
    "Lesson",
    "LiveError",
    "ModelError",
    "Photos",
    "TokenError",
    "UsageError",
    "__version__",
]

_HEAVY = {
    "Analyzer": "fer.vision.analyzer",
    "Faces": "fer.faces",
    "Lesson": "fer.lesson",
    "Photos": "fer.vision.photos",
}


def __getattr__(name: str) -> Any:
    """Import a class when it is first used, so that importing the package stays quick."""
    if name not in _HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HEAVY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
