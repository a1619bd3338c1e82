"""From a model file to one whose constants cost less, without training."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fpgaprune.compress.constants import (
    Budget,
    BudgetSearch,
    ConstantsConfig,
    CsdRounding,
    Importance,
    choose_constants,
)
from fpgaprune.compress.quantization.folding import with_folded
from fpgaprune.compress.sensitivity import kernel_scale, kernel_variable, measure_importance
from fpgaprune.design import Design
from fpgaprune.errors import ConfigError, ModelError
from fpgaprune.estimate import MappingRules, estimate_design
from fpgaprune.flow.estimation import choose_rules, default_tool
from fpgaprune.flow.rounding import Rounded, dear_constants, is_rounded_alone, put_constants
from fpgaprune.generate.inputs import InputSet
from fpgaprune.generate.project import convert_network
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.results import Estimate

_ATTEMPTS = 4  # at a LUT budget: types that follow from the weights may change with them


@dataclass(frozen=True, eq=False)
class ChangedModel:
    """The model with its new constants, the designs before and after, their estimates, and the record."""

    model: Any
    before: Estimate
    after: Estimate
    design: Design
    record: Mapping[str, Any]


def change_constants(
    model: Any,
    config: ConstantsConfig,
    inputs: InputSet,
    settings: GenerateSettings | None = None,
    rules: MappingRules | None = None,
) -> ChangedModel:
    """Change the constants of a loaded Functional Keras model in place, as `config` says.

    Batch normalizations become part of the layers before them first: the model that is given back is then another one.
    The design it would be generated as with `settings` decides what a constant costs, by `rules` (those of the
    backend's tool by default); `inputs` decide how much each matters. Layers whose constants are not those of one
    kernel of the model (recurrent, separable, or fused with a batch normalization) are rounded as a whole (see
    `starting_point`) or stay as they are; the record names them. The design is read again from the changed model, and
    its constants must be the chosen ones.

    Raises ConfigError for a budget that cannot be met, ModelError for a layer whose quantizer would not keep the
    chosen constants.
    """
    settings = settings or GenerateSettings()
    model, folded = with_folded(model, config.exclude)
    begin = starting_point(model, config, inputs, settings, rules)
    design, rules, before, asked = begin.design, begin.rules, begin.before, begin.asked
    importance = _without(measure_importance(model, inputs.arrays), begin.fixed)
    kept = model.get_weights()
    allowance = config
    for _ in range(_ATTEMPTS):
        chosen = choose_constants(design, asked, importance, rules, narrow=types_follow(settings))
        _write(model, chosen.design, design)
        found = _design(model, settings, inputs)
        _check(found, chosen.design)
        after = estimate_design(found, rules)
        over = _over(config, after)
        if over is None:
            told = {"folded": list(folded), "rounded": begin.told}
            record = {**_record(chosen.record, config, before, after, begin.untouched), **told}
            return ChangedModel(model, before, after, found, record)
        model.set_weights(kept)
        asked = _tightened(asked, over)
        allowance = asked
    message = f"{config} was not met: types that follow from the weights kept changing; last tried {allowance}"
    raise ConfigError(message)


@dataclass(frozen=True, eq=False)
class StartingPoint:
    """The design a model would be generated as, its estimate by `rules`, and what is asked of what can be changed.

    `fixed` names the layers whose constants are not those of one kernel of the model. `rounded` is what the
    model has got for what is not weighed (see `flow.rounding`).
    """

    design: Design
    rules: MappingRules
    before: Estimate
    fixed: tuple[str, ...]
    asked: Any
    rounded: tuple[Rounded, ...] = ()

    @property
    def untouched(self) -> tuple[str, ...]:
        """Those of `fixed` that were not rounded either."""
        names = {f"{each.layer}{ending}" for each in self.rounded for ending in ("", "_depthwise", "_pointwise")}
        return tuple(name for name in self.fixed if name not in names)

    @property
    def told(self) -> list[str]:
        """What was rounded, by layer and attribute."""
        return [f"{each.layer}/{each.attribute}" for each in self.rounded]


def starting_point(
    model: Any, config: ConstantsConfig, inputs: InputSet, settings: GenerateSettings, rules: MappingRules | None = None
) -> StartingPoint:
    """What there is before constants are changed; raises ModelError where no layer's constants can be.

    What is not weighed (see `flow.rounding`) is rounded in the model where a budget of DSPs cannot be met with it as it
    is; raises ConfigError where it cannot be met then either.
    """
    begin = _begin(model, config, inputs, settings, rules)
    digits = config.digits if isinstance(config, CsdRounding) else begin.rules.free_digits
    dear = dear_constants(model, begin.design, digits, config.exclude)
    if isinstance(config, CsdRounding):
        dear = tuple(each for each in dear if each.is_matrix)
    if not dear or not (isinstance(config, CsdRounding) or _unreachable(begin, settings)):
        return begin
    old = put_constants(model, dear)
    again = _begin(model, config, inputs, settings, rules)
    error = _unreachable(again, settings)
    if error is not None:
        put_constants(model, old)
        raise error
    return replace(again, before=begin.before, rounded=dear)


def _unreachable(begin: StartingPoint, settings: GenerateSettings) -> ConfigError | None:
    """Why no choice of constants meets the budget's limit of DSPs, if none does."""
    if not isinstance(begin.asked, Budget) or begin.asked.max_dsp is None:
        return None
    limit = replace(begin.asked, max_lut=None)
    try:
        BudgetSearch(begin.design, limit, Importance(), begin.rules, narrow=types_follow(settings)).check()
    except ConfigError as error:
        return error
    return None


def _begin(
    model: Any, config: ConstantsConfig, inputs: InputSet, settings: GenerateSettings, rules: MappingRules | None
) -> StartingPoint:
    design = _design(model, settings, inputs)
    rules = rules or choose_rules(None, None, default_tool(design))
    before = estimate_design(design, rules)
    fixed = _fixed_layers(model, design)
    if set(fixed) == {layer.name for layer in design if layer.weight is not None and _changeable(layer)}:
        message = (
            f"no layer has constants that can be changed on their own: those of {', '.join(fixed) or 'none'} come from "
            "several kernels, are scaled by a quantizer (alpha), or take in a batch normalization"
        )
        raise ModelError(message)
    excluded = [pattern for pattern in config.exclude if not is_rounded_alone(model, pattern)]
    asked = replace(config, exclude=(*excluded, *fixed))  # type: ignore[type-var]  # configs are dataclasses
    return StartingPoint(design, rules, before, fixed, asked)


def _without(importance: Importance, fixed: tuple[str, ...]) -> Importance:
    """Without layers that may have other rows in the design, as those of dilated filters: zeros lie between them."""
    pairs = (importance.inputs, importance.outputs)
    return Importance(*({name: each for name, each in pair.items() if name not in fixed} for pair in pairs))


def types_follow(settings: GenerateSettings) -> bool:
    """Whether the types of constants have no low bits that none uses: where no precision is asked for."""
    return settings.precision is None and all(layer.precision is None for layer in settings.layers.values())


def _design(model: Any, settings: GenerateSettings, inputs: InputSet) -> Design:
    return convert_network(model, settings, inputs, Path("project")).design


def _fixed_layers(model: Any, design: Design) -> tuple[str, ...]:
    """Layers of the design with constants that are not those of a kernel of the same name, up to rounding."""
    kernels = {layer.name: kernel_variable(layer) for layer in model.layers}
    fixed = []
    for layer in design:
        weight = layer.weight
        if weight is None or not _changeable(layer):
            continue
        kernel = kernels.get(layer.name)
        if kernel is None or tuple(kernel.shape) != weight.values.shape:
            fixed.append(layer.name)
            continue
        owner = next(found for found in model.layers if found.name == layer.name)
        quantizer = getattr(owner, "kernel_quantizer_internal", getattr(owner, "depthwise_quantizer_internal", None))
        values = np.asarray(kernel if quantizer is None else quantizer(kernel), dtype=np.float64)
        inside = np.clip(values, weight.precision.low, weight.precision.high)
        if np.abs(inside - weight.values).max(initial=0.0) > weight.precision.lsb:
            fixed.append(layer.name)
    return tuple(fixed)


def _changeable(layer: Any) -> bool:
    return layer.kind.value in {"dense", "conv1d", "conv2d", "depthwise_conv1d", "depthwise_conv2d"}


def _write(model: Any, chosen: Design, before: Design) -> None:
    for layer in chosen:
        weight = layer.weight
        if weight is None or np.array_equal(weight.values, before[layer.name].parameters["weight"].values):
            continue
        found = model.get_layer(layer.name)
        kernel_variable(found).assign((weight.values / kernel_scale(found)).astype(np.float32))


def _check(found: Design, chosen: Design) -> None:
    for layer in chosen:
        if layer.weight is None or np.array_equal(found[layer.name].parameters["weight"].values, layer.weight.values):
            continue
        message = (
            f"layer {layer.name!r} would not keep the chosen constants: its quantizer scales them by their own size "
            "(alpha), or channel by channel to steps that some lack. Exclude the layer, or give it one scale: "
            "alpha=1"
        )
        raise ModelError(message)


def _over(config: ConstantsConfig, after: Estimate) -> tuple[int, int] | None:
    """By how many DSPs and LUTs a budget is exceeded; None where it is not."""
    if not isinstance(config, Budget):
        return None
    dsp = 0 if config.max_dsp is None else max(0, after.dsp.high - config.max_dsp)
    lut = after.fabric.lut
    luts = 0 if config.max_lut is None or lut is None else max(0, lut.value - config.max_lut)
    return (dsp, luts) if dsp or luts else None


def _tightened(config: Any, over: tuple[int, int]) -> Any:
    return replace(
        config,
        max_dsp=None if config.max_dsp is None else max(0, config.max_dsp - over[0]),
        max_lut=None if config.max_lut is None else max(0, config.max_lut - over[1]),
    )


def _record(
    record: Mapping[str, Any], config: ConstantsConfig, before: Estimate, after: Estimate, fixed: tuple[str, ...]
) -> dict[str, Any]:
    return {
        **record,
        "asked": config.record(),
        "not_changeable": list(fixed),
        "rules": after.rules,
        "device": after.device,
        "estimate": {"before": _totals(before), "after": _totals(after)},
    }


def _totals(estimate: Estimate) -> dict[str, Any]:
    lut = estimate.fabric.lut
    return {
        "dsp": estimate.dsp.json(),
        "first_order_dsp": estimate.first_order_dsp,
        "lut": None if lut is None else lut.json(),
    }
