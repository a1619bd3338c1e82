"""Networks trained together are the networks trained alone, layer by layer, quantizer by quantizer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fpgaprune.compress import TrainingData, requantized
from fpgaprune.compress.stack import GridTraining, Member, Reached, Told, train_grid
from fpgaprune.compress.stack.layers import CannotStackError
from fpgaprune.compress.stack.network import Stack
from fpgaprune.compress.stack.quantizers import stacked
from fpgaprune.errors import ConfigError
from fpgaprune.frameworks import load_frameworks

pytestmark = pytest.mark.keras

QUANTIZERS = [
    "quantized_bits({bits},1,alpha=1)",
    "quantized_bits({bits},0,1,alpha=1)",
    "quantized_bits({bits},2,keep_negative=False,alpha=1)",
    "quantized_bits({bits},0,alpha='auto_po2')",
    "quantized_relu({bits},1)",
    "quantized_relu({bits},1,negative_slope=0.25)",
    "quantized_tanh({bits})",
    "ternary(alpha=1)",
]


@pytest.mark.parametrize("text", QUANTIZERS)
def test_stacked_quantizers_are_those_of_qkeras(text: str) -> None:
    frameworks = load_frameworks()
    tensorflow = frameworks.tensorflow
    widths = (3, 4, 6, 8, 12)
    functions = [frameworks.qkeras.get_quantizer(text.format(bits=bits)) for bits in widths]
    edges = np.array([-9, -2, -1, -0.5, 0, 0.5, 1, 1.99, 2, 9], dtype=np.float32)
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1.2, (len(widths), 40, 5)).astype(np.float32)
    values[:, :2] = edges.reshape(2, 5)
    tensor = tensorflow.constant(values)
    with tensorflow.GradientTape() as tape:
        tape.watch(tensor)
        found = stacked(functions)(tensor)
    slopes = tape.gradient(found, tensor).numpy()
    for place, function in enumerate(functions):
        part = tensorflow.constant(values[place])
        with tensorflow.GradientTape() as tape:
            tape.watch(part)
            expected = function(part)
        np.testing.assert_array_equal(found[place], expected)
        np.testing.assert_array_equal(slopes[place], tape.gradient(expected, part))


def _perceptron() -> Any:
    frameworks = load_frameworks()
    layers, q = frameworks.keras.layers, frameworks.qkeras
    kind = "quantized_bits(8,1,alpha=1)"
    return frameworks.keras.Sequential([
        layers.Input((6,)),
        q.QActivation("quantized_bits(8,2,alpha=1)"),
        q.QDense(7, kernel_quantizer=kind, bias_quantizer=kind, activation="quantized_relu(8,2)"),
        layers.BatchNormalization(momentum=0.6),
        q.QDense(5, kernel_quantizer="quantized_bits(8,0,alpha='auto_po2')", kernel_regularizer="l2"),
        q.QActivation("quantized_relu(8,2)"),
        layers.Dense(3, activation="softmax", use_bias=False, kernel_constraint="max_norm"),
    ])  # fmt: skip


def _small() -> Any:
    frameworks = load_frameworks()
    q, kind = frameworks.qkeras, "quantized_bits(8,1,alpha=1)"
    hidden = q.QDense(8, kernel_quantizer=kind, bias_quantizer=kind, activation="quantized_relu(8,2)")
    return frameworks.keras.Sequential([frameworks.keras.layers.Input((6,)), hidden, frameworks.keras.layers.Dense(3)])


def _image() -> Any:
    frameworks = load_frameworks()
    layers, q = frameworks.keras.layers, frameworks.qkeras
    kind = "quantized_bits(8,1,alpha=1)"
    x = start = layers.Input((6, 6, 2))
    x = q.QConv2D(3, 3, strides=2, padding="same", kernel_quantizer=kind, bias_quantizer=kind)(x)
    x = q.QActivation("quantized_relu(8,2)")(x)
    y = q.QDepthwiseConv2D(2, padding="same", depthwise_quantizer=kind, bias_quantizer=kind)(x)
    x = layers.MaxPooling2D(2)(layers.Add()([x, y]))
    x = layers.Reshape((1, 3))(layers.Flatten()(x))
    x = layers.Conv1D(4, 2, padding="causal", activation="relu")(x)
    x = layers.Dense(4)(layers.Concatenate()([x, x]))
    return frameworks.keras.Model(start, layers.Dense(3)(layers.Flatten()(x)))


def _data(shape: tuple[int, ...], samples: int = 90) -> TrainingData:
    rng = np.random.default_rng(3)
    x = rng.normal(0, 1, (samples, *shape)).astype(np.float32)
    y = x.reshape(samples, -1)[:, :3].argmax(axis=1)
    return TrainingData(x[:70], y[:70], x[70:], y[70:])


def _members(build: Callable[[], Any], data: TrainingData) -> list[Member]:
    load_frameworks().keras.utils.set_random_seed(1)
    model = build()
    made = [requantized(model, bits, np.asarray(data.x)[:4]) for bits in (4, 6, 8)]
    return [Member(each, each.get_weights(), seed) for seed, each in enumerate(made)]


def _trained(
    members: list[Member], config: GridTraining, data: TrainingData, targets: tuple[float, ...], *, together: bool
) -> tuple[dict[tuple[int, float], Reached], list[Told], str | None]:
    found: dict[tuple[int, float], Reached] = {}
    told: list[Told] = []

    def keep(reached: Reached) -> None:
        found[reached.member, reached.target] = reached

    why = train_grid(members, targets, config, data, on_reached=keep, on_epoch=told.append, together=together)
    return found, told, why


@pytest.mark.parametrize(("build", "shape"), [(_perceptron, (6,)), (_image, (6, 6, 2))])
def test_together_is_alone(build: Callable[[], Any], shape: tuple[int, ...]) -> None:
    data = _data(shape)
    config = GridTraining(
        loss="sparse_categorical_crossentropy", epochs=1, epochs_per_target=2, batch_size=32, learning_rate=0.01
    )
    targets = (0.0, 0.5)
    both, told, why = _trained(_members(build, data), config, data, targets, together=True)
    assert why is None
    assert [each.networks for each in told] == [3, 3, 3]
    alone, _, why = _trained(_members(build, data), config, data, targets, together=False)
    assert why == "asked for one by one"
    assert both.keys() == alone.keys() == {(member, target) for member in range(3) for target in targets}
    for key, reached in both.items():
        assert reached.score is not None
        for one, other in zip(reached.weights, alone[key].weights, strict=True):
            np.testing.assert_allclose(one, other, atol=2e-4)


@pytest.mark.slow
def test_scores_of_a_stack_are_those_of_training_alone_within_the_spread_of_seeds() -> None:
    """Rounding makes long runs part ways; what they reach must not differ by more than another seed does."""
    rng = np.random.default_rng(5)
    x = rng.normal(0, 1, (900, 6)).astype(np.float32)
    y = (x[:, :3] + rng.normal(0, 0.6, (900, 3)) + 0.5 * x[:, 3:] ** 2).argmax(axis=1)
    data = TrainingData(x[:400], y[:400], x[400:], y[400:])
    shared, members = requantized(_small(), 6, x[:4]), []
    for seed in range(3):
        load_frameworks().keras.utils.set_random_seed(seed)
        members.append(Member(shared, _small().get_weights(), seed))
    config = GridTraining(
        loss="sparse_categorical_crossentropy", epochs=12, epochs_per_target=8, batch_size=32, learning_rate=0.01
    )
    scores = {}
    for together in (True, False):
        found, _, _ = _trained(members, config, data, (0.0, 0.6), together=together)
        scores[together] = {key: each.score.metric for key, each in found.items() if each.score is not None}
    for target in (0.0, 0.6):
        stack, alone = (np.array([scores[kind][seed, target] for seed in range(3)]) for kind in (True, False))
        spread = alone.std(ddof=1)
        assert abs(stack.mean() - alone.mean()) <= spread, (stack, alone)
        assert 0 < spread < 0.1 < alone.min() - 1 / 3  # the networks learn, and seeds differ little beside that
        assert stack.std(ddof=1) <= 3 * spread


def test_points_hold_their_sparsity_and_hang_on_earlier_targets_only() -> None:
    data = _data((6,))
    config = GridTraining(loss="sparse_categorical_crossentropy", epochs=2, epochs_per_target=3, stack=2)
    found, told, _ = _trained(_members(_small, data), config, data, (0.0, 0.4, 0.8), together=True)
    short, _, _ = _trained(_members(_small, data)[:2], config, data, (0.0, 0.4), together=True)
    assert [each.networks for each in told] == [2] * 8 + [1] * 8  # no more than two at once
    for (_, target), reached in found.items():
        kernels = [array for array in reached.weights if array.ndim == 2]
        zeros = sum(int((array == 0).sum()) for array in kernels)
        assert target == 0 or zeros == np.ceil(target * sum(array.size for array in kernels))
    for (member, target), reached in short.items():
        for one, other in zip(reached.weights, found[member, target].weights, strict=True):
            np.testing.assert_array_equal(one, other)


class _Memory:
    """Keeps runs here, and what is kept as it was after so many epochs."""

    def __init__(self) -> None:
        self.held: dict[tuple[int, ...], dict[str, Any]] = {}
        self.saved: list[dict[str, Any]] = []

    def load(self, members: tuple[int, ...]) -> dict[str, Any] | None:
        return self.held.get(members)

    def save(self, members: tuple[int, ...], state: dict[str, Any]) -> None:
        self.held[members] = state
        self.saved.append(state)

    def drop(self, members: tuple[int, ...]) -> None:
        del self.held[members]


@pytest.mark.parametrize("together", [True, False])
def test_a_run_goes_on_from_any_epoch_to_the_same_weights(together: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fpgaprune.compress.stack.schedule.KEEP_S", 0.0)
    data, memory = _data((6,)), _Memory()
    config = GridTraining(
        loss="sparse_categorical_crossentropy", epochs=2, epochs_per_target=3, batch_size=32, learning_rate=0.01
    )
    targets, members = (0.0, 0.5, 0.8), _members(_small, data)[:2]

    def trained() -> tuple[dict[tuple[int, float], Reached], list[Told]]:
        found: dict[tuple[int, float], Reached] = {}
        told: list[Told] = []

        def keep(reached: Reached) -> None:
            found[reached.member, reached.target] = reached

        train_grid(
            members, targets, config, data, on_reached=keep, on_epoch=told.append, together=together, keeper=memory
        )
        return found, told

    whole, _ = trained()
    group = (0, 1) if together else (0,)
    assert not memory.held
    for epoch in (4, 8):  # between two targets, and after the last one
        memory.held[group] = memory.saved[epoch - 1]
        found, told = trained()
        assert [each.epoch for each in told if each.networks == len(group)][: 8 - epoch] == list(range(epoch + 1, 9))
        due = {
            (member, target) for member in group for target, at in zip(targets, (2, 5, 8), strict=True) if at >= epoch
        }
        assert due <= found.keys()
        for key in found:
            assert found[key].score == whole[key].score
            for one, other in zip(found[key].weights, whole[key].weights, strict=True):
                np.testing.assert_array_equal(one, other)


def _recurrent() -> Any:
    layers = load_frameworks().keras.layers
    return load_frameworks().keras.Sequential([layers.Input((4, 2)), layers.LSTM(3), layers.Dense(3)])


def test_a_model_that_cannot_be_stacked_is_trained_one_by_one() -> None:
    data = _data((4, 2))
    members = _members(_recurrent, data)
    with pytest.raises(CannotStackError, match=r"'lstm.*' \(LSTM\) has weights and no form for several networks"):
        Stack(members)
    config = GridTraining(loss="sparse_categorical_crossentropy", epochs=1, epochs_per_target=1)
    found, told, why = _trained(members[:2], config, data, (0.0, 0.5), together=True)
    assert why is not None
    assert "LSTM" in why
    assert [each.networks for each in told] == [1] * 4
    assert len(found) == 4
    assert all(reached.score is not None for reached in found.values())


def test_a_network_that_diverges_says_so_and_leaves_the_others() -> None:
    data = _data((6,))
    members = _members(_small, data)
    members[1] = Member(members[1].model, [np.full_like(array, np.nan) for array in members[1].weights], 1)
    config = GridTraining(loss="sparse_categorical_crossentropy", epochs=1, epochs_per_target=1)
    found, _, _ = _trained(members, config, data, (0.0, 0.5), together=True)
    assert "NaN" in (found[1, 0.0].error or "")
    assert found[0, 0.5].error is None
    assert found[2, 0.5].error is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs_per_target": 0}, "epochs_per_target must be a whole number, at least 1"),
        ({"start": "trainned"}, "did you mean trained"),
        ({"ramp": 1.0}, "ramp must be a fraction from 0, below 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        GridTraining(loss="mse", **change)
