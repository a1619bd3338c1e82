"""Signs of life on standard error while something takes long."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from fpgaprune.flow.compression import Epoch
from fpgaprune.results import VariantResult
from fpgaprune.results.fit import Attempt


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show `what` with a spinner and the time passed; nothing where standard error is not a terminal."""
    console = Console(file=sys.stderr)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task(what, total=None)
        yield


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
        self._bar = Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
        self._task: TaskID = self._bar.add_task("", total=None, state="")

    @staticmethod
    def _more_columns() -> tuple[TimeRemainingColumn, ...]:
        return ()

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
        self._bar.update(self._task, completed=done, total=total, state=f"epoch {done}/{total}, {state}")

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


class SweepProgress(EpochProgress):
    """A bar over the points of a sweep with the time left; a line at each tenth where nobody watches a terminal."""

    def __init__(self) -> None:
        super().__init__()
        self._tenth: int | None = None
        self._stopped = False

    def __enter__(self) -> Self:
        """Start drawing, and remember Ctrl-C: a framework in the middle of something may swallow it."""
        signal.signal(signal.SIGINT, self._stop)
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing, whatever happened."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        super().__exit__(kind, error, trace)

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the interface of a signal handler
        self._stopped = True
        raise KeyboardInterrupt

    @staticmethod
    def _more_columns() -> tuple[TimeRemainingColumn, ...]:
        return (TimeRemainingColumn(),)

    def points(self, done: int, total: int) -> None:
        """So many points are finished."""
        if self._stopped:
            raise KeyboardInterrupt
        if self._tenth is None:
            self._bar.reset(self._task, description="points", total=total, completed=done, state="")
        self._bar.update(self._task, completed=done, total=total, state=f"{done}/{total}")
        tenth = 10 * done // total
        if not self._console.is_terminal and tenth != self._tenth:
            self.say(f"{done} of {total} points")
        self._tenth = tenth


class FitProgress(SweepProgress):
    """Shows the combination and its epochs; a line that stays for every finished one."""

    def __enter__(self) -> Self:
        """Start drawing."""
        super().__enter__()
        return self

    @staticmethod
    def _more_columns() -> tuple[TimeRemainingColumn, ...]:
        return ()

    def begin(self, what: str) -> None:
        """A combination begins."""
        if self._stopped:
            raise KeyboardInterrupt
        super().begin(what)

    def epoch(self, done: int, total: int, state: str) -> None:
        """An epoch is over."""
        if self._stopped:
            raise KeyboardInterrupt
        super().epoch(done, total, state)

    def seen(self, epoch: Epoch) -> None:
        """An epoch of its training is over."""
        show_epoch(self)(epoch)

    def finished(self, attempt: Attempt) -> None:
        """A combination is through."""
        told = attempt.error or attempt.skipped or f"{attempt.score_name} {attempt.score or 0:.4f}"
        cost = "" if attempt.dsp is None else f", {attempt.dsp} DSPs, {attempt.lut} LUTs"
        self.say(f"{attempt.name}: {told}{cost}, {attempt.seconds:.0f} s")
        if self._stopped:
            raise KeyboardInterrupt
