"""Dead neurons: products that synthesis removes because nothing reads them, or because their data never change.

A neuron whose outgoing constants are all zero is never read, so its incoming products go; one whose incoming
constants are all zero is a constant, so its outgoing products fold away. Both travel through the graph. Seen in fully
parallel designs only (`io_parallel`): streams carry every value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import Design, LayerKind, LayerSpec
from fpgaprune.estimate.passing import CONVOLUTIONS, Passage
from fpgaprune.estimate.positions import has_positions_apart
from fpgaprune.estimate.windows import Mask


@dataclass(frozen=True)
class Liveness:
    """Which values matter, per layer and flattened element: `moving` in the outputs, `read` of the outputs."""

    moving: Mapping[str, Mask]
    read: Mapping[str, Mask]

    def live_elements(self, layer: LayerSpec, size: int) -> Mask | None:
        """Which of the `size` values an elementwise layer works on matter; None: all of them."""
        moving = self.moving.get(layer.inputs[0]) if layer.inputs else None
        read = self.read.get(layer.name)
        if moving is None or read is None or moving.size != size or read.size != size:
            return None
        live: Mask = moving & read
        return None if live.all() else live

    def live_codes(self, layer: LayerSpec, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """`codes` (inputs, outputs) of a dense layer with the products that synthesis removes set to zero."""
        moving = self.moving.get(layer.inputs[0]) if layer.inputs else None
        read = self.read.get(layer.name)
        rows_matter = moving is not None and moving.size == codes.shape[0] and not moving.all()
        columns_matter = read is not None and read.size == codes.shape[1] and not read.all()
        if not rows_matter and not columns_matter:
            return codes
        live = codes.copy()
        if moving is not None and rows_matter:
            live[~moving] = 0
        if read is not None and columns_matter:
            live[:, ~read] = 0
        return live


def find_liveness(design: Design, codes: Mapping[str, NDArray[np.int64]]) -> Liveness:
    """Liveness of every layer's outputs, by element: of an image by position and channel.

    `codes` holds the constants, as (inputs, outputs) of one product, of the layers whose constants synthesis sees as
    such. Positions of a convolution that share hardware are computed as soon as there is that hardware.

    Designs that are not `io_parallel` keep everything.
    """
    if design.io_type != "io_parallel":
        return Liveness({}, {})
    passages = {layer.name: _passage(layer, design, codes.get(layer.name)) for layer in design}
    moving = _moving(design, passages)
    return Liveness(moving, _read(design, passages, moving))


def read_elements(design: Design) -> Mapping[str, Mask]:
    """Which elements of every layer's output reach an output of the design by way of weights that are not zero.

    Where data do not move is not looked at: what the others hold may be left out without changing an output. Unlike
    in `find_liveness`, which tells what tools find out, it does not matter what shares hardware, and streams count too.
    """
    every = {layer.name: np.ones(layer.output_size, dtype=bool) for layer in design}
    passages = {}
    for layer in design:
        weight = layer.weight
        matrix = weight is not None and (layer.kind in CONVOLUTIONS or layer.kind is LayerKind.DENSE)
        nonzero = weight.values.reshape(-1, weight.values.shape[-1]) if weight is not None and matrix else None
        passages[layer.name] = replace(_passage(layer, design, nonzero), apart=True)
    return _read(design, passages, every)


def _passage(layer: LayerSpec, design: Design, constants: NDArray[Any] | None) -> Passage:
    sizes = tuple(design[name].output_size for name in layer.inputs)
    nonzero = None if constants is None else constants != 0
    return Passage(layer, sizes, nonzero, has_positions_apart(layer, design.io_type))


def _moving(design: Design, passages: Mapping[str, Passage]) -> dict[str, Mask]:
    found: dict[str, Mask] = {}
    for layer in design:
        mask = passages[layer.name].moving([found[name] for name in layer.inputs])
        size = layer.output_size
        found[layer.name] = mask if mask is not None and mask.size == size else np.ones(size, dtype=bool)
    return found


def _read(design: Design, passages: Mapping[str, Passage], moving: Mapping[str, Mask]) -> dict[str, Mask]:
    found = {layer.name: np.zeros(layer.output_size, dtype=bool) for layer in design}
    for name in design.outputs:
        found[name][:] = True
    for layer in reversed(design.layers):
        if not layer.inputs:
            continue
        for source, needed in zip(layer.inputs, passages[layer.name].needed(found[layer.name]), strict=True):
            found[source] |= moving[source] if needed is None or needed.size != found[source].size else needed
    return found
