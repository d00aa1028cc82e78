"""What the environment may set: `FER_…`, all optional, read once and passed down.

    FER_MODEL     folder of the network to use; default: the shipped one in model/
    FER_RUNTIME   onnx (default) or keras, which needs TensorFlow

Only app.py and the command line read them; everything else is handed what it needs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from fer.classify import MODEL_FOLDER
from fer.errors import UsageError

Runtime = Literal["onnx", "keras"]
RUNTIMES: Final[tuple[Runtime, ...]] = get_args(Runtime)


@dataclass(frozen=True)
class Settings:
    """What the app and the command line are started with."""

    model: Path = MODEL_FOLDER
    runtime: Runtime = "onnx"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """The settings in the environment; an empty value counts as none.

        >>> Settings.from_env({"FER_RUNTIME": "keras"}).runtime
        'keras'
        """
        folder = environ.get("FER_MODEL")
        return cls(
            model=Path(folder).expanduser() if folder else MODEL_FOLDER,
            runtime=_runtime(environ.get("FER_RUNTIME") or "onnx"),
        )


def _runtime(said: str) -> Runtime:
    for runtime in RUNTIMES:
        if said == runtime:
            return runtime
    raise UsageError(f"FER_RUNTIME is {said!r}: take {' or '.join(RUNTIMES)}")
