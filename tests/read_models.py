"""Small networks that together hold every layer kind, converted by hls4ml for the tests of both readers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fpgaprune.frameworks import load_frameworks, quiet


@dataclass(frozen=True)
class Case:
    """One conversion: which network, for what, with which settings of every layer."""

    network: str
    backend: str = "Vitis"
    io_type: str = "io_parallel"
    strategy: str = "Latency"
    reuse_factor: int = 1
    model: Mapping[str, Any] = field(default_factory=dict)
    layers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        extra = "-".join([*self.model, *self.layers, *self.options])
        text = f"{self.network}-{self.backend}-{self.io_type}-{self.strategy}-{self.reuse_factor}"
        return f"{text}-{extra}" if extra else text


def image(keras: Any, qkeras: Any) -> Any:
    layers = keras.layers
    start = keras.Input((12, 10, 3), name="img")
    x = layers.Conv2D(4, 3, padding="same", name="c1")(start)
    x = layers.BatchNormalization(name="bn1")(x)
    x = layers.Activation("relu", name="r1")(x)
    x = layers.BatchNormalization(name="bn2")(x)
    x = layers.MaxPooling2D(2, name="mp")(x)
    x = layers.SeparableConv2D(6, 3, name="sep")(x)
    x = layers.DepthwiseConv2D(2, name="dw")(x)
    x = layers.Conv2D(5, 1, name="pw")(x)
    x = layers.LeakyReLU(0.3, name="lr")(x)
    x = layers.UpSampling2D(2, name="up")(x)
    x = layers.ZeroPadding2D(1, name="zp")(x)
    y = layers.Conv2D(5, 1, name="pw2")(x)
    x = layers.Add(name="add")([x, y])
    x = layers.Concatenate(name="cat")([x, y])
    x = layers.AveragePooling2D(2, name="ap")(x)
    x = layers.Flatten(name="fl")(x)
    x = layers.Dense(7, name="d1")(x)
    x = layers.PReLU(name="pr")(x)
    x = layers.Dense(5, name="d2", activation="softmax")(x)
    return keras.Model(start, x)


def global_image(keras: Any, qkeras: Any) -> Any:
    layers = keras.layers
    start = keras.Input((9, 8, 2), name="img")
    x = layers.Activation("relu", name="first")(start)
    x = layers.Conv2D(3, (3, 2), strides=(2, 2), name="c1")(x)
    x = layers.Cropping2D(((1, 0), (0, 1)), name="crop")(x)
    a = layers.GlobalAveragePooling2D(name="gap")(x)
    b = layers.GlobalMaxPooling2D(name="gmp", keepdims=True)(x)
    b = layers.Flatten(name="fl")(b)
    x = layers.Subtract(name="sub")([a, b])
    x = layers.Dense(4, name="d", activation="tanh")(x)
    return keras.Model(start, x)


def signal(keras: Any, qkeras: Any) -> Any:
    layers = keras.layers
    start = keras.Input((16, 3), name="sig")
    x = layers.Conv1D(4, 3, padding="same", name="c1", activation="relu")(start)
    x = layers.Conv1D(5, 1, name="pw")(x)
    x = layers.SeparableConv1D(6, 3, name="sep")(x)
    x = layers.MaxPooling1D(2, name="mp")(x)
    x = layers.DepthwiseConv1D(2, name="dw")(x)
    x = layers.ZeroPadding1D(1, name="zp")(x)
    x = layers.AveragePooling1D(2, name="ap")(x)
    x = layers.Conv1D(4, 3, padding="causal", name="c2")(x)
    x = layers.GlobalAveragePooling1D(name="gap")(x)
    x = layers.Dense(3, name="d", activation="sigmoid")(x)
    return keras.Model(start, x)


def resampled(keras: Any, qkeras: Any) -> Any:
    layers = keras.layers
    start = keras.Input((6, 4), name="sig")
    x = layers.UpSampling1D(2, name="up")(start)
    x = layers.Permute((2, 1), name="turn")(x)
    x = layers.Reshape((6, 8), name="resh")(x)
    x = layers.Activation("tanh", name="t")(x)
    x = layers.Conv1D(2, 3, name="c")(x)
    x = layers.GlobalMaxPooling1D(name="gmp")(x)
    return keras.Model(start, x)


def merged(keras: Any, qkeras: Any) -> Any:
    layers = keras.layers
    first, second = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    x = layers.Dense(4, name="da")(first)
    y = layers.Dense(4, name="db", use_bias=False)(second)
    parts = [
        layers.Add(name="m_add")([x, y]),
        layers.Subtract(name="m_sub")([x, y]),
        layers.Multiply(name="m_mul")([x, y]),
        layers.Average(name="m_avg")([x, y]),
        layers.Maximum(name="m_max")([x, y]),
        layers.Minimum(name="m_min")([x, y]),
    ]
    joined = parts[0]
    for index, part in enumerate(parts[1:]):
        joined = layers.Concatenate(name=f"cat{index}")([joined, part])
    return keras.Model([first, second], [layers.Dense(3, name="out1")(joined), layers.Dense(2, name="out2")(parts[0])])


def dotted(keras: Any, qkeras: Any) -> Any:
    layers = keras.layers
    first, second = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    product = layers.Dot(axes=1, name="dot")([layers.Dense(4, name="da")(first), layers.Dense(4, name="db")(second)])
    return keras.Model([first, second], layers.Dense(2, name="out")(product))


def functions(keras: Any, qkeras: Any) -> Any:
    layers = keras.layers
    x = start = keras.Input((6,), name="x")
    for name in ("relu", "sigmoid", "tanh", "hard_sigmoid", "softplus", "softsign", "selu", "elu", "linear"):
        x = layers.Dense(5, name=f"d_{name}")(x)
        x = layers.Activation(name, name=f"a_{name}")(x)
    x = layers.ELU(0.7, name="elu2")(layers.Dense(5, name="de")(x))
    x = layers.ThresholdedReLU(0.5, name="thr")(layers.Dense(5, name="dt")(x))
    x = layers.ReLU(name="re")(layers.Dense(5, name="dr")(x))
    x = layers.LeakyReLU(0.1, name="le")(layers.Dense(5, name="dl")(x))
    x = layers.Softmax(name="sm")(layers.Dense(5, name="ds")(x))
    return keras.Model(start, x)


def recurrent(keras: Any, qkeras: Any) -> Any:
    layers = keras.layers
    start = keras.Input((8, 3), name="seq")
    x = layers.GRU(5, return_sequences=True, name="gru")(start)
    x = layers.LSTM(3, name="lstm")(x)
    x = layers.Dense(2, activation="sigmoid", name="o")(x)
    return keras.Model(start, x)


def bidirectional(keras: Any, qkeras: Any) -> Any:
    layers = keras.layers
    start = keras.Input((8, 3), name="seq")
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="bi")(start)
    x = layers.Bidirectional(layers.GRU(2), name="bi2")(x)
    x = layers.Dense(2, name="o")(x)
    return keras.Model(start, x)


def quantized(keras: Any, qkeras: Any) -> Any:
    bits = qkeras.quantized_bits
    x = start = keras.Input((8, 8, 2), name="x")
    x = qkeras.QConv2D(4, 3, kernel_quantizer=bits(6, 0, alpha=1), bias_quantizer=bits(6, 2, alpha=1), name="qc")(x)
    x = qkeras.QActivation(qkeras.quantized_relu(6, 2), name="qr")(x)
    x = keras.layers.Flatten(name="fl")(x)
    x = qkeras.QDense(6, kernel_quantizer=bits(4, 0, alpha="auto"), bias_quantizer=bits(4, 2, alpha=1), name="qa")(x)
    x = qkeras.QActivation(bits(8, 2, alpha=1), name="ql")(x)
    x = qkeras.QDense(5, kernel_quantizer=qkeras.ternary(alpha=1), bias_quantizer=bits(4, 2, alpha=1), name="qt")(x)
    x = keras.layers.BatchNormalization(name="bn")(x)
    x = qkeras.QActivation("quantized_tanh(6)", name="th")(x)
    x = qkeras.QDense(4, kernel_quantizer=qkeras.binary(alpha=1), bias_quantizer=bits(4, 2, alpha=1), name="qb")(x)
    return keras.Model(start, x)


def binary(keras: Any, qkeras: Any) -> Any:
    one, three = qkeras.binary(alpha=1), qkeras.ternary(alpha=1)
    x = start = keras.Input((8,), name="x")
    x = qkeras.QDense(6, kernel_quantizer=one, use_bias=False, name="b1")(x)
    x = keras.layers.BatchNormalization(name="bn1")(x)
    x = qkeras.QActivation("binary(alpha=1)", name="bt")(x)
    x = qkeras.QDense(6, kernel_quantizer=one, use_bias=False, name="b2")(x)
    x = keras.layers.BatchNormalization(name="bn2")(x)
    x = qkeras.QActivation("ternary(alpha=1)", name="tt")(x)
    x = qkeras.QDense(5, kernel_quantizer=three, use_bias=False, name="t3")(x)
    return keras.Model(start, x)


def powers(keras: Any, qkeras: Any) -> Any:
    x = start = keras.Input((8,), name="x")
    po2 = qkeras.quantized_po2(4, 1)
    x = qkeras.QDense(6, kernel_quantizer=po2, bias_quantizer=qkeras.quantized_bits(6, 2, alpha=1), name="p")(x)
    return keras.Model(start, x)


def unusual(keras: Any, qkeras: Any) -> Any:
    layers = keras.layers
    x = start = keras.Input((6,), name="tokens")
    x = layers.Embedding(10, 4, name="emb")(x)
    x = layers.Conv1D(3, 2, name="c")(x)
    return keras.Model(start, x)


def normalized(keras: Any, qkeras: Any) -> Any:
    layers = keras.layers
    x = start = keras.Input((6, 4), name="x")
    x = layers.LayerNormalization(name="ln", epsilon=1e-3)(x)
    x = layers.Flatten(name="fl")(x)
    return keras.Model(start, layers.Dense(2, name="d")(x))


def perceptron(keras: Any, qkeras: Any) -> Any:
    layers = keras.layers
    x = start = keras.Input((10,), name="x")
    x = layers.Dense(12, activation="relu", name="d1")(x)
    x = layers.Dense(8, activation="relu", name="d2")(x)
    return keras.Model(start, layers.Dense(4, activation="softmax", name="d3")(x))


NETWORKS: dict[str, Callable[[Any, Any], Any]] = {
    build.__name__: build
    for build in (
        image,
        global_image,
        signal,
        resampled,
        merged,
        dotted,
        functions,
        recurrent,
        bidirectional,
        quantized,
        binary,
        powers,
        unusual,
        normalized,
        perceptron,
    )
}


def built(network: str, seed: int = 0) -> Any:
    """The network with random weights, some of them zero, batch statistics included."""
    frameworks = load_frameworks()
    frameworks.keras.backend.clear_session()
    random = np.random.default_rng(seed)
    model = NETWORKS[network](frameworks.keras, frameworks.qkeras)
    for layer in model.layers:
        values = []
        for variable in layer.weights:
            value = random.normal(0, 0.6, variable.shape)
            if "variance" in variable.name:
                value = np.abs(value) + 0.1
            elif variable.shape.rank > 1:
                value *= random.random(variable.shape) > 0.2
            values.append(value.astype(np.float32))
        if values:
            layer.set_weights(values)
    return model


def converted(case: Case, folder: Path, seed: int = 0) -> tuple[Any, Any]:
    """The Keras model and hls4ml's graph of a case, ready to be written into `folder`."""
    frameworks = load_frameworks()
    model = built(case.network, seed)
    with quiet("conversion"):
        config = frameworks.hls4ml.utils.config_from_keras_model(model, granularity="name", backend=case.backend)
        config["Model"].update(case.model)
        weighty = {layer.name for layer in model.layers if layer.weights}
        for name, settings in config["LayerName"].items():
            settings["ReuseFactor"] = case.reuse_factor
            if name in weighty:
                settings["Strategy"] = case.strategy
            settings.update(case.layers.get(name, {}))
        graph = frameworks.hls4ml.converters.convert_from_keras_model(
            model,
            hls_config=config,
            backend=case.backend,
            io_type=case.io_type,
            output_dir=str(folder),
            **{"part": "xcku115-flvb2104-2-i", **case.options},
        )
    return model, graph
