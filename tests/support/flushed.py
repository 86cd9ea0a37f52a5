"""A connection to the broker, that has at once all that was sent."""

from __future__ import annotations


class Flushed:
    """What drover.mqtt.flushing asks of a connection."""

    is_closed = False

    async def _flush_pending(self, force_flush=False):
        pass

    async def _send_ping(self, answered):
        answered.set_result(True)
