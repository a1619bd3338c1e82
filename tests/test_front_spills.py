"""Stores and loads that the open front end does without, and those that it must follow."""

from fpgaprune.synth.open.front.module import Function
from fpgaprune.synth.open.front.spills import without_spills

KEPT = "%v = alloca i32, align 4"


def _function(*lines: str, more: tuple[str, ...] = ("ret void",)) -> Function:
    return Function("f", ("%0", "%1"), {"": (*lines, "br label %2"), "2": more})


def test_a_parameter_that_is_only_loaded_is_its_register() -> None:
    function = _function(
        "%a = alloca i32, align 4",
        "%b = alloca i32, align 4",
        "store i32 %0, ptr %a, align 4",
        "%x = load i32, ptr %a, align 4",
        "store i32 %x, ptr %b, align 4",
        more=("%y = load i32, ptr %b, align 4", "ret i32 %y"),
    )
    left, same = without_spills(function)
    assert left == {"": ("br label %2",), "2": ("ret i32 %y",)}
    assert list(same.items()) == [("%x", "%0"), ("%y", "%x")]


def test_what_changes_or_others_may_see_is_followed() -> None:
    store, load = "store i32 %0, ptr %v, align 4", "%x = load i32, ptr %v, align 4"
    for function in (
        _function(KEPT, store, load, store.replace("%0", "%1")),
        _function(KEPT, store, load, more=(store.replace("%0", "%1"), "ret void")),
        _function(KEPT, load, store),
        _function(KEPT, load, more=(store, "ret void")),
        _function(KEPT, store, "call void @g(ptr %v)", load),
        _function(KEPT, store, "%p = alloca ptr, align 8", "store ptr %v, ptr %p, align 8", load),
        _function(KEPT, store, "%x = load i8, ptr %v, align 4"),
        _function(KEPT, "store i8 %0, ptr %v, align 4", load),
    ):
        left, same = without_spills(function)
        assert KEPT in left[""]
        assert "%x" not in same
