"""The C++ of one kernel: a line per product, which says its input, its constant and its outputs.

`read/project/kernels.py` reads these lines back; what it must recognise is written nowhere else.
"""

from collections.abc import Iterator, Sequence

from fpgaprune.csd import csd_terms
from fpgaprune.estimate.kernels import FREE_DIGITS, KernelForm, KernelPlan, KernelProduct, lane_bits, signed_bits

PIECE = 128  # products in one function: compilers take longer than linear over long ones

_HEAD = """\
// {title}
//
// {counts}
// x[i] is input i, a code stands for code * 2^{exponent}.
// Not verified with an AMD tool: no synthesis report of this kernel has been seen.
#ifndef FPGAPRUNE_{guard}_H_
#define FPGAPRUNE_{guard}_H_

#include "kernels/sparse.h"

namespace nnet {{
using sparse::add;
using sparse::power;
using sparse::still;
using sparse::times;

template <class data_T, class res_T, typename CONFIG_T> class {name} {{
  public:
    typedef typename CONFIG_T::accum_t accum_t;
    static const unsigned n_in = {n_in};
    static const unsigned n_out = {n_out};
    static const unsigned multipliers = {multipliers};
    static const unsigned slots = {slots};
"""
_TAIL = """
    template <unsigned N>
    static void vectors(data_T x[N][n_in], res_T res[N][n_out], typename CONFIG_T::bias_t biases[n_out]) {{
        #pragma HLS INLINE
        sparse::{driver}<{name}, N, data_T, res_T, CONFIG_T>(x, res, biases);
    }}

    static void dense(data_T data[n_in], res_T res[n_out], typename CONFIG_T::weight_t * /* in the lines above */,
                      typename CONFIG_T::bias_t biases[n_out]) {{
        {inline}
        sparse::one<{name}, data_T, res_T, CONFIG_T>(data, res, biases);
    }}
}};

}} // namespace nnet

#endif
"""


def kernel_text(plan: KernelPlan, name: str, title: str, fraction: int) -> str:
    """The header of the kernel with the class `name`; a code stands for `code * 2**-fraction`."""
    at_once = plan.reuse_factor == 1 or not plan.lanes
    if at_once:
        driver, body = "at_once", _at_once(plan, fraction)
    elif plan.form is KernelForm.LANES:
        driver, body = "in_slots", _lanes(plan, fraction)
    elif plan.in_order:
        driver, body = "in_slots_in_order", _slots_in_order(plan, fraction)
    else:
        driver, body = "in_slots", _slots(plan, fraction)
    head = _HEAD.format(
        title=title,
        counts=_counts(plan),
        exponent=-fraction,
        guard=name.upper(),
        name=name,
        n_in=plan.n_in,
        n_out=plan.n_out,
        multipliers=plan.multipliers,
        slots=plan.slots if not at_once else 1,
    )
    inline = "#pragma HLS PIPELINE II=1" if at_once else "#pragma HLS INLINE off"
    return head + "\n".join(body) + _TAIL.format(driver=driver, name=name, inline=inline)


def _counts(plan: KernelPlan) -> str:
    held = sum(product.still is not None for product in plan.free)
    rest = f"{len(plan.free) - held} by shifts and adders"
    if held:
        rest += f", {held} of inputs that never change"
    if not plan.lanes:
        return f"No multiplier: {rest}."
    word = "multiplier" if plan.multipliers == 1 else "multipliers"
    if plan.reuse_factor == 1:
        return f"{plan.multipliers} {word}, one for each product; {rest}."
    return (
        f"{plan.multipliers} {word} in {plan.slots} time slots (reuse factor {plan.reuse_factor}) for "
        f"{plan.multiplied} products; {rest}."
    )


def _at_once(plan: KernelPlan, fraction: int) -> Iterator[str]:
    multiplied = {product for lane in plan.lanes for product in lane}
    ordered = sorted(plan.products(), key=lambda product: product.input)
    values = (_multiplied(p, fraction) if p in multiplied else _shifted(p, fraction) for p in ordered)
    lines = [f"{{ {value} {_adds(p, 'acc', 'p')} }}" for p, value in zip(ordered, values, strict=True)]
    widest = max((signed_bits(p.code) for p in plan.free if _is_long(p)), default=0)
    if widest:
        # One type for all sums of shifts: compilers take long over a type for every partial sum.
        yield f"    typedef typename sparse::exact<data_T, {widest}, {-fraction}>::type product_t;"
    yield from _pieces("products", "const data_T x[n_in], accum_t acc[n_out]", "x, acc", lines)


def _slots(plan: KernelPlan, fraction: int) -> Iterator[str]:
    yield from _shifts(plan, fraction)
    for number, lane in enumerate(plan.lanes):
        outputs = sorted({output for product in lane for output in product.outputs})
        yield from _lane_head(number, plan, lane, "accum_t sum[n_out]")
        yield from (f"        bool to_{output} = false;" for output in outputs)
        yield "        switch (time) {"
        for time, product in enumerate(lane):
            marks = " ".join(f"to_{output} = true;" for output in product.outputs)
            yield f"        case {time}: a = x[{product.input}]; w = {product.code}; {marks} break;"
        yield from ("        default: break;", "        }")
        yield f"        const accum_t p = times<accum_t, {-fraction}>(a, w);"
        yield from (f"        if (to_{output}) add(sum[{output}], p);" for output in outputs)
        yield "    }"
    yield from _all_lanes(plan, "accum_t sum[n_out]", "sum")


def _lanes(plan: KernelPlan, fraction: int) -> Iterator[str]:
    turns = plan.reuse_factor
    yield "    // a[run] is the input that all multipliers of that run of inputs get in a slot."
    yield f"    static const unsigned runs = {plan.n_in // turns};"
    yield from _shifts(plan, fraction)
    for number, lane in enumerate(plan.lanes):
        (output,), run = lane[0].outputs, lane[0].input // turns
        weights = {product.input % turns: product.code for product in lane}
        yield ""
        yield f"    // Multiplier {number + 1} of {plan.multipliers}: inputs {run * turns} to {(run + 1) * turns - 1}."
        yield f"    static void multiplier_{number}(const unsigned time, const data_T a[runs], accum_t sum[n_out]) {{"
        yield "        #pragma HLS INLINE"
        table = ", ".join(str(weights.get(time, 0)) for time in range(turns))
        yield f"        static const ap_int<{lane_bits(lane)}> w[slots] = {{{table}}};"
        yield f"        add(sum[{output}], times<accum_t, {-fraction}>(a[{run}], w[time]));"
        yield "    }"
    yield ""
    yield "    static void slot(const unsigned time, const data_T x[n_in], accum_t sum[n_out]) {"
    yield "        #pragma HLS INLINE"
    yield "        data_T a[runs];"
    yield "        #pragma HLS ARRAY_PARTITION variable=a complete"
    used = sorted({lane[0].input // turns for lane in plan.lanes})
    yield from (f"        a[{run}] = x[{run * turns} + time];" for run in used)
    yield from (f"        multiplier_{number}(time, a, sum);" for number in range(plan.multipliers))
    yield "    }"


def _shifts(plan: KernelPlan, fraction: int) -> Iterator[str]:
    lines = [f"{{ {_shifted(p, fraction)} {_adds(p, 'acc', 'p')} }}" for p in plan.free]
    yield from _pieces("shifts", "const data_T x[n_in], accum_t acc[n_out]", "x, acc", lines)


def _slots_in_order(plan: KernelPlan, fraction: int) -> Iterator[str]:
    place: dict[KernelProduct, int] = {}
    for number, lane in enumerate(plan.lanes):
        yield from _lane_head(number, plan, lane, "accum_t store[stored]")
        yield "        switch (time) {"
        for time, product in enumerate(lane):
            place[product] = len(place)
            outputs = ", ".join(map(str, product.outputs))
            yield f"        case {time}: a = x[{product.input}]; w = {product.code}; break; // to {outputs}"
        yield from ("        default: break;", "        }")
        yield f"        const accum_t p = times<accum_t, {-fraction}>(a, w);"
        yield "        switch (time) {"
        yield from (f"        case {time}: store[{place[product]}] = p; break;" for time, product in enumerate(lane))
        yield from ("        default: break;", "        }", "    }")
    yield from _all_lanes(plan, "accum_t store[stored]", "store")
    lines = []
    for product in sorted(plan.products(), key=lambda one: one.input):
        if product in place:
            lines.append(_adds(product, "acc", f"store[{place[product]}]"))
        else:
            lines.append(f"{{ {_shifted(product, fraction)} {_adds(product, 'acc', 'p')} }}")
    arguments = "const data_T x[n_in], const accum_t store[stored], accum_t acc[n_out]"
    yield from _pieces("products", arguments, "x, store, acc", lines)


def _lane_head(number: int, plan: KernelPlan, lane: tuple[KernelProduct, ...], result: str) -> Iterator[str]:
    if number == 0 and plan.in_order:
        yield f"    static const unsigned stored = {plan.multiplied};"
    yield ""
    yield f"    // Multiplier {number + 1} of {plan.multipliers}."
    yield f"    static void multiplier_{number}(const unsigned time, const data_T x[n_in], {result}) {{"
    yield "        #pragma HLS INLINE"
    yield "        data_T a = 0;"
    yield f"        ap_int<{lane_bits(lane)}> w = 0;"


def _all_lanes(plan: KernelPlan, result: str, name: str) -> Iterator[str]:
    yield ""
    yield f"    static void slot(const unsigned time, const data_T x[n_in], {result}) {{"
    yield "        #pragma HLS INLINE"
    yield from (f"        multiplier_{number}(time, x, {name});" for number in range(plan.multipliers))
    yield "    }"


def _pieces(name: str, arguments: str, passed: str, lines: Sequence[str]) -> Iterator[str]:
    """A function of all the lines, by way of functions of at most PIECE lines."""
    starts = range(0, len(lines), PIECE)
    for number, start in enumerate(starts):
        yield ""
        yield f"    static void {name}_{number}({arguments}) {{"
        yield "        #pragma HLS INLINE"
        yield from (f"        {line}" for line in lines[start : start + PIECE])
        yield "    }"
    yield ""
    yield f"    static void {name}({arguments}) {{"
    yield "        #pragma HLS INLINE"
    yield from (f"        {name}_{number}({passed});" for number in range(len(starts)))
    yield "    }"


def _adds(product: KernelProduct, target: str, value: str) -> str:
    return " ".join(f"add({target}[{output}], {value});" for output in product.outputs)


def _multiplied(product: KernelProduct, fraction: int) -> str:
    """The product p as a multiplication."""
    bits = signed_bits(product.code)
    return f"const accum_t p = times<accum_t, {-fraction}, {bits}>(x[{product.input}], {product.code});"


def _shifted(product: KernelProduct, fraction: int) -> str:
    """The product p as a sum of shifts, or as one of two constants where its input never changes."""
    if product.still is not None:
        bits, held = signed_bits(product.code), f"still<data_T>({product.input}, {product.still})"
        return f"const accum_t p = times<accum_t, {-fraction}, {bits}>({held}, {product.code});"
    x = f"x[{product.input}]"
    positive_first = sorted(csd_terms(product.code), reverse=True)
    if _is_long(product):
        terms = [(" -= ", " += ")[sign > 0] + f"power<{shift - fraction}>({x});" for sign, shift in positive_first]
        first = terms[0].replace(" += ", " = ") if positive_first[0][0] > 0 else f" = 0; s{terms[0]}"
        sums = " ".join(f"s{term}" for term in terms[1:])
        return f"product_t s{first} {sums} const accum_t p = s;"
    signs = {1: (" + ", ""), -1: (" - ", "-")}
    parts = [
        signs[sign][int(number == 0)] + f"power<{shift - fraction}>({x})"
        for number, (sign, shift) in enumerate(positive_first)
    ]
    return f"const accum_t p = {''.join(parts)};"


def _is_long(product: KernelProduct) -> bool:
    """Whether a product without a multiplier is a sum of more shifts than one expression holds."""
    return product.still is None and len(csd_terms(product.code)) > FREE_DIGITS
