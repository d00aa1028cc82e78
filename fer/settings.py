"""What the environment may set: `FER_…`, all optional, read once and passed down.

    FER_MODEL     folder of the network to use; default: the shipped one in model/
    FER_RUNTIME   onnx (default) or keras, which needs TensorFlow
    FER_DETECTOR  auto (default), haar, centerface or yunet
    FER_DETECTOR_FILES  folder to look for YuNet's file in, before the user's cache folder

Only app.py and the command line read them; everything else is handed what it needs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeVar, get_args

from fer.classify import MODEL_FOLDER
from fer.detect import KINDS, Kind
from fer.errors import UsageError

Runtime = Literal["onnx", "keras"]
Choice = TypeVar("Choice", bound=str)
RUNTIMES: Final[tuple[Runtime, ...]] = get_args(Runtime)


@dataclass(frozen=True)
class Settings:
    """What the app and the command line are started with."""

    model: Path = MODEL_FOLDER
    runtime: Runtime = "onnx"
    detector: Kind = "auto"
    detector_files: Path | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """The settings in the environment; an empty value counts as none.

        >>> Settings.from_env({"FER_RUNTIME": "keras"}).runtime
        'keras'
        """
        return cls(
            model=_folder(environ.get("FER_MODEL")) or MODEL_FOLDER,
            runtime=_one_of(RUNTIMES, environ.get("FER_RUNTIME"), "FER_RUNTIME"),
            detector=_one_of(KINDS, environ.get("FER_DETECTOR"), "FER_DETECTOR"),
            detector_files=_folder(environ.get("FER_DETECTOR_FILES")),
        )


def _folder(said: str | None) -> Path | None:
    return Path(said).expanduser() if said else None


def _one_of(choices: tuple[Choice, ...], said: str | None, name: str) -> Choice:
    """The choice that was said; the first where none was."""
    if not said:
        return choices[0]
    for choice in choices:
        if said == choice:
            return choice
    *others, last = choices
    raise UsageError(f"{name} is {said!r}: take {', '.join(others)} or {last}")
