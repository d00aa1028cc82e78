import keras
import numpy as np
import pytest

from fer.training import networks
from fer.training.export import mflops
from fer.training.learner import build
from fer.training.recipe import heads_of
from fer.training.recipes import PUBLISHED, RECIPES


def parameters(stages: list[list[int]], heads: int) -> int:
    """The expected numbers are counted by hand: 3x3 kernels, normalisation, the heads."""
    total, before = 0, 1
    for width in (width for stage in stages for width in stage):
        total += 9 * before * width + 4 * width
        before = width
    return total + heads * (before * 7 + 7)


@pytest.mark.parametrize("stages", [[[4, 4], [8, 8]], [[8], [8, 8], [16, 16, 16]]])
def test_vgg_has_the_parameters_its_stages_say(stages: list[list[int]]) -> None:
    assert networks.vgg(stages).count_params() == parameters(stages, heads=2)
    assert networks.vgg(stages, heads=["emotion"]).count_params() == parameters(stages, heads=1)


@pytest.mark.parametrize("name", ["ours", "ours-2", "ours-long"])
def test_our_networks_stay_within_their_bounds(name: str) -> None:
    model = build(RECIPES[name])
    assert model.count_params() <= 3_000_000
    assert mflops(model, 48) <= 240


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_recipe_builds_the_published_network(name: str) -> None:
    """Networks with published layers have the published number of parameters."""
    recipe = RECIPES[name]
    model = build(recipe)
    assert model.count_params() == PUBLISHED[name].parameters
    side = recipe.sizes[-1][1]
    assert model.input.shape[1:] in ((side, side, recipe.channels), (None, None, 1))
    assert set(model.output) == set(heads_of(recipe))


def test_sequential_48_has_the_published_shapes() -> None:
    model = build(RECIPES["sequential-48"])
    kinds = (keras.layers.Conv2D, keras.layers.MaxPooling2D)
    sides = [layer.output.shape[1] for layer in model.layers if isinstance(layer, kinds)]
    assert sides == [46, 44, 22, 20, 10, 8, 4, 2, 1]


def count(weights: list[keras.Variable]) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def test_mobilenet_trains_its_last_23_layers() -> None:
    model = build(RECIPES["mobilenet-v2-224"])
    assert count(model.trainable_weights) == 1_231_943
    learning = [layer for layer in model.layers if layer.trainable]
    assert len(learning) == 23
    assert learning == model.layers[-23:]


def test_resnet_learns_as_many_parameters_as_torchvisions_with_another_last_layer() -> None:
    torchvision, its_last = 21_797_672, 512 * 1000 + 1000
    model = build(RECIPES["resnet34"])
    assert count(model.trainable_weights) == torchvision - its_last + 512 * 7 + 7


def test_mflops_of_strides_and_valid_edges_by_hand() -> None:
    plain = networks.sequential(((4,),), dropouts=(0,), dense=8, size=10)
    # 10 - 2 = 8 places a side; pooled 4; 4 * 4 * 4 into the dense layers
    assert mflops(plain, 10) * 1e6 == 2 * (8 * 8 * 9 * 4 + 64 * 8 + 8 * 7)
    resnet = networks.resnet34(size=32, blocks=(1,))
    # The stem halves 32 to 16, its pool to 8; the block has two convolutions of 64.
    stem, block = 16 * 16 * 7 * 7 * 3 * 64, 8 * 8 * 2 * 9 * 64 * 64
    assert mflops(resnet, 32) * 1e6 == 2 * (stem + block + 64 * 7)


def test_mflops_by_hand() -> None:
    model = networks.vgg([[4], [8]], heads=["emotion"])
    assert mflops(model, 48) * 1e6 == 2 * (48 * 48 * 9 * 4 + 24 * 24 * 9 * 4 * 8 + 8 * 7)


def test_any_size_goes_in_and_each_head_gives_seven_logits() -> None:
    model = networks.vgg([[4], [8]])
    for size in (32, 48):
        out = model.predict_on_batch(np.zeros((3, size, size, 1), np.float32))
        assert {head: value.shape for head, value in out.items()} == {
            "crowd": (3, 7),
            "fer2013": (3, 7),
        }


def test_the_input_is_scaled_to_plus_minus_one() -> None:
    scale = networks.vgg([[4]]).get_layer("scale")
    greys = np.array([[[[0.0]], [[255.0]]]], np.float32)
    assert np.allclose(keras.ops.convert_to_numpy(scale(greys)).ravel(), [-1, 1])


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="the fast form is torch's")
def test_the_fast_form_gives_the_same_answers() -> None:
    plain, fast = networks.vgg([[4, 4], [8]]), networks.vgg([[4, 4], [8]], fast=True)
    fast.set_weights(plain.get_weights())
    faces = np.random.default_rng(0).uniform(0, 255, (4, 48, 48, 1)).astype(np.float32)
    for training in (False, True):
        mine, theirs = plain(faces, training=training), fast(faces, training=training)
        if not training:  # dropout makes training differ; only its statistics must agree
            for head in mine:
                assert np.allclose(
                    keras.ops.convert_to_numpy(mine[head]),
                    keras.ops.convert_to_numpy(theirs[head]),
                    atol=1e-5,
                )
    for mine, theirs in zip(plain.get_weights(), fast.get_weights(), strict=True):
        assert np.allclose(mine, theirs, rtol=0.02, atol=1e-5)
