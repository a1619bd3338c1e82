"""The command line as a whole: which verbs there are, and what an error looks like.

To add a verb, write `fpgaprune/cli/<verb>.py` with a function `run` (Typer annotations on its parameters, the
docstring is the help text) and a constant `EXAMPLE` (one command, shown last in `--help`), and add one line to
`VERBS` below. A verb's module is imported only when that verb is asked for, so it may import what it likes at the top,
frameworks excepted: those are loaded inside `run`, by what it calls. `run` prints through `fpgaprune.cli.output` and
ends with `raise typer.Exit(1)` where the answer is "no" (a disagreement); errors are raised, never printed.

Exit codes: 0 fine, 1 the answer is no, 2 what was asked cannot be done (one sentence on stderr), 130 interrupted.
"""

import errno
import importlib
import inspect
import io
import logging
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from fpgaprune import __version__
from fpgaprune.errors import ConfigError, FpgapruneError, unknown_choice

VERBS: Final[dict[str, str]] = {
    "prune": "Remove or cheapen weights, and say what that saves.",
    "quantize": "Turn a float model into a QKeras model of few bits.",
    "distill": "Train a compressed model to answer as a larger one does.",
    "factorize": "Replace layers by cheaper ones of low rank or of fewer filters.",
    "fit": "Find the best model within limits of DSPs and LUTs.",
    "generate": "Write a verified HLS project from a Keras or QKeras model.",
    "verify": "Run a project's C simulation against its model.",
    "emulate": "Compute what a project computes, bit for bit, without compiling it.",
    "audit": "Compare the model's constants, the graph's and the written project's.",
    "inspect": "Show the layers of a model or project: shapes, types, zeros.",
    "estimate": "Count the DSPs a model or project will need, from its weights.",
    "synth": "Synthesize the generated C++, without a licence or by AMD's tools.",
    "compare": "Hold the estimate of a project against its synthesis reports.",
    "calibrate": "Fit a tool's thresholds to one's own synthesis reports.",
    "study": "Train, prune, generate and judge every variant of a study.",
    "sweep": "Compute a study's grid of precision and sparsity, and its Pareto front.",
    "export": "Write the model and verified HLS project of a sweep's point.",
    "doctor": "Say which packages, compilers and FPGA tools are found here.",
}
_log = logging.getLogger(__name__)


def verb_command(name: str) -> Any:
    """The Typer command of one verb, its module imported now."""
    module = importlib.import_module(f"fpgaprune.cli.{name}")
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    paragraphs = inspect.getdoc(module.run) or ""
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs.split("\n\n"))
    app.command(name, help=escape(text), epilog=f"Example: {escape(module.EXAMPLE)}")(module.run)
    return get_command(app)


class LazyGroup(TyperGroup):
    """Verbs by name: listed from `VERBS`, imported when run; turns errors into a sentence and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the interface has the context
        """Names in the order of `VERBS`."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """A stand-in that only carries the help line: enough for listing and for suggestions."""
        return TyperCommand(cmd_name, help=VERBS[cmd_name]) if cmd_name in VERBS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb to run; only here is its module imported."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            raise ConfigError(unknown_choice("command", args[0], VERBS))
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None or command is None else verb_command(name), rest

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; what a user can cause or cure ends as one sentence."""
        try:
            return super().invoke(ctx)
        except FpgapruneError as error:
            _log.debug("raised here", exc_info=True)
            _stop(str(error), 2)
        except KeyboardInterrupt as interrupt:
            _stop(str(interrupt) or "interrupted", 130)
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of our output is gone: nothing to say, nobody to say it to
                raise
            _log.debug("raised here", exc_info=True)
            _stop(_os_sentence(error), 2)


def _stop(sentence: str, code: int) -> NoReturn:
    typer.echo(f"fpgaprune: {sentence}", err=True)
    raise typer.Exit(code)


def _os_sentence(error: OSError) -> str:
    what = (error.strerror or str(error) or type(error).__name__).lower()
    return f"{error.filename}: {what}" if error.filename else what


app = typer.Typer(
    name="fpgaprune",
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    epilog="Example: fpgaprune estimate model.h5 --part xcvu13p-flga2577-2-e",
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"fpgaprune {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what is done to standard error.")] = False,
    version: Annotated[  # noqa: ARG001 - acts through its callback
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Prune, quantize and generate neural networks for FPGAs, and know their DSP count before synthesis."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger("fpgaprune").setLevel(logging.DEBUG if verbose else logging.WARNING)


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; `args` default to those of the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without Unicode shows "?" rather than a traceback
            stream.reconfigure(errors="replace")
    get_command(app).main(args=None if args is None else list(args), prog_name="fpgaprune")
    raise SystemExit(0)
