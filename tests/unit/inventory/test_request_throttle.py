"""The allowance of an account: a sliding window, requests at once, bounded memory."""

from __future__ import annotations

import pytest

from drover.app import inventory_throttle
from drover.app.inventory_throttle import Allowance, RequestThrottle
from drover.model.errors import TooMany


class Clock:
    ms = 1000

    def now_ms(self):
        return self.ms

    def monotonic_ms(self):
        return self.ms


def _ask(throttle, account="a"):
    with throttle.admitted(account):
        pass


def test_without_an_allowance_everything_is_let_in():
    throttle = RequestThrottle(Clock(), Allowance())

    for _ in range(1000):
        _ask(throttle)


def test_the_preset_lets_forty_in_within_ten_seconds_and_more_as_they_pass():
    clock = Clock()
    throttle = RequestThrottle(clock, Allowance(240, 4))
    for _ in range(40):
        _ask(throttle)
        clock.ms += 100

    with pytest.raises(TooMany) as caught:
        _ask(throttle)
    clock.ms += 6000
    _ask(throttle)

    assert caught.value.retry_after_s == 6


def test_each_account_has_its_own_window():
    throttle = RequestThrottle(Clock(), Allowance(6))
    _ask(throttle, "a")

    _ask(throttle, "b")

    with pytest.raises(TooMany):
        _ask(throttle, "a")


def test_only_so_many_run_at_once_and_the_place_becomes_free():
    throttle = RequestThrottle(Clock(), Allowance(at_once=2))

    with throttle.admitted("a"), throttle.admitted("a"):
        with pytest.raises(TooMany):
            _ask(throttle)
        _ask(throttle, "b")
    _ask(throttle)


def test_the_longest_unseen_account_is_forgotten_first(monkeypatch):
    monkeypatch.setattr(inventory_throttle, "MOST_ACCOUNTS", 2)
    throttle = RequestThrottle(Clock(), Allowance(6))
    for account in ("a", "b", "c"):
        _ask(throttle, account)

    _ask(throttle, "a")
    with pytest.raises(TooMany):
        _ask(throttle, "c")
