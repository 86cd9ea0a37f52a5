"""Connections that lost their right are ended, whichever broker or application makes difficulties."""

from __future__ import annotations

import pytest
from nats.errors import NoRespondersError

from drover.model.errors import Unavailable
from drover.mqtt.intake import BrokerIntake
from drover.ports.door import Revoked

ONE, TWO = "1" * 24, "2" * 24


class Brokers:
    """Notes what is ended, and what is asked of a broker that is away."""

    told = ()

    def __init__(self):
        self.ended, self.asked_in_vain, self.forgotten = [], [], []
        self.recalled = 0

    def account(self, name):
        return name

    async def recall(self):
        self.recalled += 1
        if self.recalled == 1:
            raise NoRespondersError

    async def end(self, server, number):
        if server == "AWAY":
            self.asked_in_vain.append(number)
            raise NoRespondersError
        self.ended.append((server, number))

    async def forget(self, application_id):
        if application_id == ONE:
            raise Unavailable("The broker refused it")
        self.forgotten.append(application_id)


class Lost:
    """What has lost its right."""

    def __init__(self, *revoked):
        self._revoked = Revoked(*revoked)

    async def revoked(self, _known):
        return self._revoked


@pytest.fixture
def brokers():
    return Brokers()


async def test_a_broker_that_is_away_keeps_nobody_at_another(brokers):
    connections = [("AWAY", "1"), ("AWAY", "2"), ("HERE", "3"), ("HERE", "4")]
    intake = BrokerIntake(brokers, Lost(connections, [TWO]), brokers, most_bytes=1)

    await intake._cut_revoked()

    assert brokers.ended == [("HERE", 3), ("HERE", 4)]
    assert brokers.asked_in_vain == [1]
    assert intake.cut == 2
    assert brokers.forgotten == [TWO]


async def test_an_application_that_cannot_be_forgotten_holds_up_no_other(brokers):
    intake = BrokerIntake(brokers, Lost([], [ONE, TWO]), brokers, most_bytes=1)

    await intake._cut_revoked()

    assert brokers.forgotten == [TWO]


async def test_it_is_asked_until_it_is_told_which_applications_are_there_from_before(brokers):
    intake = BrokerIntake(brokers, Lost([], []), brokers, most_bytes=1)

    with pytest.raises(NoRespondersError):
        await intake._recall()
    for _ in range(2):
        await intake._recall()

    assert brokers.recalled == 2
