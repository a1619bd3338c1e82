"""The points as files: CSV for people, Parquet for data frames; each written beside and renamed."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fpgaprune.errors import DependencyError
from fpgaprune.results.sweep import PointResult, Recipe

CSV, PARQUET = "points.csv", "points.parquet"
_COLUMNS = tuple(PointResult(Recipe(1, 0.0, "latency", 1), "").json())
_TEXTS = {"point", "strategy", "digest", "design", "error"}
_REALS = {"sparsity", "score", "seconds"}


def write_points(points: Sequence[PointResult], output: Path) -> tuple[Path, Path]:
    """`points.csv` and `points.parquet` in `output`: a row per point, the columns of `PointResult.json`.

    Raises DependencyError without PyArrow.
    """
    rows = [point.json() for point in points]
    return _csv(rows, output / CSV), _parquet(rows, output / PARQUET)


def _csv(rows: Sequence[dict[str, Any]], path: Path) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    beside = path.with_name(f".{path.name}.partial")
    beside.write_text(text.getvalue(), encoding="utf-8")
    return beside.replace(path)


def _parquet(rows: Sequence[dict[str, Any]], path: Path) -> Path:
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        message = f"writing {path.name} needs PyArrow ({error}); install it with: pip install 'fpgaprune[sweep]'"
        raise DependencyError(message) from error
    kinds = [pa.string() if n in _TEXTS else pa.float64() if n in _REALS else pa.int64() for n in _COLUMNS]
    table = pa.table(
        {name: pa.array([row[name] for row in rows], kind) for name, kind in zip(_COLUMNS, kinds, strict=True)}
    )
    beside = path.with_name(f".{path.name}.partial")
    parquet.write_table(table, beside)
    return beside.replace(path)
