"""A dense network for tests of sparse kernels, and its project with or without them."""

from pathlib import Path
from typing import Any

import numpy as np

from fpgaprune.design import Design
from fpgaprune.flow.generate import generate_loaded
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.settings import GenerateSettings, SparseKernels
from tests.generate_models import loaded


def dense_model(sparsity: float) -> Any:
    """Three dense layers: one of the asked sparsity, one with one weight, one with equal weights."""
    frameworks = load_frameworks()
    q = frameworks.qkeras
    frameworks.keras.backend.clear_session()
    eight = "quantized_bits(8,0,alpha=1)"
    made = frameworks.keras.Sequential([
        frameworks.keras.layers.Input((10,), name="x"),
        q.QActivation("quantized_bits(9,3,alpha=1)", name="taken"),
        q.QDense(8, kernel_quantizer=eight, bias_quantizer=eight, name="sparse"),
        q.QActivation("quantized_relu(8,3)", name="relu"),
        q.QDense(4, kernel_quantizer=eight, bias_quantizer=eight, name="single"),
        q.QActivation("quantized_bits(8,3,alpha=1)", name="between"),
        q.QDense(3, kernel_quantizer=eight, bias_quantizer=eight, name="equal"),
    ])  # fmt: skip
    rng = np.random.default_rng(3)
    first = rng.uniform(-1, 1, (10, 8)) * (rng.random((10, 8)) >= sparsity)
    single = np.zeros((8, 4))
    single[5, 2] = 43 / 128
    values = [first, rng.uniform(-1, 1, 8), single, rng.uniform(-1, 1, 4), np.full((4, 3), -53 / 128), np.zeros(3)]
    made.set_weights(values)
    return made


def generated(
    folder: Path,
    keras_model: Any,
    kernels: SparseKernels,
    backend: str,
    reuse_factor: int,
    io_type: str = "io_parallel",
) -> Design:
    settings = GenerateSettings(backend=backend, io_type=io_type, reuse_factor=reuse_factor, sparse_kernels=kernels)
    return generate_loaded(loaded(keras_model), folder, settings, run_verify=False).design
