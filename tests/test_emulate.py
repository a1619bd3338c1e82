"""The emulator against C simulation, bit for bit, on layers with random types."""

from pathlib import Path
from typing import Any

import generate_models
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgaprune.cli import main
from fpgaprune.csim import build_simulation
from fpgaprune.design import LayerKind, LayerSpec, save_design
from fpgaprune.design.network import Design
from fpgaprune.emulate import emulate, trace
from fpgaprune.errors import EmulationError
from fpgaprune.fixed_arithmetic import recode
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding
from fpgaprune.read.project import read_project

ROUNDINGS = list(Rounding)
OVERFLOWS = [mode for mode in Overflow if mode is not Overflow.WRAP_SM]


@st.composite
def types(draw: st.DrawFn) -> FixedPoint:
    width = draw(st.integers(2, 40))
    integer = draw(st.integers(-6, width + 6))
    modes = draw(st.sampled_from(ROUNDINGS)), draw(st.sampled_from(OVERFLOWS))
    return FixedPoint(width, integer, draw(st.booleans()), *modes)


@given(types(), types(), st.data())
def test_codes_are_cast_as_their_values_are(source: FixedPoint, target: FixedPoint, data: st.DataObject) -> None:
    codes = np.array(data.draw(st.lists(st.integers(source.min_code, source.max_code), min_size=1, max_size=8)))
    expected = target.codes(np.ldexp(codes.astype(np.float64), -source.fraction))
    np.testing.assert_array_equal(recode(codes, source, target), expected)


def test_an_unknown_layer_is_refused_by_name() -> None:
    kind = FixedPoint(16, 6)
    start = LayerSpec("x", LayerKind.INPUT, (), (3,), (3,), kind)
    other = LayerSpec("odd", LayerKind.OTHER, ("x",), (3,), (3,), kind, operation="garnet")
    with pytest.raises(EmulationError, match=r"'odd' \(other\): the function 'garnet'"):
        emulate(Design("d", (start, other), "io_parallel", ("odd",)), np.zeros((1, 3)))


def _random_type(rng: np.random.Generator) -> str:
    width = int(rng.integers(4, 20))
    integer = int(rng.integers(1, max(2, min(width, 8))))
    sign = "u" if rng.random() < 0.1 else ""
    return f"{sign}fixed<{width},{integer},{rng.choice(ROUNDINGS)},{rng.choice(OVERFLOWS)}>"


def _randomized(config: dict[str, Any], rng: np.random.Generator, strategy: str, reuse_factor: int) -> None:
    config["Model"].update(Strategy=strategy, ReuseFactor=reuse_factor)
    for layer in config["LayerName"].values():
        layer.update(Strategy=strategy, ReuseFactor=reuse_factor)
        precision = layer.get("Precision")
        if not isinstance(precision, dict):
            continue
        precision.update({name: _random_type(rng) for name in precision})
        if "inv_inp" in precision:  # wide enough to address the tables
            precision.update(inv_inp="fixed<18,8,RND,SAT>", accum="fixed<17,7>", inp_norm="ufixed<14,5,RND,SAT>")
            layer["Implementation"] = str(rng.choice(["stable", "latency", "legacy", "argmax"]))


@pytest.mark.slow
@pytest.mark.keras
@pytest.mark.parametrize(
    ("build", "io_type", "strategy", "reuse_factor"),
    [
        ("functions", "io_parallel", "Latency", 1),
        ("image", "io_parallel", "Latency", 1),
        ("image", "io_stream", "Resource", 3),
        ("signal", "io_parallel", "Resource", 4),
        ("two_ended", "io_stream", "Latency", 1),
    ],
)
def test_layers_with_random_types_equal_c_simulation(
    build: str, io_type: str, strategy: str, reuse_factor: int, tmp_path: Path
) -> None:
    model = generate_models.built(getattr(generate_models, build))
    import hls4ml  # noqa: PLC0415 - after the frameworks were loaded in their order

    rng = np.random.default_rng(1)
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
    _randomized(config, rng, strategy, reuse_factor)
    converted = hls4ml.converters.convert_from_keras_model(
        model, hls_config=config, output_dir=str(tmp_path / "p"), io_type=io_type, backend="Vitis"
    )
    converted.write()
    inputs = [rng.normal(0, 2, (120, *map(int, tensor.shape[1:]))) for tensor in model.inputs]
    simulated = build_simulation(tmp_path / "p").trace(inputs)
    emulated = trace(read_project(tmp_path / "p"), inputs)
    compared = [name for name in emulated if name in simulated]
    assert len(compared) > 5
    for name in compared:
        np.testing.assert_array_equal(emulated[name], simulated[name], err_msg=name)


def test_the_verb_writes_what_the_function_gives(tmp_path: Path) -> None:
    kind = FixedPoint(8, 4)
    start = LayerSpec("x", LayerKind.INPUT, (), (3,), (3,), kind)
    relu = LayerSpec("act", LayerKind.ACTIVATION, ("x",), (3,), (3,), kind, operation="relu")
    saved = save_design(Design("d", (start, relu), "io_parallel", ("act",)), tmp_path / "d.design.npz")
    inputs = np.array([[-1.0, 0.53, 2.0]])
    np.save(tmp_path / "in.npy", inputs)
    with pytest.raises(SystemExit) as ended:
        main(["emulate", str(saved), "--data", str(tmp_path / "in.npy"), "-o", str(tmp_path / "out.npy")])
    assert ended.value.code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), [[0.0, 0.5, 2.0]])
