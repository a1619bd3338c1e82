"""One position's hardware, held to all positions together."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.design import Geometry, LayerKind, LayerSpec, Strategy
from fpgaprune.device import find_device
from fpgaprune.errors import UnsupportedError
from fpgaprune.estimate import rules_for
from fpgaprune.estimate.pricing import Pricing
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.flow.generate import generate_loaded
from fpgaprune.flow.open_checks import check_simulation
from fpgaprune.flow.open_job import OpenSettings, open_job
from fpgaprune.flow.open_modules import build_modules
from fpgaprune.generate.settings import GenerateSettings, LayerSettings, SparseKernels
from fpgaprune.synth.open.evaluate import evaluate
from fpgaprune.synth.open.front import front_end
from fpgaprune.synth.open.lanes import ONLY
from fpgaprune.synth.open.layers import module_of_position
from fpgaprune.synth.open.netlist import Netlist, Port, multipliers, type_range
from fpgaprune.synth.open.positions import one_packet, one_position
from tests import generate_models
from tests.netlists import Builder

_DATA = FixedPoint(8, 8, True)
_WEIGHTS = np.array([[[11, -13], [0, 21]], [[43, 0], [-27, 11]], [[0, 37], [19, -45]]])  # tap, channel, filter
_SIZE = 7


def convolution(stride: int, kernel_at_once: int = 1, before: int = 1) -> tuple[LayerSpec, Netlist]:
    build = Builder()
    inputs = [build.input(number, _DATA) for number in range(2 * _SIZE)]
    positions = (_SIZE + 2 * before - 3) // stride + 1
    roots = []
    for position in range(positions):
        for output in range(2):
            total = build.constant(output + 1)
            for tap in range(3):
                place = position * stride - before + tap
                for channel in range(2):
                    code = int(_WEIGHTS[tap, channel, output])
                    if code and 0 <= place < _SIZE:
                        total = build.sum(total, build.product(inputs[2 * place + channel], build.constant(code)))
            roots.append(total)
    ports = (Port("x", 8, True, 2 * _SIZE),), (Port("y", 24, True, 2 * positions),)
    layer = LayerSpec(
        name="conv",
        kind=LayerKind.CONV1D,
        inputs=("x",),
        input_shape=(_SIZE, 2),
        output_shape=(positions, 2),
        geometry=Geometry((3,), (stride,), ((before, before),)),
        output_precision=FixedPoint(24, 24, True),
        positions=positions,
        parallelization_factor=kernel_at_once,
    )
    return layer, build.netlist("conv", *ports, roots)


@pytest.mark.parametrize(("stride", "before"), [(1, 0), (1, 1), (2, 1)])
def test_one_position_is_all_of_the_convolution(stride: int, before: int) -> None:
    layer, whole = convolution(stride, before=before)
    one = one_position(layer, whole)
    data = np.random.default_rng(0).integers(-128, 128, (1000, 2 * _SIZE))
    assert np.array_equal(one.evaluate(data), evaluate(whole, data))
    assert len(multipliers(one.netlist)) == np.count_nonzero(_WEIGHTS)
    assert len(multipliers(whole)) > 2 * np.count_nonzero(_WEIGHTS)


def test_several_positions_at_a_time_are_copies() -> None:
    layer, whole = convolution(1, kernel_at_once=2)
    one = one_position(layer, whole)
    pricing = Pricing(rules_for("vitis_hls"), find_device("xcvu13p-flga2577-2-e").dsp_block)
    module = module_of_position(one, "conv", pricing)
    assert (module.copies, module.multipliers) == (2, 2 * np.count_nonzero(_WEIGHTS))
    assert len(module.module.outputs) == 2


def packets(*factors: int) -> Netlist:
    """Two streams of packets of two values: their sum, times the packet's factor."""
    build = Builder()
    size = 2 * len(factors)
    inputs = [build.input(number, _DATA) for number in range(2 * size)]
    roots = [
        build.product(build.sum(inputs[number], inputs[size + number]), build.constant(factors[number // 2]))
        for number in range(size)
    ]
    ports = (Port("a", 8, True, size), Port("b", 8, True, size))
    return build.netlist("scaled", ports, (Port("y", 20, True, size),), roots)


def test_one_packet_is_all_of_a_stream() -> None:
    whole = packets(45, 45, 45)
    one = one_packet(whole, 3)
    assert one.positions == 3
    assert [len(multipliers(netlist)) for netlist in (whole, one.netlist)] == [6, 2]
    data = np.random.default_rng(0).integers(-128, 128, (1000, 12))
    assert np.array_equal(one.evaluate(data), evaluate(whole, data))


def test_packets_that_differ_or_do_not_fit_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="its 3 positions take turns, and not all of them compute the same"):
        one_packet(packets(45, 45, 43), 3)
    with pytest.raises(UnsupportedError, match="do not come in 4 packets"):
        one_packet(packets(45, 45, 45), 4)


@pytest.mark.keras
@pytest.mark.slow
def test_streams_are_one_positions_hardware_shared_or_not(tmp_path: Path) -> None:
    project = tmp_path / "p"
    always = SparseKernels.ALWAYS
    layers = {
        "sep": LayerSettings(reuse_factor=2, sparse_kernels=always),
        "grouped": LayerSettings(reuse_factor=2, strategy=Strategy.RESOURCE),
        "last": LayerSettings(reuse_factor=4, sparse_kernels=always),
        "last_softmax": LayerSettings(reuse_factor=2),
    }
    model = generate_models.loaded(generate_models.built(generate_models.separable))
    generate_loaded(model, project, GenerateSettings(io_type="io_stream", layers=layers), run_verify=False)
    job = open_job(project, OpenSettings("vitis_hls"))
    (tmp_path / "netlists").mkdir()
    modules, reasons = build_modules(job, front_end(project, job.design, tmp_path / "netlists"))
    assert reasons == {"last_softmax": f"softmax at reuse factor 2: {ONLY}"}
    assert sum(module.turns is not None for module in modules.values()) >= 4
    shared = [name for name, module in modules.items() if module.multiplexed is not None]
    assert shared == ["sep_depthwise", "sep_pointwise", "grouped", "last"]
    for module in modules.values():
        bound = job.expected[module.name].multipliers
        assert bound is not None
        assert bound.low <= module.multipliers <= bound.high, module.name
    assert "equal the C simulation bit for bit" in check_simulation(job, modules)


@pytest.mark.keras
@pytest.mark.slow
def test_a_window_as_large_as_what_a_stream_brings_is_synthesized_whole(tmp_path: Path) -> None:
    def whole(keras: Any, _: Any) -> Any:
        x = start = keras.Input((3, 2), name="x")
        return keras.Model(start, keras.layers.Conv1D(2, 3, name="conv")(x))

    project, settings = tmp_path / "p", GenerateSettings(io_type="io_stream")
    generate_loaded(generate_models.loaded(generate_models.built(whole)), project, settings, run_verify=False)
    job = open_job(project, OpenSettings("vitis_hls"))
    (tmp_path / "netlists").mkdir()
    modules, reasons = build_modules(job, front_end(project, job.design, tmp_path / "netlists"))
    assert not reasons
    assert modules["conv"].multipliers == job.needed["conv"] > 0


@pytest.mark.keras
@pytest.mark.slow
def test_convolutions_take_turns_on_copies_and_on_kernels_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "p"
    layers = {
        "c1": LayerSettings(parallelization_factor=3),
        "c2": LayerSettings(reuse_factor=2, sparse_kernels=SparseKernels.ALWAYS),
    }
    model = generate_models.loaded(generate_models.built(generate_models.signal))
    generate_loaded(model, project, GenerateSettings(layers=layers), run_verify=False)
    job = open_job(project, OpenSettings("vitis_hls"))
    (tmp_path / "netlists").mkdir()
    network = front_end(project, job.design, tmp_path / "netlists")
    modules, reasons = build_modules(job, network)
    assert not reasons
    assert (modules["c1"].copies, modules["c2"].copies) == (3, 1)
    for module in modules.values():
        bound = job.expected[module.name].multipliers
        assert bound is not None
        assert bound.low <= module.multipliers <= bound.high, module.name
    # The compiled C++ runs through the time slots: its netlist tells what comes out of them.
    (whole,) = (netlist for netlist in network.netlists if netlist.name == "c2")
    (port,) = whole.inputs
    data = np.random.default_rng(0).integers(*type_range(port.width, port.signed), (100, port.size), endpoint=True)
    assert np.array_equal(modules["c2"].evaluate(data), evaluate(whole, data))

    # A large one is followed for one position only.
    monkeypatch.setattr("fpgaprune.synth.open.front.project._MOST_PRODUCTS", job.design["c1"].weight_count)
    large, reasons = build_modules(job, front_end(project, job.design, tmp_path / "netlists"))
    assert not reasons
    assert large["c1"].windows is not None
    assert (large["c1"].copies, large["c1"].multipliers) == (3, modules["c1"].multipliers)
    assert np.array_equal(large["c1"].evaluate(data), modules["c1"].evaluate(data))


@pytest.mark.keras
@pytest.mark.slow
def test_time_steps_that_follow_one_another_have_a_reason_and_no_number(tmp_path: Path) -> None:
    def steps(keras: Any, _: Any) -> Any:
        x = start = keras.Input((3, 2), name="x")
        return keras.Model(start, keras.layers.Dense(1, name="last")(keras.layers.LSTM(2, name="memory")(x)))

    project = tmp_path / "p"
    generate_loaded(generate_models.loaded(generate_models.built(steps)), project, GenerateSettings(), run_verify=False)
    job = open_job(project, OpenSettings("vitis_hls"))
    (tmp_path / "netlists").mkdir()
    modules, reasons = build_modules(job, front_end(project, job.design, tmp_path / "netlists"))
    assert "last" in modules
    assert list(reasons) == ["memory"]
    assert "its 3 time steps follow one another" in reasons["memory"]


def parted(keras: Any, q: Any) -> Any:
    """Positions dropped by poolings, strides and zeros of the last layer; padding, slopes and products of data."""
    layers, wide, six = keras.layers, "quantized_bits(11,1,alpha=1)", "quantized_bits(6,1,alpha=1)"
    x = start = keras.Input((9, 2), name="x")
    x = q.QActivation("quantized_bits(8,2,alpha=1)", name="taken")(x)
    a = q.QConv1D(3, 3, padding="same", kernel_quantizer=wide, bias_quantizer=six, name="c1")(x)
    b = layers.LeakyReLU(0.3, name="leaky")(a)
    x = layers.Concatenate(name="both")([layers.Multiply(name="mul")([a, b]), a])
    x = q.QActivation("quantized_relu(7,3)", name="r1")(x)
    x = layers.MaxPooling1D(2, name="pool")(x)
    x = layers.ZeroPadding1D((2, 1), name="pad")(x)
    x = q.QConv1D(2, 2, strides=3, kernel_quantizer=six, bias_quantizer=six, name="c2")(x)
    x = layers.Permute((2, 1), name="turned")(x)
    x = layers.UpSampling1D(2, name="up")(x)
    x = layers.Flatten(name="flat")(x)
    return keras.Model(start, q.QDense(2, kernel_quantizer=six, bias_quantizer=six, name="last")(x))


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize("reuse_factor", [1, 2])
def test_positions_with_hardware_of_their_own_lack_what_nobody_reads(tmp_path: Path, reuse_factor: int) -> None:
    project = tmp_path / "p"
    model = generate_models.built(parted)
    kernel, bias = model.get_layer("last").get_weights()
    kernel[3:] = 0
    model.get_layer("last").set_weights([kernel, bias])
    layers = {
        "c1": LayerSettings(parallelization_factor=9, reuse_factor=reuse_factor),
        "c2": LayerSettings(parallelization_factor=2, reuse_factor=reuse_factor),
    }
    generate_loaded(generate_models.loaded(model), project, GenerateSettings(layers=layers), run_verify=False)
    job = open_job(project, OpenSettings("vitis_hls"))
    (tmp_path / "netlists").mkdir()
    modules, reasons = build_modules(job, front_end(project, job.design, tmp_path / "netlists"))
    assert not reasons
    for module in modules.values():
        bound = job.expected[module.name].multipliers
        assert bound is not None
        assert module.multipliers == bound.high, module.name
        assert module.multiplexed is not None or module.multipliers == job.needed[module.name], module.name
    assert {"c1", "c2"} & {name for name, one in modules.items() if one.multiplexed} == (
        {"c1"} if reuse_factor == 2 else set()
    )
    assert modules["leaky"].multipliers == modules["mul"].multipliers == 4 * 3
    if reuse_factor == 2:
        assert "equal the C simulation bit for bit" in check_simulation(job, modules)
