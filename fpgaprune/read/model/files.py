"""From a path to an architecture (JSON data) and arrays, without any framework and without running anything.

Three containers are read: HDF5 as Keras 2 and the `.h5` of Keras 3 write it, the `.keras` zip of both, and a JSON
architecture with an HDF5 file of weights. What a file is decides its content, not its ending.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from fpgaprune.errors import ModelError
from fpgaprune.read.model.stored import StoredWeights, stored_weights

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_TFLITE = b"TFL3"  # at byte 4, the file identifier of a TensorFlow Lite flatbuffer
_FORMATS = "fpgaprune reads Keras 2 and QKeras models as .h5, .keras or .json with weights"
_OUTSIDE = {
    ".onnx": "an ONNX model",
    ".pt": "a PyTorch model",
    ".pth": "a PyTorch model",
    ".tflite": "a TensorFlow Lite model",
    ".pb": "a TensorFlow graph",
    ".pkl": "a pickle, which may run code when opened",
    ".pickle": "a pickle, which may run code when opened",
    ".joblib": "a pickle, which may run code when opened",
}
_WEIGHT_ENDINGS = ("_weights.h5", ".weights.h5", "_weights.hdf5", ".h5")
_CORRUPT = (OSError, KeyError, RuntimeError, ValueError, TypeError, EOFError, zipfile.BadZipFile, NotImplementedError)


@dataclass(frozen=True)
class ModelFile:
    """What a model file says: the architecture as JSON data, the Keras major version that wrote it, its arrays."""

    path: Path
    format: str  # h5, keras or json
    architecture: Mapping[str, Any]
    keras_major: int
    weights: StoredWeights


def read_model_file(path: Path, weights: Path | None = None) -> ModelFile:
    """Open a model file; raises ModelError with one sentence for anything that is not one."""
    head = _head(path)
    if head.startswith(_HDF5):
        _no_extra_weights(path, weights)
        return _read_hdf5(path)
    if head.startswith(_ZIP):
        _no_extra_weights(path, weights)
        return _read_zip(path)
    if path.suffix.lower() in _OUTSIDE:
        message = f"{path} is {_OUTSIDE[path.suffix.lower()]}, which is outside of what is supported: {_FORMATS}"
        raise ModelError(message)
    if head[4:8] == _TFLITE:
        message = f"{path} is a TensorFlow Lite model, which is outside of what is supported: {_FORMATS}"
        raise ModelError(message)
    if head.lstrip()[:1] in (b"{", b'"'):
        return _read_json(path, weights)
    message = f"{path} is not a model (neither HDF5 nor zip nor JSON, or cut off at its start): {_FORMATS}"
    raise ModelError(message)


def _head(path: Path) -> bytes:
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            message = (
                f"{path} is a SavedModel folder, whose graph may run any TensorFlow operation; "
                "load it in Keras and save it as .h5 or .keras"
            )
        else:
            message = f"{path} is a folder, not a model file: {_FORMATS}"
        raise ModelError(message)
    try:
        with path.open("rb") as stream:
            head = stream.read(64)
    except FileNotFoundError:
        message = f"there is no model file {path}"
        raise ModelError(message) from None
    except OSError as error:
        message = f"cannot read the model file {path}: {error.strerror or error}"
        raise ModelError(message) from error
    if not head.strip():
        message = f"the model file {path} is empty"
        raise ModelError(message)
    return head


def _no_extra_weights(path: Path, weights: Path | None) -> None:
    if weights is not None:
        message = f"{path} holds its own weights; a file of weights ({weights}) goes with a .json architecture only"
        raise ModelError(message)


def _json(text: bytes | str, what: str) -> Mapping[str, Any]:
    try:
        data = json.loads(text)
        if isinstance(data, str):  # json.dump(model.to_json()) encodes twice
            data = json.loads(data)
    except (ValueError, RecursionError) as error:
        message = f"{what} is not valid JSON ({error}); the file is damaged or something else"
        raise ModelError(message) from error
    if not isinstance(data, dict):
        message = f"{what} is JSON, but not the architecture of a Keras model"
        raise ModelError(message)
    return data


def _major(version: Any) -> int:
    text = version.decode(errors="replace") if isinstance(version, bytes) else str(version or "2")
    first = text.split(".", maxsplit=1)[0]
    return int(first) if first.isdigit() else 2


def _read_hdf5(path: Path) -> ModelFile:
    try:
        with h5py.File(path, "r") as stored:
            return _hdf5_model(path, stored)
    except _CORRUPT as error:
        message = f"{path} is damaged or cut off: {_first_line(error)}"
        raise ModelError(message) from error


def _hdf5_model(path: Path, stored: Any) -> ModelFile:
    config = stored.attrs.get("model_config")
    if config is None:
        raise ModelError(_no_architecture(path, stored))
    if "model_weights" not in stored:
        message = f"{path} has an architecture but no weights; save the whole model"
        raise ModelError(message)
    architecture = _json(config, f"the architecture in {path}")
    major = _major(stored.attrs.get("keras_version"))
    return ModelFile(path, "h5", architecture, major, stored_weights(path, stored))


def _no_architecture(path: Path, stored: Any) -> str:
    if "layer_names" not in stored.attrs and "layers" not in stored and "_layer_checkpoint_dependencies" not in stored:
        return f"{path} is an HDF5 file, but not a Keras model"
    stem = path.name.removesuffix("_weights.h5").removesuffix(".weights.h5").removesuffix(".h5")
    beside = path.with_name(f"{stem}.json")
    hint = f"give {beside}" if beside.is_file() else "give the .json architecture, with this file as its weights"
    return f"{path} holds weights but no architecture; {hint}"


def _read_zip(path: Path) -> ModelFile:
    try:
        with zipfile.ZipFile(path) as archive:
            return _zipped_model(path, archive)
    except _CORRUPT as error:
        message = f"{path} is damaged or cut off: {_first_line(error)}"
        raise ModelError(message) from error


def _zipped_model(path: Path, archive: zipfile.ZipFile) -> ModelFile:
    members = set(archive.namelist())
    if "config.json" not in members:
        raise ModelError(_foreign_zip(path, members))
    if "model.weights.h5" not in members:
        message = f"{path} has an architecture but no model.weights.h5; save the whole model"
        raise ModelError(message)
    architecture = _json(archive.read("config.json"), f"config.json in {path}")
    metadata = _json(archive.read("metadata.json"), "metadata.json") if "metadata.json" in members else {}
    with h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as stored:
        weights = stored_weights(path, stored)
    return ModelFile(path, "keras", architecture, _major(metadata.get("keras_version")), weights)


def _foreign_zip(path: Path, members: set[str]) -> str:
    if any(name.endswith(("data.pkl", "constants.pkl")) for name in members):
        return f"{path} is a PyTorch model, which is outside of what is supported: {_FORMATS}"
    return f"{path} is a zip file, but not a .keras model: it has no config.json"


def _read_json(path: Path, weights: Path | None) -> ModelFile:
    try:
        text = path.read_bytes()
    except OSError as error:
        message = f"cannot read the model file {path}: {error.strerror or error}"
        raise ModelError(message) from error
    architecture = _json(text, str(path))
    if "class_name" not in architecture or "config" not in architecture:
        message = f"{path} is JSON, but not the architecture of a Keras model (model.to_json())"
        raise ModelError(message)
    found = _weights_beside(path) if weights is None else weights
    if not found.is_file():
        message = f"there is no file of weights {found} for {path}"
        raise ModelError(message)
    try:
        with h5py.File(found, "r") as stored:
            arrays = stored_weights(found, stored)
    except _CORRUPT as error:
        message = f"the weights {found} are damaged, cut off or not HDF5: {_first_line(error)}"
        raise ModelError(message) from error
    return ModelFile(path, "json", architecture, _major(architecture.get("keras_version")), arrays)


def _weights_beside(path: Path) -> Path:
    stem = path.name.removesuffix(".json")
    tried = [path.with_name(f"{stem}{ending}") for ending in _WEIGHT_ENDINGS]
    for candidate in tried:
        if candidate.is_file():
            return candidate
    names = ", ".join(candidate.name for candidate in tried)
    message = f"{path} is an architecture without weights; none of {names} lies beside it, and none was given"
    raise ModelError(message)


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].strip("'\"")
