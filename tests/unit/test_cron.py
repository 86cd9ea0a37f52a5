"""Cron rules: how they are read, what is refused, when they are due."""

from __future__ import annotations

import pytest

from drover.model import cron
from drover.model.cron import (
    ClockChange,
    CronRule,
    Window,
    next_after,
    rule_from,
    rule_of,
    upcoming,
    zone_of,
)
from drover.model.errors import Invalid

START_MS = 1_768_003_200_000  # 2026-01-10T00:00Z, a Saturday
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SPRING_MS = 1_774_746_000_000  # 2026-03-29T01:00Z: in Vienna 02:00 becomes 03:00
AUTUMN_MS = 1_792_890_000_000  # 2026-10-25T01:00Z: in Vienna 03:00 becomes 02:00


@pytest.mark.parametrize(
    ("fields", "expected_s"),
    [
        (
            {"min": "*/15", "hour": "9-17", "dow": "1-5"},
            [1_768_208_400, 1_768_209_300, 1_768_210_200],
        ),
        (
            {"min": "0", "hour": "0", "dom": "13", "dow": "5"},
            [1_768_262_400, 1_768_521_600, 1_768_521_600 + 7 * 86_400],
        ),
        ({"hour": "3"}, [1_768_014_000, 1_768_014_000 + 86_400]),
        ({"min": "5,50", "hour": "0,23"}, [1_768_003_500, 1_768_006_200, 1_768_086_300]),
        ({"min": "0-30/10"}, [1_768_003_200 + 60 * each for each in (0, 10, 20, 30, 60)]),
        ({"dow": "7", "min": "0", "hour": "0"}, [1_768_089_600]),
        ({"dow": "sun", "min": "0", "hour": "0"}, [1_768_089_600]),
        ({"dom": "29", "month": "feb", "hour": "0"}, [1_835_395_200]),
        ({}, [1_768_003_200, 1_768_006_800]),
        ({"min": " ", "hour": ""}, [1_768_003_200, 1_768_006_800]),
        ({"min": "50/5"}, [1_768_003_200 + 60 * each for each in (50, 55, 110)]),
    ],
)
def test_named_fields_are_due_when_a_brute_force_cron_says_so(fields, expected_s):
    rule = rule_from(fields)

    found = upcoming(rule, "UTC", Window(START_MS), len(expected_s))

    assert found == [each * 1000 for each in expected_s]


def test_a_window_holds_its_first_and_its_last_minute():
    rule = rule_from({"min": "*/30"})

    found = upcoming(rule, "UTC", Window(START_MS, START_MS + HOUR_MS), 20)

    assert found == [START_MS, START_MS + HOUR_MS // 2, START_MS + HOUR_MS]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"min": "60"}, "min"),
        ({"min": "-1"}, "min"),
        ({"min": "1 2"}, "min"),
        ({"min": "1,"}, "min"),
        ({"min": "*/0"}, "min"),
        ({"min": "*/"}, "min"),
        ({"min": "*/-5"}, "min"),
        ({"min": "1/2/3"}, "min"),
        ({"min": "٣"}, "min"),
        ({"min": "9" * 5000}, "min"),
        ({"min": ",".join("1" * 200)}, "min"),
        ({"hour": "24"}, "hour"),
        ({"hour": "5-3"}, "hour"),
        ({"hour": "3-"}, "hour"),
        ({"hour": "jan"}, "hour"),
        ({"dom": "0"}, "dom"),
        ({"dom": "32"}, "dom"),
        ({"dom": "L"}, "dom"),
        ({"dom": "15W"}, "dom"),
        ({"dom": "?"}, "dom"),
        ({"month": "13"}, "month"),
        ({"month": "mon"}, "month"),
        ({"month": "0"}, "month"),
        ({"dow": "8"}, "dow"),
        ({"dow": "5#2"}, "dow"),
        ({"dow": "5L"}, "dow"),
        ({"dow": "5-0"}, "dow"),
        ({"dow": "sat-mon"}, "dow"),
        ({"month": "dec-jan"}, "month"),
        ({"dom": "31", "month": "feb"}, "dom"),
        ({"dom": "30,31", "month": "2"}, "dom"),
        ({"dom": "31", "month": "4,6,9,nov"}, "dom"),
        ({"dom": "31", "month": "4", "dow": "*/2"}, "dom"),
    ],
)
def test_a_field_that_is_wrong_is_named(fields, field):
    with pytest.raises(Invalid) as refused:
        rule_from(fields)

    assert refused.value.field == field
    assert len(refused.value.message) < 200


def test_a_day_that_never_comes_is_no_fault_where_weekdays_are_named_too():
    rule = rule_from({"dom": "31", "month": "feb", "dow": "mon", "hour": "0"})

    assert next_after(rule, "UTC", START_MS) == 1_769_990_400_000


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "five or six"),
        ("* * * *", "five or six"),
        ("* * * * * * *", "five or six"),
        ("@reboot", "five or six"),
        ("61 * * * *", "`min`"),
        ("60 * * * * *", "`sec`"),
        ("0 0 31 2 *", "never"),
        ("0 0 * * 1" + " " * 300, "five or six"),
    ],
)
def test_a_text_that_is_no_rule_is_refused_for_its_part(text, part):
    with pytest.raises(Invalid, match=part) as refused:
        rule_of(text)

    assert refused.value.field == "cron"


def test_names_and_case_make_no_difference():
    assert rule_of(" 0 0 * JAN Mon-FRI ") == CronRule("0 0 * 1 1-5")
    assert rule_of("@Daily") == rule_of("@midnight") == rule_of("0 0 * * *")
    assert rule_of("@annually") == rule_of("@yearly")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("fri-sun", "5-7"),
        ("SAT-SUN", "6-7"),
        ("mon-sun/2", "1-7/2"),
        ("5-sun", "5-7"),
        ("7-sun", "7"),
        ("sun-tue", "0-2"),
        ("sun-sun", "0"),
        ("0-sun", "0"),
        ("wed,sat-sun", "3,6-7"),
    ],
)
def test_a_range_of_days_may_end_with_sunday(given, meant):
    assert rule_from({"dow": given}).text == f"0 * * * {meant}"


def test_a_range_that_ends_with_sunday_is_due_on_sundays():
    rule = rule_from({"hour": "0", "dow": "fri-sun"})

    found = upcoming(rule, "UTC", Window(START_MS), 4)

    assert found == [START_MS, *(START_MS + each * DAY_MS for each in (1, 6, 7))]


def test_a_range_of_one_number_stays_one_number_when_it_steps():
    assert upcoming(rule_of("5-5/10 * * * *"), "UTC", Window(START_MS), 2) == [
        START_MS + 5 * 60_000,
        START_MS + 65 * 60_000,
    ]


def test_seconds_come_first_in_six_fields():
    assert next_after(rule_of("*/10 * * * * *"), "UTC", START_MS) == START_MS + 10_000


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (CronRule("30 2 * * *", ClockChange.MOVED), [SPRING_MS]),
        (CronRule("0 30 2 * * *", ClockChange.MOVED), [SPRING_MS]),
        (CronRule("0,30 2,3 * * *", ClockChange.MOVED), [SPRING_MS, SPRING_MS + HOUR_MS // 2]),
        (CronRule("7 * * * *", ClockChange.MOVED), [SPRING_MS + 7 * 60_000]),
        (CronRule("30 2 * * *", ClockChange.DROPPED), []),
        (CronRule("7 * * * *", ClockChange.DROPPED), [SPRING_MS + 7 * 60_000]),
    ],
)
def test_what_a_skipped_hour_does(rule, expected):
    window = Window(SPRING_MS, SPRING_MS + HOUR_MS - 1)

    assert upcoming(rule, "Europe/Vienna", window, 9) == expected


@pytest.mark.parametrize(
    ("rule", "hours"),
    [
        (CronRule("30 2 * * *", ClockChange.MOVED), [-0.5]),
        (CronRule("0 30 2 * * *", ClockChange.MOVED), [-0.5]),
        (CronRule("30 * * * *", ClockChange.MOVED), [-0.5, 0.5]),
        (CronRule("30 2 * * *", ClockChange.DROPPED), [-0.5]),
        (CronRule("30 * * * *", ClockChange.DROPPED), [-0.5]),
    ],
)
def test_what_a_repeated_hour_does(rule, hours):
    window = Window(AUTUMN_MS - HOUR_MS, AUTUMN_MS + HOUR_MS - 1)

    found = upcoming(rule, "Europe/Vienna", window, 9)

    assert found == [AUTUMN_MS + round(each * HOUR_MS) for each in hours]


def test_nothing_is_due_after_the_last_year_that_can_be_reckoned():
    assert next_after(rule_of("* * * * *"), "UTC", 10**17) is None
    assert next_after(rule_of("* * * * *"), "UTC", 250_246_627_200_000) is None


def test_a_rule_that_the_search_gives_up_on_is_never_due(monkeypatch):
    monkeypatch.setattr(cron, "CronSim", lambda *_given: iter(()))

    assert next_after(rule_of("0 0 29 2 *"), "UTC", START_MS) is None


def test_a_moment_before_1970_means_the_beginning_of_it():
    assert next_after(rule_of("* * * * *"), "UTC", -(10**18)) == 0


@pytest.mark.parametrize(
    "tz",
    [
        "",
        "Nowhere/Land",
        "../etc/passwd",
        "/etc/localtime",
        "Europe",
        "Europe/../Europe/Vienna",
        "europe/vienna",
        "localtime",
        "right/UTC",
        "UTC\x00",
        "A" * 100_000,
        "zone.tab",
    ],
)
def test_a_zone_that_is_none_is_refused(tz):
    with pytest.raises(Invalid) as refused:
        zone_of(tz)

    assert refused.value.field == "tz"
    assert len(refused.value.message) < 100
