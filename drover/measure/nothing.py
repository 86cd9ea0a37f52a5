"""The handler that a measured workflow calls."""

from __future__ import annotations

from drover.handlers import handler


@handler("drover.nothing")
def nothing(_value: object) -> None:
    """Do nothing."""
