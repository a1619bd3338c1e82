"""From whatever a user points at to a design: a saved design, a project folder, or a model file."""

from pathlib import Path
from typing import Final, TypedDict, Unpack

from fpgaprune.config.recipe import parse_strategy
from fpgaprune.design import Design, Strategy, load_design
from fpgaprune.errors import ConfigError, ModelError, ProjectError
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.read.project import read_project

SAVED_SUFFIX: Final = ".npz"


class ModelSettings(TypedDict, total=False):
    """What can be chosen while a source is still a model; None and absent leave it to the defaults of `generate`."""

    backend: str | None
    precision: FixedPoint | str | None
    strategy: Strategy | str | None
    reuse_factor: int | None
    io_type: str | None
    weights: Path | None  # the file that goes with a .json model


def design_of(source: Path, *, part: str | None = None, **settings: Unpack[ModelSettings]) -> Design:
    """The design in `source`: a `.npz` written by `save_design`, an hls4ml project folder, or a model file.

    A model is converted as `generate` would, with the given settings. A project or saved design has its own: giving
    any of them raises ConfigError, and `part` changes nothing there (it only chooses whose DSPs are counted later).
    Raises ModelError, ProjectError or DesignError for a source that is missing or none of the three.
    """
    if source.is_dir():
        _refuse_model_folder(source)
        _refuse_settings(source, "an HLS project, already generated", settings)
        return read_project(source)
    if not source.exists():
        message = (
            f"{source} does not exist; give a model (.h5, .keras, .json), an HLS project folder or a design (.npz)"
        )
        raise ProjectError(message)
    if source.suffix == SAVED_SUFFIX:
        _refuse_settings(source, "a saved design", settings)
        return load_design(source)
    return _converted(source, part, settings)


def is_model(source: Path) -> bool:
    """Whether `source` is a model file: the only kind that can still be given a precision, strategy or reuse factor."""
    return source.is_file() and source.suffix != SAVED_SUFFIX


def _converted(source: Path, part: str | None, asked: ModelSettings) -> Design:
    # Only a model needs the generator: a project or saved design does not wait for it.
    from fpgaprune.flow.generate import convert_model  # noqa: PLC0415
    from fpgaprune.generate.settings import GenerateSettings  # noqa: PLC0415

    default = GenerateSettings()
    precision = asked.get("precision")
    settings = GenerateSettings(
        backend=asked.get("backend") or default.backend,
        part=part or default.part,
        io_type=asked.get("io_type") or default.io_type,
        strategy=parse_strategy(asked.get("strategy")) or default.strategy,
        reuse_factor=default.reuse_factor if (factor := asked.get("reuse_factor")) is None else factor,
        precision=FixedPoint.from_cpp(precision) if isinstance(precision, str) else precision,
    )
    return convert_model(source, settings, weights=asked.get("weights"))


def _refuse_settings(source: Path, what: str, asked: ModelSettings) -> None:
    given = [name.replace("_", " ") for name, value in asked.items() if value is not None]
    if given:
        message = (
            f"{source} is {what}, with its {' and '.join(given)} decided: that can be chosen for a model file "
            "(.h5, .keras, .json) only"
        )
        raise ConfigError(message)


def _refuse_model_folder(source: Path) -> None:
    if (source / "saved_model.pb").is_file():
        message = f"{source} is a TensorFlow SavedModel, which is outside this project; save the model as .h5 or .keras"
        raise ModelError(message)
