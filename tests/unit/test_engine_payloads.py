"""What workflows are told of a job."""

from __future__ import annotations

from drover.engine.payloads import _aliased, accumulator_value


def test_a_job_carries_its_id_under_both_names():
    assert _aliased(b'{"id":"5f","name":"x"}') == {"id": "5f", "name": "x", "resourceJobId": "5f"}


def test_an_accumulator_is_parsed_only_where_it_is_an_object_or_an_array():
    assert accumulator_value(None) == {}
    assert accumulator_value('{"n":1}') == {"n": 1}
    assert accumulator_value("17") == "17"
    assert accumulator_value("not json") == "not json"
