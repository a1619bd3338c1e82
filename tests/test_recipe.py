"""Generation recipes: a TOML file, flags over it, and what is wrong in either named."""

from pathlib import Path

import pytest

from fpgaprune.config.recipe import costed_settings, parse_amount, parse_strategy, settings_from
from fpgaprune.design import Strategy
from fpgaprune.errors import ConfigError, FpgapruneError
from fpgaprune.fixed_point import FixedPoint

RECIPE = """
backend = "vivado"
part = "xc7z020clg400-1"
clock_ns = 10
io_type = "io_stream"
strategy = "Resource"
reuse_factor = 4
precision = "ap_fixed<14,5>"
project_name = "trigger"

[layers."conv*"]
strategy = "latency"
parallelization_factor = 2

[layers.fc]
precision = "ap_fixed<8,2>"
reuse_factor = 8
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


def test_a_whole_recipe(recipe: Path) -> None:
    settings = settings_from(recipe, {})
    assert (settings.backend, settings.part, settings.clock_ns) == ("Vivado", "xc7z020clg400-1", 10.0)
    assert (settings.io_type, settings.strategy, settings.reuse_factor) == ("io_stream", Strategy.RESOURCE, 4)
    assert settings.precision == FixedPoint(14, 5)
    assert settings.project_name == "trigger"
    conv, fc = settings.of("conv1"), settings.of("fc")
    assert (conv.strategy, conv.reuse_factor, conv.parallelization_factor) == (Strategy.LATENCY, 4, 2)
    assert (fc.strategy, fc.reuse_factor, fc.precision) == (Strategy.RESOURCE, 8, FixedPoint(8, 2))


def test_flags_win_over_the_file(recipe: Path) -> None:
    flags = {"reuse_factor": 2, "backend": "Vitis", "strategy": None}
    settings = settings_from(recipe, flags, ["fc:reuse_factor=16", "conv*:strategy=resource-unrolled"])
    assert (settings.reuse_factor, settings.backend, settings.strategy) == (2, "Vitis", Strategy.RESOURCE)
    assert settings.of("fc").reuse_factor == 16
    assert settings.of("fc").precision == FixedPoint(8, 2)
    assert settings.of("conv1").strategy is Strategy.RESOURCE_UNROLLED


def test_nothing_given_is_the_default() -> None:
    settings = settings_from(None, {"part": None})
    assert (settings.backend, settings.strategy, settings.precision) == ("Vitis", Strategy.LATENCY, None)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("reuse_factr = 1", "reuse_factr"),
        ("reuse_factor = 1.5", "reuse_factor"),
        ('strategy = "fast"', "fast"),
        ('precision = "int"', "int"),
        ('io_type = "io_serial"', "io_serial"),
        ("clock_ns = 'x'", "clock_ns"),
        ("parallelization_factor = 2", "parallelization_factor"),
        ("[layers.fc]\nspeed = 1", "speed"),
        ("layers = 3", "layers"),
    ],
)
def test_mistakes_are_named(line: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(line)
    with pytest.raises(FpgapruneError, match=word):
        settings_from(path, {})


@pytest.mark.parametrize("flag", ["fc", "fc:", "fc:reuse_factor", ":reuse_factor=2", "fc:=2", "fc:reuse_factor="])
def test_layer_flags_need_three_parts(flag: str) -> None:
    with pytest.raises(ConfigError, match="NAME:KEY=VALUE"):
        settings_from(None, {}, [flag])


def test_strategies_by_name() -> None:
    assert parse_strategy("Distributed-Arithmetic") is Strategy.DISTRIBUTED_ARITHMETIC
    assert parse_strategy(None) is None
    with pytest.raises(ConfigError, match="unknown strategy 'quick'"):
        parse_strategy("quick")


@pytest.mark.parametrize(
    ("value", "count"),
    [(None, None), (20, 20), (" 20 ", 20), ("0", 0), ("40%", 88), ("55 %", 121), ("0.5slr", 110), ("50%slr", 110)],
)
def test_amounts_are_counts_and_shares_of_the_part(value: int | str | None, count: int | None) -> None:
    assert parse_amount("max_dsp", value, "xc7z020clg400-1") == count


def test_shares_are_not_rounded_twice() -> None:
    assert parse_amount("max_lut", "29%", "xc7z020clg400-1") == 15428  # of 53 200; in floats one less


@pytest.mark.parametrize("value", ["-5", "many", "5.5", "²", "", "20%x"])
def test_amounts_of_no_sort_are_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"max_lut is a count, a share of the part"):
        parse_amount("max_lut", value, "xc7z020clg400-1")


def test_limits_of_a_recipe_are_those_of_a_method_and_flags_win(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('part = "xc7z020clg400-1"\nclock_ns = 10\nmax_dsp = "5%"\nmax_lut = 9000\n')
    settings, amounts = costed_settings(path, {"part": None}, {"max_dsp": None, "max_lut": None})
    assert amounts == {"max_dsp": 11, "max_lut": 9000}
    assert not settings.limits
    assert settings == settings_from(None, {"part": "xc7z020clg400-1", "clock_ns": 10.0})  # no strategies are chosen
    other = {"part": "xcu250-figd2104-2L-e"}
    assert costed_settings(path, other, {"max_dsp": "0.5slr", "max_lut": None})[1] == {"max_dsp": 1536, "max_lut": 9000}
    assert costed_settings(None, {}, {"max_dsp": 0, "max_lut": None})[1] == {"max_dsp": 0}
    for line in ("max_latency_cycles = 9", "max_latency_ns = 90.0", "max_ii = 1"):
        path.write_text(line)
        with pytest.raises(ConfigError, match=f"limits {line.split()[0]}, which no change of the weights can meet"):
            costed_settings(path, {}, {"max_dsp": 3})
