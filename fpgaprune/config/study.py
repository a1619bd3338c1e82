"""A study's `project.toml`, read into checked values: the question, the task's settings, pruning, hardware, variants.

A study is a folder with a `project.toml`, a `task.py` (data, model, training, score: the user's own code, run as it
is) and a `README.md`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from fpgaprune.compress import LAYER_LIMIT, PruneConfig, config_type
from fpgaprune.compress.stack import GridTraining
from fpgaprune.config.cluster import ClusterFile, HTCondorFile, SlurmFile
from fpgaprune.config.recipe import parse_strategy
from fpgaprune.errors import ConfigError, unknown_choice

DEFAULT_METHOD = "iterative_l1"
Settings = dict[str, Any]
_MOST_SEEDS = 1000


class _Strict(BaseModel):
    """Misspelt keys and wrong types are errors, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Hardware(_Strict):
    """What the network is generated and estimated for."""

    backend: Literal["Vitis", "Vivado"] = "Vitis"
    part: str
    clock_ns: Annotated[float, Field(gt=0)] = 5.0
    io_type: Literal["io_parallel", "io_stream"] = "io_parallel"
    strategy: str = "latency"
    reuse_factor: Annotated[int, Field(ge=1)] = 1
    tool: str | None = None  # NAME or NAME:VERSION; None: the backend's own


class _VariantFile(_Strict):
    name: Annotated[str, Field(min_length=1)]
    prune: bool = True
    task: Settings = {}
    pruning: Settings = {}
    hardware: Settings = {}


def _counted(value: object) -> object:
    """A number of seeds as the seeds from 0."""
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return list(range(min(int(value), _MOST_SEEDS + 1))) if is_count else value  # type: ignore[call-overload]


class _SweepFile(_Strict):
    """Axes as lists; what a study's [task] and [hardware] say otherwise is replaced, as by a variant."""

    bits: Annotated[list[Annotated[int, Field(ge=2, le=32)]], Field(min_length=1)]
    sparsity: Annotated[list[Annotated[float, Field(ge=0, lt=1)]], Field(min_length=1)]
    strategy: list[str] = []
    reuse_factor: list[Annotated[int, Field(ge=1)]] = []
    seeds: Annotated[
        list[Annotated[int, Field(ge=0, lt=2**31)]] | None,
        Field(min_length=1, max_length=_MOST_SEEDS),
        BeforeValidator(_counted),
    ] = None
    layer_limit: Annotated[float, Field(gt=0, le=1)] = LAYER_LIMIT
    synth: str | bool | None = None  # front, knee, all or a point's name; true: front
    model: str | None = None
    training: Settings | None = None
    task: Settings = {}
    hardware: Settings = {}


class _StudyFile(_Strict):
    title: str
    question: str
    task: Settings = {}
    pruning: Settings = {}
    hardware: Settings
    variant: list[_VariantFile] = []
    sweep: _SweepFile | None = None
    cluster: ClusterFile | None = None


@dataclass(frozen=True)
class Variant:
    """One network of a study: all settings in force, the study's own merged with the variant's.

    `pruning` is None for a variant that stays dense.
    """

    name: str
    task: Mapping[str, Any]
    pruning: PruneConfig | None
    hardware: Hardware

    @property
    def slug(self) -> str:
        """The name as a folder: letters, digits and underscores."""
        return "".join(c if c.isascii() and c.isalnum() else "_" for c in self.name.lower())


@dataclass(frozen=True)
class Sweep:
    """A grid over a model: a point for every combination of the axes, trained for it only with `training`.

    `bits` are those of every quantizer of the model, and of the types of what has none. `model` is a file of a
    trained model; None: the study's task trains one. `task` and `hardware` are in force for all points. Every point
    is to be computed under each of `seeds`, which replace `seed` of the task where models are built and trained, but
    not where data are loaded: (None,) where the task has none.
    """

    bits: tuple[int, ...]
    sparsity: tuple[float, ...]
    strategy: tuple[str, ...]
    reuse_factor: tuple[int, ...]
    layer_limit: float
    model: Path | None
    task: Mapping[str, Any]
    hardware: Hardware
    training: GridTraining | None = None
    synth: str | None = None  # which points are synthesized as well
    seeds: tuple[int | None, ...] = (None,)


@dataclass(frozen=True)
class Study:
    """A study folder, read and checked; `name` is the folder's, with that of the file where it is not the usual one."""

    folder: Path
    title: str
    question: str
    variants: tuple[Variant, ...]
    sweep: Sweep | None = None
    task: Mapping[str, Any] = field(default_factory=dict)  # the settings before any variant's
    cluster: ClusterFile | None = None
    name: str = ""


def study_name(place: Path) -> str:
    """What a study given by its folder or by a TOML file in it is called, also as the name of its output folder."""
    found = place.resolve()
    return f"{found.parent.name}_{found.stem}" if _is_file(found) else found.name


def _is_file(place: Path) -> bool:
    return place.suffix == ".toml" and not place.is_dir()


def load_study(place: Path) -> Study:
    """Read project.toml in the folder `place`, or the TOML file `place`, which has its task.py beside it.

    Raises ConfigError saying which key is wrong and what would be right.
    """
    path = place if _is_file(place) else place / "project.toml"
    folder = path.parent
    if not path.is_file():
        message = (
            f"{folder} is not a study: there is no {path.name} in it. "
            "The studies that come with fpgaprune are in the folder projects/ of its source checkout"
        )
        raise ConfigError(message)
    try:
        content = _StudyFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path} is not valid TOML: {error}"
        raise ConfigError(message) from error
    except ValidationError as error:
        raise ConfigError(_complaint(path, error)) from error
    variants = tuple(_variant(path, content, variant) for variant in content.variant)
    slugs = [variant.slug for variant in variants]
    if len(set(slugs)) != len(slugs):
        message = f"{path}: variants need names that differ in letters and digits, not {', '.join(slugs)}"
        raise ConfigError(message)
    sweep = None if content.sweep is None else _sweep(path, content, content.sweep)
    if not variants and sweep is None:
        message = f"{path} asks for nothing: it needs a [[variant]] for fpgaprune study, or a [sweep]"
        raise ConfigError(message)
    about = (folder, content.title, content.question)
    return Study(*about, variants, sweep, task=content.task, cluster=content.cluster, name=study_name(place))


def pruning_config(settings: Mapping[str, Any]) -> PruneConfig:
    """A method's config from plain settings; `method` names it. Raises ConfigError for a key it does not have."""
    given = dict(settings)
    kind = config_type(given.pop("method", DEFAULT_METHOD))
    known = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]  # every config is a dataclass
    for name in given:
        if name not in known:
            raise ConfigError(unknown_choice(f"setting of the pruning method {kind.method}", name, known))
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        raise ConfigError(_complaint(f"the pruning method {kind.method}", error)) from error


def _variant(path: Path, study: _StudyFile, variant: _VariantFile) -> Variant:
    where = f"{path}, variant {variant.name!r}"
    try:
        hardware = Hardware.model_validate({**study.hardware, **variant.hardware})
        pruning = pruning_config({**study.pruning, **variant.pruning}) if variant.prune else None
    except ValidationError as error:
        raise ConfigError(_complaint(f"{where}, [hardware]", error)) from error
    except ConfigError as error:
        message = f"{where}: {error}"
        raise ConfigError(message) from error
    return Variant(variant.name, {**study.task, **variant.task}, pruning, hardware)


def _sweep(path: Path, study: _StudyFile, sweep: _SweepFile) -> Sweep:
    try:
        hardware = Hardware.model_validate({**study.hardware, **sweep.hardware})
    except ValidationError as error:
        raise ConfigError(_complaint(f"{path}, [sweep], hardware", error)) from error
    strategies = tuple(_strategy(path, name) for name in sweep.strategy or [hardware.strategy])
    task = {**study.task, **sweep.task}
    return Sweep(
        bits=tuple(sorted(set(sweep.bits))),
        sparsity=tuple(sorted(set(sweep.sparsity))),
        strategy=tuple(dict.fromkeys(strategies)),
        reuse_factor=tuple(sorted(set(sweep.reuse_factor or [hardware.reuse_factor]))),
        layer_limit=sweep.layer_limit,
        model=None if sweep.model is None else path.parent / sweep.model,
        task=task,
        hardware=hardware,
        training=None if sweep.training is None else _training(path, sweep),
        synth="front" if sweep.synth is True else sweep.synth or None,
        seeds=_seeds(path, sweep, task),
    )


def _seeds(path: Path, sweep: _SweepFile, task: Mapping[str, Any]) -> tuple[int | None, ...]:
    own = task.get("seed")
    if sweep.seeds is None:
        return (own if isinstance(own, int) and not isinstance(own, bool) else None,)
    if sweep.training is None and sweep.model is not None:
        message = (
            f"{path}, [sweep]: seeds change nothing where the model is a file and no point is trained; leave out "
            "`seeds` or `model`, or add [sweep.training]"
        )
        raise ConfigError(message)
    if own is None:
        message = (
            f"{path}, [sweep]: seeds replace `seed` of [task], and there is none; add seed = 0 there, which "
            "build_model and train of task.py heed"
        )
        raise ConfigError(message)
    return tuple(sorted(set(sweep.seeds)))


def _training(path: Path, sweep: _SweepFile) -> GridTraining:
    given = {"layer_limit": sweep.layer_limit, **(sweep.training or {})}
    known = [field.name for field in fields(GridTraining)]
    where = f"{path}, [sweep.training]"
    for name in given:
        if name not in known:
            message = f"{where}: {unknown_choice('key', name, known)}"
            raise ConfigError(message)
    try:
        return TypeAdapter(GridTraining).validate_python(given)
    except ValidationError as error:
        raise ConfigError(_complaint(where, error)) from error
    except ConfigError as error:
        message = f"{where}: {error}"
        raise ConfigError(message) from error


def _strategy(path: Path, name: str) -> str:
    try:
        found = parse_strategy(name)
    except ConfigError as error:
        message = f"{path}, [sweep]: {error}"
        raise ConfigError(message) from error
    return name if found is None else found.value


def _complaint(where: object, error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        table = next((_TABLES[part] for part in reversed(first["loc"][:-1]) if part in _TABLES), None)
        named = table or (_StudyFile if len(first["loc"]) == 1 and error.title == _StudyFile.__name__ else Hardware)
        if error.title in (_StudyFile.__name__, Hardware.__name__):
            return f"{where}: {unknown_choice('key', str(first['loc'][-1]), named.model_fields)}"
    return f"{where}: {place}: {first['msg'].lower()} (given: {first['input']!r})"


_TABLES: dict[object, type[BaseModel]] = {
    "variant": _VariantFile,
    "sweep": _SweepFile,
    "cluster": ClusterFile,
    "slurm": SlurmFile,
    "htcondor": HTCondorFile,
}
