"""One position's hardware of a convolution, held to the whole convolution."""

from pathlib import Path

import numpy as np
import pytest

from fpgaprune.design import Geometry, LayerKind, LayerSpec
from fpgaprune.errors import UnsupportedError
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.flow.generate import generate_loaded
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.read.project import read_project
from fpgaprune.synth.open.evaluate import evaluate
from fpgaprune.synth.open.front import front_end
from fpgaprune.synth.open.netlist import Netlist, Port, multipliers
from fpgaprune.synth.open.positions import one_position
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


def test_several_positions_at_a_time_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="2 of its 7 positions"):
        one_position(*convolution(1, kernel_at_once=2))


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize("name", ["signal", "separable"])
def test_generated_convolutions_are_one_positions_hardware_in_turns(tmp_path: Path, name: str) -> None:
    project = tmp_path / "p"
    model = generate_models.loaded(generate_models.built(getattr(generate_models, name)))
    generate_loaded(model, project, GenerateSettings(), run_verify=False)
    design = read_project(project)
    estimated = {layer.name: layer.multipliers for layer in estimate_design(design, rules_for("vitis_hls")).layers}
    folder = tmp_path / "netlists"
    folder.mkdir()
    seen = 0
    for netlist in front_end(project, design, folder).netlists:
        layer = design[netlist.name]
        if layer.geometry is None or layer.weight is None:
            continue
        assert layer.parallelization_factor == 1 < layer.positions
        one = one_position(layer, netlist)
        (port,) = netlist.inputs
        least = -(2 ** (port.width - 1)) if port.signed else 0
        data = np.random.default_rng(0).integers(least, least + 2**port.width, (200, port.size))
        assert np.array_equal(one.evaluate(data), evaluate(netlist, data))
        bound = estimated[layer.name]
        assert bound is not None
        assert bound.low == bound.high == len(multipliers(one.netlist)) > 0
        seen += 1
    assert seen >= 2
