"""Small models with representable quantizers, and plain ones, that `generate` is held to."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fpgaprune.frameworks import load_frameworks
from fpgaprune.read.model import LoadedModel

Build = Callable[[Any, Any], Any]  # (keras, qkeras) -> model


def built(build: Build, seed: int = 0) -> Any:
    """The model with random weights that reach the ends of their quantizers and hit zero now and then."""
    frameworks = load_frameworks()
    frameworks.keras.backend.clear_session()
    frameworks.keras.utils.set_random_seed(seed)
    model = build(frameworks.keras, frameworks.qkeras)
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        values = []
        for variable in layer.weights:
            value = rng.normal(0, 0.6, variable.shape)
            if "variance" in variable.name:
                value = np.abs(value) + 0.2
            if "kernel" in variable.name:
                value *= rng.random(variable.shape) > 0.3
            values.append(value.astype(np.float32))
        if values:
            layer.set_weights(values)
    return model


def loaded(model: Any, name: str = "model") -> LoadedModel:
    """As if it had been read from a file."""
    from pathlib import Path  # noqa: PLC0415

    return LoadedModel(model, Path(f"{name}.h5"), "h5", ())


def dense(keras: Any, q: Any) -> Any:
    """Every fixed-point weight quantizer of a dense layer, unsigned and symmetric ones and powers of two among them."""
    x = start = keras.Input((10,), name="x")
    x = q.QActivation("quantized_bits(9,3,alpha=1)", name="taken")(x)
    quantizers = (
        "quantized_bits(6,0,alpha=1)",
        "quantized_bits(5,1,keep_negative=0,alpha=1)",
        "quantized_bits(4,0,symmetric=1,alpha=1)",
        "quantized_po2(4)",
        "ternary(alpha=1)",
        "binary(alpha=1)",
        "quantized_bits(1,0,alpha=1)",
    )
    for number, quantizer in enumerate(quantizers):
        bias = "quantized_bits(7,2,alpha=1)" if number % 2 == 0 else None
        options = {"bias_quantizer": bias, "use_bias": bias is not None}
        x = q.QDense(9, kernel_quantizer=quantizer, **options, name=f"d{number}")(x)
        x = q.QActivation(f"quantized_relu({5 + number % 2},{3 + number % 2})", name=f"relu{number}")(x)
    x = q.QDense(4, kernel_quantizer="quantized_bits(6,1,alpha=1)", use_bias=False, name="last")(x)
    return keras.Model(start, q.QActivation("quantized_bits(10,5,alpha=1)", name="out")(x))


def image(keras: Any, q: Any) -> Any:
    """Convolutions in two dimensions: strides, padding, dilation, depthwise, pooling, merging, up-sampling."""
    layers = keras.layers
    six, five = "quantized_bits(6,1,alpha=1)", "quantized_bits(5,0,alpha=1)"
    x = start = keras.Input((8, 8, 2), name="x")
    x = q.QActivation("quantized_bits(8,2,alpha=1)", name="taken")(x)
    x = q.QConv2D(3, 3, padding="same", strides=2, kernel_quantizer=six, bias_quantizer=six, name="c1")(x)
    x = a = q.QActivation("quantized_relu(6,3)", name="r1")(x)
    x = q.QDepthwiseConv2D(3, padding="same", depthwise_quantizer=five, bias_quantizer=five, name="dw")(x)
    x = q.QActivation("quantized_relu(6,3)", name="r2")(x)
    x = layers.Add(name="sum")([a, x])
    x = layers.Concatenate(name="both")([x, a])
    x = layers.UpSampling2D(2, name="up")(x)
    x = layers.ZeroPadding2D(1, name="pad")(x)
    x = q.QConv2D(4, 2, dilation_rate=2, kernel_quantizer=five, use_bias=False, name="c2")(x)
    x = q.QActivation("quantized_relu(7,4)", name="r3")(x)
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = layers.Flatten(name="flat")(x)
    return keras.Model(start, q.QDense(3, kernel_quantizer=five, bias_quantizer=six, name="last")(x))


def signal(keras: Any, q: Any) -> Any:
    """Convolutions in one dimension, causal and grouped ones."""
    layers = keras.layers
    six = "quantized_bits(6,1,alpha=1)"
    x = start = keras.Input((12, 4), name="x")
    x = q.QActivation("quantized_relu(6,2)", name="taken")(x)
    x = q.QConv1D(4, 3, padding="same", kernel_quantizer=six, bias_quantizer=six, name="c1")(x)
    x = q.QActivation("quantized_bits(7,3,alpha=1)", name="r1")(x)
    x = q.QConv1D(4, 3, strides=2, kernel_quantizer=six, bias_quantizer=six, name="c2")(x)
    x = q.QActivation("quantized_relu(7,3)", name="r2")(x)
    x = layers.MaxPooling1D(2, name="pool")(x)
    x = layers.Flatten(name="flat")(x)
    return keras.Model(start, q.QDense(3, kernel_quantizer=six, bias_quantizer=six, name="last")(x))


def scaled(keras: Any, q: Any) -> Any:
    """Scales per channel and batch normalization, which no narrow type holds: near, not equal."""
    x = start = keras.Input((8,), name="x")
    x = q.QActivation("quantized_bits(8,2,alpha=1)", name="taken")(x)
    x = q.QDense(8, kernel_quantizer="quantized_bits(4,0,alpha='auto')", bias_quantizer=None, name="auto")(x)
    x = q.QActivation("quantized_relu(8,3)", name="r1")(x)
    x = q.QDense(8, kernel_quantizer="quantized_bits(4,0,alpha='auto_po2')", use_bias=False, name="po2")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = q.QActivation("quantized_relu(8,3)", name="r2")(x)
    x = q.QDense(5, kernel_quantizer="ternary(alpha='auto')", bias_quantizer="quantized_bits(8,2,alpha=1)", name="t")(x)
    return keras.Model(start, keras.layers.Activation("softmax", name="classes")(x))


def functions(keras: Any, _: Any) -> Any:
    """Every activation function that hls4ml has."""
    layers = keras.layers
    x = start = keras.Input((8,), name="x")
    names = ("relu", "sigmoid", "tanh", "softplus", "softsign", "selu", "hard_sigmoid", "relu6")
    branches = []
    for name in names:
        y = layers.Dense(4, name=f"d_{name}")(x)
        function = keras.activations.relu if name == "relu6" else name
        layer = layers.ReLU(6.0, name="a_relu6") if name == "relu6" else layers.Activation(function, name=f"a_{name}")
        branches.append(layer(y))
    kinds = (layers.LeakyReLU(0.2, name="leaky"), layers.PReLU(name="prelu"), layers.ELU(0.5, name="elu"))
    branches += [kind(layers.Dense(4, name=f"d_{kind.name}")(x)) for kind in kinds]
    both = branches[0]
    for number, branch in enumerate(branches[1:]):
        both = layers.Concatenate(name=f"j{number}")([both, branch])
    return keras.Model(start, both)


def two_ended(keras: Any, _: Any) -> Any:
    """Two inputs, two outputs, and every way of merging."""
    layers = keras.layers
    a, b = keras.Input((6,), name="first"), keras.Input((6,), name="second")
    x, y = layers.Dense(6, activation="relu", name="da")(a), layers.Dense(6, name="db")(b)
    merged = [layers.Add(name="add")([x, y]), layers.Subtract(name="sub")([x, y])]
    merged += [layers.Multiply(name="mul")([x, y]), layers.Average(name="avg")([x, y])]
    merged += [layers.Maximum(name="max")([x, y]), layers.Minimum(name="min")([x, y])]
    both = merged[0]
    for number, branch in enumerate(merged[1:]):
        both = layers.Concatenate(name=f"j{number}")([both, branch])
    return keras.Model([a, b], [layers.Dense(3, name="o1")(both), layers.Dense(2, activation="softmax", name="o2")(y)])


def separable(keras: Any, _: Any) -> Any:
    """Separable and grouped convolutions, average pooling, batch normalization in front and behind."""
    layers = keras.layers
    x = start = keras.Input((8, 8, 4), name="x")
    x = layers.BatchNormalization(name="first")(x)
    x = layers.SeparableConv2D(4, 3, padding="same", activation="relu", name="sep")(x)
    x = layers.Conv2D(4, 3, groups=2, use_bias=False, name="grouped")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Activation("relu", name="r")(x)
    x = layers.AveragePooling2D(2, name="avg")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(start, layers.Dense(4, activation="softmax", name="last")(x))


def recurrent(keras: Any, _: Any) -> Any:
    """Recurrent layers in a row."""
    layers = keras.layers
    x = start = keras.Input((10, 4), name="x")
    x = layers.TimeDistributed(layers.Dense(5, activation="relu"), name="steps")(x)
    x = layers.Bidirectional(layers.GRU(5, return_sequences=True), name="both")(x)
    x = layers.LSTM(6, name="lstm")(x)
    return keras.Model(start, layers.Dense(3, activation="softmax", name="last")(x))
