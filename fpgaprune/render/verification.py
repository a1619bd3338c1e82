"""A verification in words and figures."""

from fpgaprune.results.verification import Verification


def verification_lines(result: Verification) -> list[str]:
    """Sentences for people: the verdict first, then the figures behind it."""
    verdict = "agrees with" if result.agrees else "DISAGREES with"
    lines = [
        f"C simulation of {result.project} {verdict} its model: {result.reason}.",
        f"  samples          {result.samples} ({result.inputs})",
        f"  equal samples    {result.exact_samples} of {result.samples}",
        f"  largest error    {result.largest_error:.4g} = {result.largest_lsb:.4g} LSB of {result.output_precision}"
        f", {100 * result.relative_error:.3g} % of the output range {result.output_range:.4g}",
    ]
    if result.argmax_agreement is not None:
        lines.append(f"  same argmax      {100 * result.argmax_agreement:.2f} % of the samples")
    if result.first_difference is not None:
        first = result.first_difference
        distance = f"{first.largest_error:.4g} = {first.largest_lsb:.3g} LSB of {first.precision}"
        lines.append(f"  first difference {first.name}: {distance}")
    lines.append(f"  widest type      {result.widest_type} (between layers; sums are kept whole)")
    lines.append(f"  simulated with   {result.simulated_with}")
    lines.append(f"  time             {result.build_seconds:.1f} s to build, {result.run_seconds:.1f} s to run")
    return lines
