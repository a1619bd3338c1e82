"""From a float model file to a QKeras model file with its record."""

import time
from pathlib import Path

from fpgaprune.compress.quantization import PostTraining, fine_tune, quantize
from fpgaprune.flow.compression import VALIDATION, Compressed, Compression, OnEpoch, Watch
from fpgaprune.generate.settings import GenerateSettings


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
    if epochs:
        fine_tune(
            result.model,
            session.dataset.training(VALIDATION, seed),
            loss=session.loss,
            epochs=epochs,
            learning_rate=learning_rate,
            seed=seed,
            on_progress=Watch(session, on_epoch).seen,
        )
    record = {**result.record, "fine_tuned_epochs": epochs}
    return session.write(result.model, record, time.perf_counter() - started)
