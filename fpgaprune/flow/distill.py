"""From a student's and a teacher's model file to a student that answers more as the teacher does."""

import time
from pathlib import Path

from fpgaprune.compress.quantization import fine_tune
from fpgaprune.flow.compression import Compressed, Compression, OnEpoch, Teacher, Watch
from fpgaprune.generate.settings import GenerateSettings


def distill_file(  # noqa: PLR0913 - one argument per file and choice
    path: Path,
    output: Path,
    teacher: Teacher,
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
    on_epoch: OnEpoch | None = None,
) -> Compressed:
    """Train the student in `path` on the data and the teacher's answers, its zeros held; keep its best epoch.

    Written to `output` (.h5 or .keras) with its record beside. Raises what `distilled`, `fine_tune` and `load_model`
    raise.
    """
    session = Compression(path, output, data, settings, weights=weights, loss=loss, score=score)
    training = session.training(seed, teacher)
    started = time.perf_counter()
    fine_tune(
        session.model,
        training,
        loss=session.loss,
        epochs=epochs,
        learning_rate=learning_rate,
        batch_size=batch_size,
        seed=seed,
        on_progress=Watch(session, on_epoch).seen,
        on_stopped=session.stopped,
    )
    record = {
        "method": "distillation",
        "asked": teacher.config.record(),
        "training": {"epochs": epochs, "learning_rate": learning_rate, "batch_size": batch_size, "seed": seed},
    }
    return session.write(session.model, record, time.perf_counter() - started)
