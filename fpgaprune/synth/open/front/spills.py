"""What unoptimized code keeps in memory without need: values that are stored once at the start and only loaded after.

Every parameter is, and most steps of the small functions around a fixed-point type are such stores and loads. Their
memory is no one else's and never changes, so the loaded registers are the stored one.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from fpgaprune.synth.open.front.module import Function

_NAME: Final = r"%[\w.$-]+"
_ANY: Final = re.compile(_NAME)
_KIND: Final = r"(ptr|i\d+|float|double)"
_ALLOCA: Final = re.compile(rf"({_NAME}) = alloca {_KIND}, align \d+$")
_STORE: Final = re.compile(rf"store {_KIND} ({_NAME}), ptr ({_NAME}), align")
_LOAD: Final = re.compile(rf"({_NAME}) = load {_KIND}, ptr ({_NAME}), align")

Blocks = Mapping[str, tuple[str, ...]]


def without_spills(function: Function) -> tuple[Blocks, Mapping[str, str]]:
    """The blocks without such stores and loads, and which register is which other one; chains in their order."""
    entry = function.blocks[function.entry]
    kinds = {match[1]: match[2] for line in entry if (match := _ALLOCA.match(line))}
    if not kinds:
        return function.blocks, {}
    stored: dict[str, str] = {}
    uses: Counter[str] = Counter()  # of the variables that are left, other than to be loaded
    loads: dict[str, list[str]] = {name: [] for name in kinds}
    for label, line in ((label, line) for label, lines in function.blocks.items() for line in lines):
        load, store = _LOAD.match(line), _STORE.match(line)
        if load and kinds.get(load[3]) == load[2] and (label != function.entry or load[3] in stored):
            loads[load[3]].append(load[1])
        elif store and label == function.entry and kinds.get(store[3]) == store[1] and store[3] not in stored:
            stored[store[3]] = store[2]
            uses[store[2]] += 1  # a variable whose address is stored is anyone's
        else:
            uses.update(_ANY.findall(line))
    gone = {name for name in stored if uses[name] == 1}  # by its alloca
    same = {load: value for name, value in stored.items() if name in gone for load in loads[name]}
    left = {name: tuple(line for line in lines if not _of(line, gone)) for name, lines in function.blocks.items()}
    return left, same


def _of(line: str, gone: set[str]) -> bool:
    """Whether the line makes, stores or loads one of the variables."""
    for pattern, place in ((_LOAD, 3), (_STORE, 3), (_ALLOCA, 1)):
        match = pattern.match(line)
        if match:
            return match[place] in gone
    return False
