"""Our own kernels as written: the products in `firmware/kernels/sparse_N.h`, counted in the text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpgaprune.errors import ProjectError
from fpgaprune.estimate.kernels import KernelForm, KernelPlan, KernelProduct
from fpgaprune.read.project.folder import ProjectFolder

_NAME = re.compile(r"sparse_\w+")
_TIMES = re.compile(r"times<accum_t, -?\d+, \d+>\(x\[(?P<input>\d+)\], (?P<code>-?\d+)\)")
_STILL = re.compile(r"times<accum_t, -?\d+, \d+>\(still<data_T>\((?P<input>\d+), (?P<still>-?\d+)\), (?P<code>-?\d+)\)")
_POWER = re.compile(r"(?P<sign>-?)=?\s*power<(?P<exponent>-?\d+)>\(x\[(?P<input>\d+)\]\)")
_LANE = re.compile(r"static void multiplier_\d+\(")
_CASE = re.compile(r"case \d+: a = x\[(?P<input>\d+)\]; w = (?P<code>-?\d+);(?P<rest>.*)")
_OUTPUTS = re.compile(r"add\(acc\[(\d+)\]")
_MARKS = re.compile(r"to_(\d+) = true")
_COMMENT = re.compile(r"// to ([\d, ]+)$")
_TABLE = re.compile(r"static const ap_int<\d+> w\[slots\] = \{(?P<codes>[-\d, ]+)\};")
_INTO = re.compile(r"add\(sum\[(?P<output>\d+)\], times<accum_t, -?\d+>\(a\[(?P<run>\d+)\], w\[time\]\)\);")
_SIZE = re.compile(r"static const unsigned (?P<name>n_in|n_out) = (?P<value>\d+);")


def is_kernel(name: str | None) -> bool:
    """Whether the class named as a layer's kernel is one of ours."""
    return name is not None and _NAME.fullmatch(name) is not None


def read_kernel(folder: ProjectFolder, name: str, fraction: int, reuse_factor: int) -> KernelPlan:
    """The products in the header of the kernel `name`, whose codes stand for `code * 2**-fraction`."""
    file = f"firmware/kernels/{name}.h"
    text = folder.text(file)
    sizes = {match["name"]: int(match["value"]) for match in _SIZE.finditer(text)}
    if set(sizes) != {"n_in", "n_out"}:
        message = f"{folder.root / file} does not say its numbers of inputs and outputs: not a kernel fpgaprune wrote"
        raise ProjectError(message)
    found = _Found([], [])
    for line in text.splitlines():
        found.take(line.strip(), fraction)
    lanes = tuple(tuple(lane) for lane in found.lanes if lane)
    form = KernelForm.LANES if found.in_lanes else KernelForm.SLOTS
    return KernelPlan(sizes["n_in"], sizes["n_out"], reuse_factor, tuple(found.free), lanes, form=form)


def kernel_codes(plan: KernelPlan) -> NDArray[np.int64]:
    """The matrix (inputs, outputs) that the products of a kernel add up to."""
    codes = np.zeros((plan.n_in, plan.n_out), dtype=np.int64)
    for product in plan.products():
        for output in product.outputs:
            if product.input < plan.n_in and output < plan.n_out:
                codes[product.input, output] += product.code
    return codes


@dataclass
class _Found:
    """What the lines so far held."""

    free: list[KernelProduct]
    lanes: list[list[KernelProduct]]
    table: tuple[int, ...] = ()  # weights of the lane whose lines are read
    in_lanes: bool = False

    def take(self, line: str, fraction: int) -> None:
        if _LANE.match(line):
            self.lanes.append([])
        elif (table := _TABLE.match(line)) is not None:
            self.table, self.in_lanes = tuple(int(code) for code in table["codes"].split(",")), True
        elif (into := _INTO.match(line)) is not None and self.lanes:
            start, output = int(into["run"]) * len(self.table), int(into["output"])
            products = (KernelProduct(start + at, code, (output,)) for at, code in enumerate(self.table) if code)
            self.lanes[-1].extend(products)
        elif (case := _CASE.match(line)) is not None:
            outputs = tuple(_case_outputs(case["rest"]))
            if not self.lanes:
                self.lanes.append([])
            self.lanes[-1].append(KernelProduct(int(case["input"]), int(case["code"]), outputs))
        elif (times := _TIMES.search(line)) is not None:
            outputs = tuple(int(output) for output in _OUTPUTS.findall(line))
            self.lanes.append([KernelProduct(int(times["input"]), int(times["code"]), outputs)])
        elif (held := _STILL.search(line)) is not None:
            outputs = tuple(int(output) for output in _OUTPUTS.findall(line))
            self.free.append(KernelProduct(int(held["input"]), int(held["code"]), outputs, int(held["still"])))
        elif "power<" in line and "x[" in line:
            self._shifted(line, fraction)

    def _shifted(self, line: str, fraction: int) -> None:
        terms = [(m["sign"], int(m["exponent"]), int(m["input"])) for m in _POWER.finditer(line)]
        if not terms:
            return
        code = 0
        for sign, exponent, _ in terms:
            step = 1 << (exponent + fraction) if exponent + fraction >= 0 else 0
            code += -step if sign else step
        outputs = tuple(int(output) for output in _OUTPUTS.findall(line))
        self.free.append(KernelProduct(terms[0][2], code, outputs))


def _case_outputs(rest: str) -> Iterator[int]:
    comment = _COMMENT.search(rest)
    if comment is not None:
        yield from (int(number) for number in comment[1].split(","))
    else:
        yield from (int(number) for number in _MARKS.findall(rest))
