"""The arrays of a model file: which layouts Keras writes them in, and nothing that lies outside the file itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from fpgaprune.errors import ModelError

Array = NDArray[np.generic]
# A group of the HDF5 file as nested data: names to groups or arrays.
Tree = Mapping[str, Any]


@dataclass(frozen=True)
class NamedArrays:
    """Arrays of one layer of the file: `names` as stored, `values` in the same order."""

    layer: str
    names: tuple[str, ...]
    values: tuple[Array, ...]


@dataclass(frozen=True)
class StoredWeights:
    """The arrays of a file, in one of two layouts: by layer (Keras 2 HDF5), or as a tree of objects (.keras)."""

    path: Path
    by_layer: tuple[NamedArrays, ...] | None = None
    tree: Tree | None = None


def stored_weights(path: Path, stored: Any) -> StoredWeights:
    """The arrays of an open HDF5 file, in whichever of Keras' layouts; a ModelError where it is none of them."""
    group = stored.get("model_weights", stored)
    if "layer_names" in group.attrs:
        layers = tuple(_layer_arrays(path, group, name) for name in _texts(group.attrs["layer_names"]))
        return StoredWeights(path, by_layer=layers)
    for root in ("layers", "_layer_checkpoint_dependencies"):
        if root in group:
            return StoredWeights(path, tree=_tree(path, group[root]))
    if any("_layer_checkpoint_dependencies" in key or key.startswith("layers\\") for key in group):
        return StoredWeights(path, tree=_windows_tree(path, group))
    if len(group) == 0 or not any(True for _ in group):
        return StoredWeights(path, by_layer=())
    message = f"the weights in {path} are not laid out as Keras does"
    raise ModelError(message)


def _layer_arrays(path: Path, group: Any, layer: str) -> NamedArrays:
    if layer not in group:
        message = f"the weights in {path} list a layer {layer!r} that the file does not hold"
        raise ModelError(message)
    names = tuple(_texts(group[layer].attrs.get("weight_names", ())))
    values = tuple(_array(path, group[layer], name) for name in names)
    return NamedArrays(layer, names, values)


def _texts(values: Any) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _array(path: Path, group: Any, name: str) -> Array:
    """The array at `name`; links to other files are refused, so that a model cannot pull in foreign data."""
    here = group
    for part in name.strip("/").split("/"):
        if isinstance(here.get(part, getlink=True), h5py.ExternalLink):
            message = f"{path} links the array {name!r} to another file; weights must lie in the model's own file"
            raise ModelError(message)
        here = here[part]
    return _values(path, here, name)


def _values(path: Path, dataset: Any, name: str) -> Array:
    if getattr(dataset, "external", None):
        message = f"{path} keeps the array {name!r} in another file; weights must lie in the model's own file"
        raise ModelError(message)
    values = np.asarray(dataset)
    if values.dtype.kind not in "fiub":
        message = f"{path} holds an array {name!r} of {values.dtype}, which is not numeric"
        raise ModelError(message)
    return values


def _tree(path: Path, group: Any) -> Tree:
    found: dict[str, Any] = {}
    for key in group:
        if isinstance(group.get(key, getlink=True), h5py.ExternalLink):
            message = f"{path} links {key!r} to another file; weights must lie in the model's own file"
            raise ModelError(message)
        child = group[key]
        found[key] = _values(path, child, key) if isinstance(child, h5py.Dataset) else _tree(path, child)
    return found


def _windows_tree(path: Path, group: Any) -> Tree:
    """Keras 2.12 on Windows used backslashes, which HDF5 takes as part of the name."""
    root: dict[str, Any] = {}
    for key, child in _tree(path, group).items():
        parts = [part for part in key.split("\\") if part]
        here = root
        for part in parts:
            here = here.setdefault(part, {})
        here.update(child)
    tree: Tree = root.get("layers", root.get("_layer_checkpoint_dependencies", {}))
    return tree
