"""Traps of hls4ml and QKeras, a small model each: what is generated computes what the model does, or is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.csim import Headers
from fpgaprune.errors import ConfigError, ModelError
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.flow.generate import generate_loaded
from fpgaprune.flow.verify import verify
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.settings import GenerateSettings, LayerSettings
from fpgaprune.results.verification import Verification
from tests.generate_models import loaded

pytestmark = [pytest.mark.keras, pytest.mark.slow]


def verified(model: Any, folder: Path, inputs: Any = None) -> Verification:
    given = None if inputs is None else [inputs]
    verification = generate_loaded(loaded(model), folder / "p", GenerateSettings(), inputs=given).verification
    assert verification is not None
    return verification


def model_of(shape: tuple[int, ...], *layers: Any) -> Any:
    frameworks = load_frameworks()
    frameworks.keras.utils.set_random_seed(4)
    return frameworks.keras.Sequential([frameworks.keras.layers.Input(shape, name="x"), *layers])


@pytest.mark.parametrize("between", [False, True], ids=["directly", "reshaped"])
def test_padded_cells_never_win_the_maximum_of_values_without_a_sign(tmp_path: Path, between: bool) -> None:
    """hls4ml fills them with the top bit of the type: the least value of a signed type, half the range of others."""
    layers = load_frameworks().keras.layers
    way = [layers.Flatten(name="flat"), layers.Reshape((9, 9, 3), name="square")] if between else []
    pool = layers.MaxPooling2D(3, strides=2, padding="same", name="pool")
    result = verified(model_of((9, 9, 3), layers.ReLU(name="relu"), *way, pool), tmp_path)
    assert result.exact_samples == result.samples, result.reason


def test_padded_cells_never_win_behind_a_quantized_convolution(tmp_path: Path) -> None:
    frameworks = load_frameworks()
    q, layers = frameworks.qkeras, frameworks.keras.layers
    six = "quantized_bits(6,1,alpha=1)"
    model = model_of(
        (7, 2),
        q.QActivation("quantized_bits(8,2,alpha=1)", name="taken"),
        q.QConv1D(3, 2, kernel_quantizer=six, bias_quantizer=six, name="conv"),
        q.QActivation("quantized_relu(6,2)", name="relu"),
        layers.MaxPooling1D(4, padding="same", name="pool"),
    )
    result = verified(model, tmp_path)
    assert result.expected_exact
    assert result.exact_samples == result.samples, result.reason


def test_the_softmax_layer_is_the_softmax_activation(tmp_path: Path) -> None:
    layers = load_frameworks().keras.layers
    result = verified(model_of((6,), layers.Dense(4, name="fc"), layers.Softmax(name="classes")), tmp_path)
    assert result.agrees, result.reason


def test_the_hard_functions_of_qkeras_are_not_those_of_keras(tmp_path: Path) -> None:
    frameworks = load_frameworks()
    q, keras = frameworks.qkeras, frameworks.keras
    own = model_of((6,), q.QActivation("hard_sigmoid", name="gate"))
    result = verified(own, tmp_path / "qkeras")
    assert result.agrees, result.reason
    result = verified(model_of((6,), keras.layers.Activation("hard_sigmoid", name="gate")), tmp_path / "keras")
    assert result.agrees, result.reason


def test_a_leaky_quantizer_saturates_its_negative_side_early(tmp_path: Path) -> None:
    q = load_frameworks().qkeras
    model = model_of(
        (4,),
        q.QActivation("quantized_bits(8,4,alpha=1)", name="taken"),
        q.QDense(5, kernel_quantizer="quantized_bits(6,1,alpha=1)", bias_quantizer=None, name="fc"),
        q.QActivation("quantized_relu(6,2,negative_slope=0.25)", name="leaky"),
    )
    inputs = np.random.default_rng(2).uniform(-15, 15, (1000, 4))
    result = verified(model, tmp_path, inputs)
    assert result.exact_samples == result.samples, result.reason


@pytest.mark.parametrize("kind", ["bilinear", "normalization"])
def test_kernels_that_hls4ml_lacks_or_has_for_few_values_are_refused(kind: str, tmp_path: Path) -> None:
    layers = load_frameworks().keras.layers
    if kind == "bilinear":
        model = model_of((4, 4, 2), layers.UpSampling2D(2, interpolation="bilinear", name="odd"))
    else:
        model = model_of((6, 8), layers.LayerNormalization(name="odd"))
    with pytest.raises(ModelError, match="'odd'"):
        verified(model, tmp_path)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("name", ["DepthwiseConv2D", "SeparableConv2D"])
def test_several_filters_a_channel_get_the_kernel_that_computes_them(tmp_path: Path, name: str) -> None:
    """hls4ml's own takes one filter a channel for granted and is 50 % off."""
    layers = load_frameworks().keras.layers
    size = (2,) if name == "DepthwiseConv2D" else (3, 2)
    deep = getattr(layers, name)(*size, depth_multiplier=2, name="deep")
    model = model_of((4, 4, 2), deep, layers.Flatten(name="line"), layers.Dense(2, name="last"))
    result = verified(model, tmp_path)
    assert result.agrees, result.reason
    with pytest.raises(ConfigError, match=r"'deep' has several filters per channel.*io_parallel"):
        generate_loaded(loaded(model), tmp_path / "s", GenerateSettings(io_type="io_stream"))
    assert not (tmp_path / "s").exists()


def test_a_bidirectional_layer_is_refused_in_streams(tmp_path: Path) -> None:
    layers = load_frameworks().keras.layers
    model = model_of((4, 2), layers.Bidirectional(layers.LSTM(2), name="both"))
    with pytest.raises(ConfigError, match=r"'both' is a Bidirectional.*io_parallel"):
        generate_loaded(loaded(model), tmp_path / "s", GenerateSettings(io_type="io_stream"))


@pytest.mark.parametrize("kind", ["scale", "relu", "two readers"])
def test_a_flattened_stream_is_read_by_more_than_dense_layers(kind: str, tmp_path: Path) -> None:
    """hls4ml lets the flattened stream be the one before: its readers expect packets of all values."""
    keras = load_frameworks().keras
    layers = keras.layers
    model = model_of((4, 3), layers.Conv1D(2, 2, name="along"), layers.Flatten(name="line"))
    x = model.outputs[0]
    after = layers.BatchNormalization(name="after")(x) if kind == "scale" else layers.ReLU(name="after")(x)
    after = layers.Add(name="both")([after, x]) if kind == "two readers" else after
    settings = GenerateSettings(io_type="io_stream")
    result = generate_loaded(loaded(keras.Model(model.inputs, after)), tmp_path / "p", settings).verification
    assert result is not None
    assert result.agrees, result.reason


def test_packets_that_streams_cannot_make_are_refused(tmp_path: Path) -> None:
    layers = load_frameworks().keras.layers
    model = model_of((3, 2), layers.ReLU(name="first"), layers.Reshape((2, 3), name="odd"), layers.ReLU(name="last"))
    with pytest.raises(ConfigError, match=r"'odd' reshapes packets of 2 values to packets of 3.*io_parallel"):
        generate_loaded(loaded(model), tmp_path / "s", GenerateSettings(io_type="io_stream"))
    assert not (tmp_path / "s").exists()


def test_an_input_that_nothing_reads_is_refused(tmp_path: Path) -> None:
    keras = load_frameworks().keras
    read, unread = keras.Input((3,), name="read"), keras.Input((3,), name="unread")
    model = keras.Model([read, unread], keras.layers.Dense(2, name="fc")(read))
    with pytest.raises(ModelError, match="nothing reads the input 'unread'"):
        verified(model, tmp_path)


@pytest.mark.parametrize("where", ["weights", "values"])
def test_quantizers_that_qkeras_cannot_compute_are_refused(where: str, tmp_path: Path) -> None:
    q = load_frameworks().qkeras
    if where == "weights":
        layer = q.QDense(3, kernel_quantizer="quantized_bits(8,-2,alpha=1)", name="tiny")
    else:
        layer = q.QActivation("quantized_relu(8,-1)", name="tiny")
    with pytest.raises(ModelError, match=r"'tiny' has -[12] integer bits"):
        verified(model_of((4,), layer), tmp_path)


def test_sums_without_a_weight_are_simulated_with_the_headers_of_hls4ml(tmp_path: Path) -> None:
    """Their type lies wholly below the last bit of the result, which the headers' rounding did not expect."""
    q = load_frameworks().qkeras
    model = model_of(
        (3,),
        q.QActivation("quantized_relu(12,0)", name="taken"),
        q.QDense(2, kernel_quantizer="quantized_bits(12,0,alpha=1)", use_bias=False, name="nothing"),
        q.QActivation("quantized_bits(8,3,alpha=1)", name="cut"),
    )
    model.get_layer("nothing").set_weights([np.zeros((3, 2))])
    generate_loaded(loaded(model), tmp_path / "p", GenerateSettings(), run_verify=False)
    result = verify(tmp_path / "p", headers=Headers.HLS4ML, samples=20)
    assert result.agrees, result.reason


def test_a_merge_in_the_type_that_was_asked_for_is_not_exact(tmp_path: Path) -> None:
    frameworks = load_frameworks()
    keras, q = frameworks.keras, frameworks.qkeras
    x = start = keras.Input((4,), name="x")
    x = q.QActivation("quantized_bits(8,2,alpha=1)", name="taken")(x)
    model = keras.Model(start, keras.layers.Add(name="twice")([x, q.QActivation("quantized_relu(6,2)", name="r")(x)]))
    asked = GenerateSettings(layers={"twice": LayerSettings(precision=FixedPoint(6, 2))})
    result = generate_loaded(loaded(model), tmp_path / "p", asked).verification
    assert result is not None
    assert not result.expected_exact
    assert not result.agrees


def test_a_bounded_relu_is_refused_in_streams(tmp_path: Path) -> None:
    model = model_of((4,), load_frameworks().keras.layers.ReLU(6.0, name="bounded"))
    with pytest.raises(ConfigError, match=r"'bounded' is a ReLU with an upper bound.*io_parallel"):
        generate_loaded(loaded(model), tmp_path / "s", GenerateSettings(io_type="io_stream"))


def test_two_bit_weights_of_minus_two_are_not_taken_for_ternary_ones(tmp_path: Path) -> None:
    """hls4ml's product for two-bit integer weights knows -1, 0 and 1 only."""
    q = load_frameworks().qkeras
    model = model_of(
        (4,),
        q.QActivation("quantized_bits(6,2,alpha=1)", name="taken"),
        q.QDense(3, kernel_quantizer="quantized_bits(2,1,alpha=1)", use_bias=False, name="fc"),
    )
    kernel = np.array([[-2, 1, 0], [1, 0, -1], [0, -2, 1], [1, 1, -2]], dtype=np.float32)
    model.get_layer("fc").set_weights([kernel])
    result = verified(model, tmp_path)
    assert result.exact_samples == result.samples, result.reason
