"""Expressions, conditions and argument lists of generated C++."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgaprune.errors import ProjectError
from fpgaprune.read.project.expressions import evaluate
from fpgaprune.read.project.source import preprocess, split_arguments


def _numbers() -> st.SearchStrategy[str]:
    leaf = st.integers(0, 99).map(str) | st.sampled_from(["seven", "config2::seven"])

    def bigger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        operator = st.sampled_from(["+", "-", "*", "==", "<", ">", "!="])
        return st.tuples(inner, operator, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})") | st.tuples(inner, inner).map(
            lambda t: f"{t[0]} + {t[1]} * 3"
        )

    return st.recursive(leaf, bigger, max_leaves=8)


@given(text=_numbers())
def test_expressions_mean_what_they_mean_in_c(text: str) -> None:
    expected = int(eval(text.replace("config2::", ""), {"seven": 7}))  # noqa: S307 - the test wrote the text
    assert evaluate(text, lambda name: {"seven": 7, "config2::seven": 7}[name]) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("DIV_ROUNDUP(7 * 3, 4) - 9 / 4", 4),
        ("(n == -1) ? 5 : n", 5),
        ("-7 / 2", -3),
        ("-7 % 3", -1),
        ("1024u", 1024),
        ("0x10", 16),
        ("true", 1),
        ("MIN(3, 2) + MAX(3, 2)", 5),
        ("2 - 1 - 1", 0),
    ],
)
def test_expressions_of_generated_code(text: str, value: int) -> None:
    assert evaluate(text, lambda _: -1) == value


@pytest.mark.parametrize("text", ["", "1 +", "(1", "f(2)", "1 2", '"a"', "1.5", "a.b", "1 ? 2", "__import__('os')"])
def test_anything_else_is_no_expression(text: str) -> None:
    with pytest.raises(ProjectError, match="not an integer expression"):
        evaluate(text, lambda _: 1)


def test_only_what_synthesis_sees_is_kept() -> None:
    text = "#ifndef __SYNTHESIS__\na\n#ifdef B\nb\n#else\nc\n#endif\n#else\nd\n#endif\n"
    text += "#define E 3\n#ifdef E\ne\n#endif /* x */\n"
    macros: dict[str, str] = {}
    assert preprocess(text, macros).split() == ["d", "e"]
    assert macros == {"E": "3"}


def test_arguments_split_at_outer_commas() -> None:
    assert split_arguments("a, nnet::array<x, 3>, f(1, 2)") == ("a", "nnet::array<x, 3>", "f(1, 2)")
    assert split_arguments(" ") == ()
