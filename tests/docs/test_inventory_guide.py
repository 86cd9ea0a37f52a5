"""Every command of the inventory's guide runs, in order, against a real server."""

from __future__ import annotations

import json
from pathlib import Path

from drover.query.digi.fields import FIELDS
from examples.serving import serving
from tests.support.guides import PASSWORD, ran

PAGE = Path("docs/guides/inventory.md")


def test_the_commands_of_the_guide_run_as_they_stand(tmp_path):
    with serving(admin_password=PASSWORD) as server:
        lines = ran(PAGE, server, tmp_path).splitlines()

    answers = [json.loads(line) for line in lines if line.startswith("{")]
    listed = [answer for answer in answers if "start" in answer]
    assert [page["count"] for page in listed] == [15, 2, 1, 1, 2, 2, 0, 0, 0]
    assert listed[2]["list"][0]["job_name"] == "Reboot NorthWest"
    assert "cursor" in listed[2]
    assert listed[4]["total"] == 2
    assert any(answer.get("error_context", {}).get("position") == 15 for answer in answers)
    assert any(line.startswith("<result>") for line in lines)
    assert sum(",Reboot " in line for line in lines) == 2
    ended = [answer for answer in answers if "start" not in answer and "count" in answer]
    assert [answer["count"] for answer in ended] == [1, 2, 2]


def test_the_guide_names_every_field():
    page = PAGE.read_text()

    missing = [name for name in FIELDS if f"`{name.removesuffix('2')}`" not in page]

    assert missing == []
