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
