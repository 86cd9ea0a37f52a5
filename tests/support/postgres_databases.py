"""Databases of a PostgreSQL server for tests: used again once they are as good as new.

Making a database copies some hundreds of files; emptying the tables that a test filled takes a
twentieth of that. A database whose tables, columns, indexes or rules a test changed is dropped.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg

from drover.store.postgres import PostgresDatabase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_TEMPLATE = "drover_template"

_SHAPE = """
SELECT md5(string_agg(part, ',' ORDER BY part)) FROM (
  SELECT format('%s %s %s', attrelid::regclass, attname, atttypid) AS part
    FROM pg_attribute WHERE attrelid > 16383 AND attnum > 0
  UNION ALL
  SELECT format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
  UNION ALL
  SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indexrelid > 16383
  UNION ALL
  SELECT format('%s %s', proname, md5(prosrc)) FROM pg_proc WHERE oid > 16383
  UNION ALL
  SELECT format('%s %s', tgrelid::regclass, tgname) FROM pg_trigger
  UNION ALL
  SELECT format('%s %s', relname, pg_get_viewdef(oid)) FROM pg_class
    WHERE relkind = 'v' AND oid > 16383
  UNION ALL
  SELECT setting FROM pg_db_role_setting, unnest(setconfig) AS setting
) AS parts
"""

_KEEP_FIRST_ROWS = """
DO $$
DECLARE name text;
BEGIN
  CREATE SCHEMA first_rows;
  FOR name IN SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
  LOOP
    EXECUTE format('CREATE TABLE first_rows.%I AS TABLE public.%I', name, name);
  END LOOP;
END $$
"""

_AS_NEW = """
DO $$
DECLARE filled text; name text;
BEGIN
  SELECT string_agg(oid::regclass::text, ', ') INTO filled FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0;
  IF filled IS NOT NULL THEN
    EXECUTE 'TRUNCATE ' || filled || ' RESTART IDENTITY CASCADE';
  END IF;
  PERFORM set_config('session_replication_role', 'replica', true);
  FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'first_rows'::regnamespace
    AND relkind = 'r'
  LOOP
    EXECUTE format('INSERT INTO public.%I OVERRIDING SYSTEM VALUE TABLE first_rows.%I', name, name);
  END LOOP;
  DELETE FROM pg_statistic WHERE starelid > 16383;
  UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relnamespace = 'public'::regnamespace
    AND relkind = 'r' AND pg_relation_size(oid) = 0;
END $$
"""


class Databases:
    """Migrated databases of one server."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._free: list[str] = []
        self._shape = ""

    @asynccontextmanager
    async def one(self) -> AsyncIterator[str]:
        """The URL of a database that is migrated and has nothing more in it."""
        name = self._free.pop() if self._free else await self._made()
        yield database_url(self._server, name)
        if await self._is_as_new(name):
            self._free.append(name)
        else:
            await self._run(f"DROP DATABASE {name} WITH (FORCE)")

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[str]:
        """The URL of a database in which there is nothing."""
        name = f"test_{uuid4().hex}"
        await self._run(f"CREATE DATABASE {name}")
        yield database_url(self._server, name)
        await self._run(f"DROP DATABASE {name} WITH (FORCE)")

    async def _run(self, statement: str) -> None:
        admin = await asyncpg.connect(self._server)
        try:
            await admin.execute(statement)
        finally:
            await admin.close()

    async def _made(self) -> str:
        if not self._shape:
            await self._make_template()
        name = f"test_{uuid4().hex}"
        await self._run(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return name

    async def _make_template(self) -> None:
        await self._run(f"CREATE DATABASE {_TEMPLATE}")
        url = database_url(self._server, _TEMPLATE)
        database = PostgresDatabase(url, pool_size=1)
        await database.open()
        await database.close()
        connection = await asyncpg.connect(url)
        await connection.execute(_KEEP_FIRST_ROWS)
        self._shape = await connection.fetchval(_SHAPE)
        await connection.close()

    async def _is_as_new(self, name: str) -> bool:
        """Empty what was filled; tells whether the database can be used again."""
        connection = await asyncpg.connect(database_url(self._server, name))
        try:
            await connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            if await connection.fetchval(_SHAPE) != self._shape:
                return False
            await connection.execute(_AS_NEW)
        finally:
            await connection.close()
        return True


def database_url(server: str, name: str) -> str:
    """Return the URL of one of a server's databases."""
    address, _, query = server.partition("?")
    return f"{address.rsplit('/', 1)[0]}/{name}?{query}"
