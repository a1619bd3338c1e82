"""Every kind of layer with a sparse kernel, reuse factor, sparsity and io_type: exact, with the multipliers stated."""

from pathlib import Path

import pytest

from tests.kernel_cases import AT_ONCE, KINDS, PARALLEL_KINDS, REUSE_FACTORS, SPARSITIES, Case, check_cases

pytestmark = pytest.mark.keras


# Kinds that are also computed by sums of shifts alone: every way to call a kernel once.
WITH_ADDERS = {
    "io_parallel": ("dense", "conv1d", "point2d", "depth2d", "gru", "bilstm", "scale"),
    "io_stream": ("dense", "conv2d", "separable1d", "lstm", "scale1d"),
}


def pairwise() -> dict[str, list[Case]]:
    """Cases by io_type in which every two values of kind, reuse factor, sparsity and io_type meet."""
    found: dict[str, list[Case]] = {"io_parallel": [], "io_stream": []}
    for k, kind in enumerate(KINDS):
        for r, reuse_factor in enumerate(REUSE_FACTORS):
            streams = (k + r) % 2 == 1
            at_once = None if streams else AT_ONCE[kind][r % len(AT_ONCE[kind])]
            case = Case(kind, reuse_factor, SPARSITIES[(k + r) % len(SPARSITIES)], at_once)
            found["io_stream" if streams else "io_parallel"].append(case)
    return found


def test_the_pairs_are_all_there() -> None:
    rows = [
        (case.kind, case.reuse_factor, case.sparsity, io_type)
        for io_type, cases in pairwise().items()
        for case in cases
    ]
    axes = (KINDS, REUSE_FACTORS, SPARSITIES, ("io_parallel", "io_stream"))
    for a in range(4):
        for b in range(a):
            assert len({(row[a], row[b]) for row in rows}) == len(axes[a]) * len(axes[b])


@pytest.mark.slow
@pytest.mark.parametrize(("io_type", "backend"), [("io_parallel", "Vivado"), ("io_stream", "Vitis")])
def test_pairs_are_exact_and_counted(tmp_path: Path, io_type: str, backend: str) -> None:
    cases = pairwise()[io_type]
    if io_type == "io_parallel":
        cases += [Case(kind, reuse, sparsity) for kind in PARALLEL_KINDS for reuse, sparsity in ((1, 0.5), (4, 0.75))]
    cases += [Case(kind, 2, 0.5, adders=True) for kind in WITH_ADDERS[io_type]]
    check_cases(tmp_path, cases, io_type, backend)


@pytest.mark.matrix
@pytest.mark.parametrize("backend", ["Vitis", "Vivado"])
@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
@pytest.mark.parametrize("kind", [*KINDS, *PARALLEL_KINDS])
def test_the_whole_matrix_is_exact_and_counted(tmp_path: Path, kind: str, io_type: str, backend: str) -> None:
    if kind in PARALLEL_KINDS and io_type != "io_parallel":
        pytest.skip("hls4ml has no bidirectional layer between streams")
    cases = []
    for r, reuse_factor in enumerate(REUSE_FACTORS):
        for s, sparsity in enumerate(SPARSITIES):
            at_once = AT_ONCE[kind][(r + s) % len(AT_ONCE[kind])] if io_type == "io_parallel" else None
            cases.append(Case(kind, reuse_factor, sparsity, at_once))
    check_cases(tmp_path, cases, io_type, backend)
