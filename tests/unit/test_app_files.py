"""Where files of an application may be."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from drover.kinds.file import KIND
from drover.model.app_file import ancestors, joined, settled
from drover.model.errors import Invalid
from drover.model.kind import Stamp

STAMP = Stamp("a" * 24, "b" * 24, 1_700_000_000_123)


def create(**body):
    return KIND.create(json.dumps({"name": "x", "type": "file", **body}).encode(), STAMP)


@pytest.mark.parametrize("written", ["/a/b", "a/b", "/a/b/", "//a//b//"])
def test_a_directory_is_written_in_one_way(written):
    made = create(parentDirectory=written)

    assert (made.parent_directory, made.path) == ("/a/b", "/a/b/x")
    assert ancestors(made.parent_directory) == [("/", "a"), ("/a", "b")]


def test_what_is_in_no_directory_is_at_the_root():
    for root in ({}, {"parentDirectory": ""}, {"parentDirectory": "/"}):
        assert create(**root).path == "/x"
    assert ancestors("/") == []


def test_a_content_type_can_be_sent_in_a_header():
    assert create(contentType="text/plain").content_type == "text/plain"
    with pytest.raises(Invalid, match="contentType"):
        create(contentType="text/html\r\nX: y")


def test_a_path_has_a_longest_length():
    with pytest.raises(Invalid, match="2048"):
        create(name="n" * 1024, parentDirectory="/" + "d" * 1023)


def test_a_directory_has_room_for_the_slash_before_it():
    assert create(parentDirectory="d" * 1023).parent_directory == "/" + "d" * 1023
    with pytest.raises(Invalid, match="parentDirectory"):
        create(parentDirectory="d" * 1024)


def test_a_file_that_is_moved_keeps_to_the_lengths_of_a_new_one():
    made = create()

    for name in ("name", "parent_directory"):
        with pytest.raises(Invalid, match="1024"):
            settled(made, structs.replace(made, **{name: "n" * 1025}))


def test_a_directory_is_there_at_once_and_a_file_when_its_content_is():
    assert create(type="directory").status == "completed"
    assert create(type="directory").is_directory
    assert create().status == "pending"


@given(st.text(max_size=40))
def test_no_name_and_no_directory_leads_out_of_its_place(text):
    for body in ({"name": text or "x"}, {"parentDirectory": text}):
        try:
            made = create(**body)
        except Invalid:
            continue
        parts = made.path.split("/")[1:]
        assert all(part not in {"", ".", ".."} for part in parts)
        assert "\\" not in made.path
        assert joined(made.parent_directory, made.name) == made.path
