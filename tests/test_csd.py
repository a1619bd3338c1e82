"""Canonical signed digits against brute force."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgaprune.csd import csd_digits, csd_terms, nearest_with_digits

CODES = st.integers(-(2**60), 2**60)


def test_no_representation_has_fewer_digits() -> None:
    """Every signed-digit representation of eight digits, searched exhaustively."""
    fewest: dict[int, int] = {}
    for digits in product((-1, 0, 1), repeat=8):
        value = sum(digit << place for place, digit in enumerate(digits))
        count = sum(digit != 0 for digit in digits)
        fewest[value] = min(count, fewest.get(value, 9))
    codes = range(-85, 86)  # the canonical form of these fits eight digits
    assert csd_digits(list(codes)).tolist() == [fewest[code] for code in codes]


@given(CODES)
def test_the_terms_make_the_code_and_are_never_adjacent(code: int) -> None:
    terms = csd_terms(code)
    assert sum(sign << shift for sign, shift in terms) == code
    shifts = [shift for _, shift in terms]
    assert all(later - earlier >= 2 for earlier, later in pairwise(shifts))
    assert csd_digits(code) == len(terms)


@given(CODES, st.integers(0, 1))
def test_sign_and_doubling_keep_the_number_of_digits(code: int, shift: int) -> None:
    assert csd_digits(code) == csd_digits(-code) == csd_digits(code << shift)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 4)])
def test_the_shape_is_kept(shape: tuple[int, ...]) -> None:
    assert csd_digits(np.full(shape, 11)).shape == shape


def test_the_smallest_codes_of_three_digits() -> None:
    digits = csd_digits(np.arange(32))
    assert np.flatnonzero(digits >= 3).tolist() == [11, 13, 19, 21, 22, 23, 25, 26, 27, 29]


@pytest.mark.parametrize("digits", range(5))
def test_the_nearest_code_with_few_digits_is_the_nearest_of_all(digits: int) -> None:
    codes = np.arange(-512, 512)
    allowed = np.arange(-1024, 1025)
    allowed = allowed[csd_digits(allowed) <= digits]
    found = nearest_with_digits(codes, digits)
    distance = np.abs(codes[:, None] - allowed).min(axis=1)
    assert (csd_digits(found) <= digits).all()
    assert np.array_equal(np.abs(found - codes), distance)
    inside = allowed[(allowed >= -512) & (allowed < 512)]
    held = nearest_with_digits(codes, digits, bits=9)
    assert np.isin(held, inside).all()
    assert np.array_equal(np.abs(held - codes), np.abs(codes[:, None] - inside).min(axis=1))


@given(CODES, st.integers(0, 32))
def test_rounding_to_digits_leaves_what_has_them(code: int, digits: int) -> None:
    found = int(nearest_with_digits(code, digits))
    assert int(csd_digits(found)) <= digits
    assert found == -int(nearest_with_digits(-code, digits))
    if int(csd_digits(code)) <= digits:
        assert found == code
    else:
        closer = [2**n for n in range(61)] if digits else [0]
        assert abs(found - abs(code) * (1 if code > 0 else -1)) <= min(abs(abs(code) - c) for c in closer)
