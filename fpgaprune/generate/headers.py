"""Corrections to the headers that hls4ml copies into a project."""

from pathlib import Path
from typing import Final

# hls4ml 1.3.0's LSTM without static state names the wrong types for its two products, which only compiles where input,
# sums and outputs have the same type; it is compiled, never run, also where the state is static.
_CORRECTIONS: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "nnet_utils/nnet_recurrent.h",
        "nnet::dense<data_T, res_T, typename CONFIG_T::mult_config1>(data, tmpres,",
        "nnet::dense<data_T, typename CONFIG_T::accum_t, typename CONFIG_T::mult_config1>(data, tmpres,",
    ),
    (
        "nnet_utils/nnet_recurrent.h",
        "nnet::dense<data_T, res_T, typename CONFIG_T::mult_config2>(h_newstate, tmpres_state,",
        "nnet::dense<res_T, typename CONFIG_T::accum_t, typename CONFIG_T::mult_config2>(h_newstate, tmpres_state,",
    ),
    # The guard of the two-dimensional header: whichever of the two comes second in a project would be left out.
    (
        "nnet_utils/nnet_sepconv1d_latency.h",
        "NNET_SEPARABLE_CONV2D_LATENCY_H_",
        "NNET_SEPARABLE_CONV1D_LATENCY_H_",
    ),
    # Rounding reads the bit below the last one kept before it asks whether there is one: where all bits of a value lie
    # further below, as those of sums without a weight may, an assertion ends the C simulation.
    (
        "ap_types/ap_fixed_base.h",
        "bool qbit = _AP_ROOT_op_get_bit(op.V, F2 - _AP_F - 1);",
        "bool qbit = _AP_ROOT_op_get_bit(op.V, F2 - _AP_F - 1 < _AP_W2 ? F2 - _AP_F - 1 : _AP_W2 - 1);",
    ),
)


def correct_headers(project: Path) -> None:
    """Replace the known mistakes in a written project's headers; text that is not there is left as it is."""
    for name, wrong, right in _CORRECTIONS:
        path = project / "firmware" / name
        if path.is_file() and wrong in (text := path.read_text(encoding="utf-8")):
            path.write_text(text.replace(wrong, right), encoding="utf-8")
