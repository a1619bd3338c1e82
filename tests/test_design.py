"""Designs as values: saving, digests, codes, differences."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgaprune.design import (
    Design,
    Encoding,
    Geometry,
    LayerKind,
    LayerSpec,
    Parameter,
    Strategy,
    Table,
    Target,
    differences,
    load_design,
    save_design,
)
from fpgaprune.errors import DesignError
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding

PRECISIONS = st.builds(
    FixedPoint,
    st.integers(2, 24),
    st.integers(-3, 12),
    st.booleans(),
    st.sampled_from(Rounding),
    st.sampled_from([Overflow.WRAP, Overflow.SAT]),
)


@st.composite
def parameters(draw: st.DrawFn) -> Parameter:
    precision = draw(PRECISIONS)
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    codes = draw(
        st.lists(
            st.integers(precision.min_code, precision.max_code),
            min_size=int(np.prod(shape)),
            max_size=int(np.prod(shape)),
        )
    )
    return Parameter(np.array(codes).reshape(shape) * precision.lsb, precision)


@st.composite
def designs(draw: st.DrawFn) -> Design:
    layers = [LayerSpec("x", LayerKind.INPUT, (), (3,), (3,), draw(PRECISIONS))]
    for index in range(draw(st.integers(1, 4))):
        layers.append(
            LayerSpec(
                name=f"layer{index}",
                kind=draw(st.sampled_from([kind for kind in LayerKind if kind is not LayerKind.INPUT])),
                inputs=(draw(st.sampled_from(layers)).name,),
                input_shape=(3,),
                output_shape=tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))),
                output_precision=draw(st.none() | PRECISIONS),
                parameters=draw(st.dictionaries(st.sampled_from(["weight", "bias"]), parameters())),
                operation=draw(st.none() | st.text(max_size=5)),
                geometry=draw(st.none() | st.just(Geometry((3, 2), (1, 1), ((0, 1), (2, 0))))),
                tables=draw(st.just({}) | st.just({"table": Table(1024, FixedPoint(18, 8))})),
                strategy=draw(st.none() | st.sampled_from(Strategy)),
                reuse_factor=draw(st.none() | st.integers(1, 99)),
                claimed_zeros=draw(st.none() | st.integers(0, 99)),
                attributes=draw(st.dictionaries(st.text(max_size=4), st.integers() | st.booleans() | st.text())),
                config=draw(st.none() | st.just(f"config{index}")),
            )
        )
    kept = draw(st.none() | st.floats(0, 0.5))
    target = Target(
        "Vitis", draw(st.none() | st.just("xcvu13p")), draw(st.none() | st.floats(1, 10)), ("config_x",), kept
    )
    return Design("net", tuple(layers), "io_parallel", (layers[-1].name,), target, "here")


def dense(values: list[list[float]], **facts: object) -> Design:
    start = LayerSpec("x", LayerKind.INPUT, (), (len(values),), (len(values),), FixedPoint(16, 6))
    layer = LayerSpec(
        name="d",
        kind=LayerKind.DENSE,
        inputs=("x",),
        input_shape=(len(values),),
        output_shape=(len(values[0]),),
        output_precision=FixedPoint(16, 6),
        parameters={"weight": Parameter(np.array(values), FixedPoint(8, 3))},
        reuse_factor=1,
        claimed_zeros=0,
    )
    return Design("net", (start, replace(layer, **facts)), "io_parallel", ("d",))  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(design=designs())
def test_a_saved_design_comes_back_the_same(design: Design, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = save_design(design, tmp_path_factory.mktemp("designs") / "a.design.npz")
    loaded = load_design(path)
    assert loaded.digest == design.digest
    assert differences(loaded, design) == ()
    assert [layer.config for layer in loaded] == [layer.config for layer in design]
    assert (loaded.name, loaded.source, loaded.target) == (design.name, design.source, design.target)


def test_the_digest_is_of_the_hardware_only() -> None:
    design = dense([[1.0, -0.5]])
    assert replace(design, name="other", source="elsewhere").digest == design.digest
    assert dense([[1.0, -0.5]], config="config7").digest == design.digest
    assert dense([[1.0, -0.5 + 2**-5]]).digest != design.digest
    assert dense([[1.0, -0.5]], reuse_factor=2).digest != design.digest
    assert design.with_target(Target("Vitis", "xc7z020")).digest != design.digest


def test_the_digest_stays_over_versions() -> None:
    # Saved designs and caches are keyed by it: a change must be meant, and then FORMAT moves too.
    assert dense([[1.0, -0.5]]).digest == DIGEST


def test_minus_zero_is_zero() -> None:
    assert dense([[0.0, 1.0]]).digest == dense([[-0.0, 1.0]]).digest


@pytest.mark.parametrize("kept", [0, 1, 40, 200, 0.5, 0.9, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: float) -> None:
    path = save_design(dense([[1.0, -0.5]]), tmp_path / "a.design.npz")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept) if isinstance(kept, float) else kept])
    with pytest.raises(DesignError, match="is not a saved design"):
        load_design(path)


def test_an_altered_file_is_refused(tmp_path: Path) -> None:
    path = save_design(dense([[1.0, -0.5]]), tmp_path / "a.design.npz")
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    (changed,) = (name for name in arrays if name.endswith("weight"))
    np.savez(path, **{**arrays, changed: arrays[changed] + 0.125})
    with pytest.raises(DesignError, match="does not match the digest"):
        load_design(path)


@pytest.mark.parametrize("record", [[], {}, {"format": 1}, {"format": 99}, {"format": 1, "layers": 3}, 7, None])
def test_a_foreign_file_is_refused(tmp_path: Path, record: object) -> None:
    path = tmp_path / "a.design.npz"
    np.savez(path, record=np.frombuffer(json.dumps(record).encode(), dtype=np.uint8))
    with pytest.raises(DesignError):
        load_design(path)


def test_a_layer_record_of_a_stranger_is_refused(tmp_path: Path) -> None:
    target = {"backend": None, "part": None, "clock_ns": None, "directives": []}
    for layers in (["dense"], [{}], [{"name": "x", "kind": "no such kind"}], {"a": 1}):
        record = {"format": 1, "name": "n", "io_type": "i", "outputs": [], "source": None, "target": target}
        path = tmp_path / "a.design.npz"
        text = json.dumps({**record, "layers": layers, "digest": "0"}).encode()
        np.savez(path, record=np.frombuffer(text, dtype=np.uint8))
        with pytest.raises(DesignError):
            load_design(path)


def test_a_lone_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with path.open("wb") as stream:
        np.save(stream, np.zeros(3))
    with pytest.raises(DesignError, match="is not a saved design"):
        load_design(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DesignError, match=r"nowhere\.npz"):
        load_design(tmp_path / "nowhere.npz")


def test_codes_by_encoding() -> None:
    values = np.array([-1.0, 1.0])
    assert Parameter(values, FixedPoint(1, 1, signed=False), Encoding.XNOR).codes.tolist() == [-1, 1]
    powers = Parameter(np.array([0.25, -4.0, 0.5]), FixedPoint(4, 4), Encoding.POWER_OF_TWO)
    assert powers.codes.tolist() == [1, -16, 2]
    assert Parameter(np.array([-1.25, 0.0]), FixedPoint(8, 4)).codes.tolist() == [-20, 0]
    with pytest.raises(DesignError, match="more than 62 bits"):
        _ = Parameter(np.array([2.0**-40, 2.0**40]), FixedPoint(8, 8), Encoding.POWER_OF_TWO).codes


def test_equal_designs_have_no_differences() -> None:
    assert differences(dense([[1.0, 0.0]]), dense([[1.0, 0.0]], config="other")) == ()


def test_values_that_differ_are_counted_and_located() -> None:
    found = differences(dense([[1.0, 0.5, 0.0]]), dense([[1.0, 0.0, 0.25]]))
    assert len(found) == 1
    assert found[0].layer == "d"
    assert "2 of 3 values differ, first at (0, 1)" in found[0].what
    assert (found[0].left, found[0].right) == ("0.5", "0")
    fewer = differences(dense([[1.0, 0.5]]), dense([[1.0, 0.0]]))
    assert [difference.what for difference in fewer][1:] == ["weight zeros"]


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ({"reuse_factor": 4}, "reuse factor"),
        ({"claimed_zeros": 7}, "claimed zeros"),
        ({"strategy": Strategy.RESOURCE}, "strategy"),
        ({"output_precision": FixedPoint(12, 6)}, "output type"),
        ({"kind": LayerKind.OTHER}, "kind"),
        ({"attributes": {"channels": 3}}, "attributes channels"),
        ({"tables": {"table": Table(8, FixedPoint(8, 2))}}, "tables table"),
        ({"parameters": {}}, "weight"),
        ({"parameters": {"weight": Parameter(np.array([[1.0, 0.5]]), FixedPoint(9, 3))}}, "weight type"),
        ({"parameters": {"weight": Parameter(np.array([1.0, 0.5]), FixedPoint(8, 3))}}, "weight shape"),
        ({"geometry": Geometry((3,), (1,), ((0, 0),))}, "geometry kernel"),
    ],
)
def test_every_fact_is_named(facts: dict[str, object], what: str) -> None:
    found = differences(dense([[1.0, 0.5]]), dense([[1.0, 0.5]], **facts))
    assert what in [difference.what for difference in found]
    assert all(str(difference).startswith("layer d: ") for difference in found)


def test_layers_and_targets_that_differ() -> None:
    left, right = dense([[1.0]]), dense([[1.0]])
    renamed = replace(right, layers=(right.layers[0], replace(right.layers[1], name="e")), outputs=("e",))
    told = [str(difference) for difference in differences(left, renamed)]
    assert told == [
        "outputs: d against e",
        "layer d: layer: dense against nothing",
        "layer e: layer: nothing against dense",
    ]
    aimed = left.with_target(Target("Vitis", "xc7z020", 5.0, ("config_a",)))
    assert {difference.what for difference in differences(left, aimed)} == {
        "backend",
        "part",
        "clock_ns",
        "Tcl directives",
    }


@settings(max_examples=40, deadline=None)
@given(left=designs(), right=designs())
def test_no_difference_means_the_same_digest(left: Design, right: Design) -> None:
    assert (differences(left, right) == ()) == (left.digest == right.digest)


DIGEST = "8aa714abf680e6abe015d2e23ce9dd77d7f53567d6861a7c5b90cdbba5905021"
