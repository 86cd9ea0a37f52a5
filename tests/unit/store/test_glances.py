"""Which reads may go without a transaction."""

import pytest

from drover.store import postgres_glance
from drover.store.postgres_glance import Glances


@pytest.mark.parametrize(
    ("sql", "allowed"),
    [
        ("SELECT id FROM device", True),
        ("WITH x AS (SELECT updated FROM device) SELECT * FROM x", True),
        ("INSERT INTO device VALUES (1) RETURNING id", False),
        ("with x as (update device set a = 1 returning a) select * from x", False),
        ("SELECT id FROM device FOR UPDATE", False),
        ("SELECT id FROM device FOR SHARE", False),
    ],
)
def test_only_plain_reads_are_allowed(sql, allowed):
    glances = Glances()

    assert [glances.allow(sql), glances.allow(sql)] == [allowed, allowed]


def test_a_statement_that_was_followed_by_another_is_not_allowed_again():
    glances = Glances()

    assert glances.allow("SELECT 1")
    glances.forbid("SELECT 1")

    assert not glances.allow("SELECT 1")


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(postgres_glance, "_REMEMBERED", 2)
    glances = Glances()
    glances.forbid("SELECT 1")

    for number in range(2, 5):
        glances.allow(f"SELECT {number}")

    assert glances.allow("SELECT 1")
