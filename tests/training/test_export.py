import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from fer.emotions import EMOTIONS
from fer.errors import ModelError
from fer.training import networks
from fer.training.data.dataset import sized
from fer.training.evaluate import Heads
from fer.training.export import (
    APART,
    LOSS,
    compare,
    export,
    quantise,
    trained_how,
    with_probabilities,
)
from fer.training.onnx_graph import to_onnx
from fer.vision.classifier import KerasClassifier, OnnxClassifier, describe, inputs, softmax
from tests.training.faces import drawings


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Write a run folder of a network with random normalisation statistics."""
    keras.utils.set_random_seed(3)
    model = networks.vgg([[4, 4], [8]])
    rng = np.random.default_rng(3)
    model.set_weights([w + rng.uniform(0, 0.3, w.shape) for w in model.get_weights()])
    folder = tmp_path / "run"
    folder.mkdir()
    model.save(folder / "best.keras")
    (folder / "temperature.json").write_text(json.dumps({"crowd": 2.0, "fer2013": 0.5}))
    return folder


def test_the_float_graph_is_the_keras_network(run: Path, tmp_path: Path) -> None:
    import onnxruntime

    trained = KerasClassifier(run)
    model = with_probabilities(trained.model, trained.temperatures)
    faces = drawings(32).faces
    session = onnxruntime.InferenceSession(to_onnx(model, 48, "crowd").SerializeToString())
    crowd, fer2013, attention = session.run(
        ["crowd", "fer2013", "attention"], {"face": faces[..., None]}
    )
    exact = trained.read(faces)
    assert np.allclose(crowd, exact.heads["crowd"], atol=1e-5)
    assert np.allclose(fer2013, exact.heads["fer2013"], atol=1e-5)
    # What the map promises: its average, plus a constant, is the logit.
    bias = model.get_layer("crowd").get_weights()[1]
    assert np.allclose(softmax(attention.mean(axis=(2, 3)) + bias), crowd, atol=1e-5)


def test_lifts_are_folded_into_the_heads_before_the_temperatures(run: Path) -> None:
    model = KerasClassifier(run).model
    lift = [0.0, 1.5, 0.5, 0.0, 0.0, 0.0, 0.0]
    made = with_probabilities(model, {"crowd": 2.0, "fer2013": 1.0}, {"crowd": lift})
    faces = drawings(16).faces[..., None].astype(np.float32)
    logits, given = model.predict_on_batch(faces), made.predict_on_batch(faces)
    expected = softmax((logits["crowd"] + np.array(lift, np.float32)) / 2)
    assert np.allclose(given["crowd"], expected, atol=1e-5)
    assert np.allclose(given["fer2013"], softmax(logits["fer2013"]), atol=1e-5)


def test_temperatures_are_folded_into_the_heads(run: Path) -> None:
    faces = drawings(16).faces
    model = keras.saving.load_model(run / "best.keras", compile=False)
    logits = model.predict_on_batch(faces[..., None].astype(np.float32))
    reading = KerasClassifier(run).read(faces)
    assert np.allclose(reading.heads["crowd"], softmax(logits["crowd"] / 2), atol=1e-5)
    assert np.allclose(reading.heads["fer2013"], softmax(logits["fer2013"] / 0.5), atol=1e-5)
    calibrated = with_probabilities(model, {"crowd": 2.0, "fer2013": 0.5})
    shipped = calibrated.predict_on_batch(faces[..., None].astype(np.float32))
    assert np.allclose(shipped["crowd"], reading.heads["crowd"], atol=1e-5)


def test_export_writes_both_forms_and_they_agree(
    run: Path, small_set: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model"
    described = export(run, small_set, out, log=lambda _: None)
    assert described == describe(out)
    assert described["emotions"] == [*EMOTIONS]
    assert {path.name for path in out.iterdir()} == {"emotion.keras", "emotion.onnx", "model.json"}
    faces = drawings(64, seed=9).faces
    exact, quick = KerasClassifier(out).read(faces), OnnxClassifier(out).read(faces)
    for head in ("crowd", "fer2013"):
        assert np.abs(exact.heads[head] - quick.heads[head]).mean() < APART
        assert np.allclose(quick.heads[head].sum(axis=1), 1, atol=1e-5)
    assert quick.attention is not None
    assert quick.attention.shape[:2] == (64, 7)
    # int8 where the work is: a byte a weight, and not four
    kernels = described["parameters"]
    assert (out / "emotion.onnx").stat().st_size < 3 * kernels + 30_000


def readings(lost: float, apart: float) -> tuple[Heads, Heads]:
    """Compare two forms on 1,000 drawings; the second is wrong on a share and off by so much."""
    truth = drawings(1000).labels
    exact = np.full((1000, 7), 0.05, np.float32)
    exact[np.arange(1000), truth] = 0.7
    quick = exact.copy()
    for index in range(round(lost * 1000)):
        quick[index] = np.roll(quick[index], 1)
    quick = np.clip(quick + apart * np.where(np.arange(7) % 2, 1, -1), 0, 1)
    both = ("crowd", "fer2013")
    return dict.fromkeys(both, exact), dict.fromkeys(both, quick)


@pytest.mark.parametrize(
    ("lost", "apart", "written"),
    [(0, 0, True), (LOSS - 0.001, 0, True), (LOSS + 0.002, 0, False), (0, APART + 0.01, False)],
)
def test_a_runtime_form_beyond_the_bounds_is_refused(
    lost: float, apart: float, written: bool
) -> None:
    exact, quick = readings(lost, apart)
    public = drawings(1000, split="public_test")
    if written:
        found = compare(exact, quick, public)["runtime_form"]["fer2013"]
        assert found["accuracy_lost"] == pytest.approx(lost)
    else:
        with pytest.raises(ModelError, match="the two forms answer differently"):
            compare(exact, quick, public)


def test_a_refused_export_leaves_the_model_folder_as_it_was(
    run: Path, small_set: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model"
    out.mkdir()
    (out / "emotion.onnx").write_text("the old one")
    (run / "best.keras").write_text("no model")
    with pytest.raises(ModelError, match="not a Keras model"):
        export(run, small_set, out, log=lambda _: None)
    assert (out / "emotion.onnx").read_text() == "the old one"


def test_a_layer_that_is_not_known_is_named() -> None:
    inputs = keras.Input((48, 48, 1))
    x = keras.layers.Conv2D(2, 3, padding="same")(inputs)
    x = keras.layers.LeakyReLU(name="leaky")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, {"emotion": keras.layers.Dense(7, name="emotion")(x)})
    with pytest.raises(ModelError, match="layer leaky: LeakyReLU layers are not exported"):
        to_onnx(model, 48, "emotion")


def test_quantising_keeps_heads_exact(run: Path, tmp_path: Path) -> None:
    import onnx

    trained = KerasClassifier(run)
    model = with_probabilities(trained.model, trained.temperatures)
    path = tmp_path / "emotion.onnx"
    heads = ["crowd", "fer2013"]
    quantise(to_onnx(model, 48, "crowd"), drawings(32).faces[..., None], path, heads)
    weights = {value.name: value.data_type for value in onnx.load(path).graph.initializer}
    assert weights["crowd.kernel"] == onnx.TensorProto.FLOAT
    assert weights["conv1b.kernel_quantized"] == onnx.TensorProto.INT8


def test_the_recipe_can_be_exported_as_it_stands() -> None:
    from fer.training.learner import build
    from fer.training.recipes import RECIPES

    model = with_probabilities(build(replace(RECIPES["ours"])), {})
    outputs = [value.name for value in to_onnx(model, 48, "crowd").graph.output]
    assert outputs == ["crowd", "fer2013", "attention"]


@pytest.mark.parametrize(
    ("make", "size", "channels", "looks"),
    [
        (lambda: networks.sequential(((4,), (8,)), dropouts=(0.1, 0), dense=16), 48, 1, False),
        (lambda: networks.sequential(((4, 4),), dropouts=(0,), size=33, channels=3), 33, 3, False),
        (lambda: networks.resnet34(size=45, blocks=(1, 2)), 45, 3, True),
        pytest.param(
            *(lambda: networks.mobilenet_v2(size=64, widths=(16,)), 64, 3, False),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["sequential", "colours", "resnet34", "mobilenet"],
)
def test_the_graph_of_every_family_is_the_keras_network(
    make: Callable[[], keras.Model], size: int, channels: int, looks: bool
) -> None:
    """Strides with a remainder, padding, shortcuts and capped ReLUs give Keras' results."""
    import onnxruntime

    keras.utils.set_random_seed(4)
    model, rng = make(), np.random.default_rng(4)
    faces = inputs(sized(drawings(8).faces, size), size, channels)
    for layer in model.layers:  # normalisation with factors and statistics of its own
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable, layer.momentum = True, 0.0
            gamma, beta, *statistics = layer.get_weights()
            beta, gamma = rng.uniform(-0.3, 0.3, beta.shape), rng.uniform(0.7, 1.4, gamma.shape)
            layer.set_weights([gamma, beta, *statistics])
    model(faces.astype(np.float32), training=True)
    head = model.get_layer("emotion")
    features = keras.Model(model.input, head.input).predict_on_batch(faces.astype(np.float32))
    spread = features.std(axis=0)  # the head tells the faces apart, however alike they come
    kernel = rng.normal(0, 1, head.kernel.shape) / np.maximum(spread, spread.max() / 10)[:, None]
    head.set_weights([kernel, -features.mean(axis=0) @ kernel])
    model = with_probabilities(model, {"emotion": 1.0})
    graph = to_onnx(model, size, "emotion")
    assert ("attention" in [output.name for output in graph.graph.output]) is looks
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    (quick,) = session.run(["emotion"], {"face": faces})
    exact = model.predict_on_batch(faces.astype(np.float32))["emotion"]
    assert np.ptp(exact, axis=0).max() > 0.5
    assert np.allclose(quick, exact, atol=1e-3)


def test_a_network_that_int8_does_not_do_justice_is_written_in_float(
    small_set: Path, tmp_path: Path
) -> None:
    """One channel is a million times as strong as another: int8 cannot hold both in one map."""
    keras.utils.set_random_seed(1)
    model = networks.vgg([[4], [8]], heads=["emotion"])
    norm = model.get_layer("norm1a")
    norm.set_weights([np.array([1e-6, 1e-6, 1e-6, 1]), *norm.get_weights()[1:]])
    conv = model.get_layer("conv2a")
    kernel = conv.get_weights()[0]
    kernel[:, :, 3] = 0  # only the weak ones tell
    kernel[:, :, :3] *= 1e6
    conv.set_weights([kernel])
    head = model.get_layer("emotion")
    head.set_weights([10 * weight for weight in head.get_weights()])
    (tmp_path / "run").mkdir()
    model.save(tmp_path / "run" / "best.keras")
    said: list[str] = []
    described = export(tmp_path / "run", small_set, tmp_path / "model", log=said.append)
    assert described["precision"] == "float32"
    assert any("in float" in line for line in said)
    faces = drawings(16, seed=3).faces
    exact = KerasClassifier(tmp_path / "model").read(faces).probabilities
    assert np.allclose(
        OnnxClassifier(tmp_path / "model").read(faces).probabilities, exact, atol=1e-4
    )


def test_the_exported_file_says_what_another_tool_needs(
    run: Path, small_set: Path, tmp_path: Path
) -> None:
    import onnx

    described = export(run, small_set, tmp_path / "model", log=lambda _: None)
    props = onnx.load(tmp_path / "model" / "emotion.onnx").metadata_props
    entries = {prop.key: prop.value for prop in props}
    assert json.loads(entries["labels"]) == [*EMOTIONS]
    given = json.loads(entries["input"])
    assert (given["shape"], given["range"]) == (["n", 48, 48, 1], [0, 255])
    assert set(json.loads(entries["outputs"])) == {"crowd", "fer2013"}
    assert entries["license"] == "MIT"
    assert "FER2013" in entries["training_data"]
    assert json.loads(entries["calibration_temperatures"]) == {"crowd": 2.0, "fer2013": 0.5}
    assert entries["precision"] == described["precision"]


def test_metadata_changes_no_answer(run: Path, small_set: Path, tmp_path: Path) -> None:
    import onnx

    export(run, small_set, tmp_path / "model", log=lambda _: None)
    faces = drawings(16).faces
    before = OnnxClassifier(tmp_path / "model").read(faces).probabilities
    file = tmp_path / "model" / "emotion.onnx"
    bare = onnx.load(file)
    del bare.metadata_props[:]
    onnx.save(bare, file)
    assert np.array_equal(OnnxClassifier(tmp_path / "model").read(faces).probabilities, before)


def test_a_run_without_its_config_is_exported_without_its_history(tmp_path: Path) -> None:
    assert trained_how(tmp_path) == {}
    (tmp_path / "config.json").write_text('{"recipe": {"name": "ours"}}')
    assert trained_how(tmp_path) == {}
