"""The forms of hls4ml's generated text that a kernel can be put into."""

import re
from typing import Any

from fpgaprune.design import LayerKind
from fpgaprune.estimate.kernels import RECURRENT

KERNEL = re.compile(r"(using kernel = )[\w:]+(<data_T, res_T, CONFIG_T>;)")
CALL = re.compile(r"nnet::((?:pointwise_|depthwise_)?conv_[12]d)_cl<")
SIZES = re.compile(
    r"(struct config\d+_mult [^{]*\{\s*static const unsigned n_in = )\d+(;\s*static const unsigned n_out = )\d+;"
)
_PRODUCT = "nnet::product::mult<"


def obstacle_in_text(kind: LayerKind, node: Any, io_type: str) -> str | None:
    """Why a node's configuration and call have no place for a kernel; None where they have."""
    text = str(node.get_attr("config_cpp"))
    if kind in RECURRENT:
        return (
            None if len(KERNEL.findall(text)) == text.count(_PRODUCT) == 2 else "its products are of a form of its own"
        )
    if kind is not LayerKind.DENSE and not (CALL.search(str(node.get_attr("function_cpp"))) and SIZES.search(text)):
        return "hls4ml calls it by a way of its own"
    if io_type != "io_parallel" and "conv_implementation::encoded" in text:
        return "its implementation is encoded"
    if _PRODUCT not in text or not KERNEL.search(text):
        return "its products are not plain multiplications"
    return None
