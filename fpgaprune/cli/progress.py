"""Signs of life on standard error while something takes long."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from fpgaprune.flow.bits import Step
from fpgaprune.flow.compression import Epoch
from fpgaprune.results import VariantResult


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show `what` with a spinner and the time passed; nothing where standard error is not a terminal."""
    console = Console(file=sys.stderr)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task(what, total=None)
        yield


class _Bar(Progress):
    """A bar with something above it."""

    above: Callable[[], RenderableType | None] | None = None

    def get_renderables(self) -> Iterator[RenderableType]:
        """What is above, and the bar."""
        shown = None if self.above is None else self.above()
        if shown is not None:
            yield shown
        yield self.make_tasks_table(self.tasks)


class EpochProgress:
    """A bar over epochs with the stage before it; a line per stage where standard error is not a terminal."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr)
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            *self._more_columns(),
        )
        self._bar = _Bar(
            *columns,
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
            refresh_per_second=4,
        )
        self._bar.above = self._above
        self._task: TaskID = self._bar.add_task("", total=None, state="")

    def _more_columns(self) -> tuple[ProgressColumn, ...]:
        return ()

    def _above(self) -> RenderableType | None:
        """What is drawn above the bar."""
        return None

    def __enter__(self) -> Self:
        """Start drawing."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing, whatever happened."""
        self._bar.stop()

    @property
    def drawn(self) -> bool:
        """Whether a bar shows; else only what is said."""
        return bool(self._console.is_terminal)

    def begin(self, what: str) -> None:
        """A new stage: the bar starts again."""
        if not self._console.is_terminal:
            self.say(f"{what} ...")
        self._bar.reset(self._task, description=what, total=None, state="")

    def epoch(self, done: int, total: int, state: str) -> None:
        """An epoch is over."""
        self.step(done, total, f"epoch {done}/{total}, {state}")

    def step(self, done: int, total: int | None, state: str) -> None:
        """Something is done; `total` is None where nobody knows how much there is."""
        self._bar.update(self._task, completed=done, total=total, state=state)

    def say(self, sentence: str) -> None:
        """A line that stays."""
        self._console.print(sentence, highlight=False, markup=False, soft_wrap=True)


def show_epoch(progress: EpochProgress) -> Callable[[Epoch], None]:
    """Shows epochs with metric, zeros and DSPs; a line for each count of DSPs where there is no bar."""

    def shown(epoch: Epoch) -> None:
        dsp = "" if epoch.dsp is None else f", {epoch.dsp} DSPs"
        state = f"{epoch.metric_name} {epoch.metric:.4f}, {100 * epoch.sparsity:.1f} % zeros{dsp}"
        progress.epoch(epoch.epoch, epoch.epochs, f"{epoch.phase}, {state}")
        if dsp and not progress.drawn:
            progress.say(f"epoch {epoch.epoch}/{epoch.epochs}, {epoch.phase}: {state}")

    return shown


def show_step(progress: EpochProgress, what: str, begin: Callable[[str], None] | None = None) -> Callable[[Step], None]:
    """Shows how a search for bits goes on; a line for each narrowing where there is no bar.

    `begin` begins a stage of the search in another way than `progress` begins one.
    """
    stage = ""
    begin = progress.begin if begin is None else begin

    def shown(step: Step) -> None:
        nonlocal stage
        if step.stage != stage:
            stage = step.stage
            begin(f"{what}: {stage}")
        counted = "" if step.total is None else f"{step.done}/{step.total}, "
        progress.step(step.done, step.total, f"{counted}{step.state}")
        if step.total is None and not progress.drawn:
            progress.say(step.state)

    return shown


class StudyProgress(EpochProgress):
    """Shows the variant and stage of a study; a line that stays for every finished variant."""

    def __enter__(self) -> Self:
        """Start drawing."""
        super().__enter__()
        return self

    def stage(self, variant: str, stage: str) -> None:
        """A new stage of a variant begins."""
        self.begin(f"{variant}: {stage}")

    def finished(self, row: VariantResult) -> None:
        """A variant is through."""
        taken = "" if row.seconds is None else f" in {row.seconds:.0f} s"
        self.say(f"{row.name}: failed: {row.error}" if row.error else f"{row.name}: done{taken}")


class StoppableProgress(EpochProgress):
    """Remembers Ctrl-C, which a framework in the middle of something may swallow, and heeds it at the next sign."""

    def __init__(self, output: Path | None = None) -> None:
        """`output`: the file that is not written when this is interrupted."""
        super().__init__()
        self._stopped = False
        self._lost = () if output is None else (f"interrupted: {output} was not written",)

    def __enter__(self) -> Self:
        """Start drawing and listen."""
        signal.signal(signal.SIGINT, self._stop)
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing, whatever happened."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        super().__exit__(kind, error, trace)

    def begin(self, what: str) -> None:
        """A new stage."""
        self.heed()
        super().begin(what)

    def step(self, done: int, total: int | None, state: str) -> None:
        """Something is done."""
        self.heed()
        super().step(done, total, state)

    def heed(self) -> None:
        """Raise KeyboardInterrupt when Ctrl-C came earlier."""
        if self._stopped:
            raise KeyboardInterrupt(*self._lost)

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the interface of a signal handler
        self._stopped = True
        raise KeyboardInterrupt(*self._lost)
