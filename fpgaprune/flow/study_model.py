"""The trained model of a study: made once for the same code and settings, kept as a file."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from fpgaprune import __version__
from fpgaprune.errors import ConfigError, FpgapruneError
from fpgaprune.flow.study_task import OnEpoch, StudyData, Task
from fpgaprune.frameworks import load_frameworks, quiet


def called(function: Any, *arguments: Any) -> Any:
    """Call a function of the study's own code; whatever it raises becomes a sentence that names it."""
    try:
        return function(*arguments)
    except FpgapruneError:
        raise
    except (Exception, SystemExit) as error:
        message = f"the function {function.__name__} of the study's task.py failed: {type(error).__name__}: {error}"
        raise ConfigError(message) from error


def digest_of(*parts: Any) -> str:
    """SHA-256 over values and this version, as 64 hexadecimal digits."""
    plain = [asdict(p) if hasattr(p, "__dataclass_fields__") else p for p in parts]
    dumped = [p.model_dump() if hasattr(p, "model_dump") else p for p in plain]
    return sha256(json.dumps([__version__, *dumped], sort_keys=True, default=str).encode()).hexdigest()


def digest_of_task(folder: Path, settings: Mapping[str, Any]) -> str:
    """What a trained model hangs on: the code of the study in `folder` and the settings of its task."""
    code = (folder / "task.py").read_bytes()
    return digest_of(sha256(code).hexdigest(), dict(settings))


def trained_model(  # noqa: PLR0913 - what a training is made of
    folder: Path,
    task: Task,
    settings: Mapping[str, Any],
    output: Path,
    *,
    data: Callable[[], StudyData],
    begin: Callable[[], None],
    on_epoch: OnEpoch,
    seed: int | None = None,
) -> Path:
    """The trained model's file in `output`; trained now, after `begin`, unless the same settings left one there.

    With `seed` the model is built and trained under that seed instead of the settings' own, on the same data.
    """
    path = output / "trained" / f"{_digest_under(seed, folder, settings)[:16]}.h5"
    if path.is_file():
        return path
    begin()
    seeded = _under(seed, settings)
    model = _built(task, seeded)
    with quiet("training"):
        called(task.train, model, data(), seeded, on_epoch)
    save_model(model, path, keep=True)
    return path


def initial_model(folder: Path, task: Task, settings: Mapping[str, Any], output: Path, seed: int | None = None) -> Path:
    """The file of the study's model as it is built, not trained, in `output`; `seed` as in `trained_model`."""
    path = output / "trained" / f"initial_{_digest_under(seed, folder, settings)[:16]}.h5"
    if not path.is_file():
        save_model(_built(task, _under(seed, settings)), path, keep=True)
    return path


def _built(task: Task, settings: Mapping[str, Any]) -> Any:
    """The model with the names that Keras gives in a fresh process, so that the same model is the same file."""
    load_frameworks().keras.backend.reset_uids()
    return called(task.build_model, settings)


def _under(seed: int | None, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    return settings if seed is None else {**settings, "seed": seed}


def _digest_under(seed: int | None, folder: Path, settings: Mapping[str, Any]) -> str:
    """The settings' own seed stays in it, as it decides the data."""
    own = digest_of_task(folder, settings)
    return own if seed is None or seed == settings.get("seed") else digest_of(own, "seed", seed)


def save_model(model: Any, path: Path, *, keep: bool = False) -> None:
    """Write beside and rename: a file that is there is whole. `keep`: one that another process left stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"partial_{os.getpid()}_{path.name}")
    try:
        with quiet("saving"):
            load_frameworks().keras.models.save_model(model, beside, save_format="h5", include_optimizer=False)
        if keep:
            with suppress(FileExistsError):  # another process was first: all use the one file
                os.link(beside, path)
        else:
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
