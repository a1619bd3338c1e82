"""Arrays a user gives: .npy, .npz or .csv, never pickled, always finite numbers."""

import csv
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.errors import ConfigError, unknown_choice

Array = NDArray[Any]
_SHOWN = 40  # characters of a field in a sentence
_ENCODING = "utf-8-sig"  # spreadsheets put a byte order mark first
# Names under which .npz files usually keep a model's inputs, the likeliest first.
INPUT_NAMES = ("x", "X", "inputs", "input", "x_test", "X_test", "features", "images", "data", "x_train", "X_train")


def read_arrays(path: Path) -> Mapping[str, Array]:
    """Every array of a file by name; .npy and .csv hold one, called after the file.

    Raises ConfigError for a missing, truncated or pickled file, another format, or text where numbers should be.
    """
    suffix = path.suffix.lower()
    if suffix not in (".npy", ".npz", ".csv"):
        message = f"{path} is not data that can be read: give a .npy, .npz or .csv file"
        raise ConfigError(message)
    if not path.is_file():
        message = f"there is no data file {path}"
        raise ConfigError(message)
    try:
        if suffix == ".npz":
            with np.load(path, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        if suffix == ".npy":
            return {path.stem: np.load(path, allow_pickle=False)}
        return {path.stem: _read_csv(path)}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        message = f"{path} cannot be read as data: {error}"
        raise ConfigError(message) from error


def _read_csv(path: Path) -> Array:
    """The numbers of a table, below its header if it has one; raises ValueError that says where it holds others."""
    with path.open(encoding=_ENCODING, newline="") as stream:
        rows = csv.reader(stream)
        first, second = next(rows, []), next(rows, [])
    # Text above a number is a name; text above text, or nothing, is data that will not do.
    header = any(_is_text(field) and not _is_text(below) for field, below in zip_longest(first, second, fillvalue=""))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # NumPy's on empty files
            table = np.loadtxt(path, delimiter=",", skiprows=int(header), ndmin=2, encoding=_ENCODING, quotechar='"')
    except ValueError as error:
        raise ValueError(_what_is_wrong(path, int(header)) or str(error)) from error
    if not table.size:
        message = "there are no rows in it"
        raise ValueError(message)
    return table


def _what_is_wrong(path: Path, header: int) -> str | None:
    """The first place of a table that is no number, or where its columns change."""
    columns = None
    with path.open(encoding=_ENCODING, newline="") as stream:
        rows = csv.reader(stream)
        for row in rows:
            if rows.line_num <= header or not row or row[0].startswith("#"):
                continue
            columns = len(row) if columns is None else columns
            if len(row) != columns:
                return f"line {rows.line_num} has {len(row)} columns, and those before it have {columns}"
            wrong = next((place for place, field in enumerate(row, 1) if not field.strip() or _is_text(field)), None)
            if wrong is None:
                continue
            hint = "; classes are numbered from 0" if 1 < wrong == columns else ""
            hint = "; columns are parted by commas" if columns == 1 else hint
            shown = _shortened(row[wrong - 1])
            return f"line {rows.line_num}, column {wrong} holds {shown!r}, which is not a number{hint}"
    return None


def _shortened(field: str) -> str:
    return field if len(field) <= _SHOWN else f"{field[:_SHOWN]}..."


def _is_text(field: str) -> bool:
    """Whether a field is neither empty nor a number."""
    try:
        float(field)
    except ValueError:
        return bool(field.strip())
    return False


def read_inputs(path: Path, shapes: Sequence[tuple[int, ...]], names: Sequence[str] = ()) -> list[Array]:
    """One float array per model input of the given shapes (batch left out), each (samples, *shape).

    An array fits when each of its samples has as many values as an input; it is reshaped. Arrays called as the inputs
    (`names`) come first for a model of several. Raises ConfigError naming the arrays there are when none fits, when it
    is not clear which belongs to which input, or for NaN and infinity.
    """
    arrays = read_arrays(path)
    if len(shapes) > 1 and names and all(name in arrays for name in names):
        arrays = {name: arrays[name] for name in names}
    return fitting_inputs(arrays, shapes, path)


def fitting_inputs(arrays: Mapping[str, Array], shapes: Sequence[tuple[int, ...]], path: Path) -> list[Array]:
    """`read_inputs` for arrays by name; `path` is what sentences call them by."""
    if len(shapes) == 1:
        return [_fitted(_choose(arrays, shapes[0], path), shapes[0], path)]
    fitting = [name for name in arrays if any(_fits(arrays[name], shape) for shape in shapes)]
    if len(fitting) < len(shapes):
        message = f"{path} holds {_described(arrays)}; the model has {len(shapes)} inputs of shapes {list(shapes)}"
        raise ConfigError(message)
    chosen = [_fitted(arrays[name], shape, path) for name, shape in zip(fitting, shapes, strict=False)]
    if len({len(array) for array in chosen}) != 1:
        message = f"the input arrays in {path} have different numbers of samples: {_described(arrays)}"
        raise ConfigError(message)
    return chosen


def _fits(array: Array, shape: tuple[int, ...]) -> bool:
    numbers = array.dtype.kind in "fiub"
    return numbers and array.ndim >= 1 and len(array) > 0 and array.size // len(array) == prod(shape)


def _choose(arrays: Mapping[str, Array], shape: tuple[int, ...], path: Path) -> Array:
    fitting = [name for name, array in arrays.items() if _fits(array, shape)]
    for name in INPUT_NAMES:
        if name in fitting:
            return arrays[name]
    if not fitting:
        message = f"{path} holds {_described(arrays)}; no array has samples of shape {shape}, as the model's input"
        raise ConfigError(message)
    if len(fitting) > 1:
        raise ConfigError(f"{path}: " + unknown_choice("input array (several fit; call one of them x)", "x", fitting))
    return arrays[fitting[0]]


def _fitted(array: Array, shape: tuple[int, ...], path: Path) -> Array:
    if not _fits(array, shape):
        message = f"an array of shape {array.shape} in {path} does not fit the model's input of shape {shape}"
        raise ConfigError(message)
    values = array.reshape(len(array), *shape).astype(np.float64)
    if not np.isfinite(values).all():
        message = f"the inputs in {path} hold NaN or infinity"
        raise ConfigError(message)
    return values


def _described(arrays: Mapping[str, Array]) -> str:
    return ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
