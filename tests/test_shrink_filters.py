"""Filters and constant neurons taken out, through every kind of connection."""

from typing import Any

import numpy as np
import pytest
from contracts.pruning import dense_model, ring_data

from fpgaprune.compress import L0, Blocks, Lanes, TrainingData, prune
from fpgaprune.compress.copying import predict
from fpgaprune.compress.kernels import find_kernels
from fpgaprune.compress.quantization import PostTraining, quantize
from fpgaprune.compress.shrink import shrink
from fpgaprune.frameworks import load_frameworks

pytestmark = pytest.mark.keras


def layers() -> Any:
    load_frameworks().keras.utils.set_random_seed(3)
    return load_frameworks().keras.layers


def build(inputs: Any, outputs: Any) -> Any:
    """A model whose biases and normalizations are not those it is initialized with."""
    model = load_frameworks().keras.Model(inputs, outputs)
    rng = np.random.default_rng(5)
    for variable in model.weights:
        if any(word in variable.name for word in ("bias", "beta", "moving_mean")):
            variable.assign(rng.normal(size=variable.shape))
        elif any(word in variable.name for word in ("gamma", "moving_variance")):
            variable.assign(rng.uniform(0.5, 2, variable.shape))
    return model


def empty(model: Any, name: str, filters: list[int], bias: float | None = None) -> None:
    """No weight of these neurons or filters is left."""
    kernel, *rest = model.get_layer(name).get_weights()
    kernel[..., filters] = 0
    if bias is not None:
        rest[0][filters] = bias
    model.get_layer(name).set_weights([kernel, *rest])


def unread(model: Any, name: str, channels: list[int]) -> None:
    kernel, *rest = model.get_layer(name).get_weights()
    kernel[..., channels, :] = 0
    model.get_layer(name).set_weights([kernel, *rest])


def same_after(model: Any, removed: dict[str, int]) -> Any:
    """The smaller model: it computes the same and has lost these."""
    rng = np.random.default_rng(7)
    x = tuple(rng.normal(size=(20, *each.shape[1:])).astype(np.float32) for each in model.inputs)
    result = shrink(model)
    assert dict(result.removed) == removed
    for one, other in zip(predict(model, x), predict(result.model, x), strict=True):
        assert np.allclose(one, other, atol=1e-5)
    if removed:
        assert result.model.count_params() < model.count_params()
    return result.model


@pytest.mark.parametrize("bias", [0.7, -0.7])
def test_neurons_without_weights_go_into_the_bias_of_their_reader(bias: float) -> None:
    la = layers()
    inputs = la.Input((6,))
    x = la.Dense(8, activation="relu", name="first")(inputs)
    x = la.BatchNormalization()(x)
    model = build(inputs, la.Dense(3, activation="softmax", name="out")(x))
    empty(model, "first", [1, 4], bias)
    empty(model, "out", [1])  # an output stays
    assert same_after(model, {"first": 2}).get_layer("first").units == 6


def test_a_reader_without_a_bias_keeps_what_is_not_zero() -> None:
    la = layers()
    inputs = la.Input((6,))
    x = la.Dense(8, activation="relu", name="first")(inputs)
    model = build(inputs, la.Dense(3, use_bias=False, name="out")(x))
    empty(model, "first", [1], 0.7)
    empty(model, "first", [4], -0.7)
    same_after(model, {"first": 1})


def test_filters_go_through_normalization_pooling_and_flattening() -> None:
    la = layers()
    inputs = la.Input((6, 6, 2))
    x = la.Conv2D(5, 3, padding="same", name="conv")(inputs)
    x = la.BatchNormalization()(x)
    x = la.MaxPooling2D()(la.ReLU()(x))
    x = la.Flatten()(x)
    model = build(inputs, la.Dense(3, name="out")(x))
    kernel, bias = model.get_layer("out").get_weights()
    kernel.reshape(9, 5, 3)[:, 3] = 0  # wherever it is read
    kernel.reshape(9, 5, 3)[2, 1] = 0  # in one place only
    model.get_layer("out").set_weights([kernel, bias])
    empty(model, "conv", [0])
    smaller = same_after(model, {"conv": 2})
    assert smaller.get_layer("out").kernel.shape == (27, 3)


def test_a_constant_map_that_is_padded_with_zeros_stays() -> None:
    la = layers()
    inputs = la.Input((6, 6, 2))
    x = la.Conv2D(4, 3, name="conv")(inputs)
    x = la.Conv2D(4, 3, padding="same", name="padded")(x)
    x = la.Conv2D(4, 3, name="valid")(x)
    model = build(inputs, la.Dense(2)(la.GlobalAveragePooling2D()(x)))
    empty(model, "conv", [0, 1])
    empty(model, "conv", [1], 0.0)
    empty(model, "padded", [2])
    same_after(model, {"conv": 1, "padded": 1})


def test_what_a_residual_addition_joins_goes_together_or_stays() -> None:
    la = layers()
    inputs = la.Input((6, 6, 2))
    trunk = la.Conv2D(4, 3, name="stem")(inputs)
    branch = la.Conv2D(4, 3, padding="same", name="branch")(la.ReLU()(trunk))
    x = la.Add()([trunk, branch])
    model = build(inputs, la.Dense(2)(la.Flatten()(la.Conv2D(3, 3, name="reads")(x))))
    unread(model, "reads", [0, 2])
    unread(model, "branch", [2])
    same_after(model, {"stem": 1, "branch": 1})  # 0 is read by the branch


def test_concatenated_filters_are_taken_out_of_their_own_part() -> None:
    la = layers()
    inputs = la.Input((6, 6, 2))
    one, two = (la.Conv2D(n, 3, activation="relu", name=f"conv{n}")(inputs) for n in (3, 4))
    x = la.Concatenate()([one, two])
    model = build(inputs, la.Dense(2, name="out")(la.GlobalMaxPooling2D()(x)))
    unread(model, "out", [1, 4, 5])
    smaller = same_after(model, {"conv3": 1, "conv4": 2})
    assert smaller.get_layer("out").kernel.shape == (4, 2)


@pytest.mark.parametrize("multiplier", [1, 2])
def test_a_depthwise_layer_loses_the_channels_of_what_it_reads(multiplier: int) -> None:
    la = layers()
    inputs = la.Input((6, 6, 2))
    x = la.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    x = la.DepthwiseConv2D(3, depth_multiplier=multiplier, padding="same", name="depth")(x)
    x = la.BatchNormalization()(x)
    model = build(inputs, la.Dense(2)(la.Flatten()(la.Conv2D(3, 1, name="mix")(x))))
    unread(model, "mix", [2 * multiplier + n for n in range(multiplier)])
    unread(model, "mix", [0] if multiplier == 2 else [])
    smaller = same_after(model, {"conv": 1})
    assert smaller.get_layer("depth").depthwise_kernel.shape == (3, 3, 3, multiplier)


def test_separable_and_recurrent_layers_read_channels() -> None:
    la = layers()
    inputs = la.Input((8, 3))
    x = la.Conv1D(5, 3, activation="relu", name="conv")(inputs)
    x = la.SeparableConv1D(4, 2, depth_multiplier=2, name="sep")(x)
    x = la.LSTM(4, name="lstm")(x)
    model = build(inputs, la.Dense(2)(x))
    depthwise, pointwise, bias = model.get_layer("sep").get_weights()
    pointwise[:, 6:8] = 0  # both maps of channel 3
    depthwise[:, 1] = 0
    pointwise[:, 4] = 0  # one of two
    model.get_layer("sep").set_weights([depthwise, pointwise, bias])
    kernel, *rest = model.get_layer("lstm").get_weights()
    kernel[2] = 0
    model.get_layer("lstm").set_weights([kernel, *rest])
    same_after(model, {"conv": 2, "sep": 1})


def test_shared_layers_outputs_and_strange_layers_hold_their_channels() -> None:
    la = layers()
    inputs = la.Input((4, 5))
    x = la.Dense(5, name="twice")
    both = la.Concatenate(axis=1)([x(inputs), x(x(inputs))])
    seen = la.Dense(6, name="seen")(both)
    turned = la.Permute((2, 1))(la.Dense(4, name="turned")(seen))
    model = build(inputs, [seen, la.Dense(2, name="out")(la.Flatten()(turned))])
    unread(model, "seen", [0, 1])
    unread(model, "turned", [0, 1])
    unread(model, "out", [0, 1, 2, 3])
    same_after(model, {})


def test_what_only_dead_filters_read_goes_too() -> None:
    la = layers()
    inputs = la.Input((8, 8, 1))
    x = la.Conv2D(4, 3, activation="relu", name="one")(inputs)
    x = la.Conv2D(4, 3, activation="relu", name="two")(x)
    model = build(inputs, la.Dense(2, name="out")(la.GlobalAveragePooling2D()(x)))
    unread(model, "out", [3])
    kernel, bias = model.get_layer("two").get_weights()
    kernel[:, :, 1, :3] = 0  # read by filter 3 only
    model.get_layer("two").set_weights([kernel, bias])
    same_after(model, {"one": 1, "two": 1})


@pytest.mark.parametrize("per_channel", [False, True])
def test_quantized_filters_with_scales_of_their_own(per_channel: bool) -> None:
    la = layers()
    inputs = la.Input((6, 6, 2))
    x = la.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    x = la.DepthwiseConv2D(3, activation="relu", name="depth")(x)
    x = la.Conv2D(5, 2, activation="relu", name="next")(x)
    model = build(inputs, la.Dense(2, name="out")(la.Flatten()(x)))
    for n, name in enumerate(("conv", "depth", "next")):  # scales that differ
        kernel, bias = model.get_layer(name).get_weights()
        last = kernel.shape[-1] if name != "depth" else 1
        model.get_layer(name).set_weights([kernel * 2.0 ** -np.arange(n, n + last), bias])
    unread(model, "next", [1])
    unread(model, "out", [4])
    samples = np.random.default_rng(0).normal(size=(64, 6, 6, 2)).astype(np.float32)
    config = PostTraining(10, per_channel=per_channel)
    same_after(quantize(model, config, [samples]).model, {"conv": 1, "next": 1})


def test_a_quantized_bias_takes_in_what_it_can_hold_only() -> None:
    la, q = layers(), load_frameworks().qkeras
    bits = "quantized_bits(6,1,alpha=1)"
    inputs = la.Input((4,))
    for bias_bits, removed in (("quantized_bits(20,4,alpha=1)", {"first": 1}), ("quantized_bits(6,1,alpha=1)", {})):
        x = q.QDense(5, kernel_quantizer=bits, bias_quantizer=bits, name="first")(inputs)
        x = q.QActivation("quantized_relu(8,2)")(x)
        model = build(inputs, q.QDense(3, kernel_quantizer=bits, bias_quantizer=bias_bits, name="out")(x))
        kernel, _ = model.get_layer("out").get_weights()
        kernel[2] = 3 / 16 * np.array([1, 3, 5])
        model.get_layer("out").set_weights([kernel, np.zeros(3)])
        empty(model, "first", [2], 0.4375)
        smaller = same_after(model, removed)
        x_test = np.random.default_rng(2).normal(size=(50, 4)).astype(np.float32)
        assert np.array_equal(predict(model, x_test)[0], predict(smaller, x_test)[0])


def test_a_layer_keeps_a_filter() -> None:
    la = layers()
    inputs = la.Input((6, 6, 2))
    x = la.Conv2D(4, 3, name="conv")(inputs)
    model = build(inputs, la.Dense(2, name="out")(la.Flatten()(x)))
    empty(model, "conv", [0, 1, 2, 3])
    same_after(model, {"conv": 3})


@pytest.mark.parametrize(
    "config",
    [
        L0(target_sparsity=0.6, group="output", epochs=3, fine_tune_epochs=0),
        Blocks(target_sparsity=0.6, rows=16, epochs=3, updates=2),
        Lanes(target_sparsity=0.6, reuse_factor=16, epochs=3, updates=2),
    ],
)
def test_pruning_by_neurons_takes_no_answer_away(config: Any) -> None:
    result = prune(dense_model(), config, ring_data())
    first, second = result.record["found"]["layers"]
    assert (first["pruned"], second["pruned"]) == (True, False)
    assert first["sparsity"] == result.sparsity >= 0.6
    assert second["zeros"] == 0


def test_weights_of_the_last_layer_go_one_by_one_as_those_of_others() -> None:
    for config in (
        L0(target_sparsity=0.6, epochs=3, fine_tune_epochs=0),
        Blocks(target_sparsity=0.6, epochs=3, updates=2),
    ):
        layers = prune(dense_model(), config, ring_data()).record["found"]["layers"]
        assert [layer["pruned"] for layer in layers] == [True, True]


@pytest.mark.parametrize("shared", [None, (1, 2)])
def test_a_slope_for_every_channel_passes_channels(shared: Any) -> None:
    la = layers()
    inputs = la.Input((5, 5, 2))
    x = la.PReLU(shared_axes=shared, name="slope")(la.Conv2D(4, 2, name="conv")(inputs))
    model = build(inputs, la.Dense(2, name="out")(la.GlobalAveragePooling2D()(x)))
    model.get_layer("slope").set_weights([np.random.default_rng(1).uniform(size=model.get_layer("slope").alpha.shape)])
    unread(model, "out", [1])
    empty(model, "conv", [2], -0.5)  # constant, where its slope is the same everywhere
    same_after(model, {"conv": 1 if shared is None else 2})


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("group", ["input", "output"])
def test_gates_of_channels_make_padded_convolutions_smaller(group: str, quantized: bool) -> None:
    """A filter goes with its bias: a constant map could not be taken out where it is padded with zeros."""
    la, rng = layers(), np.random.default_rng(0)
    inputs = la.Input((6, 6, 1))
    x = la.Conv2D(6, 3, padding="same", activation="relu", name="one")(inputs)
    x = la.DepthwiseConv2D(3, padding="same", activation="relu", name="depth")(x)
    x = la.Conv2D(6, 3, padding="same", activation="relu", name="two")(x)
    model = build(inputs, la.Dense(2, activation="softmax", name="out")(la.GlobalAveragePooling2D()(x)))
    images = rng.normal(size=(120, 6, 6, 1)).astype(np.float32)
    classes = (images[:, 2, 2, 0] > 0).astype(np.int64)
    data = TrainingData(images[:90], classes[:90], images[90:], classes[90:])
    if quantized:
        model = quantize(model, PostTraining(8), [images]).model
    config = L0(target_sparsity=0.5, group=group, epochs=3, fine_tune_epochs=2, loss="sparse_categorical_crossentropy")
    found = shrink(prune(model, config, data).model)
    assert sum(found.removed.values()) >= 2
    before = sum(kernel.size for kernel in find_kernels(model))
    assert sum(kernel.size for kernel in find_kernels(found.model)) <= 0.75 * before
