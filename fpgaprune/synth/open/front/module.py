"""LLVM's textual form of a compiled file, taken apart when it is needed: types, functions, blocks and globals."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from fpgaprune.errors import UnsupportedError
from fpgaprune.synth.open.front.types import Array, Scanner, Structure, Type

_DEFINE: Final = re.compile(r'^define [^@\n]*@(?P<name>"[^"]*"|[\w.$-]+)\((?P<rest>.*)\{$', re.MULTILINE)
_GLOBAL: Final = re.compile(r'^@(?P<name>"[^"]*"|[\w.$-]+) = (?P<rest>.*)$', re.MULTILINE)
_TYPE: Final = re.compile(r'^(?P<name>%(?:"[^"]*"|[\w.$-]+)) = type (?P<body>.*)$', re.MULTILINE)
_LABEL: Final = re.compile(r'^(?P<name>"[^"]*"|[\w.$-]+):', re.MULTILINE)
_PARAMETER: Final = re.compile(r"%(\"[^\"]*\"|[\w.$-]+)$")
_METADATA: Final = re.compile(r",? !(?:\"[^\"]*\"|[\w.]+)(?: !\d+|\([^)]*\))?")
_ENTRY: Final = ""


@dataclass(frozen=True)
class Function:
    """A function: its parameters' registers, and the lines of each block by label, the first called ''."""

    name: str
    parameters: tuple[str, ...]
    blocks: Mapping[str, tuple[str, ...]]
    entry: str = _ENTRY

    @cached_property
    def successors(self) -> dict[str, tuple[str, ...]]:
        """The blocks each block may go to."""
        return {label: _targets(lines[-1]) for label, lines in self.blocks.items()}

    @cached_property
    def joins(self) -> dict[str, str | None]:
        """Where all ways from each block meet again (its immediate post-dominator); None: only behind the end."""
        return _immediate_postdominators(self.successors)


class Module:
    """A compiled file."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._bodies = {match["name"].strip('"'): match for match in _DEFINE.finditer(text)}
        self._globals = {match["name"].strip('"'): match["rest"] for match in _GLOBAL.finditer(text)}
        self._functions: dict[str, Function] = {}
        self.types = _types(text)

    def has(self, name: str) -> bool:
        """Whether the function is defined here."""
        return name in self._bodies

    def function(self, name: str) -> Function:
        """A function that is defined here."""
        if name not in self._functions:
            match = self._bodies[name]
            end = self._text.index("\n}", match.end())
            self._functions[name] = _function(name, match["rest"], self._text[match.end() : end])
        return self._functions[name]

    def variable(self, name: str) -> Scanner | None:
        """A scanner at the type of a global variable, which its first value follows; None if it has none here."""
        rest = self._globals.get(name)
        if rest is None:
            return None
        found = re.search(r"\b(?:global|constant) ", rest)
        if found is None or re.search(r"\bexternal\b", rest[: found.start()]):
            return None
        return Scanner(rest, self.types, found.end())

    @property
    def constructors(self) -> tuple[str, ...]:
        """Functions that give globals their first values before anything else runs."""
        return tuple(
            name.replace('"', "") for name in re.findall(r"ptr @([\w.$-]+)", self._globals.get("llvm.global_ctors", ""))
        )


def _types(text: str) -> dict[str, Type]:
    bodies = {match["name"]: match["body"] for match in _TYPE.finditer(text)}
    found: dict[str, Type] = {}
    waiting = dict(bodies)
    while waiting:
        ready = [name for name, body in waiting.items() if _needed(body) <= set(found)]
        if not ready:
            break  # types that are only named, or that hold themselves, are not used by value
        for name in ready:
            body = waiting.pop(name)
            if body != "opaque":
                found[name] = Scanner(body, found).type()
            else:
                found[name] = Structure((), packed=False)
    return found


def _needed(body: str) -> set[str]:
    return set(re.findall(r'%(?:"[^"]*"|[\w.$-]+)', body))


def _function(name: str, rest: str, body: str) -> Function:
    parameters = []
    depth = start = 0
    for place, letter in enumerate(rest):
        if letter == "(":
            depth += 1
        elif letter == ")" and depth:
            depth -= 1
        elif letter in ",)" and not depth:
            found = _PARAMETER.search(rest[start:place].strip())
            if found:
                parameters.append(f"%{found[1]}".replace('"', ""))
            start = place + 1
            if letter == ")":
                break
    blocks: dict[str, list[str]] = {_ENTRY: []}
    label = _ENTRY
    for line in _joined(body):
        mark = _LABEL.match(line)
        if mark:
            label = mark["name"].strip('"')
            blocks[label] = []
        else:
            blocks[label].append(line)
    numbers = {"": _entry_label(parameters, blocks)}
    return Function(name, tuple(parameters), {numbers.get(k, k): tuple(v) for k, v in blocks.items()}, numbers[""])


def _entry_label(parameters: list[str], blocks: Mapping[str, object]) -> str:
    """LLVM counts an unnamed first block among the unnamed values, after the parameters."""
    number = str(sum(name[1:].isdecimal() for name in parameters))
    return number if number not in blocks else _ENTRY


def _joined(body: str) -> list[str]:
    """The lines that count, without comments and metadata, a switch on one line."""
    lines: list[str] = []
    for raw in body.split("\n"):
        line = _METADATA.sub("", raw.split(" ; ")[0]).strip() if " ;" in raw or "!" in raw else raw.strip()
        if not line or line.startswith((";", "#dbg")):
            continue
        if lines and lines[-1].startswith("switch ") and not lines[-1].endswith("]"):
            lines[-1] += f" {line}"
        else:
            lines.append(line)
    return lines


def _targets(line: str) -> tuple[str, ...]:
    if line.startswith(("br ", "switch ")):
        return tuple(dict.fromkeys(name.strip('"') for name in re.findall(r'label %("[^"]*"|[\w.$-]+)', line)))
    return ()


def _immediate_postdominators(successors: Mapping[str, tuple[str, ...]]) -> dict[str, str | None]:
    """By sets: functions are small here."""
    end: str | None = None
    names = list(successors)
    everything: set[str | None] = {*names, end}
    found: dict[str | None, set[str | None]] = {name: set(everything) for name in names}
    found[end] = {end}
    changed = True
    while changed:
        changed = False
        for name in reversed(names):
            after = [found[target] for target in successors[name]] or [found[end]]
            reached = set.intersection(*after) | {name}
            if reached != found[name]:
                found[name] = reached
                changed = True
    joins: dict[str, str | None] = {}
    for name in names:
        candidates = found[name] - {name}
        # the nearest is the one that all the others come after
        joins[name] = max(candidates, key=lambda place: len(found[place]), default=end)
    return joins


def flattened(scanner: Scanner, kind: Type, place: int = 0) -> list[tuple[int, Type, int | float | str]]:
    """The scalars of a constant: where each begins, its type and value (a global's name with its offset as text).

    Zeros and undefined parts are left out; memory of globals is 0 where nothing is given.
    """
    if any(scanner.take(word) for word in ("zeroinitializer", "undef", "poison", "null")):
        return []
    if isinstance(kind, Array):
        return _flattened_array(scanner, kind, place)
    if isinstance(kind, Structure):
        closing = ">" if kind.packed else ""
        scanner.need(f"{'<' if kind.packed else ''}{{")
        found = []
        for offset, part in zip(kind.offsets, kind.fields, strict=True):
            scanner.type()
            found += flattened(scanner, part, place + offset)
            scanner.take(",")
        scanner.need(f"}}{closing}")
        return found
    name = scanner.name()
    if name is not None:
        return [(place, kind, name)]
    return [(place, kind, scanner.number(kind))]


def _flattened_array(scanner: Scanner, kind: Array, place: int) -> list[tuple[int, Type, int | float | str]]:
    if scanner.take('c"'):
        text = scanner.match(re.compile(r'[^"]*'))
        scanner.need('"')
        letters = re.findall(r"\\([0-9A-Fa-f]{2})|(.)", text or "", re.DOTALL)
        return [
            (place + i, kind.element, int(code, 16) if code else ord(letter))
            for i, (code, letter) in enumerate(letters)
        ]
    scanner.need("[")
    found: list[tuple[int, Type, int | float | str]] = []
    for number in range(kind.count):
        if number:
            scanner.need(",")
        element = scanner.type()
        found += flattened(scanner, element, place + number * kind.element.size)
    scanner.need("]")
    return found


def unsupported(line: str) -> UnsupportedError:
    """The error for an instruction that is not understood."""
    return UnsupportedError(f"the compiled C++ holds what open synthesis does not understand: {line.strip()}")
