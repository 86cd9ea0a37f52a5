"""Data tables and their rows over real HTTP with the vendor's own client."""

from __future__ import annotations

import httpx
import pytest
from losant_rest import Client, LosantError

COLUMNS = [
    {"name": "serial", "dataType": "string", "constraint": "unique"},
    {"name": "weight", "dataType": "number", "constraint": "optional"},
    {"name": "ready", "dataType": "boolean", "constraint": "required", "defaultValue": False},
]


@pytest.fixture
def client(losant: Client) -> Client:
    return losant


@pytest.fixture
def table(client: Client) -> dict[str, str]:
    application_id = client.applications.post(application={"name": "Plant"})["id"]
    made = client.data_tables.post(
        applicationId=application_id, dataTable={"name": "Parts", "columns": COLUMNS}
    )
    return {"applicationId": application_id, "dataTableId": made["id"]}


def insert(client: Client, table: dict[str, str], *rows: dict) -> list[str]:
    return client.data_table_rows.post(**table, dataTableRow=list(rows))["rowIds"]


def refusal(call, **arguments) -> LosantError:
    with pytest.raises(LosantError) as refused:
        call(**arguments)
    return refused.value


def test_a_row_shows_every_column_in_order_with_null_for_what_is_absent(client, table):
    row = client.data_table_rows.post(**table, dataTableRow={"serial": "a"})

    assert list(row) == ["id", "createdAt", "updatedAt", "serial", "weight", "ready"]
    assert (row["serial"], row["weight"], row["ready"]) == ("a", None, False)
    assert client.data_table_row.get(**table, rowId=row["id"]) == row


def test_several_rows_answer_with_their_ids(client, table):
    answer = client.data_table_rows.post(**table, dataTableRow=[{"serial": "a"}, {"serial": "b"}])

    assert (answer["count"], len(answer["rowIds"])) == (2, 2)
    listed = client.data_table_rows.get(**table)
    assert [row["id"] for row in listed["items"]] == answer["rowIds"]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({}, "serial"),
        ({"serial": None}, "serial"),
        ({"serial": 1}, "serial"),
        ({"serial": "x", "weight": "1"}, "weight"),
        ({"serial": "x", "weight": True}, "weight"),
        ({"serial": "x", "ready": 1}, "ready"),
        ({"serial": "x", "colour": "red"}, "colour"),
        ({"serial": "x", "id": "5f" * 12}, "id"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_by_the_name_of_its_column(client, table, row, field):
    refused = refusal(client.data_table_rows.post, **table, dataTableRow=row)

    assert refused.status == 400
    assert field in refused.data["message"]
    assert client.data_table_rows.get(**table)["totalCount"] == 0


def test_a_taken_unique_value_is_refused_and_nothing_of_the_batch_is_kept(client, table):
    insert(client, table, {"serial": "a"})

    refused = refusal(
        client.data_table_rows.post, **table, dataTableRow=[{"serial": "b"}, {"serial": "a"}]
    )

    assert (refused.status, refused.data["type"]) == (400, "AlreadyExists")
    assert client.data_table_rows.get(**table)["totalCount"] == 1


def test_a_unique_value_is_free_again_after_its_row_changed_or_went(client, table):
    (row_id,) = insert(client, table, {"serial": "a"})
    client.data_table_row.patch(**table, rowId=row_id, dataTableRow={"serial": "b"})
    (second,) = insert(client, table, {"serial": "a"})
    client.data_table_row.delete(**table, rowId=second)

    insert(client, table, {"serial": "a"})

    listed = client.data_table_rows.get(**table, sortColumn="serial")
    assert [row["serial"] for row in listed["items"]] == ["a", "b"]


def test_rows_are_sorted_paged_and_cut_to_the_fields_asked_for(client, table):
    insert(client, table, *({"serial": f"s{n}", "weight": w} for n, w in enumerate([10, 9, None])))

    page = client.data_table_rows.get(
        **table,
        sortColumn="weight",
        sortDirection="desc",
        limit=2,
        offset=1,
        includeFields="serial",
    )

    assert [set(row) for row in page["items"]] == [{"id", "serial"}] * 2
    assert [row["serial"] for row in page["items"]] == ["s1", "s2"]
    assert (page["count"], page["totalCount"], page["limit"], page["offset"]) == (2, 3, 2, 1)


def test_rows_are_found_and_deleted_by_query(client, table):
    insert(client, table, *({"serial": f"s{n}", "weight": n} for n in range(5)))
    heavy = {"weight": {"$gte": 3}}

    assert client.data_table_rows.query(**table, query=heavy)["totalCount"] == 2
    assert client.data_table_rows.delete(**table, query=heavy) == {"removed": 2}
    assert client.data_table_rows.get(**table)["totalCount"] == 3


def test_rows_are_listed_by_a_query_in_the_address(client, table):
    insert(client, table, *({"serial": f"s{n}", "weight": n} for n in range(5)))
    path = "/applications/{applicationId}/data-tables/{dataTableId}/rows".format_map(table)

    def listed(query, name="query"):
        headers = {"Authorization": f"Bearer {client.auth_token}"}
        return httpx.get(f"{client.url}{path}", params={name: query}, headers=headers)

    found = listed('{"weight": {"$gte": 3}}').json()
    assert (found["totalCount"], found["query"]) == (2, {"weight": {"$gte": 3}})
    assert listed(" ").json()["totalCount"] == 5
    for broken in ("{", "[]", "1", '{"colour": 1}', '{"weight": {"$bad": 1}}'):
        assert listed(broken).status_code == 400
        assert "query" in listed(broken).json()["message"]
    assert listed("3", name="query[weight]").status_code == 400


@pytest.mark.parametrize("query", [{"colour": "red"}, {"weight": {"$bad": 1}}])
def test_a_broken_query_deletes_nothing(client, table, query):
    insert(client, table, {"serial": "a"})

    refused = refusal(client.data_table_rows.delete, **table, query=query)

    assert refused.status == 400
    assert client.data_table_rows.get(**table)["totalCount"] == 1


def test_a_missing_query_deletes_nothing(client, table):
    insert(client, table, {"serial": "a"})

    assert refusal(client.data_table_rows.delete, **table).status == 400
    assert client.data_table_rows.get(**table)["totalCount"] == 1


def test_truncate_deletes_all_rows(client, table):
    insert(client, table, {"serial": "a"}, {"serial": "b"})

    assert client.data_table_rows.truncate(**table) == {"success": True}
    assert client.data_table_rows.get(**table)["items"] == []


def test_a_column_comes_with_its_default_and_goes_with_its_values(client, table):
    insert(client, table, {"serial": "a"})
    column = {"name": "place", "dataType": "string", "constraint": "required", "defaultValue": "x"}

    with_column = client.data_table.add_column(**table, dataTableColumn=column)
    filled = client.data_table_rows.get(**table)["items"][0]
    without = client.data_table.remove_column(**table, columnName="serial")
    insert(client, table, {"place": "y"})

    assert [each["name"] for each in with_column["columns"]] == [
        "serial",
        "weight",
        "ready",
        "place",
    ]
    assert filled["place"] == "x"
    assert [each["name"] for each in without["columns"]] == ["weight", "ready", "place"]
    rows = client.data_table_rows.get(**table)["items"]
    assert [list(row)[3:] for row in rows] == [["weight", "ready", "place"]] * 2


def test_columns_cannot_be_patched(client, table):
    refused = refusal(client.data_table.patch, **table, dataTable={"columns": []})

    assert (refused.status, "columns" in refused.data["message"]) == (400, True)


def test_sort_columns_outside_the_table_are_refused(client, table):
    bad = "serial'); DROP TABLE table_row; --"

    assert refusal(client.data_table_rows.get, **table, sortColumn=bad).status == 400
    assert client.data_table_rows.get(**table)["count"] == 0
