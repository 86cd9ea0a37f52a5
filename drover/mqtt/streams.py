"""Streams of the broker: made as they should be, kept by three brokers where there are so many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nats.js import JetStreamContext
    from nats.js.api import StreamInfo

REPLICAS: Final = (3, 1)
"""How many brokers keep a stream: as many as can."""

MOST_UNDELIVERED_BYTES: Final = 67_108_864
LONGEST_UNDELIVERED_S: Final = 3600.0
"""What an application's broker keeps for devices that take messages at QoS 1, and for how long."""

OF_DEVICES: Final = (
    # Retained messages are not for this server: as none fits, the broker keeps none.
    StreamConfig(
        name="$MQTT_rmsgs",
        subjects=["$MQTT.rmsgs.>"],
        max_msgs_per_subject=1,
        max_msg_size=1,
        storage=StorageType.FILE,
    ),
    StreamConfig(
        name="$MQTT_msgs",
        subjects=["$MQTT.msgs.>"],
        retention=RetentionPolicy.INTEREST,
        max_bytes=MOST_UNDELIVERED_BYTES,
        max_age=LONGEST_UNDELIVERED_S,
        storage=StorageType.FILE,
    ),
)
"""Streams that the broker makes for an application's devices, and uses as it finds them."""

MOST_ACKNOWLEDGED: Final = 1_000_000
"""Messages that brokers of a cluster keep for an application; they acknowledge no more than that.

Bytes would be set aside for each application before there are any.
"""

_IN_A_CLUSTER: Final[Mapping[str, Mapping[str, Any]]] = {
    "$MQTT_msgs": {  # servers take from it what was acknowledged: nothing of that is dropped
        "max_bytes": -1,
        "max_age": 0,
        "max_msgs": MOST_ACKNOWLEDGED,
        "discard": DiscardPolicy.NEW,
    }
}

_OTHERWISE: Final = 10058
"""The broker's code for a stream that is there already, made otherwise."""


async def keep(streams: JetStreamContext, wanted: StreamConfig) -> StreamInfo:
    """Have a stream as it is wanted, whether it is there or not; raises NatsError."""
    for replicas in REPLICAS[:-1]:
        try:
            return await _kept(streams, wanted, replicas)
        except APIError:
            continue
    return await _kept(streams, wanted, REPLICAS[-1])


async def _kept(streams: JetStreamContext, wanted: StreamConfig, replicas: int) -> StreamInfo:
    """Have a stream on so many brokers; one that is there stays on as many as it was."""
    try:
        return await streams.add_stream(_on(replicas, wanted))
    except APIError as error:
        if error.err_code != _OTHERWISE:
            raise
    found = await streams.stream_info(wanted.name or "")
    return await streams.update_stream(_on(found.config.num_replicas, wanted))


def _on(replicas: int | None, wanted: StreamConfig) -> StreamConfig:
    more = _IN_A_CLUSTER.get(str(wanted.name), {}) if replicas != 1 else {}
    return wanted.evolve(num_replicas=replicas, **more)
