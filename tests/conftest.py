from collections.abc import Iterator
from pathlib import Path

import aiortc  # noqa: F401 - first: loaded after TensorFlow, it ends the process
import pytest

from tests.tiny_model import write_metrics, write_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model folder with an untrained network and made-up figures."""
    return write_metrics(write_tiny_model(tmp_path_factory.mktemp("tiny") / "model"))


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Put the user's data and cache folders into the tests' temporary folder."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("XDG_DATA_HOME", str(home / "data"))
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        yield
