"""A device's token counts as long as its access key would let it in, on each database."""

from __future__ import annotations

import pytest
import pytest_asyncio


@pytest_asyncio.fixture
async def plant(server, ann):
    """The path of an application of Ann's."""
    return f"/applications/{await server.application(ann)}"


async def signed_in_device(server, ann, plant, tags=(), **limits):
    device_id = (
        await server.ok(ann, "POST", f"{plant}/devices", {"name": "d", "tags": list(tags)})
    )["deviceId"]
    key = await server.ok(ann, "POST", f"{plant}/keys", limits)
    given = {"deviceId": device_id, "key": key["key"], "secret": key["secret"]}
    token = (await server.ok(None, "POST", "/auth/device", given))["token"]
    path = f"{plant}/devices/{device_id}"
    assert (await server.call(token, "GET", path)).status_code == 200
    return token, path, f"{plant}/keys/{key['id']}"


async def test_a_token_counts_while_its_device_has_the_tag_that_the_key_asks_for(
    server, ann, plant
):
    tag = {"key": "hall", "value": "A"}
    token, path, _ = await signed_in_device(server, ann, plant, [tag], deviceTags=[tag])

    await server.ok(ann, "PATCH", path, {"tags": []})
    assert (await server.call(token, "GET", path)).status_code == 401

    await server.ok(ann, "PATCH", path, {"tags": [tag]})
    assert (await server.call(token, "GET", path)).status_code == 200


@pytest.mark.parametrize(
    ("listed", "addresses", "status"),
    [
        ("whitelist", ["10.0.0.0/8"], 401),
        ("whitelist", ["127.0.0.0/8"], 200),
        ("blacklist", ["127.0.0.1"], 401),
        ("blacklist", ["10.0.0.0/8"], 200),
    ],
)
async def test_a_token_counts_from_the_addresses_of_its_key(
    server, ann, plant, listed, addresses, status
):
    token, path, key = await signed_in_device(server, ann, plant)

    await server.ok(ann, "PATCH", key, {"addressFilterType": listed, "addresses": addresses})

    assert (await server.call(token, "GET", path)).status_code == status
