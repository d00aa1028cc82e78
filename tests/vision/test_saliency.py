import numpy as np
import pytest

from fer.emotions import EMOTIONS
from fer.vision.saliency import heat, overlay


def looked_at(emotion: str, row: int, column: int) -> np.ndarray:
    attention = np.zeros((7, 6, 6), np.float32)
    attention[EMOTIONS.index(emotion), row, column] = 5
    return attention


@pytest.mark.parametrize(("row", "column"), [(1, 1), (4, 2)])
def test_the_map_is_warmest_where_the_network_looked(row: int, column: int) -> None:
    warmth = heat(looked_at("fear", row, column), "fear", 48)
    y, x = np.unravel_index(warmth.argmax(), warmth.shape)
    assert (int(y) // 8, int(x) // 8) == (row, column)
    assert (warmth.min(), warmth.max()) == (0, 1)


def test_a_word_that_nothing_spoke_for_is_cold_beside_one_that_much_spoke_for() -> None:
    attention = looked_at("happy", 2, 2) - looked_at("angry", 4, 4)
    assert heat(attention, "happy", 48).max() == 1
    assert heat(attention, "angry", 48).max() < 0.2
    assert heat(attention, "sad", 48).max() < 0.2


def test_a_map_that_says_nothing_stays_cold() -> None:
    assert not heat(np.ones((7, 6, 6), np.float32), "happy", 48).any()


@pytest.mark.parametrize("shape", [(96, 96), (96, 96, 3)])
def test_the_overlay_keeps_the_face_visible(shape: tuple[int, ...]) -> None:
    face = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    laid = overlay(face, looked_at("happy", 2, 2), "happy")
    assert laid.shape == (96, 96, 3)
    assert laid.dtype == np.uint8
    grey = face if face.ndim == 2 else face.mean(axis=2)
    assert np.corrcoef(laid.mean(axis=2).ravel(), grey.ravel())[0, 1] > 0.5
