"""The database that a study is kept in: opened from its address, and what it refuses said in a sentence."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, TypeVar

from fpgaprune.errors import ConfigError, DependencyError, ToolError

T = TypeVar("T")
_TRIES: Final = 4
_LOCK_S: Final = 60  # that SQLite waits for another process to have written


def open_database(url: str) -> Any:
    """Optuna's storage for the database at `url`, made where there is none.

    Raises DependencyError without Optuna or the database's driver, ConfigError for what is no address, ToolError where
    the database cannot be opened.
    """
    try:
        import optuna  # noqa: PLC0415 - optional, and slow to import
        import sqlalchemy as sql  # noqa: PLC0415
    except ImportError as error:
        message = f"sweeps need Optuna ({error}); install it with: pip install 'fpgaprune[sweep]'"
        raise DependencyError(message) from error
    _check(url)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    is_sqlite = url.startswith("sqlite")
    keywords = {"connect_args": {"timeout": _LOCK_S}} if is_sqlite else {"pool_pre_ping": True}
    with sentences():
        storage = again(partial(optuna.storages.RDBStorage, url, engine_kwargs=keywords))
    if is_sqlite:
        sql.event.listen(storage.engine, "connect", _write_ahead)
        storage.engine.dispose()  # connections from before do not know it
    return storage


def without_password(url: str) -> str:
    """An address as it may be shown."""
    head, at, place = url.rpartition("@")
    scheme, slashes, user = head.partition("://")
    return f"{scheme}{slashes}{user.partition(':')[0]}{at}{place}" if at else url


def again(create: Callable[[], T]) -> T:
    """Two processes that create the same tables at once: one of them finds them there another time."""
    import optuna  # noqa: PLC0415
    import sqlalchemy  # noqa: PLC0415

    for _ in range(_TRIES):
        with suppress(sqlalchemy.exc.DBAPIError, optuna.exceptions.StorageInternalError):
            return create()
        time.sleep(0.5)
    return create()


@contextmanager
def sentences() -> Iterator[None]:
    """What a database refuses, as one sentence."""
    import optuna  # noqa: PLC0415
    import sqlalchemy  # noqa: PLC0415

    try:
        yield
    except sqlalchemy.exc.IntegrityError:
        raise
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError) as error:
        cause = getattr(error, "orig", None) or error.__cause__ or error
        message = f"the study store refuses: {cause}; finished points are safe, the same command goes on from them"
        raise ToolError(message) from error


def _check(url: str) -> None:
    import sqlalchemy  # noqa: PLC0415

    try:
        sqlalchemy.engine.make_url(url).get_dialect().import_dbapi()
    except ImportError as error:
        message = f"the storage {without_password(url)} needs the database driver {error.name}, which is not installed"
        raise DependencyError(message) from error
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        message = (
            f"the storage {without_password(url)!r} is no address of a database that is known here; they look like "
            "sqlite:///points.db or postgresql://user@host/name"
        )
        raise ConfigError(message) from error


def _write_ahead(link: Any, _: Any) -> None:
    """SQLite with a write-ahead log: a killed process loses nothing, and commits need not wait for the disk."""
    link.execute("PRAGMA journal_mode=WAL")
    link.execute("PRAGMA synchronous=NORMAL")
