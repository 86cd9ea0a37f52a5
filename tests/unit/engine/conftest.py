"""Engines for tests to tick."""

import pytest

from tests.unit.engine_bench import EngineBench


@pytest.fixture
def make(sqlite_database):
    """How to make an engine over a fresh store."""
    return lambda *given, **named: EngineBench(sqlite_database, *given, **named)
