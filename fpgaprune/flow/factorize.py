"""From a model file to one with layers of a cheaper form, fine-tuned."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fpgaprune.compress import TrainingData
from fpgaprune.compress.factorization import (
    FactorizeConfig,
    FactorizeResult,
    LowRank,
    factorizations,
    factorize,
    factorize_config_type,
)
from fpgaprune.compress.quantization import fine_tune
from fpgaprune.errors import ConfigError
from fpgaprune.flow.compression import Compressed, Compression, OnEpoch, Teacher, Watch
from fpgaprune.flow.prune import config_from
from fpgaprune.generate.settings import GenerateSettings

_ATTEMPTS = 4  # at a DSP limit: training moves weights, and a few of them to codes that need a multiplier


def factorize_config(method: str, settings: Mapping[str, Any]) -> FactorizeConfig:
    """The config of a method by name; raises ConfigError for an unknown method or setting, or one that is missing."""
    if method not in factorizations():
        factorize_config_type(method)  # raises, with the choices
    found: FactorizeConfig = config_from(factorize_config_type(method), method, settings)
    return found


def factorize_file(  # noqa: PLR0913 - one argument per file and choice
    path: Path,
    output: Path,
    config: FactorizeConfig,
    data: Path,
    settings: GenerateSettings | None = None,
    *,
    weights: Path | None = None,
    loss: str | None = None,
    score: str | None = None,
    epochs: int = 20,
    learning_rate: float = 1e-3,
    batch_size: int = 64,
    seed: int = 0,
    teacher: Teacher | None = None,
    on_epoch: OnEpoch | None = None,
) -> Compressed:
    """Replace layers of the model in `path` as `config` says, train it (0 epochs: not), write it and its record.

    A limit of DSPs holds for the trained model as it is written. Raises what `factorize`, `fine_tune` and `load_model`
    raise.
    """
    if epochs < 0 or (teacher is not None and not epochs):
        message = f"{epochs} epochs of training leave a teacher nothing to teach: ask for at least one"
        raise ConfigError(message)
    session = Compression(path, output, data, settings, weights=weights, loss=loss, score=score)
    training = session.training(seed, teacher)
    started = time.perf_counter()
    asked = config
    for _ in range(_ATTEMPTS):
        found = factorize(session.model, asked, session.inputs.arrays, lambda model: session.estimate(model).dsp.high)
        if epochs:
            _train(session, found, training, (epochs, learning_rate, batch_size, seed), config.exclude, on_epoch)
        limit = config.max_dsp if isinstance(config, LowRank) else None
        over = 0 if limit is None else session.estimate(found.model).dsp.high - limit
        if over <= 0:
            break
        asked = replace(asked, max_dsp=max(0, asked.max_dsp - over))  # type: ignore[attr-defined,type-var]
    else:
        message = f"max_dsp={limit} was not met: training kept moving weights to codes that need more multipliers"
        raise ConfigError(message)
    record = {
        **found.record,
        "asked": config.record(),
        "training": {"epochs": epochs, "learning_rate": learning_rate, "batch_size": batch_size, "seed": seed},
    }
    return session.write(found.model, record, time.perf_counter() - started)


def _train(
    session: Compression,
    found: FactorizeResult,
    training: TrainingData,
    how: tuple[int, float, int, int],
    exclude: tuple[str, ...],
    on_epoch: OnEpoch | None,
) -> None:
    epochs, learning_rate, batch_size, seed = how
    session.stopped(None)
    fine_tune(
        found.model,
        training,
        loss=session.loss,
        epochs=epochs,
        learning_rate=learning_rate,
        batch_size=batch_size,
        seed=seed,
        on_progress=Watch(session, on_epoch).seen,
        on_stopped=session.stopped,
        exclude=exclude,
        project=found.project,
        ties=found.ties,
    )
