"""Date/Time on the days when clocks are put forward (10 March) and back (3 November 2024)."""

import pytest

from tests.support.flow_world import result_of

SPRING_NOON = "2024-03-10T15:30:00Z"
SECOND_1_30 = "2024-11-03T06:30:00Z"


def reckoned(operation, given, **config):
    shape = "YYYY-MM-DD HH:mm Z"
    zone = {"timezone": "America/New_York", "resultFormatString": shape}
    asked = {"operation": operation, "sourcePath": "data.t", "resultPath": "w", **zone, **config}
    return result_of("DateTimeNode", asked, {"t": given})["w"]


@pytest.mark.parametrize(
    ("operation", "given", "unit", "number", "shown"),
    [
        ("add", "2024-03-09T07:30:00Z", "day", "1", "2024-03-10 03:30 -04:00"),
        ("add", "2024-02-10T07:30:00Z", "month", "1", "2024-03-10 03:30 -04:00"),
        ("add", "2024-03-10T06:30:00Z", "hour", "1", "2024-03-10 03:30 -04:00"),
        ("add", "2024-11-03T05:30:00Z", "hour", "1", "2024-11-03 01:30 -05:00"),
        ("setDatePart", SPRING_NOON, "hour", "0", "2024-03-10 00:30 -05:00"),
        ("setDatePart", SPRING_NOON, "hour", "25", "2024-03-11 01:30 -04:00"),
        ("setDatePart", SECOND_1_30, "hour", "1", "2024-11-03 01:30 -05:00"),
        ("setDatePart", SECOND_1_30, "minute", "5", "2024-11-03 01:05 -05:00"),
        ("startOfTime", SPRING_NOON, "day", None, "2024-03-10 00:00 -05:00"),
        ("startOfTime", SPRING_NOON, "hour", None, "2024-03-10 11:00 -04:00"),
        ("startOfTime", SECOND_1_30, "hour", None, "2024-11-03 01:00 -05:00"),
        ("startOfTime", SECOND_1_30, "day", None, "2024-11-03 00:00 -04:00"),
    ],
)
def test_results_are_times_that_clocks_show(operation, given, unit, number, shown):
    assert reckoned(operation, given, unit=unit, numberValue=number) == shown


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("format", "2024-03-10 03:30 -04:00"),
        ("toArray", [2024, 2, 10, 3, 30, 0, 0]),
        ("getDatePart", 3),
    ],
)
def test_a_time_that_clocks_skip_is_read_as_much_later(operation, expected):
    config = {"sourceFormatString": "YYYY-MM-DD HH:mm", "unit": "hour"}

    assert reckoned(operation, "2024-03-10 02:30", **config) == expected


def test_a_day_that_begins_late_begins_when_clocks_do():
    zone = {"timezone": "America/Sao_Paulo", "unit": "day"}

    assert reckoned("startOfTime", "2018-11-04T12:00:00Z", **zone) == "2018-11-04 01:00 -02:00"
