"""A cron rule that will not be due any more."""

from __future__ import annotations

from drover.model import schedule


def test_a_rule_without_a_next_moment_has_none(monkeypatch):
    monkeypatch.setattr(schedule, "CronSim", lambda *_given: iter(()))

    assert schedule.next_cron_ms("0 0 1 1 *", "UTC", 0) is None
