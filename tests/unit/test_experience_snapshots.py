"""Pictures of an application's interface that come from outside, as bundles hold them."""

from __future__ import annotations

import msgspec
import pytest

from drover.app.experience_doors import ExperienceDoors, Visitor
from drover.app.experience_site import ExperienceVersionHook
from drover.kinds.experience_endpoint import KIND as ENDPOINT
from drover.kinds.experience_user import KIND as USER
from drover.kinds.experience_version import KIND as VERSION
from drover.kinds.experience_view import KIND as VIEW
from drover.model.access import Caller
from drover.model.bodies import convert
from drover.model.errors import Invalid
from drover.model.kind import Stamp
from drover.ports.resources import Page

OWN, OTHER = "a" * 24, "b" * 24
STAMP = Stamp("1" * 24, OTHER, 0)
CALLER = Caller(type="user", id="c" * 24, scopes=frozenset())
DOORS = {"deviceIdTemplate": "d" * 24, "experienceGroupIds": ["e" * 24]}


def shown(kind, **body):
    return msgspec.json.decode(kind.shown(kind.create(msgspec.json.encode(body), STAMP)))


def endpoint(**body):
    return shown(ENDPOINT, route="/pumps", method="get", **body)


def brought(snapshot):
    body = convert({"version": "v1", "snapshot": snapshot}, VERSION.bundled_type)
    return VERSION.create(body, Stamp("2" * 24, OWN, 0))


async def kept(old, new):
    return (await ExperienceVersionHook().before(None, CALLER, VERSION, old, new)).snapshot


@pytest.mark.parametrize(
    "snapshot",
    [
        {"experienceEndpoint": [{"x": 1}]},
        {"experienceEndpoint": ["/pumps"]},
        {"experienceEndpoint": [{**endpoint(), "route": "pumps"}]},
        {"experienceView": [{**shown(VIEW, name="Home", viewType="page"), "viewType": "poster"}]},
    ],
)
async def test_a_picture_that_no_call_could_be_answered_from_is_refused(snapshot):
    with pytest.raises(Invalid) as error:
        await kept(None, brought(snapshot))

    assert error.value.field == "snapshot"


async def test_a_picture_is_of_the_application_that_it_comes_to():
    snapshot = {
        "experienceEndpoint": [endpoint(access="group", **DOORS)],
        "experienceView": [shown(VIEW, name="Home", viewType="page", body="<p>")],
        "device": [{"x": 1}],
    }

    found = await kept(None, brought(snapshot))

    assert {each["applicationId"] for entries in found.values() for each in entries} == {OWN}
    assert sorted(found) == ["experienceEndpoint", "experienceView"]
    assert found["experienceEndpoint"] == [
        {**snapshot["experienceEndpoint"][0], "applicationId": OWN}
    ]


async def test_a_picture_that_replaces_another_is_looked_at_and_one_that_stays_is_not():
    before, bad = brought({"experienceView": []}), brought({"experienceEndpoint": [{"x": 1}]})

    assert await kept(bad, bad) == bad.snapshot
    with pytest.raises(Invalid):
        await kept(before, bad)


class Asked:
    """A store whose session tells which applications it is asked about."""

    def __init__(self):
        self.applications = []
        self.resources = self

    async def read(self, work):
        return await work(self)

    async def ids(self, _kind, application_id, _query):
        self.applications.append(application_id)
        return ()

    async def page_bytes(self, _kind, application_id, _listing):
        self.applications.append(application_id)
        return Page((), 0)


@pytest.mark.parametrize("access", ["group", "device"])
async def test_who_is_let_in_is_looked_up_in_the_application_that_is_called(access):
    store = Asked()
    foreign = ENDPOINT.load(msgspec.json.encode(endpoint(access=access, **DOORS)))
    body = {"email": "ada@example.com", "password": "correct horse battery"}
    ada = USER.create(msgspec.json.encode(body), STAMP)

    let_in = await ExperienceDoors(store, None).lets_in(OWN, foreign, Visitor(ada), {})

    assert (let_in, set(store.applications)) == (False, {OWN})
