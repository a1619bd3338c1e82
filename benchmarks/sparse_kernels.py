"""Multipliers of a pruned jet tagger and a small pruned CNN: hls4ml's strategies and the sparse kernels side by side.

    python -m benchmarks.sparse_kernels [REUSE_FACTOR ...]

A 16-64-32-32-5 network and a CNN (two 3x3 convolutions of 8 and 16 filters, a 1x1 of 16, a dense layer of 10), 77 % of
their weights zero (unstructured, seeded), codes of 6, 8, 12 and 16 bits; convolutions by one position. Counted from
the weights: Latency by the DSP model's rules, Resource all weights / reuse factor, resource_unrolled the lanes that
hold a weight that is not zero (hls4ml 1.3 transposes and reshapes them), the sparse kernels as their text is written.
The last line is JSON; `ratio` is resource_unrolled over ours. The time is that of writing a kernel of 100 000 products.
"""

import itertools
import json
import sys
import time
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fpgaprune.estimate.kernels import plan_kernel
from fpgaprune.generate.kernels.text import kernel_text

TAGGER = ((16, 64), (64, 32), (32, 32), (32, 5))
CNN = ((9, 8), (72, 16), (16, 16), (256, 10))  # (window times channels, filters)
NETWORKS = {"jet tagger": TAGGER, "small CNN": CNN}
SPARSITY = 0.77
LARGE = (500, 200)  # 100 000 weights, none zero


def _codes(shape: tuple[int, int], bits: int, sparsity: float, rng: np.random.Generator) -> NDArray[np.int64]:
    half = 1 << (bits - 1)
    values = rng.integers(1, half, shape) * rng.choice([-1, 1], shape)
    return np.where(rng.random(shape) >= sparsity, values, 0)


def count(codes: NDArray[np.int64], reuse_factor: int) -> dict[str, int]:
    """Multipliers of one dense layer by strategy."""
    plan = plan_kernel(codes, reuse_factor)
    zeros = int(codes.size - np.count_nonzero(codes))
    limit = ceil(codes.size / reuse_factor) - zeros // reuse_factor
    flat = codes.T.reshape(-1)
    lanes = np.pad(flat, (0, -flat.size % reuse_factor)).reshape(-1, reuse_factor)
    return {
        "latency": min(plan.multiplied, limit),
        "resource": ceil(codes.size / reuse_factor) if reuse_factor > 1 else plan.multiplied,
        "resource_unrolled": int(lanes.any(axis=1).sum()) if reuse_factor > 1 else plan.multiplied,
        "sparse": plan.multipliers,
        "nonzero / reuse factor": ceil(np.count_nonzero(codes) / reuse_factor),
    }


def main(arguments: list[str]) -> None:
    """Print a row per width and reuse factor, and the JSON line."""
    rows = []
    for (network, shapes), bits in itertools.product(NETWORKS.items(), (6, 8, 12, 16)):
        rng = np.random.default_rng(bits)
        layers = [_codes(shape, bits, SPARSITY, rng) for shape in shapes]
        for reuse_factor in [int(text) for text in arguments] or [1, 2, 4, 8, 16]:
            counted = [count(codes, reuse_factor) for codes in layers]
            total = {name: sum(one[name] for one in counted) for name in counted[0]}
            ratio = round(total["resource_unrolled"] / max(1, total["sparse"]), 2)
            rows.append({"network": network, "bits": bits, "reuse_factor": reuse_factor, **total, "ratio": ratio})
            print(", ".join(f"{name} {value}" for name, value in rows[-1].items()))
    large = _codes(LARGE, 16, 0.0, np.random.default_rng(0))
    started = time.perf_counter()
    kernel_text(plan_kernel(large, 8), "sparse_2", "A large layer.", 10)
    seconds = time.perf_counter() - started
    print(json.dumps({"rows": rows, "seconds_for_100000_weights": round(seconds, 2)}))


if __name__ == "__main__":
    main(sys.argv[1:])
