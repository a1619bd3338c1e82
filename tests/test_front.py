"""The front end of open synthesis: values with intervals, LLVM's instructions, whole layers, and the C++ types."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgaprune.clang import find_clang
from fpgaprune.csim import build_simulation, find_compiler
from fpgaprune.errors import ToolError, UnsupportedError
from fpgaprune.read.project import read_project
from fpgaprune.synth.open.evaluate import evaluate
from fpgaprune.synth.open.front import front_end
from fpgaprune.synth.open.front.instructions import compile_function
from fpgaprune.synth.open.front.interpret import Machine
from fpgaprune.synth.open.front.intervals import Number, Value
from fpgaprune.synth.open.front.module import Module
from fpgaprune.synth.open.front.values import Builder
from fpgaprune.synth.open.front.words import Pointer
from fpgaprune.synth.open.netlist import Netlist, Op, Port, multipliers
from fpgaprune.templates import template_folder
from tests import csim_project
from tests.fixed_types import program

WIDTH = 16


def followed(body: str, inputs: int, outputs: int = 1, extra: str = "") -> Netlist:
    """The netlist of a function @f(ptr %in, ptr %out) on i16 arrays, from its text."""
    builder = Builder()
    machine = Machine(
        Module(f"{extra}\ndefine void @f(ptr %in, ptr %out) {{\n{body}\n  ret void\n}}\n"), builder, compile_function
    )
    source, target = machine.memory.block("in"), machine.memory.block("out")
    for number in range(inputs):
        source.cells[2 * number] = (2, builder.input(number, WIDTH, signed=True))
    machine.call("f", (Pointer(source, 0), Pointer(target, 0)))
    roots: list[Number] = []
    for number in range(outputs):
        value = machine.memory.read(Pointer(target, 2 * number), 2, WIDTH)
        assert isinstance(value, (int, Value))
        roots.append(builder.cast(value, WIDTH, signed=True))
    ports = (Port("in", WIDTH, True, inputs),), (Port("out", WIDTH, True, outputs),)
    return builder.netlist("f", *ports, roots)


def wrapped(value: int, width: int = WIDTH) -> int:
    return ((value + (1 << (width - 1))) % (1 << width)) - (1 << (width - 1))


LOADS = "  %a = load i16, ptr %in\n  %p = getelementptr i16, ptr %in, i64 1\n  %b = load i16, ptr %p\n"
OPERATIONS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
}
NUMBERS = st.integers(-(2**15), 2**15 - 1)


@st.composite
def chains(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Operations, each on two of the values so far (0 and 1 are the inputs, 2 and 3 constants)."""
    steps = []
    for number in range(draw(st.integers(1, 8))):
        operands = st.integers(0, 3 + number)
        steps.append(
            (draw(st.sampled_from([*OPERATIONS, "smax", "shl", "ashr", "lshr"])), draw(operands), draw(operands))
        )
    return steps


@settings(max_examples=60, deadline=None)
@given(chains(), NUMBERS, NUMBERS, st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20))
def test_chains_of_operations_equal_integers_of_their_width(
    steps: list[tuple[str, int, int]], c: int, d: int, data: list[tuple[int, int]]
) -> None:
    names, lines = ["%a", "%b", str(c), str(d)], [LOADS]
    for number, (op, one, other) in enumerate(steps):
        name = f"%v{number}"
        if op in {"shl", "ashr", "lshr"}:
            lines.append(f"  {name} = {op} i16 {names[one]}, {other}\n")
        elif op == "smax":
            lines.append(f"  %c{number} = icmp sgt i16 {names[one]}, {names[other]}\n")
            lines.append(f"  {name} = select i1 %c{number}, i16 {names[one]}, i16 {names[other]}\n")
        else:
            lines.append(f"  {name} = {op} i16 {names[one]}, {names[other]}\n")
        names.append(name)
    netlist = followed("".join([*lines, f"  store i16 {names[-1]}, ptr %out"]), 2)
    expected = []
    for a, b in data:
        values = [a, b, c, d]
        for op, one, other in steps:
            x, y = values[one], values[other]
            if op == "shl":
                value = x << other
            elif op == "ashr":
                value = x >> other
            elif op == "lshr":
                value = (x % 2**WIDTH) >> other
            else:
                value = max(x, y) if op == "smax" else OPERATIONS[op](x, y)
            values.append(wrapped(value))
        expected.append(values[-1])
    np.testing.assert_array_equal(evaluate(netlist, np.array(data))[:, 0], expected)


def test_both_ways_of_a_branch_on_data_are_followed_and_chosen_from() -> None:
    body = LOADS + (
        "  %m = alloca i16\n  %t = icmp slt i16 %a, %b\n  br i1 %t, label %less, label %more\n"
        "less:\n  store i16 %a, ptr %m\n  br label %end\n"
        "more:\n  store i16 %b, ptr %m\n  br label %end\n"
        "end:\n  %r = load i16, ptr %m\n  store i16 %r, ptr %out"
    )
    data = np.array([[3, 5], [5, 3], [-7, -7], [-32768, 32767]])
    np.testing.assert_array_equal(evaluate(followed(body, 2), data)[:, 0], data.min(axis=1))


def test_loops_run_and_tables_become_memories() -> None:
    body = (
        "  br label %head\nhead:\n  %i = phi i32 [ 0, %0 ], [ %n, %loop ]\n  %c = icmp slt i32 %i, 3\n"
        "  br i1 %c, label %loop, label %end\nloop:\n  %p = getelementptr i16, ptr %in, i32 %i\n"
        "  %a = load i16, ptr %p\n  %k = and i16 %a, 3\n  %z = zext i16 %k to i64\n"
        "  %q = getelementptr [4 x i16], ptr @t, i64 0, i64 %z\n  %v = load i16, ptr %q\n"
        "  %o = getelementptr i16, ptr %out, i32 %i\n  store i16 %v, ptr %o\n"
        "  %n = add nsw i32 %i, 1\n  br label %head\nend:"
    )
    table = "@t = constant [4 x i16] [i16 7, i16 -2, i16 0, i16 300]"
    netlist = followed(body, 3, 3, table)
    data = np.array([[0, 1, 2], [3, 4, 5], [-1, -2, -3]])
    np.testing.assert_array_equal(evaluate(netlist, data), np.array([7, -2, 0, 300])[data & 3])
    assert netlist.tables == ((7, -2, 0, 300),)


def test_what_is_written_in_one_piece_is_copied_in_parts() -> None:
    body = (
        "  %m = alloca i32\n  %w = load i32, ptr %in\n  store i32 %w, ptr %m\n"
        "  %h = getelementptr i8, ptr %m, i64 2\n  call void @llvm.memcpy.p0.p0.i64(ptr %out, ptr %h, i64 2, i1 false)"
    )
    data = np.array([[1, 2], [-3, -4], [300, -32768]])
    np.testing.assert_array_equal(evaluate(followed(body, 2), data)[:, 0], data[:, 1])


def test_a_value_may_be_cleared_in_pieces_on_one_way_and_copied_whole_on_the_other() -> None:
    body = LOADS + (
        "  %m = alloca i16\n  %t = icmp sgt i16 %a, 0\n  br i1 %t, label %keep, label %clear\n"
        "keep:\n  store i16 %a, ptr %m\n  br label %end\n"
        "clear:\n  call void @llvm.memset.p0.i64(ptr %m, i8 0, i64 2, i1 false)\n  br label %end\n"
        "end:\n  %r = load i16, ptr %m\n  store i16 %r, ptr %out"
    )
    data = np.array([[3, 5], [-5, 3], [0, -7], [32767, 0]])
    np.testing.assert_array_equal(evaluate(followed(body, 2), data)[:, 0], np.maximum(data[:, 0], 0))


@pytest.mark.parametrize(
    "line",
    [
        "%x = fadd double 1.0, %d",
        "call void @somewhere()",
        "%x = shl i16 %a, %b",
        "%x = sdiv i16 %a, %b",
        "fence seq_cst",
    ],
)
def test_what_is_not_understood_is_an_error_with_its_text(line: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        followed(f"{LOADS}  %d = sitofp i16 %a to double\n  {line}\n  store i16 0, ptr %out", 2)
    told = str(caught.value)
    assert "fraction" in told or "somewhere" in told or line in told


def test_equal_products_are_one_and_shifts_are_pulled_out() -> None:
    builder = Builder()
    x = builder.input(0, 8, signed=True)
    assert builder.multiply(x, 11) is builder.multiply(11, x)
    doubled = builder.multiply(builder.shift_left(x, 3), 11)
    assert isinstance(doubled, Value)
    assert (doubled.op, doubled.arguments) == (Op.SHL, (builder.multiply(x, 11),))


def test_a_sum_that_its_constants_keep_below_zero_is_still_computed() -> None:
    builder = Builder()
    x = builder.input(0, 4, signed=False)
    total = builder.add(builder.multiply(x, -11), -1)
    positive = builder.compare(Op.GT, total, 0)
    assert isinstance(positive, Value)
    assert isinstance(builder.select(positive, total, 0), Value)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = csim_project.write_project(tmp_path_factory.mktemp("two") / "two")
    (folder / "project.tcl").write_text(
        'variable project_name\nset project_name "two"\nvariable backend\nset backend "vivado"\n'
    )
    parameters = folder / "firmware" / "parameters.h"
    head, mark, rest = parameters.read_text().partition("template <unsigned IN> struct dense_of")
    body, end, tail = rest.partition("};\n")
    plain = [f"struct dense_of_{n}{(body + end).replace('IN', str(n))}" for n in (2, 3)]
    parameters.write_text(head + "".join(plain) + tail)
    top = folder / "firmware" / "two.cpp"
    top.write_text(top.read_text().replace("dense_of<3>", "dense_of_3").replace("dense_of<2>", "dense_of_2"))
    assert mark
    return folder


def test_a_small_project_becomes_netlists_that_equal_its_simulation(two: Path, tmp_path: Path) -> None:
    design = read_project(two)
    network = front_end(two, design, tmp_path)
    assert not network.refused
    assert [netlist.name for netlist in network.netlists] == ["first", "fb", "act", "sum"]
    assert network.results == ("relu_out", "add_out")
    inputs, _ = csim_project.example(1000)
    arrays = {port.name: array for port, array in zip(build_simulation(two).inputs, inputs, strict=True)}
    values = {name: np.rint(array * 1024).astype(np.int64) for name, array in arrays.items()}
    for netlist in network.netlists:
        data = np.concatenate([values[port.name] for port in netlist.inputs], axis=1)
        values[netlist.output_ports[0].name] = evaluate(netlist, data)
    for port, expected in zip(network.results, build_simulation(two).run(inputs), strict=True):
        np.testing.assert_array_equal(values[port] / 1024, expected)


def test_products_of_the_weights_are_all_there(two: Path, tmp_path: Path) -> None:
    network = front_end(two, read_project(two), tmp_path)
    found = {netlist.name: {m.code for m in multipliers(netlist, min_digits=2)} for netlist in network.netlists}
    assert found["first"] == {1536, 768}  # 1.5 and 0.75; the others are powers of two
    assert found["fb"] == {-2560}


def test_without_clang_the_error_says_what_would_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolError, match=r"clang 18 or newer.*fpgaprune\[synth\]"):
        find_clang()


def test_broken_firmware_is_an_error_of_the_compiler(two: Path, tmp_path: Path) -> None:
    copied = tmp_path / "two"
    shutil.copytree(two, copied)
    design = read_project(copied)
    header = copied / "firmware" / "defines.h"
    header.write_text(header.read_text() + "\n#error edited by hand\n")
    with pytest.raises(ToolError, match="edited by hand"):
        front_end(copied, design, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3])
def test_the_types_equal_the_headers_of_amd(tmp_path: Path, seed: int) -> None:
    project = csim_project.write_project(tmp_path / "two")
    (tmp_path / "types.cpp").write_text(program(seed, 3))
    ours, theirs = template_folder() / "open", project / "firmware" / "ap_types"
    simulation = find_compiler()
    printed = []
    flags = ["-std=c++17", "-w", "-O0"]
    for name, command, place in (("ours", find_clang(), ours), ("theirs", simulation.command, theirs)):
        subprocess.run([*command, *flags, f"-I{place}", "types.cpp", "-o", name], cwd=tmp_path, check=True, timeout=600)
        result = subprocess.run([str(tmp_path / name)], capture_output=True, text=True, check=True, timeout=60)
        printed.append(result.stdout.splitlines())
    cases = [line.strip() for line in (tmp_path / "types.cpp").read_text().splitlines() if line.startswith("    of_")]
    different = [case for case, a, b in zip(cases, *printed, strict=True) if a != b]
    assert not different
