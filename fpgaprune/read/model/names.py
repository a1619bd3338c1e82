"""Layer names that are safe where hls4ml puts them: in C++ identifiers, types and file names.

hls4ml writes layer names into the generated code as they are, lower-cases them in type names, appends the activation's
name to make a second layer, and finds a layer's arrays by looking for words such as `bias` in "layer name / array
name" (converters/keras_v2_to_hls.py, hls4ml 1.3.0): a layer called `bias_1` gets its kernel as bias.
"""

import re
from collections.abc import Iterable

from fpgaprune.errors import ModelError
from fpgaprune.read.model.vocabulary import words

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST = 64
# Words that hls4ml looks for in array names, second and later ones of a layer; the first found wins.
_ARRAY_WORDS = ("bias", "beta", "moving_mean", "moving_variance", "recurrent_kernel", "pointwise_kernel", "kernel")
_GENERATED = re.compile(
    r"(layer|config|[wbsazpi]|wr|br)\d+(_out|_t)?|input_t|result_t|model_default_t|[a-z]", re.IGNORECASE
)
# ISO C++20 [lex.key] and [lex.digraph], and names that the generated sources themselves declare.
_RESERVED = words(
    """alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class
    co_await co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype default
    delete do double dynamic_cast else enum explicit export extern false float for friend goto if inline int long
    mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public register
    reinterpret_cast requires return short signed sizeof static static_assert static_cast struct switch template this
    thread_local throw true try typedef typeid typename union unsigned using virtual void volatile wchar_t while xor
    xor_eq main std nnet hls input output ap_fixed ap_ufixed ap_int ap_uint myproject weights parameters defines"""
)


def check_not_a_path(name: str, path: object) -> None:
    """Raise ModelError for a layer name that climbs out of a folder or names one."""
    parts = re.split(r"[/\\]", name)
    if ".." in parts or name.startswith(("/", "\\", "~")) or "\\" in name or re.match(r"^[A-Za-z]:[/\\]", name):
        message = (
            f"{path} has a layer called {name!r}, which is a path; hls4ml writes layer names into files: rename it"
        )
        raise ModelError(message)
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        message = f"{path} has a layer called {name!r}, which holds control characters: rename it"
        raise ModelError(message)


def safe_name(name: str, taken: Iterable[str], suffixes: Iterable[str] = (), *, is_input: bool = False) -> str:
    """`name` if it is safe and free, case aside, else the nearest safe identifier that is.

    `suffixes` are what hls4ml may append to make more layers of this one (`_relu`, `_alpha`): those must be free too.
    An input's name becomes a C++ variable as it is, so it must not be one that the generated code uses.
    """
    safe = re.sub(r"[^A-Za-z0-9_]", "_", name)[:_LONGEST] or "layer"
    for word in _ARRAY_WORDS:
        safe = re.sub(word, lambda found: f"{found[0][:2]}_{found[0][2:]}", safe, flags=re.IGNORECASE)
    if not _IDENTIFIER.fullmatch(safe):
        safe = f"layer_{safe}"
    if safe.lower() in _RESERVED or (is_input and _GENERATED.fullmatch(safe)):
        safe = f"{safe}_layer"
    used = {other.lower() for other in taken}
    endings = ("", *suffixes)
    unique, count = safe, 1
    while any(f"{unique}{ending}".lower() in used for ending in endings):
        count += 1
        unique = f"{safe}_{count}"
    return unique
