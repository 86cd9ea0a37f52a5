"""Narrow filters beside queries: globs and unions of devices."""

from __future__ import annotations

import pytest

from drover.model.errors import Invalid
from drover.query.evaluate import matches
from drover.query.filters import by_glob, devices_listed, tagged_any
from drover.query.glob import MAX_GLOB_LENGTH
from drover.query.tree import ALL, NOTHING, Compare, Operator

ID = "575ec8687ae143cd83dc4a97"


def test_a_filter_is_a_glob_on_its_field() -> None:
    assert by_glob("name", "a*") == Compare("name", Operator.GLOB, "a*")


@pytest.mark.parametrize(
    ("field", "pattern"), [(None, "a"), ("", "a"), ("name", None), ("name", ""), ("name", "  ")]
)
def test_a_blank_filter_filters_nothing(field: str | None, pattern: str | None) -> None:
    assert by_glob(field, pattern) == ALL


def test_a_filter_too_long_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        by_glob("name", "*" * (MAX_GLOB_LENGTH + 1))

    assert caught.value.field == "filter"


def test_a_device_list_is_a_union_of_ids_and_tags() -> None:
    tree = devices_listed([ID.upper()], [{"key": "floor", "value": "8"}, {"value": "red"}])

    assert matches(tree, {"id": ID})
    assert matches(tree, {"id": "x", "tags": [{"key": "floor", "value": "8"}]})
    assert matches(tree, {"id": "x", "tags": [{"key": "any", "value": "red"}]})
    assert not matches(tree, {"id": "x", "tags": [{"key": "floor", "value": "9"}]})


def test_a_tag_may_give_only_its_key() -> None:
    tree = tagged_any("tags", [{"key": "floor"}])

    assert matches(tree, {"tags": [{"key": "floor", "value": "1"}]})
    assert not matches(tree, {"tags": [{"key": "size", "value": "1"}]})


def test_an_empty_device_list_is_no_device() -> None:
    assert devices_listed() == NOTHING


def test_a_device_list_takes_only_ids() -> None:
    with pytest.raises(Invalid, match="hexadecimal"):
        devices_listed(["x"])
