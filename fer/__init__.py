"""Reads the facial expressions of a class while the lesson runs."""

from fer.emotions import EMOTIONS

__version__ = "0.1.0"
__all__ = ["EMOTIONS", "__version__"]
