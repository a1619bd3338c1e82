"""Quantizers with a type per element, tables of all values, and einsum_dense, read from a project's text."""

from pathlib import Path

import pytest

from fpgaprune.design import Design, LayerKind, LayerSpec, Strategy
from fpgaprune.read.project import read_project
from tests.written_project import WEIGHTS, files, header, write

TOP = """
#include "parameters.h"
void net(input_t x[N_IN], result_t layer2_out[2]) {
    #pragma HLS PIPELINE
    input_t layer1_out[N_IN];
    nnet::narrow<input_t, input_t>(x, layer1_out); // narrow
    nnet::dense<input_t, result_t, config2>(layer1_out, layer2_out, w2, b2); // d
}
"""
CODE = """
namespace nnet {
template<typename input_t, typename output_t>
void narrow(input_t *inp, output_t *out) {
    #pragma HLS INLINE

    out[0] = ap_fixed<12,6,AP_RND,AP_SAT>(inp[0]);
    out[1] = 0;
    out[2] = ap_ufixed<4,1,AP_RND,AP_WRAP>(inp[2]);
}
}
"""
EINSUM = """
struct config2_dense : nnet::dense_config {
    static const unsigned n_in = 3;
    static const unsigned n_out = 2;
    static const unsigned reuse_factor = 2;
    static const unsigned strategy = nnet::latency;
    static const unsigned n_zeros = ZEROS
    static const unsigned multiplier_limit = DIV_ROUNDUP(n_in * n_out, reuse_factor) - n_zeros / reuse_factor;
    typedef accum_t_2 accum_t;
    typedef bias2_t bias_t;
    typedef weight2_t weight_t;
};
struct config2 {
    typedef accum_t_2 accum_t;
    typedef bias2_t bias_t;
    CONSTANTS
    static const unsigned n_free_data = 4;
    static const unsigned n_free_kernel = 2;
    static const unsigned n_contract = 3;
    static const unsigned n_inplace = KEPT;
    static const unsigned io_type = nnet::io_parallel;
    static const unsigned strategy = nnet::STRATEGY;
    static const unsigned reuse_factor = 2;
    static const unsigned parallelization_factor = 2; // Only useful when n_inplace > 1
};
"""


def quantized(folder: Path, code: str | None, top: str = TOP) -> LayerSpec:
    found = files(top=top)
    if code is not None:
        found["firmware/nnet_utils/nnet_code_gen.h"] = code
    return read_project(write(folder, found))["narrow"]


def test_a_quantizer_states_the_bits_of_every_element(tmp_path: Path) -> None:
    layer = quantized(tmp_path, CODE)
    assert (layer.kind, layer.operation, layer.output_shape) == (LayerKind.ACTIVATION, "quantize", (3,))
    assert [layer.attributes[name] for name in ("element_widths", "element_integers")] == ["12 0 4", "6 0 1"]


def test_without_its_text_a_quantizer_is_told_by_its_form(tmp_path: Path) -> None:
    layer = quantized(tmp_path, None)
    assert layer.operation == "quantize"
    assert "element_widths" not in layer.attributes


@pytest.mark.parametrize(
    "code",
    [
        CODE.replace("inp[2]", "inp[1]"),
        CODE.replace("out[1] = 0", "out[1] = inp[0] * inp[2]"),
        CODE.replace("    out[1] = 0;\n", ""),
        CODE.replace("ap_ufixed<4,1,AP_RND,AP_WRAP>", "ap_ufixed<4,1,AP_ODD>"),
    ],
)
def test_a_function_that_does_something_else_is_no_quantizer(tmp_path: Path, code: str) -> None:
    assert quantized(tmp_path, code).kind is LayerKind.OTHER


def test_an_unknown_function_with_a_configuration_is_no_quantizer(tmp_path: Path) -> None:
    top = TOP.replace("narrow<input_t, input_t>", "narrow<input_t, input_t, config2>")
    assert quantized(tmp_path, None, top).kind is LayerKind.OTHER


def test_a_table_of_every_value(tmp_path: Path) -> None:
    top = """
void net(input_t x[N_IN], result_t layer3_out[N_IN]) {
    nnet::unary_lut<input_t, result_t, unary_lut_config3>(x, layer3_out, t3); // look
}
"""
    found = files(top=top)
    found["firmware/parameters.h"] += """
struct unary_lut_config3 : nnet::activ_config {
    static const unsigned n_in = 3;
    static const unsigned table_size = 4;
    typedef bias2_t table_t;
};
"""
    found["firmware/weights/t3.h"] = header("t3", "bias2_t", [0.0, 0.5, 1.0, 1.5])
    layer = read_project(write(tmp_path, found))["look"]
    assert (layer.kind, layer.operation) == (LayerKind.ACTIVATION, "unary_lut")
    assert (layer.tables["table"].size, layer.tables["table"].precision.width) == (4, 8)
    assert layer.parameters["table"].values.tolist() == [0.0, 0.5, 1.0, 1.5]


def contracted(
    folder: Path, *, kept: int = 1, adders: bool = False, style: str = "PIPELINE", zeros: str = "1;"
) -> Design:
    arrays = "b2" if adders else "w2, b2"
    top = f"""
void net(input_t x[{12 * kept}], result_t layer2_out[{8 * kept}]) {{
    #pragma HLS {style}
    nnet::einsum_dense<input_t, result_t, config2>(x, layer2_out, {arrays}); // e
}}
"""
    found = files(top=top)
    text = EINSUM.replace("KEPT", str(kept)).replace("ZEROS", zeros)
    text = text.replace("STRATEGY", "distributed_arithmetic" if adders else "latency")
    found["firmware/parameters.h"] = text.replace("CONSTANTS", "" if adders else "typedef config2_dense dense_conf;")
    found["firmware/weights/w2.h"] = header("w2", "weight2_t", WEIGHTS * kept)
    found["firmware/weights/b2.h"] = header("b2", "bias2_t", [0.5] * 8 * kept)
    return read_project(write(folder, found))


def test_einsum_dense_multiplies_by_constants(tmp_path: Path) -> None:
    layer = contracted(tmp_path)["e"]
    assert (layer.kind, layer.strategy, layer.reuse_factor) == (LayerKind.EINSUM_DENSE, Strategy.LATENCY, 2)
    assert (layer.input_shape, layer.output_shape, layer.positions) == ((12,), (8,), 4)
    assert layer.parameters["weight"].values.tolist() == [[[0.5, -0.25], [0.0, 1.75], [0.0, -1.0]]]
    assert (layer.multiplier_limit, layer.claimed_zeros) == (3, 1)


@pytest.mark.parametrize(("style", "at_once"), [("PIPELINE", 4), ("dataflow", 2)])
def test_one_pipeline_unrolls_all_positions(tmp_path: Path, style: str, at_once: int) -> None:
    assert contracted(tmp_path, style=style)["e"].parallelization_factor == at_once


def test_the_zeros_of_several_matrices_are_not_written(tmp_path: Path) -> None:
    layer = contracted(tmp_path, kept=2, zeros="-1; // Not making sense when kernels are switching;")["e"]
    assert layer.parameters["weight"].values.shape == (2, 3, 2)
    assert (layer.multiplier_limit, layer.claimed_zeros) == (None, None)


def test_an_adder_graph_has_no_constants(tmp_path: Path) -> None:
    layer = contracted(tmp_path, adders=True)["e"]
    assert (layer.strategy, dict(layer.parameters)) == (Strategy.DISTRIBUTED_ARITHMETIC, {})
