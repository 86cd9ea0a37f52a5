"""What workflows are told of a job."""

from __future__ import annotations

import msgspec
import pytest

from drover.engine.payloads import _aliased, accumulator_value, complete_data
from drover.model.execution import State
from drover.model.run import Actor
from tests.unit.engine_bench import EXECUTION, target


def test_a_job_carries_its_id_under_both_names():
    assert _aliased(b'{"id":"5f","name":"x"}') == {"id": "5f", "name": "x", "resourceJobId": "5f"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (None, {}),
        ('{"n":1}', {"n": 1}),
        ("[1]", [1]),
        ("17", "17"),
        ("not json", "not json"),
    ],
)
def test_an_accumulator_is_parsed_only_where_it_is_an_object_or_an_array(text, value):
    assert accumulator_value(text) == value


def test_a_complete_payload_tells_of_cancels_errors_and_the_accumulator():
    ended = msgspec.structs.replace(
        EXECUTION,
        state=State.CANCELED,
        completed_ms=5,
        source=None,
        cancel_source=Actor(type="user", id="u"),
        error="why",
        accumulator='{"a": 1}',
        detail=target(data_table_id="t" * 24, context="not JSON"),
    )

    data = msgspec.json.decode(complete_data(ended, None, "url"))

    assert data["resourceJob"] is None
    assert data["accumulator"] == {"a": 1}
    assert data["execution"]["cancelSourceId"] == "u"
    assert data["execution"]["error"] == "why"
    assert data["execution"]["context"] == "not JSON"
    assert data["execution"]["dataTableId"] == "t" * 24
