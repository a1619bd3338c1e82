"""Training within signed digits, and budgets reached in steps."""

from typing import Any

import numpy as np
import pytest
from contracts.pruning import dense_model, ring_data

from fpgaprune.compress.constants import Budget
from fpgaprune.compress.kernels import find_kernels
from fpgaprune.compress.quantization import fine_tune
from fpgaprune.compress.signed_digits import DigitLimits, DigitProjection
from fpgaprune.csd import csd_digits, nearest_with_digits
from fpgaprune.errors import ConfigError
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.flow.budget_training import train_to_budget
from fpgaprune.flow.constants import change_constants
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.inputs import InputSet

TYPE = FixedPoint(10, 2)


class FakeKernel:
    """All that the projection asks of a kernel."""

    layer = "fc"


@pytest.mark.keras
@pytest.mark.parametrize("digits", [0, 1, 2])
def test_the_projection_is_the_nearest_value_of_that_many_digits(digits: int) -> None:
    codes = np.arange(TYPE.min_code, TYPE.max_code + 1)
    model_value = {0: 0.0, 1: 0.25, 2: 0.75}[digits]
    limit = DigitLimits(np.full(codes.shape, model_value), TYPE)
    assert (limit.digits == digits).all()
    tensor = load_frameworks().tensorflow.constant(codes * TYPE.lsb, dtype="float32")
    kernel: Any = FakeKernel()
    found = TYPE.codes(np.asarray(DigitProjection({"fc": limit})(kernel, tensor)))
    assert csd_digits(found).max(initial=0) <= digits
    nearest = nearest_with_digits(codes, digits, TYPE.max_code.bit_length())
    assert np.array_equal(np.abs(found - codes), np.abs(nearest - codes))


@pytest.mark.keras
@pytest.mark.parametrize("quantizer", [None, "quantized_bits(14,1,alpha=1)"])
def test_every_step_keeps_to_the_digits_and_training_still_learns(quantizer: str | None) -> None:
    model, data = dense_model(quantizer), ring_data(count=600)
    inputs = InputSet((data.x,), "ring", real=True)
    functional = load_frameworks().keras.Model(model.inputs, model.layers[-2].output)
    chosen = change_constants(functional, Budget(max_dsp=0, max_lut=5000), inputs)
    weights = {name: chosen.design[name].parameters["weight"] for name in ("first", "second")}
    limits = {name: DigitLimits(weight.values, weight.precision) for name, weight in weights.items()}
    losses: list[float] = []
    fine_tune(
        functional, data, loss="sparse_categorical_crossentropy", epochs=12, learning_rate=1e-2,
        on_progress=lambda progress: losses.append(progress.loss), project=DigitProjection(limits),
    )  # fmt: skip
    assert min(losses) < losses[0]
    for kernel in find_kernels(functional):
        limit = limits[kernel.layer]
        values = kernel.values()
        assert np.array_equal(limit.precision.quantize(values), values)
        assert (csd_digits(limit.precision.codes(values)) <= limit.digits).all()
        assert (values != limit.values).any()


@pytest.mark.keras
@pytest.mark.parametrize(("max_dsp", "max_lut"), [(0, None), (0, 5000), (None, 5000), (10, 4500)])
def test_the_budget_is_met_after_training(max_dsp: int | None, max_lut: int | None) -> None:
    model, data = dense_model("quantized_bits(14,1,alpha=1)"), ring_data(count=400)
    functional = load_frameworks().keras.Model(model.inputs, model.layers[-2].output)
    found = train_to_budget(
        functional, Budget(max_dsp=max_dsp, max_lut=max_lut), InputSet((data.x,), "ring", real=True), data,
        loss="sparse_categorical_crossentropy", epochs=4, steps=2,
    )  # fmt: skip
    assert max_dsp is None or found.after.dsp.high <= max_dsp
    assert found.after.fabric.lut is not None
    assert max_lut is None or found.after.fabric.lut.value <= max_lut
    assert found.before.dsp.high > found.after.dsp.high or max_dsp is None


@pytest.mark.keras
def test_what_is_excluded_does_not_train() -> None:
    model, data = dense_model("quantized_bits(14,1,alpha=1)"), ring_data(count=400)
    functional = load_frameworks().keras.Model(model.inputs, model.layers[-2].output)
    before = [functional.get_layer(name).get_weights() for name in ("first", "second")]
    found = train_to_budget(
        functional, Budget(max_lut=8000, exclude=("first",)), InputSet((data.x,), "ring", real=True), data,
        loss="sparse_categorical_crossentropy", epochs=2, steps=2, learning_rate=1e-2,
    )  # fmt: skip
    after = [found.model.get_layer(name).get_weights() for name in ("first", "second")]
    same = [[np.array_equal(*pair) for pair in zip(*each, strict=True)] for each in zip(before, after, strict=True)]
    assert same == [[True, True], [False, False]]


@pytest.mark.keras
@pytest.mark.parametrize(
    ("config", "message"),
    [(Budget(max_lut=4500), "choose less often"), (Budget(max_lut=1), "cannot be met"), (Budget(max_dsp=0), None)],
)
def test_what_cannot_be_done_is_refused_before_training(config: Budget, message: str | None) -> None:
    model, data = dense_model("quantized_bits(14,1,alpha=1)"), ring_data(count=400)
    functional = load_frameworks().keras.Model(model.inputs, model.layers[-2].output)
    before, inputs = functional.get_weights(), InputSet((data.x,), "ring", real=True)
    steps = 9 if message == "choose less often" else 2

    def train() -> None:
        train_to_budget(functional, config, inputs, data, loss="sparse_categorical_crossentropy", epochs=1, steps=steps)

    if message is None:
        train()
        return
    with pytest.raises(ConfigError, match=message):
        train()
    assert all(np.array_equal(old, new) for old, new in zip(before, functional.get_weights(), strict=True))


@pytest.mark.keras
def test_the_same_seed_gives_the_same_constants_and_a_record_of_the_choices() -> None:
    weights = []
    for _ in range(2):
        model, data = dense_model("quantized_bits(14,1,alpha=1)"), ring_data(count=400)
        functional = load_frameworks().keras.Model(model.inputs, model.layers[-2].output)
        found = train_to_budget(
            functional, Budget(max_dsp=0, max_lut=5000), InputSet((data.x,), "ring", real=True), data,
            loss="sparse_categorical_crossentropy", epochs=2, steps=3, seed=5,
        )  # fmt: skip
        weights.append(functional.get_weights())
    assert all(np.array_equal(first, second) for first, second in zip(*weights, strict=True))
    limits = [choice["max_lut"] for choice in found.record["choices"]]
    assert len(limits) == 3
    assert limits == sorted(limits, reverse=True)
    assert all(choice["lut"] <= choice["max_lut"] for choice in found.record["choices"])
