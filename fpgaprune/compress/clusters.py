"""Weight sharing: few distinct values per layer, trained together, and the size they take when coded.

Deep Compression (Han, Mao and Dally, arXiv:1510.00149): k-means from centroids spread evenly over the range, the
shared values trained by the sum of their weights' gradients, Huffman codes for the indices. In an FPGA equal constants
on one input share a multiplier, so `scope = "input"` bounds the multipliers of an input.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.data import TrainingData
from fpgaprune.compress.kernels import Kernel
from fpgaprune.compress.masks import Groups
from fpgaprune.compress.method import OnProgress, PruneResult, pruning_method
from fpgaprune.compress.run import POSITIVE, WHOLE, PruningRun, TrainedConfig, check_settings, positive, whole
from fpgaprune.errors import ConfigError, unknown_choice
from fpgaprune.frameworks import load_frameworks

_SCOPES = ("layer", "input")
_ROUNDS = 100  # of k-means at most; it nearly always ends by itself
_FLOAT_BITS = 32

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Clusters(TrainedConfig):
    """At most `clusters` distinct weights besides zero, in every layer or on every `input` of it; zeros stay zero.

    Under a scale for every channel, a power of two, the weights before it are shared.
    """

    method: ClassVar[str] = "clusters"

    clusters: int
    scope: str = "layer"
    epochs: int = 20
    learning_rate: float = 5e-4
    batch_size: int = 64
    loss: str | None = None
    exclude: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ConfigError for settings that make no sense."""
        rules = (
            ("clusters", whole(self.clusters, 1), "a whole number, at least 1"),
            ("epochs", whole(self.epochs, 0), WHOLE),
            ("learning_rate", positive(self.learning_rate), POSITIVE),
            ("batch_size", whole(self.batch_size, 1), "a whole number, at least 1"),
            ("seed", whole(self.seed, 0), WHOLE),
        )
        check_settings(self, rules)
        if self.scope not in _SCOPES:
            raise ConfigError(unknown_choice("scope", self.scope, _SCOPES))


@pruning_method(Clusters)
def share_weights(model: Any, config: Clusters, data: TrainingData, on_progress: OnProgress) -> PruneResult:
    """Share the weights of a copy of `model`; see `prune` for what it raises."""
    run = PruningRun(model, config, data, on_progress, config.epochs)
    trainer = run.trainer
    groups = {kernel.name: _groups(kernel, config) for kernel in trainer.kernels}
    trainer.hold([kernel.quantized() != 0 for kernel in trainer.kernels])
    trainer.set_projection(_means(groups))
    trainer.restart(config.learning_rate, l1=0.0)
    run.train_for_best("share", config.epochs)
    coded = [coded_size(kernel) for kernel in trainer.kernels]
    return run.result(more={"coding": _summed(coded), "coding_by_layer": coded})


def _groups(kernel: Kernel, config: Clusters) -> Groups:
    """The number of every weight's cluster, in the kernel's shape; zeros are in whichever is near."""
    values = _codes(kernel)
    if config.scope == "layer":
        return k_means(values.ravel(), config.clusters).reshape(values.shape)
    rows = values.reshape(-1, values.shape[-1])
    numbers = [k_means(row, config.clusters) + index * config.clusters for index, row in enumerate(rows)]
    return np.stack(numbers).reshape(values.shape)


def _codes(kernel: Kernel) -> Array:
    """What is shared and stored: the quantized weights, without the scales that a quantizer has for every channel."""
    scale = getattr(kernel.quantizer, "alpha", None)
    return kernel.quantized() if scale is None or np.ndim(scale) == 0 else kernel.quantized() / np.asarray(scale)


def k_means(values: Array, clusters: int) -> NDArray[np.int64]:
    """The cluster of every value, numbered from 0: Lloyd's rounds on the values that are not zero."""
    counted, repeats = np.unique(values[values != 0], return_counts=True)
    if counted.size == 0:
        return np.zeros(values.size, dtype=np.int64)
    if counted.size <= clusters:
        centres = counted
    else:
        centres = np.linspace(counted[0], counted[-1], clusters)
        for _ in range(_ROUNDS):
            nearest = _nearest(counted, centres)
            weight = np.bincount(nearest, repeats, clusters)
            sums = np.bincount(nearest, repeats * counted, clusters)
            # A centre that nothing is near stays where it is.
            moved = np.where(weight > 0, sums / np.maximum(weight, 1), centres)
            if np.array_equal(moved, centres):
                break
            centres = moved
    return _nearest(values, centres)


def _nearest(values: Array, centres: Array) -> NDArray[np.int64]:
    return np.searchsorted((centres[1:] + centres[:-1]) / 2, values).astype(np.int64)


def _means(groups: dict[str, Groups]) -> Callable[[Kernel, Any], Any]:
    """The projection onto kernels with one value per group: the mean of its weights that are not zero."""
    counts = {name: int(found.max()) + 1 for name, found in groups.items()}

    def project(kernel: Kernel, tensor: Any) -> Any:
        tensorflow = load_frameworks().tensorflow
        flat = tensorflow.reshape(tensor, [-1])
        number = tensorflow.constant(groups[kernel.name].ravel())
        count = counts[kernel.name]
        present = tensorflow.cast(flat != 0, flat.dtype)
        sums = tensorflow.math.unsorted_segment_sum(flat, number, count)
        members = tensorflow.math.unsorted_segment_sum(present, number, count)
        means = sums / tensorflow.maximum(members, 1.0)
        return tensorflow.reshape(tensorflow.gather(means, number) * present, tensor.shape)

    return project


def coded_size(kernel: Kernel) -> dict[str, Any]:
    """Bits of a kernel's quantized values: as they are, as Huffman codes, and for the table of distinct values.

    Scales for every channel are left out, of the values and of the bits.

    A value takes the width of the kernel's quantizer, 32 bits where it has none.
    """
    values = _codes(kernel).ravel()
    bits = getattr(kernel.quantizer, "bits", None)
    width = _FLOAT_BITS if bits is None else int(bits)
    counts = Counter(values.tolist())
    lengths = huffman_lengths(list(counts.values()))
    return {
        "name": kernel.layer,
        "parameter": kernel.parameter,
        "distinct": len(counts) - (0.0 in counts),
        "bits_per_value": width,
        "plain_bits": kernel.size * width,
        "code_bits": sum(count * length for count, length in zip(counts.values(), lengths, strict=True)),
        "table_bits": len(counts) * width,
    }


def huffman_lengths(counts: Sequence[int]) -> list[int]:
    """Bits of the best prefix code for symbols that occur so often (Huffman 1952, doi:10.1109/JRPROC.1952.273898).

    A single symbol takes no bits.
    """
    lengths = [0] * len(counts)
    heap = [(count, index, [index]) for index, count in enumerate(counts)]
    heapq.heapify(heap)
    while len(heap) > 1:
        (one, tie, left), (other, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in (*left, *right):
            lengths[symbol] += 1
        heapq.heappush(heap, (one + other, tie, left + right))
    return lengths


def _summed(layers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    plain = sum(layer["plain_bits"] for layer in layers)
    coded = sum(layer["code_bits"] + layer["table_bits"] for layer in layers)
    return {"plain_bits": plain, "coded_bits": coded, "ratio": plain / coded}
