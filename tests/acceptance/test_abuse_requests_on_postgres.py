"""The storms that reach furthest into the store, once more over PostgreSQL.

What a request means is decided before any store is asked, and tested on SQLite; here it is about
values that one database takes and the other does not.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.acceptance.abuse_server import storming
from tests.acceptance.test_abuse_requests import (
    calm_after,
    is_bulk,
    rogue,
    test_a_bulk_change_without_a_good_query_is_refused_and_changes_nothing,
    test_another_tenants_resource_is_not_found_below_an_own_parent,
    test_each_field_of_each_body_may_have_any_wrong_value,
    test_query_parameters_may_hold_anything,
    test_random_bodies_get_an_answer_and_never_a_failure,
    vandal,
)
from tests.conftest import created

__all__ = [
    "calm_after",
    "rogue",
    "test_a_bulk_change_without_a_good_query_is_refused_and_changes_nothing",
    "test_another_tenants_resource_is_not_found_below_an_own_parent",
    "test_each_field_of_each_body_may_have_any_wrong_value",
    "test_query_parameters_may_hold_anything",
    "test_random_bodies_get_an_answer_and_never_a_failure",
    "vandal",
]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def storm(postgres_server):
    with storming(database=asyncio.run(created(postgres_server, "storm"))) as running:
        # Half of them, for the time it takes: the statements behind them are much alike.
        running.operations = [
            each for at, each in enumerate(running.operations) if at % 2 == 0 or is_bulk(each)
        ]
        yield running
