"""A model for audits, and weights that zeros are among."""

from typing import Any

import numpy as np

from fpgaprune.frameworks import load_frameworks


def randomized(model: Any, scale: float = 0.5) -> Any:
    rng = np.random.default_rng(7)
    weights = []
    for variable in model.weights:
        values = rng.normal(0, scale, variable.shape)
        values = np.abs(values) + 0.5 if "variance" in variable.name or "gamma" in variable.name else values
        weights.append(np.where(rng.random(variable.shape) < 0.3, 0.0, values) if "kernel" in variable.name else values)
    model.set_weights(weights)
    return model


def quantized_model() -> Any:
    frameworks = load_frameworks()
    keras, qkeras = frameworks.keras, frameworks.qkeras
    weights, biases = "quantized_bits(6,0,alpha=1)", "quantized_bits(8,1,alpha=1)"
    return randomized(
        keras.Sequential(
            [
                keras.layers.Input((6,)),
                qkeras.QDense(8, kernel_quantizer=weights, bias_quantizer=biases, name="fc1"),
                qkeras.QActivation("quantized_relu(8,2)", name="act"),
                qkeras.QDense(4, kernel_quantizer=weights, bias_quantizer=biases, name="fc2"),
            ]
        )
    )
