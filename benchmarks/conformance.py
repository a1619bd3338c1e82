"""How many real models become a project that computes what the model computes: `python -m benchmarks.conformance DIR`.

DIR holds `models/` (.h5, .keras, or .json with NAME_weights.h5 beside) and, optionally, `data/` (.npy, .npz). Each
model is loaded, generated and simulated on at least 1000 inputs in a process of its own, so that a crash or an endless
loop costs one row. Real arrays are used where their samples are as large as the model's input, and filled up with
seeded ones. `--plain` converts each model with plain hls4ml and its default settings as well, for the ratio.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from os import cpu_count
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

MODEL_SUFFIXES = (".h5", ".keras", ".json")
WEIGHTS_ENDING = "_weights.h5"
GENERATED = ("exact", "agrees", "DISAGREES", "not simulated")

Row = dict[str, Any]


def find_models(folder: Path) -> list[Path]:
    """Model files below `folder`, weights files left out, by name."""
    files = (path for path in sorted(folder.rglob("*")) if path.suffix in MODEL_SUFFIXES and path.is_file())
    return [path for path in files if not path.name.endswith(WEIGHTS_ENDING)]


def run_one(model: Path, data: Path | None, seconds: float, *, plain: bool) -> Row:
    """One model in a process of its own; what ends that process becomes the row's outcome."""
    command = [sys.executable, "-m", "benchmarks.conformance_case", str(model)]
    command += ["--data", str(data)] if data is not None else []
    command += ["--plain"] if plain else []
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return {"model": model.name, "outcome": "timed out", "reason": f"not finished in {seconds:g} s"}
    try:
        found: Row = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return {"model": model.name, "outcome": "crashed", "reason": f"exit code {done.returncode}: {last}"}
    return found


def run_all(models: Sequence[Path], data: Path | None, args: argparse.Namespace) -> list[Row]:
    """Every model, `args.jobs` at a time; each finished row is shown, and kept in `args.json` at once."""
    rows: list[Row] = []
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar, ThreadPoolExecutor(args.jobs) as pool:
        task = bar.add_task("models", total=len(models))
        jobs = [pool.submit(run_one, model, data, args.timeout, plain=args.plain) for model in models]
        try:
            for job in as_completed(jobs):
                rows.append(job.result())
                bar.advance(task)
                console.print(f"{len(rows)}/{len(models)} {_line(rows[-1])}", highlight=False, soft_wrap=True)
                if args.json is not None:
                    args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return sorted(rows, key=lambda row: str(row["model"]))


def _line(row: Row) -> str:
    return f"{row['model']}: {row['outcome']}, {row.get('reason', '')}"


def table(rows: Sequence[Row]) -> Table:
    """The models that were generated, a line each."""
    shown = Table(title="Generated projects against their models", title_justify="left")
    for name in ("model", "outcome"):
        shown.add_column(name, overflow="fold")
    for name in ("samples", "equal", "error %", "argmax %", "plain hls4ml", "DSPs", "s"):
        shown.add_column(name, justify="right")
    for name in ("between layers", "constants", "sums"):
        shown.add_column(name)
    for row in rows:
        if row["outcome"] in GENERATED:
            shown.add_row(*_cells(row))
    return shown


def _cells(row: Row) -> list[str]:
    samples = f"{row['real_samples']}+{row['samples'] - row['real_samples']}" if "samples" in row else "-"
    widths = row.get("widths", {})
    return [
        row["model"],
        row["outcome"],
        samples,
        _figure(row.get("exact_samples")),
        _figure(row.get("error_percent")),
        _figure(row.get("argmax_percent")),
        _figure(row.get("plain", {}).get("outcome")),
        _figure(row.get("dsp")),
        _figure(row.get("seconds")),
        *(_figure(widths.get(kind)) for kind in ("result", "constant", "accumulator")),
    ]


def _figure(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def summary(rows: Sequence[Row]) -> Mapping[str, Any]:
    """Counts and fractions over all models."""
    generated = [row for row in rows if row["outcome"] in GENERATED]
    agreeing = [row for row in generated if row["outcome"] in ("exact", "agrees")]
    failed = [row for row in rows if row["outcome"] in ("crashed", "timed out")]
    counted = len(generated) + len(failed)
    found: dict[str, Any] = {
        "models": len(rows),
        "refused": len(rows) - counted,
        "generated": len(generated),
        "crashed or timed out": len(failed),
        "exact": sum(row["outcome"] == "exact" for row in generated),
        "agreeing": len(agreeing),
        "agreeing_fraction": len(agreeing) / counted if counted else None,
    }
    plain = [row["plain"]["outcome"] for row in rows if "plain" in row]
    if plain:
        there = sum(outcome in ("exact", "agrees") for outcome in plain)
        found["plain_converted"] = sum(outcome != "not converted" for outcome in plain)
        found["plain_agreeing"] = there
        found["ratio_of_agreeing"] = len(agreeing) / there if there else None
    return found


def main() -> int:
    """Print the table, the refusals with their sentences, and a summary; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR", help="holds models/ and, if there, data/")
    parser.add_argument("--plain", action="store_true", help="also run plain hls4ml, as the reference")
    parser.add_argument("--only", metavar="TEXT", help="only models whose file name contains this")
    parser.add_argument("--jobs", type=int, default=min(2, cpu_count() or 1), help="models at a time (2)")
    parser.add_argument("--timeout", type=float, default=1800.0, metavar="S", help="seconds for one model (1800)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every row here as it is finished")
    args = parser.parse_args()
    models = find_models(args.folder / "models") if (args.folder / "models").is_dir() else []
    models = [path for path in models if args.only is None or args.only in path.name]
    if not models:
        parser.error(f"there are no models (.h5, .keras, .json) in {args.folder / 'models'} to try")
    data = args.folder / "data"
    rows = run_all(models, data if data.is_dir() else None, args)
    console = Console(width=max(Console().width, 190))
    console.print(table(rows))
    for row in rows:
        if row["outcome"] not in GENERATED:
            console.print(_line(row), highlight=False, soft_wrap=True)
    for row in rows:
        if row["outcome"] in ("DISAGREES", "not simulated"):
            console.print(_line(row), highlight=False, soft_wrap=True)
    print(json.dumps(summary(rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
