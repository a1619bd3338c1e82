"""hls4ml's graph and the project it is written as must be the same design; and both those of the Keras model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from read_models import NETWORKS, Case, converted

from fpgaprune.design import Design, Encoding, LayerKind, Strategy, differences
from fpgaprune.errors import ModelError, ProjectError
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.frameworks import load_frameworks, quiet
from fpgaprune.read.conventions import stored, stream_shape
from fpgaprune.read.graph import read_graph
from fpgaprune.read.graph.arrays import as_printed
from fpgaprune.read.project import disagreeing_text_files, read_project

DOT = {"dot": {"Precision": {"accum": "fixed<20,9>", "result": "fixed<16,6>"}}}
STYLES = [
    ("Vitis", "io_parallel", "Latency", 1),
    ("Vitis", "io_parallel", "Resource", 4),
    ("Vitis", "io_stream", "Resource", 4),
    ("Vivado", "io_parallel", "Latency", 3),
    ("Vivado", "io_stream", "Latency", 3),
]
# What hls4ml itself cannot do.
IMPOSSIBLE = {("bidirectional", "Vitis", "io_stream")}
CASES = [
    Case(network, *style, layers=DOT if network == "dotted" else {})
    for network in NETWORKS
    for style in STYLES
    if (network, *style[:2]) not in IMPOSSIBLE and network != "functions"  # holds a Softmax layer: see below
]
SPECIAL = [
    *(Case("perceptron", layers={"d3_softmax": {"Implementation": name}}) for name in ("latency", "legacy", "argmax")),
    Case("perceptron", strategy="resource_unrolled", reuse_factor=2),
    Case("recurrent", strategy="resource_unrolled", reuse_factor=2),
    Case("recurrent", "Vivado", strategy="Resource", layers={"gru": {"RecurrentReuseFactor": 5, "Static": False}}),
    Case("signal", layers={"c1": {"ParallelizationFactor": 4}, "pw": {"ParallelizationFactor": 16}}),
    Case("image", layers={"c1": {"ParallelizationFactor": 4}}, model={"BramFactor": 50}),
    Case("image", "Vivado", "io_stream", model={"BramFactor": 50}),
    Case("image", "Vivado", "io_stream", model={"ConvImplementation": "Encoded"}),
    Case(
        "image", options={"namespace": "mine", "write_weights_txt": False, "project_name": "net", "clock_period": 3.3}
    ),
    Case("perceptron", "VivadoAccelerator", "io_stream", options={"board": "pynq-z2", "part": None}),
]
pytestmark = pytest.mark.keras


@pytest.fixture(autouse=True)
def _numpy_product(monkeypatch: pytest.MonkeyPatch) -> None:
    # hls4ml 1.3.0 writes powers of two by a function that NumPy 2 removed.
    monkeypatch.setattr(np, "product", np.prod, raising=False)


def both(case: Case, folder: Path, change: Callable[[Any], None] = lambda _: None) -> tuple[Any, Design, Design]:
    """The Keras model, and the design read from the graph and from what it writes."""
    model, graph = converted(case, folder)
    change(graph)
    with quiet("writing"):
        graph.write()
    return model, read_graph(graph), read_project(folder)


@pytest.mark.parametrize("case", [*CASES, *SPECIAL], ids=str)
def test_the_graph_is_what_is_written(case: Case, tmp_path: Path) -> None:
    _, graph, project = both(case, tmp_path / "project")
    assert [str(difference) for difference in differences(graph, project)] == []
    assert graph.digest == project.digest
    assert graph.name == project.name
    assert [layer.config for layer in graph] == [layer.config for layer in project]
    assert disagreeing_text_files(tmp_path / "project") == ()


def test_the_cases_hold_every_kind_and_encoding(tmp_path: Path) -> None:
    kinds: set[LayerKind] = set()
    encodings: set[Encoding] = set()
    operations: set[str | None] = set()
    for index, network in enumerate(NETWORKS):
        io_type = "io_stream" if network == "image" else "io_parallel"
        case = Case(network, io_type=io_type, layers=DOT if network == "dotted" else {})
        design = read_graph(converted(case, tmp_path / str(index))[1])
        kinds |= {layer.kind for layer in design}
        operations |= {layer.operation for layer in design}
        encodings |= {p.encoding for layer in design for p in layer.parameters.values()}
    assert kinds == set(LayerKind) - {LayerKind.EINSUM_DENSE}  # which has its own cases below
    assert encodings == set(Encoding)
    activations = (
        "relu sigmoid tanh hard_sigmoid hard_tanh softplus softsign selu elu leaky_relu prelu thresholded_relu"
    )
    merges = "add subtract multiply average maximum minimum dot"
    assert {*activations.split(), *merges.split(), "normalize_binary_tanh", "normalize_ternary_tanh"} <= operations
    assert {"max", "average", "nearest", "clone", "transpose", "embedding", "layernormalize"} <= operations


@pytest.mark.parametrize("strategy", ["Latency", "Resource"])
@pytest.mark.parametrize("network", ["perceptron", "signal", "image", "recurrent", "bidirectional"])
def test_values_are_those_of_keras_in_its_layout(network: str, strategy: str, tmp_path: Path) -> None:
    model, _, project = both(Case(network, strategy=strategy, reuse_factor=2), tmp_path / "project")
    kernels = {layer.name: layer.get_weights() for layer in model.layers}
    names = {
        "weight": 0,
        "recurrent_weight": 1,
        "backward_weight": 3,
        "backward_recurrent_weight": 4,
    }
    checked = 0
    for layer in project.weight_layers:
        name, arrays = layer.name, kernels.get(layer.name)
        if layer.name.endswith(("_depthwise", "_pointwise")):
            base, part = layer.name.rsplit("_", 1)
            arrays = [kernels[base][part == "pointwise"]]
        if arrays is None or layer.kind is LayerKind.BATCH_NORM or (name == "c1" and network == "image"):
            continue  # fused with a batch normalization
        for key, index in names.items():
            if key in layer.parameters:
                parameter = layer.parameters[key]
                assert parameter.values.shape == arrays[index].shape, (name, key)
                expected = stored(arrays[index].astype(np.float64), parameter.precision)
                assert np.array_equal(parameter.values, expected), (name, key)
                checked += 1
    assert checked >= 3


def test_facts_the_estimate_needs(tmp_path: Path) -> None:
    case = Case(
        "signal", reuse_factor=3, layers={"c1": {"ParallelizationFactor": 4}, "pw": {"ParallelizationFactor": 16}}
    )
    model, design, _ = both(case, tmp_path / "project")
    conv = design["c1"]
    zeros = int(np.count_nonzero(model.get_layer("c1").get_weights()[0] == 0))
    assert (conv.positions, conv.parallelization_factor, conv.reuse_factor) == (16, 4, 3)
    assert (conv.claimed_zeros, conv.multiplier_limit) == (zeros, 3 * 3 * 4 // 3 - zeros // 3)
    assert conv.geometry is not None
    assert (conv.geometry.kernel, conv.geometry.padding, conv.geometry.dilation) == ((3,), ((1, 1),), (1,))
    point = design["pw"]
    assert (point.operation, point.positions, point.parallelization_factor) == ("pointwise", 16, 16)
    depthwise = design["sep_depthwise"]
    assert depthwise.kind is LayerKind.DEPTHWISE_CONV1D
    assert depthwise.parameters["weight"].values.shape == (3, 5, 1)
    assert depthwise.attributes["depth_multiplier"] == 1
    assert design["sep_pointwise"].inputs == ("sep_depthwise",)


def test_streams_compute_one_position_at_a_time(tmp_path: Path) -> None:
    _, design, _ = both(Case("image", io_type="io_stream"), tmp_path / "project")
    conv = design["c1"]
    assert (conv.positions, conv.parallelization_factor) == (120, 1)
    assert design["img"].output_shape == (12, 10, 3)
    assert design["clone_zp"].operation == "clone"
    assert set(design.consumers["clone_zp"]) == {"pw2", "add"}


def test_recurrent_facts(tmp_path: Path) -> None:
    gru = {"RecurrentReuseFactor": 5}
    case = Case("recurrent", strategy="Resource", reuse_factor=4, layers={"gru": gru})
    _, design, _ = both(case, tmp_path / "project")
    layer = design["gru"]
    assert (layer.kind, layer.positions, layer.strategy) == (LayerKind.GRU, 8, Strategy.RESOURCE)
    assert layer.attributes["recurrent_reuse_factor"] == 5
    assert layer.attributes["units"] == 5
    assert layer.attributes["return_sequences"] is True
    assert (layer.input_shape, layer.output_shape) == ((8, 3), (8, 5))
    assert layer.recurrent_weight is not None
    zeros = layer.attributes["recurrent_claimed_zeros"]
    assert isinstance(zeros, int)
    assert layer.attributes["recurrent_multiplier_limit"] == 5 * 15 // 5 - zeros // 5


def test_a_written_project_that_is_changed_differs_exactly_there(tmp_path: Path) -> None:
    case = Case("perceptron", options={"write_weights_txt": False})
    _, graph, _ = both(case, tmp_path / "project")
    path = tmp_path / "project/firmware/weights/w2.h"
    text = path.read_text()
    start = text.index("= {") + 3
    first = text[start : text.index(",", start)]
    path.write_text(text[:start] + "7.0" + text[start + len(first) :])
    parameters = tmp_path / "project/firmware/parameters.h"
    claim = f"n_zeros = {graph['d1'].claimed_zeros};"
    parameters.write_text(parameters.read_text().replace(claim, "n_zeros = 100;", 1))
    found = differences(graph, read_project(tmp_path / "project"))
    assert {difference.layer for difference in found} == {"d1"}
    whats = [difference.what for difference in found]
    assert "weight: 1 of 120 values differ, first at (0, 0)" in whats
    assert "claimed zeros" in whats
    assert "multiplier limit" in whats


def test_a_softmax_layer_is_read_from_the_graph_but_its_project_does_not_compile(tmp_path: Path) -> None:
    # hls4ml 1.3.0 defines Softmax_configN and calls softmax_configN for keras.layers.Softmax.
    _, graph = converted(Case("functions"), tmp_path / "project")
    assert read_graph(graph)["sm"].kind is LayerKind.SOFTMAX
    with quiet("writing"):
        graph.write()
    with pytest.raises(ProjectError, match=r"'sm' calls softmax with a configuration .* does not define"):
        read_project(tmp_path / "project")


def _named_like_an_activation(graph: Any) -> None:
    node = graph.graph["sm"]
    node.set_attr("activation", "softmax")
    graph.apply_flow("vivado:apply_templates")


def test_every_function_once_the_softmax_is_named_right(tmp_path: Path) -> None:
    _, graph, project = both(Case("functions"), tmp_path / "project", _named_like_an_activation)
    assert [str(difference) for difference in differences(graph, project)] == []
    assert graph["thr"].parameters["threshold"].values.tolist() == [0.5]
    assert set(graph["a_sigmoid"].tables) == {"table"}
    assert not graph["a_relu"].tables


@pytest.mark.parametrize("backend", ["Quartus", "oneAPI", "Catapult"])
def test_other_backends_are_refused(backend: str, tmp_path: Path) -> None:
    _, graph = converted(Case("perceptron", backend), tmp_path / "project")
    with pytest.raises(ModelError, match=f"backend {backend}; fpgaprune reads Vivado, Vitis"):
        read_graph(graph)


def test_a_layer_without_code_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def simple(keras: Any, qkeras: Any) -> Any:
        start = keras.Input((5, 6), name="x")
        x = keras.layers.SimpleRNN(3, name="old")(start)
        return keras.Model(start, keras.layers.Dense(2, name="d")(x))

    monkeypatch.setitem(NETWORKS, "simple", simple)
    _, graph = converted(Case("simple"), tmp_path / "project")
    with pytest.raises(ModelError, match=r"generates no code for layer 'old' \(SimpleRNN\)"):
        read_graph(graph)


def test_not_a_number_is_refused_by_name(tmp_path: Path) -> None:
    _, graph = converted(Case("perceptron"), tmp_path / "project")
    graph.graph["d2"].weights["weight"].data[0, 0] = np.nan
    with pytest.raises(ModelError, match="'w4' holds NaN or infinity"):
        read_graph(graph)


def test_importing_the_readers_loads_no_framework() -> None:
    assert load_frameworks().hls4ml.__version__.startswith("1.3")  # and with it, everything works as above


@given(
    values=st.lists(st.floats(-40, 40, width=32), min_size=1, max_size=30),
    nudges=st.lists(st.integers(-3, 3), min_size=30, max_size=30),
    width=st.integers(2, 20),
    integer=st.integers(-4, 24),
)
def test_printed_constants_are_those_of_the_text(
    values: list[float], nudges: list[int], width: int, integer: int
) -> None:
    precision = FixedPoint(width, integer)
    decimals = max(0, precision.fraction)
    array = np.array(values)
    # Half of the values lie on the grid of the type or a few units in the last place off.
    grid = np.ldexp(np.rint(np.ldexp(array, precision.fraction)), -precision.fraction)
    for index, nudge in enumerate(nudges[: array.size]):
        array[index] = grid[index] + nudge * 1e-14 if index % 2 else array[index]
    text = np.array([float(f"{value:.{decimals}f}") for value in array])
    printed = as_printed(array, decimals, precision.fraction)
    assert np.array_equal(stored(printed, precision), stored(text, precision))


@given(code=st.integers(-(2**52), 2**52), width=st.integers(54, 90), fraction=st.integers(-5, 40))
def test_types_wider_than_a_double_hold_doubles_exactly(code: int, width: int, fraction: int) -> None:
    precision = FixedPoint(width, width - fraction)
    value = code * precision.lsb
    assert stored(np.array([value]), precision)[0] == value
    shifted = np.array([value + precision.lsb / 2 if abs(code) < 2**40 else value])
    assert stored(shifted, precision)[0] == value


@pytest.mark.parametrize(
    ("size", "lanes", "before", "shape"),
    [
        (24, 3, (2, 4, 3), (2, 4, 3)),
        (24, 3, (24,), (8, 3)),
        (24, 24, (2, 4, 3), (24,)),
        (24, 5, (2, 4, 3), (24,)),
        (24, 0, (), (24,)),
    ],
)
def test_shape_of_a_stream(size: int, lanes: int, before: tuple[int, ...], shape: tuple[int, ...]) -> None:
    assert stream_shape(size, lanes, before) == shape


@pytest.mark.parametrize(
    ("equation", "kernel", "outputs", "settings", "at_once"),
    [
        ("ij,jk->ik", (6, 4), (8, 4), {}, 8),
        ("ij,ijk->ik", (8, 6, 4), (8, 4), {"reuse_factor": 2}, 1),
        ("ij,jkl->ikl", (6, 3, 4), (8, 3, 4), {"style": "dataflow", "at_once": 2}, 2),
    ],
)
def test_matrices_over_chosen_axes(
    tmp_path: Path, equation: str, kernel: Any, outputs: Any, settings: Any, at_once: int
) -> None:
    graph = einsum_dense(tmp_path / "project", equation, kernel, outputs, **settings)
    with quiet("writing"):
        graph.write()
    one, other = read_graph(graph), read_project(tmp_path / "project")
    assert [str(difference) for difference in differences(one, other)] == []
    assert one.digest == other.digest
    layer = other["e"]
    assert (layer.kind, layer.parallelization_factor) == (LayerKind.EINSUM_DENSE, at_once)
    # Every matrix of the model, its inputs before its outputs.
    given = np.random.default_rng(0).normal(0, 0.5, kernel).reshape(*layer.parameters["weight"].values.shape)
    assert np.abs(layer.parameters["weight"].values - given).max() < 2.0**-6


def einsum_dense(
    folder: Path, equation: str, kernel: Any, outputs: Any, *, reuse_factor: int = 1, style: str = "auto", **more: int
) -> Any:
    """A graph of one such layer over eight by six values, as hls4ml's converter of Keras 3 makes it."""
    hls4ml = load_frameworks().hls4ml
    random = np.random.default_rng(0)
    precision = {"weight": "fixed<8,2>", "bias": "fixed<8,2>", "accum": "fixed<20,9>", "result": "fixed<16,6>"}
    config = hls4ml.utils.config.create_config(output_dir=str(folder), backend="Vitis", project_name="net")
    config["HLSConfig"] = {
        "Model": {
            "Precision": "fixed<16,6>", "ReuseFactor": reuse_factor, "Strategy": "Latency", "PipelineStyle": style,
        },
        "LayerName": {"e": {"Precision": precision, "Strategy": "Latency"}},
    }  # fmt: skip
    facts = {"parallelization_factor": more["at_once"]} if more else {}
    layers = [
        {"class_name": "InputLayer", "name": "x", "input_shape": [8, 6]},
        {
            "class_name": "EinsumDense", "name": "e", "inputs": ["x"], "equation": equation, "inp_shape": (8, 6),
            "out_shape": outputs, "weight_data": random.normal(0, 0.5, kernel),
            "bias_data": random.normal(0, 0.5, outputs), **facts,
        },
    ]  # fmt: skip
    with quiet("converting"):
        return hls4ml.model.graph.ModelGraph.from_layer_list(config, layers, ["x"], ["e"])
