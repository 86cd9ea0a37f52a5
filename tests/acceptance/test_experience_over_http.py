"""Experience users and groups, workflows and applications over real HTTP."""

from __future__ import annotations

import pytest
from losant_rest import LosantError


def refusal(call, **arguments) -> LosantError:
    with pytest.raises(LosantError) as refused:
        call(**arguments)
    return refused.value


def user(losant, plant, email="ann@example.com", **more) -> dict:
    body = {"email": email, "password": "a long one", **more}
    return losant.experience_users.post(applicationId=plant, experienceUser=body)


def group(losant, plant, name="Crew", **more) -> dict:
    body = {"name": name, **more}
    return losant.experience_groups.post(applicationId=plant, experienceGroup=body)


def device(losant, plant, **more) -> dict:
    return losant.devices.post(applicationId=plant, device={"name": "Pump", **more})


def test_a_password_is_never_shown(losant, plant):
    made = user(losant, plant)
    listed = losant.experience_users.get(applicationId=plant)["items"][0]

    for shown in (made, listed):
        assert "password" not in shown
        assert shown["passwordLastUpdated"] == made["creationDate"]


def test_a_new_password_has_a_new_date_and_other_changes_leave_it(losant, plant):
    made = user(losant, plant)
    key = {"applicationId": plant, "experienceUserId": made["id"]}

    named = losant.experience_user.patch(**key, experienceUser={"firstName": "Ann"})
    changed = losant.experience_user.patch(**key, experienceUser={"password": "another one"})

    assert named["passwordLastUpdated"] == made["passwordLastUpdated"]
    assert changed["passwordLastUpdated"] == changed["lastUpdated"]


def test_an_address_is_taken_once_in_an_application(losant, plant):
    user(losant, plant)

    refused = refusal(user, losant=losant, plant=plant, email="ANN@example.com")
    other = losant.applications.post(application={"name": "Other"})["id"]

    assert refused.status == 400
    assert user(losant, other)["email"] == "ann@example.com"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "no address", "password": "a long one"}, "email"),
        ({"email": "a@b.c", "password": "short"}, "password"),
        ({"email": "a@b.c"}, "password"),
        ({"email": "a@b.c", "password": "a long one", "lastLogin": "2020"}, "lastLogin"),
        ({"email": "a@b.c", "password": "a long one", "tokenCutoff": "soon"}, "tokenCutoff"),
        (
            {"email": "a@b.c", "password": "a long one", "experienceGroupIds": ["5f" * 12]},
            "experienceGroupIds",
        ),
    ],
)
def test_users_that_do_not_fit_are_refused_by_field(losant, plant, body, field):
    refused = refusal(losant.experience_users.post, applicationId=plant, experienceUser=body)

    assert refused.status == 400
    assert field in refused.data["message"]


def test_membership_is_seen_and_set_from_both_sides(losant, plant):
    crew, other = group(losant, plant), group(losant, plant, "Others")
    ann = user(losant, plant, experienceGroupIds=[crew["id"]])

    seen = losant.experience_group.get(applicationId=plant, experienceGroupId=crew["id"])
    losant.experience_group.patch(
        applicationId=plant,
        experienceGroupId=other["id"],
        experienceGroup={"experienceUserIds": [ann["id"]]},
    )
    both = losant.experience_user.get(applicationId=plant, experienceUserId=ann["id"])
    losant.experience_user.patch(
        applicationId=plant,
        experienceUserId=ann["id"],
        experienceUser={"experienceGroupIds": []},
    )
    none = losant.experience_user.get(applicationId=plant, experienceUserId=ann["id"])

    assert [each["name"] for each in ann["experienceGroups"]] == ["Crew"]
    assert seen["experienceUserIds"] == [ann["id"]]
    assert [each["name"] for each in both["experienceGroups"]] == ["Crew", "Others"]
    assert none["experienceGroups"] == []


def test_users_are_listed_by_group_and_by_the_groups_above(losant, plant):
    top = group(losant, plant, "Top")
    low = group(losant, plant, "Low", parentId=top["id"])
    user(losant, plant, "top@x.y", experienceGroupIds=[top["id"]])
    user(losant, plant, "low@x.y", experienceGroupIds=[low["id"]])
    user(losant, plant, "none@x.y")

    def found(**arguments) -> list[str]:
        listed = losant.experience_users.get(applicationId=plant, **arguments)
        return [item["email"] for item in listed["items"]]

    assert found(experienceGroupId=low["id"]) == ["low@x.y"]
    assert found(experienceGroupId=low["id"], includeAncestorGroups=True) == ["low@x.y", "top@x.y"]
    assert found(query={"experienceGroupId": top["id"]}) == ["top@x.y"]
    assert found(filterField="email", filter="N*") == ["none@x.y"]


def test_a_group_owns_devices_by_id_tag_and_query_and_those_of_groups_below(losant, plant):
    by_id = device(losant, plant, name="by id")
    device(losant, plant, name="by tag", tags=[{"key": "a", "value": "1"}])
    device(losant, plant, name="by query")
    device(losant, plant, name="nobody's")
    top = group(losant, plant, "Top", deviceQueryJson='{"name": "by query"}')
    low = group(
        losant, plant, "Low", parentId=top["id"], deviceIds=[by_id["id"]], deviceTags=[{"key": "a"}]
    )
    ann = user(losant, plant, experienceGroupIds=[top["id"]])

    def counts(which: dict) -> tuple[int, int]:
        found = losant.experience_group.get(
            applicationId=plant,
            experienceGroupId=which["id"],
            includeDirectDeviceCount=True,
            includeTotalDeviceCount=True,
        )
        return found["directDeviceCount"], found["totalDeviceCount"]

    def names(**query) -> list[str]:
        listed = losant.devices.get(applicationId=plant, query=query)
        return [item["name"] for item in listed["items"]]

    assert counts(top) == (1, 3)
    assert counts(low) == (2, 2)
    assert names(experienceGroupId=low["id"]) == ["by id", "by tag"]
    assert names(experienceUserId=ann["id"]) == ["by id", "by query", "by tag"]


def test_a_group_with_a_broken_query_for_devices_is_refused(losant, plant):
    refused = refusal(group, losant=losant, plant=plant, deviceQueryJson='{"colour": 1}')

    assert refused.status == 400


def test_lists_of_workflows_show_the_class_asked_for(losant, plant):
    job = "5f" * 12
    trigger = {"type": "resourceJobIteration", "key": job, "config": {}, "outputIds": []}
    for name, more in (("a", {"triggers": [trigger]}), ("b", {}), ("c", {"flowClass": "edge"})):
        losant.flows.post(applicationId=plant, flow={"name": name, **more})

    def names(**arguments) -> list[str]:
        return [
            item["name"] for item in losant.flows.get(applicationId=plant, **arguments)["items"]
        ]

    assert names() == ["a", "b"]
    assert names(flowClass="edge") == ["c"]
    assert names(triggerFilter=[{"type": "resourceJobIteration", "key": job}]) == ["a"]
    assert names(triggerFilter=[{"key": "other"}]) == []
    assert names(query={"flowClass": "edge"}) == ["c"]


def test_versions_are_named_once_and_replaced_where_that_is_allowed(losant, plant):
    flow = losant.flows.post(applicationId=plant, flow={"name": "Do"})
    key = {"applicationId": plant, "flowId": flow["id"]}

    first = losant.flow_versions.post(**key, flowVersion={"version": "v1", "notes": "one"})
    losant.flow.patch(**key, flow={"defaultVersionId": first["id"]})
    taken = refusal(losant.flow_versions.post, **key, flowVersion={"version": "v1"})
    second = losant.flow_versions.post(
        **key, flowVersion={"version": "v1", "notes": "two"}, allowReplacement=True
    )
    reserved = refusal(losant.flow_versions.post, **key, flowVersion={"version": "develop"})

    listed = losant.flow_versions.get(**key)
    assert (first["flowId"], first["flowClass"]) == (flow["id"], "cloud")
    assert (taken.status, reserved.status) == (400, 400)
    assert [each["notes"] for each in listed["items"]] == ["two"]
    assert losant.flow.get(**key)["defaultVersionId"] == second["id"]


def test_a_version_of_another_workflow_looks_like_none(losant, plant):
    flow = losant.flows.post(applicationId=plant, flow={"name": "Do"})
    other = losant.flows.post(applicationId=plant, flow={"name": "Other"})
    version = losant.flow_versions.post(
        applicationId=plant, flowId=flow["id"], flowVersion={"version": "v1"}
    )

    refused = refusal(
        losant.flow_version.get,
        applicationId=plant,
        flowId=other["id"],
        flowVersionId=version["id"],
    )

    assert refused.status == 404


def test_versions_are_deleted_by_query_and_the_default_with_them(losant, plant):
    flow = losant.flows.post(applicationId=plant, flow={"name": "Do"})
    key = {"applicationId": plant, "flowId": flow["id"]}
    for name in ("v1", "v2"):
        made = losant.flow_versions.post(**key, flowVersion={"version": name})
    losant.flow.patch(**key, flow={"defaultVersionId": made["id"]})

    answer = losant.flow_versions.delete(**key, options={"query": {"version": "v2"}})

    assert answer["removed"] == 1
    assert "defaultVersionId" not in losant.flow.get(**key)
    assert losant.flow_versions.get(**key)["totalCount"] == 1


@pytest.mark.parametrize(("include", "left"), [(False, ["listens", "other"]), (True, ["other"])])
def test_a_job_goes_with_the_workflows_that_listen_to_it_where_asked(losant, plant, include, left):
    job = losant.resource_jobs.post(
        applicationId=plant, resourceJob={"name": "Job", "resourceType": "device"}
    )
    trigger = {"type": "resourceJobComplete", "key": job["id"], "config": {}, "outputIds": []}
    losant.flows.post(applicationId=plant, flow={"name": "listens", "triggers": [trigger]})
    losant.flows.post(applicationId=plant, flow={"name": "other"})

    losant.resource_job.delete(
        applicationId=plant, resourceJobId=job["id"], includeWorkflows=include
    )

    listed = losant.flows.get(applicationId=plant)
    assert [item["name"] for item in listed["items"]] == left


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x"}, "resourceType"),
        ({"name": "x", "resourceType": "flow"}, "resourceType"),
        ({"name": "x", "resourceType": "dataTableRow"}, "dataTableId"),
        (
            {"name": "x", "resourceType": "dataTableRow", "dataTableId": "table"},
            "dataTableId",
        ),
        ({"name": "x", "resourceType": "device", "iterationDelay": 60_001}, "iterationDelay"),
        ({"name": "x", "resourceType": "device", "iterationTimeout": 900_001}, "iterationTimeout"),
        ({"name": "x", "resourceType": "device", "maxIterationRetries": 6}, "maxIterationRetries"),
        ({"name": "x", "resourceType": "device", "retryDelay": -1}, "retryDelay"),
        (
            {"name": "x", "resourceType": "device", "maxIterationConcurrency": 1001},
            "maxIterationConcurrency",
        ),
        ({"name": "x", "resourceType": "device", "queryJson": "x" * 8193}, "queryJson"),
    ],
)
def test_jobs_that_break_a_limit_are_refused_by_field(losant, plant, body, field):
    refused = refusal(losant.resource_jobs.post, applicationId=plant, resourceJob=body)

    assert refused.status == 400
    assert field in refused.data["message"]


def test_the_type_of_a_job_never_changes(losant, plant):
    job = losant.resource_jobs.post(
        applicationId=plant, resourceJob={"name": "Job", "resourceType": "device"}
    )

    refused = refusal(
        losant.resource_job.patch,
        applicationId=plant,
        resourceJobId=job["id"],
        resourceJob={"resourceType": "device"},
    )

    assert refused.status == 400


def test_globals_are_merged_by_key(losant, plant):
    losant.application.patch(
        applicationId=plant,
        application={"globals": [{"key": "a", "json": "1"}, {"key": "b", "json": "2"}]},
    )

    changes = [
        {"key": "a", "json": None},
        {"key": "b", "description": "two"},
        {"key": "c", "json": '"x"', "cloudOnly": True},
    ]
    merged = losant.application.globals(applicationId=plant, globals=changes)
    refused = refusal(losant.application.globals, applicationId=plant, globals=[{"key": "d"}])

    assert [each["key"] for each in merged["globals"]] == ["b", "c"]
    assert merged["globals"][0]["json"] == "2"
    assert merged["globals"][1]["cloudOnly"] is True
    assert refused.status == 400


def test_the_readme_stands_apart_from_the_description(losant, plant):
    empty = losant.application.readme(applicationId=plant)
    losant.application.readme_patch(applicationId=plant, readme={"content": "# Hello"})

    found = losant.application.readme(applicationId=plant)

    assert empty.get("content", "") == ""
    assert (found["content"], found["lastUpdatedByType"]) == ("# Hello", "user")
    assert "readme" not in losant.application.get(applicationId=plant)
    too_long = refusal(
        losant.application.readme_patch, applicationId=plant, readme={"content": "x" * 131_073}
    )
    assert too_long.status == 400


def test_the_summary_counts_what_there_is(losant, plant):
    device(losant, plant)
    device(losant, plant)
    losant.data_tables.post(applicationId=plant, dataTable={"name": "t"})

    found = losant.application.get(applicationId=plant)
    few = losant.application.get(applicationId=plant, summaryInclude="deviceCount")
    none = losant.applications.get(summaryExclude="deviceCount", filterField="name", filter="P*")

    assert (found["summary"]["deviceCount"], found["summary"]["dataTableCount"]) == (2, 1)
    assert found["summary"]["webhookCount"] == 0
    assert few["summary"] == {"deviceCount": 2}
    assert "deviceCount" not in none["items"][0]["summary"]
