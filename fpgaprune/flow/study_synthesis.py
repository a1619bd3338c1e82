"""Open synthesis of a study's project, as far as what it needs is installed."""

from pathlib import Path

from fpgaprune.errors import FpgapruneError
from fpgaprune.flow.open_job import OpenSettings
from fpgaprune.flow.open_synthesis import synthesize_open
from fpgaprune.results import SynthesizedLayer
from fpgaprune.results.open_synthesis import LayerSynthesis
from fpgaprune.synth.open.front_ends import find_front_end


def synthesized_layers(project: Path, tool: str | None) -> tuple[tuple[SynthesizedLayer, ...], str | None]:
    """The layers of `project` that multiply, under the rules of `tool`; or none, and the sentence why.

    A study goes on without synthesis, which needs packages of its own: its other results stand alone.
    """
    rules = None if tool is None else tool.partition(":")[0]
    try:
        found = synthesize_open(project, OpenSettings(rules=rules), find_front_end())
    except FpgapruneError as error:
        return (), str(error)
    return tuple(_row(layer) for layer in found.layers if layer.weights or layer.multipliers or _costs(layer)), None


def _costs(layer: LayerSynthesis) -> bool:
    return layer.dsp is None or layer.dsp.high > 0


def _row(layer: LayerSynthesis) -> SynthesizedLayer:
    estimated = layer.dsp
    return SynthesizedLayer(
        name=layer.name,
        multipliers=layer.multipliers,
        estimated_low=None if estimated is None else estimated.low,
        estimated_high=None if estimated is None else estimated.high,
        dsp=None if layer.used is None else layer.used.dsp,
        reason=layer.reason,
    )
