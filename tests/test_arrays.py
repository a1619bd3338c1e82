"""Inputs from files: found by shape or name, checked, never unpickled."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.errors import ConfigError
from fpgaprune.read.arrays import read_inputs


def saved(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "data.npz", **arrays)
    return folder / "data.npz"


def test_npy_csv_and_npz(tmp_path: Path) -> None:
    values = np.arange(12.0).reshape(3, 4)
    np.save(tmp_path / "a.npy", values)
    np.savetxt(tmp_path / "plain.csv", values, delimiter=",")
    np.savetxt(tmp_path / "headed.csv", values, delimiter=",", header="a,b,c,d", comments="")
    for name in ("a.npy", "plain.csv", "headed.csv"):
        (found,) = read_inputs(tmp_path / name, [(4,)])
        np.testing.assert_array_equal(found, values)
        assert found.dtype == np.float64
    (found,) = read_inputs(tmp_path / "a.npy", [(2, 2)])
    assert found.shape == (3, 2, 2)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("\ufeff1,2\n3,4\n", [[1, 2], [3, 4]]),  # a byte order mark is no text
        ("0,1\n3,4\n", [[0, 1], [3, 4]]),
        ("0,class\n3,4\n", [[3, 4]]),
        ('"a","b"\n"3","4"\n', [[3, 4]]),
        ("1,cat\n2,dog\n", "line 1, column 2 holds 'cat', which is not a number; classes are numbered from 0"),
        ("a,b\n1,cat\n2,dog\n", "line 2, column 2 holds 'cat'"),
        (",2\n3,4\n", "line 1, column 1 holds '', which is not a number"),
        ("a,b\n1,2\n3\n", "line 3 has 1 columns, and those before it have 2"),
        ("1;2\n3;4\n", "line 1, column 1 holds '1;2', which is not a number; columns are parted by commas"),
        ("1\n" + 60 * "x" + "\n", "line 2, column 1 holds '" + 40 * "x" + "...', which is not a number"),
        ("", "there are no rows in it"),
        ("a,b\n", "there are no rows in it"),
    ],
)
def test_tables_lose_no_row_and_say_what_is_wrong(text: str, found: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    if isinstance(found, str):
        with pytest.raises(ConfigError, match=found):
            read_inputs(tmp_path / "a.csv", [(2,)])
    else:
        np.testing.assert_array_equal(read_inputs(tmp_path / "a.csv", [(2,)])[0], found)


def test_the_likeliest_array_is_taken(tmp_path: Path) -> None:
    path = saved(tmp_path, y_test=np.zeros((5, 4)), X_test=np.ones((5, 4)), labels=np.zeros(5))
    (found,) = read_inputs(path, [(4,)])
    assert found.min() == 1.0


def test_several_inputs_by_shape(tmp_path: Path) -> None:
    path = saved(tmp_path, first=np.zeros((5, 4)), second=np.ones((5, 4)), labels=np.zeros((5, 2)))
    first, second = read_inputs(path, [(4,), (4,)])
    assert (first.max(), second.min()) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("arrays", "shapes", "words"),
    [
        ({"x": np.zeros((5, 3))}, [(4,)], r"x \(5, 3\).*\(4,\)"),
        ({"a": np.zeros((5, 4)), "b": np.zeros((5, 4))}, [(4,)], "a, b|several"),
        ({"x": np.zeros((0, 4))}, [(4,)], r"\(0, 4\)"),
        ({"x": np.array([["1", "2"]])}, [(2,)], r"\(1, 2\)"),
        ({"x": np.array([[1.0, np.inf]])}, [(2,)], "infinity"),
        ({"x": np.zeros((5, 4)), "z": np.zeros((6, 4))}, [(4,), (4,)], "different numbers of samples"),
        ({"x": np.zeros((5, 4))}, [(4,), (2,)], "2 inputs"),
    ],
)
def test_what_does_not_fit_is_said(arrays: dict[str, Any], shapes: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        read_inputs(saved(tmp_path, **arrays), shapes)


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.npy", b"\x93NUMPY\x01"), ("x.npz", b"PK"), ("x.npy", b""), ("x.csv", b"1,2\n3,a\n"), ("x.txt", b"1 2")],
)
def test_files_that_are_no_data(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match="x\\."):
        read_inputs(tmp_path / name, [(2,)])


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_inputs(tmp_path / "x.npy", [(1,)])
    with pytest.raises(ConfigError, match="there is no data file"):
        read_inputs(tmp_path / "absent.npy", [(1,)])
