"""Turns the long lists of copies that hls4ml generates for convolutions into tables, so that they compile in time.

For `io_parallel` hls4ml unrolls the gathering of every convolution window into one assignment per value: megabytes
of C++ that take a compiler minutes. The same copies, read from the same text, are here driven by a table. Anything
that does not look exactly as hls4ml writes it is left as it is.
"""

import re

_BODY = re.compile(
    r"class\s+(?P<name>fill_buffer_\w+)(?P<head>.*?static\s+void\s+fill_buffer\s*\([^)]*\)\s*\{\n)"
    r"(?P<body>.*?)(?P<tail>\n    \}\n\};)",
    re.DOTALL,
)
_CASE = re.compile(r"\s*if\s*\(\s*partition\s*==\s*(\d+)\s*\)\s*\{([^{}]*)\}")
_COPY = re.compile(r"\s*buffer\[(\d+)\]\[(\d+)\]\s*=\s*(?:data\[\s*(\d+)\s*\]|0)\s*;")


def tabulate_buffers(text: str) -> str:
    """The text of `nnet_code_gen.h` with every generated window copy replaced by a loop over a table."""
    return _BODY.sub(_tabulated, text)


def _tabulated(found: re.Match[str]) -> str:
    cases = _cases(found["body"])
    if cases is None:
        return found[0]
    starts = [0]
    rows: list[str] = []
    for copies in cases:
        rows.extend(f"{{{pixel},{place},{source}}}" for pixel, place, source in copies)
        starts.append(len(rows))
    body = (
        f"        static const unsigned starts[] = {{{','.join(map(str, starts))}}};\n"
        f"        static const int copies[][3] = {{{','.join(rows)}}};\n"
        f"        if (partition >= {len(cases)}) return;\n"
        "        for (unsigned i = starts[partition]; i < starts[partition + 1]; i++) {\n"
        "            if (copies[i][2] < 0) buffer[copies[i][0]][copies[i][1]] = 0;\n"
        "            else buffer[copies[i][0]][copies[i][1]] = data[copies[i][2]];\n"
        "        }"
    )
    return f"class {found['name']}{found['head']}{body}{found['tail']}"


def _cases(body: str) -> list[list[tuple[int, int, int]]] | None:
    """Copies (pixel, place, source) of each partition, source −1 for a zero; None when the text is anything else."""
    cases: list[list[tuple[int, int, int]]] = []
    position = 0
    while found := _CASE.match(body, position):
        if int(found[1]) != len(cases):
            return None
        copies = _copies(found[2])
        if not copies:
            return None
        cases.append(copies)
        position = found.end()
    return cases if cases and not body[position:].strip() else None


def _copies(text: str) -> list[tuple[int, int, int]]:
    copies: list[tuple[int, int, int]] = []
    position = 0
    while found := _COPY.match(text, position):
        copies.append((int(found[1]), int(found[2]), -1 if found[3] is None else int(found[3])))
        position = found.end()
    return [] if text[position:].strip() else copies
