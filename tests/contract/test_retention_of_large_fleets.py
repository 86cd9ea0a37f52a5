"""What deleted devices left is found from these devices, however much others have reported."""

from __future__ import annotations

from tests.support.counted_steps import CountedSteps

APPLICATION = "a" * 24
MANY = 20_000
FEW = MANY // 10
"""Steps of the database that a look takes no more of; to read what all reported takes many times."""
DELETED = 3


async def _fill(tx):
    columns = ("application_id", "id", "name", "device_class", "created_ms", "updated_ms")
    rows = [
        (APPLICATION, f"{each:024x}", "d", "standalone", 1, 1, 5 if each < DELETED else None, "{}")
        for each in range(MANY)
    ]
    await tx.copy_rows("device", (*columns, "deleted_ms", "document"), rows)
    states = [(f"{each:024x}", "heat", 1, "1") for each in range(MANY)]
    await tx.copy_rows("device_state", ("device_id", "attribute", "time_ms", "value"), states)


async def test_states_of_deleted_devices_are_found_among_those_of_many_that_are_there(database):
    await database.write(_fill)
    params = {"before_ms": 6, "limit": 500}

    async def steps(tx):
        counted = CountedSteps(tx)
        await counted.fetch("retire_states_of_deleted", params)
        left = await tx.fetch_sql("SELECT count(*) AS total FROM device_state")
        return counted.steps, left[0]["total"]

    taken, left = await database.write(steps)

    assert left == MANY - DELETED
    assert taken < FEW
