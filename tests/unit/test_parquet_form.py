"""Archives as Parquet: types of columns, what does not fit, and when the bytes come."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.app.archives.csv_form import CSV
from drover.app.archives.files import Page, write_fitting
from drover.app.archives.forms import Column, Misfit, widened
from drover.app.archives.lines import SEPARATOR, cell
from drover.app.archives.parquet_form import PARQUET
from drover.config import Settings, SettingsError
from drover.ports.archives import Moment, StoredLine
from drover.server import configured
from drover.server.assembly import Server

HEAT, ON, NOTE = Column("heat", "number"), Column("on", "boolean"), Column("note")
JSON = st.one_of(
    st.booleans(), st.integers(-(10**25), 10**25), st.text(max_size=20),
    st.floats(allow_nan=False, allow_infinity=False), st.lists(st.integers(), max_size=2),
)  # fmt: skip


def moment(time_ms, **values):
    names = sorted(values)
    texts = SEPARATOR.join(json.dumps(values[name]) for name in names)
    return Moment(time_ms, "\t".join(names), texts, len(names))


def document(number, **values):
    return StoredLine(number, str(number), json.dumps(values))


def content(sheet, *pages):
    return b"".join([sheet.begin(), *(sheet.add(page) for page in pages), sheet.end()])


def read(raw):
    return pyarrow.parquet.read_table(io.BytesIO(raw))


def at(ms):
    return datetime.fromtimestamp(ms / 1000, UTC)


class Memory:
    """A place of archives."""

    def __init__(self):
        self.objects = {}

    async def put_stream(self, key, chunks):
        self.objects[key] = b"".join([chunk async for chunk in chunks])
        return len(self.objects[key])

    async def get_stream(self, key):
        yield self.objects[key]


async def fitted(columns, begun, *pages):
    """Write pages into a file; return what it holds and the record of it."""
    place = Memory()

    async def each():
        for page in pages:
            yield Page(page)

    written = await write_fitting(place, "k", columns, begun, each)
    return read(place.objects["k"]), written


def test_values_have_the_types_of_their_attributes():
    sheet = PARQUET.states("d", [HEAT, NOTE, ON])

    table = read(
        content(
            sheet,
            [moment(1001, heat=1, note="a", on=True), moment(1002, heat=2.5, other=1)],
            [moment(1003, heat=None, note={"k": [1]}, on=False), moment(1004, note=7)],
        )
    )

    kinds = {"ID": "string", "Timestamp": "timestamp[ms, tz=UTC]", "heat": "double"}
    kinds |= {"note": "string", "on": "bool"}
    assert {field.name: str(field.type) for field in table.schema} == kinds
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        ("d", at(1001), 1.0, "a", True),
        ("d", at(1002), 2.5, None, None),
        ("d", at(1003), None, '{"k":[1]}', False),
        ("d", at(1004), None, "7", None),
    ]


def test_each_page_is_a_row_group_whose_bytes_are_there_at_once():
    sheet = PARQUET.states("d", [HEAT])
    sheet.begin()

    first, second = sheet.add([moment(1, heat=1)]), sheet.add([moment(2, heat=2)])
    raw = first + second + sheet.end()

    assert first.startswith(b"PAR1")
    assert second
    held = pyarrow.parquet.ParquetFile(io.BytesIO(raw)).metadata
    assert (held.num_row_groups, held.num_rows) == (2, 2)
    assert held.row_group(0).column(2).compression == "ZSTD"


def test_a_file_made_again_is_the_same_to_the_byte():
    pages = [[moment(1, heat=1, note="a")], [moment(2, on=True)]]

    once, again = (content(PARQUET.states("d", [HEAT, NOTE, ON]), *pages) for _ in range(2))

    assert once == again


def test_a_file_without_rows_has_its_columns():
    table = read(content(PARQUET.documents([Column("id"), Column("createdAt", "time"), HEAT])))

    assert (table.num_rows, table.column_names) == (0, ["id", "createdAt", "heat"])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (HEAT, "hot"), (HEAT, "5"), (HEAT, True), (HEAT, 2**53 + 1), (HEAT, 10**400), (HEAT, [1]),
        (ON, 1), (ON, "true"), (Column("at", "time"), "soon"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_does_not_fit(column, value):
    sheet = PARQUET.documents([Column("id"), column])
    sheet.begin()

    with pytest.raises(Misfit) as misfit:
        sheet.add([document(1, id="a", **{column.name: value})])

    assert misfit.value.names == {column.name}
    assert widened([Column("id"), column], misfit.value) == [Column("id"), Column(column.name)]


@pytest.mark.parametrize("value", [0, -0.0, 1e300, 2**53, 10**22, -(2**62), 0.1, 5e-324])
def test_a_number_that_a_double_holds_comes_back_exactly(value):
    table = read(content(PARQUET.states("d", [HEAT]), [moment(1, heat=value)]))

    assert table["heat"].to_pylist() == [value]


async def test_a_column_of_mixed_values_is_text_in_the_whole_file():
    pages = [moment(1, heat=1, on=True)], [moment(2, heat="hot", on=2)], [moment(3, heat=True)]

    table, written = await fitted([HEAT, ON], lambda c: PARQUET.states("d", c), *pages)

    assert table["heat"].to_pylist() == ["1", "hot", "1"]
    assert table["on"].to_pylist() == ["1", "2", None]
    assert (table.num_rows, written.rows) == (3, 3)


def test_columns_of_one_name_are_told_apart():
    columns = [Column("ID"), Column("ID_"), Column("Timestamp", "number")]
    raw = content(PARQUET.states("d", columns), [moment(1, ID="x", ID_="y", Timestamp=5)])

    assert read(raw).to_pylist() == [
        {"ID": "d", "Timestamp": at(1), "ID_": "x", "ID__": "y", "Timestamp_": 5.0}
    ]


@given(st.lists(st.none() | JSON, min_size=1, max_size=8), st.sampled_from([HEAT, ON, NOTE]))
async def test_whatever_is_reported_can_be_read_back(values, column):
    page = [moment(place, **{column.name: value}) for place, value in enumerate(values)]

    table, _ = await fitted([column], lambda c: PARQUET.states("d", c), page)

    read_back = table[column.name].to_pylist()
    if str(table.schema.field(column.name).type) == "string":
        assert [None if each is None else cell(each) for each in read_back] == [
            None if each is None else cell(cell(each) if isinstance(each, int | float) else each)
            for each in values
        ]
    else:
        assert read_back == values


def test_a_server_writes_what_its_setting_says(tmp_path, monkeypatch):
    csv = Settings(data_dir=str(tmp_path))
    parquet = Settings(data_dir=str(tmp_path), archive_format="parquet")

    assert configured.archive_form_of(csv) is CSV
    assert configured.archive_form_of(parquet) is PARQUET
    monkeypatch.setattr("drover.app.archives.parquet_form.importlib.util.find_spec", lambda _: None)
    assert configured.archive_form_of(csv) is CSV
    with pytest.raises(SettingsError, match=r"pip install 'drover\[parquet\]'"):
        Server(parquet, "http://127.0.0.1")
