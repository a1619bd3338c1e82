"""The text of each kind of kernel as it is written, pragmas included, and the time that writing takes.

After a change that is meant: python -m tests.test_kernel_text writes the golden files again.
"""

import time
from pathlib import Path

import numpy as np
import pytest

from fpgaprune.estimate.kernels import KernelForm, plan_kernel
from fpgaprune.generate.kernels.text import kernel_text

GOLDEN = Path(__file__).parent / "golden" / "kernels"
CODES = np.array([[0, 11, -8, 11], [43, 0, 6, -53], [0, 0, 0, 0], [-1, 45, 0, 27], [77, 11, 64, -11]])
DEEP = np.where(np.eye(4, dtype=bool)[[0, 1, 2, 3, 0]], CODES, 0)  # one output per input, as depthwise kernels are
LANES = np.array([[0, 11], [0, -8], [0, 53], [43, 0], [-53, 0], [6, 2]])  # in runs of three inputs

KINDS = {
    "at_once": (CODES, 1, False),
    "slots": (CODES, 4, False),
    "slots_in_order": (CODES, 4, True),
    "depthwise": (DEEP, 2, False),
    "no_multiplier": (np.array([[0, 4], [-6, 1]]), 8, False),
    "empty": (np.zeros((2, 3), dtype=np.int64), 4, False),
    "adders": (CODES, 4, True),
    "lanes": (LANES, 3, False),
}


def written(kind: str) -> str:
    codes, reuse_factor, in_order = KINDS[kind]
    form = KernelForm(kind) if kind in {"adders", "lanes"} else KernelForm.SLOTS
    plan = plan_kernel(codes.astype(np.int64), reuse_factor, in_order=in_order, form=form)
    return kernel_text(plan, "sparse_2", f"Layer fc: {codes.shape[0]} inputs, {codes.shape[1]} outputs.", 6)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_kernel_is_as_in_its_golden_file(kind: str) -> None:
    assert written(kind) == (GOLDEN / f"{kind}.h").read_text()


def test_the_pragmas_hold_the_structure() -> None:
    """Slots are a pipeline of their own behind a function that is not inlined, with the limit in its scope."""
    shared = (Path(__file__).parents[1] / "hls_templates" / "kernels" / "sparse.h").read_text()
    for driver in ("in_slots", "in_slots_in_order"):
        body = shared.split(f"void {driver}(", 1)[1].split("\n}\n", 1)[0]
        for pragma in (
            "INLINE off",
            "ALLOCATION operation instances=mul limit=limit",
            "PIPELINE II=1 rewind",
            "ARRAY_PARTITION variable=acc complete dim=0",
        ):
            assert f"#pragma HLS {pragma}" in body
    assert "#pragma HLS INLINE off" in written("slots")
    assert "#pragma HLS PIPELINE II=1" in written("at_once")


@pytest.mark.parametrize("reuse_factor", [1, 8])
def test_writing_takes_time_in_proportion_to_the_weights(reuse_factor: int) -> None:
    def seconds(inputs: int) -> float:
        rng = np.random.default_rng(0)
        codes = rng.integers(1, 1 << 15, (inputs, 100)) * rng.choice([-1, 1], (inputs, 100))
        started = time.process_time()
        kernel_text(plan_kernel(codes, reuse_factor), "sparse_2", "A large layer.", 10)
        return time.process_time() - started

    few, many = min(seconds(100) for _ in range(3)), min(seconds(1000) for _ in range(2))
    assert many < 30
    assert many < 4 * 10 * few


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name in KINDS:
        (GOLDEN / f"{name}.h").write_text(written(name))
