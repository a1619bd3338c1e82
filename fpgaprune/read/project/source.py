"""The C++ that hls4ml writes, taken apart: types, configuration structures, and the calls of the top function.

No C++ parser: just what the generated files hold, in the dialects of all versions of hls4ml. Everything unknown is
left as text for the caller to refuse or carry.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from fpgaprune.errors import ProjectError

_BLOCK_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_LINE_COMMENT = re.compile(r"//[^\n]*")
_DIRECTIVE = re.compile(r"^\s*#\s*(\w+)\s*(.*?)\s*$")
_CONSTANT = re.compile(
    r"static\s+(?:const|constexpr)\s+(?:static\s+)?(?:unsigned\s+int|[\w:]+)\s+(?P<name>\w+)\s*=\s*(?P<value>[^;]+);"
)
_TYPEDEF = re.compile(r"typedef\s+(?P<type>[^;{}]+?)\s*\b(?P<name>\w+)\s*;")
_STRUCT_TYPE = re.compile(r"typedef\s+struct\s*\w*\s*\{(?P<body>[^{}]*)\}\s*(?P<name>\w+)\s*;")
_FIELD = re.compile(r"(?P<type>[\w:<>, ]+?)\s+(?P<name>\w+)\s*;")
_USING = re.compile(r"using\s+(?P<name>\w+)\s*=\s*(?P<target>[\w:]+)")
_STRUCT = re.compile(r"\bstruct\s+(?P<name>\w+)\s*(?::\s*(?:public\s+)?(?P<base>[\w:]+)\s*)?\{")
_OUTSIDE = re.compile(r"\bconst\s+(?P<type>[\w:<>, ]+?)\s(?P<struct>\w+)::(?P<name>\w+)\s*=\s*(?P<value>[^;{]+);")
_ARRAY = re.compile(r"\b(?:unsigned|int)\s+(?P<name>\w+)\s*\[[^\]]*\]\s*=\s*\{(?P<values>[^}]*)\}")
_VARIABLE = re.compile(r"(?P<type>(?:\w+::)?\w+(?:\s*<[\w:<>, ]*>)?)\s+(?P<name>\w+)\s*(?P<sizes>(?:\[[^\]]*\]\s*)+);")
_STREAM = re.compile(r"hls::stream\s*<\s*(?P<type>[\w:<>, ]+?)\s*>\s*&?\s*(?P<name>\w+)")
_ALIAS = re.compile(r"auto\s*&\s*(?P<name>\w+)\s*=\s*(?P<target>\w+)\s*;")
_CALL = re.compile(r"\b(?P<space>\w+)::(?P<function>\w+)\s*(?P<open>[<(])")
_TRAILING = re.compile(r"\s*;[ \t]*(?:\n?[ \t]*\}[ \t]*)?(?://[ \t]*(?P<name>[^\s/]\S*)[ \t]*$)?", re.MULTILINE)
_DATAFLOW = re.compile(r"^\s*#\s*pragma\s+HLS\s+DATAFLOW\b", re.MULTILINE | re.IGNORECASE)
_FOREIGN_SPACES = frozenset({"hls", "std"})
_HELPERS = re.compile(r"load_.*_from_txt|save_layer_output|copy_data|convert_data|fill_zero|print_result")


@dataclass(frozen=True)
class Struct:
    """One `struct configN`: constants as text, types by name, functions chosen by `using`."""

    name: str
    base: str | None
    constants: Mapping[str, str]
    types: Mapping[str, str]
    functions: Mapping[str, str]


@dataclass(frozen=True)
class Call:
    """One layer in the top function: `function<template>(arguments); // label`."""

    function: str
    template: tuple[str, ...]
    arguments: tuple[str, ...]
    label: str | None
    space: str = "nnet"


@dataclass(frozen=True)
class Variable:
    """A tensor: an array with the text of its sizes, or a stream of a packed type."""

    name: str
    type: str
    sizes: tuple[str, ...]  # empty for a stream
    is_stream: bool


@dataclass
class Headers:
    """What the headers of one project define."""

    macros: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    struct_types: dict[str, dict[str, str]] = field(default_factory=dict)  # name -> field -> type
    structs: dict[str, Struct] = field(default_factory=dict)
    arrays: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class TopFunction:
    """Arguments, local variables, aliases and calls of the function that is synthesized."""

    name: str
    arguments: tuple[Variable, ...]
    variables: Mapping[str, Variable]
    aliases: Mapping[str, str]
    calls: tuple[Call, ...]
    dataflow: bool = False  # whether its calls run as tasks, not as one pipeline in which every loop is unrolled


def preprocess(text: str, macros: dict[str, str]) -> str:
    """The text as synthesis sees it: without block comments and untaken branches; `macros` collects the definitions."""
    kept: list[str] = []
    taken: list[bool] = []
    for line in _BLOCK_COMMENT.sub(" ", text).replace("\\\n", " ").splitlines():
        directive = _DIRECTIVE.match(line)
        if directive is None:
            if all(taken):
                kept.append(line)
            continue
        name, rest = directive.group(1), _LINE_COMMENT.sub("", directive.group(2)).strip()
        if name in ("ifdef", "ifndef", "if"):
            defined = rest in macros or rest == "__SYNTHESIS__"
            taken.append(name == "if" or defined == (name == "ifdef"))
        elif name in ("else", "elif") and taken:
            taken[-1] = not taken[-1]
        elif name == "endif" and taken:
            taken.pop()
        elif name == "define" and all(taken):
            parts = rest.split(None, 1)
            if parts and "(" not in parts[0]:
                macros[parts[0]] = parts[1] if len(parts) > 1 else ""
    return "\n".join(kept)


def read_headers(texts: Iterator[str]) -> Headers:
    """The definitions in the headers, in the order given; a later one of the same name wins."""
    headers = Headers()
    for raw in texts:
        text = _LINE_COMMENT.sub("", preprocess(raw, headers.macros))
        for match in _STRUCT_TYPE.finditer(text):
            headers.struct_types[match["name"]] = {m["name"]: m["type"].strip() for m in _FIELD.finditer(match["body"])}
        outside = _without_structs(text, headers)
        for match in _TYPEDEF.finditer(outside):
            headers.types[match["name"]] = match["type"].strip()
        for match in _OUTSIDE.finditer(outside):
            struct = headers.structs.get(match["struct"])
            if struct is not None:
                constants = {**struct.constants, match["name"]: match["value"].strip()}
                types = {**struct.types, match["name"]: match["type"].strip()}
                headers.structs[struct.name] = replace(struct, constants=constants, types=types)
        for match in _ARRAY.finditer(outside):
            headers.arrays[match["name"]] = tuple(value.strip() for value in match["values"].split(","))
    return headers


def _without_structs(text: str, headers: Headers) -> str:
    outside: list[str] = []
    position = 0
    for match in _STRUCT.finditer(text):
        if match.start() < position or text[: match.start()].rstrip().endswith("typedef"):
            continue
        end = _closing(text, match.end() - 1)
        body = text[match.end() : end]
        headers.structs[match["name"]] = Struct(
            match["name"],
            match["base"].rsplit("::", 1)[-1] if match["base"] else None,
            {m["name"]: m["value"].strip() for m in _CONSTANT.finditer(body)},
            {m["name"]: m["type"].strip() for m in _TYPEDEF.finditer(body)},
            {m["name"]: m["target"].rsplit("::", 1)[-1] for m in _USING.finditer(body)},
        )
        outside.append(text[position : match.start()])
        position = end + 1
    outside.append(text[position:])
    return "".join(outside)


def read_top(text: str, name: str, macros: dict[str, str]) -> TopFunction | None:
    """The function `name` in a source file; None when the file does not define it."""
    source = preprocess(text, macros)
    start = re.search(rf"\bvoid\s+{re.escape(name)}\s*\(", source)
    if start is None:
        return None
    close = _closing(source, start.end() - 1)
    opening = source.find("{", close)
    if opening < 0 or source[close + 1 : opening].strip():
        return None
    body = source[opening + 1 : _closing(source, opening)]
    declarations = _LINE_COMMENT.sub("", body)
    arguments = tuple(_variables(_LINE_COMMENT.sub("", source[start.end() : close]).replace(",", ";") + ";"))
    return TopFunction(
        name=name,
        arguments=arguments,
        variables={variable.name: variable for variable in (*arguments, *_variables(declarations))},
        aliases={match["name"]: match["target"] for match in _ALIAS.finditer(declarations)},
        calls=tuple(_calls(body)),
        dataflow=_DATAFLOW.search(text) is not None,
    )


def _variables(text: str) -> Iterator[Variable]:
    for match in _STREAM.finditer(text):
        yield Variable(match["name"], match["type"], (), is_stream=True)
    for match in _VARIABLE.finditer(text):
        sizes = tuple(size.strip() for size in re.findall(r"\[([^\]]*)\]", match["sizes"]))
        yield Variable(match["name"], match["type"].strip(), sizes, is_stream=False)


def _calls(body: str) -> Iterator[Call]:
    position = 0
    for match in _CALL.finditer(body):
        line_start = body.rfind("\n", 0, match.start()) + 1
        if match.start() < position or "//" in body[line_start : match.start()]:
            continue
        if match["space"] in _FOREIGN_SPACES or match["space"].endswith("_t"):
            continue
        opening = match.end() - 1
        template: tuple[str, ...] = ()
        if match["open"] == "<":
            close = _closing(body, opening)
            template = split_arguments(body[opening + 1 : close])
            opening = close + 1
            while body[opening : opening + 1].isspace():
                opening += 1
            if body[opening : opening + 1] != "(":
                continue
        close = _closing(body, opening)
        trailing = _TRAILING.match(body, close + 1)
        if trailing is None:
            continue
        position = trailing.end()
        if _HELPERS.fullmatch(match["function"]):
            continue
        yield Call(
            match["function"], template, split_arguments(body[opening + 1 : close]), trailing["name"], match["space"]
        )


def split_arguments(text: str) -> tuple[str, ...]:
    """The parts of a comma-separated list, commas within brackets apart."""
    parts, depth, start = [], 0, 0
    for index, character in enumerate(text):
        if character in "(<{[":
            depth += 1
        elif character in ")>}]":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    last = text[start:].strip()
    return tuple([*parts, last] if last else parts)


_PAIRS = {"(": ")", "{": "}", "<": ">", "[": "]"}


def _closing(text: str, opening: int) -> int:
    """Position of the bracket that closes the one at `opening`."""
    left = text[opening]
    right = _PAIRS[left]
    depth = 0
    for match in re.compile(f"[{re.escape(left + right)}]").finditer(text, opening):
        depth += 1 if match.group() == left else -1
        if depth == 0:
            return match.start()
    line = text[max(0, opening - 60) : opening].strip().rsplit("\n", 1)[-1]
    message = f"the text of the project ends before {line!r} is closed by {right!r}: a file is truncated"
    raise ProjectError(message)
