"""The constant expressions of generated headers, computed without running anything.

`DIV_ROUNDUP(n_in * n_out, reuse_factor) - n_zeros / reuse_factor`, `(n_filt == -1) ? n_in : n_filt`, `OUT_HEIGHT_2`:
C++ integer arithmetic with names, which a function given by the caller looks up.
"""

import re
from collections.abc import Callable

from fpgaprune.errors import ProjectError

Lookup = Callable[[str], int]
_TOKEN = re.compile(r"\s*(?:(\d[\w.]*)|([A-Za-z_]\w*(?:::\w+)*)|(==|!=|<=|>=|&&|\|\||<<|>>|[-+*/%()?:,<>!]))")
_LONGEST = 4000
_DEEPEST = 60


def _divided(left: int, right: int) -> int:
    if right == 0:
        message = "a constant of the project divides by zero"
        raise ProjectError(message)
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


_BINARY: dict[str, tuple[int, Callable[[int, int], int]]] = {
    "||": (1, lambda a, b: int(bool(a or b))),
    "&&": (2, lambda a, b: int(bool(a and b))),
    "==": (3, lambda a, b: int(a == b)),
    "!=": (3, lambda a, b: int(a != b)),
    "<": (4, lambda a, b: int(a < b)),
    ">": (4, lambda a, b: int(a > b)),
    "<=": (4, lambda a, b: int(a <= b)),
    ">=": (4, lambda a, b: int(a >= b)),
    "+": (6, lambda a, b: a + b),
    "-": (6, lambda a, b: a - b),
    "*": (7, lambda a, b: a * b),
    "/": (7, _divided),
    "%": (7, lambda a, b: a - b * _divided(a, b)),
}


def evaluate(text: str, lookup: Lookup) -> int:
    """The value of an integer expression; raises ProjectError when it is not one."""
    if len(text) > _LONGEST:
        raise ProjectError(_not_constant(text))
    parser = _Parser(text, lookup)
    value = parser.ternary()
    if parser.symbol != "":
        raise ProjectError(_not_constant(text))
    return value


def _not_constant(text: str) -> str:
    return f"{text[:80]!r} is not an integer expression that this reader understands"


class _Parser:
    """Precedence climbing over the tokens of one expression."""

    def __init__(self, text: str, lookup: Lookup) -> None:
        self._text = text
        self._lookup = lookup
        self._position = 0
        self._depth = 0
        self.symbol = ""
        self._advance()

    def _advance(self) -> str:
        taken = self.symbol
        rest = self._text[self._position :]
        if not rest.strip():
            self.symbol = ""
            return taken
        match = _TOKEN.match(self._text, self._position)
        if match is None:
            raise ProjectError(_not_constant(self._text))
        self._position = match.end()
        self.symbol = match.group(0).strip()
        return taken

    def _expect(self, symbol: str) -> None:
        if self.symbol != symbol:
            raise ProjectError(_not_constant(self._text))
        self._advance()

    def ternary(self) -> int:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ProjectError(_not_constant(self._text))
        value = self._binary(1)
        if self.symbol == "?":
            self._advance()
            first = self.ternary()
            self._expect(":")
            second = self.ternary()
            value = first if value else second
        self._depth -= 1
        return value

    def _binary(self, lowest: int) -> int:
        left = self._unary()
        while self.symbol in _BINARY and _BINARY[self.symbol][0] >= lowest:
            level, operation = _BINARY[self._advance()]
            left = operation(left, self._binary(level + 1))
        return left

    def _unary(self) -> int:
        sign = 1
        while self.symbol in ("-", "+"):
            sign = -sign if self._advance() == "-" else sign
        return sign * self._primary()

    def _primary(self) -> int:
        symbol = self._advance()
        if symbol == "(":
            value = self.ternary()
            self._expect(")")
            return value
        if symbol[:1].isdigit():
            return self._number(symbol)
        if symbol in ("true", "false"):
            return int(symbol == "true")
        if symbol and (symbol[0].isalpha() or symbol[0] == "_"):
            return self._call(symbol) if self.symbol == "(" else self._lookup(symbol)
        raise ProjectError(_not_constant(self._text))

    def _number(self, symbol: str) -> int:
        try:
            return int(symbol.rstrip("uUlL"), 0)
        except ValueError as error:
            raise ProjectError(_not_constant(self._text)) from error

    def _call(self, name: str) -> int:
        self._expect("(")
        arguments = [self.ternary()]
        while self.symbol == ",":
            self._advance()
            arguments.append(self.ternary())
        self._expect(")")
        match name.rsplit("::", maxsplit=1)[-1], arguments:
            case (("DIV_ROUNDUP" | "div_roundup"), [left, right]):
                return _divided(left + right - 1, right)
            case (("MIN" | "min"), [left, right]):
                return min(left, right)
            case (("MAX" | "max"), [left, right]):
                return max(left, right)
        raise ProjectError(_not_constant(self._text))
