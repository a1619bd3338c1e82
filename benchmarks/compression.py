"""Ways to make a network cheaper, side by side on real data: accuracy, zeros, DSPs, LUTs, seconds.

    python -m benchmarks.compression DIR [--seeds N] [--epochs N] [--sets digits,mnist,...] [--only NAME,...]

`--only` takes families and methods by the names they have in the rows.

Always: the 1797 digits of 8x8 pixels that come with scikit-learn. Where DIR/data holds them: the first 5000 images of
MNIST's test set (split in two), and the UCI sets with their own split. A QKeras network of 64, 32 and 32 neurons with
16-bit weights and values, no softmax, is trained per seed; every method starts from it. `dense`: that network, and
the same trained on for as many epochs as the methods get. `pruned`: single weights, by iterative L1 and by polynomial
decay, without and with the dense network as a teacher. `others`: L0 gates, 1 of 4, lanes, shared weights, low rank; no
part in the comparison. `fewer bits`: the weights in b bits, values still in 16, nothing trained. `budget`: no DSPs and
a share of the LUTs of the dense network, with and without training. All that train get the same number of epochs.
Accuracy is on the test part, which nothing else saw; the mean over the seeds, and their spread.

For each set follows whether seven of ten weights can go: the mean accuracy of `iterative_l1 0.7` and `polynomial 0.7`
against that of the better of the two dense networks. A difference below the spread of that network's own seeds is no
loss.

Rows of different families are no comparison: those of `fewer bits` and some of `budget` are not trained, and only some
learn from a teacher. `python -m benchmarks.budget` holds the three families to the same training.

The last line is JSON.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.compression_results import Row, mean, no_loss
from fpgaprune.compress import (
    L0,
    Clusters,
    IterativeL1,
    Lanes,
    NofM,
    Polynomial,
    PruneConfig,
    TrainingData,
    prune,
    split_validation,
)
from fpgaprune.compress.constants import Budget
from fpgaprune.compress.copying import predict
from fpgaprune.compress.data import as_tuple
from fpgaprune.compress.distillation import Distillation, distilled
from fpgaprune.compress.factorization import LowRank, factorize
from fpgaprune.compress.kernels import find_kernels
from fpgaprune.compress.masks import quantized_sparsity
from fpgaprune.compress.quantization import fine_tune
from fpgaprune.flow.budget_training import train_to_budget
from fpgaprune.flow.compression import estimate_model
from fpgaprune.flow.constants import change_constants
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.inputs import InputSet
from fpgaprune.generate.settings import GenerateSettings

LOSS = "sparse_categorical_crossentropy"
Array = NDArray[Any]
Sets = dict[str, tuple[Array, Array, Array, Array]]


def main(arguments: list[str] | None = None) -> None:
    """Print a row per set and method, and the JSON line."""
    parser = argparse.ArgumentParser(description="Compression methods side by side.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--sets", default="")
    parser.add_argument("--only", default="", help='as "polynomial 0.7,iterative_l1 0.7" or "budget"')
    asked = parser.parse_args(arguments)
    wanted, only = (frozenset(filter(None, text.split(","))) for text in (asked.sets, asked.only))
    result: dict[str, Any] = {}
    for name, data in load_sets(asked.folder / "data").items():
        if wanted and name not in wanted:
            continue
        found: dict[str, list[Row]] = {}
        for seed in range(asked.seeds):
            for row in run_seed(data, seed, asked.epochs, only):
                found.setdefault(row["method"], []).append(row)
        rows = [mean(each) for each in found.values()]
        for row in rows:
            print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
        claims = no_loss(rows)
        for method, claim in claims.items():
            print(f"{name}, {asked.seeds} seeds, {asked.epochs} epochs each: {method}: {claim['words']}", flush=True)
        result[name] = {"rows": rows, "no_loss": claims}
    print("Families differ in training here; python -m benchmarks.budget compares them under the same.", flush=True)
    print(json.dumps(result))


def load_sets(folder: Path) -> Sets:
    """(train x, train y, test x, test y) by name."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - an optional dependency

    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.data))
    x, y = (digits.data[order] / 16).astype(np.float32), digits.target[order]
    sets: Sets = {"digits": (x[:1257], y[:1257], x[1257:], y[1257:])}
    mnist = folder / "mnist_t10k_first5000.npz"
    if mnist.is_file():
        with np.load(mnist) as stored:
            names = sorted(stored.files, key=lambda key: stored[key].ndim)
            y, x = stored[names[0]], stored[names[-1]].reshape(len(stored[names[-1]]), -1)
        x = (x / max(1.0, float(x.max()))).astype(np.float32)
        sets["mnist"] = (x[:3500], y[:3500], x[3500:], y[3500:])
    for path in sorted(folder.glob("uci_*")):
        parts = [np.load(path / f"{part}.npy") for part in ("X_train_sc", "Y_train", "X_test_sc", "Y_test")]
        labels = [_labels(part, parts[1]) for part in (parts[1], parts[3])]
        sets[path.name] = (parts[0].astype(np.float32), labels[0], parts[2].astype(np.float32), labels[1])
    return sets


def _labels(targets: Array, training: Array) -> Array:
    """Classes counted from zero; some sets have them one-hot, some from one."""
    if targets.ndim == 2 and targets.shape[1] > 1:
        return np.asarray(targets.argmax(axis=1))
    return np.searchsorted(np.unique(training), targets).ravel()


def build(inputs: int, classes: int, weight_bits: int, seed: int) -> Any:
    """The network, its input quantized as well."""
    fw = load_frameworks()
    fw.keras.utils.set_random_seed(seed)
    la, q = fw.keras.layers, fw.qkeras
    weights = f"quantized_bits({weight_bits},1,alpha=1)"
    x = source = la.Input((inputs,), name="values")
    x = q.QActivation("quantized_bits(16,3,alpha=1)", name="types")(x)
    for number, units in enumerate((64, 32, 32), start=1):
        x = q.QDense(
            units, kernel_quantizer=weights, bias_quantizer="quantized_bits(16,1,alpha=1)", name=f"fc{number}"
        )(x)
        x = q.QActivation("quantized_relu(16,5)", name=f"relu{number}")(x)
    last = q.QDense(classes, kernel_quantizer=weights, bias_quantizer="quantized_bits(16,1,alpha=1)", name="classes")
    model = fw.keras.Model(source, last(x))
    model.compile(optimizer=fw.keras.optimizers.Adam(2e-3), loss=fw.keras.losses.SparseCategoricalCrossentropy(True))
    return model


@dataclass(frozen=True)
class _Plan:
    """A method: what it makes of the trained network, whose weights have `bits` bits."""

    method: str
    family: str
    make: Callable[[Any], Any]
    bits: int = 16


def run_seed(
    data: tuple[Array, Array, Array, Array], seed: int, epochs: int, only: frozenset[str] = frozenset()
) -> Iterator[Row]:
    """One row per method or family in `only` (all by default); the dense networks are among them in any case."""
    x, y, test_x, test_y = data
    training = split_validation(x, y, 0.15, seed)
    inputs = InputSet((x[:1024],), "training data", real=True)
    classes = int(max(y.max(), test_y.max())) + 1
    started = time.perf_counter()
    dense = build(x.shape[1], classes, 16, seed)
    dense.fit(training.x, training.y, epochs=epochs, batch_size=64, verbose=0)

    def judged(plan: _Plan, begun: float) -> Row:
        copy = build(x.shape[1], classes, plan.bits, seed)
        copy.set_weights(dense.get_weights())
        model = plan.make(copy)
        seconds = time.perf_counter() - begun
        estimate = estimate_model(model, GenerateSettings(), inputs)
        lut = estimate.fabric.lut
        return {
            "method": plan.method,
            "family": plan.family,
            "accuracy": float(np.mean(predict(model, test_x)[0].argmax(axis=-1) == test_y)),
            "sparsity": quantized_sparsity(find_kernels(model)),
            "dsp": estimate.dsp.high,
            "first_order_dsp": estimate.first_order_dsp,
            "lut": None if lut is None else lut.value,
            "seconds": seconds,
        }

    first = judged(_Plan("dense", "dense", lambda model: model), started)
    yield first
    for plan in (*_trained_plans(dense, training, epochs, seed), *_budget_plans(training, inputs, epochs, seed, first)):
        if not only or plan.family == "dense" or {plan.family, plan.method} & only:
            yield judged(plan, time.perf_counter())


def _trained_plans(dense: Any, training: TrainingData, epochs: int, seed: int) -> Iterator[_Plan]:
    yield _Plan("dense, trained on", "dense", partial(_trained_on, training, epochs, seed))
    for bits in (12, 10, 8, 7, 6, 5, 4):
        yield _Plan(f"{bits}-bit weights", "fewer bits", lambda model: model, bits)
    for sparsity in (0.7, 0.8, 0.9):
        l1 = _iterative(sparsity, epochs, seed)
        yield _Plan(f"iterative_l1 {sparsity}", "pruned", partial(_pruned, l1, training))
        decay = Polynomial(target_sparsity=sparsity, epochs=epochs, loss=LOSS, learning_rate=2e-3, seed=seed)
        yield _Plan(f"polynomial {sparsity}", "pruned", partial(_pruned, decay, training))
        taught = partial(_taught, decay, training, dense)
        yield _Plan(f"polynomial {sparsity}, taught by the dense network", "pruned", taught)
    for other in _others(epochs, seed):
        yield _Plan(other.method, "others", partial(_pruned, other, training))
    yield _Plan("low_rank, energy 0.9", "others", partial(_factorized, LowRank(energy=0.9), training, epochs, seed))


def _budget_plans(training: TrainingData, inputs: InputSet, epochs: int, seed: int, dense: Row) -> Iterator[_Plan]:
    for sparsity in (0.7, 0.8):
        both = partial(_both, _iterative(sparsity, epochs, seed), training, Budget(max_dsp=0), inputs)
        yield _Plan(f"iterative_l1 {sparsity}, then budget, no DSPs", "budget", both)
    yield _Plan("budget, no DSPs", "budget", partial(_changed, Budget(max_dsp=0), inputs))
    for share in (0.7, 0.5, 0.3, 0.2):
        config = Budget(max_dsp=0, max_lut=round(share * (dense["lut"] or 0)))
        name = f"budget, no DSPs, {share} of the LUTs"
        yield _Plan(name, "budget", partial(_changed, config, inputs))
        yield _Plan(f"{name}, trained", "budget", partial(_trained, config, inputs, training, epochs, seed))


def _trained_on(data: TrainingData, epochs: int, seed: int, model: Any) -> Any:
    return fine_tune(model, data, loss=LOSS, epochs=epochs, learning_rate=2e-3, seed=seed)


def _iterative(sparsity: float, epochs: int, seed: int) -> IterativeL1:
    return IterativeL1(
        sparsity,
        steps=6,
        train_epochs=epochs // 10,
        epochs_per_step=epochs // 12,
        fine_tune_epochs=epochs - epochs // 10 - 6 * (epochs // 12),
        loss=LOSS,
        learning_rate=2e-3,
        fine_tune_learning_rate=1e-3,
        seed=seed,
    )


def _others(epochs: int, seed: int) -> tuple[PruneConfig, ...]:
    """Lanes and shared weights are not after multipliers of a fully unrolled design: they stand beside."""
    half = epochs // 2
    common: dict[str, Any] = {"loss": LOSS, "learning_rate": 2e-3, "seed": seed}
    return (
        L0(target_sparsity=0.7, epochs=half, fine_tune_epochs=epochs - half, **common),
        NofM(n=1, m=4, epochs=epochs, **common),
        Lanes(target_sparsity=0.7, reuse_factor=8, epochs=epochs, **common),
        Clusters(clusters=8, epochs=epochs, **common),
    )


def _taught(config: Polynomial, data: TrainingData, teacher: Any, model: Any) -> Any:
    return prune(model, config, distilled(data, teacher, Distillation())).model


def _factorized(config: LowRank, data: TrainingData, epochs: int, seed: int, model: Any) -> Any:
    found = factorize(model, config, as_tuple(data.x)).model
    return fine_tune(found, data, loss=LOSS, epochs=epochs, learning_rate=2e-3, seed=seed)


def _pruned(config: PruneConfig, data: TrainingData, model: Any) -> Any:
    return prune(model, config, data).model


def _both(config: IterativeL1, data: TrainingData, budget: Budget, inputs: InputSet, model: Any) -> Any:
    return change_constants(prune(model, config, data).model, budget, inputs).model


def _changed(config: Budget, inputs: InputSet, model: Any) -> Any:
    return change_constants(model, config, inputs).model


def _trained(config: Budget, inputs: InputSet, data: TrainingData, epochs: int, seed: int, model: Any) -> Any:
    return train_to_budget(
        model, config, inputs, data, loss=LOSS, epochs=epochs, steps=6, learning_rate=2e-3, seed=seed
    ).model


if __name__ == "__main__":
    main()
