"""What application templates keep and refuse, and the tree of their categories."""

from __future__ import annotations

import msgspec
import pytest

from drover.kinds.application_template import EVERYWHERE, KIND
from drover.model.errors import Invalid
from drover.model.kind import Stamp
from drover.model.template_categories import CATEGORIES, below

STAMP = Stamp("a" * 24, EVERYWHERE, 1_700_000_000_123, "c" * 24, "user")


def create(**body):
    given = {"name": "t", "applicationId": "b" * 24, **body}
    return KIND.create(msgspec.json.encode(given), STAMP)


def test_a_template_belongs_to_no_application_and_shows_none():
    made = create(categoryIds=[CATEGORIES[0].id.upper()], imageUrl="HTTPS://example.com/a.png")

    assert made.application_id == EVERYWHERE
    assert made.category_ids == (CATEGORIES[0].id,)
    assert "applicationId" not in msgspec.json.decode(KIND.shown(made))
    assert KIND.load(KIND.shown(made), KIND.apart(made)) == made


def test_the_application_is_named_once_and_for_all():
    with pytest.raises(Invalid, match="applicationId"):
        KIND.create(b'{"name": "t"}', STAMP)
    with pytest.raises(Invalid, match="applicationId"):
        KIND.patch(create(), b'{"applicationId": "%s"}' % (b"b" * 24), STAMP)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"categoryIds": ["f" * 24]}, "categoryIds"),
        ({"authorUrl": "javascript:1"}, "authorUrl"),
        ({"imageUrl": "//example.com"}, "imageUrl"),
    ],
)
def test_unknown_categories_and_odd_addresses_are_refused(body, field):
    with pytest.raises(Invalid) as refused:
        create(**body)

    assert refused.value.field == field


def test_categories_below_one_are_those_that_name_it():
    (top,) = {each.parent_id for each in CATEGORIES if each.parent_id}

    assert below(None) == CATEGORIES
    assert {each.name for each in below(top)} >= {"Energy", "Buildings"}
    assert list(below("f" * 24)) == []
    assert len({each.id for each in CATEGORIES}) == len(CATEGORIES)
