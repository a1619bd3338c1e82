"""Strategies and reuse factors chosen within limits."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgaprune.cli import main
from fpgaprune.config.recipe import settings_from
from fpgaprune.csim import build_simulation_with
from fpgaprune.design import Design, Strategy
from fpgaprune.design.differences import differences
from fpgaprune.device import find_device
from fpgaprune.errors import ConfigError
from fpgaprune.estimate import estimate_design
from fpgaprune.estimate.choose import Fixed, choose_within
from fpgaprune.estimate.kernels import KernelForm
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.flow.audit import audit
from fpgaprune.flow.generate import generate_loaded
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.settings import GenerateSettings, LayerSettings, SparseKernels
from fpgaprune.read.project import read_project
from fpgaprune.results import DesignChoice, Limits
from tests.estimate_designs import VITIS, VIVADO, activation, dense, design, source
from tests.generate_models import loaded

NAMES = ("d0", "d1", "d2")


def network(bits: int = 12, sparsity: float = 0.6, io_type: str = "io_parallel") -> Design:
    rng = np.random.default_rng(0)
    sizes = (8, 16, 12, 4)
    layers = [source(8)]
    for index, (before, after) in enumerate(itertools.pairwise(sizes)):
        if index:
            layers.append(activation(f"a{index}", layers[-1].name, before))
        half = 1 << (bits - 1)
        codes = rng.integers(-half, half, (before, after)) * (rng.random((before, after)) >= sparsity)
        layers.append(dense(f"d{index}", layers[-1].name, codes, accumulator_precision=FixedPoint(30, 30)))
    return design(*layers, io_type=io_type)


NET = network()
WITHOUT_ADDERS = {name: Fixed(kernels=frozenset({None, KernelForm.SLOTS})) for name in NAMES}


def chosen(limits: Limits, **options: Any) -> DesignChoice:
    return choose_within(NET, VITIS, limits, **options)


FASTEST = chosen(Limits(dsp=10_000))


def test_without_need_everything_is_fastest() -> None:
    assert [(layer.reuse_factor, layer.strategy, layer.why) for layer in FASTEST.layers] == [
        (1, "latency", "fastest")
    ] * 3


@settings(max_examples=12, deadline=None)
@given(dsp=st.integers(3, 130), lut=st.none() | st.integers(4000, 9000), kernels=st.booleans())
def test_limits_are_held_or_refused(dsp: int, lut: int | None, *, kernels: bool) -> None:
    limits = Limits(dsp=dsp, lut=lut)
    try:
        choice = chosen(limits, kernels=NAMES if kernels else ())
    except ConfigError as error:
        assert "cannot be met" in str(error)  # noqa: PT017
        return
    assert choice.estimate.dsp.high <= dsp
    expected = choice.estimate.fabric.lut
    assert expected is not None
    assert lut is None or expected.value <= lut


def test_the_table_says_what_a_choice_saves_and_adds_up() -> None:
    choice = chosen(Limits(dsp=40), kernels=NAMES, fixed=WITHOUT_ADDERS)
    assert choice.estimate.dsp.high <= 40
    assert sum(layer.dsp.high for layer in choice.layers if layer.dsp) == choice.estimate.dsp.high
    reused = [layer for layer in choice.layers if layer.reuse_factor > 1]
    assert reused
    assert all("saves" in layer.why for layer in reused)
    assert all(layer.adder_lut for layer in choice.layers)


def test_a_sparse_kernel_is_taken_where_it_needs_fewer_multipliers() -> None:
    """Codes of 8 bits: some are shifts, which hls4ml's limit counts and a kernel does not."""
    small = network(bits=8, sparsity=0.0)
    limits = Limits(dsp=20)
    ours = choose_within(small, VITIS, limits, kernels=NAMES, fixed=WITHOUT_ADDERS)
    plain = choose_within(small, VITIS, limits)
    assert any(layer.kernel for layer in ours.layers)
    assert not any(layer.kernel for layer in plain.layers)
    cycles = [choice.estimate.fabric.latency_cycles for choice in (ours, plain)]
    assert cycles[0] is not None
    assert cycles[1] is not None
    assert cycles[0].value <= cycles[1].value


def test_without_dsps_every_layer_is_made_of_adders() -> None:
    choice = chosen(Limits(dsp=0), kernels=NAMES)
    assert choice.estimate.dsp.high == 0
    assert {layer.kernel for layer in choice.layers} == {"adders"}
    assert all("DSPs" in layer.why for layer in choice.layers)
    found, fastest = choice.estimate.fabric.lut, FASTEST.estimate.fabric.lut
    assert found is not None
    assert fastest is not None
    assert found.value > fastest.value
    partly = chosen(Limits(dsp=60), kernels=NAMES)
    assert partly.estimate.fabric.lut is not None
    assert partly.estimate.dsp.high <= 60
    assert partly.estimate.fabric.lut.value < found.value
    with pytest.raises(ConfigError, match=r"limit of 500 LUTs cannot be met: \d+ are the least"):
        chosen(Limits(dsp=0, lut=500), kernels=NAMES)


def test_what_no_kernel_changes_goes_into_luts_where_the_tool_can_move_it() -> None:
    """Without kernels of ours, as softmax with them."""
    choice = chosen(Limits(dsp=0))
    assert choice.multipliers == "fabric"
    assert choice.estimate.dsp.high == 0
    assert choice.estimate.fabric.lut is not None
    assert FASTEST.multipliers is None
    with pytest.raises(ConfigError, match=r"limit of 0 DSPs .* \d+ more \(in d\d \d+, d\d \d+, d\d \d+\)"):
        choose_within(NET, VIVADO, Limits(dsp=0))


def test_adders_stay_within_the_part_where_no_luts_are_asked_for() -> None:
    small = find_device("xc7s6cpga196-1")  # 3750 LUTs, 10 DSPs
    choice = choose_within(NET, VITIS, Limits(dsp=10), kernels=NAMES, device=small)
    assert choice.estimate.dsp.high <= 10


def test_what_is_fixed_stays() -> None:
    fixed = {"d1": Fixed(reuse_factor=2), "d2": Fixed(strategy=Strategy.RESOURCE)}
    choice = chosen(Limits(dsp=60), fixed=fixed)
    layers = {layer.name: layer for layer in choice.layers}
    assert layers["d1"].reuse_factor == 2
    assert layers["d1"].why.startswith("reuse factor as set")
    assert layers["d2"].strategy == "resource"


def test_limits_that_cannot_be_met_are_named_with_the_least() -> None:
    with pytest.raises(ConfigError, match=r"limit of 2 cycles of latency cannot be met: \d+ are the least .* \d+ more"):
        chosen(Limits(latency_cycles=2))
    with pytest.raises(ConfigError, match=r"limit of 0 DSPs cannot be met: \d+ are the least that was found"):
        choose_within(NET, VIVADO, Limits(dsp=0))
    fastest = FASTEST.estimate.fabric.latency_cycles
    assert fastest is not None
    with pytest.raises(ConfigError, match="limit of 5 DSPs cannot be met"):
        choose_within(NET, VIVADO, Limits(dsp=5, latency_cycles=fastest.value + 2))
    with pytest.raises(ConfigError, match="no layer whose strategy"):
        choose_within(design(source(4)), VITIS, Limits(dsp=5))


def test_an_interval_is_held() -> None:
    choice = chosen(Limits(dsp=100, ii=2))
    assert choice.estimate.fabric.ii is not None
    assert choice.estimate.fabric.ii.value <= 2


def test_a_recipe_gives_counts_shares_and_times(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'part = "xc7z020clg400-1"\nclock_ns = 10\nmax_dsp = "50%"\nmax_lut = 20000\nmax_latency_ns = 125\n'
    )
    found = settings_from(recipe, {"max_ii": 4})
    assert found.limits == Limits(dsp=110, lut=20000, latency_cycles=12, ii=4)
    assert found.sparse_kernels is SparseKernels.AUTO
    assert not settings_from(None, {}).limits
    regions = {"part": "xcu250-figd2104-2L-e", "max_dsp": "0.5slr", "max_lut": "25 % SLR"}
    assert settings_from(None, regions).limits == Limits(dsp=1536, lut=108000)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"max_dsp": "many"}, "max_dsp is a count, a share"),
        ({"max_dsp": "5", "reuse_factor": 4}, "leave strategy and reuse_factor out"),
        ({"max_ii": 0}, "max_ii"),
        ({"multipliers": "carry"}, "multipliers.*fabric"),
        ({"multipliers": "dsp", "backend": "vivado"}, "Vivado HLS has no directive"),
        ({"max_dsp": "1slr", "part": "xcvu440-flga2892-2-e"}, "how many SLRs the part .* is not known: give a count"),
    ],
)
def test_wrong_limits_are_refused(flags: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        settings_from(None, flags)


def model() -> Any:
    """A dense part and a separable convolution, whose two halves are set together."""
    frameworks = load_frameworks()
    layers = frameworks.keras.layers
    frameworks.keras.backend.clear_session()
    frameworks.keras.utils.set_random_seed(1)
    return frameworks.keras.Sequential([
        layers.Input((5, 5, 2), name="x"),
        layers.SeparableConv2D(4, 2, name="pair"),
        layers.ReLU(name="r"),
        layers.Flatten(name="line"),
        layers.Dense(6, name="fc"),
        layers.Dense(3, name="kept"),
    ])  # fmt: skip


@pytest.mark.keras
@pytest.mark.slow
def test_a_project_is_written_as_chosen(tmp_path: Path) -> None:
    wanted = GenerateSettings(
        sparse_kernels=SparseKernels.AUTO,
        layers={"kept": LayerSettings(reuse_factor=3)},
        limits=Limits(dsp=60),
    )
    made = generate_loaded(loaded(model()), tmp_path / "p", wanted, run_verify=True)
    assert made.choice is not None
    assert made.verification is not None
    assert made.verification.agrees
    written = read_project(tmp_path / "p")
    for layer in made.choice.layers:
        halves = [one for one in written if one.name.startswith(layer.name) and one.weight is not None]
        assert len(halves) == (2 if layer.name == "pair" else 1)
        for half in halves:
            assert half.reuse_factor == layer.reuse_factor
            assert half.strategy == Strategy(layer.strategy)
            assert bool(half.attributes.get("sparse_kernel")) is (layer.kernel is not None)
    assert next(layer for layer in made.choice.layers if layer.name == "kept").reuse_factor == 3


@pytest.mark.keras
@pytest.mark.slow
def test_a_project_without_dsps_is_exact_and_says_so(tmp_path: Path) -> None:
    made = generate_loaded(loaded(model()), tmp_path / "p", settings_from(None, {"max_dsp": 0}), run_verify=False)
    assert made.choice is not None
    written = read_project(tmp_path / "p")
    assert differences(made.design, written) == ()
    estimate = estimate_design(written, VITIS)
    assert estimate.dsp.high == 0
    assert estimate.fabric == made.choice.estimate.fabric
    assert all(layer.kernel == "adders" for layer in made.choice.layers)
    assert audit(tmp_path / "p").agrees
    in_luts = generate_loaded(
        loaded(model()), tmp_path / "q", settings_from(None, {"multipliers": "fabric"}), run_verify=False
    )
    assert differences(in_luts.design, read_project(tmp_path / "q")) == ()
    assert estimate_design(in_luts.design, VITIS).dsp.high == 0
    inputs = [np.random.default_rng(2).uniform(-2, 2, (100, 50))]
    outputs = [build_simulation_with(tmp_path / name).run(inputs)[0] for name in ("p", "q")]
    np.testing.assert_array_equal(*outputs)


@pytest.mark.keras
@pytest.mark.slow
def test_the_verb_prints_the_table_or_what_cannot_be_met(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model().save(tmp_path / "m.h5")
    base = ["generate", str(tmp_path / "m.h5"), "--no-verify", "-o"]
    with pytest.raises(SystemExit) as stopped:
        main([*base, str(tmp_path / "p"), "--max-dsp", "60"])
    assert not stopped.value.code
    assert "At most 60 DSPs" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        main([*base, str(tmp_path / "q"), "--max-latency-cycles", "2"])
    assert stopped.value.code
    assert "the limit of 2 cycles of latency cannot be met" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "q").exists()


def mixed_model() -> Any:
    """A scale, a convolution and a recurrent layer."""
    frameworks = load_frameworks()
    layers = frameworks.keras.layers
    frameworks.keras.backend.clear_session()
    frameworks.keras.utils.set_random_seed(2)
    made = frameworks.keras.Sequential([
        layers.Input((8, 3), name="x"),
        layers.BatchNormalization(name="scale"),
        layers.Conv1D(4, 3, name="along"),
        layers.ReLU(name="r"),
        layers.GRU(3, name="gru"),
        layers.Dense(2, name="last"),
    ])  # fmt: skip
    rng = np.random.default_rng(3)
    made.get_layer("scale").set_weights([rng.uniform(0.2, 2, 3) for _ in range(4)])
    return made


@pytest.mark.keras
@pytest.mark.slow
def test_positions_scales_and_gates_join_the_choice(tmp_path: Path) -> None:
    keras_model = mixed_model()
    kernels = set()
    for limits in (Limits(latency_cycles=260), Limits(dsp=60, lut=12000), Limits(dsp=9)):
        wanted = GenerateSettings(sparse_kernels=SparseKernels.AUTO, limits=limits)
        made = generate_loaded(loaded(keras_model), tmp_path / str(limits.dsp), wanted, run_verify=False)
        assert made.choice is not None
        chosen = {layer.name: layer for layer in made.choice.layers}
        assert set(chosen) == {"scale", "along", "gru", "last"}
        kernels |= {(name, layer.kernel) for name, layer in chosen.items()}
        for name, layer in chosen.items():
            built = made.design[name]
            assert built.reuse_factor == layer.reuse_factor
            assert layer.positions_at_once in {None, built.parallelization_factor}
            assert ("kernel_products" in built.attributes) is (layer.kernel is not None)
        assert estimate_design(made.design, VITIS).dsp == made.choice.estimate.dsp
        if limits.dsp is None:
            assert chosen["along"].positions_at_once == 6
    assert {"scale", "gru"} <= {name for name, kernel in kernels if kernel is not None}
    in_luts = replace(made.design.target, directives=("config_op mul -impl fabric",))
    with_gates, without = (estimate_design(one, VITIS) for one in (made.design, replace(made.design, target=in_luts)))
    assert (with_gates.dsp.high, without.dsp.high) == (9, 0)  # three products of data a unit
    assert with_gates.fabric.lut is not None
    assert without.fabric.lut is not None
    assert without.fabric.lut.value > with_gates.fabric.lut.value
