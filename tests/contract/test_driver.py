"""What both database drivers promise."""

import pytest

from drover.store.driver import UniqueBroken


async def test_smoke(database):
    async def create(tx):
        await tx.execute_sql("CREATE TABLE thing (id TEXT PRIMARY KEY, size BIGINT)")

    await database.write(create)

    async def put(tx):
        return await tx.execute_sql("INSERT INTO thing VALUES (:id, :size)", {"id": "a", "size": 1})

    assert await database.write(put) == 1
    with pytest.raises(UniqueBroken):
        await database.write(put)

    async def get(tx):
        return await tx.fetch_sql("SELECT * FROM thing WHERE id = :id", {"id": "a"})

    rows = await database.read(get)
    assert dict(rows[0]) == {"id": "a", "size": 1}
    batches = [batch async for batch in database.stream("SELECT id FROM thing")]
    assert [row["id"] for row in batches[0]] == ["a"]
    assert await database.now_ms() > 1_700_000_000_000
