"""Files, public and private: made, sent, fetched, moved and deleted, by the vendor's client."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

import httpx
import pytest

from drover.app.files import Files
from tests.support.vendor import Vendor, refused, sound


@pytest.fixture
def vendor(resource_server, losant, plant, monkeypatch) -> Vendor:
    """The vendor's client on a server in this process, which gives its own addresses out."""
    links = resource_server.services[Files].links
    monkeypatch.setattr(links, "_base_url", resource_server.url)
    return Vendor(losant, resource_server.url, plant)


PLACES = [("file", "files", "file"), ("privateFile", "private_files", "private_file")]
CONTENT = b"<script>alert(1)</script>"
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


@pytest.fixture(params=PLACES, ids=["public", "private"])
def place(request, vendor):
    """One of the two kinds: the names of calls, and how a file of it is made."""
    name, many, one = request.param
    calls = getattr(vendor.client, many), getattr(vendor.client, one)

    def make(**body):
        entry = {"type": "file", "parentDirectory": "/a/b", **body}
        return sound(calls[0].post(**vendor.key, **{name: entry}), f"{name}Id")

    return name, *calls, make


def send(upload, content=CONTENT, **changes):
    """Send content as the command line does: the fields in order, the file last."""
    fields = {k: (None, v) for k, v in ({**upload["fields"], **changes}).items() if k != "bucket"}
    files = {**fields, "file": ("x", content)}
    return httpx.post(upload["url"], files=files, timeout=60)


def test_content_is_sent_to_the_address_that_was_given_and_fetched(vendor, place):
    name, many, one, make = place
    made = make(name="x.html", contentType="text/html", fileSize=len(CONTENT))
    key = {**vendor.key, f"{name}Id": made["id"]}

    assert (made["status"], "url" in made) == ("pending", False)
    sent = send(made["upload"])
    assert (sent.status_code, sent.headers["etag"]) == (204, f'"{MD5}"')
    kept = sound(one.get(**key))
    assert (kept["s3etag"], kept["fileSize"], kept["status"]) == (MD5, len(CONTENT), "completed")
    fetched = httpx.get(kept["url"], timeout=60)
    assert (fetched.content, fetched.headers["content-type"]) == (CONTENT, "text/html")
    assert "sandbox" in fetched.headers["content-security-policy"]
    assert fetched.headers["etag"] == f'"{MD5}"'
    listed = many.get(**vendor.key, type="file", directory="a/b/", filterField="name", filter="X.*")
    assert [each["url"].partition("?")[0] for each in listed["items"]] == [
        kept["url"].partition("?")[0]
    ]
    assert listed["parentExists"] is True
    assert many.get(**vendor.key, directory="/nowhere")["parentExists"] is False
    assert [each["name"] for each in many.get(**vendor.key, directory="/")["items"]] == ["a"]
    assert one.delete(**key) == {"success": True}
    assert httpx.get(kept["url"], timeout=60).status_code == 404


def test_content_is_replaced_as_a_whole(vendor, place):
    name, _, one, make = place
    made = make(name="x.bin")
    key = {**vendor.key, f"{name}Id": made["id"]}
    send(made["upload"])

    again = one.patch(**key, updates={"contentType": "text/plain"})
    sent = send(again["upload"], b"two")

    kept = one.get(**key)
    assert (sent.status_code, kept["fileSize"]) == (204, 3)
    assert httpx.get(kept["url"], timeout=60).content == b"two"


def test_directories_are_moved_and_deleted_with_all_that_is_in_them(vendor, place):
    name, many, one, make = place
    for each in ("one", "two"):
        send(make(name=each)["upload"])
    listed = many.get(**vendor.key, type="directory", sortField="name")
    first = {**vendor.key, f"{name}Id": listed["items"][0]["id"]}

    assert [each["name"] for each in listed["items"]] == ["a", "b"]
    moved = one.move(**first, name="z", parentDirectory="/y")
    assert (moved["name"], moved["parentDirectory"]) == ("z", "/y")
    inside = many.get(**vendor.key, directory="/y/z/b", sortField="name")["items"]
    assert [each["name"] for each in inside] == ["one", "two"]
    assert all(httpx.get(each["url"], timeout=60).content == CONTENT for each in inside)
    refused(400, "into itself", one.move, **first, parentDirectory="/y/z/b")
    one.delete(**first)
    assert [each["name"] for each in many.get(**vendor.key)["items"]] == ["y"]
    assert httpx.get(inside[0]["url"], timeout=60).status_code == 404


def test_a_path_is_taken_once_and_names_stay_in_their_place(vendor, place):
    name, many, _, make = place
    make(name="x")

    def post(**body):
        return many.post(**vendor.key, **{name: {"type": "file", **body}})

    for body, said in (
        ({"name": "x", "parentDirectory": "a//b/"}, "exists"),
        ({"name": ".."}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "a\\b"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "ok", "parentDirectory": "/a/../.."}, "parentDirectory"),
        ({"name": "ok", "parentDirectory": "/a/b/x"}, "is a file"),
        ({"name": "ok", "contentType": "text/html\r\nX: y"}, "contentType"),
    ):
        refused(400, said, post, **body)


def test_an_address_takes_what_it_was_given_for_alone(vendor, place):
    name, _, one, make = place
    made, other = make(name="x", fileSize=len(CONTENT)), make(name="y")
    upload, key = made["upload"], {**vendor.key, f"{name}Id": made["id"]}

    for changes in ({"signature": "0" * 64}, {"expires": "1"}, {"expires": "9" * 12}):
        assert send(upload, **changes).status_code == 403
    elsewhere = {**upload, "url": other["upload"]["url"]}
    assert send(elsewhere).status_code == 403
    assert send(upload, b"longer than it was to be, by far").status_code == 400
    assert send({**upload, "fields": {}}).status_code == 400
    assert httpx.post(upload["url"], content=b"x", timeout=60).status_code == 400
    odd = urlsplit(upload["url"])._replace(path="/uploads/moon/" + "a" * 24 + "/" + "b" * 24)
    assert send({**upload, "url": odd.geturl()}).status_code == 404
    assert one.get(**key)["status"] == "pending"
    directory = vendor.raw("POST", f"/{name}s", json={"name": "d", "type": "directory"}).json()
    assert "upload" not in directory


def test_content_is_sent_with_a_token_as_well(vendor, place):
    name, _, one, make = place
    made = make(name="x")
    path = f"/file/{made['id']}/upload" if name == "file" else f"/privateFiles/{made['id']}/upload"

    taken = vendor.raw("POST", path, files={name: ("ignored", CONTENT)})
    refusal = vendor.raw("POST", path, files={"zz": ("ignored", CONTENT)})

    assert (taken.status_code, taken.json()["s3etag"]) == (200, MD5)
    assert (refusal.status_code, name in refusal.json()["message"]) == (400, True)
    assert one.get(**vendor.key, **{f"{name}Id": made["id"]})["authorType"] == "user"


def test_a_private_file_is_fetched_by_a_signed_address_alone(vendor):
    body = {"name": "p", "type": "file"}
    made = vendor.client.private_files.post(**vendor.key, privateFile=body)
    send(made["upload"])
    url = vendor.client.private_file.get(**vendor.key, privateFileId=made["id"], urlTTL=60)["url"]

    assert httpx.get(url, timeout=60).status_code == 200
    assert httpx.get(url.partition("?")[0], timeout=60).status_code == 400
    assert httpx.get(url[:-1] + ("0" if url[-1] != "0" else "1"), timeout=60).status_code == 403
    public = url.replace("/content/private/", "/content/public/")
    assert httpx.get(public, timeout=60).status_code == 404
    refused(
        400,
        "urlTTL",
        vendor.client.private_file.get,
        **vendor.key,
        privateFileId=made["id"],
        urlTTL=0,
    )
