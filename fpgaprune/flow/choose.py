"""Settings within limits: the model converted once, every layer priced again, nothing converted per candidate."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fpgaprune.design import Strategy
from fpgaprune.estimate import rules_for
from fpgaprune.estimate.choose import Fixed, choose_within
from fpgaprune.estimate.kernels import KernelForm
from fpgaprune.generate.inputs import InputSet
from fpgaprune.generate.kernels import kernel_candidates, origin_of
from fpgaprune.generate.project import convert_network
from fpgaprune.generate.settings import GenerateSettings, SparseKernels
from fpgaprune.results import DesignChoice, Limits

_ASKED = {
    None: SparseKernels.NEVER,
    KernelForm.SLOTS: SparseKernels.ALWAYS,
    KernelForm.LANES: SparseKernels.ALWAYS,
    KernelForm.ADDERS: SparseKernels.ADDERS,
}
_ALLOWED: dict[SparseKernels, frozenset[KernelForm | None]] = {
    SparseKernels.NEVER: frozenset({None}),
    SparseKernels.ALWAYS: frozenset({KernelForm.SLOTS}),
    SparseKernels.ADDERS: frozenset({KernelForm.ADDERS}),
}


def choose_settings(model: Any, settings: GenerateSettings, inputs: InputSet) -> tuple[GenerateSettings, DesignChoice]:
    """The settings with strategy, reuse factor and kernel of every layer chosen within `settings.limits`.

    Raises ConfigError for limits that cannot be met, with the least there is.
    """
    converted = convert_network(model, _plain(settings), inputs, Path("project"))
    design, names = converted.design, converted.network.nodes
    origins = {layer.name: origin_of(layer.name, names) for layer in design}
    able = frozenset() if settings.sparse_kernels is SparseKernels.NEVER else kernel_candidates(converted.graph)
    named = {name for name in kernel_candidates(converted.graph) if _asks(settings, origins[name])}
    choice = choose_within(
        design,
        rules_for("vivado_hls" if settings.backend == "Vivado" else "vitis_hls"),
        settings.limits,
        fixed=_fixed(settings, origins, able | named),
        kernels=able | named,
        origins=origins,
    )
    layers = dict(settings.layers)
    for chosen in choice.layers:
        asked = settings.asked_of(chosen.name)
        layers.pop(chosen.name, None)  # the last of those that match wins
        layers[chosen.name] = replace(
            asked,
            strategy=Strategy(chosen.strategy),
            reuse_factor=chosen.reuse_factor,
            parallelization_factor=chosen.positions_at_once,
            sparse_kernels=_ASKED[None if chosen.kernel is None else KernelForm(chosen.kernel)],
        )
    return replace(settings, layers=layers, multipliers=choice.multipliers or settings.multipliers), choice


def _plain(settings: GenerateSettings) -> GenerateSettings:
    """What is settled, with the fastest of everything that is still to be chosen."""
    layers = {name: replace(asked, sparse_kernels=None) for name, asked in settings.layers.items()}
    return replace(
        settings,
        strategy=Strategy.LATENCY,
        reuse_factor=1,
        sparse_kernels=SparseKernels.NEVER,
        layers=layers,
        limits=Limits(),
    )


def _asks(settings: GenerateSettings, name: str) -> bool:
    return settings.asked_of(name).sparse_kernels not in {None, SparseKernels.NEVER}


def _fixed(settings: GenerateSettings, origins: dict[str, str], able: Iterable[str]) -> dict[str, Fixed]:
    """What the settings say of single layers."""
    possible = {origins[name] for name in able}
    found = {}
    for name in set(origins.values()):
        asked = settings.asked_of(name)
        wish = asked.sparse_kernels or settings.sparse_kernels
        allowed = _ALLOWED.get(wish)
        if wish is not SparseKernels.NEVER and (name not in possible or asked.strategy is not None):
            allowed = None
        found[name] = Fixed(asked.strategy, asked.reuse_factor, asked.parallelization_factor, allowed)
    return found
