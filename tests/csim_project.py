"""A small hls4ml project written by hand around hls4ml's own headers, so that no test needs TensorFlow for it.

Two inputs a and b, two outputs: relu(a·A) and a·A + b·B, in ap_fixed<16,6>, weights read from text.
"""

import importlib.util
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

A = np.array([[1.5, -0.25], [0.5, 2.0], [-1.0, 0.75]])
B = np.array([[0.125, 1.0], [-2.5, 0.5]])

_DEFINES = """
#include "ap_fixed.h"
#include "nnet_utils/nnet_types.h"
typedef ap_fixed<16,6> value_t;
typedef {port} input_t;
typedef {port2} wide_t;
"""

_PARAMETERS = """
#include "ap_fixed.h"
#include "nnet_utils/nnet_helpers.h"
#include "nnet_utils/nnet_dense.h"
#include "nnet_utils/nnet_dense_stream.h"
#include "nnet_utils/nnet_activation.h"
#include "nnet_utils/nnet_activation_stream.h"
#include "nnet_utils/nnet_merge.h"
#include "nnet_utils/nnet_merge_stream.h"
#include "nnet_utils/nnet_stream.h"
#include "weights/wa.h"
#include "weights/wb.h"
#include "weights/bias.h"
template <unsigned IN> struct dense_of : nnet::dense_config {{
    static const unsigned n_in = IN;
    static const unsigned n_out = 2;
    static const unsigned io_type = nnet::{io};
    static const unsigned strategy = nnet::latency;
    static const unsigned reuse_factor = 1;
    static const unsigned n_zeros = 0;
    static const unsigned multiplier_limit = IN * 2;
    typedef value_t accum_t;
    typedef value_t bias_t;
    typedef value_t weight_t;
    template <class D, class R, class C> using kernel = nnet::DenseLatency<D, R, C>;
    template <class X, class Y> using product = nnet::product::mult<X, Y>;
}};
struct relu_config : nnet::activ_config {{ static const unsigned n_in = 2; }};
struct add_config : nnet::merge_config {{ static const unsigned n_elem = 2; }};
"""

_PARALLEL_TOP = """#include "two.h"
#include "parameters.h"
void two(value_t a[3], value_t b[2], value_t relu_out[2], value_t add_out[2]) {
    // hls-fpga-machine-learning insert load weights
#ifndef __SYNTHESIS__
    static bool loaded_weights = false;
    if (!loaded_weights) {
        nnet::load_weights_from_txt<value_t, 6>(wa, "wa.txt");
        nnet::load_weights_from_txt<value_t, 4>(wb, "wb.txt");
        nnet::load_weights_from_txt<value_t, 2>(bias, "bias.txt");
        loaded_weights = true;    }
#endif
    // hls-fpga-machine-learning insert layers

    value_t fa_out[2];
    #pragma HLS ARRAY_PARTITION variable=fa_out complete dim=0

    value_t fb_out[2];

    nnet::dense<value_t, value_t, dense_of<3>>(a, fa_out, wa, bias); // first

    // second
    nnet::dense<value_t, value_t, dense_of<2>>(b, fb_out, wb, bias);

    nnet::relu<value_t, value_t, relu_config>(fa_out, relu_out); // act

    nnet::add<value_t, value_t, value_t, add_config>(fa_out, fb_out, add_out); // sum

}
"""

_STREAM_TOP = """#include "two.h"
#include "parameters.h"
void two(hls::stream<input_t> &a, hls::stream<wide_t> &b, hls::stream<wide_t> &relu_out, hls::stream<wide_t> &add_out) {
#ifndef __SYNTHESIS__
    static bool loaded_weights = false;
    if (!loaded_weights) {
        nnet::load_weights_from_txt<value_t, 6>(wa, "wa.txt");
        nnet::load_weights_from_txt<value_t, 4>(wb, "wb.txt");
        nnet::load_weights_from_txt<value_t, 2>(bias, "bias.txt");
        loaded_weights = true;    }
#endif
    // hls-fpga-machine-learning insert layers

    hls::stream<wide_t> fa_out("fa_out");
    #pragma HLS STREAM variable=fa_out depth=1
    hls::stream<wide_t> fa_cpy1("fa_cpy1");
    hls::stream<wide_t> fa_cpy2("fa_cpy2");
    hls::stream<wide_t> fb_out("fb_out");

    nnet::dense<input_t, wide_t, dense_of<3>>(a, fa_out, wa, bias); // first

    nnet::clone_stream<wide_t, wide_t, 2>(fa_out, fa_cpy1, fa_cpy2); // clone

    nnet::dense<wide_t, wide_t, dense_of<2>>(b, fb_out, wb, bias); // second

    nnet::relu<wide_t, wide_t, relu_config>(fa_cpy1, relu_out); // act

    nnet::add<wide_t, wide_t, wide_t, add_config>(fa_cpy2, fb_out, add_out); // sum

}
"""

_BRIDGE_HEAD = """#include "firmware/two.h"
#include "firmware/nnet_utils/nnet_helpers.h"
namespace nnet {
bool trace_enabled = false;
std::map<std::string, void *> *trace_outputs = NULL;
size_t trace_type_size = sizeof(double);
} // namespace nnet
extern "C" {
"""

_BRIDGE = """void two_double(
    double *a, double *b,
    double *relu_out, double *add_out
) {{

    {a} a_ap{a_size};
    nnet::convert_data<double, {a}, 3*1>(a, a_ap);
    {b} b_ap{b_size};
    nnet::convert_data<double, {b}, 2>(b, b_ap);

    {b} relu_out_ap{b_size};
    {b} add_out_ap{b_size};

    two(a_ap,b_ap,relu_out_ap,add_out_ap);

    nnet::convert_data<{b}, double, 2>(relu_out_ap, relu_out);
    nnet::convert_data<{b}, double, 2>(add_out_ap, add_out);
}}
}}
"""


@dataclass(frozen=True)
class Expected:
    """What the project computes; the inputs below are chosen so that no bit is lost."""

    first: NDArray[np.float64]
    second: NDArray[np.float64]

    @property
    def outputs(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.maximum(self.first, 0), self.first + self.second


def example(samples: int, seed: int = 0) -> tuple[list[NDArray[np.float64]], Expected]:
    """Inputs in steps of 1/8, small enough for ap_fixed<16,6>, and the exact results."""
    random = np.random.default_rng(seed)
    a = random.integers(-16, 17, (samples, 3)) / 8
    b = random.integers(-16, 17, (samples, 2)) / 8
    return [a, b], Expected(a @ A, b @ B)


def write_project(folder: Path, io_type: str = "io_parallel") -> Path:
    """Write the project into `folder`; skips the test where hls4ml is not installed."""
    spec = importlib.util.find_spec("hls4ml")
    if spec is None or spec.origin is None:
        pytest.skip("needs the headers that come with hls4ml")
    templates = Path(spec.origin).parent / "templates" / "vivado"
    firmware = folder / "firmware"
    for part in ("ap_types", "nnet_utils"):
        shutil.copytree(templates / part, firmware / part)
    stream = io_type == "io_stream"
    ports = {"port": "nnet::array<value_t, 3>", "port2": "nnet::array<value_t, 2>"} if stream else {}
    (firmware / "defines.h").write_text(
        "#pragma once" + _DEFINES.format(**(ports or {"port": "value_t", "port2": "value_t"}))
    )
    (firmware / "parameters.h").write_text("#pragma once" + _PARAMETERS.format(io=io_type))
    top = _STREAM_TOP if stream else _PARALLEL_TOP
    (firmware / "two.cpp").write_text(top)
    prototype = top[top.index("void two") : top.index(" {\n")]
    (firmware / "two.h").write_text(f'#pragma once\n#include "hls_stream.h"\n#include "defines.h"\n{prototype};\n')
    kinds = (
        {"a": "input_t", "b": "wide_t", "a_size": "", "b_size": ""}
        if stream
        else {"a": "value_t", "b": "value_t", "a_size": "[3]", "b_size": "[2]"}
    )
    text = _BRIDGE.format(**kinds)
    if stream:
        text = re.sub(r"^    (\w+) (\w+_ap);", r'    hls::stream<\1> \2("\2");', text, flags=re.MULTILINE)
    (folder / "two_bridge.cpp").write_text(_BRIDGE_HEAD + text)
    write_weights(folder, A, B)
    return folder


def write_weights(folder: Path, a: NDArray[np.float64], b: NDArray[np.float64]) -> None:
    """Write headers and texts of the weights as hls4ml does."""
    weights = folder / "firmware" / "weights"
    weights.mkdir(exist_ok=True)
    for name, values in (("wa", a), ("wb", b), ("bias", np.zeros(2))):
        numbers = ", ".join(f"{value:.10f}" for value in values.ravel())
        (weights / f"{name}.txt").write_text(numbers)
        (weights / f"{name}.h").write_text(
            f"#pragma once\n#ifndef __SYNTHESIS__\nvalue_t {name}[{values.size}];\n#else\n"
            f"value_t {name}[{values.size}] = {{{numbers}}};\n#endif\n"
        )
