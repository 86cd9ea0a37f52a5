"""Which migrations there are, and which are still to be applied."""

import pytest

from drover.ports.failures import StoreRefused
from drover.store.migrate import BadMigration, Migration, load_migrations, pending

FIRST = Migration(1, "first", "CREATE TABLE a (id TEXT);")
SECOND = Migration(2, "second", "CREATE TABLE b (id TEXT);")
FOURTH = Migration(4, "fourth", "CREATE TABLE d (id TEXT);")
ALL = (FIRST, SECOND, FOURTH)


def applied(*migrations):
    return {migration.version: migration.checksum for migration in migrations}


def write(folder, *names):
    for name in names:
        (folder / name).write_text(f"-- {name}")
    return folder


def test_files_are_read_in_order_of_their_numbers(tmp_path):
    write(tmp_path, "0010_later.sql", "0002_now.sql", "README.md")

    found = load_migrations("sqlite", tmp_path)

    assert [(each.version, each.name, each.sql) for each in found] == [
        (2, "now", "-- 0002_now.sql"),
        (10, "later", "-- 0010_later.sql"),
    ]


def test_each_dialect_takes_its_own_variant(tmp_path):
    write(tmp_path, "0001_a.sqlite.sql", "0001_a.postgres.sql", "0002_b.sql")

    assert [each.sql for each in load_migrations("sqlite", tmp_path)] == [
        "-- 0001_a.sqlite.sql",
        "-- 0002_b.sql",
    ]
    assert load_migrations("postgres", tmp_path)[0].sql == "-- 0001_a.postgres.sql"


def test_without_a_folder_there_is_nothing_to_do(tmp_path):
    assert load_migrations("sqlite", tmp_path / "none") == ()


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (("1_a.sql",), "call it NNNN_name.sql"),
        (("0001_A.sql",), "call it NNNN_name.sql"),
        (("0001_a.oracle.sql",), "call it NNNN_name.sql"),
        (("0001_a.sql", "0001_b.sql"), "number 1 is taken"),
        (("0001_a.sqlite.sql", "0001_b.postgres.sql"), "number 1 is taken by a and b"),
        (("0001_a.sql", "0001_a.sqlite.sql"), "either the common file or both others"),
        (("0001_a.sqlite.sql",), "one dialect only"),
    ],
)
def test_a_folder_out_of_order_is_refused(tmp_path, names, complaint):
    write(tmp_path, *names)

    with pytest.raises(BadMigration, match=complaint):
        load_migrations("sqlite", tmp_path)


def test_the_products_own_migrations_are_in_order_for_both_databases():
    sqlite, postgres = load_migrations("sqlite"), load_migrations("postgres")

    assert [each.version for each in sqlite] == [each.version for each in postgres]


def test_a_fresh_store_gets_everything():
    assert pending(ALL, {}) == list(ALL)


def test_a_store_gets_what_it_lacks():
    assert pending(ALL, applied(FIRST, SECOND)) == [FOURTH]
    assert pending(ALL, applied(*ALL)) == []


def test_a_store_of_a_newer_version_is_refused():
    with pytest.raises(StoreRefused, match="newer than this program: it has had migration 4"):
        pending((FIRST, SECOND), applied(*ALL))


def test_an_edited_migration_is_refused():
    edited = Migration(2, "second", "CREATE TABLE b (id TEXT, more TEXT);")

    with pytest.raises(StoreRefused, match="0002 second was edited"):
        pending((FIRST, edited, FOURTH), applied(*ALL))


def test_a_migration_that_comes_too_late_is_refused():
    with pytest.raises(StoreRefused, match="0002 second comes before 0004"):
        pending(ALL, applied(FIRST, FOURTH))


def test_line_ends_and_blanks_are_no_edit():
    other = Migration(1, "first", "\r\nCREATE TABLE a (id TEXT);  \r\n\r\n")

    assert other.checksum == FIRST.checksum
