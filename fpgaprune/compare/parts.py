"""Parts by their names, as different tools spell them."""

import re


def plain_part(part: str) -> str:
    """Parts are written with and without hyphens: xc7z020clg400-1, xc7z020-clg400-1."""
    return re.sub(r"[^a-z0-9]", "", part.lower())


def same_part(one: str, other: str) -> bool:
    """Whether two names mean one part; Vivado's reports leave out the temperature grade, and sometimes the speed."""
    first, second = sorted((plain_part(one), plain_part(other)), key=len)
    return second.startswith(first)
