"""Who published a message is what the broker says of it, and nothing that a device could say."""

from __future__ import annotations

import pytest

from drover.mqtt.speakers import HEADER, speaker_in, speaker_of

DEVICE = "d" * 24
TOLD = (
    f'{{"host":"127.0.0.1","id":11,"user":"{"a" * 24}.{DEVICE}.{"c" * 24}","client_type":"mqtt"}}'
)


def headers(*lines):
    return b"NATS/1.0\r\n" + b"".join(line.encode() + b"\r\n" for line in lines) + b"\r\n"


def test_a_device_is_told_by_the_user_that_it_is_at_the_broker():
    assert speaker_of({HEADER: TOLD}) == DEVICE
    assert speaker_in(headers("Nmqtt-Pub: 1", f"{HEADER}: {TOLD}", "More: x")) == DEVICE
    assert speaker_in(headers("Nmqtt-Pub:1", f"{HEADER}:{TOLD}")) == DEVICE


@pytest.mark.parametrize(
    "told",
    [
        "no JSON",
        '{"client_type":"mqtt"}',
        '{"user":"UADMIN","client_type":"mqtt"}',
        TOLD.replace("mqtt", "nats"),
        TOLD.replace(f'"{"a" * 24}.', "7,"),
    ],
)
def test_anybody_else_is_nobody(told):
    assert speaker_of({HEADER: told}) is None
    assert speaker_in(headers(f"{HEADER}: {told}")) is None


def test_without_the_brokers_word_there_is_nobody():
    assert speaker_of(None) is speaker_of({}) is None
    assert speaker_in(b"") is speaker_in(headers("Nmqtt-Pub: 1")) is None
