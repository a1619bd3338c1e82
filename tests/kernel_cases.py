"""Many layers in one project: every kind of layer the sparse kernels know, by reuse factor, sparsity and positions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from fpgaprune.csd import csd_digits
from fpgaprune.csim import build_simulation, build_simulation_with
from fpgaprune.design import Design, LayerKind, LayerSpec, Strategy
from fpgaprune.design.differences import differences
from fpgaprune.estimate.kernels import kernel_matrix, kernel_needs, kernel_prefixes
from fpgaprune.flow.generate import generate_loaded
from fpgaprune.flow.kernel_audit import kernel_differences
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.settings import GenerateSettings, LayerSettings, SparseKernels
from fpgaprune.read.project import read_project
from tests.generate_models import loaded

KINDS = (
    "dense",
    "conv1d",
    "conv2d",
    "point1d",
    "point2d",
    "depth1d",
    "depth2d",
    "separable1d",
    "separable2d",
    "lstm",
    "gru",
    "scale",
    "scale1d",
)
PARALLEL_KINDS = ("bilstm", "bigru")  # hls4ml has them with parallel data only
REUSE_FACTORS = (1, 2, 4, 8, 16)
SPARSITIES = (0.0, 0.5, 0.75, 0.9, 1.0)
# Positions computed at once in io_parallel, from one to all of them; None leaves it to hls4ml, which takes one.
AT_ONCE: dict[str, tuple[int | None, ...]] = {
    "dense": (None,),
    "conv1d": (None, 2, 3, 6),
    "conv2d": (None, 3, 4, 12),
    "point1d": (None, 2, 3, 6),
    "point2d": (None, 3, 9),
    "depth1d": (None, 2, 3, 6),
    "depth2d": (None, 2, 3, 6),
    "separable1d": (None, 2, 4),
    "separable2d": (None, 2, 3, 6),
    "lstm": (None,),
    "gru": (None,),
    "bilstm": (None,),
    "bigru": (None,),
    "scale": (None,),
    "scale1d": (None,),
}
RECURRENT = ("lstm", "gru", "bilstm", "bigru")
SAMPLES = 60


@dataclass(frozen=True)
class Case:
    """One layer of its own, from an input to an output of the network."""

    kind: str
    reuse_factor: int
    sparsity: float
    positions_at_once: int | None = None
    adders: bool = False  # sums of shifts in place of multipliers

    @property
    def name(self) -> str:
        at_once = f"_p{self.positions_at_once}" if self.positions_at_once else ""
        adders = "adders_" if self.adders else ""
        return f"{adders}{self.kind}_r{self.reuse_factor}_s{round(100 * self.sparsity)}{at_once}"

    @property
    def shape(self) -> tuple[int, ...]:
        if self.kind in {"dense", "scale"}:
            return (9,)
        if self.kind in RECURRENT:
            return (3, 4)
        return (6, 3) if self.kind.endswith("1d") else (3 if "point" in self.kind else 4, 3, 3)


def case_model(cases: Sequence[Case]) -> Any:
    """A network of the cases side by side, with seeded weights of 8 bits."""
    frameworks = load_frameworks()
    keras, q = frameworks.keras, frameworks.qkeras
    keras.backend.clear_session()
    starts = [keras.Input(case.shape, name=f"x_{case.name}") for case in cases]
    ends = [_layer(q, keras, case)(q.QActivation("quantized_bits(9,3,alpha=1)", name=f"in_{case.name}")(start))
            for case, start in zip(cases, starts, strict=True)]  # fmt: skip
    made = keras.Model(starts, ends)
    rng = np.random.default_rng(7)
    for case in cases:
        layer = made.get_layer(case.name)
        values = []
        for weight in layer.weights:
            thinned = "kernel" in weight.name or "gamma" in weight.name
            kept = rng.random(weight.shape) >= (case.sparsity if thinned else 0)
            value = rng.uniform(-1, 1, weight.shape) * kept
            values.append(np.abs(value) + 0.2 if "variance" in weight.name else value)
        layer.set_weights(values)
    return made


def _layer(q: Any, keras: Any, case: Case) -> Any:
    eight, name = "quantized_bits(8,0,alpha=1)", {"name": case.name}
    bias = {"bias_quantizer": eight, **name}
    both = {"kernel_quantizer": eight, **bias}
    split = {"depthwise_quantizer": eight, "pointwise_quantizer": eight, **bias}
    cell = {"recurrent_quantizer": eight, "activation": "tanh", "recurrent_activation": "sigmoid", **both}
    makers: dict[str, Callable[[], Any]] = {
        "dense": lambda: q.QDense(5, **both),
        "conv1d": lambda: q.QConv1D(4, 3, padding="same", **both),
        "conv2d": lambda: q.QConv2D(3, 2, padding="same", **both),
        "point1d": lambda: q.QConv1D(4, 1, **both),
        "point2d": lambda: q.QConv2D(4, 1, **both),
        "depth1d": lambda: keras.layers.DepthwiseConv1D(3, padding="same", **name),
        "depth2d": lambda: q.QDepthwiseConv2D(2, depthwise_quantizer=eight, **bias),
        "separable1d": lambda: q.QSeparableConv1D(4, 3, **split),
        "separable2d": lambda: q.QSeparableConv2D(4, 2, **split),
        "lstm": lambda: q.QLSTM(3, **cell),
        "gru": lambda: q.QGRU(3, reset_after=True, **cell),
        "bilstm": lambda: keras.layers.Bidirectional(keras.layers.LSTM(2, name=f"of_{case.name}"), **name),
        "bigru": lambda: keras.layers.Bidirectional(keras.layers.GRU(3, name=f"of_{case.name}"), **name),
        "scale": lambda: keras.layers.BatchNormalization(**name),
        "scale1d": lambda: keras.layers.BatchNormalization(**name),
    }
    return makers[case.kind]()


def case_settings(
    cases: Sequence[Case], kernels: SparseKernels, io_type: str, backend: str, strategy: Strategy = Strategy.LATENCY
) -> GenerateSettings:
    layers = {
        case.name: LayerSettings(
            reuse_factor=case.reuse_factor,
            parallelization_factor=case.positions_at_once,
            sparse_kernels=SparseKernels.ADDERS if case.adders and kernels is SparseKernels.ALWAYS else kernels,
        )
        for case in cases
    }
    return GenerateSettings(backend=backend, io_type=io_type, strategy=strategy, layers=layers)


def check_cases(folder: Path, cases: Sequence[Case], io_type: str, backend: str) -> Design:
    """Hold every case to hls4ml's Latency kernels bit for bit, to its multipliers as stated, and to its own text."""
    keras_model = case_model(cases)
    for name, kernels in (("ours", SparseKernels.ALWAYS), ("plain", SparseKernels.NEVER)):
        settings = case_settings(cases, kernels, io_type, backend)
        design = generate_loaded(loaded(keras_model), folder / name, settings, run_verify=False).design
        if kernels is SparseKernels.ALWAYS:
            ours = design
    rng = np.random.default_rng(8)
    inputs = [rng.uniform(-4, 4, (SAMPLES, int(np.prod(case.shape)))) for case in cases]
    for case, found, expected in zip(cases, *outputs_of_both(folder, inputs), strict=True):
        np.testing.assert_array_equal(found, expected, err_msg=f"{case.name}, {io_type}, {backend}")
        assert case.sparsity > 0.9 or np.ptp(expected) > 0
    written = read_project(folder / "ours")
    assert differences(ours, written) == ()
    assert list(kernel_differences(folder / "ours", written)) == []
    for case in cases:
        layers = [layer for layer in written if layer.name.startswith(case.name) and layer.weight is not None]
        assert len(layers) == (2 if "separable" in case.kind else 1)
        for layer in layers:
            _check_multipliers(layer, case, written)
    return written


def outputs_of_both(folder: Path, inputs: Sequence[np.ndarray]) -> tuple[tuple[np.ndarray, ...], ...]:
    """What the project `ours` computes and what `plain` does.

    Our kernels are compiled as an HLS tool would, with hls4ml's types; hls4ml's own, which need no such proof, by the
    faster way of several.
    """
    return build_simulation(folder / "ours").run(inputs), build_simulation_with(folder / "plain").run(inputs)


def _check_multipliers(layer: LayerSpec, case: Case, design: Design) -> None:
    for prefix in kernel_prefixes(layer):
        codes = _codes(layer, prefix, streams=design.io_type == "io_stream")
        needed = sum(len({int(code) for code in row if csd_digits([code])[0] > 2}) for row in codes)
        if "separable" in case.kind:  # one half may have no use for channels of the other
            live = [p.code for p in kernel_needs(layer, design).products if p.still is None]
            assert len(live) <= np.count_nonzero(codes)
            needed = sum(csd_digits([code])[0] > 2 for code in live)
        if case.adders:
            needed = 0
        if layer.attributes.get(f"{prefix}kernel_form") == "lanes":
            lanes = codes.T.reshape(-1, case.reuse_factor)
            multiplies = (csd_digits(lanes.ravel()).reshape(lanes.shape) > 2).any(axis=1)
            assert layer.attributes[f"{prefix}kernel_products"] == np.count_nonzero(lanes[multiplies])
            assert layer.attributes[f"{prefix}kernel_multipliers"] == multiplies.sum()
            continue
        assert layer.attributes[f"{prefix}kernel_products"] == needed
        assert layer.attributes[f"{prefix}kernel_multipliers"] == ceil(needed / case.reuse_factor)
    if case.positions_at_once is not None:
        assert layer.parallelization_factor == case.positions_at_once


def _codes(layer: LayerSpec, prefix: str, *, streams: bool) -> np.ndarray:
    if layer.kind is not LayerKind.BATCH_NORM:
        return kernel_matrix(layer, f"{prefix}weight")
    assert layer.weight is not None
    codes = layer.weight.codes.reshape(-1, 1)
    return codes if streams else np.tile(codes, (layer.output_size // codes.size, 1))
