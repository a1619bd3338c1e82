"""Fixtures that every test module may use."""

import csv
import os
import tarfile
from pathlib import Path

import pytest

# Numba compiles what da4ml needs on first use, for minutes if it is to be fast; networks of tests are small.
os.environ.setdefault("NUMBA_OPT", "0")

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _shared(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"the folder shared/{name} is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """Folder of real trained models."""
    return _shared("models")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data sets."""
    return _shared("data")


@pytest.fixture(scope="session")
def shared_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of real hls4ml projects with their reports, one folder per project."""
    archive = _shared("corpus") / "projects.tar.xz"
    target = tmp_path_factory.mktemp("corpus")
    with tarfile.open(archive) as stream:
        stream.extractall(target, filter="data")
    return target


@pytest.fixture(scope="session")
def corpus_index() -> list[dict[str, str]]:
    """A row per project of the corpus: what its reports say, and whether they are known to be stale."""
    with (_shared("corpus") / "INDEX.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
