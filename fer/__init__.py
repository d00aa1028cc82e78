"""Read the facial expressions of a class in photos, videos and live lessons.

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

# Some builds of onnxruntime send usage data unless this is set before the import.
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

_LAZY = {  # imported at their first use, because these modules are slow to import
    "Analyzer": "fer.vision.analyzer",
    "Faces": "fer.faces",
    "Lesson": "fer.lesson",
    "Photos": "fer.vision.photos",
}


def __getattr__(name: str) -> Any:
    """Return a class of _LAZY; import its module now, so that importing the package is quick."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
