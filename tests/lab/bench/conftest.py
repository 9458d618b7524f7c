"""A ground to measure on: the tests' own server, small sizes."""

import pytest

from chat_memory.lab.bench.ground import QUICK, Ground


@pytest.fixture
def ground(server_url: str) -> Ground:
    """A suite makes its own databases here."""
    return Ground(server_url, QUICK)
