"""How a search of combinations goes on, on standard error: what is tried, its epochs, a line for each that is done."""

from collections.abc import Callable
from typing import Self

from fpgaprune.cli.progress import StoppableProgress, show_epoch, show_step
from fpgaprune.flow.bits import Step
from fpgaprune.flow.compression import Epoch
from fpgaprune.results.fit import Attempt


class FitProgress(StoppableProgress):
    """Shows the combination, its epochs and its search for bits; a line that stays for every finished one."""

    def __init__(self) -> None:
        super().__init__()
        self._searched: Callable[[Step], None] | None = None
        self._combination = ""

    def __enter__(self) -> Self:
        """Start drawing."""
        super().__enter__()
        return self

    def begin(self, what: str) -> None:
        """A combination begins."""
        self._combination, self._searched = what, None
        super().begin(what)

    def seen(self, epoch: Epoch) -> None:
        """An epoch of its training is over."""
        if self._searched is not None:  # the bar is that of the search before it
            self.begin(self._combination)
        show_epoch(self)(epoch)

    def searched(self, step: Step) -> None:
        """A step of its search for bits is over."""
        if self._searched is None:
            self._searched = show_step(self, self._combination, super().begin)
        self._searched(step)

    def finished(self, attempt: Attempt) -> None:
        """A combination is through."""
        told = attempt.error or attempt.skipped or f"{attempt.score_name} {attempt.score or 0:.4f}"
        cost = "" if attempt.dsp is None else f", {attempt.dsp} DSPs, {attempt.lut} LUTs"
        self.say(f"{attempt.name}: {told}{cost}, {attempt.seconds:.0f} s")
        self.heed()
