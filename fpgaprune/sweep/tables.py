"""The points as files: CSV for people, Parquet for data frames; each written beside and renamed.

Columns that have a value for each seed are lists in Parquet, and values with a blank between them in CSV.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fpgaprune.errors import DependencyError
from fpgaprune.results.sweep import Point, PointResult, Recipe

CSV, PARQUET = "points.csv", "points.parquet"
_EMPTY = Point.of([PointResult(Recipe(1, 0.0, "latency", 1), "")]).json()
_COLUMNS = tuple(_EMPTY)
_BY_SEED = {name for name, value in _EMPTY.items() if isinstance(value, list)}
_TEXTS = {"point", "strategy", "error", "digests", "designs"}
_REALS = {"sparsity", "score", "score_std", "seconds", "scores"}


def write_points(points: Sequence[Point], output: Path) -> tuple[Path, Path]:
    """`points.csv` and `points.parquet` in `output`: a row per point, the columns of `Point.json`.

    Raises DependencyError without PyArrow.
    """
    rows = [point.json() for point in points]
    return _csv(rows, output / CSV), _parquet(rows, output / PARQUET)


def _csv(rows: Sequence[dict[str, Any]], path: Path) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    beside = path.with_name(f".{path.name}.partial")
    beside.write_text(text.getvalue(), encoding="utf-8")
    return beside.replace(path)


def _cell(value: Any) -> Any:
    return " ".join("" if one is None else str(one) for one in value) if isinstance(value, list) else value


def _parquet(rows: Sequence[dict[str, Any]], path: Path) -> Path:
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        message = f"writing {path.name} needs PyArrow ({error}); install it with: pip install 'fpgaprune[sweep]'"
        raise DependencyError(message) from error
    plain = [pa.string() if n in _TEXTS else pa.float64() if n in _REALS else pa.int64() for n in _COLUMNS]
    kinds = [pa.list_(kind) if n in _BY_SEED else kind for n, kind in zip(_COLUMNS, plain, strict=True)]
    table = pa.table(
        {name: pa.array([row[name] for row in rows], kind) for name, kind in zip(_COLUMNS, kinds, strict=True)}
    )
    beside = path.with_name(f".{path.name}.partial")
    parquet.write_table(table, beside)
    return beside.replace(path)
