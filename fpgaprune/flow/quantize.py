"""From a float model file to a QKeras model file with its record."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from fpgaprune.compress.quantization import PostTraining, fine_tune, quantize
from fpgaprune.flow.bits import NARROWER, BitSearch, OnStep
from fpgaprune.flow.bits_training import train_within
from fpgaprune.flow.compression import Compressed, Compression, OnEpoch, Watch
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.results.bits import BitLimits, BitsResult


def quantize_file(  # noqa: PLR0913 - one argument per file and choice
    path: Path,
    output: Path,
    config: PostTraining,
    data: Path,
    settings: GenerateSettings | None = None,
    *,
    weights: Path | None = None,
    loss: str | None = None,
    score: str | None = None,
    epochs: int = 0,
    learning_rate: float = 1e-3,
    seed: int = 0,
    on_epoch: OnEpoch | None = None,
) -> Compressed:
    """Convert the model in `path` to QKeras layers, write it to `output` (.h5 or .keras) and its record beside.

    With `epochs` the quantized model is trained that long, its zeros held. Raises what `quantize` and `fine_tune`
    raise.
    """
    session = Compression(path, output, data, settings, weights=weights, loss=loss, score=score)
    started = time.perf_counter()
    result = quantize(session.model, config, session.inputs.arrays)
    _train(session, result.model, (epochs, learning_rate, seed), config.exclude, on_epoch)
    record = {**result.record, "fine_tuned_epochs": epochs}
    return session.write(result.model, record, time.perf_counter() - started)


def quantize_within(  # noqa: PLR0913 - one argument per file and choice
    path: Path,
    output: Path,
    config: PostTraining,
    limits: BitLimits,
    data: Path,
    settings: GenerateSettings | None = None,
    *,
    narrower: tuple[int, ...] = NARROWER,
    weights: Path | None = None,
    loss: str | None = None,
    score: str | None = None,
    epochs: int = 0,
    learning_rate: float = 1e-3,
    seed: int = 0,
    on_step: OnStep | None = None,
    on_epoch: OnEpoch | None = None,
) -> BitsResult:
    """Like `quantize_file`, with the bits of every layer found by a search (see `BitSearch`) that `config` starts.

    `narrower` are the widths that are tried. The least score holds before training; the limits of cost hold for the
    model as it is written, after `epochs` of training where there are any. Nothing is written where the limits cannot
    be met, and the result says by how much. Raises what `BitSearch` and `fine_tune` raise.
    """
    session = Compression(path, output, data, settings, weights=weights, loss=loss, score=score)
    started = time.perf_counter()
    search = BitSearch(session.model, session, session.training(seed), config, limits, narrower, on_step)
    how = (epochs, learning_rate, seed)
    found = train_within(search, limits, lambda model: _train(session, model, how, config.exclude, on_epoch))
    if found is None:
        return search.result(limits)
    result = search.result(limits, found.model)
    record = {**found.record, "search": result.search(), "fine_tuned_epochs": epochs}
    written = session.write(found.model, record, time.perf_counter() - started)
    return replace(result, output=output, record=written.record)


def _train(
    session: Compression, model: Any, how: tuple[int, float, int], exclude: tuple[str, ...], on_epoch: OnEpoch | None
) -> None:
    epochs, learning_rate, seed = how
    if not epochs:
        return
    session.stopped(None)
    fine_tune(
        model,
        session.training(seed),
        loss=session.loss,
        epochs=epochs,
        learning_rate=learning_rate,
        seed=seed,
        on_progress=Watch(session, on_epoch).seen,
        on_stopped=session.stopped,
        exclude=exclude,
    )
