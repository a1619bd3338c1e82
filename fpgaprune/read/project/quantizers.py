"""Quantizers of a type per element, and the tables that take the place of functions between them."""

import re
from collections.abc import Iterator
from math import prod

import numpy as np

from fpgaprune.design import LayerKind, LayerSpec, Table
from fpgaprune.errors import DesignError
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.read.project.site import Site

_GENERATED = "firmware/nnet_utils/nnet_code_gen.h"
# What hls4ml writes for each element (hgq_proxy_model.py of 1.3.0): its type around it, or nothing left of it.
_ELEMENT = re.compile(r"out\[(?P<to>\d+)\]\s*=\s*(?:0|(?P<type>ap_u?fixed<[^<>]*>)\(inp\[(?P<of>\d+)\]\))\s*")


def unary_lut(site: Site) -> LayerSpec:
    """A function of one value, looked up by all of its bits."""
    config, shape = site.settings(), site.elementwise_shape()
    precision = config.precision("table_t")
    tables = {} if precision is None else {"table": Table(config.need("table_size"), precision)}
    array = site.parameter(site.array_name(0, "table"), -1, np.ravel, config.type_text("table_t"))
    return site.spec(
        LayerKind.ACTIVATION, "unary_lut", shape, shape, tables=tables, parameters={"table": array}, reuse_factor=None
    )


def quantizer(site: Site) -> LayerSpec | None:
    """A change of type with a type of its own for every element; None for a call of another form.

    hls4ml names the function after the layer and writes it into the project, which may have come without it. Then the
    form tells: two types and no configuration, one array in, one of the same shape out.
    """
    call, shape = site.call, site.output.shape
    alone = len(site.sources) == 1 and not site.arrays and len(call.arguments) == len(call.template) == 2
    if not alone or site.config is not None or shape is None or shape != site.inputs[0].shape:
        return None
    attributes = {}
    body = _body(site)
    if body is not None:
        types = [found for found in _types(body) if found is not None]
        if len(types) != prod(shape) or None in _types(body):
            return None
        attributes["element_widths"] = " ".join(str(width) for width, _ in types)
        attributes["element_integers"] = " ".join(str(integer) for _, integer in types)
    return site.spec(LayerKind.ACTIVATION, "quantize", shape, shape, attributes=attributes, reuse_factor=None)


def _body(site: Site) -> str | None:
    folder = site.source.folder
    if not folder.has(_GENERATED):
        return None
    text = folder.text(_GENERATED)
    start = re.search(rf"\bvoid\s+{re.escape(site.call.function)}\s*\([^()]*\)\s*\{{", text)
    return None if start is None else text[start.end() : text.find("}", start.end())]


def _types(body: str) -> Iterator[tuple[int, int] | None]:
    """Bits and integer bits of every element, in order; None for a statement of another form."""
    statements = re.sub(r"^\s*#[^\n]*", "", body, flags=re.MULTILINE).split(";")
    for index, statement in enumerate(text for text in map(str.strip, statements) if text):
        match = _ELEMENT.fullmatch(statement)
        if match is None or int(match["to"]) != index or match["of"] not in (None, str(index)):
            yield None
        elif match["type"] is None:
            yield 0, 0
        else:
            yield _type(match["type"])


def _type(text: str) -> tuple[int, int] | None:
    try:
        found = FixedPoint.from_cpp(text)
    except DesignError:
        return None
    return found.width, found.integer
