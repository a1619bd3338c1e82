"""Where a verb's answer goes: standard output for the answer, standard error for everything said on the way."""

import io
import json
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType

from fpgaprune.render.sheet import Sheet, to_csv, to_markdown, to_text

PIPED_WIDTH = 240  # columns for a table that goes to a file or a pipe: nothing wraps there


class Format(StrEnum):
    """How an answer is written."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    MD = "md"


FormatOption = Annotated[
    Format, typer.Option("--format", help="text for reading, json for programs, csv for sheets, md for documents.")
]


def emit(form: Format, sheet: Sheet, data: Callable[[], Any]) -> None:
    """Write an answer in the format asked for; `data` gives its JSON-ready form."""
    match form:
        case Format.JSON:
            write_json(data())
        case Format.CSV:
            write(to_csv(sheet))
        case Format.MD:
            write(to_markdown(sheet))
        case _:
            show(to_text(sheet))


def show(renderable: RenderableType) -> None:
    """Draw tables and sentences on standard output, wide and without trailing blanks where it is not a terminal."""
    if sys.stdout.isatty():
        Console(file=sys.stdout).print(renderable, highlight=False)
        return
    drawn = Console(file=io.StringIO(), width=PIPED_WIDTH)
    with drawn.capture() as capture:
        drawn.print(renderable, highlight=False)
    write("\n".join(line.rstrip() for line in capture.get().splitlines()))


def tell(sentence: str) -> None:
    """One line about what is going on, on standard error."""
    Console(file=sys.stderr).print(sentence, highlight=False, markup=False, soft_wrap=True)


def write(text: str) -> None:
    """Text exactly as it is on standard output, ending in one newline."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    sys.stdout.flush()


def write_json(data: Any) -> None:
    """JSON, alone, on standard output; NaN and infinity are refused, JSON has none."""
    write(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))
