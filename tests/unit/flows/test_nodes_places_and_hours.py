"""Geofence and Time Range."""

import pytest

from tests.support.flow_world import error_of, output_of, result_of

HERE, NEAR, FAR = "52.5200,13.4050", "52.5201,13.4051", "48.8566,2.3522"
SQUARE = ["0,0", "0,10", "10,10", "10,0"]


def circle(place, **config):
    return {"gpsCheck": place, "gpsCenter": HERE, "radius": "100", **config}


@pytest.mark.parametrize(
    ("place", "output"), [(HERE, 1), (NEAR, 1), (FAR, 0), ("{{data.no}}", 0), ("nowhere", 0)]
)
def test_a_place_is_inside_a_circle_up_to_its_radius(place, output):
    assert output_of("GeofenceNode", circle(place)) == output


def test_a_circle_tells_the_distance_unless_it_cannot_be_computed():
    paths = {"resultPath": "w.far", "branchPath": "w.inside"}

    near = result_of("GeofenceNode", circle(NEAR, **paths))["w"]
    unknown = result_of("GeofenceNode", circle("nowhere", **paths))["w"]
    uncentred = result_of("GeofenceNode", circle(NEAR, **paths, gpsCenter="nowhere"))["w"]

    assert near == {"far": pytest.approx(13, abs=1), "inside": True}
    assert unknown == uncentred == {"inside": False}


@pytest.mark.parametrize("radius", ["-1", "x"])
def test_nothing_is_inside_a_circle_without_a_radius(radius):
    assert output_of("GeofenceNode", circle(HERE, radius=radius)) == 0


@pytest.mark.parametrize(("place", "inside"), [("5,5", True), ("10,10", True), ("11,5", False)])
def test_a_place_is_inside_a_polygon_or_on_its_border(place, inside):
    listed = {"checkType": "polygonCoords", "polygonCoords": "\n".join([*SQUARE, "", ""])}
    found = {"checkType": "polygon", "polygonPath": "data.square"}

    for config in (listed, found):
        asked = {**config, "gpsCheck": place, "resultPath": "w"}
        payload = result_of("GeofenceNode", asked, {"square": SQUARE})
        assert payload["w"] is inside
        assert output_of("GeofenceNode", asked, {"square": SQUARE}) == int(inside)


@pytest.mark.parametrize("corners", [SQUARE[:2], [*SQUARE, "x"], [*SQUARE, 7], "0,0", None])
def test_no_place_is_inside_a_polygon_that_is_none(corners):
    config = {"checkType": "polygon", "polygonPath": "data.p", "gpsCheck": "5,5", "resultPath": "w"}

    assert result_of("GeofenceNode", config, {"p": corners})["w"] is False


def test_an_unknown_place_is_not_inside_a_polygon():
    config = {"checkType": "polygon", "polygonPath": "data.p", "gpsCheck": "x", "resultPath": "w"}

    assert result_of("GeofenceNode", config, {"p": SQUARE})["w"] is False


# 2026-01-02 is a Friday.
FRIDAY_NOON = "2026-01-02T12:00:00.000Z"


def hours(at=FRIDAY_NOON, **config):
    return output_of("TimeRangeNode", {"sourcePath": "data.at", **config}, {"at": at})


@pytest.mark.parametrize(
    ("start", "end", "output"),
    [
        ("11:00", "13:00", 1),
        ("12:00", "13:00", 1),
        ("11:00", "12:00", 0),
        ("", "", 1),
        ("08:00", "08:00", 1),
        ("22:00", "06:00", 0),
        ("22:00", "12:01", 1),
        ("11:00", "", 1),
        ("9:30", "24:00", 1),
    ],
)
def test_a_range_of_hours_begins_inclusive_ends_exclusive_and_may_pass_midnight(start, end, output):
    assert hours(startTimeTemplate=start, endTimeTemplate=end) == output


def test_the_day_of_a_range_past_midnight_is_that_on_which_it_began():
    night = {"startTimeTemplate": "22:00", "endTimeTemplate": "06:00"}
    fridays = [day == 5 for day in range(7)]

    assert hours("2026-01-02T23:00:00Z", **night, days=fridays) == 1
    assert hours("2026-01-03T05:00:00Z", **night, days=fridays) == 1
    assert hours("2026-01-02T05:00:00Z", **night, days=fridays) == 0


def test_hours_are_those_of_the_time_zone():
    morning = {"startTimeTemplate": "07:00", "endTimeTemplate": "08:00"}

    assert hours(**morning, timeZoneTemplate="America/New_York") == 1
    assert hours(**morning) == 0


@pytest.mark.parametrize("days", [[5, 6], [False] * 5 + [True, False]])
def test_days_may_come_from_the_payload_as_numbers_or_booleans(days):
    config = {"daysType": "path", "daysPath": "data.days", "sourcePath": "data.at"}
    data = {"at": FRIDAY_NOON, "days": days}

    assert output_of("TimeRangeNode", config, data) == 1
    assert output_of("TimeRangeNode", config, {**data, "days": [0]}) == 0


def test_the_time_of_the_run_counts_where_no_source_is_named():
    config = {"startTimeTemplate": "{{data.none}}", "branchPath": "working.inside"}

    assert error_of("TimeRangeNode", {**config, "sourcePath": "data.none"})["name"] == "Validation"
    rule = {"sourcePath": "data.at", "branchPath": "working.inside"}
    assert result_of("TimeRangeNode", rule, {"at": FRIDAY_NOON})["working"]["inside"] is True


@pytest.mark.parametrize(
    "config",
    [
        {"startTimeTemplate": "noon"},
        {"endTimeTemplate": "12:60"},
        {"endTimeTemplate": "24:01"},
        {"timeZoneTemplate": "Mars/Base"},
        {"daysType": "path", "daysPath": "data.days"},
    ],
)
def test_what_cannot_be_read_throws(config):
    thrown = error_of(
        "TimeRangeNode", {"sourcePath": "data.at", **config}, {"at": FRIDAY_NOON, "days": ["x"]}
    )

    assert thrown["name"] == "Validation"
