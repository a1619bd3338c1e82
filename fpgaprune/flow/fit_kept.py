"""What searches of `fit` have finished, kept in a folder: models, and a file that says what they are."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from fpgaprune.results.fit import Attempt

_STATE: Final = "tried.json"


@dataclass(frozen=True)
class Kept:
    """The attempts of searches in one folder; the digest of a search stands for its limits, data and settings.

    The state is written beside and renamed: a process that is killed leaves the last one, complete. No model that an
    attempt of any search is kept in is ever written over.
    """

    folder: Path

    def of(self, digest: str) -> dict[str, Attempt]:
        """What this search has finished, by name, but for models that are gone."""
        found = self._searches().get(digest, [])
        return {each.name: each for each in found if each.file is None or (self.folder / each.file).is_file()}

    def free_name(self) -> str:
        """A file that no attempt of any search is kept in."""
        taken = {each.file for attempts in self._searches().values() for each in attempts}
        return next(name for number in count() if (name := f"{number:03d}.h5") not in taken)

    def keep(self, digest: str, done: Mapping[str, Attempt]) -> None:
        """These are the attempts of this search now; those of others stay."""
        self.folder.mkdir(parents=True, exist_ok=True)
        others = {
            other: [each.json() for each in attempts] for other, attempts in self._searches().items() if other != digest
        }
        content = {"digest": digest, "attempts": [each.json() for each in done.values()], "others": others}
        beside = self.folder / f".{_STATE}"
        beside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        beside.replace(self.folder / _STATE)

    def _searches(self) -> dict[str, list[Attempt]]:
        path = self.folder / _STATE
        if not path.is_file():
            return {}
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            searches = {**content["others"], content["digest"]: content["attempts"]}
            return {digest: [Attempt(**each) for each in attempts] for digest, attempts in searches.items()}
        except (ValueError, KeyError, TypeError):  # of another version, or not ours
            return {}
