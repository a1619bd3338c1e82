"""Reading a generated project back from its text: small projects written here, no framework."""

import time
from pathlib import Path

import numpy as np
import pytest

from fpgaprune.design import Encoding, LayerKind, Strategy
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.read.project import disagreeing_text_files, read_project
from tests.written_project import DEFINES, PARAMETERS, TCL, TOP, WEIGHTS, files, header, read, write


def test_a_dense_project(tmp_path: Path) -> None:
    design = read(tmp_path)
    assert (design.name, design.io_type, design.outputs) == ("net", "io_parallel", ("d",))
    target = design.target
    assert (target.backend, target.part, target.clock_ns) == ("Vitis", "xc7z020clg400-1", 3.5)
    assert target.directives == ("config_compile -name_max_length 80", "config_schedule -enable_dsp_full_reg=false")
    start, layer = design.layers
    assert (start.name, start.kind, start.output_shape) == ("x", LayerKind.INPUT, (3,))
    assert (layer.kind, layer.inputs, layer.input_shape, layer.output_shape) == (LayerKind.DENSE, ("x",), (3,), (2,))
    assert layer.input_precision == FixedPoint(16, 6)
    assert layer.accumulator_precision == FixedPoint(20, 10)
    assert layer.output_precision == FixedPoint.from_cpp("ap_ufixed<12,4,AP_RND,AP_SAT,0>")
    assert (layer.strategy, layer.reuse_factor, layer.claimed_zeros) == (Strategy.LATENCY, 4, 2)
    assert layer.multiplier_limit == 2
    assert layer.config == "config2"
    assert layer.parameters["weight"].values.tolist() == [[0.5, -0.25], [0.0, 1.75], [0.0, -1.0]]
    assert layer.zero_count == 2
    assert layer.parameters["bias"].values.tolist() == [0.5, -1 / 32], "a bias off the grid is floored"


@pytest.mark.parametrize("strategy", ["resource", "resource_unrolled", "Resource"])
def test_the_resource_strategies_store_weights_transposed(tmp_path: Path, strategy: str) -> None:
    layer = read(tmp_path, strategy)["d"]
    assert layer.parameters["weight"].values.tolist() == [[0.5, 1.75], [-0.25, 0.0], [0.0, -1.0]]
    assert layer.strategy is Strategy(strategy.lower())


def test_values_out_of_range_wrap_as_in_hardware(tmp_path: Path) -> None:
    changed = header("w2", "weight2_t", [4.0, -4.03125, 3.99, 0.01, -0.01, 1e-9])
    values = read(tmp_path, weights=changed)["d"].parameters["weight"].values.ravel()
    assert values.tolist() == [-4.0, 3.96875, 3.96875, 0.0, -1 / 32, 0.0]


def test_weights_come_from_the_text_file_where_the_header_has_none(tmp_path: Path) -> None:
    written = files(weights="weight2_t w2[6];\n")
    written["firmware/weights/w2.txt"] = ", ".join(map(str, WEIGHTS))
    assert read_project(write(tmp_path, written))["d"].parameters["weight"].values.ravel().tolist() == WEIGHTS


def test_what_is_synthesized_counts_and_another_text_file_is_named(tmp_path: Path) -> None:
    written = files()
    written["firmware/weights/b2.txt"] = "0.5, -0.030"
    written["firmware/weights/w2.txt"] = ", ".join(map(str, [9.0, *WEIGHTS[1:]]))
    write(tmp_path, written)
    assert read_project(tmp_path)["d"].parameters["weight"].values.ravel().tolist() == WEIGHTS
    assert disagreeing_text_files(tmp_path) == ("w2",)


def test_one_bit_weights_are_signs(tmp_path: Path) -> None:
    product = PARAMETERS.replace("STRATEGY", "latency").replace("product::mult", "product::weight_binary")
    changed = header("w2", "weight2_t", [1, 0, 0, 1, 1, 0])
    defines = DEFINES.replace("ap_fixed<8,3> weight2_t", "ap_uint<1> weight2_t")
    weight = read(tmp_path, parameters=product, weights=changed, defines=defines)["d"].parameters["weight"]
    assert (weight.encoding, weight.zeros) == (Encoding.XNOR, 0)
    assert weight.values.ravel().tolist() == [1, -1, -1, 1, 1, -1]


def test_one_bit_weights_of_an_ordinary_product_are_numbers(tmp_path: Path) -> None:
    defines = DEFINES.replace("ap_fixed<8,3> weight2_t", "ap_uint<1> weight2_t")
    weight = read(tmp_path, weights=header("w2", "weight2_t", [1, 0, 0, 1, 1, 0]), defines=defines)["d"].weight
    assert weight is not None
    assert (weight.encoding, weight.zeros) == (Encoding.FIXED, 3)


def test_powers_of_two_are_sign_and_exponent(tmp_path: Path) -> None:
    struct = "typedef struct weight2_t {ap_uint<1> sign;ap_int<4> weight; } weight2_t;"
    defines = DEFINES.replace("typedef ap_fixed<8,3> weight2_t;", struct)
    values = "{1, -2}, {0, 0}, {0, 3}, {1, 1}, {1, -8}, {0, -1}"
    weight = read(tmp_path, weights=header("w2", "weight2_t", values, 6), defines=defines)["d"].parameters["weight"]
    assert (weight.encoding, weight.precision) == (Encoding.POWER_OF_TWO, FixedPoint(4, 4))
    assert weight.values.ravel().tolist() == [0.25, -1, -8, 2, 2**-8, -0.5]


def test_a_stream_takes_its_length_from_the_first_layer(tmp_path: Path) -> None:
    top = TOP.replace("input_t x[N_IN]", "hls::stream<input_t> &x")
    top = top.replace("result_t layer2_out[2]", "hls::stream<result_t> &layer2_out")
    defines = DEFINES.replace("ap_fixed<16,6> input_t", "nnet::array<ap_fixed<16,6>, 3*1> input_t")
    defines = defines.replace("ap_ufixed<12,4,AP_RND,AP_SAT,0> result_t", "nnet::array<ap_fixed<9,2>, 2*1> result_t")
    design = read(tmp_path, top=top, defines=defines)
    assert (design.io_type, design["x"].output_shape) == ("io_stream", (3,))
    assert design["d"].output_precision == FixedPoint(9, 2)


@pytest.mark.parametrize(
    ("name", "own"), [("dense_latency", False), ("dense_large_mine", True), ("dense_resource", False)]
)
def test_functions_named_after_those_of_hls4ml_are_marked(tmp_path: Path, name: str, own: bool) -> None:
    layer = read(tmp_path, top=TOP.replace("nnet::dense", f"nnet::{name}"))["d"]
    assert layer.kind is LayerKind.DENSE
    assert layer.attributes.get("own_function") == (name if own else None)


@pytest.mark.parametrize(("function", "at_once"), [("conv_1d_cl", 3), ("conv_1d_large_cl", 1)])
def test_the_large_convolutions_of_old_versions_take_one_position_after_another(
    tmp_path: Path, function: str, at_once: int
) -> None:
    sizes = {"in_width": 5, "out_width": 3, "n_chan": 1, "n_filt": 2, "filt_width": 3, "stride_width": 1}
    config = "".join(f"    static const unsigned {name} = {size};\n" for name, size in sizes.items())
    parameters = PARAMETERS.replace("    static const unsigned n_in = N_IN;\n", config).replace("STRATEGY", "resource")
    parameters = parameters.replace("n_in * n_out", "6").replace("dense_config", "conv1d_config")
    top = TOP.replace("nnet::dense", f"nnet::{function}").replace("layer2_out[2]", "layer2_out[6]")
    design = read(tmp_path, top=top, parameters=parameters, defines=DEFINES.replace("N_IN 3", "N_IN 5"))
    assert (design["d"].kind, design["d"].parallelization_factor) == (LayerKind.CONV1D, at_once)


@pytest.mark.parametrize(
    ("kernel", "headers", "own"),
    [
        (False, None, None),
        (True, None, True),
        (False, "void compute_output_buffer_1d(T &a) {\n    #pragma HLS INLINE OFF\n    static int x;\n}", True),
        (True, "void compute_output_buffer_1d(T &a) {\n    #pragma HLS INLINE\n    static int x;\n}", None),
        (True, "void compute_output_buffer_2d(T &a) {\n    #pragma HLS INLINE OFF\n    static int x;\n}", None),
    ],
)
def test_headers_say_whether_the_window_of_a_stream_is_a_function(
    tmp_path: Path, kernel: bool, headers: str | None, own: bool | None
) -> None:
    """Without them, configurations that choose their kernel do: those of hls4ml 1.0 and later."""
    sizes = {"in_width": 5, "out_width": 3, "n_chan": 1, "n_filt": 2, "filt_width": 3, "stride_width": 1}
    config = "".join(f"    static const unsigned {name} = {size};\n" for name, size in sizes.items())
    parameters = PARAMETERS.replace("    static const unsigned n_in = N_IN;\n", config).replace("STRATEGY", "latency")
    parameters = parameters.replace("n_in * n_out", "6").replace("dense_config", "conv1d_config")
    if kernel:
        chosen = "    template<class a, class b, class c> using kernel = nnet::DenseLatency<a, b, c>;\n};"
        parameters = parameters.replace("};", chosen)
    top = TOP.replace("nnet::dense", "nnet::conv_1d_cl").replace("input_t x[N_IN]", "hls::stream<input_t> &x")
    top = top.replace("result_t layer2_out[2]", "hls::stream<result_t> &layer2_out")
    defines = DEFINES.replace("ap_fixed<16,6> input_t", "nnet::array<ap_fixed<16,6>, 1*1> input_t")
    defines = defines.replace("ap_ufixed<12,4,AP_RND,AP_SAT,0> result_t", "nnet::array<ap_fixed<9,2>, 2*1> result_t")
    written = files(top=top, parameters=parameters, defines=defines)
    if headers is not None:
        written["firmware/nnet_utils/nnet_conv_stream.h"] = headers
    layer = read_project(write(tmp_path, written))["d"]
    assert layer.attributes.get("window_function") is own


@pytest.mark.parametrize(
    ("script", "share"),
    [
        ("", None),
        ("set clock_uncertainty 27%\n", 0.27),
        ("set clock_uncertainty 0.7\n", 0.2),
        ("set clock_uncertainty x", None),
    ],
)
def test_scripts_say_what_is_kept_back_of_the_clock(tmp_path: Path, script: str, share: float | None) -> None:
    target = read(tmp_path, tcl=TCL + script).target
    assert target.clock_uncertainty == (None if share is None else pytest.approx(share))


def test_an_unknown_function_is_carried_under_its_name(tmp_path: Path) -> None:
    top = TOP.replace("nnet::dense<input_t, result_t, config2>", "nnet::fancy_new<input_t, result_t>")
    layer = read(tmp_path, top=top)["d"]
    assert (layer.kind, layer.operation) == (LayerKind.OTHER, "fancy_new")
    assert layer.parameters["w2"].values.tolist() == WEIGHTS
    assert layer.output_shape == (2,)


def test_the_top_function_may_have_any_name_and_a_wrapper(tmp_path: Path) -> None:
    written = files(tcl=TCL.replace('set project_name "net"', 'set something "else"'))
    wrapper = "void net_axi(axi_t in[3], axi_t out[2]) { for (;;) { ctype = input_t::value_type(in[0]); } net(a, b); }"
    written["firmware/net_axi.cpp"] = wrapper
    assert read_project(write(tmp_path, written)).name == "net"


@pytest.mark.parametrize(("function", "own"), [("zeropad2d_cl", False), ("zeropad2d_cl_me", True)])
def test_paddings_of_ones_own_are_marked(tmp_path: Path, function: str, own: bool) -> None:
    sizes = {"in_height": 1, "in_width": 3, "n_chan": 1, "out_height": 1, "out_width": 5, "pad_left": 1, "pad_right": 1}
    config = "".join(f"    static const unsigned {name} = {size};\n" for name, size in sizes.items())
    parameters = f"struct config2 : nnet::padding2d_config {{\n{config}}};\n"
    top = (
        TOP.replace("nnet::dense", f"nnet::{function}")
        .replace(", w2, b2", "")
        .replace("layer2_out[2]", "layer2_out[5]")
    )
    layer = read(tmp_path, top=top, parameters=parameters)["d"]
    assert layer.kind is LayerKind.PADDING
    assert layer.attributes.get("own_function") == (function if own else None)


def test_the_first_name_of_the_accelerator_backend_is_read(tmp_path: Path) -> None:
    written = {**files(tcl="", build="set_top net\n"), "hls4ml_config.yml": "Backend: Pynq"}
    assert read_project(write(tmp_path, written)).target.backend == "VivadoAccelerator"


def test_the_settings_are_data(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    settings = f"""
Backend: Vitis
KerasModel: !keras_model elsewhere
Evil: !!python/object/apply:os.system ["touch {mark}"]
Part: xcku115
ClockPeriod: 5
"""
    written = {**files(tcl="", build=""), "hls4ml_config.yml": settings}
    target = read_project(write(tmp_path / "project", written)).target
    assert (target.backend, target.part, target.clock_ns, target.directives) == ("Vitis", "xcku115", 5.0, ())
    assert not mark.exists()


@pytest.mark.parametrize("backend", ["VivadoAccelerator", "VitisAccelerator"])
def test_accelerators_are_read_as_the_networks_inside(tmp_path: Path, backend: str) -> None:
    written = {**files(tcl=""), "hls4ml_config.yml": f"Backend: {backend}"}
    design = read_project(write(tmp_path, written))
    assert (design.target.backend, design["d"].kind) == (backend, LayerKind.DENSE)


EINSUM = """
struct config3 {
    typedef ap_fixed<20,10> accum_t;
    static const unsigned n_free0 = 2;
    static const unsigned n_free1 = 3;
    static const unsigned n_contract = 4;
    static const unsigned n_inplace = 5;
    static const unsigned strategy = nnet::latency;
    static const unsigned reuse_factor = 2;
    static const unsigned multiplier_limit = 60;
};
"""


def test_einsum_multiplies_data_by_data(tmp_path: Path) -> None:
    top = """
void net(input_t x[40], input_t y[60], result_t layer3_out[30]) {
    nnet::einsum<input_t, input_t, result_t, config3>(x, y, layer3_out); // e
}
"""
    found = files(top=top)
    found["firmware/parameters.h"] += EINSUM
    layer = read_project(write(tmp_path, found))["e"]
    assert (layer.kind, layer.operation, layer.attributes["products"]) == (LayerKind.MERGE, "einsum", 120)
    assert (layer.input_shape, layer.output_shape, layer.reuse_factor) == ((40,), (30,), 2)


def test_variables_of_scripts_may_have_any_name(tmp_path: Path) -> None:
    script = """
set fpga "xcu250-figd2104-2L-e"
set period 4
set_top net
open_solution "solution1"
set_part ${fpga}
create_clock -period ${period}ns -name default
"""
    target = read_project(write(tmp_path, files(tcl="", build=script))).target
    assert (target.backend, target.part, target.clock_ns) == ("Vivado", "xcu250-figd2104-2L-e", 4.0)


@pytest.mark.parametrize(
    ("settings", "directive", "backend"),
    [
        ("Vitis", "", "Vitis"),
        ("Vivado", "", "Vivado"),
        ("Vivado", "config_op mul -impl fabric\n", "Vitis"),
        ("Vivado", "config_array_partition -maximum_size 4096\n", "Vivado"),
    ],
)
def test_scripts_of_old_versions_call_vitis_hls_vivado(
    tmp_path: Path, settings: str, directive: str, backend: str
) -> None:
    script = TCL.replace('"vitis"', '"vivado"') + directive
    written = {**files(tcl=script), "hls4ml_config.yml": f"Backend: {settings}"}
    assert read_project(write(tmp_path, written)).target.backend == backend


def test_a_million_weights_in_about_a_second(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(0, 1, 1_000_000)
    text = ", ".join(f"{value:.10f}" for value in values)
    parameters = PARAMETERS.replace("N_IN", "1000").replace("n_out = 2", "n_out = 1000").replace("STRATEGY", "latency")
    write(
        tmp_path,
        files(
            top=TOP.replace("N_IN", "1000").replace("[2]", "[1000]"),
            parameters=parameters,
            weights=header("w2", "weight2_t", text, 1_000_000),
            bias=header("b2", "bias2_t", [0.0] * 1000),
        ),
    )
    start = time.process_time()
    design = read_project(tmp_path)
    assert time.process_time() - start < 4, "measured 0.4 s alone; the margin is for a busy machine"
    weight = design["d"].parameters["weight"]
    assert np.array_equal(weight.values.ravel(), weight.precision.quantize(values.round(10)))
