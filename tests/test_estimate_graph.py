"""Dead neurons, followed through the graph."""

from dataclasses import replace

import numpy as np
from estimate_designs import VITIS, WIDE, activation, counts, dense, design, dsp, network, source

from fpgaprune.design import LayerKind, LayerSpec, Parameter, Strategy, Table
from fpgaprune.estimate import estimate_design
from fpgaprune.fixed_point import FixedPoint


def test_a_neuron_nobody_reads_goes_with_its_incoming_products() -> None:
    assert counts(network([[45, 53]], [[45], [0]])) == [1, 1]


def test_a_constant_neuron_folds_its_outgoing_products() -> None:
    assert counts(network([[45, 0]], [[45], [53]])) == [1, 1]


def test_dead_neurons_are_followed_through_the_graph() -> None:
    chain = [[45, 53]], [[45, 0], [0, 45]], [[45], [0]]
    assert counts(network(*chain)) == [1, 1, 1]
    assert counts(network([[45, 0]], [[45, 0], [0, 45]], [[45], [53]])) == [1, 1, 1]
    assert counts(network(*chain, io_type="io_stream")) == [2, 2, 1]
    assert counts(network(*chain, strategy=Strategy.RESOURCE, reuse_factor=2)) == [1, 2, 1]


def test_a_lookup_passes_what_is_not_read_but_no_constants() -> None:
    assert counts(network([[45, 0]], [[45], [53]], operation="sigmoid")) == [1, 2]
    assert counts(network([[45, 53]], [[45], [0]], operation="sigmoid")) == [1, 1]
    removed = network([[45, 53]], [[45], [0]])
    assert any("dead neurons" in note for note in removed.layers[1].notes)


def test_outputs_of_the_design_and_of_other_readers_are_alive() -> None:
    first = dense("d0", "in", [[45, 53]])
    one_reader, other = dense("d1", "d0", [[45], [0]]), dense("d2", "d0", [[0], [45]])
    both = replace(design(source(1), first, one_reader, other), outputs=("d1", "d2"))
    assert counts(estimate_design(both, VITIS)) == [2, 1, 1]
    watched = replace(design(source(1), first, one_reader), outputs=("d0", "d1"))
    assert counts(estimate_design(watched, VITIS)) == [2, 1]


def test_dead_neurons_through_batch_norm_flatten_merge_and_concatenate() -> None:
    first = dense("d0", "in", [[45, 53, 77, 83]])
    scale = Parameter(np.array([45.0, 45.0, 45.0, 0.0]), WIDE)
    norm = LayerSpec("bn", LayerKind.BATCH_NORM, ("d0",), (4,), (4,), WIDE, WIDE, parameters={"weight": scale})
    flat = LayerSpec("flat", LayerKind.RESHAPE, ("bn",), (4,), (4,), WIDE, operation="flatten")
    sum_ = LayerSpec("sum", LayerKind.MERGE, ("flat", "flat"), (4,), (4,), WIDE, WIDE, operation="add")
    both = LayerSpec("both", LayerKind.CONCATENATE, ("sum", "in"), (5,), (5,), WIDE, WIDE)
    final = dense("d1", "both", [[45], [0], [53], [77], [0]])
    estimate = estimate_design(design(source(1), first, norm, flat, sum_, both, final), VITIS)
    by_name = {layer.name: dsp(layer) for layer in estimate.layers}
    assert by_name["d0"] == 2  # the second is not read, the fourth multiplied by zero
    assert by_name["d1"] == 2  # its fourth input is a constant
    assert by_name["bn"] == 2


def test_a_sign_bit_that_may_be_dropped_is_bounded_where_it_decides() -> None:
    eleven, wide = FixedPoint(11, 11), FixedPoint(16, 16)
    for data, expected in ((eleven, {"low": 0, "high": 1}), (wide, 1)):
        relu = replace(activation("a", "in", 1), output_precision=data)
        layer = dense("d", "a", [[45]], data=data, weight=FixedPoint(8, 8))
        estimate = estimate_design(design(source(1), relu, layer), VITIS)
        assert dsp(estimate.layers[-1]) == expected
    direct = dense("d", "in", [[45]], data=eleven, weight=FixedPoint(8, 8))
    assert dsp(estimate_design(design(source(1), direct), VITIS).layers[-1]) == 1


def test_slopes_products_and_softmax_go_where_nobody_reads_them() -> None:
    slope = {"slope": Parameter(np.array([45.0]), WIDE)}
    leaky = replace(activation("leaky", "in", 3, "leaky_relu"), parameters=slope)
    product = LayerSpec("mul", LayerKind.MERGE, ("leaky", "in"), (3,), (3,), WIDE, WIDE, operation="multiply")
    table = Table(64, FixedPoint(16, 8))
    tables = {"exp_table": table, "inv_table": table}
    classes = LayerSpec(
        "classes", LayerKind.SOFTMAX, ("mul",), (3,), (3,), WIDE, WIDE, operation="stable", tables=tables
    )

    def found(*layers: LayerSpec) -> list[object]:
        return [dsp(layer) for layer in estimate_design(design(source(3), leaky, product, *layers), VITIS).layers]

    assert found(dense("last", "mul", [[45], [0], [53]])) == [0, 2, 2, 2]
    assert found(dense("last", "mul", [[0], [0], [0]])) == [0, 0, 0, 0]
    assert found(classes, dense("last", "classes", [[45], [0], [53]])) == [0, 3, 3, 2, 2]
    assert found(classes, dense("last", "classes", [[0], [0], [0]])) == [0, 0, 0, 0, 0]


def test_a_product_by_what_never_changes_may_need_no_multiplier() -> None:
    still = dense("still", "in", [[45, 0]])
    other = dense("other", "in", [[45, 53]])
    product = LayerSpec("mul", LayerKind.MERGE, ("still", "other"), (2,), (2,), WIDE, WIDE, operation="multiply")
    found = estimate_design(design(source(1), still, other, product), VITIS).layers[-1]
    assert dsp(found) == {"low": 1, "high": 2}
    assert any("constants that are not known" in note for note in found.notes)


def test_a_softmax_of_what_never_changes_may_fold() -> None:
    table = Table(64, FixedPoint(16, 8))
    tables = {"exp_table": table, "inv_table": table}
    classes = LayerSpec(
        "classes", LayerKind.SOFTMAX, ("still",), (2,), (2,), WIDE, WIDE, operation="stable", tables=tables
    )
    found = estimate_design(design(source(1), dense("still", "in", [[0, 0]]), classes), VITIS).layers[-1]
    assert dsp(found) == {"low": 0, "high": 2}
