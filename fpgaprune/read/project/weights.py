"""The arrays of a project: numbers as text in `weights/*.h`, or in the `*.txt` that C simulation loads."""

import re
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from fpgaprune.errors import ProjectError
from fpgaprune.read.project.folder import ProjectFolder

_NUMBER_BYTES = b"0123456789+-.eE, \t\r\n"
_DEFINITION = re.compile(rb"^[ \t]*[\w:<>, ]+?\s(?P<name>\w+)\s*(?:\[[^\]]*\]\s*)+=\s*\{", re.MULTILINE)
_DECLARED = re.compile(
    rb"^[ \t]*(?P<type>[\w:<>, ]*[\w>])\s+(?P<name>\w+)\s*(?P<sizes>(?:\[\s*\d+\s*\]\s*)+)[;=]", re.MULTILINE
)
_QUALIFIERS = re.compile(r"\b(?:static|const|extern)\b")
_HEAD = 1 << 16  # a declaration stands within the first bytes, before the values


@dataclass(frozen=True)
class RawArray:
    """The numbers of one array as written: `fields` per element (1, or 2 and 3 for structures)."""

    name: str
    file: str
    numbers: NDArray[np.float64]  # (elements, fields)
    declared: int | None  # length in the declaration
    type: str | None  # its C++ type; None when only the text file is there


def read_array(folder: ProjectFolder, name: str) -> RawArray:
    """The array called `name`; raises ProjectError when its file is missing, truncated, or holds no finite numbers."""
    header = f"firmware/weights/{name}.h"
    plain = f"firmware/weights/{name}.txt"
    declared, declared_type = None, None
    if folder.has(header):
        content = folder.data(header)
        found = next((m for m in _DECLARED.finditer(content, 0, _HEAD) if m["name"] == name.encode()), None)
        if found is not None:
            declared = prod(int(size) for size in re.findall(rb"\d+", found["sizes"]))
            declared_type = _QUALIFIERS.sub("", found["type"].decode("latin-1")).strip()
        body = _initializer(content, name, header)
        if body is not None:
            return RawArray(name, header, _numbers(body, header), declared, declared_type)
    if folder.has(plain):
        return RawArray(name, plain, _numbers(folder.data(plain), plain), declared, declared_type)
    if not folder.has(header):
        message = f"the project {folder.root} lacks the weights {header}"
        raise ProjectError(message)
    message = f"{folder.root / header} declares {name!r} without its values, and there is no {name}.txt beside it"
    raise ProjectError(message)


def disagreeing_text_files(folder: ProjectFolder) -> tuple[str, ...]:
    """Names of arrays whose `.txt`, which C simulation loads, holds other numbers than the `.h` that is synthesized."""
    found = []
    for plain in folder.listing("firmware/weights", ".txt"):
        name = plain.rsplit("/", 1)[1].removesuffix(".txt")
        header = f"firmware/weights/{name}.h"
        body = _initializer(folder.data(header), name, header) if folder.has(header) else None
        if body is None or body.strip() == folder.data(plain).strip():
            continue
        if not np.array_equal(_numbers(body, header), _numbers(folder.data(plain), plain)):
            found.append(name)
    return tuple(found)


def _initializer(content: bytes, name: str, file: str) -> bytes | None:
    for match in _DEFINITION.finditer(content, 0, _HEAD):
        if match["name"] == name.encode():
            end = content.find(b";", match.end())
            stop = content.rfind(b"}", match.end(), end if end >= 0 else len(content))
            if end < 0 or stop < 0:
                message = f"{file} ends within the values of {name!r}: the file is truncated"
                raise ProjectError(message)
            return content[match.end() : stop]
    return None


def _numbers(body: bytes, file: str) -> NDArray[np.float64]:
    fields = 1
    if b"{" in body:
        first = body[body.find(b"{") + 1 : body.find(b"}")]
        fields = first.count(b",") + 1
        body = body.replace(b"{", b"").replace(b"}", b"")
    strange = body.translate(None, _NUMBER_BYTES)
    if strange:
        kind = "NaN or infinity" if strange[:1].lower() in (b"n", b"i") else f"{strange[:12].decode('latin-1')!r}"
        message = f"{file} holds {kind} where numbers are expected"
        raise ProjectError(message)
    try:  # float() is exact, and on a million short texts faster than NumPy's own readers
        values = np.array([float(text) for text in body.replace(b",", b" ").split()], dtype=np.float64)
    except ValueError as error:
        message = f"{file} holds something that is not a number: {error}"
        raise ProjectError(message) from error
    if not np.isfinite(values).all():
        message = f"{file} holds a number too large for double precision"
        raise ProjectError(message)
    if values.size % fields:
        message = f"{file} holds {values.size} numbers, which do not make whole elements of {fields}"
        raise ProjectError(message)
    return values.reshape(-1, fields)
