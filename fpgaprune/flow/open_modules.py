"""The Verilog modules of a project: which netlist, or which part of it, is the hardware of a layer."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Final

from fpgaprune.design import LayerKind, LayerSpec
from fpgaprune.errors import UnsupportedError
from fpgaprune.estimate.passing import CONVOLUTIONS
from fpgaprune.flow.open_job import NO_CODE, OpenJob
from fpgaprune.flow.open_lanes import lanes_module
from fpgaprune.synth.open.lanes import ONLY
from fpgaprune.synth.open.layers import (
    LayerModule,
    count_multipliers,
    module_name,
    module_of_netlist,
    module_of_position,
    module_of_window,
)
from fpgaprune.synth.open.netlist import Netlist
from fpgaprune.synth.open.network import Element, elements, remove_dead
from fpgaprune.synth.open.positions import OnePosition, one_packet, one_position, windows
from fpgaprune.synth.open.storage import Network
from fpgaprune.synth.open.yosys import Depth

# In a stream every packet is computed from those at its place alone.
_BY_PACKET: Final = frozenset({LayerKind.ACTIVATION, LayerKind.BATCH_NORM, LayerKind.SOFTMAX, LayerKind.MERGE})


def build_modules(job: OpenJob, network: Network) -> tuple[dict[str, LayerModule], dict[str, str]]:
    """A module for every layer that can be synthesized, and the reason for every other one, by the layer's name."""
    netlists = {netlist.name: netlist for netlist in network.netlists}
    pruned = {} if job.context.streams else _pruned(job, network)  # streams carry every value
    modules: dict[str, LayerModule] = {}
    reasons: dict[str, str] = {}
    for layer in job.design:
        try:
            if job.is_multiplexed(layer):
                modules[layer.name] = lanes_module(job, layer)
            elif layer.name in netlists:
                whole = netlists[layer.name]
                modules[layer.name] = _module(job, layer, whole, pruned.get(layer.name, (whole, frozenset())))
            elif layer.kind not in NO_CODE:
                reasons[layer.name] = network.refused.get(layer.name, "the generated C++ has no call of it")
        except UnsupportedError as error:
            reasons[layer.name] = str(error)
    return modules, reasons


def _module(job: OpenJob, layer: LayerSpec, whole: Netlist, pruned: tuple[Netlist, frozenset[int]]) -> LayerModule:
    top, pricing = module_name(layer.name, layer.config), job.context.pricing
    shared, needed = job.expected[layer.name].multipliers, job.needed.get(layer.name, 0)
    if job.context.reuse_factor(layer) > 1 and shared is not None and shared.high < needed:
        message = f"{layer.kind.value} at reuse factor {layer.reuse_factor}: {ONLY}"
        raise UnsupportedError(message)
    if _is_window(layer, whole):
        return module_of_window(whole, top, pricing, windows(layer), layer.parallelization_factor)
    # What one position drops because nobody reads it there, another may need: positions are cut from all of it.
    turns = _turns(job, layer, whole)
    if turns is not None:
        return module_of_position(turns, top, pricing)
    netlist, unread = pruned
    module = module_of_netlist(netlist, top, pricing, unread)
    packets = _packets(layer)
    once = layer.kind is LayerKind.DENSE or (layer.kind in CONVOLUTIONS and layer.positions == 1)
    if not job.context.streams or packets == 1 or once:
        return module
    if count_multipliers(netlist, pricing) or job.settings.depth is Depth.FULL:
        message = f"its {packets} packets go through the same hardware one after the other, which is not cut from them"
        raise UnsupportedError(message)
    return replace(module, note=f"its {packets} packets, which pass one after the other, need no multiplier together")


def _turns(job: OpenJob, layer: LayerSpec, whole: Netlist) -> OnePosition | None:
    """The hardware of one position, where not all of them are computed at once."""
    if layer.kind in CONVOLUTIONS:
        return one_position(layer, whole) if layer.positions > layer.parallelization_factor else None
    packets = _packets(layer)
    if not job.context.streams or packets == 1:
        return None
    if layer.kind is LayerKind.POOLING:
        return one_position(layer, whole)
    return one_packet(whole, packets) if layer.kind in _BY_PACKET else None


def _packets(layer: LayerSpec) -> int:
    """How many packets a stream of a layer carries at most: the values of the last dimension travel together."""
    return max(prod(shape[:-1]) for shape in (layer.input_shape, layer.output_shape))


def _is_window(layer: LayerSpec, netlist: Netlist) -> bool:
    """Whether the netlist is one position of the layer instead of all."""
    return layer.kind in CONVOLUTIONS and netlist.n_outputs != layer.output_size


def _pruned(job: OpenJob, network: Network) -> dict[str, tuple[Netlist, frozenset[int]]]:
    """The netlists without what synthesis of the whole network removes, with the outputs nobody reads."""
    wholes = tuple(netlist for netlist in network.netlists if not _hides(job, netlist))
    turns = {
        layer.name for layer in job.design if layer.kind in CONVOLUTIONS and not job.context.positions_apart(layer)
    }
    found = remove_dead(wholes, network.results, _read_elsewhere(job, wholes), turns)
    return {netlist.name: (netlist, unread) for netlist, unread in found}


def _hides(job: OpenJob, netlist: Netlist) -> bool:
    """Whether a netlist does not tell what the hardware reads: it is one position, or knows what is kept in memory."""
    layer = job.design[netlist.name]
    return _is_window(layer, netlist) or (layer.weight is not None and not job.context.folds(layer))


def _read_elsewhere(job: OpenJob, wholes: Sequence[Netlist]) -> set[Element]:
    """What layers without a netlist read of those with one: what the estimate thinks they read, else all of it."""
    ports = {netlist.name: netlist.output_ports for netlist in wholes}
    found: set[Element] = set()
    for layer in job.design:
        if layer.name in ports or layer.kind in NO_CODE:
            continue
        for name in layer.inputs:
            source = job.design[name]
            while source.name not in ports and source.kind in NO_CODE and source.inputs:
                source = job.design[source.inputs[0]]
            read = job.context.liveness.read.get(source.name)
            places = elements(ports.get(source.name, ()))
            found.update(place for n, place in enumerate(places) if read is None or n >= len(read) or read[n])
    return found
