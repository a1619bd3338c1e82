"""The one module that loads TensorFlow, Keras 2, QKeras and hls4ml, in the only order that works.

hls4ml reads Keras 2 models, and picks its parser by the version of whatever `import keras` finds. From TensorFlow
2.16 on that would be Keras 3, so the legacy package tf_keras takes the name `keras` before hls4ml is imported.
"""

import importlib
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from io import StringIO
from logging import getLogger
from tempfile import TemporaryFile
from types import ModuleType

from fpgaprune.errors import DependencyError

_log = getLogger(__name__)
_HINT = "install them with: pip install 'fpgaprune[keras]'"


@dataclass(frozen=True)
class Frameworks:
    """The loaded modules; `keras` is Keras 2 whatever package it came from."""

    tensorflow: ModuleType
    keras: ModuleType
    qkeras: ModuleType
    hls4ml: ModuleType


@contextmanager
def quiet(what: str) -> Iterator[None]:
    """Send what a framework prints and warns to the log, so that the program's output stays its own."""
    captured = StringIO()
    try:
        with redirect_stdout(captured), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        said = [*captured.getvalue().splitlines(), *(str(warning.message) for warning in caught)]
        for line in said:
            if line.strip():
                _log.debug("%s: %s", what, line)


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Log what TensorFlow's C++ side writes to file descriptor 2 before its own log level is in force."""
    sys.stderr.flush()
    with TemporaryFile() as captured:
        kept = os.dup(2)
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            captured.seek(0)
            for line in captured.read().decode(errors="replace").splitlines():
                _log.debug("import: %s", line)


@cache
def load_frameworks() -> Frameworks:
    """Import the TensorFlow stack once; takes seconds.

    Raises DependencyError when a package is missing, Keras 3 is already loaded, or another package shadows QKeras.
    """
    _refuse_shadowed_qkeras()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _quiet_stderr(), quiet("import"):
            keras = _load_keras()
            tensorflow = importlib.import_module("tensorflow")
            qkeras = importlib.import_module("qkeras")
            hls4ml = importlib.import_module("hls4ml")
            importlib.import_module("hls4ml.converters")
    except ImportError as error:
        message = f"reading, training and converting models needs TensorFlow, QKeras and hls4ml ({error}); {_HINT}"
        raise DependencyError(message) from error
    tensorflow.get_logger().setLevel("ERROR")
    _restore_moved_names(tensorflow)
    return Frameworks(tensorflow, keras, qkeras, hls4ml)


def _load_keras() -> ModuleType:
    try:
        version = metadata.version("tensorflow")
    except metadata.PackageNotFoundError as error:
        message = f"TensorFlow is not installed; {_HINT}"
        raise DependencyError(message) from error
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) < (2, 16):
        keras = importlib.import_module("keras")
        if int(keras.__version__.split(".")[0]) != 2:
            message = f"TensorFlow {version} needs Keras 2, but Keras {keras.__version__} is installed"
            raise DependencyError(message)
        return keras
    loaded = sys.modules.get("keras")
    if loaded is not None and not loaded.__name__.startswith("tf_keras"):
        message = "Keras 3 is already imported; fpgaprune and hls4ml need Keras 2 (tf_keras): import fpgaprune first"
        raise DependencyError(message)
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    keras = importlib.import_module("tf_keras")
    sys.modules["keras"] = keras
    return keras


def _restore_moved_names(tensorflow: ModuleType) -> None:
    """QKeras' recurrent cells call three internals of TensorFlow that later versions have moved or renamed."""
    nest = importlib.import_module("tensorflow.python.util.nest")
    array_ops = importlib.import_module("tensorflow.python.ops.array_ops")
    moved = ((nest, "is_sequence", tensorflow.nest.is_nested), (array_ops, "unstack", tensorflow.unstack))
    for module, name, function in (*moved, (array_ops, "stack", tensorflow.stack)):
        if not hasattr(module, name):
            setattr(module, name, function)


def _refuse_shadowed_qkeras() -> None:
    owners = metadata.packages_distributions().get("qkeras", [])
    others = sorted({owner for owner in owners if owner.lower() != "qkeras"})
    if others:
        message = (
            f"the package {others[0]} installs its own 'qkeras', which breaks QKeras; use an environment without it"
        )
        raise DependencyError(message)
