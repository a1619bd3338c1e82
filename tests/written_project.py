"""A small hls4ml project written here, file by file, for tests of what reads projects."""

from pathlib import Path

from fpgaprune.design import Design
from fpgaprune.read.project import read_project

WEIGHTS = [0.5, -0.25, 0.0, 1.75, 0.0, -1.0]  # (3 inputs, 2 outputs)
DEFINES = """
#define N_IN 3
typedef ap_fixed<16,6> input_t;
typedef ap_fixed<8,3> weight2_t;
typedef ap_fixed<8,3> bias2_t;
typedef ap_fixed<20,10> accum_t_2;
typedef ap_ufixed<12,4,AP_RND,AP_SAT,0> result_t;
"""
PARAMETERS = """
// d
struct config2 : nnet::dense_config {
    static const unsigned n_in = N_IN;
    static const unsigned n_out = 2;
    static const unsigned strategy = nnet::STRATEGY;
    static const unsigned reuse_factor = 4;
    static const unsigned n_zeros = 2;
    static const unsigned multiplier_limit = DIV_ROUNDUP(n_in * n_out, reuse_factor) - n_zeros / reuse_factor;
    typedef accum_t_2 accum_t;
    typedef bias2_t bias_t;
    typedef weight2_t weight_t;
    template<class x_T, class y_T>
    using product = nnet::product::mult<x_T, y_T>;
};
"""
TOP = """
#include "parameters.h"
void net(
    input_t x[N_IN],
    result_t layer2_out[2]
) {
    #pragma HLS PIPELINE
#ifndef __SYNTHESIS__
    nnet::load_weights_from_txt<weight2_t, 6>(w2, "w2.txt");
#endif
    // nnet::relu<input_t, result_t, config9>(x, layer2_out);
    nnet::dense<input_t, result_t, config2>(x, layer2_out, w2, b2); // d
}
"""
TCL = """
set project_name "net"
set backend "vitis"
set part "xc7z020clg400-1"
set clock_period 3.5
"""
BUILD = """
set_part $part
create_clock -period $clock_period -name default
config_compile  -name_max_length 80
#config_op mul -impl fabric
    config_schedule -enable_dsp_full_reg=false
"""


def header(name: str, kind: str, values: list[float] | str, count: int | None = None) -> str:
    text = values if isinstance(values, str) else ", ".join(map(str, values))
    size = len(values) if count is None else count
    return (
        f"//Numpy array shape\n#ifndef {name.upper()}_H_\n#define {name.upper()}_H_\n#ifndef __SYNTHESIS__\n"
        f"{kind} {name}[{size}];\n#else\n{kind} {name}[{size}] = {{{text}}};\n\n#endif\n#endif\n"
    )


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def files(strategy: str = "latency", **changed: str) -> dict[str, str]:
    found = {
        "defines": ("firmware/defines.h", DEFINES),
        "parameters": ("firmware/parameters.h", PARAMETERS.replace("STRATEGY", strategy)),
        "top": ("firmware/net.cpp", TOP),
        "weights": ("firmware/weights/w2.h", header("w2", "weight2_t", WEIGHTS)),
        "bias": ("firmware/weights/b2.h", header("b2", "bias2_t", [0.5, -0.03])),
        "tcl": ("project.tcl", TCL),
        "build": ("build_prj.tcl", BUILD),
    }
    return {path: changed.get(name, text) for name, (path, text) in found.items()}


def read(root: Path, strategy: str = "latency", **changed: str) -> Design:
    return read_project(write(root, files(strategy, **changed)))
