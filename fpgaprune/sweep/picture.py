"""Score against cost as a picture, the front drawn through it, the spread over seeds as bars."""

from pathlib import Path

from fpgaprune.errors import DependencyError
from fpgaprune.results.sweep import Point, SweepResult

PICTURE = "pareto.png"


def draw_front(result: SweepResult, output: Path) -> Path:
    """`pareto.png` in `output`: score over DSPs and over LUTs, coloured by bits; raises DependencyError.

    Of several seeds, the mean score and one sample standard deviation to either side.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - optional, and slow to import
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        message = f"drawing needs Matplotlib ({error}); install it with: pip install 'fpgaprune[sweep]'"
        raise DependencyError(message) from error
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (name, label) in zip(axes, (("dsp_high", "DSPs"), ("lut", "LUTs (C synthesis)")), strict=True):
        points = [point for point in result.complete if getattr(point, name) is not None]
        scatter = axis.scatter(
            [getattr(point, name) for point in points],
            [point.score for point in points],
            c=[point.recipe.bits for point in points],
            cmap="viridis",
            s=18,
        )
        spread = [point for point in points if point.score_std is not None]
        axis.errorbar(
            [getattr(point, name) for point in spread],
            [point.score for point in spread],
            yerr=[point.score_std for point in spread],
            fmt="none",
            ecolor="0.6",
            elinewidth=0.8,
            capsize=1.5,
            zorder=0,
        )
        steps = _steps(points, name)
        axis.step([x for x, _ in steps], [y for _, y in steps], where="post", color="tab:red", linewidth=1)
        if result.knee is not None and result.knee in points:
            axis.scatter([getattr(result.knee, name)], [result.knee.score], s=110, facecolors="none", edgecolors="red")
        axis.set_xscale("symlog", linthresh=10)
        axis.set_xlabel(label)
        axis.grid(alpha=0.3)
    several = result.seeds > 1
    axes[0].set_ylabel(f"mean score over {result.seeds} seeds ± standard deviation" if several else "score")
    figure.colorbar(scatter, ax=axes, label="bits")
    figure.suptitle(result.title)
    beside = output / f".{PICTURE}.partial"
    figure.savefig(beside, dpi=150, format="png")
    return beside.replace(output / PICTURE)


def _steps(points: list[Point], name: str) -> list[tuple[int, float]]:
    """The best score that a budget of one resource buys."""
    steps: list[tuple[int, float]] = []
    for cost, score in sorted((getattr(point, name), point.score or 0.0) for point in points):
        if not steps or score > steps[-1][1]:
            steps.append((cost, score))
    return steps
