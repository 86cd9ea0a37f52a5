"""An application's interface as a whole, and what hangs on what, by the vendor's client."""

from __future__ import annotations

import httpx
import pytest

from tests.support.vendor import node, refused, sound, trigger, until

EXPERIENCE = ("users", "groups", "slugs", "domains", "views", "endpoints", "versions")


def test_an_example_answers_and_is_counted(vendor):
    client, key = vendor.client, vendor.key
    slug = f"s-{vendor.application}"

    made = client.experience.bootstrap(**key, options={"slug": slug})

    assert made["resourceSuffix"] == ""
    assert made["email"] == "example.user@example.com"
    assert len(made["password"]) >= 8
    where = f"{vendor.url}/experiences/{vendor.application}"
    answered = until(lambda: httpx.get(f"{where}/", timeout=90), lambda got: got.status_code == 200)
    assert "It works" in answered.text
    assert httpx.get(f"{where}/nowhere").status_code == 404
    endpoint = client.experience_endpoints.get(**key)["items"][0]["id"]
    stats = until(
        lambda: client.experience_endpoints.stats(**key, statGrouping="endpointId"),
        lambda seen: {endpoint, "NotFound"} <= {*seen},
    )
    assert sound(stats)["NotFound"][0]["count"] == 1
    by_status = client.experience_endpoints.stats(**key)
    assert by_status["404"][0]["count"] == 1
    only = client.experience_endpoints.stats(**key, endpointIdFilter="NotFound")
    assert list(only) == ["404"]
    assert list(client.experience_endpoints.stats(**key, statGrouping="version")) == ["develop"]
    assert client.experience_endpoints.stats(**key, end=-10 * 86_400_000) == {}
    assert client.experience_endpoints.stats(**key, resolution=86_400_000)["404"]
    assert client.experience_slugs.get(**key)["items"][0]["slug"] == slug


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({"statGrouping": "colour"}, "statGrouping"),
        ({"duration": 0}, "duration"),
        ({"duration": 10**13}, "duration"),
        ({"resolution": 5_400_000}, "resolution"),
        ({"end": "soon"}, "end"),
    ],
)
def test_a_broken_question_about_calls_is_refused(losant, plant, wanted, named):
    refused(400, named, losant.experience_endpoints.stats, applicationId=plant, **wanted)


def test_a_second_example_stands_beside_the_first_or_in_its_place(losant, plant):
    client, key = losant, {"applicationId": plant}
    client.experience.bootstrap(**key, options={})

    second = client.experience.bootstrap(**key, options={"createUsers": False})
    third = client.experience.bootstrap(**key, options={"replaceExisting": True})

    assert second == {"resourceSuffix": "-2"}
    assert third["resourceSuffix"] == ""
    assert client.experience_users.get(**key)["totalCount"] == 1
    assert client.experience_groups.get(**key)["totalCount"] == 1
    assert client.experience_views.get(**key)["totalCount"] == 2
    assert client.flows.get(**key)["totalCount"] == 1
    refused(400, "slug", client.experience.bootstrap, **key, options={"slug": "NO"})
    refused(400, "colour", client.experience.bootstrap, **key, options={"colour": 1})


def fill(client, key):
    client.experience.bootstrap(**key, options={"slug": f"s-{key['applicationId'][8:]}"})
    client.experience_domains.post(
        **key, experienceDomain={"domainName": f"{key['applicationId']}.test"}
    )
    client.experience_versions.post(**key, experienceVersion={"version": "v1"})
    client.flows.post(**key, flow={"name": "Other"})


def count(client, key):
    return {
        name: getattr(client, f"experience_{name}").get(**key)["totalCount"] for name in EXPERIENCE
    }


def test_all_of_an_interface_goes_but_what_is_kept(losant, plant):
    client, key = losant, {"applicationId": plant}
    fill(client, key)

    client.experience.delete(**key, keepUsers=True, keepSlugs=True)
    some = count(client, key)
    client.experience.delete(**key, removeVersions=True, removeWorkflows=True)

    assert (some["users"], some["slugs"], some["versions"]) == (1, 1, 1)
    assert sum(some.values()) == 3
    assert set(count(client, key).values()) == {0}
    assert [each["name"] for each in client.flows.get(**key)["items"]] == ["Other"]


def test_groups_below_groups_go_too(losant, plant):
    client, key = losant, {"applicationId": plant}
    above = client.experience_groups.post(**key, experienceGroup={"name": "A"})["id"]
    client.experience_groups.post(**key, experienceGroup={"name": "B", "parentId": above})

    client.experience.delete(**key)

    assert client.experience_groups.get(**key)["totalCount"] == 0


def listed(found):
    return {name: [each["name"] for each in page["items"]] for name, page in found.items()}


def test_what_hangs_on_an_endpoint_or_a_view_is_listed(losant, plant):
    client, key = losant, {"applicationId": plant}
    layout = {"name": "L", "viewType": "layout", "body": "{{{page}}}"}
    layout_id = client.experience_views.post(**key, experienceView=layout)["id"]
    part = {"name": "part", "viewType": "component"}
    part_id = client.experience_views.post(**key, experienceView=part)["id"]
    page = {"name": "P", "viewType": "page", "layoutId": layout_id, "body": '{{component "part"}}'}
    page_id = client.experience_views.post(**key, experienceView=page)["id"]
    shows = {"route": "/", "method": "get", "staticReply": {"type": "page", "value": page_id}}
    endpoint_id = client.experience_endpoints.post(**key, experienceEndpoint=shows)["id"]
    starts = trigger("endpoint", endpoint_id, "n")
    reply = node("n", "EndpointReplyNode", experienceViewId=page_id)
    client.flows.post(**key, flow={"name": "F", "triggers": [starts], "nodes": [reply]})

    of_endpoint = client.experience_endpoint.linked_resources(
        **key, experienceEndpointId=endpoint_id
    )
    of_page = client.experience_view.linked_resources(**key, experienceViewId=page_id)
    of_layout = client.experience_view.linked_resources(**key, experienceViewId=layout_id)
    of_part = client.experience_view.linked_resources(**key, experienceViewId=part_id)

    assert listed(of_endpoint) == {"experienceViews": ["P"], "flows": ["F"], "flowVersions": []}
    assert [each["route"] for each in of_page["experienceEndpoints"]["items"]] == ["/"]
    assert of_page["flows"]["totalCount"] == 1
    assert [each["name"] for each in of_layout["experienceViews"]["items"]] == ["P"]
    assert [each["name"] for each in of_part["experienceViews"]["items"]] == ["P"]
    old = client.experience_view.linked_resources(**key, experienceViewId=page_id, version="v9")
    assert old["flows"]["totalCount"] == 0
    unknown = {**key, "experienceViewId": "0" * 24}
    refused(404, "not found", client.experience_view.linked_resources, **unknown)


def test_what_signs_in_with_a_credential_is_listed(losant, plant):
    client, key = losant, {"applicationId": plant}
    config = {"apiKey": "SG.abcdefgh"}
    one = {"name": "post", "type": "sendgrid", "sendgridConfig": config}
    credential_id = client.credentials.post(**key, credential=one)["id"]
    sends = node("n", "HttpNode", uriTemplate="http://x.test", credentialName="post")
    client.flows.post(**key, flow={"name": "Mails", "nodes": [sends]})
    client.flows.post(**key, flow={"name": "post"})

    found = client.credential.linked_resources(**key, credentialId=credential_id)

    assert listed(found) == {"integrations": [], "flows": ["Mails"], "flowVersions": []}
    assert found["flows"]["items"][0]["flowId"]
    other = client.applications.post(application={"name": "Other"})["id"]
    elsewhere = {"applicationId": other, "credentialId": credential_id}
    refused(404, "not found", client.credential.linked_resources, **elsewhere)


def test_endpoints_are_listed_by_group_and_version_with_their_calls(vendor):
    client, key = vendor.client, vendor.key
    group = client.experience_groups.post(**key, experienceGroup={"name": "Staff"})
    many, one = client.experience_endpoints, client.experience_endpoint
    body = {"route": "/own", "method": "get", "access": "group"}
    own = many.post(**key, experienceEndpoint={**body, "experienceGroupIds": [group["id"]]})
    named = {**key, "experienceEndpointId": own["id"]}
    many.post(**key, experienceEndpoint={"route": "/all", "method": "get"})
    client.experience_versions.post(**key, experienceVersion={"version": "v1"})
    one.patch(**named, experienceEndpoint={"route": "/moved"})

    assert own["experienceGroups"] == [{"id": group["id"], "name": "Staff"}]
    assert one.get(**named) == one.get(**named, version="develop")
    assert one.get(**named, version="v1")["route"] == "/own"
    assert one.get(**named)["experienceGroups"] == own["experienceGroups"]
    of_group = many.get(**key, experienceGroupId=group["id"])
    assert [each["route"] for each in of_group["items"]] == ["/moved"]
    assert (of_group["experienceGroupId"], of_group["totalCount"]) == (group["id"], 1)
    then = many.get(**key, version="v1", sortField="route", sortDirection="desc")
    assert [each["route"] for each in then["items"]] == ["/own", "/all"]
    counted = many.get(**key, requestCountDuration=86_400_000, sortField="requestCount")
    assert [each["requestCount"] for each in counted["items"]] == [0, 0]
    assert counted["notFoundRequestCount"] == 0
    found = many.get(**key, filterField="route", filter="/MOV*")
    assert [each["id"] for each in found["items"]] == [own["id"]]
    absent = {"route": "/x", "method": "get", "experienceGroupIds": ["f" * 24]}
    refused(400, "experienceGroupIds", many.post, **key, experienceEndpoint=absent)
    refused(404, "", many.get, **key, version="v9")
    refused(404, "", one.get, **{**named, "experienceEndpointId": "f" * 24}, version="v1")
    refused(400, "requestCountDuration", many.get, **key, requestCountDuration=-1)
