"""How a search of combinations goes on, on standard error: what is tried, its epochs, a line for each that is done."""

from typing import Self

from fpgaprune.cli.progress import StoppableProgress, show_epoch
from fpgaprune.flow.compression import Epoch
from fpgaprune.results.fit import Attempt


class FitProgress(StoppableProgress):
    """Shows the combination and its epochs; a line that stays for every finished one."""

    def __enter__(self) -> Self:
        """Start drawing."""
        super().__enter__()
        return self

    def begin(self, what: str) -> None:
        """A combination begins."""
        self.heed()
        super().begin(what)

    def epoch(self, done: int, total: int, state: str) -> None:
        """An epoch is over."""
        self.heed()
        super().epoch(done, total, state)

    def seen(self, epoch: Epoch) -> None:
        """An epoch of its training is over."""
        show_epoch(self)(epoch)

    def finished(self, attempt: Attempt) -> None:
        """A combination is through."""
        told = attempt.error or attempt.skipped or f"{attempt.score_name} {attempt.score or 0:.4f}"
        cost = "" if attempt.dsp is None else f", {attempt.dsp} DSPs, {attempt.lut} LUTs"
        self.say(f"{attempt.name}: {told}{cost}, {attempt.seconds:.0f} s")
        self.heed()
