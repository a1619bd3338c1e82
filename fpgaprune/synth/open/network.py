"""What synthesis removes across layers: values that never change, and values that nobody reads (rule R3).

Layers are connected by the names of their ports: the arrays of the C++ top function.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from fpgaprune.synth.open.evaluate import evaluate
from fpgaprune.synth.open.netlist import Netlist, Node, Op, Port, bits

Element = tuple[str, int]  # a port's name, and a place in it


def remove_dead(
    netlists: Sequence[Netlist],
    results: Sequence[str],
    also_read: Collection[Element] = (),
    whole: Collection[str] = (),
) -> tuple[tuple[Netlist, frozenset[int]], ...]:
    """Each netlist without what synthesis of the whole network removes, with the outputs that nobody reads.

    `netlists` are in the order of the calls; `results` are the ports that leave the network, and `also_read` is what
    layers without a netlist read. Outputs that are not read hold the constant 0. Constants travel forward first, and
    then not being read travels backward. The layers named `whole` stay as they are: what computes one of their outputs
    computes the others in turn.
    """
    folded = _forward(netlists, whole)
    read: set[Element] = set(also_read)
    ends = set(results)
    found: list[tuple[Netlist, frozenset[int]]] = []
    for netlist in reversed(folded):
        places = elements(netlist.output_ports)
        dead = (number for number, place in enumerate(places) if place[0] not in ends and place not in read)
        unread = frozenset(() if netlist.name in whole else dead)
        kept = without(netlist, unread)
        sources = elements(netlist.inputs)
        read |= {sources[node.number] for node in kept.nodes if node.op is Op.INPUT}
        found.append((kept, unread))
    return tuple(reversed(found))


def elements(ports: Sequence[Port]) -> list[Element]:
    """The elements of ports, counted through."""
    return [(port.name, place) for port in ports for place in range(port.size)]


def _forward(netlists: Sequence[Netlist], whole: Collection[str]) -> list[Netlist]:
    constants: dict[Element, int] = {}
    found: list[Netlist] = []
    for netlist in netlists:
        if netlist.name in whole:
            found.append(netlist)
            continue
        known = {
            number: constants[place] for number, place in enumerate(elements(netlist.inputs)) if place in constants
        }
        folded = with_constants(netlist, known) if known else netlist
        for place, position in zip(elements(folded.output_ports), folded.outputs, strict=True):
            node = folded.nodes[position]
            if node.op is Op.CONSTANT:
                constants[place] = node.number
        found.append(folded)
    return found


def with_constants(netlist: Netlist, known: Mapping[int, int]) -> Netlist:
    """The netlist with some input elements replaced by constants, and what follows from them computed.

    What a table holds for a constant is left to be looked up: a memory is not known to fold.
    """
    nodes: list[Node] = []
    for node in netlist.nodes:
        arguments = [nodes[argument] for argument in node.arguments]
        if node.op is Op.INPUT and node.number in known:
            nodes.append(_constant(known[node.number]))
        elif node.op is Op.SELECT and arguments[0].op is Op.CONSTANT:
            chosen = arguments[1 if arguments[0].number else 2]
            nodes.append(chosen if chosen.op is Op.CONSTANT else node)
        elif node.op not in {Op.INPUT, Op.CONSTANT, Op.ROM} and all(one.op is Op.CONSTANT for one in arguments):
            nodes.append(_computed(netlist, node, arguments))
        elif node.op is Op.MUL and any(one.op is Op.CONSTANT and one.number == 0 for one in arguments):
            nodes.append(_constant(0))
        else:
            nodes.append(_constant_last(node, nodes))
    return without(replace(netlist, nodes=tuple(nodes)), frozenset())


def _constant_last(node: Node, nodes: Sequence[Node]) -> Node:
    """A product with its constant factor as the second argument."""
    if node.op is Op.MUL and nodes[node.arguments[0]].op is Op.CONSTANT:
        return replace(node, arguments=(node.arguments[1], node.arguments[0]))
    return node


def _constant(value: int) -> Node:
    return Node(Op.CONSTANT, (), *bits(value, value), value, value, value)


def _computed(netlist: Netlist, node: Node, arguments: Sequence[Node]) -> Node:
    alone = replace(node, arguments=tuple(range(len(arguments))))
    port = Port("value", 64, True, 1)
    small = Netlist(netlist.name, (), (port,), (*arguments, alone), (len(arguments),), netlist.tables)
    return _constant(int(evaluate(small, np.zeros((1, 0), dtype=np.int64))[0, 0]))


def without(netlist: Netlist, unread: frozenset[int]) -> Netlist:
    """The netlist with the outputs `unread` set to 0, and without the nodes that only they needed."""
    nodes = [*netlist.nodes, _constant(0)]
    outputs = [len(netlist.nodes) if number in unread else place for number, place in enumerate(netlist.outputs)]
    live = [False] * len(nodes)
    for position in outputs:
        live[position] = True
    for position in range(len(nodes) - 1, -1, -1):
        if live[position]:
            for argument in nodes[position].arguments:
                live[argument] = True
    moved: dict[int, int] = {}
    kept: list[Node] = []
    for position, node in enumerate(nodes):
        if live[position]:
            moved[position] = len(kept)
            kept.append(replace(node, arguments=tuple(moved[argument] for argument in node.arguments)))
    return replace(netlist, nodes=tuple(kept), outputs=tuple(moved[position] for position in outputs))
