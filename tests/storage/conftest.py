"""Somewhere to start embedded servers."""

import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

from chat_memory.storage.embedded import start_embedded
from tests.folders import make_root
from tests.storage.embedded_occupant import Place


@pytest.fixture(scope="session")
def furniture() -> Generator[Path]:
    """A data folder with a cluster, made once and copied."""
    root = make_root()
    start_embedded(root / "data").close()
    yield root / "data"
    shutil.rmtree(root)


@pytest.fixture
def place(furniture: Path) -> Generator[Place]:
    """Somewhere to start servers."""
    made = Place(furniture)
    yield made
    made.clear()
