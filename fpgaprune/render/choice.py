"""What was chosen for each layer within limits, and why, as a table."""

from fpgaprune.render.sheet import Column, Row, Sheet
from fpgaprune.results import DesignChoice, Expected, LayerChoice

_COLUMNS = (
    Column("layer", "layer", style="cyan"),
    Column("strategy", "strategy"),
    Column("kernel", "kernel"),
    Column("reuse_factor", "reuse\nfactor", numeric=True),
    Column("positions_at_once", "positions\nat once", numeric=True, rank=1),
    Column("multipliers", "multipliers", numeric=True, rank=1),
    Column("dsp", "DSP", numeric=True, style="bold green"),
    Column("lut", "LUT", numeric=True, style="green"),
    Column("latency_cycles", "latency\ncycles", numeric=True, style="green"),
    Column("ii", "II", numeric=True, style="green"),
    Column("adder_lut", "LUT without\nDSPs", numeric=True, style="dim", rank=2),
    Column("why", "why", wrap=True),
)
_LEGEND = (
    "Kernels of ours: sparse has as many multipliers as its products need in their time slots; lanes has one for each "
    "run of inputs whose weights are not all zero, and tables; adders has none, only sums of shifts.",
    "Without a limit on LUTs, those of the part are it where they suffice.",
    "Estimates for C synthesis. DSP counts with the upper end of its bound, the rest with the expected value.",
    "LUT without DSPs: at most so many with strategy distributed_arithmetic (da4ml), which needs no DSP; an adder per "
    "signed digit, before da4ml shares any.",
)
_IN_LUTS = "Multiplications that are left are put into LUTs, by a directive in build_prj.tcl."
_KERNELS = {"slots": "sparse"}
_WORDS = {"dsp": "DSPs", "lut": "LUTs", "latency_cycles": "cycles of latency", "ii": "cycles between two inputs"}


def choice_sheet(choice: DesignChoice) -> Sheet:
    """A row per layer with weights, the whole design, each limit beside what is expected of it."""
    fabric = choice.estimate.fabric
    return Sheet(
        title=f"Chosen for {choice.estimate.design}: {choice.estimate.rules}, {choice.estimate.device}",
        columns=_COLUMNS,
        rows=tuple(_row(layer) for layer in choice.layers),
        total=Row(
            (
                "whole design",
                "",
                "",
                None,
                None,
                None,
                choice.estimate.dsp,
                fabric.lut,
                fabric.latency_cycles,
                fabric.ii,
                None,
                "",
            )
        ),
        summary=(
            *(_against(choice, name) for name in _WORDS if getattr(choice.limits, name) is not None),
            *((_IN_LUTS,) if choice.multipliers == "fabric" else ()),
        ),
        legend=_LEGEND,
        summary_style="bold yellow" if choice.in_doubt else "bold green",
    )


def _row(layer: LayerChoice) -> Row:
    return Row(
        (
            layer.name,
            layer.strategy,
            "hls4ml's" if layer.kernel is None else _KERNELS.get(layer.kernel, layer.kernel),
            layer.reuse_factor,
            layer.positions_at_once,
            layer.multipliers,
            layer.dsp,
            layer.lut,
            layer.latency_cycles,
            layer.ii,
            layer.adder_lut,
            layer.why,
        )
    )


def _against(choice: DesignChoice, name: str) -> str:
    limit, words = getattr(choice.limits, name), _WORDS[name]
    if name == "dsp":
        return f"At most {limit} {words}: {choice.estimate.dsp} expected."
    expected: Expected = getattr(choice.estimate.fabric, name)
    said = f"At most {limit} {words}: {expected.value} expected, {expected.low} to {expected.high} in "
    said += f"{100 * expected.coverage:.0f} % of reports"
    return f"{said}; the upper end misses the limit." if name in choice.in_doubt else f"{said}."
