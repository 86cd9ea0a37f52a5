"""Streams of the broker: made as they should be, kept by three brokers where there are so many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nats.js.api import RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError

if TYPE_CHECKING:
    from nats.js import JetStreamContext

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

_OTHERWISE: Final = 10058
"""The broker's code for a stream that is there already, made otherwise."""


async def keep(streams: JetStreamContext, wanted: StreamConfig) -> None:
    """Have a stream as it is wanted, whether it is there or not; raises NatsError."""
    for replicas in REPLICAS:
        config = wanted.evolve(num_replicas=replicas)
        try:
            await streams.add_stream(config)
        except APIError as error:
            if error.err_code == _OTHERWISE:
                await _change(streams, wanted)
            elif replicas != REPLICAS[-1]:
                continue
            else:
                raise
        return


async def _change(streams: JetStreamContext, wanted: StreamConfig) -> None:
    """Change a stream to what is wanted; as many brokers keep it as did before."""
    found = await streams.stream_info(wanted.name or "")
    await streams.update_stream(wanted.evolve(num_replicas=found.config.num_replicas))
