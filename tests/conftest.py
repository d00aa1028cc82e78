from pathlib import Path

import pytest

from tests.tiny_model import write_metrics, write_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that loads, with made-up figures beside it; never the shipped one."""
    return write_metrics(write_tiny_model(tmp_path_factory.mktemp("tiny") / "model"))
