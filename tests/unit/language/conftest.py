from datetime import UTC, datetime
from typing import Any

import pytest


@pytest.fixture
def payload() -> dict[str, Any]:
    return {
        "data": {
            "n": 42,
            "s": "Hello world",
            "z": 0,
            "d": 1234.56789,
            "a": [44, "x", False, {"k": 1}],
            "o": {"b": [1], "c": "q"},
            "h": "<b>&</b>",
            "e": [],
        },
        "time": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
    }
