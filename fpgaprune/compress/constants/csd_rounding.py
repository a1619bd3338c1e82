"""Round every constant to the nearest one with few signed digits."""

from dataclasses import dataclass
from typing import ClassVar

from fpgaprune.compress.constants.method import (
    ConstantsConfig,
    Importance,
    changeable_layers,
    constants_method,
    matrix_of,
)
from fpgaprune.compress.constants.narrowing import with_codes
from fpgaprune.csd import nearest_with_digits
from fpgaprune.design import Design
from fpgaprune.errors import ConfigError
from fpgaprune.estimate import MappingRules


@dataclass(frozen=True)
class CsdRounding(ConstantsConfig):
    """At most `digits` nonzero canonical signed digits per constant: 1 is a shift, 2 a shift and an adder.

    C synthesis puts no constant of at most two digits into a multiplier.
    """

    method: ClassVar[str] = "csd_rounding"

    digits: int = 2
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ConfigError for a number of digits that makes no sense."""
        if type(self.digits) is not int or self.digits < 1:
            message = f"digits must be a whole number, at least 1, not {self.digits!r}"
            raise ConfigError(message)


@constants_method(CsdRounding)
def round_digits(
    design: Design,
    config: CsdRounding,
    importance: Importance,  # noqa: ARG001 - the nearest code is the best one whatever it weighs
    rules: MappingRules,  # noqa: ARG001
    narrow: bool,
) -> Design:
    """See `choose_constants`."""
    changed = {}
    for layer in changeable_layers(design, config.exclude):
        weight = layer.parameters["weight"]
        bits = weight.precision.max_code.bit_length()
        changed[layer.name] = nearest_with_digits(matrix_of(weight), config.digits, bits)
    return with_codes(design, changed, narrow=narrow)
