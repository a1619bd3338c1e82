"""Plans of sparse kernels, and their text read back, on random weights."""

from math import ceil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fpgaprune.csd import csd_digits
from fpgaprune.estimate.kernels import KernelCounts, KernelForm, kernel_attributes, plan_kernel
from fpgaprune.generate.kernels.text import kernel_text
from fpgaprune.read.project.folder import ProjectFolder
from fpgaprune.read.project.kernels import kernel_codes, read_kernel

CODES = arrays(np.int64, st.tuples(st.integers(1, 8), st.integers(1, 8)), elements=st.integers(-90, 90))


@given(codes=CODES, reuse_factor=st.integers(1, 17), in_order=st.booleans())
def test_a_plan_holds_every_product_once_and_no_multiplier_too_many(
    codes: np.ndarray, reuse_factor: int, *, in_order: bool
) -> None:
    plan = plan_kernel(codes, reuse_factor, in_order=in_order)
    np.testing.assert_array_equal(kernel_codes(plan), codes)
    multiplied = sum(len({int(c) for c in row if csd_digits([c])[0] > 2}) for row in codes)
    assert plan.multiplied == multiplied
    assert plan.multipliers == ceil(multiplied / reuse_factor)
    assert KernelCounts.of(codes).attributes(reuse_factor) == kernel_attributes(plan)
    assert plan.slots <= reuse_factor
    whole = np.repeat(codes, reuse_factor, axis=0)
    if reuse_factor > 1:
        lanes = plan_kernel(whole, reuse_factor, form=KernelForm.LANES)
        np.testing.assert_array_equal(kernel_codes(lanes), whole)
        assert lanes.multipliers == int((csd_digits(codes) > 2).sum())  # every run has one weight over and over
        assert KernelCounts.of(whole).attributes(reuse_factor, KernelForm.LANES) == kernel_attributes(lanes)
    adders = plan_kernel(codes, reuse_factor, form=KernelForm.ADDERS)
    np.testing.assert_array_equal(kernel_codes(adders), codes)
    assert adders.multipliers == 0
    assert KernelCounts.of(codes).attributes(reuse_factor, KernelForm.ADDERS) == kernel_attributes(adders)


@pytest.mark.parametrize("form", KernelForm)
@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("reuse_factor", [1, 3])
def test_the_text_is_read_back(tmp_path: Path, form: KernelForm, reuse_factor: int, *, in_order: bool) -> None:
    codes = np.random.default_rng(1).integers(-100, 100, (9, 7)) * (np.random.default_rng(2).random((9, 7)) > 0.5)
    if form is KernelForm.LANES and (in_order or reuse_factor == 1):
        return  # there is no such kernel
    plan = plan_kernel(codes, reuse_factor, in_order=in_order, form=form)
    (tmp_path / "firmware" / "kernels").mkdir(parents=True)
    text = kernel_text(plan, "sparse_2", "A layer.", 6)
    (tmp_path / "firmware" / "kernels" / "sparse_2.h").write_text(text)
    found = read_kernel(ProjectFolder(tmp_path), "sparse_2", 6, reuse_factor)
    np.testing.assert_array_equal(kernel_codes(found), codes)
    assert (found.multipliers, found.multiplied) == (plan.multipliers, plan.multiplied)
    assert kernel_attributes(found) == kernel_attributes(plan)
