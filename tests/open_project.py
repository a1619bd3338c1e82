"""An hls4ml project of dense and ReLU layers, written by hand around hls4ml's headers: no TensorFlow needed for it."""

import importlib.util
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

_DENSE = """
struct config{n} : nnet::dense_config {{
    static const unsigned n_in = {n_in};
    static const unsigned n_out = {n_out};
    static const unsigned io_type = nnet::io_parallel;
    static const unsigned strategy = nnet::{strategy};
    static const unsigned reuse_factor = {reuse};
    static const unsigned n_zeros = {zeros};
    static const unsigned multiplier_limit = DIV_ROUNDUP(n_in * n_out, reuse_factor) - n_zeros / reuse_factor;
    typedef accum{n}_t accum_t;
    typedef bias{n}_t bias_t;
    typedef weight{n}_t weight_t;
    template <class D, class R, class C> using kernel = nnet::{kernel}<D, R, C>;
    template <class X, class Y> using product = nnet::product::mult<X, Y>;
}};
"""
_BRIDGE = """#include "firmware/{top}.h"
#include "firmware/nnet_utils/nnet_helpers.h"
namespace nnet {{
bool trace_enabled = false;
std::map<std::string, void *> *trace_outputs = NULL;
size_t trace_type_size = sizeof(double);
}} // namespace nnet
extern "C" {{
void {top}_double(
    double *x, double *{last}
) {{

    input_t x_ap[{n_in}];
    nnet::convert_data<double, input_t, {n_in}>(x, x_ap);

    {type} {last}_ap[{n_out}];

    {top}(x_ap,{last}_ap);

    nnet::convert_data<{type}, double, {n_out}>({last}_ap, {last});
}}
}}
"""


@dataclass(frozen=True)
class Mlp:
    """Weights as codes (inputs, outputs) per dense layer, in ap_fixed<bits, 2>; activations in ap_ufixed<bits, 3>."""

    codes: tuple[NDArray[np.int64], ...]
    bits: int = 8
    reuse: tuple[int, ...] = ()
    top: str = "net"
    resource: frozenset[int] = field(default_factory=frozenset)

    def reuse_of(self, layer: int) -> int:
        return self.reuse[layer] if self.reuse else 1


def random_mlp(sizes: Sequence[int], bits: int, sparsity: float, seed: int = 0) -> Mlp:
    rng = np.random.default_rng([seed, bits, int(100 * sparsity)])
    half = 1 << (bits - 1)
    codes = []
    for n_in, n_out in pairwise(sizes):
        matrix = rng.integers(-half, half, (n_in, n_out))
        matrix.reshape(-1)[rng.permutation(matrix.size)[: round(sparsity * matrix.size)]] = 0
        codes.append(matrix)
    return Mlp(tuple(codes), bits)


def write_mlp(folder: Path, mlp: Mlp) -> Path:
    """Write the project into `folder`, layers d0, r0, d1, …; skips the test where hls4ml is not installed."""
    spec = importlib.util.find_spec("hls4ml")
    if spec is None or spec.origin is None:
        pytest.skip("needs the headers that come with hls4ml")
    templates = Path(spec.origin).parent / "templates" / "vivado"
    firmware = folder / "firmware"
    for part in ("ap_types", "nnet_utils"):
        shutil.copytree(templates / part, firmware / part)
    (firmware / "weights").mkdir()
    bits, top, last = mlp.bits, mlp.top, len(mlp.codes) - 1
    types = [f"typedef ap_fixed<{bits},3,AP_RND_CONV,AP_SAT> input_t;"]
    includes, configs, loads, calls = [], [], [], []
    data, kind = "x", "input_t"
    for i, codes in enumerate(mlp.codes):
        n_in, n_out = codes.shape
        out = f"layer{2 * i + 2}_out"
        result = f"layer{2 * i + 2}_t"
        types += [
            f"typedef ap_fixed<{2 * bits + 8},13> accum{2 * i + 2}_t;",
            f"typedef ap_fixed<{2 * bits + 8},13> {result};",
            f"typedef ap_fixed<{bits},2> weight{2 * i + 2}_t;",
            f"typedef ap_fixed<{bits},2> bias{2 * i + 2}_t;",
        ]
        resource = i in mlp.resource
        configs.append(
            _DENSE.format(
                n=2 * i + 2,
                n_in=n_in,
                n_out=n_out,
                reuse=mlp.reuse_of(i),
                zeros=int(np.sum(codes == 0)),
                strategy="resource" if resource else "latency",
                kernel="DenseResource_rf_leq_nin" if resource else "DenseLatency",
            )
        )
        stored = codes.T if resource else codes
        for name, values in ((f"w{2 * i + 2}", stored), (f"b{2 * i + 2}", np.arange(n_out) % 3)):
            kind_of = f"{'weight' if name[0] == 'w' else 'bias'}{2 * i + 2}_t"
            _write_weights(firmware / "weights", name, kind_of, values.ravel() * 2.0 ** (2 - bits))
            includes.append(f'#include "weights/{name}.h"')
            loads.append(f'        nnet::load_weights_from_txt<{kind_of}, {values.size}>({name}, "{name}.txt");')
        if i < last:
            calls.append(f"    {result} {out}[{n_out}];\n    #pragma HLS ARRAY_PARTITION variable={out} complete dim=0")
        calls.append(
            f"    nnet::dense<{kind}, {result}, config{2 * i + 2}>({data}, {out}, w{2 * i + 2}, b{2 * i + 2}); // d{i}"
        )
        if i < last:
            n, active = 2 * i + 3, f"layer{2 * i + 3}_t"
            types.append(f"typedef ap_ufixed<{bits},3,AP_RND_CONV,AP_SAT> {active};")
            configs.append(f"struct relu_config{n} : nnet::activ_config {{ static const unsigned n_in = {n_out}; }};\n")
            calls.append(f"    {active} layer{n}_out[{n_out}];")
            calls.append(f"    nnet::relu<{result}, {active}, relu_config{n}>({out}, layer{n}_out); // r{i}")
            data, kind = f"layer{n}_out", active
        else:
            data, kind = out, result
    n_in, n_out = mlp.codes[0].shape[0], mlp.codes[-1].shape[1]
    head = '#include "ap_fixed.h"\n#include "nnet_utils/nnet_types.h"\n'
    (firmware / "defines.h").write_text("#pragma once\n" + head + "\n".join(types) + "\n")
    helpers = "".join(f'#include "nnet_utils/nnet_{part}.h"\n' for part in ("helpers", "dense", "activation"))
    (firmware / "parameters.h").write_text(
        "#pragma once\n" + head + helpers + '#include "defines.h"\n' + "\n".join([*includes, *configs])
    )
    prototype = f"void {top}(input_t x[{n_in}], {kind} {data}[{n_out}])"
    body = "\n".join(loads)
    (firmware / f"{top}.cpp").write_text(
        f'#include "{top}.h"\n#include "parameters.h"\n{prototype} {{\n'
        "    // hls-fpga-machine-learning insert load weights\n#ifndef __SYNTHESIS__\n"
        f"    static bool loaded_weights = false;\n    if (!loaded_weights) {{\n{body}\n"
        "        loaded_weights = true;    }\n#endif\n    // hls-fpga-machine-learning insert layers\n\n"
        + "\n\n".join(calls)
        + "\n\n}\n"
    )
    (firmware / f"{top}.h").write_text(f'#pragma once\n#include "defines.h"\n{prototype};\n')
    (folder / f"{top}_bridge.cpp").write_text(_BRIDGE.format(top=top, last=data, n_in=n_in, n_out=n_out, type=kind))
    (folder / "project.tcl").write_text(
        f'set project_name "{top}"\nset part "xcvu13p-flga2577-2-e"\nset clock_period 5\nset clock_uncertainty 27%\n'
    )
    return folder


def _write_weights(folder: Path, name: str, kind: str, values: NDArray[np.float64]) -> None:
    numbers = ", ".join(f"{value:.16f}" for value in values)
    (folder / f"{name}.txt").write_text(numbers)
    (folder / f"{name}.h").write_text(
        f"#pragma once\n#ifndef __SYNTHESIS__\n{kind} {name}[{values.size}];\n#else\n"
        f"{kind} {name}[{values.size}] = {{{numbers}}};\n#endif\n"
    )
