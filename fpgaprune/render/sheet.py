"""A table as a value, and the ways to write it: for a terminal, for documents, for sheets.

Cells are counts, bounds, text or None; what is absent shows as a dash and never as 0.
"""

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from fpgaprune.results import Bound, Expected


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole: per cent for people, a fraction for programs."""

    part: int
    whole: int

    def __str__(self) -> str:
        return percent(self.part, self.whole)

    @property
    def fraction(self) -> float:
        """The share from 0 to 1, to four decimals."""
        return round(self.part / self.whole, 4)


@dataclass(frozen=True, slots=True)
class Notes:
    """Remarks on a row: numbers of footnotes for people, the words themselves for programs."""

    marks: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return self.marks


Cell = str | int | float | Bound | Expected | Share | Notes | None
ABSENT: Final = "–"
_GAP: Final = 3  # a blank, a line and a blank between two columns
_CUT: Final = 24  # columns that a cut cell keeps when space is scarce


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its key in CSV, its heading for people, and whether it holds numbers."""

    key: str
    title: str
    numeric: bool = False
    style: str = ""
    rank: int = 0  # a terminal too narrow for all columns goes without those of the highest rank
    cut: bool = False  # may be cut short rather than left out
    wrap: bool = False  # may take several lines

    @property
    def heading(self) -> str:
        """The title on one line."""
        return self.title.replace("\n", " ")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of cells; `quiet` lines are left out of the text, where they would only fill the screen."""

    cells: tuple[Cell, ...]
    style: str = ""
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with its title, its total (the last line), what the columns mean, and footnotes."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total: Row | None = None
    summary: tuple[str, ...] = ()  # sentences that answer the question, first below the table
    footnotes: tuple[str, ...] = ()
    left_out: str | None = None  # what to call the quiet rows where they are not shown
    legend: tuple[str, ...] = ()
    summary_style: str = "bold"


def to_text(sheet: Sheet) -> RenderableType:
    """For a terminal, as wide as it is: lines, then the answer, the notes and the legend."""
    return _Drawing(sheet)


class _Drawing:
    """Draws a sheet in the width it is given, without the columns that matter least where it is narrow."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._lines = [row for row in sheet.rows if not row.quiet]
        if sheet.total is not None:
            self._lines.append(sheet.total)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich's protocol."""
        sheet = self._sheet
        shown, left_out = self._fitting(options.max_width)
        yield Text(clean(sheet.title), style="bold")
        yield Text("")
        yield self._table(shown)
        yield Text("")
        yield from (Text(clean(sentence), style=sheet.summary_style) for sentence in sheet.summary)
        yield from (Text(clean(note)) for note in sheet.footnotes)
        quiet = sum(row.quiet for row in sheet.rows)
        if quiet and sheet.left_out:
            layers = "1 layer" if quiet == 1 else f"{quiet} layers"
            yield Text(f"{layers} {sheet.left_out} left out here (JSON, CSV and Markdown have all).")
        if left_out:
            names = ", ".join(sheet.columns[i].heading for i in left_out)
            yield Text(f"Left out, for the terminal is narrow: {names} (--format md has all).", style="dim")
        yield from (Text(clean(line), style="dim") for line in sheet.legend)

    def _fitting(self, width: int) -> tuple[list[int], list[int]]:
        """Columns that fit, in order, and those left out; an empty column is neither."""
        used = [
            i for i in range(len(self._sheet.columns)) if any(row.cells[i] not in {"", None} for row in self._lines)
        ]
        shown = list(used)
        while shown and sum(map(self._width, shown)) - _GAP > width:
            last = max(shown, key=lambda i: (self._sheet.columns[i].rank, i))
            if self._sheet.columns[last].rank == 0:
                break
            shown.remove(last)
        return shown, [i for i in used if i not in shown]

    def _width(self, index: int) -> int:
        column = self._sheet.columns[index]
        title = max(cell_len(line) for line in column.title.splitlines())
        body = max((cell_len(_shown(row.cells[index])) for row in self._lines), default=0)
        return _GAP + max(title, min(body, _CUT) if column.cut else body)

    def _table(self, shown: list[int]) -> Table:
        table = Table(show_edge=False, pad_edge=False)
        for column in (self._sheet.columns[i] for i in shown):
            table.add_column(
                Text(column.title),
                justify="right" if column.numeric else "left",
                style=column.style,
                no_wrap=not (column.cut or column.wrap),
                overflow="ellipsis" if column.cut else "fold",
                vertical="bottom",
            )
        for row in self._lines:
            last = row is self._sheet.total
            if last:
                table.add_section()
            cells = (Text(clean(_shown(row.cells[i]))) for i in shown)
            table.add_row(*cells, style="bold" if last else row.style)
        return table


def to_csv(sheet: Sheet) -> str:
    """For sheets: every row, the total last; an absent value is an empty cell, a bounded one `low-high`."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(column.key for column in sheet.columns)
    for row in _all_rows(sheet):
        writer.writerow("" if cell is None else _plain(cell) for cell in row.cells)
    return stream.getvalue()


def to_markdown(sheet: Sheet) -> str:
    """For documents: every row, the total last and bold, notes below."""
    lines = [
        f"**{_escaped(sheet.title)}**",
        "",
        _line(column.heading for column in sheet.columns),
        _line("---:" if column.numeric else "---" for column in sheet.columns),
    ]
    lines += [_line(_escaped(_shown(cell)) for cell in row.cells) for row in sheet.rows]
    if sheet.total is not None:
        lines.append(_line("" if cell in {"", None} else f"**{_escaped(_shown(cell))}**" for cell in sheet.total.cells))
    notes = [*sheet.summary, *sheet.footnotes, *sheet.legend]
    if notes:
        lines += ["", *(f"- {_escaped(note)}" for note in notes)]
    return "\n".join(lines) + "\n"


WRITERS: Final[dict[str, Callable[[Sheet], str]]] = {"csv": to_csv, "md": to_markdown}


def percent(part: float, whole: float) -> str:
    """A share in words: `12 %`, `0.4 %`, `< 0.1 %`."""
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "< 0.1 %"
    return f"{share:.1f} %" if share < 10 and share != int(share) else f"{share:.0f} %"


def clean(text: str) -> str:
    """Text without control characters: names come from strangers' files, and terminals obey escapes."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _all_rows(sheet: Sheet) -> Iterable[Row]:
    yield from sheet.rows
    if sheet.total is not None:
        yield sheet.total


def _plain(cell: Cell) -> str | int | float:
    if isinstance(cell, Bound):
        return cell.low if cell.is_exact else f"{cell.low}-{cell.high}"
    if isinstance(cell, Expected):
        return cell.value
    if isinstance(cell, Share):
        return cell.fraction
    if isinstance(cell, Notes):
        return clean("; ".join(cell.words))
    return clean(cell) if isinstance(cell, str) else cell if cell is not None else ""


def _shown(cell: Cell) -> str:
    return ABSENT if cell is None else str(cell)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    return clean(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "\\<")
