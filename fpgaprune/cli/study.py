"""`fpgaprune study`: every variant of a study, from training to the comparison with synthesis."""

import json
from pathlib import Path
from typing import Annotated

import typer

from fpgaprune.cli.output import Format, FormatOption, emit, show, tell
from fpgaprune.cli.progress import StudyProgress
from fpgaprune.config.study import study_name
from fpgaprune.flow.study import run_study, write_results
from fpgaprune.render import study_layer_sheet, study_sheet, to_csv, to_markdown, to_text
from fpgaprune.results import StudyResult

EXAMPLE = "fpgaprune study projects/digits_mlp -o build/digits_mlp"


def run(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="STUDY",
            help="A folder with project.toml and task.py, or another TOML file in it.",
            show_default=False,
        ),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Where everything is kept. Default: build/NAME."),
    ] = None,
    variant: Annotated[
        str | None, typer.Option("--variant", metavar="NAME", help="Run only this variant of the study.")
    ] = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Train, prune, generate, verify, audit, estimate, compare and openly synthesize every variant of a study.

    A study is a folder: project.toml asks the question, task.py, which is run as it is, has the data and the model.
    What is finished is kept in the output folder, so that a study that was interrupted goes on where it stopped.
    Exit code 1 when a variant failed, or its simulation or audit disagrees with its model, or its
    synthesis with its estimate.
    """
    target = output if output is not None else Path("build") / study_name(folder)
    with StudyProgress() as progress:
        result = run_study(folder, target, progress, only=variant)
    if form is Format.TEXT and any(row.synthesized for row in result.rows):
        show(to_text(study_layer_sheet(result)))
        show("")
    emit(form, study_sheet(result), result.json)
    write_results(target, _texts(result))
    tell(f"Projects, models and results.json, .csv and .md are in {target}.")
    if not all(row.sound for row in result.rows):
        raise typer.Exit(1)


def _texts(result: StudyResult) -> dict[str, str]:
    sheet = study_sheet(result)
    return {
        "results.json": json.dumps(result.json(), indent=2, ensure_ascii=False) + "\n",
        "results.csv": to_csv(sheet),
        "results.md": to_markdown(sheet),
        "layers.csv": to_csv(study_layer_sheet(result)),
    }
