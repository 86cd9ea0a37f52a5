"""Generate ID, Random Number, Hash, CSV and Date/Time."""

import re
import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drover.flows.separated import NotSeparated, Separators, read, write
from tests.support.flow_world import error_of, result_of

DNS = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


def generated(kind, **config):
    asked = {"idTypeTemplate": kind, "destinationPath": "w", **config}
    return result_of("GenerateIdNode", asked)["w"]


@pytest.mark.parametrize(("kind", "version"), [("", 4), (" UUIDv4 ", 4), ("uuidv1", 1)])
def test_new_identifiers_are_of_the_type_that_is_asked(kind, version):
    assert uuid.UUID(generated(kind)).version == version


def test_identifiers_by_name_are_the_same_each_time():
    config = {"namespaceTemplate": DNS, "valueTemplate": "example.com"}

    assert generated("uuidv3", **config) == "9073926b-929f-31c2-abc9-fad77ae3e8eb"
    assert generated("uuidv5", **config) == "cfbff0d1-9375-5685-968c-48ce8b15ae17"


def test_other_identifiers_have_their_form():
    assert re.fullmatch("[0-9a-f]{24}", generated("objectId"))
    assert re.fullmatch("[A-Za-z0-9_-]{21}", generated("nanoid"))
    assert len(generated("nanoid", numCharactersTemplate="5")) == 5


@pytest.mark.parametrize(
    "config",
    [
        {"idTypeTemplate": "other"},
        {"idTypeTemplate": "uuidv5", "namespaceTemplate": "x"},
        {"idTypeTemplate": "nanoid", "numCharactersTemplate": "256"},
        {"idTypeTemplate": "nanoid", "numCharactersTemplate": "1.5"},
    ],
)
def test_an_identifier_that_cannot_be_made_throws(config):
    assert error_of("GenerateIdNode", {"destinationPath": "w", **config})["name"] == "Validation"


@pytest.mark.parametrize(
    ("least", "most", "found"),
    [(3, 3, {3}), ("{{data.n}}", 1.9, {1}), (2, 1, {None}), ("x", 1, {None}), (0.1, 0.9, {None})],
)
def test_a_random_number_is_whole_and_between_both(least, most, found):
    config = {"min": least, "max": most, "resultPath": "w"}

    assert {result_of("RandomNumberNode", config, {"n": 0.5})["w"] for _ in range(5)} == found


def test_a_random_number_is_from_0_to_100_unless_told():
    assert 0 <= result_of("RandomNumberNode", {"resultPath": "w"})["w"] <= 100


def hashed(**config):
    return result_of("HashNode", {"dataTemplate": "abc", "destinationPath": "w", **config})["w"]


@pytest.mark.parametrize(
    ("config", "digest"),
    [
        ({}, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ({"algorithmTemplate": "md5"}, "900150983cd24fb0d6963f7d28e17f72"),
        (
            {"algorithmTemplate": "SHA-1", "encodingTemplate": "base64"},
            "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
        ),
        (
            {"algorithmTemplate": "MD5", "dataTemplate": "616263", "dataEncodingTemplate": "hex"},
            "900150983cd24fb0d6963f7d28e17f72",
        ),
        (
            {
                "secretTemplate": "a2V5",
                "secretEncodingTemplate": "base64",
                "algorithmTemplate": "MD5",
            },
            "d2fe98063f876b03193afb49b4979591",
        ),
    ],
)
def test_a_text_is_hashed(config, digest):
    assert hashed(**config) == digest


def test_a_hash_may_be_one_character_a_byte():
    assert len(hashed(algorithmTemplate="MD5", encodingTemplate="latin1")) == 16


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"algorithmTemplate": "rot13"}, "Validation"),
        ({"algorithmTemplate": "Whirlpool"}, "NotImplemented"),
        ({"encodingTemplate": "octal"}, "Validation"),
        ({"dataEncodingTemplate": "octal"}, "Validation"),
        ({"dataEncodingTemplate": "hex", "dataTemplate": "xyz"}, "Validation"),
    ],
)
def test_what_cannot_be_hashed_throws(config, name):
    asked = {"dataTemplate": "abc", "destinationPath": "w", **config}

    assert error_of("HashNode", asked)["name"] == name


def decoded(text, **config):
    asked = {"source": "data.t", "destination": "w", **config}
    return result_of("CSVDecodeNode", asked, {"t": text})["w"]


def test_csv_becomes_objects_by_its_first_row():
    text = '\ufeffa,b\r\n1,"x, ""y""\nz"\n\n2\n3,4,5'

    assert decoded(text, stripBom=True) == [
        {"a": "1", "b": 'x, "y"\nz'},
        {"a": "2"},
        {"a": "3", "b": "4"},
    ]
    assert decoded("") == []


def test_csv_may_have_other_separators():
    config = {"delimiterTemplate": "||", "recordDelimiterTemplate": ";", "quoteCharTemplate": "'"}

    assert decoded("a||b;'1;2'||3;", **config, escapeCharTemplate="\\") == [{"a": "1;2", "b": "3"}]
    assert decoded("a;'it\\'s \\\\'", **config, escapeCharTemplate="\\") == [{"a": "it's \\"}]


@pytest.mark.parametrize("text", ['a\n"b', 'a\n"b"c', None])
def test_csv_that_is_none_is_told(text):
    assert "message" in decoded(text)["error"]


def test_separators_that_cannot_be_told_apart_are_refused():
    assert "differ" in decoded("a", delimiterTemplate='"')["error"]["message"]
    assert "characters" in decoded("a", delimiterTemplate="x" * 11)["error"]["message"]


def encoded(rows, **config):
    asked = {"source": "data.r", "destination": "w", **config}
    return result_of("CSVEncodeNode", asked, {"r": rows, "names": ["b", 1]})["w"]


@pytest.mark.parametrize(
    ("rows", "config", "text"),
    [
        ([{"a": 1, "b": "x,y"}, {"a": None, "c": [1]}], {}, 'a,b,c\n1,"x,y",\n,,[1]'),
        ([{"a": 1, "b": 'q"'}], {"headerTemplateType": "stringTemplates", "headerTemplate": ["b"]}, 'b\n"q"""'),
        ([["x", True], "y"], {"headerTemplateType": "payloadPath", "headerTemplate": "data.names"}, "b,1\nx,true\ny"),
        ([["x"]], {}, "x"),
        ([{"a": ""}, {"a": "x"}, {}], {}, 'a\n""\nx\n""'),
        ([{}], {}, ""),
    ],
)  # fmt: skip
def test_objects_and_arrays_become_csv(rows, config, text):
    assert encoded(rows, **config) == text


def test_what_cannot_be_csv_is_told():
    assert "array" in encoded({})["error"]["message"]
    assert "differ" in encoded([], delimiterTemplate="\n")["error"]["message"]
    path = {"headerTemplateType": "payloadPath", "headerTemplate": "data.none"}
    assert encoded([[1]], **path) == "1"


@given(
    st.lists(
        st.lists(st.text(alphabet='a",\n\r|\\', max_size=4), min_size=1, max_size=3), max_size=4
    ),
    st.sampled_from([Separators(), Separators(escape="\\"), Separators(value="||", row="|\n")]),
)
@example([["", ""], [""], ["a"]], Separators())
@example([['\\a"', "b"]], Separators(escape="\\"))
@example([["a|", "b"]], Separators(value="||"))
def test_csv_that_is_written_is_read_back(rows, by):
    assert read(write(rows, by), by) == rows


@given(st.text(alphabet='a",\n\\', max_size=20), st.sampled_from(['"', "\\"]))
def test_any_text_is_read_or_refused(text, escape):
    try:
        rows = read(text, Separators(escape=escape))
    except NotSeparated:
        return
    assert all(isinstance(value, str) for row in rows for value in row)


# 2026-01-31T22:30:15.250Z is a Saturday; in Berlin it is half past eleven at night.
MOMENT = "2026-01-31T22:30:15.250Z"


def reckoned(operation, data=None, **config):
    asked = {"operation": operation, "sourcePath": "data.t", "resultPath": "w", **config}
    return result_of("DateTimeNode", asked, {"t": MOMENT, **(data or {})})["w"]


@pytest.mark.parametrize(
    ("operation", "unit", "number", "text"),
    [
        ("add", "month", "1", "2026-02-28T22:30:15.250Z"),
        ("add", "quarter", "-1", "2025-10-31T22:30:15.250Z"),
        ("subtract", "year", "2", "2024-01-31T22:30:15.250Z"),
        ("add", "week", "1", "2026-02-07T22:30:15.250Z"),
        ("add", "day", "1", "2026-02-01T22:30:15.250Z"),
        ("subtract", "hour", "1.5", "2026-01-31T21:00:15.250Z"),
        ("add", "millisecond", "750", "2026-01-31T22:30:16.000Z"),
        ("setDatePart", "month", "1", "2026-02-28T22:30:15.250Z"),
        ("setDatePart", "day", "1", "2026-01-01T22:30:15.250Z"),
        ("setDatePart", "dayOfYear", "40", "2026-02-09T22:30:15.250Z"),
        ("setDatePart", "dayOfWeek", "0", "2026-01-25T22:30:15.250Z"),
        ("setDatePart", "minute", "61", "2026-01-31T23:01:15.250Z"),
        ("startOfTime", "year", "", "2026-01-01T00:00:00.000Z"),
        ("startOfTime", "quarter", "", "2026-01-01T00:00:00.000Z"),
        ("startOfTime", "week", "", "2026-01-25T00:00:00.000Z"),
        ("startOfTime", "day", "", "2026-01-31T00:00:00.000Z"),
        ("startOfTime", "minute", "", "2026-01-31T22:30:00.000Z"),
        ("startOfTime", "millisecond", "", MOMENT),
    ],
)
def test_moments_are_moved_in_units_of_the_calendar(operation, unit, number, text):
    assert reckoned(operation, unit=unit, numberValue=number) == {"$date": text}


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        ("year", 2026),
        ("quarter", 1),
        ("month", 0),
        ("week", 5),
        ("dayOfYear", 31),
        ("day", 31),
        ("dayOfWeek", 6),
        ("hour", 23),
        ("minute", 30),
        ("second", 15),
        ("millisecond", 250),
    ],
)
def test_parts_are_those_of_the_local_time(unit, value):
    assert reckoned("getDatePart", unit=unit, timezone="Europe/Berlin") == value


def test_moments_are_shown_and_taken_apart():
    assert reckoned("format") == MOMENT
    shape = {"resultFormatString": "DD.MM.YYYY HH:mm", "timezone": "Europe/Berlin"}
    assert reckoned("format", **shape) == "31.01.2026 23:30"
    assert reckoned("add", unit="hour", numberValue="1", **shape) == "01.02.2026 00:30"
    assert reckoned("daysInMonth") == 31
    assert reckoned("unixTimestampSeconds") == 1769898615
    assert reckoned("unixTimestampMilliseconds") == 1769898615250
    assert reckoned("toArray") == [2026, 0, 31, 22, 30, 15, 250]
    assert reckoned("toObject")["months"] == 0
    assert reckoned("diff", {"u": 1769898615000}, diffDataPath="data.u") == 250


@pytest.mark.parametrize(
    ("text", "shape", "read"),
    [
        ("31.1.26 11:30 pm", "D.M.YY hh:mm a", "2026-01-31T23:30:00.000Z"),
        ("5 March 1999", "D MMMM YYYY", "1999-03-05T00:00:00.000Z"),
        ("at 2026-01-31T01:02:03.5+0100", "[at] YYYY-MM-DD[T]HH:mm:ss.SSSZZ", "2026-01-31T00:02:03.500Z"),
        ("1769898615.25", "X", MOMENT),
        ("1769898615250", "x", MOMENT),
        ("2026 Z", "YYYY Z", "2026-01-01T00:00:00.000Z"),
        ("01/31/2026 10:30:15 PM", "L LTS", "2026-01-31T22:30:15.000Z"),
        ("Saturday, January 31st 2026", "dddd, MMMM Do YYYY", "2026-01-31T00:00:00.000Z"),
        ("Sat, 31 Jan 2026", "ddd, D MMM YYYY", "2026-01-31T00:00:00.000Z"),
        ("2024-366", "YYYY-DDDD", "2024-12-31T00:00:00.000Z"),
        ("2026 5", "YYYY DDD", "2026-01-05T00:00:00.000Z"),
        ("2020-W53-5", "GGGG-[W]WW-E", "2021-01-01T00:00:00.000Z"),
        ("2026-W1", "GGGG-[W]W", "2025-12-29T00:00:00.000Z"),
        ("2026", "GGGG", "2025-12-29T00:00:00.000Z"),
        ("2026-01-31 24.05", "YYYY-MM-DD kk.SS", "2026-01-31T00:00:00.050Z"),
        ("2026-01-31 7:00:00.123456", "YYYY-MM-DD k:mm:ss.SSSSSS", "2026-01-31T07:00:00.123Z"),
    ],
)  # fmt: skip
def test_texts_are_read_by_a_format(text, shape, read):
    assert reckoned("format", {"t": text}, sourceFormatString=shape) == read


@pytest.mark.parametrize(
    "config",
    [
        {"data": {"t": "nonsense"}},
        {"data": {"t": "31.2.2026"}, "sourceFormatString": "D.M.YYYY"},
        {"data": {"t": "x"}, "sourceFormatString": "D.M.YYYY"},
        {"data": {"t": "1"}, "sourceFormatString": "D D"},
        {"data": {"t": "Sunday, January 31st 2026"}, "sourceFormatString": "dddd, MMMM Do YYYY"},
        {"data": {"t": "Noneday 31.1.2026"}, "sourceFormatString": "dddd D.M.YYYY"},
        {"data": {"t": "2025-366"}, "sourceFormatString": "YYYY-DDDD"},
        {"data": {"t": "2026-W54"}, "sourceFormatString": "GGGG-[W]WW"},
        {"data": {"t": "25"}, "sourceFormatString": "kk"},
        {"data": {"t": "71 pm"}, "sourceFormatString": "h a"},
        {"data": {"t": "1"}, "sourceFormatString": "D" + "x" * 200},
        {"timezone": "Mars/Base"},
        {"operation": "add", "numberValue": "x"},
        {"operation": "add", "numberValue": "99999", "unit": "year"},
        {"operation": "add", "numberValue": "1e11", "unit": "day"},
    ],
)
def test_what_cannot_be_reckoned_throws(config):
    data = {"t": MOMENT, **config.pop("data", {})}
    asked = {"operation": "format", "sourcePath": "data.t", "resultPath": "w", **config}

    assert error_of("DateTimeNode", asked, data)["name"] == "Validation"


def test_the_time_of_the_run_counts_without_a_source():
    found = result_of(
        "DateTimeNode", {"operation": "getDatePart", "unit": "year", "resultPath": "w"}
    )

    assert found["w"] == 2026
