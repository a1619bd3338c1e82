"""Canonical signed digits: how many adders a constant costs.

Every integer has one representation with digits -1, 0, 1 and no two adjacent nonzero digits, and no
representation has fewer nonzero ones (Reitwieser, Binary Arithmetic, Advances in Computers 1, 1960,
doi:10.1016/S0065-2458(08)60610-5).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_BYTE_POPCOUNT = np.array([value.bit_count() for value in range(256)], dtype=np.uint8)


def csd_digits(codes: ArrayLike) -> NDArray[np.int64]:
    """Number of nonzero canonical signed digits of each integer code, same shape.

    The nonzero positions of the canonical form of n are the set bits of n XOR 3n (shifted by one).
    Codes must lie within +-2**61 so that 3n fits 64 bits.
    """
    magnitude = np.abs(np.asarray(codes, dtype=np.int64))
    marks = np.ascontiguousarray(magnitude ^ (3 * magnitude))
    octets = marks.reshape(-1, 1).view(np.uint8)
    digits: NDArray[np.int64] = _BYTE_POPCOUNT[octets].sum(axis=-1, dtype=np.int64).reshape(magnitude.shape)
    return digits


def csd_terms(code: int) -> tuple[tuple[int, int], ...]:
    """The canonical form of one code as (sign, shift) pairs, lowest shift first; zero gives ()."""
    terms: list[tuple[int, int]] = []
    shift = 0
    rest = code
    while rest:
        if rest & 1:
            digit = 2 - (rest & 3)  # 1 for ...01, -1 for ...11: the choice that clears the next bit
            terms.append((digit, shift))
            rest -= digit
        rest >>= 1
        shift += 1
    return tuple(terms)


def nearest_with_digits(codes: ArrayLike, digits: int, bits: int | None = None) -> NDArray[np.int64]:
    """The nearest integers with at most `digits` nonzero canonical signed digits, same shape.

    With `bits`, results stay within -2**bits .. 2**bits - 1, where the codes must lie. Codes must lie within +-2**60.

    Digit by digit the nearest power of two to what is left, halfway the larger: no other choice comes nearer (held
    against all codes of few bits in the tests).
    """
    code = np.asarray(codes, dtype=np.int64)
    result = code.copy()
    if bits is not None and digits == 1:
        # 2**bits has one digit but no place; -2**bits has.
        magnitude = np.minimum(_nearest(np.abs(code), 1), np.where(code < 0, 1 << bits, (1 << bits) >> 1))
        return np.asarray(np.sign(code) * magnitude, dtype=np.int64)
    hard = csd_digits(code) > digits
    nearest = np.sign(code[hard]) * _nearest(np.abs(code[hard]), digits)
    if bits is not None:
        nearest = np.minimum(nearest, (1 << bits) - 1)  # 2**bits - 1 has two digits
    result[hard] = nearest
    return result


def _nearest(magnitude: NDArray[np.int64], digits: int) -> NDArray[np.int64]:
    """`nearest_with_digits` of nonnegative numbers."""
    rest = magnitude.copy()
    for _ in range(digits):
        left = np.abs(rest)
        below = np.int64(1) << (np.frexp(np.maximum(left, 1).astype(np.float64))[1].astype(np.int64) - 1)
        below = np.where(below > left, np.maximum(below >> 1, 1), below)  # beyond 53 bits doubles round up
        rest = rest - np.sign(rest) * np.where(2 * left < 3 * below, below, 2 * below)
    return np.asarray(magnitude - rest)
