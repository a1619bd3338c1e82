"""Verilog of a time-multiplexed dense layer: constants in a ROM per lane, a counter, accumulators."""

from collections import defaultdict
from collections.abc import Iterator

from fpgaprune.csd import csd_terms
from fpgaprune.errors import UnsupportedError
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding
from fpgaprune.synth.open.lanes import MultiplexedLayer, Slot, constant_bits


def lanes_verilog(layer: MultiplexedLayer, top: str) -> str:
    """The module `top`: inputs `x<i>` held for all cycles, a pulse on `start`, then `done` and outputs `y<j>`.

    Ports have the widths of the layer's types; outputs that nobody reads are left out.
    """
    data, result, count_bits = layer.data, layer.result, max(1, layer.cycles.bit_length())
    ports = ["input clk", "input start", "output done"]
    ports += [f"input {_vector(data)} x{i}" for i in range(layer.inputs)]
    ports += [f"output {_vector(result)} y{j}" for j in layer.outputs]
    lines = [
        f"// {layer.name}: {layer.multipliers} multipliers, {layer.cycles} cycles, {len(layer.shifted)} products by",
        "// shifts and adders. Inputs are to be held until done.",
        f"module {top} (",
        "  " + ",\n  ".join(ports),
        ");",
        f"  reg [{count_bits - 1}:0] count;",
        f"  assign done = !start && count == {count_bits}'d{layer.cycles};",
        "  always @(posedge clk)",
        "    if (start) count <= 0;",
        "    else if (!done) count <= count + 1;",
    ]
    for number, lane in enumerate(layer.lanes):
        lines += _lane(layer, number, lane, count_bits)
    terms = _terms(layer, count_bits)
    bases = _bases(layer, lines)
    for output in layer.outputs:
        lines += _output(layer, output, bases[output], terms[output])
    lines += ["endmodule", ""]
    return "\n".join(lines)


def _vector(kind: FixedPoint) -> str:
    return f"{'signed ' if kind.signed else ''}[{kind.width - 1}:0]"


def _lane(layer: MultiplexedLayer, number: int, lane: tuple[Slot | None, ...], count_bits: int) -> Iterator[str]:
    data = layer.data
    busy = [(cycle, slot) for cycle, slot in enumerate(lane) if slot is not None]
    bits = layer.weight.width if layer.fixed_width else max(constant_bits(slot.code) for _, slot in busy)
    signed = layer.weight.signed or not layer.fixed_width
    width = data.width + bits
    yield f"  reg {_vector(data)} a{number};"
    yield f"  reg {'signed ' if signed else ''}[{bits - 1}:0] w{number};"
    yield "  always @*"
    yield "    case (count)"
    for cycle, slot in busy:
        code = slot.code & ((1 << bits) - 1)
        yield f"      {count_bits}'d{cycle}: begin a{number} = x{slot.source}; w{number} = {bits}'d{code}; end"
    yield f"      default: begin a{number} = {data.width}'bx; w{number} = {bits}'bx; end"
    yield "    endcase"
    yield f"  wire signed [{width - 1}:0] p{number};"
    parameters = f".A_BITS({data.width}), .B_BITS({bits}), .A_SIGNED({int(data.signed)}), .B_SIGNED({int(signed)})"
    yield f"  multiply #({parameters}) m{number} (.a(a{number}), .b(w{number}), .y(p{number}));"
    yield from _cast(layer, f"c{number}", f"p{number}", width, signed=data.signed or signed)


def _cast(layer: MultiplexedLayer, name: str, source: str, width: int, *, signed: bool) -> Iterator[str]:
    """An exact product in the accumulator's type: bits below it are cut off, bits above it wrap."""
    shift = layer.product.fraction - layer.accumulator.fraction
    sum_bits = layer.accumulator.width
    extended = max(width, sum_bits + max(shift, 0)) + 1
    yield f"  wire [{extended - 1}:0] {name}_wide = {_extended(source, width, extended, signed=signed)};"
    moved = f"{name}_wide >> {shift}" if shift >= 0 else f"{name}_wide << {-shift}"
    yield f"  wire [{sum_bits - 1}:0] {name} = {moved};"


def _extended(source: str, width: int, wider: int, *, signed: bool) -> str:
    sign = f"{source}[{width - 1}]" if signed else "1'b0"
    return f"{{{{{wider - width}{{{sign}}}}}, {source}}}"


def _terms(layer: MultiplexedLayer, count_bits: int) -> dict[int, list[str]]:
    """For every output what the lanes add to it, each only in its cycles."""
    when: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, lane in enumerate(layer.lanes):
        for cycle, slot in enumerate(lane):
            for output in slot.outputs if slot is not None else ():
                when[output, number].append(cycle)
    found: dict[int, list[str]] = defaultdict(list)
    zero = f"{layer.accumulator.width}'d0"
    for (output, number), cycles in sorted(when.items()):
        condition = _condition(cycles, layer.cycles, count_bits)
        found[output].append(f"c{number}" if condition is None else f"({condition} ? c{number} : {zero})")
    return found


def _condition(cycles: list[int], total: int, bits: int) -> str | None:
    if len(cycles) == total:
        return None
    first, last = cycles[0], cycles[-1]
    if last - first + 1 == len(cycles):
        parts = [f"count >= {bits}'d{first}"] if first else []
        parts += [f"count <= {bits}'d{last}"] if last < total - 1 else []
        return " && ".join(parts)
    return " || ".join(f"count == {bits}'d{cycle}" for cycle in cycles)


def _bases(layer: MultiplexedLayer, lines: list[str]) -> dict[int, str]:
    """Bias and products by shifts, per output: what the accumulators start from."""
    parts: dict[int, list[str]] = defaultdict(list)
    bits = layer.accumulator.width
    for number, slot in enumerate(layer.shifted):
        width = layer.data.width + constant_bits(slot.code)
        extended = _extended(f"x{slot.source}", layer.data.width, width + 1, signed=layer.data.signed)
        lines.append(f"  wire [{width}:0] e{number} = {extended};")
        shifts = "".join(
            f" {'+' if sign > 0 else '-'} (e{number} << {shift})" for sign, shift in reversed(csd_terms(slot.code))
        )
        lines.append(f"  wire [{width - 1}:0] q{number} = {width}'d0{shifts};")
        lines += _cast(layer, f"s{number}", f"q{number}", width, signed=True)
        for output in slot.outputs:
            parts[output].append(f"s{number}")
    modulus = 1 << bits
    return {output: " + ".join([f"{bits}'d{layer.bias[output] % modulus}", *parts[output]]) for output in layer.outputs}


def _output(layer: MultiplexedLayer, output: int, base: str, terms: list[str]) -> Iterator[str]:
    bits = layer.accumulator.width
    yield f"  wire [{bits - 1}:0] base{output} = {base};"
    if not layer.cycles:
        yield f"  wire [{bits - 1}:0] sum{output} = base{output};"
    else:
        yield f"  reg [{bits - 1}:0] sum{output};"
        yield "  always @(posedge clk)"
        yield f"    if (start) sum{output} <= base{output};"
        if terms:
            yield f"    else if (!done) sum{output} <= sum{output} + {' + '.join(terms)};"
    yield from convert(f"y{output}", f"sum{output}", layer.accumulator, layer.result)


def convert(name: str, source: str, before: FixedPoint, after: FixedPoint) -> Iterator[str]:
    """Assign the port `name` of type `after` the value of `source` of type `before`, by the modes of `after`."""
    shift = before.fraction - after.fraction
    # One bit more than either needs, so that unsigned values, rounding up and shifting never overflow.
    width = max(before.width, shift) + max(0, -shift) + 2
    extended = _extended(source, before.width, width, signed=before.signed)
    yield f"  wire signed [{width - 1}:0] {name}_in = {extended};"
    if shift > 0:
        yield f"  wire signed [{width - 1}:0] {name}_floor = {name}_in >>> {shift};"
        yield f"  wire {name}_up = {_round_up(f'{name}_in', f'{name}_floor', shift, width, after.rounding)};"
        yield f"  wire signed [{width - 1}:0] {name}_round = {name}_floor + $signed({{1'b0, {name}_up}});"
    else:
        yield f"  wire signed [{width - 1}:0] {name}_round = {name}_in <<< {-shift};"
    low, high = after.min_code, after.max_code
    if after.overflow is Overflow.SAT_SYM and after.signed:
        low += 1
    if after.overflow is Overflow.WRAP:
        yield f"  assign {name} = {name}_round;"
        return
    if after.overflow not in {Overflow.SAT, Overflow.SAT_SYM}:
        message = f"the overflow mode of {after}"
        raise UnsupportedError(message)
    bits = max(width, after.width + 2)
    above = f"{name}_round > {bits}'sd{high} ? {bits}'sd{high}"
    below = f"{name}_round < {_signed(low, bits)} ? {_signed(low, bits)}"
    yield f"  assign {name} = {above} : {below} : {name}_round;"


def _signed(value: int, bits: int) -> str:
    return f"-{bits}'sd{-value}" if value < 0 else f"{bits}'sd{value}"


def _round_up(source: str, floor: str, shift: int, width: int, rounding: Rounding) -> str:
    """Whether to add one to the value rounded down, from the bits cut off (UG1399, quantization modes)."""
    half = f"{source}[{shift - 1}]"
    rest = f"|{source}[{shift - 2}:0]" if shift > 1 else "1'b0"
    negative = f"{source}[{width - 1}]"
    match rounding:
        case Rounding.TRN:
            return "1'b0"
        case Rounding.TRN_ZERO:
            return f"{negative} && (|{source}[{shift - 1}:0])"
        case Rounding.RND:
            return half
        case Rounding.RND_CONV:
            return f"{half} && (({rest}) || {floor}[0])"
        case Rounding.RND_ZERO:
            return f"{half} && (({rest}) || {negative})"
        case Rounding.RND_INF:
            return f"{half} && (({rest}) || !{negative})"
        case Rounding.RND_MIN_INF:
            return f"{half} && ({rest})"
