"""`fpgaprune estimate`: the DSPs a model or project will need."""

from fpgaprune.cli.options import (
    IoTypeOption,
    PartOption,
    PrecisionOption,
    ReuseFactorOption,
    RulesOption,
    Source,
    StrategyOption,
    ToolOption,
    WeightsOption,
)
from fpgaprune.cli.output import Format, FormatOption, emit
from fpgaprune.flow.estimation import estimate_source
from fpgaprune.render import estimate_sheet

EXAMPLE = "fpgaprune estimate my_project --part xcvu13p-flga2577-2-e --format json"


def run(
    source: Source,
    *,
    part: PartOption = None,
    tool: ToolOption = None,
    rules: RulesOption = None,
    precision: PrecisionOption = None,
    strategy: StrategyOption = None,
    reuse_factor: ReuseFactorOption = None,
    io_type: IoTypeOption = None,
    weights: WeightsOption = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Count the DSPs a model, HLS project or saved design will need, layer by layer, before any synthesis.

    The count follows from the weights: zeros, shared constants and those that shifts and adds replace cost none.
    The usual first-order bound stands beside it. Precision, strategy and reuse factor can be chosen for a model only.
    """
    estimate = estimate_source(
        source,
        part=part,
        tool=tool,
        rules=rules,
        precision=precision,
        strategy=strategy,
        reuse_factor=reuse_factor,
        io_type=io_type,
        weights=weights,
    )
    emit(form, estimate_sheet(estimate), estimate.json)
