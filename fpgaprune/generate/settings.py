"""What a user may ask of a generated project."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from fpgaprune.design import Strategy
from fpgaprune.errors import ConfigError, unknown_choice
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.results import Limits

BACKENDS = ("Vitis", "Vivado")
IO_TYPES = ("io_parallel", "io_stream")
MULTIPLIERS = ("dsp", "fabric")
DEFAULT_PART = "xcvu13p-flga2577-2-e"  # hls4ml 1.3.0's default for both backends
DEFAULT_CLOCK_NS = 5.0
DEFAULT_WIDTH = 16
# Without data the ranges are guessed with two bits more room, which two bits more of width pay for; it still fits the
# 18-bit port of DSP48E1 and DSP48E2 (AMD UG479, UG579).
DEFAULT_WIDTH_WITHOUT_DATA = 18
OTHER_BACKENDS = ("Quartus", "oneAPI", "Catapult", "Libero", "Symbolic", "VivadoAccelerator")


class SparseKernels(StrEnum):
    """Whether layers get kernels that hold only the products their weights need."""

    NEVER = "never"
    AUTO = "auto"  # where they take less of the device than hls4ml's by the model, DSPs and LUTs together
    ALWAYS = "always"
    ADDERS = "adders"  # as always, and every product a sum of shifts: no multiplier at all


@dataclass(frozen=True)
class LayerSettings:
    """What is asked of the layers one name or pattern selects; None leaves it to the global setting."""

    precision: FixedPoint | None = None
    strategy: Strategy | None = None
    reuse_factor: int | None = None
    parallelization_factor: int | None = None
    sparse_kernels: SparseKernels | None = None


@dataclass(frozen=True)
class GenerateSettings:
    """What is asked of the whole project.

    `precision` None means that types are chosen from the weights and the observed ranges, `width` bits each; `width`
    None means 16, and 18 for values between layers when their ranges come from random inputs.
    `multipliers` puts all multiplications into DSPs ("dsp") or LUTs ("fabric"); None leaves it to the tool.
    `layers` maps layer names or shell patterns to what differs there; later entries win. Under `limits` strategy,
    reuse factor and kernel of every layer are chosen, except where `layers` says them.
    """

    backend: str = "Vitis"
    part: str = DEFAULT_PART
    clock_ns: float = DEFAULT_CLOCK_NS
    io_type: str = "io_parallel"
    strategy: Strategy = Strategy.LATENCY
    reuse_factor: int = 1
    precision: FixedPoint | None = None
    width: int | None = None
    project_name: str = "myproject"
    sparse_kernels: SparseKernels = SparseKernels.NEVER
    layers: Mapping[str, LayerSettings] = field(default_factory=dict)
    multipliers: str | None = None
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Refuse what no project could be generated for."""
        if self.backend not in BACKENDS:
            others = [name for name in OTHER_BACKENDS if name.lower() == self.backend.lower()]
            if others:
                message = (
                    f"the hls4ml backend {others[0]} is outside this project, which covers {' and '.join(BACKENDS)}"
                )
                raise ConfigError(message)
            raise ConfigError(unknown_choice("backend", self.backend, BACKENDS))
        if self.io_type not in IO_TYPES:
            raise ConfigError(unknown_choice("io_type", self.io_type, IO_TYPES))
        self._check_multipliers()
        if not self.clock_ns > 0:
            message = f"the clock period must be a positive number of nanoseconds, not {self.clock_ns}"
            raise ConfigError(message)
        for where, factor in [
            ("", self.reuse_factor),
            *((f" of {n!r}", s.reuse_factor) for n, s in self.layers.items()),
        ]:
            if factor is not None and factor < 1:
                message = f"the reuse factor{where} must be 1 or more, not {factor}"
                raise ConfigError(message)
        if self.width is not None and not 2 <= self.width <= 32:
            message = f"the width of chosen types must lie in 2..32 bits, not {self.width}"
            raise ConfigError(message)

    def _check_multipliers(self) -> None:
        if self.multipliers is None:
            return
        if self.multipliers not in MULTIPLIERS:
            raise ConfigError(unknown_choice("multipliers", self.multipliers, MULTIPLIERS))
        if self.backend != "Vitis":
            message = "Vivado HLS has no directive that moves all multiplications: leave multipliers out, or use Vitis"
            raise ConfigError(message)

    def of(self, name: str) -> LayerSettings:
        """The settings in force for one layer: globals, then every matching pattern in order."""
        return self._over(
            LayerSettings(self.precision, self.strategy, self.reuse_factor, None, self.sparse_kernels), name
        )

    def asked_of(self, name: str) -> LayerSettings:
        """What the matching patterns say of one layer, without the globals."""
        return self._over(LayerSettings(), name)

    def _over(self, merged: LayerSettings, name: str) -> LayerSettings:
        for pattern, asked in self.layers.items():
            if fnmatchcase(name, pattern):
                merged = LayerSettings(
                    asked.precision or merged.precision,
                    asked.strategy or merged.strategy,
                    asked.reuse_factor or merged.reuse_factor,
                    asked.parallelization_factor or merged.parallelization_factor,
                    asked.sparse_kernels or merged.sparse_kernels,
                )
        return merged

    def kernels_of(self, name: str) -> SparseKernels:
        """Whether one layer gets a kernel of its own."""
        return self.of(name).sparse_kernels or self.sparse_kernels

    def check_names(self, names: list[str]) -> None:
        """Raise ConfigError when a pattern selects no layer."""
        for pattern in self.layers:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise ConfigError(unknown_choice("layer or layer pattern", pattern, names))
