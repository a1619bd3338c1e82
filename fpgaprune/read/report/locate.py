"""Where a project keeps its synthesis reports."""

from datetime import datetime
from pathlib import Path
from typing import Final

from fpgaprune.read.report.cells import date
from fpgaprune.read.report.rpt import read_rpt

# Folders below a project, nearest to what hls4ml's own Tcl leaves first: <name>_prj/solution1/syn/report; the
# unified Vitis flow writes <component>/hls/syn/report; the last ones are where people copy reports to.
_PLACES: Final = (
    "*_prj/*/syn/report",
    "*/*/syn/report",
    "*/syn/report",
    "syn/report",
    "*/hls/syn/report",
    "report",
    "reports",
    ".",
)


def find_reports(project: Path) -> tuple[Path, ...]:
    """The C-synthesis reports of a project, one file per solution, the newest first; empty where there is none."""
    found: dict[Path, Path] = {}
    for place in _PLACES:
        folders = [project] if place == "." else sorted(project.glob(place))
        for folder in folders:
            report = report_in(folder) if folder.is_dir() else None
            if report is not None:
                found.setdefault(folder.resolve(), report)
    return tuple(sorted(found.values(), key=_written, reverse=True))


def report_in(folder: Path) -> Path | None:
    """The report of the whole design in one folder: XML before text, the design before its modules."""
    xml = [folder / "csynth.xml", *sorted(folder.glob("*_csynth.xml"))]
    whole = next((path for path in xml if path.is_file()), None)
    return whole or _root_text(sorted(folder.glob("*_csynth.rpt")))


def _root_text(reports: list[Path]) -> Path | None:
    """The text report no other one instantiates; the newest of several."""
    if len(reports) < 2:
        return reports[0] if reports else None
    read = [read_rpt(path) for path in reports]
    used = {name for report in read for name in report.children if name != report.module.name}
    roots = [report for report in read if report.module.name not in used]
    newest = max(roots or read, key=lambda report: report.written or datetime.min)
    return newest.module.path


def _written(report: Path) -> tuple[datetime, float]:
    """When the tool wrote it, by its own words where a text report lies beside; the file's time decides the rest."""
    stamp = report.stat().st_mtime
    texts = sorted(report.parent.glob("*_csynth.rpt")) if report.suffix == ".xml" else [report]
    for text in texts:
        with text.open(encoding="utf-8", errors="replace") as stream:
            for _, line in zip(range(20), stream, strict=False):
                said = date(line.split("Date:", 1)[1]) if "Date:" in line else None
                if said is not None:
                    return said, stamp
    return datetime.fromtimestamp(stamp), stamp
