"""What an agent makes of the objects in a job."""

from __future__ import annotations

import pytest

from drover.workers.beacon.tasks import (
    KINDS,
    BadTask,
    CommandTask,
    HttpTask,
    PythonTask,
    kind_of,
    task_of,
)

ALL = frozenset(KINDS)


def test_each_kind_is_told_by_its_member():
    found = [
        task_of({"command": ["ls", "-l"], "env": {"A": "1"}, "cwd": "x", "timeout": 3}, ALL),
        task_of({"http": "http://127.0.0.1/", "method": "POST", "body": {"a": 1}}, ALL),
        task_of({"python": "measure", "input": [1, 2]}, ALL),
    ]

    assert found == [
        CommandTask(command=["ls", "-l"], env={"A": "1"}, cwd="x", timeout=3.0),
        HttpTask(url="http://127.0.0.1/", method="POST", body={"a": 1}),
        PythonTask(function="measure", input=[1, 2]),
    ]
    assert tuple(map(kind_of, found)) == KINDS


def test_cmd_means_command():
    assert task_of({"cmd": "uptime"}, ALL) == CommandTask(command="uptime")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (7, "must be an object"),
        (None, "must be an object"),
        ([{"command": "x"}], "must be an object"),
        ({}, "this has none"),
        ({"sql": "SELECT 1"}, "exactly one of command, http, python"),
        ({"command": "x", "http": "y"}, "this has command, http"),
        ({"command": 5}, "malformed"),
        ({"command": []}, "malformed"),
        ({"command": ["a", 5]}, "malformed"),
        ({"command": "x", "cmd": "y"}, "unknown field `cmd`"),
        ({"command": "x", "timeout": 0}, "malformed"),
        ({"command": "x", "timeout": -1}, "malformed"),
        ({"command": "x", "timeout": "10"}, "malformed"),
        ({"command": "x", "timeout": True}, "malformed"),
        ({"command": "x", "timeout": 1e12}, "malformed"),
        ({"command": "x", "env": {"A": 1}}, r"\$.env"),
        ({"command": "x", "timeot": 1}, "unknown field `timeot`"),
        ({"http": "u", "method": "GET /x HTTP/1.1\r\nA:"}, "malformed"),
        ({"http": "u", "expected_status": 99}, "malformed"),
        ({"http": "u", "headers": ["a"]}, "malformed"),
        ({"python": {"name": "x"}}, "malformed"),
    ],
)
def test_what_cannot_be_done_says_why(value, reason):
    with pytest.raises(BadTask, match=reason):
        task_of(value, ALL)


def test_a_kind_that_is_not_allowed_is_refused_with_what_is():
    with pytest.raises(BadTask, match=r"does no command tasks \(it allows http, python\)"):
        task_of({"command": "true"}, frozenset({"python", "http"}))


@pytest.mark.parametrize(
    ("expected", "good", "bad"), [([], 302, 400), (404, 404, 200), ([200, 201], 201, 204)]
)
def test_a_request_goes_well_with_the_status_that_was_expected(expected, good, bad):
    task = HttpTask(url="u", expected_status=expected)

    assert (task.expects(good), task.expects(bad)) == (True, False)
