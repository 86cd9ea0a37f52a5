"""Nodes on experience users and groups: what they ask, and what they write."""

import pytest

from drover.flows import check_flow
from tests.support.flow_world import (
    SHOW,
    FakeHost,
    error,
    error_of,
    flow,
    node,
    output_of,
    result_of,
    run_one,
    shown,
)

USER = "64b0000000000000000000e1"
GROUP = "64b0000000000000000000e2"
TIME = "2026-01-02T03:04:05.678Z"
PERSON = {"id": USER, "email": "a@b.c", "creationDate": TIME, "lastLogin": TIME}


def asked(kind, config, data=None, answer=None, operation=""):
    """The one request of a node, and the payload after it."""
    host = FakeHost()
    host.answers[operation] = lambda _request: answer
    payload = result_of(kind, {"resultPath": "out", **config}, data, host)
    return host.requests[0], payload.get("out")


def found(*items, total=1):
    return {"result": {"items": [dict(each) for each in items], "totalCount": total, "page": 0}}


def test_a_user_is_found_by_address_with_its_dates():
    config = {"emailOrIdTemplate": "{{data}}"}

    request, out = asked("GetExperienceUserNode", config, "a@b.c", found(PERSON), "user.find")

    assert request["method"] == "emailOrId"
    assert request["value"] == "a@b.c"
    assert request["sortField"] == "email"
    assert out["lastLogin"] == {"$date": TIME}


def test_nobody_found_is_null_and_an_empty_list_of_many():
    none = {"emailOrIdTemplate": "x"}

    assert asked("GetExperienceUserNode", none, None, found(), "user.find")[1] is None
    many = {**none, "findMultiple": True}
    assert asked("GetExperienceUserNode", many, None, found(), "user.find")[1] == []


def test_many_users_tell_of_their_page():
    config = {
        "findMethod": "userTags",
        "tags": [{"keyTemplate": "team", "valueTemplate": "{{data}}"}],
        "findMultiple": True,
        "findMetadata": True,
        "resultsPerPage": "2",
        "sortField": "lastLogin",
        "sortDirection": "desc",
    }

    request, out = asked("GetExperienceUserNode", config, "red", found(PERSON), "user.find")

    assert request["tags"] == [{"key": "team", "value": "red"}]
    assert (request["perPage"], request["sortField"]) == (2, "lastLogin")
    assert (out["count"], out["totalCount"]) == (1, 1)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"findMethod": "id", "idTemplate": GROUP}, {"method": "id", "value": GROUP}),
        ({"findMethod": "name", "idTemplate": "North"}, {"method": "name", "value": "North"}),
        ({"findMethod": "name", "nameTemplate": "North"}, {"method": "name", "value": "North"}),
        (
            {"findMethod": "findByAnyTags", "tags": [{"keyTemplate": "a"}]},
            {"method": "findByAnyTags", "tags": [{"key": "a", "value": None}]},
        ),
        (
            {"findMethod": "query", "queryTemplate": '{"name": "North"}'},
            {"method": "query", "query": {"name": "North"}},
        ),
    ],
)
def test_groups_are_found_in_every_way(config, told):
    request, _ = asked("GetExperienceGroupNode", config, None, found(), "group.find")

    assert told.items() <= request.items()


def test_a_failed_search_is_written_where_its_result_would_be():
    config = {"findMethod": "query", "queryTemplate": '{"x": 1}'}
    told = error("Validation", "There is no field x")

    _, out = asked("GetExperienceUserNode", config, None, told, "user.find")

    assert out == told


def test_a_user_is_made_from_single_fields():
    config = {
        "emailTemplate": "{{data}}",
        "passwordTemplate": "correct horse",
        "firstNameTemplate": "Ada",
        "lastNameTemplate": "{{nothing}}",
        "userTags": [{"keyTemplate": "team", "valueTemplate": "red"}, {"keyTemplate": "x"}],
    }

    request, out = asked("CreateExperienceUserNode", config, "a@b.c", dict(PERSON), "user.create")

    assert request["body"] == {
        "email": "a@b.c",
        "password": "correct horse",
        "firstName": "Ada",
        "userTags": {"team": "red"},
    }
    assert out["creationDate"] == {"$date": TIME}


def test_a_user_without_an_address_is_not_made():
    config = {"emailTemplate": "{{nothing}}", "passwordTemplate": "correct horse"}

    thrown = error_of("CreateExperienceUserNode", config)

    assert thrown == {"name": "Validation", "message": "Email is required"}


@pytest.mark.parametrize(
    ("kind", "operation", "keys"),
    [
        ("CreateExperienceUserNode", "user.create", ("userJsonTemplate", "userPayloadPath")),
        ("CreateExperienceGroupNode", "group.create", ("groupJsonTemplate", "groupPayloadPath")),
    ],
)
def test_bodies_may_be_given_whole(kind, operation, keys):
    json_key, path_key = keys
    by_json = {"dataMethod": "jsonTemplate", json_key: '{"name": "{{data.name}}"}'}
    by_path = {"dataMethod": "payloadPath", path_key: "data"}

    for config in (by_json, by_path):
        request, _ = asked(kind, config, {"name": "North"}, dict(PERSON), operation)

        assert request["body"] == {"name": "North"}


def test_a_body_that_is_no_object_is_refused():
    config = {"dataMethod": "payloadPath", "userPayloadPath": "data"}

    assert error_of("CreateExperienceUserNode", config, [1])["name"] == "Validation"


def test_an_update_names_what_changes_and_leaves_blanks_alone():
    config = {
        "emailOrIdTemplate": USER,
        "firstNameTemplate": "Ada",
        "lastNameTemplate": "",
        "userTags": [{"keyTemplate": "team"}, {"keyTemplate": "floor", "valueTemplate": "2"}],
        "invalidateExistingTokens": True,
    }

    request, _ = asked("UpdateExperienceUserNode", config, None, dict(PERSON), "user.update")

    assert request == {
        "user": USER,
        "cutOff": True,
        "body": {"firstName": "Ada"},
        "mergeTags": {"team": None, "floor": "2"},
    }


def test_a_user_is_deleted():
    request, out = asked(
        "DeleteExperienceUserNode",
        {"emailOrIdTemplate": "{{data}}"},
        "a@b.c",
        {"result": True},
        "user.delete",
    )

    assert request == {"user": "a@b.c"}
    assert out is True


def test_a_group_is_made():
    config = {
        "nameTemplate": "North",
        "parentIdTemplate": GROUP,
        "groupTags": [{"keyTemplate": "a", "valueTemplate": "1"}],
    }

    request, _ = asked("CreateExperienceGroupNode", config, None, {"id": GROUP}, "group.create")

    assert request["body"] == {"name": "North", "parentId": GROUP, "groupTags": {"a": "1"}}


def test_members_of_a_group_are_named_one_by_one_or_as_a_list():
    config = {
        "groupIdTemplate": GROUP,
        "membersToAdd": ["{{data.one}}", "x@y.z, "],
        "membersToRemove": "{{jsonEncode data.gone}}",
    }
    data = {"one": "a@b.c", "gone": [USER, "c@d.e"]}

    request, _ = asked("UpdateExperienceGroupNode", config, data, {"id": GROUP}, "group.update")

    assert request["added"] == ["a@b.c", "x@y.z"]
    assert request["removed"] == [USER, "c@d.e"]
    assert request["replacement"] is None


def test_members_that_are_no_json_are_refused():
    config = {"groupIdTemplate": GROUP, "membersToAdd": "[1"}

    assert error_of("UpdateExperienceGroupNode", config)["name"] == "Validation"


def test_a_summary_is_written():
    told = {"userCount": 2}

    request, out = asked(
        "ExperienceGroupSummaryNode", {"idTemplate": GROUP}, None, told, "group.summary"
    )

    assert request == {"id": GROUP}
    assert out == told


@pytest.mark.parametrize("yes", [True, False])
def test_verifying_takes_the_side_of_the_answer(yes):
    host = FakeHost()
    host.answers["group.hasUser"] = lambda _request: {"result": yes}
    host.answers["group.hasDevice"] = lambda _request: {"result": yes}
    of_group = {"emailOrIdTemplate": USER, "groupIdTemplate": GROUP}
    of_device = {"deviceIdTemplate": "d", "idTemplate": GROUP, "idTypeTemplate": "experienceGroup"}

    assert output_of("VerifyExperienceGroupNode", of_group, host=host) == int(yes)
    assert output_of("VerifyDeviceNode", of_device, host=host) == int(yes)
    assert host.requests[-1]["holderType"] == "experienceGroup"


def test_devices_belong_to_users_or_groups_alone():
    config = {"deviceIdTemplate": "d", "idTemplate": "x", "idTypeTemplate": "nonsense"}

    assert error_of("VerifyDeviceNode", config)["name"] == "Validation"


def authenticated(mode, config, answer, data=None):
    """What was asked, and the payload after signing in."""
    host = FakeHost()
    host.answers["user.authenticate"] = lambda _request: {"result": answer}
    only = node("in", "ExperienceUserAuthNode", config, ["end"], ["show"], authMode=mode)
    end = node("end", "DebugNode", {"message": "failed"}, [])
    record = run_one(flow(["in"], only, SHOW, end), data, host)
    return host.requests[0], record.debug[-1]["message"], shown(record)


def test_a_user_signs_in_and_gets_a_token():
    config = {
        "emailTemplate": "{{data.email}}",
        "passwordTemplate": "{{data.password}}",
        "userResultPath": "working.user",
        "tokenResultPath": "working.token",
        "ttlTemplate": "60000",
        "extraDataJsonTemplate": '{"role": "guest"}',
    }
    data = {"email": "a@b.c", "password": "secret"}

    request, _, payload = authenticated(
        "emailPassword", config, {"user": dict(PERSON), "token": "t"}, data
    )

    assert request == {
        **data,
        "cutOff": False,
        "ttlMs": 60000,
        "extra": {"role": "guest"},
        "makesToken": True,
    }
    assert payload["working"]["token"] == "t"
    assert payload["working"]["user"]["lastLogin"] == {"$date": TIME}


def test_who_cannot_sign_in_takes_the_other_side():
    _, message, payload = authenticated("token", {"tokenTemplate": "t"}, None)

    assert message == "failed"
    assert "working" not in payload


@pytest.mark.parametrize(
    ("mode", "config", "looked_at"),
    [
        ("tokenEmail", {"tokenTemplate": "t", "emailTemplate": "e"}, {"token", "email"}),
        (None, {"tokenTemplate": "t"}, {"token"}),
        (None, {"emailTemplate": "e", "passwordTemplate": "p"}, {"email", "password"}),
        (
            "tokenEmailPassword",
            {"tokenTemplate": "t", "emailTemplate": "e", "passwordTemplate": "p"},
            {"token", "email", "password"},
        ),
    ],
)
def test_the_mode_says_which_credentials_are_looked_at(mode, config, looked_at):
    request, _, _ = authenticated(mode, config, {"user": dict(PERSON)})

    assert request.keys() & {"token", "email", "password"} == looked_at


@pytest.mark.parametrize("ttl", ["nonsense", "0", "-5"])
def test_a_token_cannot_last_nonsense(ttl):
    config = {"emailOrIdTemplate": USER, "resultPath": "out", "ttlTemplate": ttl}

    assert error_of("ExperienceUserTokenNode", config)["name"] == "Validation"


def test_extra_data_of_a_token_is_an_object():
    config = {"emailOrIdTemplate": USER, "resultPath": "out", "extraDataJsonTemplate": "[1]"}

    assert error_of("ExperienceUserTokenNode", config)["name"] == "Validation"


def test_a_token_is_made_for_a_user():
    config = {"emailOrIdTemplate": USER, "treatAsLogin": True, "invalidateExistingTokens": True}

    request, out = asked("ExperienceUserTokenNode", config, None, {"result": "t"}, "user.token")

    assert request == {"user": USER, "login": True, "cutOff": True}
    assert out == "t"


@pytest.mark.parametrize(
    ("kind", "config", "missing"),
    [
        ("GetExperienceUserNode", {}, "Result path is required"),
        ("GetExperienceGroupNode", {}, "Result path is required"),
        ("ExperienceUserTokenNode", {"resultPath": "x"}, "User email or id is required"),
        ("UpdateExperienceGroupNode", {}, "Group id is required"),
    ],
)
def test_what_is_missing_is_told_when_a_workflow_is_saved(kind, config, missing):
    flaws = check_flow(flow(["only"], node("only", kind, config, [])))

    assert missing in [flaw.message for flaw in flaws]
