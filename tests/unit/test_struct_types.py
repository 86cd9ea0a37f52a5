"""Struct types are whole before threads decode them: half ones end the process."""

from __future__ import annotations

import msgspec

from drover.store.sqlite import SqliteDatabase
from drover.store.struct_types import complete_struct_types

looks: list[str] = []


class Looked:
    """An annotation that tells when msgspec looks at it."""

    def __class_getitem__(cls, name: str) -> type[int]:
        looks.append(name)
        return int


class Below(msgspec.Struct):
    """A struct like those that the store decodes."""


class FarBelow(Below):
    """A struct that others are between."""

    number: Looked["unit"]  # noqa: F821 - read as a text when msgspec looks


def test_each_struct_type_is_looked_at_once_and_for_all():
    complete_struct_types()
    seen = looks.count("unit")

    decoded = msgspec.json.decode(b'{"number": 5}', type=FarBelow)

    assert (seen, looks.count("unit"), decoded.number) == (1, 1, 5)


def test_a_struct_that_cannot_be_decoded_is_left_alone():
    class OnlyBuilt(msgspec.Struct):
        what: Nowhere  # noqa: F821 - what the test is about

    complete_struct_types()

    assert OnlyBuilt.__name__ == "OnlyBuilt"


async def test_a_store_that_is_open_has_looked_before_its_threads_do(tmp_path):
    class Stored(msgspec.Struct):
        number: Looked["stored"]  # noqa: F821 - read as a text when msgspec looks

    database = SqliteDatabase(tmp_path / "drover.db")
    await database.open()
    await database.close()

    assert (looks.count("stored"), Stored.__name__) == (1, "Stored")
