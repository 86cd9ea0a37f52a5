"""What devices of an application share follows from what its workflows use, as it is stored."""

from __future__ import annotations

from drover.app.live.door import LiveDoor


def test_first_levels_that_were_stored_and_are_the_brokers_wildcards_open_nothing():
    door = LiveDoor(devices=None, store=None, roots=["fleet"], pace=None)

    found = door._free(["*", "*/x", ">", ">/x", "my topic/x", "a/b", "losant/x"])

    assert found == ["a", "a/#", "fleet", "fleet/#"]
