"""What open synthesis is asked for: a project, rules, a part and a depth."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from fpgaprune.design import Design, LayerKind, LayerSpec, Strategy
from fpgaprune.device import Device, find_device
from fpgaprune.errors import ProjectError
from fpgaprune.estimate import MappingRules, estimate_design, rules_for
from fpgaprune.estimate.context import Context
from fpgaprune.estimate.network import build_estimate_context
from fpgaprune.flow.estimation import default_tool
from fpgaprune.generate.project import EXTRAS
from fpgaprune.read.project import read_project
from fpgaprune.results import Estimate, LayerEstimate
from fpgaprune.synth.open.lanes import has_kernel
from fpgaprune.synth.open.layers import module_name
from fpgaprune.synth.open.yosys import Depth, target_of

FOLDER: Final = Path(EXTRAS) / "synth" / "open"
NO_CODE: Final = frozenset({LayerKind.INPUT, LayerKind.RESHAPE})
_FALLBACK_PART: Final = "xcvu13p-flga2577-2-e"
_MATRICES: Final = frozenset({
    LayerKind.DENSE, LayerKind.CONV1D, LayerKind.CONV2D, LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D,
})  # fmt: skip


@dataclass(frozen=True)
class OpenSettings:
    """What may be chosen: None leaves rules, part and number of processes to the project and the machine."""

    rules: str | None = None
    part: str | None = None
    depth: Depth = Depth.DSP
    jobs: int | None = None
    verilator: bool = False


@dataclass(frozen=True)
class OpenJob:
    """A project under one rule set on one device."""

    project: Path
    design: Design
    device: Device
    rules: MappingRules
    settings: OpenSettings

    @property
    def folder(self) -> Path:
        """Where all of it is kept."""
        return self.project / FOLDER

    @property
    def place(self) -> Path:
        """Where this rule set, device and depth are kept, in `folder`."""
        return Path(f"{self.rules.tool}-{self.device.name or self.device.family}-{self.settings.depth}")

    def layer_place(self, layer: LayerSpec) -> Path:
        """Where one layer is kept, in `folder`."""
        return self.place / module_name(layer.name, None)

    @cached_property
    def context(self) -> Context:
        """What the estimates of layers work from."""
        return build_estimate_context(self.design, self.rules, self.device)

    @cached_property
    def estimate(self) -> Estimate:
        """The analytic estimate under the same rules."""
        return estimate_design(self.design, self.rules, self.device)

    @cached_property
    def expected(self) -> dict[str, LayerEstimate]:
        """Its layers by name."""
        return {layer.name: layer for layer in self.estimate.layers}

    @cached_property
    def needed(self) -> dict[str, int]:
        """The multipliers each layer's weights need without any reuse (rules R1 to R3), where that is known."""
        layers = tuple(
            replace(layer, reuse_factor=1, multiplier_limit=None, strategy=Strategy.LATENCY)
            if layer.kind in _MATRICES and layer.strategy is not Strategy.DISTRIBUTED_ARITHMETIC
            else replace(layer, reuse_factor=1, multiplier_limit=layer.output_size)
            for layer in self.design
        )
        found = estimate_design(replace(self.design, layers=layers), self.rules, self.device)
        return {layer.name: layer.multipliers.high for layer in found.layers if layer.multipliers is not None}

    def is_multiplexed(self, layer: LayerSpec) -> bool:
        """Whether the layer has fewer multipliers than products; otherwise the C++ itself is what is synthesized."""
        if self.context.reuse_factor(layer) == 1:
            return False
        if has_kernel(layer):
            return True
        if layer.kind not in _MATRICES:
            return False
        if layer.strategy in {Strategy.RESOURCE, Strategy.RESOURCE_UNROLLED}:
            return True
        limited = self.expected[layer.name].multipliers
        return limited is not None and limited.high < self.needed.get(layer.name, 0)


def open_job(project: Path, settings: OpenSettings) -> OpenJob:
    """Read the project and choose rules and part; raises ProjectError, ConfigError or DeviceError."""
    if not project.is_dir():
        message = f"there is no project folder {project}"
        raise ProjectError(message)
    design = read_project(project)
    rules = rules_for(settings.rules or default_tool(design))
    device = find_device(settings.part or design.target.part or _FALLBACK_PART)
    target_of(device)
    return OpenJob(project, design, device, rules, settings)
