"""Reads the facial expressions of a class while the lesson runs.

>>> from fer import Analyzer, Faces, EMOTIONS
>>> faces = Analyzer().photo(frame)       # doctest: +SKIP
>>> faces.to_records()[0]["emotions"]     # doctest: +SKIP
"""

import os
from typing import TYPE_CHECKING, Any

from fer.emotions import EMOTIONS

if TYPE_CHECKING:
    from fer.faces import Faces
    from fer.vision.analyzer import Analyzer

# Some builds of onnxruntime report to their maker unless told not to, before they are imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
__all__ = ["EMOTIONS", "Analyzer", "Faces", "__version__"]


def __getattr__(name: str) -> Any:
    """Loads what is heavy only when it is asked for: importing the package stays quick."""
    if name == "Analyzer":
        from fer.vision.analyzer import Analyzer

        return Analyzer
    if name == "Faces":
        from fer.faces import Faces

        return Faces
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
