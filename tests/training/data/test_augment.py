from dataclasses import replace

import numpy as np
import pytest

from fer.training.data.augment import (
    Augmentation,
    augment,
    erase,
    geometry,
    light,
    mixup_pairs,
    worsen,
)
from tests.training.faces import drawings

FACES = drawings(32).faces


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_defaults_change_nothing() -> None:
    assert np.array_equal(augment(FACES, Augmentation(), 48, rng())[..., 0], FACES)


def test_flip_mirrors_about_half_of_them_and_nothing_else() -> None:
    out = geometry(FACES, Augmentation(flip=True), 48, rng())
    same = np.array([np.array_equal(a, b) for a, b in zip(out, FACES, strict=True)])
    mirrored = np.array([np.array_equal(a, b[:, ::-1]) for a, b in zip(out, FACES, strict=True)])
    assert (same | mirrored).all()
    assert 8 <= mirrored.sum() <= 24


@pytest.mark.parametrize("size", [32, 40, 48, 64])
def test_any_size_comes_out_with_the_same_mean_grey(size: int) -> None:
    out = augment(FACES, Augmentation(), size, rng())
    assert out.shape == (len(FACES), size, size, 1)
    assert out.dtype == np.float32
    assert np.allclose(out.mean(axis=(1, 2, 3)), FACES.mean(axis=(1, 2)), atol=1.5)


def test_a_turn_keeps_the_centre_in_place() -> None:
    dot = np.zeros((64, 49, 49), np.uint8)
    dot[:, 23:26, 23:26] = 255
    out = geometry(dot, Augmentation(flip=True, rotate=45, scale=0.2, shear=0.2), 49, rng())
    assert (out[:, 24, 24] > 200).all()


def test_a_shift_stays_within_its_bound() -> None:
    dot = np.zeros((64, 48, 48), np.uint8)
    dot[:, 24, 24] = 255
    out = geometry(dot, Augmentation(shift=0.1), 48, rng())
    for face in out:
        y, x = np.unravel_index(face.argmax(), face.shape)
        assert max(abs(int(y) - 24), abs(int(x) - 24)) <= np.ceil(0.1 * 48)


def test_light_moves_the_mean_within_brightness_and_stays_grey() -> None:
    batch = np.full((200, 8, 8), 128, np.float32)
    out = light(batch, Augmentation(contrast=0.5, brightness=20), rng())
    means = out.mean(axis=(1, 2))
    assert abs(means - 128).max() <= 20
    assert means.std() > 5
    bright = light(batch + 120, Augmentation(brightness=30), rng())
    assert bright.max() <= 255


def test_erase_hides_at_most_its_area_on_about_its_share() -> None:
    batch = np.full((400, 48, 48), -1, np.float32)
    erase(batch, Augmentation(erase=0.5, erase_area=0.2), rng())
    hidden = (batch >= 0).mean(axis=(1, 2))
    assert 0.4 < (hidden > 0).mean() < 0.6
    assert hidden.max() <= 0.2


def test_mixup_keeps_the_larger_share() -> None:
    other, keep = mixup_pairs(500, 0.4, rng())
    assert sorted(other.tolist()) == [*range(500)]
    assert keep.min() >= 0.5
    assert keep.max() <= 1


def test_the_same_seed_gives_the_same_batch() -> None:
    how = Augmentation(flip=True, rotate=10, shift=0.1, scale=0.1, contrast=0.2, erase=0.5)
    first = augment(FACES, how, 40, rng(7))
    assert np.array_equal(first, augment(FACES, how, 40, rng(7)))
    assert not np.array_equal(first, augment(FACES, replace(how, rotate=20), 40, rng(7)))


def test_worsen_changes_about_as_many_faces_as_it_should_and_leaves_the_rest() -> None:
    faces = np.repeat(FACES, 20, axis=0).astype(np.float32)
    out = faces.copy()
    worsen(out, Augmentation(worsen=0.1), rng())
    touched = (out != faces).any(axis=(1, 2))
    assert touched.mean() == pytest.approx(1 - 0.9**5, abs=0.08)
    assert out.min() >= 0
    assert out.max() <= 255


def test_worsened_faces_lose_fine_detail() -> None:
    noise = rng().integers(0, 256, (40, 48, 48)).astype(np.float32)
    out = noise.copy()
    worsen(out, Augmentation(worsen=1.0), rng())
    for before, after in zip(noise, out, strict=True):
        assert np.abs(np.diff(after)).mean() < np.abs(np.diff(before)).mean()


def test_worsening_repeats_by_its_seed_at_any_size() -> None:
    how = Augmentation(worsen=0.5)
    for size in (12, 32, 48):
        first, again = (augment(FACES, how, size, rng(3)) for _ in range(2))
        assert np.array_equal(first, again)
        assert first.shape == (len(FACES), size, size, 1)
