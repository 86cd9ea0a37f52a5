import math

import pytest

from drover.flows.language import compile_expression, compile_template
from drover.flows.language.gps import Coordinates, distance_m, format_gps, is_inside, parse_gps

CINCINNATI = Coordinates(39.103119, -84.512016)


@pytest.mark.parametrize(
    ("text", "latitude", "longitude"),
    [
        ("39.103119,-84.512016", 39.103119, -84.512016),
        (" 39.103119 , -84.512016 ", 39.103119, -84.512016),
        ("+1 2", 1, 2),
        ("39° 6' 11.2284\" N, 84° 30' 43.2576\" W", 39.103119, -84.512016),
        ("N 39° 6' 11.2284\", W 84° 30' 43.2576\"", 39.103119, -84.512016),
        ("39°6.18714'N 84°30.72096'W", 39.103119, -84.512016),
        ("39.103119° n, 84.512016° w", 39.103119, -84.512016),
        ("10S 20E", -10, 20),
        ("39d 6m 11.2284s N 84d 30m 43.2576s W", 39.103119, -84.512016),
        ("$GPGLL,3906.18714,N,08430.72096,W,225444,A,*1D", 39.103119, -84.512016),
        ("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47", 48.1173, 11.516667),
        ("GNGLL,3906.18714,S,08430.72096,E", -39.103119, 84.512016),
    ],
)
def test_coordinates_are_read_in_every_form(text: str, latitude: float, longitude: float):
    place = parse_gps(text)

    assert place is not None
    assert place == pytest.approx((latitude, longitude), abs=1e-6)


@pytest.mark.parametrize(
    "text",
    ["", "x", "91,0", "0,181", "1", "1,2,3", "1;2", "$GPXXX,3906.18714,N,08430.72096,W", "39 N", "95N 20E", "nan,nan", "1e1,2", "1" * 300 + ",1"],
)  # fmt: skip
def test_what_are_no_coordinates_is_none(text: str):
    assert parse_gps(text) is None


@pytest.mark.parametrize(
    ("form", "precision", "text"),
    [
        ("decimal", 6, "39.103119,-84.512016"),
        ("decimal", 0, "39,-85"),
        ("degrees", 2, "39.10° N, 84.51° W"),
        ("sexagesimal", 1, "39° 6' 11.2\" N, 84° 30' 43.3\" W"),
        ("gga", 3, "$GPGGA,,3906.187,N,08430.721,W,,,,,,,,*5A"),
        ("gga", 0, "$GPGGA,,3906,N,08431,W,,,,,,,,*51"),
        ("other", 6, ""),
    ],
)
def test_coordinates_print_in_every_form(form: str, precision: int, text: str):
    assert format_gps(CINCINNATI, form, precision) == text


def test_a_rounded_part_never_reaches_sixty():
    assert (
        format_gps(Coordinates(-9.9999999, 9.9999999), "sexagesimal", 1)
        == "10° 0' 0.0\" S, 10° 0' 0.0\" E"
    )


@pytest.mark.parametrize("form", ["decimal", "degrees", "sexagesimal", "gga"])
def test_what_is_printed_reads_back(form: str):
    place = parse_gps(format_gps(CINCINNATI, form, 6))

    assert place == pytest.approx(CINCINNATI, abs=1e-5)


def test_a_printed_sentence_carries_its_checksum():
    body, _, checksum = format_gps(CINCINNATI, "gga", 5).removeprefix("$").partition("*")

    expected = 0
    for character in body:
        expected ^= ord(character)
    assert int(checksum, 16) == expected


def test_distances_follow_great_circles():
    quarter = distance_m(Coordinates(0, 0), Coordinates(0, 90))

    assert quarter == pytest.approx(6371008.8 * math.pi / 2)
    assert distance_m(CINCINNATI, CINCINNATI) == 0
    assert distance_m(Coordinates(90, 0), Coordinates(-90, 0)) == pytest.approx(6371008.8 * math.pi)


SQUARE = [Coordinates(0, 0), Coordinates(0, 10), Coordinates(10, 10), Coordinates(10, 0)]


@pytest.mark.parametrize(
    ("latitude", "longitude", "inside"),
    [(5, 5, True), (0, 5, True), (10, 10, True), (5, 0, True), (11, 5, False), (5, -1, False), (5, 11, False), (0, 11, False), (-1, 0, False)],
)  # fmt: skip
def test_a_point_is_inside_a_polygon_or_on_its_border(
    latitude: float, longitude: float, inside: bool
):
    assert is_inside(Coordinates(latitude, longitude), SQUARE) is inside


FIJI = [
    Coordinates(-10, 170),
    Coordinates(-10, -170),
    Coordinates(-20, -170),
    Coordinates(-20, 170),
]
WORLD = [Coordinates(-90, -180), Coordinates(-90, 180), Coordinates(90, 180), Coordinates(90, -180)]


@pytest.mark.parametrize(
    ("longitude", "inside"),
    [(179, True), (-179, True), (180, True), (-180, True), (170, True), (-170, True), (169, False), (-169, False), (0, False)],
)  # fmt: skip
@pytest.mark.parametrize("first", range(4))
def test_the_sides_of_a_polygon_go_the_shorter_way_round_the_earth(
    longitude: float, inside: bool, first: int
):
    corners = [*FIJI[first:], *FIJI[:first]]

    assert is_inside(Coordinates(-15, longitude), corners) is inside


def test_a_polygon_may_be_the_whole_map():
    assert all(is_inside(Coordinates(15, longitude), WORLD) for longitude in (-180, -1, 0, 180))


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{formatGps '39.103119,-84.512016'}}", "39.103119,-84.512016"),
        ("{{formatGps gps 'decimal' 2}}", "39.10,-84.51"),
        ("{{{formatGps gps precision=0 fmt='sexagesimal'}}}", "39° 6' 11\" N, 84° 30' 43\" W"),
        ("{{formatGps 'x'}}{{formatGps 5}}{{formatGps gps 'decimal' 'x'}}{{formatGps gps 'nope'}}", ""),
        ("{{gpsDistance gps gps}}", "0"),
        ("{{gpsDistance gps 'x'}}", "NaN"),
        ("{{gpsIsPointInside '5,5' square}}", "true"),
        ("{{gpsIsPointInside '15,5' square}}", "false"),
        ("{{gpsIsPointInside 'x' square}}{{gpsIsPointInside '5,5' gps}}", "falsefalse"),
        ("{{gpsIsPointInside '5,5' (array '0,0' '10,10')}}{{gpsIsPointInside '5,5' (array '0,0' 'x' '1,1' '2,2')}}", "falsefalse"),
    ],
)  # fmt: skip
def test_helpers_work_on_coordinates(template: str, text: str):
    payload = {"gps": "39.103119,-84.512016", "square": ["0,0", "0,10", "10,10", "10,0"]}

    assert compile_template(template)(payload) == text


def test_a_distance_is_a_number_in_an_expression():
    assert compile_expression("{{gpsDistance '0,0' '0,1'}} > 111000")({}) is True
