"""Reads the facial expressions of a class while the lesson runs."""

import os

from fer.emotions import EMOTIONS

# Some builds of onnxruntime report to their maker unless told not to, before they are imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
__all__ = ["EMOTIONS", "__version__"]
