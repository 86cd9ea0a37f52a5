from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from drover.flows.language import compile_template, to_json, to_text, use_clock
from drover.flows.language.dates import date_from_ms, date_ms, to_date
from drover.flows.language.moment import format_date, relative_text, time_zone

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
EVENING = datetime(2024, 12, 29, 21, 30, 9, 7000, tzinfo=UTC)


def render(template: str, **payload: Any) -> str:
    return compile_template(template)(payload)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("YYYY YY Y y YYYYY", "2026 26 2026 2026 02026"), ("YYYYYY yo yy yyy yyyy", "+002026 2026th 2026 2026 2026"), ("Q Qo", "1 1st"),
        ("M MM MMM MMMM Mo", "1 01 Jan January 1st"), ("D DD Do DDD DDDD DDDo", "2 02 2nd 2 002 2nd"), ("d do dd ddd dddd", "5 5th Fr Fri Friday"),
        ("e E w wo ww W Wo WW", "5 5 1 1st 01 1 1st 01"), ("gg gggg ggggg GG GGGG GGGGG", "26 2026 02026 26 2026 02026"),
        ("H HH h hh k kk Ho", "3 03 3 03 3 03 3o"), ("m mm s ss", "4 04 5 05"), ("S SS SSS SSSS SSSSSS", "6 67 678 6780 678000"),
        ("a A", "am AM"), ("Z ZZ z zz", "+00:00 +0000 UTC UTC"), ("x X", "1767323045678 1767323045"), ("hmm hmmss Hmm Hmmss", "304 30405 304 30405"),
        ("LT|LTS|L|l", "3:04 AM|3:04:05 AM|01/02/2026|1/2/2026"), ("LL|ll|LLL|lll", "January 2, 2026|Jan 2, 2026|January 2, 2026 3:04 AM|Jan 2, 2026 3:04 AM"),
        ("LLLL|llll", "Friday, January 2, 2026 3:04 AM|Fri, Jan 2, 2026 3:04 AM"), ("[YYYY at] HH[h]", "YYYY at 03h"), ("\\YYYYY [] é", "Y2026  é"), ("[L]", "L"), ("T,:-/.", "T,:-/."),
    ],
)  # fmt: skip
def test_a_date_prints_by_a_moment_format(pattern: str, text: str):
    assert format_date(MOMENT, pattern) == text


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("h A hh a", "9 PM 09 pm"), ("w gggg W GGGG", "1 2025 52 2024"), ("do Do DDDo", "0th 29th 364th"), ("k", "21"), ("SSS", "007"), ("Qo", "4th"), ("Mo", "12th")],
)  # fmt: skip
def test_the_end_of_a_year_prints_its_weeks(pattern: str, text: str):
    assert format_date(EVENING, pattern) == text


@pytest.mark.parametrize(
    ("day", "text"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"), (21, "21st"), (22, "22nd"), (23, "23rd"), (31, "31st")],
)  # fmt: skip
def test_a_day_has_an_english_ordinal(day: int, text: str):
    assert format_date(datetime(2026, 1, day, tzinfo=UTC), "Do") == text


@pytest.mark.parametrize(
    ("hour", "text"), [(0, "12 24 AM"), (12, "12 12 PM"), (13, "1 13 PM"), (11, "11 11 AM")]
)
def test_midnight_and_noon_are_twelve(hour: int, text: str):
    assert format_date(datetime(2026, 1, 1, hour, tzinfo=UTC), "h k A") == text


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC", "03:04 +00:00 UTC"),
        ("America/New_York", "22:04 -05:00 EST"),
        ("america/new_york", "22:04 -05:00 EST"),
        ("Asia/Kolkata", "08:34 +05:30 IST"),
        ("Nowhere/Else", "03:04 +00:00 UTC"),
        ("../../etc/passwd", "03:04 +00:00 UTC"),
        ("America", "03:04 +00:00 UTC"),
        ("", "03:04 +00:00 UTC"),
    ],
)
def test_a_date_prints_in_a_time_zone(zone: str, text: str):
    assert format_date(MOMENT, "HH:mm Z z", zone) == text


def test_daylight_saving_time_is_followed():
    summer = datetime(2026, 7, 1, tzinfo=UTC)

    assert format_date(summer, "HH ZZ z", "Europe/Berlin") == "02 +0200 CEST"
    assert time_zone("UTC") is UTC


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-01-02T03:04:05.678Z", 1767323045678), ("2026-01-02T03:04:05.678901Z", 1767323045678), ("2026-01-02T03:04:05", 1767323045000), ("2026-01-02 03:04", 1767323040000),
        ("2026-01-02T03:04:05+01:00", 1767319445000), ("2026-01-02T03:04:05-0130", 1767328445000), ("2026-01-02T03:04:05+01", 1767319445000), ("2026-01-02", 1767312000000), ("2026-01", 1767225600000), ("2026", 1767225600000),
        ("2026-01-01T24:00:00Z", 1767312000000), ("20260102", 1767312000000), ("20260102T030405Z", 1767323045000), ("2026-W01-5", 1767312000000), ("2026-002", 1767312000000),
        ("Fri, 02 Jan 2026 03:04:05 GMT", 1767323045000), ("Fri, 02 Jan 2026 03:04:05 +0100", 1767319445000), ("Fri, 02 Jan 2026 03:04:05 -0000", 1767323045000), ("Fri Jan 02 2026 03:04:05 GMT+0000 (Coordinated Universal Time)", 1767323045000),
        ("Jan 2, 2026", 1767312000000), ("January 2 2026 3:04 PM", 1767366240000), ("january 2, 2026 12:00 am", 1767312000000), ("1/2/2026", 1767312000000), ("01/02/2026 3:04:05 AM", 1767323045000), ("2026/01/02 03:04", 1767323040000),
        ("1767323045678", 1767323045678), (" 2026-01-02 ", 1767312000000),
    ],
)  # fmt: skip
def test_usual_forms_of_dates_are_read(text: str, ms: int):
    assert date_ms(to_date(text) or MOMENT + timedelta(999)) == ms


@pytest.mark.parametrize(
    "value",
    ["", "x", "2026-13-01", "2026-02-30", "2026-01-02T25:00Z", "2026-01-02T03:60Z", "Foo 2, 2026", "13/13/2026", "tomorrow", "2026-366", "9999-12-31T24:00Z",
     float("nan"), float("inf"), 1e300, -1e15, None, True, [], {}, "9" * 15, "Fri, 99 Jan 2026 03:04:05 GMT", "0000-01-01"],
)  # fmt: skip
def test_what_is_no_date_is_none(value: Any):
    assert to_date(value) is None


def test_dates_and_milliseconds_convert_both_ways():
    assert date_from_ms(1767323045678) == MOMENT
    assert date_from_ms(-1.5) == datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
    assert to_date(0.5) == datetime(1970, 1, 1, tzinfo=UTC)
    assert to_date(MOMENT) is MOMENT


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "a few seconds ago"), (44, "in a few seconds"), (45, "in a minute"), (89, "in a minute"), (90, "in 2 minutes"), (-300, "5 minutes ago"), (44.4 * 60, "in 44 minutes"), (45 * 60, "in an hour"),
        (89 * 60, "in an hour"), (7200, "in 2 hours"), (21 * 3600, "in 21 hours"), (22 * 3600, "in a day"), (-35 * 3600, "a day ago"), (36 * 3600, "in 2 days"), (25 * 86400, "in 25 days"), (26 * 86400, "in a month"),
        (44 * 86400, "in a month"), (47 * 86400, "in 2 months"), (-300 * 86400, "10 months ago"), (330 * 86400, "in a year"), (500 * 86400, "in a year"), (600 * 86400, "in 2 years"), (-3650 * 86400, "10 years ago"),
    ],
)  # fmt: skip
def test_a_date_is_told_relative_to_another(seconds: float, text: str):
    assert relative_text(MOMENT + timedelta(seconds=seconds), MOMENT) == text


def test_months_are_counted_by_the_calendar():
    start, end = datetime(2024, 1, 31, tzinfo=UTC), datetime(2024, 3, 31, tzinfo=UTC)

    assert relative_text(end, start) == "in 2 months"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{format when}}", "01/02/2026 3:04:05 AM"), ("{{format when 'YYYY'}}", "2026"), ("{{format when 'date-time-local'}}", "2026-01-02T03:04"), ("{{format when ''}}", "01/02/2026 3:04:05 AM"),
        ("{{format 1234.5678}}", "1,234.57"), ("{{format 'abc' ',.2f'}}", "abc"), ("{{{format (obj a=1) ',.2f'}}}", '{"a":1}'), ("{{format (array 1 2)}}", "[1,2]"), ("{{format true}}{{format nope}}{{format null}}", "true"),
        ("{{formatDate when}}", "01/02/2026 3:04:05 AM"), ("{{formatDate 0 'YYYY'}}", "1970"), ("{{formatDate '2026-01-02' 'DD'}}", "02"), ("{{formatDate when 'HH' 'Asia/Tokyo'}}", "12"),
        ("{{formatDate when 'HH' 'Asia/Tokyo' 'de'}}", "12"), ("{{formatDate nope}}{{formatDate null}}", ""), ("{{formatDate 'soon'}}", "Invalid date"), ("{{formatDate (array)}}", "Invalid date"),
        ("{{formatDateRelative when}}", "an hour ago"), ("{{formatDateRelative when '2026-01-02T03:14:05.678Z'}}", "10 minutes ago"), ("{{formatDateRelative when 'x'}}", "Invalid date"), ("{{formatDateRelative 'x'}}", "Invalid date"),
        ("{{formatDateRelative nope}}", ""), ("{{formatDateRelative when nope 'en'}}", "an hour ago"),
        ("{{currentDateTime}}", "01/02/2026 4:04:05 AM"), ("{{currentDateTime 'HH' 'Asia/Tokyo'}}", "13"), ("{{currentDateTime 'SSSSSS'}}", "123000"), ("{{upper (currentDateTime 'MMM')}}", "JAN"), ("{{{currentDateTime}}}", "01/02/2026 4:04:05 AM"),
    ],
)  # fmt: skip
def test_helpers_print_dates_by_the_clock_they_are_given(template: str, text: str):
    with use_clock(lambda: datetime(2026, 1, 2, 4, 4, 5, 123456, tzinfo=UTC)):
        assert render(template, when=MOMENT) == text


def test_without_a_given_clock_the_system_tells_the_time():
    before = datetime.now(UTC) - timedelta(seconds=1)

    printed = render("{{currentDateTime 'x'}}")

    assert int(printed) >= date_ms(before)


def test_a_date_prints_as_javascript_prints_it_in_utc():
    assert (
        to_text(datetime(2016, 2, 19, 22, 26, tzinfo=UTC))
        == "Fri Feb 19 2016 22:26:00 GMT+0000 (Coordinated Universal Time)"
    )


def test_a_date_is_written_to_json_in_utc_with_milliseconds():
    assert to_json({"at": MOMENT}) == '{"at":"2026-01-02T03:04:05.678Z"}'
    assert to_json(MOMENT.astimezone(time_zone("Asia/Tokyo"))) == '"2026-01-02T03:04:05.678Z"'


def test_a_date_at_the_end_of_time_prints_in_utc_where_the_zone_has_no_such_date():
    last = datetime(9999, 12, 31, 23, tzinfo=UTC)

    assert format_date(last, "YYYY HH", "Asia/Tokyo") == "9999 23"
