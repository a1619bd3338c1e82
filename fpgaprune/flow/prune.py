"""From a model file and a data file to a pruned model file with its record."""

import time
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from fpgaprune.compress import (
    Progress,
    PruneConfig,
    PruneResult,
    PruningDivergedError,
    TrainingData,
    prune,
    pruning_methods,
)
from fpgaprune.compress import config_type as training_config_type
from fpgaprune.compress.constants import Budget, ConstantsConfig, constants_config_type, constants_methods
from fpgaprune.compress.shrink import shrink
from fpgaprune.errors import ConfigError, unknown_choice
from fpgaprune.flow.budget_training import train_to_budget
from fpgaprune.flow.compression import Compressed, Compression, OnEpoch, Teacher, Watch
from fpgaprune.flow.constants import ChangedModel, change_constants
from fpgaprune.generate.settings import GenerateSettings


def all_methods() -> tuple[str, ...]:
    """Every method `prune_file` knows, those that train first."""
    return (*pruning_methods(), *constants_methods())


def method_config(method: str, settings: Mapping[str, Any]) -> PruneConfig | ConstantsConfig:
    """The config of a method by name; raises ConfigError for an unknown method or setting, or one that is missing."""
    return config_from(_config_type(method), method, settings)  # type: ignore[no-any-return]  # one of the two types


def method_settings(method: str) -> tuple[str, ...]:
    """Names of the settings of a method; raises ConfigError for an unknown one."""
    return tuple(field.name for field in fields(_config_type(method)))


def _config_type(method: str) -> Any:
    if method not in all_methods():
        raise ConfigError(unknown_choice("method", method, all_methods()))
    return constants_config_type(method) if method in constants_methods() else training_config_type(method)


def config_from(found: Any, method: str, settings: Mapping[str, Any]) -> Any:
    """An object of the config class `found`; raises ConfigError for a setting that is unknown or missing."""
    known = [field.name for field in fields(found)]
    for name in settings:
        if name not in known:
            raise ConfigError(unknown_choice(f"setting of {method}", name, known))
    needed = [f.name for f in fields(found) if f.default is MISSING and f.default_factory is MISSING]
    missing = [name for name in needed if name not in settings]
    if missing:
        message = f"the method {method} needs {' and '.join(missing)}"
        raise ConfigError(message)
    try:
        return found(**settings)
    except TypeError as error:  # text where a number is wanted
        message = f"a setting of {method} is of the wrong type: {error}"
        raise ConfigError(message) from error


def prune_file(  # noqa: PLR0913 - one argument per file and choice
    path: Path,
    output: Path,
    config: PruneConfig | ConstantsConfig,
    data: Path,
    settings: GenerateSettings | None = None,
    *,
    weights: Path | None = None,
    loss: str | None = None,
    score: str | None = None,
    epochs: int = 0,
    smaller: bool = False,
    teacher: Teacher | None = None,
    on_epoch: OnEpoch | None = None,
) -> Compressed:
    """Prune the model in `path` as `config` says, write it to `output` (.h5 or .keras) and its record beside.

    `epochs` is for a budget: without it nothing is trained, with it the budget is reached in steps with training
    between them. What trains learns from the `teacher`, too, where there is one. `smaller` takes out the neurons and
    filters that nothing reads, or that never change. The record is `<name>.pruning.json`; in it `found` is what the
    method left, before any of that, and `sparsity` and `weights` are those of the file. DSPs and LUTs are those of
    the project `generate` would write with `settings`; the final ones are counted on the model as it was written and
    read again. Raises what `prune`, `choose_constants` and `load_model` raise. When training diverges, the last good
    weights are written all the same, and the error says so.
    """
    session = Compression(path, output, data, settings, weights=weights, loss=loss, score=score)
    model = session.model
    started = time.perf_counter()
    if isinstance(config, ConstantsConfig):
        changed = _changed(session, config, epochs, teacher, on_epoch)
        result, record = changed.model, dict(changed.record)
    else:
        training = session.training(getattr(config, "seed", 0), teacher)
        watch = Watch(session, on_epoch)
        try:
            pruned = _trained(model, config, training, session.loss, watch.seen)
        except PruningDivergedError as error:
            session.stopped(str(error))
            pruned = error.result
        result, record = pruned.model, dict(pruned.record)
    if smaller:
        shrunk = shrink(result)
        result, record = shrunk.model, {**record, "removed_neurons": dict(shrunk.removed)}
    return session.write(result, record, time.perf_counter() - started)


def _changed(
    session: Compression, config: ConstantsConfig, epochs: int, teacher: Teacher | None, on_epoch: OnEpoch | None
) -> ChangedModel:
    if not epochs:
        if teacher is not None:
            message = f"{config.method} does not train without epochs: a teacher has nothing to teach"
            raise ConfigError(message)
        return change_constants(session.model, config, session.inputs, session.settings)
    if not isinstance(config, Budget):
        message = f"{config.method} does not train: leave the epochs out"
        raise ConfigError(message)
    return train_to_budget(
        session.model,
        config,
        session.inputs,
        session.training(0, teacher),
        session.settings,
        loss=session.loss,
        epochs=epochs,
        on_progress=Watch(session, on_epoch).seen,
    )


def _trained(
    model: Any, config: PruneConfig, data: TrainingData, loss: str, on_progress: Callable[[Progress], None]
) -> PruneResult:
    if getattr(config, "loss", None) is None:
        model.compile(loss=loss)
    return prune(model, config, data, on_progress=on_progress)
