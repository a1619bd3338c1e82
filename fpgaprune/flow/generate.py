"""From a model file to a verified HLS project; and from a model file to the design it would become."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fpgaprune.design import Design
from fpgaprune.device import find_device
from fpgaprune.errors import ConfigError
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.flow.choose import choose_settings
from fpgaprune.flow.verify import VERIFIED_SAMPLES, verify
from fpgaprune.generate.inputs import InputSet, random_inputs
from fpgaprune.generate.project import check_output, convert_network, write_project
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.read.arrays import read_inputs
from fpgaprune.read.model import LoadedModel, load_model
from fpgaprune.results import DesignChoice
from fpgaprune.results.verification import Verification


@dataclass(frozen=True)
class Generated:
    """A project that was written: where, as which design, and whether its simulation agrees (None: not run)."""

    project: Path
    design: Design
    notes: tuple[str, ...]
    verification: Verification | None
    choice: DesignChoice | None = None  # of strategies and reuse factors, where there were limits


def generate(
    model: Path,
    output: Path,
    settings: GenerateSettings | None = None,
    *,
    weights: Path | None = None,
    data: Path | None = None,
    run_verify: bool = True,
) -> Generated:
    """Write the HLS project of a model file to the new folder `output`, and verify it by C simulation.

    `data` (.npy, .npz, .csv) places the types and becomes the test bench; without it seeded random inputs do.
    Raises ModelError, ConfigError, DeviceError or DependencyError, and then leaves nothing at `output`.
    """
    settings = settings or GenerateSettings()
    check_output(output)
    find_device(settings.part)
    loaded = load_model(model, weights)
    return generate_loaded(loaded, output, settings, data=data, run_verify=run_verify)


def generate_loaded(
    loaded: LoadedModel,
    output: Path,
    settings: GenerateSettings,
    *,
    data: Path | None = None,
    inputs: Sequence[Any] | None = None,
    run_verify: bool = True,
) -> Generated:
    """`generate` for a model that is already loaded; `inputs` are arrays to use in place of a data file."""
    if inputs is not None:
        chosen = InputSet(tuple(inputs), "the given inputs", real=True)
    else:
        chosen = model_inputs(loaded.model, data)
    choice = None
    if settings.limits:
        settings, choice = choose_settings(loaded.model, settings, chosen)
    record = {"model": loaded.path.name, "format": loaded.format, "settings": _settings_record(settings)}
    converted = write_project(loaded.model, settings, chosen, output, record)
    verification = verify(output, model=loaded.model) if run_verify else None
    notes = (*loaded.notes, *converted.network.notes)
    return Generated(output, converted.design, notes, verification, choice)


def model_inputs(model: Any, data: Path | None) -> InputSet:
    """The user's inputs for a model, or seeded random ones."""
    shapes = [tuple(int(size) for size in tensor.shape[1:]) for tensor in model.inputs]
    if data is None:
        return random_inputs(shapes, VERIFIED_SAMPLES)
    return InputSet(tuple(read_inputs(data, shapes, model.input_names)), f"{data.name}", real=True)


def convert_model(
    model: Path,
    settings: GenerateSettings | None = None,
    *,
    weights: Path | None = None,
    data: Path | None = None,
) -> Design:
    """The design a model file would become, without writing a project; raises as `generate` does."""
    settings = settings or GenerateSettings()
    loaded = load_model(model, weights)
    return convert_network(loaded.model, settings, model_inputs(loaded.model, data), Path("project")).design


def parse_precision(text: str | None) -> FixedPoint | None:
    """A precision given on the command line; raises ConfigError where it is none."""
    if text is None:
        return None
    precision = FixedPoint.from_cpp(text)
    if precision.width > 64:
        message = f"{text} is wider than 64 bits, which no layer of a network needs"
        raise ConfigError(message)
    return precision


def _settings_record(settings: GenerateSettings) -> dict[str, Any]:
    return {
        "backend": settings.backend,
        "part": settings.part,
        "clock_ns": settings.clock_ns,
        "io_type": settings.io_type,
        "strategy": settings.strategy.value,
        "reuse_factor": settings.reuse_factor,
        "precision": None if settings.precision is None else settings.precision.cpp(),
        "width": settings.width,
        "sparse_kernels": settings.sparse_kernels.value,
        "multipliers": settings.multipliers,
        "limits": asdict(settings.limits),
        "layers": {
            name: {
                "precision": None if layer.precision is None else layer.precision.cpp(),
                "strategy": None if layer.strategy is None else layer.strategy.value,
                "reuse_factor": layer.reuse_factor,
                "parallelization_factor": layer.parallelization_factor,
                "sparse_kernels": None if layer.sparse_kernels is None else layer.sparse_kernels.value,
            }
            for name, layer in settings.layers.items()
        },
    }
