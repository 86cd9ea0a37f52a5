"""Hostile bundles and requests for them: a clear refusal, and nothing of them stays."""

from __future__ import annotations

import io
import json
import stat
import zipfile

import httpx
import pytest

from tests.support.vendor import Vendor

REFUSED = (400, 422)
PAGES = "experience/develop/pages"
VIEWS, VIEW = f"{PAGES}.yaml", "- {name: A, viewType: page}\n"


@pytest.fixture
def vendor(losant, resource_server, plant):
    return Vendor(losant, resource_server.url, plant)


def packed(**files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in {"application.yaml": "name: x\n", **files}.items():
            file.writestr(name, content)
    return made.getvalue()


def link():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        info = zipfile.ZipInfo("devices.yaml")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, "/etc/passwd")
    return made.getvalue()


def send(vendor, bundle=None, **options):
    parts = {"options": (None, json.dumps(options))}
    if bundle is not None:
        parts["importBundle"] = ("b.zip", bundle)
    return vendor.raw("POST", "/import", files=parts)


def device(vendor):
    return vendor.client.devices.get(**vendor.key)["totalCount"]


@pytest.mark.parametrize(
    ("bundle", "why"),
    [
        (b"", "no zip"),
        (b"PK\x05\x06" + b"\0" * 18, "application.yaml"),
        (packed()[:-9], "no zip"),
        (packed(**{"../devices.yaml": "- name: x\n"}), "bad name"),
        (packed(**{"C:/devices.yaml": "- name: x\n"}), "bad name"),
        (packed(**{"a\nb.yaml": "- name: x\n"}), "bad name"),
        (packed(**{"devices.yaml": "[]\n", "Devices.yaml": "[]\n"}), "alike"),
        (packed(**{"workflows/\u00e9.yaml": "", "workflows/e\u0301.yaml": ""}), "alike"),
        (packed(**{"files/a.bin": "\0" * 200_000_000}), "too large"),
        (link(), "link"),
        (packed(**{"devices.yaml": "a: &a [x]\nb: *a\n"}), "Anchors"),
        (packed(**{"devices.yaml": "- !!python/object:os.system {}\n"}), "Tags"),
        (packed(**{"devices.yaml": "name: no list\n"}), "must hold a list"),
        (packed(**{"devices.yaml": "- just text\n"}), "must be a map"),
        (packed(**{"devices.yaml": "- id: 7\n  name: x\n"}), "24 hexadecimal"),
        (packed(**{"devices.yaml": "- name: ok\n- nome: x\n"}), "nome"),
        (packed(**{"devices.yaml": f"- name: x\n  parentId: {'a' * 24}\n"}), "was not found"),
        (packed(**{"devices.yaml": "- name: x\n" * 2 + "  id: '1'\n"}), "24 hexadecimal"),
        (packed(**{"dataTables/T.yaml": "name: T\ncolumns: 7\n"}), "dataTables/T.yaml"),
        (packed(**{"workflows/F.yaml": "name: F\nnodes:\n  - {id: a, type: Nope}\n"}), "Nope"),
        (packed(**{"workflowVersions/v.yaml": "version: v\n"}), "was not found"),
        (packed(**{VIEWS: VIEW, f"{PAGES}/A.hbs": b"\xff"}), "not UTF-8"),
        (packed(**{VIEWS: VIEW, f"{PAGES}/A.hbs": "x" * 131_073}), VIEWS),
        (packed(**{VIEWS: "- just text\n", f"{PAGES}/_.hbs": "x"}), "must be a map"),
    ],
)
def test_hostile_bundles_are_refused_and_leave_nothing(vendor, bundle, why):
    answer = send(vendor, bundle)

    assert answer.status_code == 422, answer.text
    refused = answer.json()
    assert why in json.dumps(refused), refused
    assert refused["validationErrors"]
    assert device(vendor) == 0
    (log,) = [*vendor.client.application.import_logs(**vendor.key), None][:1]
    assert log is None or log["status"] == "errored"


def test_devices_in_a_circle_are_refused(vendor):
    one, two = "a" * 24, "b" * 24
    text = f"- id: {one}\n  name: x\n  parentId: {two}\n- id: {two}\n  name: y\n  parentId: {one}\n"

    answer = send(vendor, packed(**{"devices.yaml": text}))

    assert answer.status_code == 422, answer.text
    assert device(vendor) == 0


def test_rows_that_do_not_fit_take_everything_back(vendor):
    table = "name: T\ncolumns:\n  - {name: serial, dataType: string, constraint: unique}\n"
    files = {"dataTables/T.yaml": table, "devices.yaml": "- name: x\n"}

    broken = send(vendor, packed(**files, **{"dataTables/T.csv": "serial\na\nb,c\n"}))
    twice = send(vendor, packed(**files, **{"dataTables/T.csv": "serial\na\na\n"}))

    assert broken.status_code == 422, broken.text
    assert twice.status_code == 422, twice.text
    assert device(vendor) == 0
    assert vendor.client.data_tables.get(**vendor.key)["totalCount"] == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/b.zip",
        "http://[::1]/b.zip",
        "http://169.254.169.254/latest",
        "http://10.0.0.1/b.zip",
        "file:///etc/passwd",
        "ftp://example.com/b.zip",
    ],
)
def test_addresses_of_this_machine_and_its_network_are_not_fetched(vendor, url):
    answer = send(vendor, importUrl=url)

    assert answer.status_code == 400, answer.text
    assert "importUrl" in answer.json()["message"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"fromApplicationId": "nope"},
        {"include": ["Nope"]},
        {"conflictBehavior": "destroy"},
        {"unknown": 1},
        {"importUrl": "http://x", "fromApplicationId": "a" * 24},
        {"repo": {"branch": "main"}},
        {"callbackUrl": "javascript:1"},
    ],
)
def test_options_that_mean_nothing_are_refused(vendor, options):
    assert send(vendor, **options).status_code in REFUSED


def test_another_tenants_application_looks_like_a_missing_one(vendor, resource_server):
    theirs = httpx.post(
        f"{resource_server.url}/applications",
        headers={"Authorization": "Bearer theirs"},
        json={"name": "Theirs"},
    ).json()["id"]

    found = send(vendor, fromApplicationId=theirs)
    missing = send(vendor, fromApplicationId="9" * 24)

    assert (found.status_code, missing.status_code) == (404, 404)
    assert found.content == missing.content


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x\r\n"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--",
        ),
        ("multipart/form-data; boundary=x", b"--x\r\nA: " + b"b" * 9000 + b"\r\n\r\na\r\n--x--"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="nope"\r\n\r\na\r\n--x--',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="importBundle"\r\n\r\na',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\na\r\n' * 2 + b"--x--",
        ),
        (
            "multipart/form-data; boundary=x",
            b"".join(
                b'--x\r\nContent-Disposition: form-data; name="%d"\r\n\r\na\r\n' % number
                for number in range(200)
            )
            + b"--x--",
        ),
    ],
)
def test_forms_that_are_none_are_refused(vendor, content_type, body):
    answer = httpx.post(
        f"{vendor.url}/applications/{vendor.application}/import",
        content=body,
        headers={
            "Authorization": f"Bearer {vendor.client.auth_token}",
            "Content-Type": content_type,
        },
        timeout=60,
    )

    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(
    "query",
    ["", "?expires=1&signature=x", "?expires=x&signature=", "?expires=99999999999&signature=00"],
)
def test_downloads_open_with_their_own_signature_alone(vendor, query):
    answer = httpx.get(f"{vendor.url}/downloads/{'a' * 24}{query}")

    assert answer.status_code in (400, 403)


@pytest.mark.parametrize(
    "options",
    [
        {"repo": {"branch": "main"}},
        {"credentialName": "Nobody", "repo": {"branch": "main"}},
        {"credentialName": "Nobody", "repo": {"commitMessage": "x"}},
        {"credentialName": "Nobody", "fromApplicationId": "a" * 24},
    ],
)
def test_imports_from_a_repository_that_cannot_be_are_refused(vendor, options):
    answer = vendor.raw("POST", "/import", files={"options": (None, json.dumps(options))})

    assert answer.status_code in (400, 422), answer.text


def test_exports_to_a_repository_are_refused_as_long_as_there_are_none(vendor):
    answer = vendor.raw("POST", "/export", json={"exportType": "repo", "credentialName": "git"})

    assert answer.status_code == 400
