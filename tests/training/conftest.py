"""Fixtures of the training tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.training.faces import write_set

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
SHARED = Path(__file__).resolve().parents[3] / "shared"


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a whole small data set of drawings, as sheets."""
    return write_set(tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="session")
def fer2013() -> Path:
    """Return FER2013's Training and PublicTest with FER+ votes; skip the test without them."""
    folder = SHARED / "data"
    if not (folder / "training.csv").exists():
        pytest.skip("the FER2013 sheets are not in ../shared/data")
    return folder
