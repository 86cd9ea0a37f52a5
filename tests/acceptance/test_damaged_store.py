"""After a power loss devices report again, whatever of the broker's files did not reach the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from examples.serving import serving
from tests.support.field import Site, eventually

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = {"roles": "api,mqtt", "workers": 1, "script_workers": 1}
PASSWORD = "Correct-horse-9"


def blank(files: list[Path]) -> None:
    """Leave files as they are when their names reached the disk, and what is in them did not."""
    assert files
    for each in files:
        each.write_bytes(bytes(each.stat().st_size))


async def report(site: Site, device_id: str) -> None:
    pump = await site.connect_again(device_id)
    await pump.client.publish(pump.state, b'{"data": {"level": 1}}')
    await eventually(lambda: site.levels(device_id) == [1])
    await site.close()


@pytest.mark.parametrize("lost", ["streams/*/meta.inf", "streams/*/obs/*/o.dat"])
async def test_devices_report_again_after_files_of_the_broker_were_lost(tmp_path, lost):
    with serving(str(tmp_path), admin_password=PASSWORD, **SETTINGS) as running:
        site = Site.new(running)
        await report(site, site.device())

    blank(list((tmp_path / "mqtt" / "jetstream" / "jetstream").glob(f"*/{lost}")))

    with serving(str(tmp_path), admin_password=PASSWORD, **SETTINGS) as running:
        known = Site(running, site.application_id, site.key)
        await report(known, known.device())
        assert list((tmp_path / "mqtt" / "damaged").iterdir())
