"""Streams of the broker: made as they should be, on three brokers where they form a cluster."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nats.aio.client import Client
    from nats.js import JetStreamContext
    from nats.js.api import ConsumerConfig, ConsumerInfo, StreamInfo

MOST_KEEPERS: Final = 3
"""How many brokers of a cluster keep a stream."""

FEWEST_KEEPERS: Final = 2
"""How many do while there is no third one.

Not one: what that alone has is lost with it, and to have more of them keep it later stops the
stream for a quarter of a minute. With fewer than two of three a cluster makes no stream anyway.
"""

LEARNING_S: Final = 5.0
"""How long it may take until who leads a stream has learned of a consumer."""
_LOOK_S: Final = 0.02

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

OF_SESSIONS: Final = (
    StreamConfig(
        name="$MQTT_sess",
        subjects=["$MQTT.sess.>"],
        max_msgs_per_subject=1,
        storage=StorageType.FILE,
    ),
    StreamConfig(
        name="$MQTT_qos2in",
        subjects=["$MQTT.qos2.in.>"],
        max_msgs_per_subject=1,
        discard=DiscardPolicy.NEW,
        discard_new_per_subject=True,
        storage=StorageType.FILE,
    ),
    StreamConfig(
        name="$MQTT_out",
        subjects=["$MQTT.out.>"],
        retention=RetentionPolicy.INTEREST,
        storage=StorageType.FILE,
    ),
)
"""The others. It makes them itself, as they are here, but for three brokers or not at all."""

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

_UNKNOWN: Final = 10005
"""Its code for a cluster that does not have so many brokers, or does not know of them."""

_FEWER: Final[Mapping[int | None, int]] = {
    _UNKNOWN: FEWEST_KEEPERS,
    10023: FEWEST_KEEPERS,  # there are so many, and one of them takes no more
    10074: 1,  # this broker belongs to no cluster
}
"""How many brokers keep a stream instead, by the code with which three are refused.

Any other refusal says nothing of how many there are: brokers that elect who leads, for one.
"""


async def keep(streams: JetStreamContext, wanted: StreamConfig) -> StreamInfo:
    """Have a stream as it is wanted, whether it is there or not; raises NatsError.

    As many brokers keep it as can. That goes for one that is there already, too: it gets its third
    keeper when it is looked for again.
    """
    try:
        return await _kept(streams, wanted, MOST_KEEPERS)
    except APIError as error:
        fewer = _FEWER.get(error.err_code)
        if fewer is None:
            raise
    return await _kept(streams, wanted, fewer)


async def add_consumer(
    streams: JetStreamContext, stream: str, wanted: ConsumerConfig
) -> ConsumerInfo:
    """Have a stream keep messages for a consumer that is new; raises NatsError.

    In a cluster the broker that leads the stream may learn of it later than the one that says that
    it is made. Until then it keeps nothing for it, and devices are told that it does.
    """
    before = (await streams.stream_info(stream)).state.consumer_count
    made = await streams.add_consumer(stream, wanted)
    with contextlib.suppress(TimeoutError):  # somebody else has made it a moment ago
        async with asyncio.timeout(LEARNING_S):
            while (await streams.stream_info(stream)).state.consumer_count <= before:  # noqa: ASYNC110 - brokers do not tell when
                await asyncio.sleep(_LOOK_S)
    return made


async def remove_all(client: Client) -> None:
    """Take away all streams of an account, with what they keep; raises NatsError.

    A broker that forgets an account leaves them on its disk, for ever. Another server may do the
    same: who is first at one is not with the next.
    """
    streams = client.jetstream()
    for each in await streams.streams_info():
        with contextlib.suppress(NotFoundError):
            await streams.delete_stream(str(each.config.name))


def may_pass(error: APIError) -> bool:
    """Tell whether brokers that just met may refuse what they take in a moment."""
    return isinstance(error, ServiceUnavailableError) or error.err_code == _UNKNOWN


def lacks_keepers(found: StreamInfo) -> bool:
    """Tell whether fewer brokers of a cluster keep a stream than should."""
    return (found.config.num_replicas or 1) in range(FEWEST_KEEPERS, MOST_KEEPERS)


async def _kept(streams: JetStreamContext, wanted: StreamConfig, keepers: int) -> StreamInfo:
    """Have a stream on so many brokers; one that is there stays on more."""
    try:
        return await streams.add_stream(_on(keepers, wanted))
    except APIError as error:
        if error.err_code != _OTHERWISE:
            raise
    found = await streams.stream_info(wanted.name or "")
    return await streams.update_stream(_on(max(found.config.num_replicas or 1, keepers), wanted))


def _on(keepers: int, wanted: StreamConfig) -> StreamConfig:
    more = _IN_A_CLUSTER.get(str(wanted.name), {}) if keepers > 1 else {}
    return wanted.evolve(num_replicas=keepers, **more)
