"""Every command of the guide to archives runs, in order, against a real server."""

from __future__ import annotations

from pathlib import Path

from examples.serving import serving
from tests.support.guides import PASSWORD, ran

PAGE = Path("docs/guides/archives.md")


def test_the_commands_of_the_guide_run_as_they_stand(tmp_path):
    with serving(admin_password=PASSWORD, sweep_seconds=0.5, workers=1) as server:
        lines = ran(PAGE, server, tmp_path).splitlines()
        files = [str(each) for each in server.data_dir.rglob("archives/**/*.csv.gz")]

    (archived,) = [line for line in lines if line.startswith("archived ")]
    assert '"status":"completed"' in archived
    assert '"points":1' in archived
    assert any("/archives/plants/north/" in each for each in files)
    assert lines[-2] == '"Timestamp","ISO Date","heat"'
