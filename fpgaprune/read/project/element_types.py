"""Quantizers that give every element a type of its own: functions which hls4ml generates into the project.

`firmware/nnet_utils/nnet_code_gen.h` holds one per layer, a cast per element (`out[3] = ap_fixed<11,4,...>(inp[3]);`)
or a zero (`out[3] = 0;`).
"""

import re
from typing import Final

from fpgaprune.read.project.folder import ProjectFolder

GENERATED: Final = "firmware/nnet_utils/nnet_code_gen.h"
_BODY: Final = r"\bvoid\s+{}\s*\(\s*input_t\s*\*\s*\w+\s*,\s*output_t\s*\*\s*\w+\s*\)\s*\{{([^{{}}]*)\}}"
_ELEMENT: Final = re.compile(r"^\w+\[(\d{1,7})\]=(?:ap_u?fixed<(\d{1,4}),(-?\d{1,4})[^<>]*>\(\w+\[(\d{1,7})\]\)|0)$")


def element_types(folder: ProjectFolder, function: str, size: int) -> tuple[list[int], list[int]] | None:
    """Bits and integer bits of every element that `function` writes, zeros where it writes none.

    None where the project does not hold the function, or it does something else than to cast `size` elements in order.
    """
    if not folder.has(GENERATED):
        return None
    found = re.search(_BODY.format(re.escape(function)), folder.text(GENERATED))
    if found is None:
        return None
    widths, integers = [0] * size, [0] * size
    seen = 0
    for statement in _statements(found[1]):
        element = _ELEMENT.fullmatch(statement)
        if element is None or int(element[1]) != seen or seen >= size or element[4] not in {None, element[1]}:
            return None
        if element[2] is not None:
            widths[seen], integers[seen] = int(element[2]), int(element[3])
        seen += 1
    return (widths, integers) if seen == size else None


def _statements(body: str) -> list[str]:
    lines = (line for line in body.splitlines() if not line.lstrip().startswith(("#", "//")))
    return [joined for part in "".join(lines).split(";") if (joined := "".join(part.split()))]
