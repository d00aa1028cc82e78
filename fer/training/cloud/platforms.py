"""Find a job's options, data and output folders on the clouds' managed training platforms.

    SageMaker   the folders below /opt/ml: input/data/CHANNEL, input/config/hyperparameters.json,
                checkpoints, model, output/failure
    Vertex AI   AIP_MODEL_DIR, AIP_CHECKPOINT_DIR, AIP_TENSORBOARD_LOG_DIR, and the command line

A gs:// address is the folder below /gcs where Vertex AI mounts the bucket. ML_ROOT and GCS_ROOT
replace /opt/ml and /gcs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fer.errors import DataError, UsageError

CHANNEL: Final = "training"  # SageMaker's usual name for the data
ADDED: Final = ("sagemaker_", "_tuning_")  # hyperparameters that SageMaker adds


@dataclass(frozen=True)
class Platform:
    """A job's options and data, and the folders for what it makes."""

    words: tuple[str, ...]  # as on a command line
    data: Path | None  # None: the option --data names it
    model: Path
    checkpoints: Path
    boards: Path | None = None  # for TensorBoard
    buckets: Path = Path("/gcs")

    def local_path(self, address: str) -> str:
        """Return the folder in this container of an address, which may be in a bucket."""
        return str(_folder(address, self.buckets))


def platform_of(environ: Mapping[str, str], words: Sequence[str]) -> Platform:
    """Return the platform that started this container."""
    buckets = Path(environ.get("GCS_ROOT") or "/gcs")
    if model := environ.get("AIP_MODEL_DIR"):
        places = _folder(model, buckets)
        boards = environ.get("AIP_TENSORBOARD_LOG_DIR")
        return Platform(
            words=tuple(words),
            data=None,
            model=places,
            checkpoints=_folder(
                environ.get("AIP_CHECKPOINT_DIR") or f"{places.parent}/checkpoints", buckets
            ),
            boards=_folder(boards, buckets) if boards else None,
            buckets=buckets,
        )
    root = Path(environ.get("ML_ROOT") or "/opt/ml")
    if not (root / "input").is_dir():
        raise UsageError(
            f"found neither SageMaker's folder {root}/input nor Vertex AI's AIP_MODEL_DIR: "
            "on a machine of your own use python -m fer train"
        )
    # SageMaker calls the container with the word "train".
    given = [word for at, word in enumerate(words) if (at, word) != (0, "train")]
    return Platform(
        words=(*_hyperparameters(root / "input" / "config" / "hyperparameters.json"), *given),
        data=_channel(root / "input" / "data"),
        model=root / "model",
        checkpoints=root / "checkpoints",
        buckets=buckets,
    )


def failure_file(environ: Mapping[str, str]) -> Path | None:
    """Return the file where SageMaker looks for a failure's reason; None on Vertex AI."""
    root = Path(environ.get("ML_ROOT") or "/opt/ml")
    vertex = environ.get("AIP_MODEL_DIR")
    return root / "output" / "failure" if root.is_dir() and not vertex else None


def _folder(address: str, buckets: Path) -> Path:
    if not address.startswith("gs://"):
        return Path(address)
    bucket, _, path = address.removeprefix("gs://").partition("/")
    if not (buckets / bucket).is_dir():
        raise DataError(
            f"{address}: {buckets}/{bucket} is not mounted; check that the job may read it"
        )
    return buckets / bucket / path


def _hyperparameters(path: Path) -> list[str]:
    """Return them as a command line; every value is a string, some of them quoted twice."""
    try:
        given: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        words = []
        for name, value in given.items():
            if isinstance(value, str) and value.startswith('"'):
                with suppress(ValueError):
                    value = json.loads(value)
            if not name.startswith(ADDED):
                words.append(f"--{name}={value}")
    except (OSError, ValueError, AttributeError) as fault:
        raise UsageError(f"{path}: the hyperparameters cannot be read ({fault})") from fault
    return words


def _channel(folder: Path) -> Path:
    """Return the only channel, or of several the one called "training"."""
    channels = sorted(path for path in folder.glob("*") if path.is_dir())
    if len(channels) == 1:
        return channels[0]
    if folder / CHANNEL in channels:
        return folder / CHANNEL
    names = ", ".join(path.name for path in channels) or "none"
    raise DataError(f"{folder}: the data must be in a channel called {CHANNEL}; found {names}")
