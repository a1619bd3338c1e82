"""A synthesis run as a value: steps with their commands, what they read and what they write, before anything runs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shlex import join

from fpgaprune.errors import ToolError

Action = Callable[[Path], None]


@dataclass(frozen=True)
class Step:
    """One command, or one function of this package, in a folder of its own.

    `folder`, `inputs` and `outputs` are relative to the plan's folder, the step's folder and the step's folder.
    `texts` are written into the step's folder before it runs. `facts` is whatever else decides the outputs (versions,
    options, digests): a step whose command, texts, facts and inputs are those of its last success is not run again.
    `after` names the steps that must have succeeded before.
    """

    name: str
    what: str
    folder: Path
    outputs: tuple[str, ...]
    command: tuple[str, ...] | None = None
    action: Action | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Path, ...] = ()
    facts: str = ""
    after: tuple[str, ...] = ()
    timeout_seconds: float = 600.0
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a step that does nothing, or two things."""
        if (self.command is None) == (self.action is None):
            message = f"the step {self.name!r} needs a command or a function, and not both"
            raise ToolError(message)

    @property
    def shown_command(self) -> str:
        """What is run, as a shell would take it; for a function, what it does in brackets."""
        return join(self.command) if self.command is not None else f"({self.what})"


@dataclass(frozen=True)
class Plan:
    """Steps in an order in which they can run one after another, in one folder."""

    folder: Path
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        """Check that names are unique and that every step comes after those it needs."""
        seen: set[str] = set()
        for step in self.steps:
            if step.name in seen:
                message = f"two steps of the plan are called {step.name!r}"
                raise ToolError(message)
            missing = [name for name in step.after if name not in seen]
            if missing:
                message = (
                    f"the step {step.name!r} comes after {', '.join(missing)}, which the plan does not have before"
                )
                raise ToolError(message)
            seen.add(step.name)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def lines(self) -> list[str]:
        """The plan in words: per step its name, where it runs, the command, what it reads and writes."""
        shown = [f"plan: {len(self)} steps in {self.folder}"]
        for number, step in enumerate(self.steps, 1):
            shown.append(f"{number}. {step.name}: {step.what}")
            shown.append(f"   in {step.folder.as_posix()}, at most {step.timeout_seconds:g} s")
            if step.command is not None:
                shown.append(f"   $ {step.shown_command}")
            if step.texts or step.inputs:
                shown.append(f"   reads {', '.join([*step.texts, *(path.as_posix() for path in step.inputs)])}")
            shown.append(f"   writes {', '.join(step.outputs)}")
        return shown

    def json(self) -> list[dict[str, object]]:
        """The plan as JSON-ready data."""
        return [
            {
                "name": step.name,
                "what": step.what,
                "folder": step.folder.as_posix(),
                "command": None if step.command is None else list(step.command),
                "texts": list(step.texts),
                "inputs": [path.as_posix() for path in step.inputs],
                "outputs": list(step.outputs),
                "after": list(step.after),
                "timeout_seconds": step.timeout_seconds,
            }
            for step in self.steps
        ]
