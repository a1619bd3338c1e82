"""What a text report of C synthesis lists: instances of modules, multiplications, ports."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from fpgaprune.read.report.cells import count, is_multiplier, is_operator, operand_widths
from fpgaprune.read.report.rpt_tables import Table, row_resources
from fpgaprune.results import MultiplyOperator, Resources

Tables = Mapping[tuple[str, str, str], Table]
# Handshakes, each one bit wide; Vivado HLS also ends the names of data ports with `_read`.
_CONTROL: Final = re.compile(
    r"ap_(clk|rst|rst_n|start|done|idle|ready|continue|ce)|start_(out|write|full_n)"
    r"|.*_(ap_vld|ap_ack|full_n|empty_n|write|read|blk_n|TVALID|TREADY|TLAST)"
)


def read_instances(table: Table | None) -> tuple[str, ...]:
    """Modules in the order the compiler met their calls: the number at the end of an instance's name grows."""
    if table is None:
        return ()
    found = []
    for _, cells in table.rows:
        instance, module = cells[0], cells[1]
        if module and not is_operator(module):
            order = re.search(r"_(?:fu_|U)(\d+)$", instance)
            found.append((int(order[1]) if order else 0, module))
    return tuple(module for _, module in sorted(found, key=lambda pair: pair[0]))


def read_children(table: Table | None) -> dict[str, Resources]:
    """What each instantiated module uses, by the instance table."""
    if table is None:
        return {}
    return {
        cells[1]: row_resources(table, number, cells)
        for number, cells in table.rows
        if cells[1] and not is_operator(cells[1])
    }


def read_multipliers(tables: Tables) -> Iterator[MultiplyOperator]:
    """Every multiplication: instances, expressions, and the rows of the DSP tables."""
    yield from _instance_multipliers(tables.get(("Utilization Estimates", "Detail", "Instance")))
    yield from _expression_multipliers(tables.get(("Utilization Estimates", "Detail", "Expression")))
    for title in ("DSP", "DSP48", "DSP48E"):
        table = tables.get(("Utilization Estimates", "Detail", title))
        for _, cells in table.rows if table else ():
            if "*" in cells[-1]:  # each row is one block by construction
                yield MultiplyOperator(cells[0], *operand_widths(cells[1]), dsp=1, lut=0)


def _instance_multipliers(table: Table | None) -> Iterator[MultiplyOperator]:
    for number, cells in table.rows if table else ():
        if is_multiplier(cells[1]):
            used = row_resources(table, number, cells) if table else Resources()
            yield MultiplyOperator(cells[0], *operand_widths(cells[1]), dsp=used.dsp, lut=used.lut)


def _expression_multipliers(table: Table | None) -> Iterator[MultiplyOperator]:
    for number, cells in table.rows if table else ():
        row = table.named(cells) if table else {}
        if table and row.get("Operation") == "*":
            where = table.where(number)
            widths = (count(row.get("Bitwidth P0"), where), count(row.get("Bitwidth P1"), where))
            yield MultiplyOperator(
                cells[0],
                *widths,
                dsp=count(row.get("DSP48E", row.get("DSP")), where),
                lut=count(row.get("LUT"), where),
            )


def read_ports(table: Table) -> tuple[int | None, int | None, int | None]:
    """Bits in, bits out and number of ports out, of the data ports alone."""
    if not {"RTL Ports", "Dir", "Bits"} <= set(table.columns):
        return None, None, None
    bits = {"in": 0, "out": 0}
    ports = 0
    for number, cells in table.rows:
        row = table.named(cells)
        width = count(row["Bits"], table.where(number)) or 0
        if row["Dir"] in bits and not (width <= 1 and _CONTROL.fullmatch(row["RTL Ports"])):
            bits[row["Dir"]] += width
            ports += row["Dir"] == "out"
    return bits["in"], bits["out"], ports
