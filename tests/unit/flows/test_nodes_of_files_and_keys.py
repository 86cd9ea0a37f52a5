"""Nodes on files, access keys and certificates: what they ask, and what they write."""

import pytest

from drover.flows import check_flow
from tests.support.flow_world import FakeHost, error, error_of, flow, node, result_of

TIME = "2026-01-02T03:04:05.678Z"


def asked(kind, config, data=None, answer=None, operation="", path="resultPath"):
    """The one request of a node, and what it wrote."""
    host = FakeHost()
    host.answers[operation] = lambda _request: answer
    payload = result_of(kind, {path: "out", **config}, data, host)
    return host.requests[0], payload.get("out")


def test_a_file_is_written_from_text():
    config = {
        "fileNameTemplate": "{{data}}.txt",
        "parentDirectoryTemplate": "/reports",
        "fileContentsTemplate": "hello",
        "shouldOverwrite": True,
        "private": True,
        "urlTTLTemplate": "60",
    }

    request, out = asked(
        "FileCreateNode", config, "a", {"id": "f", "creationDate": TIME}, "file.create"
    )

    assert request == {
        "name": "a.txt",
        "directory": "/reports",
        "contentType": "",
        "contents": "hello",
        "url": "",
        "encoding": "utf8",
        "urlSeconds": 60,
        "private": True,
        "overwrites": True,
    }
    assert out["creationDate"] == {"$date": TIME}


def test_a_file_that_cannot_be_written_is_told_of():
    told = error("FILE_CREATE_ERROR", "there is one")

    assert asked("FileCreateNode", {"fileNameTemplate": "a"}, None, told, "file.create")[1] == told


def test_a_file_is_read():
    answer = {"value": "text", "metadata": {"creationDate": TIME}}
    config = {"filePathTemplate": "/a/{{data}}", "encodingTemplate": "BASE64"}

    request, out = asked("FileGetNode", config, "b.txt", answer, "file.get", "destination")

    assert (request["path"], request["encoding"]) == ("/a/b.txt", "base64")
    assert out == {"value": "text", "metadata": {"creationDate": {"$date": TIME}}}


@pytest.mark.parametrize("seconds", ["-1", "x", "604801"])
def test_an_address_is_good_for_a_week_at_most(seconds):
    config = {"filePathTemplate": "a", "destination": "out", "urlTTLTemplate": seconds}

    assert error_of("FileGetNode", config)["name"] == "Validation"


def test_an_access_key_is_made_of_what_is_not_empty():
    config = {
        "dataMethod": "individualFields",
        "nameTemplate": "{{data}}",
        "descriptionTemplate": "{{nothing}}",
        "filterTypeTemplate": "whitelist",
        "pubTopicsTemplate": ["a/{{data}}", "{{nothing}}"],
        "deviceTagsTemplate": [{"keyTemplate": "k"}, {"keyTemplate": "", "valueTemplate": ""}],
    }

    request, out = asked("CreateAccessKeyNode", config, "n", {"secret": "s"}, "key.create")

    assert request["body"] == {
        "name": "n",
        "filterType": "whitelist",
        "pubTopics": ["a/n"],
        "deviceTags": [{"key": "k"}],
    }
    assert out == {"secret": "s"}


def test_an_access_key_may_be_given_whole():
    config = {"dataMethod": "payloadPath", "payloadPath": "data"}

    request, _ = asked("CreateAccessKeyNode", config, {"name": "n"}, {}, "key.create")

    assert request["body"] == {"name": "n"}


def test_an_access_key_needs_to_be_told_where_it_comes_from():
    flaws = check_flow(flow(["k"], node("k", "CreateAccessKeyNode", {"resultPath": "x"}, [])))

    assert [flaw.message for flaw in flaws] == ["Data method is required"]


def test_a_certificate_is_registered_for_devices():
    config = {
        "certificateTemplate": "{{data}}",
        "descriptionTemplate": "d",
        "deviceIdsTemplate": ["x"],
    }

    request, out = asked(
        "RegisterDeviceCertificateNode", config, "PEM", {"id": "c"}, "certificate.register"
    )

    assert request["body"] == {"certificate": "PEM", "description": "d", "deviceIds": ["x"]}
    assert out == {"id": "c"}


def test_a_certificate_is_made():
    config = {"commonNameTemplate": "{{data}}", "daysTemplate": "30", "isAuthority": True}

    request, _ = asked("CertificateCreateNode", config, "pump", {}, "certificate.issue")

    assert request == {
        "name": "pump",
        "organization": "",
        "key_type": "ec",
        "days": 30,
        "is_authority": True,
        "ca_certificate": "",
        "ca_key": "",
    }


def test_a_certificate_does_not_last_for_ever():
    config = {"commonNameTemplate": "x", "daysTemplate": "99999"}

    assert error_of("CertificateCreateNode", config)["name"] == "Validation"
