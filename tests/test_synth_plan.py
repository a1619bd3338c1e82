"""Plans: run in parallel, kept as they go, never run twice without need."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fpgaprune.errors import ToolError
from fpgaprune.process import run_program
from fpgaprune.synth import Outcome, Plan, State, Step, execute, failures
from fpgaprune.synth.execute import COMMAND, LOG

COUNT = "import pathlib; p = pathlib.Path('out'); print('ran'); p.write_text(pathlib.Path('in').read_text() * 2)"


@pytest.fixture(autouse=True)
def heard_interrupts() -> Iterator[None]:
    """Ctrl-C as in a terminal: programs that are started in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def step(name: str, code: str = COUNT, **changes: object) -> Step:
    given: dict[str, object] = {
        "what": f"doing {name}",
        "folder": Path(name),
        "outputs": ("out",),
        "command": (sys.executable, "-c", code),
        "texts": {"in": "x"},
        "timeout_seconds": 60.0,
    }
    return Step(name=name, **{**given, **changes})  # type: ignore[arg-type]


def states(outcomes: tuple[Outcome, ...]) -> list[State]:
    return [outcome.state for outcome in outcomes]


def test_step_leaves_command_log_and_output(tmp_path: Path) -> None:
    execute(Plan(tmp_path, (step("a"),)))
    assert (tmp_path / "a" / "out").read_text() == "xx"
    assert (tmp_path / "a" / LOG).read_text() == "ran\n"
    assert (tmp_path / "a" / COMMAND).read_text().startswith(sys.executable)


def test_unchanged_step_is_not_run_again(tmp_path: Path) -> None:
    one = step("a")
    chain = Plan(tmp_path, (one, step("b", inputs=(Path("../a/out"),), after=("a",))))
    assert states(execute(chain)) == [State.DONE, State.DONE]
    assert states(execute(chain)) == [State.KEPT, State.KEPT]


@pytest.mark.parametrize("change", ["text", "facts", "edited output", "lost output", "input"])
def test_changed_step_is_run_again(tmp_path: Path, change: str) -> None:
    (tmp_path / "given").write_text("1")
    reads = (Path("../given"),)
    execute(Plan(tmp_path, (step("a", inputs=reads),)))
    texts, facts, output = {"in": "x"}, "", tmp_path / "a" / "out"
    match change:
        case "text":
            texts = {"in": "y"}
        case "facts":
            facts = "another version"
        case "edited output":
            output.write_text("by hand")
        case "lost output":
            output.unlink()
        case _:
            (tmp_path / "given").write_text("2")
    again = execute(Plan(tmp_path, (step("a", inputs=reads, texts=texts, facts=facts),)))
    assert states(again) == [State.DONE]
    assert output.read_text() in {"xx", "yy"}


def test_failure_stops_those_after_it_and_nothing_else(tmp_path: Path) -> None:
    plan = Plan(
        tmp_path,
        (step("a", "raise SystemExit(4)"), step("b", after=("a",)), step("c"), step("d", after=("b",))),
    )
    outcomes = execute(plan)
    assert states(outcomes) == [State.FAILED, State.LEFT, State.DONE, State.LEFT]
    assert "doing a failed with exit code 4" in (outcomes[3].error or "")
    assert [outcome.step.name for outcome in failures(outcomes)] == ["a"]
    assert states(execute(plan)) == [State.FAILED, State.LEFT, State.KEPT, State.LEFT]


def test_output_that_was_not_written_is_a_failure(tmp_path: Path) -> None:
    (outcome,) = execute(Plan(tmp_path, (step("a", "print('nothing')"),)))
    assert outcome.state is State.FAILED
    assert "without writing out" in (outcome.error or "")


def test_stale_output_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    execute(Plan(tmp_path, (step("a"),)))
    (outcome,) = execute(Plan(tmp_path, (step("a", "print('nothing')"),)))
    assert outcome.state is State.FAILED


def test_function_as_a_step_may_refuse(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        (folder / "out").write_text("by function")

    def refuse(folder: Path) -> None:
        message = f"{folder.name} cannot be done"
        raise ToolError(message)

    def no_space(folder: Path) -> None:
        raise OSError(28, "No space left on device", str(folder / "out"))

    outcomes = execute(
        Plan(
            tmp_path,
            (
                step("a", command=None, action=write),
                step("b", command=None, action=refuse),
                step("c", command=None, action=no_space),
            ),
        )
    )
    assert states(outcomes) == [State.DONE, State.FAILED, State.FAILED]
    assert outcomes[1].error == "b cannot be done"
    assert outcomes[2].error is not None
    assert outcomes[2].error.startswith("doing c: No space left on device (")


def test_steps_run_at_once(tmp_path: Path) -> None:
    meet = "import pathlib, time\nme, other = pathlib.Path('here'), pathlib.Path('../{0}/here')\nme.touch()\n"
    meet += "for _ in range(600):\n  if other.exists(): pathlib.Path('out').touch(); break\n  time.sleep(.05)\n"
    plan = Plan(tmp_path, (step("a", meet.format("b")), step("b", meet.format("a"))))
    assert states(execute(plan, jobs=2)) == [State.DONE, State.DONE]


def test_time_limit_is_a_failure_that_says_so(tmp_path: Path) -> None:
    (outcome,) = execute(Plan(tmp_path, (step("a", "import time; time.sleep(60)", timeout_seconds=0.5),)))
    assert "took longer than 0.5 s" in (outcome.error or "")


def test_interrupt_ends_what_runs_and_keeps_what_is_finished(tmp_path: Path) -> None:
    def interrupt() -> None:
        while not (tmp_path / "b" / "running").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    endless = "import pathlib, time; pathlib.Path('running').touch(); time.sleep(60)"
    plan = Plan(tmp_path, (step("a"), step("b", endless, after=("a",))))
    threading.Thread(target=interrupt, daemon=True).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        execute(plan, jobs=2)
    assert time.monotonic() - begin < 30
    again = execute(Plan(tmp_path, (step("a"),)))
    assert states(again) == [State.KEPT]


def test_interrupt_ends_programs_that_functions_started(tmp_path: Path) -> None:
    endless = "import pathlib, time; pathlib.Path('running').touch(); time.sleep(60)"

    def act(folder: Path) -> None:
        run_program((sys.executable, "-c", endless), "an endless program", folder, 60.0)

    def interrupt() -> None:
        while not (tmp_path / "a" / "running").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        execute(Plan(tmp_path, (step("a", command=None, action=act),)))
    assert time.monotonic() - begin < 30


def test_plan_in_words_names_commands_and_files(tmp_path: Path) -> None:
    plan = Plan(tmp_path, (step("a"), step("b", command=None, action=lambda _: None, inputs=(Path("../a/out"),))))
    text = "\n".join(plan.lines())
    assert f"$ {sys.executable} -c" in text
    assert "reads in, ../a/out" in text
    assert plan.json()[1]["command"] is None
    assert not (tmp_path / "a").exists()


def test_plans_that_cannot_be_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="two steps"):
        Plan(tmp_path, (step("a"), step("a")))
    with pytest.raises(ToolError, match="comes after b"):
        Plan(tmp_path, (step("a", after=("b",)),))
    with pytest.raises(ToolError, match="a command or a function"):
        step("a", command=None)
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolError, match="cannot be run in"):
        execute(Plan(tmp_path / "file", (step("a"),)))
