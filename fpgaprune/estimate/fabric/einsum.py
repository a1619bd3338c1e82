"""Structure and timing of an einsum_dense: a dense product per matrix and position."""

from math import ceil, prod

from fpgaprune.design import LayerSpec, Parameter, Strategy
from fpgaprune.estimate.context import Context
from fpgaprune.estimate.fabric.matrix import MatrixProduct
from fpgaprune.estimate.fabric.products import describe_product, too_wide
from fpgaprune.estimate.fabric.schedule import Clock
from fpgaprune.estimate.fabric.structure import NOTHING, LayerFabric, Structure


def describe_einsum_dense(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:
    """All matrices side by side, positions as far as they are computed at once; no report shows one."""
    weight, data = layer.weight, context.input_type(layer)
    if weight is None or data is None or too_wide(weight):
        return None
    output = layer.output_precision or data
    structure, edges, ii = NOTHING, 0, 1
    copies = max(1, layer.parallelization_factor)
    for index, codes in enumerate(weight.codes):
        product = MatrixProduct(
            codes=codes,
            weight=weight,
            data=data,
            accumulator=layer.accumulator_precision or output,
            bias=_bias(layer, index, codes.shape[-1]),
            strategy=layer.strategy or Strategy.LATENCY,
            reuse_factor=context.reuse_factor(layer),
            limit=layer.multiplier_limit,
            folds=True,
            copies=copies,
        )
        part, timing = describe_product(product, context.pricing, clock)
        structure, edges, ii = structure + part, max(edges, timing.edges), max(ii, timing.ii)
    results = float(layer.output_size * output.width)
    passes = ceil(layer.positions / copies)
    if passes > 1:
        structure += Structure(held_bits=float(prod(layer.input_shape) * data.width) + results)
    return LayerFabric(structure, edges + (passes - 1) * ii, max(ii, passes), Structure(output_bits=results))


def _bias(layer: LayerSpec, matrix: int, outputs: int) -> Parameter | None:
    """The offsets of one matrix at the first position: hls4ml stores (matrices, positions, outputs)."""
    bias = layer.bias
    if bias is None:
        return None
    return Parameter(bias.values.reshape(-1, layer.positions, outputs)[matrix, 0], bias.precision, bias.encoding)
