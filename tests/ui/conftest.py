import gc
from collections.abc import Iterator
from functools import cache

import pytest
from streamlit.components.v2 import manifest_scanner


@pytest.fixture(scope="session", autouse=True)
def quick_runs() -> Iterator[None]:
    """Replace what takes most of the time of an AppTest's run.

    It would read the description of every installed package, and collect garbage among all that
    earlier tests have imported.
    """
    gc.collect()
    gc.freeze()
    with pytest.MonkeyPatch.context() as patch:
        scan = cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield
    gc.unfreeze()
