"""The bus of a server without live messages."""

from __future__ import annotations

import pytest

from drover.model.errors import Unavailable
from drover.ports.bus import Message, Silence


async def test_what_is_published_goes_nowhere_and_nobody_can_listen():
    bus = Silence()

    bus.publish(Message("application", "topic", b"payload", None))
    await bus.room()

    assert not bus.ready
    with pytest.raises(Unavailable):
        await bus.subscribe("application", "topic", lambda _message: None)
