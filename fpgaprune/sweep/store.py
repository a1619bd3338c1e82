"""The points of a study in a database: claimed once each, finished once each, shown to Optuna's tools.

One table holds the truth: a row per digest, which is its key, so that no two sweeps get the same point. Finished points
are copied to an Optuna study in the same database, where optuna-dashboard and samplers find them. A claim belongs to
a sweep that shows signs of life; those of a dead one can be taken over.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

from fpgaprune.errors import ToolError
from fpgaprune.results.sweep import PointResult
from fpgaprune.sweep.database import again, open_database, sentences
from fpgaprune.sweep.grid import Planned
from fpgaprune.sweep.trials import optuna_study, trial_of

BEAT_S: Final = 15.0  # between two signs of life
SILENT_S: Final = 120.0  # after which a sweep counts as dead; at once where its process is seen to be gone
_CLAIMED, _COMPLETE, _FAILED = "claimed", "complete", "failed"


@dataclass(frozen=True, slots=True)
class Stored:
    """A row: claimed (by `owner`), complete or failed."""

    state: str
    owner: str
    record: Mapping[str, Any]


@dataclass
class Store:
    """An open study store; a context manager that gives back what was claimed and not finished."""

    engine: Any
    points: Any  # the tables
    sweeps: Any
    study: Any  # Optuna's
    name: str
    owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:12]}")
    _closing: threading.Event = field(default_factory=threading.Event, init=False)

    def __enter__(self) -> Self:
        """Announce this sweep."""
        with sentences(), self.engine.begin() as link:
            link.execute(self.sweeps.insert().values(owner=self.owner, beat=time.time()))
        threading.Thread(target=self._beats, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release open claims, show Optuna what is finished, sign off."""
        self._closing.set()
        mine = self.points.c.owner == self.owner
        try:
            with sentences():
                with self.engine.begin() as link:
                    link.execute(self.points.delete().where(mine, self.points.c.state == _CLAIMED))
                self.publish()
                with self.engine.begin() as link:
                    link.execute(self.sweeps.delete().where(self.sweeps.c.owner == self.owner))
        except ToolError:  # a full disk, mostly: what stopped the sweep says more, and dead claims can be taken over
            if error is None:
                raise
        finally:
            self.engine.dispose()

    def rows(self) -> dict[str, Stored]:
        """All rows of the study by digest."""
        columns = self.points.c
        query = self.points.select().where(columns.study == self.name)
        with sentences(), self.engine.connect() as link:
            found = link.execute(query).all()
        return {row.digest: Stored(row.state, row.owner, json.loads(row.record)) for row in found}

    def results(self, planned: Iterable[Planned], rows: Mapping[str, Stored] | None = None) -> tuple[PointResult, ...]:
        """The finished ones among the planned points, in their order, now or in `rows`."""
        rows = self.rows() if rows is None else rows
        finished = ((point, rows.get(point.digest)) for point in planned)
        return tuple(
            PointResult.from_facts(point.recipe, row.record)
            for point, row in finished
            if row is not None and row.state != _CLAIMED
        )

    def claim(self, point: Planned) -> bool:
        """Whether the point is now this sweep's to compute; False where another one has it or it is finished."""
        import sqlalchemy  # noqa: PLC0415 - comes with Optuna, which is optional

        fresh = {"study": self.name, "digest": point.digest, "state": _CLAIMED, "owner": self.owner}
        try:
            with sentences(), self.engine.begin() as link:
                link.execute(self.points.insert().values(**fresh, record="{}", published=0))
        except sqlalchemy.exc.IntegrityError:
            return False
        return True

    def reopen_failed(self, planned: Iterable[Planned]) -> int:
        """Turn the failed ones among the planned points into unclaimed ones again; how many."""
        rows = self.rows()
        failed = [point.digest for point in planned if point.digest in rows and rows[point.digest].state == _FAILED]
        self.publish()
        columns = self.points.c
        for digest in failed:
            with sentences(), self.engine.begin() as link:
                where = (columns.study == self.name, columns.digest == digest, columns.state == _FAILED)
                link.execute(self.points.delete().where(*where))
        return len(failed)

    def release_dead(self) -> int:
        """Give up the claims of sweeps that are dead, and adopt what they did not show to Optuna; how many."""
        with sentences(), self.engine.connect() as link:
            beats = {row.owner: row.beat for row in link.execute(self.sweeps.select())}
        dead = [owner for owner, beat in beats.items() if owner != self.owner and not _lives(owner, beat)]
        released, columns = 0, self.points.c
        for owner in dead:
            with sentences(), self.engine.begin() as link:
                claims = self.points.delete().where(columns.owner == owner, columns.state == _CLAIMED)
                released += link.execute(claims).rowcount
                adopted = self.points.update().where(columns.owner == owner, columns.published == 0)
                inherited = link.execute(adopted.values(owner=self.owner)).rowcount
                link.execute(self.sweeps.delete().where(self.sweeps.c.owner == owner))
            if inherited:
                self._skip_published()
        return released

    def finish(self, result: PointResult) -> bool:
        """Record a claimed point; False where the claim was lost meanwhile, and the result is dropped."""
        columns = self.points.c
        mine = (columns.study == self.name, columns.digest == result.digest, columns.owner == self.owner)
        values = {"state": _COMPLETE if result.is_complete else _FAILED, "record": record_of(result)}
        with sentences(), self.engine.begin() as link:
            done = link.execute(self.points.update().where(*mine, columns.state == _CLAIMED).values(**values))
            return bool(done.rowcount == 1)

    def publish(self) -> int:
        """Show Optuna the points that this sweep finished since the last time; how many."""
        columns = self.points.c
        mine = (columns.study == self.name, columns.owner == self.owner)
        waiting = self.points.select().where(*mine, columns.published == 0, columns.state != _CLAIMED)
        with sentences(), self.engine.connect() as link:
            rows = link.execute(waiting).all()
        for row in rows:
            with sentences():
                self.study.add_trial(trial_of(json.loads(row.record), row.digest))
                with self.engine.begin() as link:
                    shown = self.points.update().where(*mine, columns.digest == row.digest)
                    link.execute(shown.values(published=1))
        return len(rows)

    def _skip_published(self) -> None:
        """A sweep that died may have shown Optuna a point without noting so."""
        shown = [trial.user_attrs.get("facts") for trial in self.study.get_trials(deepcopy=False)]
        known, columns = {json.dumps(facts) for facts in shown}, self.points.c
        query = self.points.select().where(columns.owner == self.owner, columns.published == 0)
        with sentences(), self.engine.connect() as link:
            waiting = link.execute(query).all()
        with sentences(), self.engine.begin() as link:
            for row in waiting:
                if json.dumps(json.loads(row.record)) in known:
                    link.execute(self.points.update().where(columns.digest == row.digest).values(published=1))

    def _beats(self) -> None:
        while not self._closing.wait(BEAT_S):
            try:
                with sentences(), self.engine.begin() as link:
                    link.execute(self.sweeps.update().where(self.sweeps.c.owner == self.owner).values(beat=time.time()))
            except ToolError:  # a sign of life may be late; the next one comes soon
                continue


def open_store(url: str, name: str) -> Store:
    """The store of the study `name` in the database at `url` (`sqlite:///points.db`, `postgresql://...`).

    Raises what `open_database` does.
    """
    storage = open_database(url)
    import sqlalchemy as sql  # noqa: PLC0415 - comes with Optuna, which is optional

    with sentences():
        study = again(partial(optuna_study, storage, name))
        tables = sql.MetaData()
        points = sql.Table(
            "fpgaprune_points",
            tables,
            sql.Column("study", sql.String(200), primary_key=True),
            sql.Column("digest", sql.String(64), primary_key=True),
            sql.Column("state", sql.String(16), nullable=False),
            sql.Column("owner", sql.String(300), nullable=False),
            sql.Column("record", sql.Text, nullable=False),
            sql.Column("published", sql.Integer, nullable=False),
        )
        sweeps = sql.Table(
            "fpgaprune_sweeps",
            tables,
            sql.Column("owner", sql.String(300), primary_key=True),
            sql.Column("beat", sql.Float, nullable=False),
        )
        again(partial(tables.create_all, storage.engine))
    return Store(storage.engine, points, sweeps, study, name)


def record_of(result: PointResult) -> str:
    """A finished point as the text that the store keeps."""
    return json.dumps({**result.facts(), "recipe": asdict(result.recipe)})


def _lives(owner: str, beat: float) -> bool:
    host, pid, _ = owner.rsplit(":", 2)
    if host == socket.gethostname() and os.name == "posix":
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
    return time.time() - beat < SILENT_S
