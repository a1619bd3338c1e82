"""A design as one file: NumPy's .npz with a JSON record, readable without any framework and without pickle."""

import json
import os
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from fpgaprune.design.canonical import layer_from_record, layer_record, target_record
from fpgaprune.design.network import Design
from fpgaprune.design.target import Target
from fpgaprune.errors import DesignError

FORMAT = 1
_RECORD = "record"
_BROKEN = (zipfile.BadZipFile, zlib.error)


def save_design(design: Design, path: Path) -> Path:
    """Write the design to `path` (by convention `*.design.npz`); beside first, then renamed. Returns the path."""
    record = {
        "format": FORMAT,
        "name": design.name,
        "io_type": design.io_type,
        "outputs": list(design.outputs),
        "source": design.source,
        "digest": design.digest,
        "target": target_record(design.target),
        "layers": [layer_record(layer) for layer in design.layers],
    }
    arrays: dict[str, Any] = {
        f"{index}/{name}": parameter.values
        for index, layer in enumerate(design.layers)
        for name, parameter in layer.parameters.items()
    }
    arrays[_RECORD] = np.frombuffer(json.dumps(record).encode(), dtype=np.uint8)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez_compressed(stream, **arrays)
        Path(beside).replace(path)
    except OSError:
        Path(beside).unlink(missing_ok=True)
        raise
    return path


def load_design(path: Path) -> Design:
    """The design saved at `path`; raises DesignError when the file is missing, truncated, foreign or altered."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            record: dict[str, Any] = json.loads(stored[_RECORD].tobytes())
            arrays = {name: stored[name] for name in stored.files if name != _RECORD}
    # TypeError: a lone array (.npy) is no archive; NotImplementedError: a compression that zipfile does not know.
    except (OSError, ValueError, KeyError, TypeError, EOFError, NotImplementedError, *_BROKEN) as error:
        message = f"{path} is not a saved design (a .npz file written by fpgaprune): {error}"
        raise DesignError(message) from error
    if not isinstance(record, dict):
        message = f"{path} is not a saved design: its record is no mapping"
        raise DesignError(message)
    if record.get("format") != FORMAT:
        message = f"{path} is a saved design of format {record.get('format')!r}; this version reads format {FORMAT}"
        raise DesignError(message)
    design = _from_record(record, arrays, path)
    if design.digest != record.get("digest"):
        message = f"{path} does not match the digest it carries: it was altered, or written by another version"
        raise DesignError(message)
    return design


def _from_record(record: dict[str, Any], arrays: dict[str, Any], path: Path) -> Design:
    try:
        target = record["target"]
        layers = tuple(
            layer_from_record(layer, {n.split("/", 1)[1]: a for n, a in arrays.items() if n.startswith(f"{index}/")})
            for index, layer in enumerate(record["layers"])
        )
        return Design(
            name=record["name"],
            layers=layers,
            io_type=record["io_type"],
            outputs=tuple(record["outputs"]),
            target=Target(
                target["backend"],
                target["part"],
                target["clock_ns"],
                tuple(target["directives"]),
                target.get("clock_uncertainty"),
            ),
            source=record["source"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        message = f"{path} is not a saved design: {error!r}"
        raise DesignError(message) from error
