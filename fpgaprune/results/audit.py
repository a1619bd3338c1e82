"""How the constants of a model, of the graph it was converted to, and of the written project compare."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AuditDifference:
    """One thing that two looks tell differently.

    `looks` names the two, left first: "model against project". `index` is the first place where an array differs,
    `count` in how many. `array` is None for facts of the layer, `layer` for facts of the whole network.
    """

    looks: str
    layer: str | None
    array: str | None
    what: str
    left: str
    right: str
    index: tuple[int, ...] | None = None
    count: int | None = None

    def __str__(self) -> str:
        where = [f"layer {self.layer}"] if self.layer else []
        where += [self.array] if self.array else []
        place = "" if self.index is None else f" at {list(self.index)}"
        many = "" if self.count is None or self.count == 1 else f", {self.count} in all"
        named = f"{' '.join(where)}: " if where else ""
        return f"{self.looks}: {named}{self.what}{place}: {self.left} against {self.right}{many}"

    def json(self) -> dict[str, Any]:
        """The difference as JSON-ready data."""
        return {
            "looks": self.looks,
            "layer": self.layer,
            "array": self.array,
            "what": self.what,
            "left": self.left,
            "right": self.right,
            "index": None if self.index is None else list(self.index),
            "count": self.count,
        }


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One array of constants as three looks see it; None where a look does not have it.

    Zeros are counted among the values multiplied by: `model_zeros` after the model's quantizers (and rounding to the
    written type, for arrays that the model leaves unquantized), `claimed_zeros` is `n_zeros` as written in
    parameters.h, for the arrays that have one. `powers_of_two` counts written values of the form +-2**k.
    """

    layer: str
    array: str
    size: int
    precision: str
    model_precision: str | None
    model_zeros: int | None
    graph_zeros: int | None
    project_zeros: int
    claimed_zeros: int | None
    powers_of_two: int
    reuse_factor: int | None
    rounded: int | None  # values that the written type cannot hold exactly, and which are its nearest
    agrees: bool

    def json(self) -> dict[str, Any]:
        """The row as JSON-ready data."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class AuditResult:
    """The audit of one project: arrays, differences, and what could not be compared and why."""

    project: str
    looks: tuple[str, ...]
    rows: tuple[AuditRow, ...]
    differences: tuple[AuditDifference, ...]
    notes: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether all looks tell the same."""
        return not self.differences

    def json(self) -> dict[str, Any]:
        """The audit as JSON-ready data."""
        return {
            "project": self.project,
            "agrees": self.agrees,
            "looks": list(self.looks),
            "arrays": [row.json() for row in self.rows],
            "differences": [difference.json() for difference in self.differences],
            "notes": list(self.notes),
        }
