"""Hostile requests over real HTTP: other tenants, injections, floods of bytes, odd encodings."""

from __future__ import annotations

import socket

import pytest
import requests

SIZE_MB = 10


def ask(server, path, method="GET", token="mine", **more):  # noqa: S107 - a word of the tests
    headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
    return requests.request(method, f"{server.url}{path}", headers=headers, timeout=60, **more)


@pytest.fixture
def things(losant, plant) -> dict[str, str]:
    """The path of one resource of each kind in the application ``plant``."""
    base = f"/applications/{plant}"
    flow = losant.flows.post(applicationId=plant, flow={"name": "f"})["id"]
    version = losant.flow_versions.post(
        applicationId=plant, flowId=flow, flowVersion={"version": "v"}
    )["id"]
    table = losant.data_tables.post(applicationId=plant, dataTable={"name": "t"})["id"]
    row = losant.data_table_rows.post(applicationId=plant, dataTableId=table, dataTableRow={})["id"]
    made = {
        "device": f"devices/{losant.devices.post(applicationId=plant, device={'name': 'd'})['id']}",
        "flow": f"flows/{flow}",
        "version": f"flows/{flow}/versions/{version}",
        "table": f"data-tables/{table}",
        "row": f"data-tables/{table}/rows/{row}",
        "event": "events/"
        + losant.events.post(applicationId=plant, event={"level": "info", "subject": "s"})["id"],
    }
    return {name: f"{base}/{path}" for name, path in made.items()}


def test_another_tenant_sees_the_same_as_for_what_is_not_there(
    resource_server, losant, plant, things
):
    theirs = ask(
        resource_server, "/applications", "POST", token="theirs", json={"name": "Theirs"}
    ).json()["id"]
    missing = ask(resource_server, f"/applications/{'0' * 24}", token="theirs")

    for path in (f"/applications/{plant}", *things.values()):
        for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
            strange = ask(resource_server, path, method, token="theirs", json=body)
            assert (strange.status_code, strange.content) == (404, missing.content)
    for path in things.values():
        for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
            moved = path.replace(plant, theirs)
            answer = ask(resource_server, moved, method, token="theirs", json=body)
            assert answer.status_code in (404, 405), (method, moved, answer.text)
    for path in things.values():
        assert ask(resource_server, path).status_code == 200
    listed = ask(resource_server, "/applications", token="theirs").json()["items"]
    assert {each["ownerId"] for each in listed} == {"6f" * 12}


def test_a_resource_named_below_another_parent_looks_like_a_missing_one(
    resource_server, losant, plant, things
):
    other = losant.data_tables.post(applicationId=plant, dataTable={"name": "u"})["id"]
    row = things["row"].rsplit("/", 1)[1]

    answer = ask(resource_server, f"/applications/{plant}/data-tables/{other}/rows/{row}")

    assert answer.status_code == 404


INJECTIONS = [
    "name'; DROP TABLE device; --",
    'name" OR "1"="1',
    "name) UNION SELECT document FROM application --",
    "document",
    "apart",
    "name, id",
    "json_extract(document,'$.a')",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_sort_and_filter_fields_are_words_of_a_list(resource_server, plant, things, text):
    for collection in ("devices", "flows", "events", "resource-jobs", "experience/users"):
        for parameter in ("sortField", "filterField", "sortDirection"):
            answer = ask(
                resource_server,
                f"/applications/{plant}/{collection}",
                params={parameter: text, "filter": "x"},
            )
            assert (answer.status_code, answer.json()["type"]) == (400, "Validation")
    assert ask(resource_server, things["device"]).status_code == 200


@pytest.mark.parametrize("text", ["%", "_", "'", "\\", "[a]", "*" * 500, "é'\"", "${x}"])
def test_filters_hold_any_text(resource_server, plant, text):
    answer = ask(
        resource_server,
        f"/applications/{plant}/devices",
        params={"filterField": "name", "filter": text},
    )

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "device_id", ["x", "5f", "5f" * 13, "zz" * 12, "%00", "5f" * 11 + "5'", "%2e%2e%2f"]
)
def test_ids_that_are_none_are_refused(resource_server, plant, device_id):
    answer = ask(resource_server, f"/applications/{plant}/devices/{device_id}")

    assert answer.status_code in (400, 404, 405)
    assert set(answer.json()) == {"type", "message"}


def test_a_body_of_ten_megabytes_is_refused(resource_server, plant):
    huge = b'{"name":"' + b"x" * (SIZE_MB * 1024 * 1024) + b'"}'

    told = ask(resource_server, f"/applications/{plant}/devices", "POST", data=huge)

    assert (told.status_code, told.json()["type"]) == (413, "PayloadTooLarge")
    assert ask(resource_server, f"/applications/{plant}/devices").json()["totalCount"] == 0


def test_a_body_that_grows_without_a_length_is_cut_off(resource_server, plant):
    def parts():
        for _ in range(SIZE_MB * 16):
            yield b"x" * 65_536

    try:
        answer = ask(resource_server, f"/applications/{plant}/devices", "POST", data=parts())
        assert answer.status_code == 413
    except requests.ConnectionError:
        pass  # the server may hang up on a sender who does not stop
    assert ask(resource_server, "/health").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"name":' * 20_000,
        b'{"name":"\\u0000"}',
        b'{"name":"\\ud800"}',
        b'{"name":"\xff"}',
        b"\xef\xbb\xbf{}",
        b"null",
        b'"x"',
        b"1e999",
        b'{"name":NaN}',
        b'{"name":"x"} trailing',
    ],
)
def test_broken_json_is_refused_with_its_reason(resource_server, plant, body):
    answer = ask(resource_server, f"/applications/{plant}/devices", "POST", data=body)

    assert (answer.status_code, answer.json()["type"]) == (400, "Validation")


def test_numbers_beyond_a_database_are_refused_or_kept(resource_server, losant, plant):
    table = losant.data_tables.post(
        applicationId=plant,
        dataTable={
            "name": "t",
            "columns": [{"name": "n", "dataType": "number", "constraint": "optional"}],
        },
    )["id"]
    path = f"/applications/{plant}/data-tables/{table}/rows"

    for number in ("1" * 400, "-" + "9" * 40, "1e308", "18446744073709551616"):
        answer = ask(resource_server, path, "POST", data=f'{{"n":{number}}}'.encode())
        assert answer.status_code in (201, 400), number
        query = f'{{"n":{{"$lt":{number}}}}}'.encode()
        asked = ask(resource_server, f"{path}/query", "POST", data=query)
        assert asked.status_code in (200, 400), number
    listed = ask(resource_server, path, params={"sortColumn": "n"})
    assert listed.status_code == 200


def test_the_body_of_a_delete_and_no_body_of_a_post_are_taken(resource_server, plant, things):
    removed = ask(resource_server, things["device"], "DELETE", json={})
    empty = ask(resource_server, f"/applications/{plant}/devices", "POST")

    assert removed.json() == {"success": True}
    assert (empty.status_code, "name" in empty.json()["message"]) == (400, True)


def test_methods_and_paths_that_are_not_there_are_told(resource_server, plant):
    wrong = ask(resource_server, f"/applications/{plant}/devices", "PUT")
    nowhere = ask(resource_server, "/nothing/here")
    slashes = ask(resource_server, f"//applications/{plant}")

    assert (wrong.status_code, "GET" in wrong.headers["Allow"]) == (405, True)
    assert (nowhere.status_code, nowhere.json()["type"]) == (404, "NotFound")
    assert slashes.status_code == 200


def test_any_version_and_strange_headers_are_taken(resource_server, plant):
    headers = {"Accept-Version": "^9.9", "losantdomain": "x.example", "Accept": "text/plain"}

    assert ask(resource_server, f"/applications/{plant}", headers=headers).status_code == 200


def test_a_request_that_is_no_http_is_refused_without_harm(resource_server):
    host, port = resource_server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as raw:
        raw.sendall(b"\x16\x03\x01 not http\r\n\r\n")
        raw.settimeout(60)
        assert b"400" in raw.recv(200)

    assert ask(resource_server, "/health").status_code == 200


def test_a_scope_of_one_family_does_not_open_another(resource_server, plant):
    from tests.support.catalog_server import USER, user

    resource_server.gate.callers["narrow"] = user(USER, "device.get", "devices.*")

    listed = ask(resource_server, f"/applications/{plant}/devices", token="narrow")
    flows = ask(resource_server, f"/applications/{plant}/flows", token="narrow")

    assert listed.status_code == 200
    assert (flows.status_code, flows.json()["type"]) == (403, "Forbidden")


def test_a_tree_of_queries_too_deep_is_refused(resource_server, plant):
    query = '{"$and":[' * 200 + "{}" + "]}" * 200

    answer = ask(resource_server, f"/applications/{plant}/devices", params={"query": query})

    assert answer.status_code == 400


def test_the_description_and_the_figures_are_published(resource_server):
    described = requests.get(f"{resource_server.url}/openapi.json", timeout=60).json()
    figures = requests.get(f"{resource_server.url}/metrics", timeout=60).text

    assert "/applications/{applicationId}/devices/{deviceId}" in described["paths"]
    assert "drover_http_requests_total" in figures
