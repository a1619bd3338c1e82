"""What a search for the best model within limits tried, and found."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class FitLimits:
    """What the model may cost at most, and how good it must be at least; None does not count.

    `max_loss` is for models whose score is their loss. `is_default`: nobody asked for the least score, it follows from
    the model that was given.
    """

    max_dsp: int | None = None
    max_lut: int | None = None
    min_score: float | None = None
    max_loss: float | None = None
    is_default: bool = False

    def excess(self, dsp: int, lut: int | None) -> float:
        """How many times the tightest of the limits of cost is used: up to 1 is within. An unknown cost is not."""
        used = [0.0]
        if self.max_dsp is not None and dsp:
            used.append(dsp / self.max_dsp if self.max_dsp else 1.0 + dsp)
        if self.max_lut is not None:
            used.append(float("inf") if lut is None else lut / max(self.max_lut, 1))
        return max(used)

    def over(self, dsp: int, lut: int | None) -> tuple[str, ...]:
        """Which limits of cost are exceeded and by how much, in words."""
        told = []
        if self.max_dsp is not None and dsp > self.max_dsp:
            told.append(f"{dsp - self.max_dsp} DSPs more than allowed")
        if self.max_lut is not None and lut is None:
            told.append("LUTs that are not known")
        elif self.max_lut is not None and lut is not None and lut > self.max_lut:
            told.append(f"{lut - self.max_lut} LUTs more than allowed")
        return tuple(told)

    def is_good(self, score: float | None, loss: float | None) -> bool:
        """Whether a model of this score and loss is good enough."""
        if self.max_loss is not None and (loss is None or loss > self.max_loss):
            return False
        return self.min_score is None or (score is not None and score >= self.min_score)

    @property
    def least(self) -> str | None:
        """How good it must be, in words."""
        if self.max_loss is not None:
            return f"the loss {self.max_loss:.4g}"
        return None if self.min_score is None else f"the score {self.min_score:.4g}"


@dataclass(frozen=True)
class Attempt:
    """One combination of methods: its cost, its score on the validation samples, and why it ended early, if it did.

    `score` is None where it was not trained (`skipped` says why) or failed (`error`); higher is better but for a loss.
    """

    name: str
    score_name: str | None = None
    score: float | None = None
    loss: float | None = None
    sparsity: float | None = None
    dsp: int | None = None
    lut: int | None = None
    seconds: float = 0.0
    file: str | None = None
    skipped: str | None = None
    error: str | None = None

    @property
    def rank(self) -> tuple[float, float]:
        """Higher is better."""
        loss = float("-inf") if self.loss is None else -self.loss
        return (loss if self.score is None or self.score_name == "loss" else self.score, loss)

    def json(self) -> dict[str, Any]:
        """The attempt as JSON-ready data."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class FitResult:
    """All attempts, the best one within the limits (None: there is none), what was written, and the answer in words."""

    limits: FitLimits
    attempts: tuple[Attempt, ...]
    best: Attempt | None
    output: Path | None
    record: Mapping[str, Any] | None
    answer: str

    def json(self) -> dict[str, Any]:
        """The result as JSON-ready data."""
        return {
            "limits": asdict(self.limits),
            "answer": self.answer,
            "best": None if self.best is None else self.best.json(),
            "output": None if self.output is None else str(self.output),
            "record": self.record,
            "attempts": [attempt.json() for attempt in self.attempts],
        }
