"""Named statements: their files and their parameters."""

import pytest

from drover.store.statements import BadStatement, load, positional

ONE = "-- name: one\n-- Read one.\nSELECT 1;\n"
TWO = "-- name: two\n-- Read two.\nSELECT 2\nFROM somewhere;\n"


@pytest.fixture
def folder(tmp_path):
    for name in ("common", "sqlite", "postgres"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_statements_come_with_their_purpose_and_source(folder):
    (folder / "common" / "some.sql").write_text("-- Words about the file.\n\n" + ONE + "\n" + TWO)

    found = load("sqlite", folder)

    assert list(found) == ["one", "two"]
    assert found["two"].purpose == "Read two."
    assert found["two"].sql == "SELECT 2\nFROM somewhere"
    assert found["two"].source == "common/some.sql"


def test_a_dialect_replaces_common_statements_of_the_same_name(folder):
    (folder / "common" / "some.sql").write_text(ONE + TWO)
    (folder / "postgres" / "some.sql").write_text("-- name: two\n-- Read 2.\nSELECT 'ii'")

    assert load("postgres", folder)["two"].sql == "SELECT 'ii'"
    assert load("sqlite", folder)["two"].sql == "SELECT 2\nFROM somewhere"


def test_other_files_and_missing_folders_are_passed_over(folder):
    (folder / "common" / "README.md").write_text("nothing to run")
    (folder / "sqlite").rmdir()

    assert load("sqlite", folder) == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (ONE + ONE, "one is also in common/some.sql"),
        ("-- name: one\nSELECT 1;", "lacks its purpose"),
        ("-- name: one\n--\nSELECT 1;", "lacks its purpose"),
        ("-- name: one", "lacks its purpose"),
        ("-- name: one\n-- Read one.\n;\n", "is empty"),
        ("-- name: One Two\n-- Read one.\nSELECT 1", "no statement name"),
        ("SELECT 0;\n" + ONE, "text before the first"),
    ],
)
def test_a_file_that_breaks_the_format_is_refused(folder, text, complaint):
    (folder / "common" / "some.sql").write_text(text)

    with pytest.raises(BadStatement, match=complaint):
        load("sqlite", folder)


def test_a_name_may_not_come_from_two_files_of_a_folder(folder):
    (folder / "common" / "a.sql").write_text(ONE)
    (folder / "common" / "b.sql").write_text(ONE)

    with pytest.raises(BadStatement, match=r"common/b.sql: one is also in common/a.sql"):
        load("sqlite", folder)


@pytest.mark.parametrize(
    ("sql", "text", "names"),
    [
        ("a = :a AND b = :b OR a > :a", "a = $1 AND b = $2 OR a > $1", ("a", "b")),
        ("CAST(:a AS TEXT)", "CAST($1 AS TEXT)", ("a",)),
        (":a::text[] || :b::jsonb->>':c'", "$1::text[] || $2::jsonb->>':c'", ("a", "b")),
        ("'it''s :no' || :a", "'it''s :no' || $1", ("a",)),
        (r"E'\':no' || :a", r"E'\':no' || $1", ("a",)),
        (r"'\' || :a || ':no'", r"'\' || $1 || ':no'", ("a",)),
        ('":no""" = :a', '":no""" = $1', ("a",)),
        ("$$ :no $$ || :a || $x$ :no $$ $x$", "$$ :no $$ || $1 || $x$ :no $$ $x$", ("a",)),
        ("-- :no\n:a -- it's :no", "-- :no\n$1 -- it's :no", ("a",)),
        ("/* :no ' */ :a", "/* :no ' */ $1", ("a",)),
        ("f(x := :a)", "f(x := $1)", ("a",)),
        ("list[1:2] || :a_1", "list[1:2] || $1", ("a_1",)),
        ("type'x' || name':no' || :a", "type'x' || name':no' || $1", ("a",)),
        ("no parameters", "no parameters", ()),
    ],
)
def test_parameters_are_numbered_by_first_appearance(sql, text, names):
    assert positional(sql) == (text, names)


def test_a_statement_knows_its_parameters(folder):
    (folder / "common" / "some.sql").write_text(
        "-- name: one\n-- Read one: of all.\nSELECT :b, :a, :b;"
    )

    assert load("sqlite", folder)["one"].parameters == ("b", "a")
