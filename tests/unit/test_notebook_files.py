"""What a notebook left, and the templates of its names."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.app.notebooks import left_files, table_text
from drover.app.notebooks.run import context_of
from drover.app.notebooks.texts import Texts
from drover.kinds.data_table import Column, DataTable
from drover.model.errors import Invalid, Missing, TooLarge

TABLE = DataTable(
    id="1" * 24,
    application_id="2" * 24,
    creation_date="2026-01-01T00:00:00.000Z",
    last_updated="2026-01-01T00:00:00.000Z",
    name="T",
    columns=(
        Column(name="n", data_type="number", constraint="optional"),
        Column(name="b", data_type="boolean", constraint="optional"),
        Column(name="s", data_type="string", constraint="optional"),
    ),
)


def test_a_plain_file_is_read(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.txt").write_text("content")

    assert left_files.read(tmp_path, "a/b.txt", 100) == b"content"
    with pytest.raises(TooLarge):
        left_files.read(tmp_path, "a/b.txt", 6)


def test_links_pipes_and_directories_are_no_files(tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "link").symlink_to(secret / "key")
    (folder / "above").symlink_to(secret)
    os.mkfifo(folder / "pipe")
    (folder / "directory").mkdir()

    for path in ("link", "above/key", "pipe", "directory", "absent", "a/b"):
        with pytest.raises(Missing):
            left_files.read(folder, path, 100)


def test_a_directory_is_listed_without_what_its_links_lead_to(tmp_path):
    (tmp_path / "out" / "deep").mkdir(parents=True)
    (tmp_path / "out" / "b").write_text("")
    (tmp_path / "out" / "deep" / "a").write_text("")
    (tmp_path / "out" / "link").symlink_to("/etc")
    (tmp_path / "elsewhere").symlink_to("/etc")

    assert left_files.listed(tmp_path, "out") == ["out/b", "out/deep/a"]
    for name in ("elsewhere", "absent"):
        with pytest.raises(Missing):
            left_files.listed(tmp_path, name)


def test_a_directory_of_too_many_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(left_files, "_MOST_FILES", 1)
    for name in "ab":
        (tmp_path / name).write_text("")
    (tmp_path / "out").mkdir()
    for name in "ab":
        (tmp_path / "out" / name).write_text("")

    with pytest.raises(TooLarge):
        left_files.listed(tmp_path, "out")


def test_cells_become_values_of_their_columns_types():
    names, rows = table_text.parsed(b"n,b,s,createdAt\n1,true,x,y\n1.5,0,,\n,,7,\n")

    assert table_text.documents(TABLE, names, rows) == [
        {"n": 1, "b": True, "s": "x"},
        {"n": 1.5, "b": False},
        {"s": "7"},
    ]


@pytest.mark.parametrize("line", [b"x,,", b"nan,,", b"inf,,", b",maybe,"])
def test_a_cell_that_is_no_value_of_its_column_is_refused(line):
    names, rows = table_text.parsed(b"n,b,s\n" + line + b"\n")

    with pytest.raises(Invalid):
        table_text.documents(TABLE, names, rows)


def test_columns_that_a_table_lacks_have_the_type_of_all_their_cells():
    names, rows = table_text.parsed(b"n,i,f,t,e\n1,2,true,1x,\n,,FALSE,,\n")

    found = table_text.unknown(TABLE, names, rows)

    assert [(each.name, each.data_type) for each in found] == [
        ("i", "number"),
        ("f", "boolean"),
        ("t", "string"),
        ("e", "string"),
    ]


def test_a_name_that_no_column_can_have_is_refused():
    with pytest.raises(Invalid):
        table_text.unknown(TABLE, ["no column"], [])


@pytest.mark.parametrize("content", [b"", b"\n", b"a,a\n", b"a,b\n1\n", b"\xff\n", b'a\n"x'])
def test_what_is_no_table_is_refused(content):
    with pytest.raises(Invalid):
        table_text.parsed(content)


def test_too_many_rows_are_refused(monkeypatch):
    monkeypatch.setattr(table_text, "_MOST_ROWS", 1)

    with pytest.raises(Invalid):
        table_text.parsed(b"a\n1\n2\n")


@given(st.binary(max_size=60))
def test_whatever_a_notebook_left_is_read_or_refused(content):
    try:
        names, rows = table_text.parsed(content)
        columns = table_text.unknown(TABLE, names, rows)
    except Invalid:
        return
    assert len(columns) <= len(names)


def test_names_are_rendered_and_never_lead_elsewhere():
    texts = Texts({"a": "x", "evil": "../x", "dots": "..", "id": "A" * 24, "none": ""})

    assert texts.name("{{a}}.csv") == "x.csv"
    assert texts.id("{{id}}") == "a" * 24
    for template in ("{{evil}}", "{{dots}}", "{{none}}", "a/b", "."):
        with pytest.raises(Invalid):
            texts.name(template)
    with pytest.raises(Invalid):
        texts.id("{{a}}")
    with pytest.raises(Invalid):
        texts.text("{{#each}}")


@pytest.mark.parametrize("text", ["[]", "1", "{", '"x"'])
def test_a_context_that_is_no_object_is_refused(text):
    with pytest.raises(Invalid):
        context_of(text)


def test_no_context_is_an_empty_one():
    assert context_of(None) == {}
