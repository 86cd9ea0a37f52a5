"""What a program can ask of a new job is what the API takes."""

from __future__ import annotations

import re
from pathlib import Path

from drover.client import NewJob

GUIDE = Path("docs/guides/beacon-jobs.md")


def test_a_new_job_has_each_parameter_that_the_guide_lists():
    table = GUIDE.read_text().partition("Ours as well:")[2].partition("## Look")[0]
    listed = {
        name
        for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }

    assert listed
    assert listed - set(NewJob.__struct_fields__) == set()
