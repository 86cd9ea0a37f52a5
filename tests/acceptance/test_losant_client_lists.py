"""Every list of the published API: its defaults, sorting, filtering and paging."""

from __future__ import annotations

from uuid import uuid4

import pytest
from losant_rest import LosantError

from tests.support.vendor import refused, sound

PLAIN = ("name", "id", "creationDate", "lastUpdated")
TOKENS = ("name", "status", "id", "creationDate", "lastUpdated", "expirationDate")


def _row(family, sortable, filterable=("name",), default=("name", "asc"), **more):
    return pytest.param(family, sortable, filterable, default, more, id=family)


LISTS = [
    _row("applications", (*PLAIN, "ownerId"), body="application"),
    _row(
        "devices",
        (*PLAIN, "connectionStatus", "deletedAt"),
        body="device",
    ),
    _row("data_tables", PLAIN, body="dataTable"),
    _row(
        "experience_users",
        ("firstName", "lastName", "email", "id", "creationDate", "lastLogin", "lastUpdated"),
        ("firstName", "lastName", "email"),
        ("email", "asc"),
        body="experienceUser",
        fields=lambda name: {
            "email": f"{name}@example.com",
            "password": "Sup3rsecret!",
            "firstName": name,
            "lastName": name,
        },
    ),
    _row("experience_groups", PLAIN, body="experienceGroup"),
    _row("flows", PLAIN, body="flow"),
    _row(
        "resource_jobs",
        (*PLAIN, "lastExecutionRequested", "resourceType"),
        ("name", "resourceType"),
        body="resourceJob",
        fields=lambda name: {"name": name, "resourceType": "device"},
    ),
    _row(
        "events",
        ("subject", "id", "creationDate", "lastUpdated", "level", "state", "deviceId"),
        ("subject",),
        ("creationDate", "desc"),
        body="event",
        fields=lambda name: {"subject": name, "level": "info"},
    ),
    _row("application_api_tokens", TOKENS, ("name", "status"), body="apiToken"),
    _row(
        "application_keys",
        ("key", "status", "id", "creationDate", "lastUpdated", "name"),
        ("key", "status", "name"),
        ("creationDate", "desc"),
        body="applicationKey",
    ),
    _row(
        "webhooks",
        PLAIN,
        body="webhook",
        fields=lambda name: {"name": name, "verificationType": "none", "responseCode": 200},
    ),
    _row("orgs", PLAIN, body="organization"),
    _row("user_api_tokens", TOKENS, ("name", "status"), body="apiToken"),
]


class Shelf:
    """One list with three things in it whose names begin alike."""

    def __init__(self, vendor, family, more):
        self.calls = getattr(vendor.client, family)
        self.key = {} if family in {"applications", "orgs", "user_api_tokens"} else vendor.key
        self.prefix = uuid4().hex[:12]
        fields = more.get("fields", lambda name: {"name": name})
        for letter in "bCa":
            self.calls.post(**self.key, **{more["body"]: fields(self.prefix + letter)})

    def get(self, **query):
        return self.calls.get(**self.key, **query)


@pytest.fixture
def shelf(vendor, family, more):
    return Shelf(vendor, family, more)


@pytest.mark.parametrize(("family", "sortable", "filterable", "default", "more"), LISTS)
def test_a_list_sorts_filters_and_pages_as_published(
    shelf, family, sortable, filterable, default, more
):
    first = sound(shelf.get())
    assert (first["sortField"], first["sortDirection"]) == default
    assert (first["page"], first["perPage"]) == (0, 100)
    assert first["count"] == len(first["items"]) <= first["totalCount"]
    for item in first["items"]:
        sound(item)
        assert item["_links"]["self"]["href"].endswith(item["id"])
    for name in sortable:
        for direction in ("asc", "desc"):
            found = shelf.get(sortField=name, sortDirection=direction)
            assert (found["sortField"], found["sortDirection"]) == (name, direction)
            ids = [item["id"] for item in found["items"]]
            assert len(ids) == found["count"]
            if name == "id":
                assert ids == sorted(ids, reverse=direction == "desc")
    for name in filterable:
        found = shelf.get(filterField=name, filter=f"{shelf.prefix.upper()}*")
        assert (found["filterField"], found["filter"]) == (name, f"{shelf.prefix.upper()}*")
        expected = 3 if name in {"name", "subject", "firstName", "lastName", "email"} else 0
        assert found["totalCount"] == expected
        assert shelf.get(filterField=name, filter="")["totalCount"] == first["totalCount"]
    one = filterable[-1] if filterable[-1] not in {"status", "resourceType"} else filterable[0]
    assert shelf.get(filterField=one, filter=f"{shelf.prefix}a*")["totalCount"] == 1
    two = shelf.get(perPage=2, page=1, filterField=one, filter=f"{shelf.prefix}*")
    assert (two["count"], two["totalCount"], two["page"], two["perPage"]) == (1, 3, 1, 2)
    past = shelf.get(perPage=1000, page=7)
    assert (past["count"], past["items"]) == (0, [])


@pytest.mark.parametrize(("family", "sortable", "filterable", "default", "more"), LISTS)
def test_a_list_refuses_what_it_does_not_know_by_name(
    shelf, family, sortable, filterable, default, more
):
    for name, value in (
        ("sortField", "zz"),
        ("sortDirection", "up"),
        ("page", "-1"),
        ("page", "1.5"),
        ("perPage", "0"),
        ("perPage", "1001"),
    ):
        refused(400, name, shelf.get, **{name: value})
    refused(400, "filterField", shelf.get, filterField="zz", filter="a")


@pytest.mark.parametrize("flag", [True, False])
def test_links_and_actions_come_as_asked_in_python_spelling(vendor, flag):
    vendor.devices(1)

    found = vendor.client.devices.get(**vendor.key, _links=flag, _actions=flag)

    for each in (found, found["items"][0]):
        assert ("_links" in each) is flag
        assert ("_actions" in each) is flag


QUERIES = ["devices", "events", "experience_users", "experience_groups"]
SOUND = [
    {},
    {"$or": []},
    {"$and": []},
    {"id": {"$in": ["a" * 24]}},
    {"creationDate": {"$gt": 1, "$lt": 9e12}},
    {"lastUpdated": {"$gte": "2020-01-01T00:00:00.000Z"}},
    {"$nor": [{"id": "b" * 24}]},
]
UNSOUND = [
    {"zz": 1},
    {"id": {"$regex": "x"}},
    {"id": ["a" * 24]},
    {"$not": {}},
    {"$or": {}},
    {"$or": [{}] * 101},
    {"creationDate": {"$exists": True}},
]


@pytest.mark.parametrize("family", QUERIES)
def test_queries_are_read_or_refused_with_the_place(vendor, family):
    calls = getattr(vendor.client, family)

    for query in SOUND:
        assert calls.get(**vendor.key, query=query)["query"] == query
    for query in UNSOUND:
        with pytest.raises(LosantError) as refusal:
            calls.get(**vendor.key, query=query)
        assert refusal.value.status == 400
        assert "Invalid query at" in refusal.value.data["message"]


@pytest.mark.parametrize("text", ["{", "[]", "5", "null", '"x"'])
def test_a_query_that_is_no_object_never_means_all(vendor, text):
    vendor.devices(1)

    assert vendor.raw("GET", "/devices", params={"query": text}).status_code == 400


def test_a_query_overrides_the_narrow_filters(vendor):
    vendor.devices(2)

    found = vendor.client.devices.get(
        **vendor.key, query={"name": "d0"}, deviceClass=["gateway"], filterField="name", filter="z"
    )

    assert [each["name"] for each in found["items"]] == ["d0"]


def test_no_choices_match_all_but_for_nor(vendor):
    vendor.devices(2)

    counts = [
        vendor.client.devices.get(**vendor.key, query={name: []})["totalCount"]
        for name in ("$or", "$and", "$nor")
    ]

    assert counts == [2, 2, 0]
