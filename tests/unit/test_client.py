"""The client: what it sends, and how a refusal or a silence is told."""

from __future__ import annotations

import httpx
import pytest

from drover.client import Client, ClientError, ServerUnreachable, UnusableConnection


def client_over(answer) -> Client:
    client = Client("http://127.0.0.1:1/", "a token")
    client._http.close()
    client._http = httpx.Client(
        base_url=client.url, transport=httpx.MockTransport(answer), headers=client._http.headers
    )
    return client


def test_each_method_sends_its_verb_and_leaves_out_what_is_not_given():
    seen = []

    def answer(request):
        seen.append((request.method, str(request.url)))
        return httpx.Response(200, json={"ok": True})

    with client_over(answer) as client:
        assert client.patch("/x", {"a": 1}, flag=None) == {"ok": True}
        assert client.delete("/x", flag="yes") == {"ok": True}
        assert client.token == "a token"

    assert seen == [("PATCH", "http://127.0.0.1:1/x"), ("DELETE", "http://127.0.0.1:1/x?flag=yes")]


def test_an_answer_without_body_is_none():
    with client_over(lambda _request: httpx.Response(204)) as client:
        assert client.get("/auth/ssoDomain") is None


def test_items_are_read_page_by_page():
    def answer(request):
        page = int(request.url.params["page"])
        return httpx.Response(200, json={"items": [{"n": page}], "totalCount": 1500})

    with client_over(answer) as client:
        assert [item["n"] for item in client.items("/things")] == [0, 1]


def test_a_refusal_carries_status_type_and_message():
    refused = httpx.Response(404, json={"type": "NotFound", "message": "Gone"})

    with client_over(lambda _request: refused) as client, pytest.raises(ClientError) as error:
        client.get("/x")

    assert (error.value.status, error.value.type, error.value.message) == (404, "NotFound", "Gone")


@pytest.mark.parametrize("read", [lambda c: c.events("/x"), lambda c: c.download("/x")])
def test_a_stream_that_is_refused_raises_with_the_text_of_what_is_no_json(read):
    with (
        client_over(lambda _request: httpx.Response(502, text="bad gateway")) as client,
        pytest.raises(ClientError, match="bad gateway"),
    ):
        list(read(client))


def test_events_are_named_and_decoded_and_signs_of_life_passed_over():
    text = ': alive\n\nevent: progress\ndata: {"n": 1}\n\ndata: {"n": 2}\n\n'

    with client_over(lambda _request: httpx.Response(200, text=text)) as client:
        assert list(client.events("/x")) == [("progress", {"n": 1}), ("message", {"n": 2})]


def test_a_server_that_is_away_is_told_with_its_address():
    with (
        Client("http://127.0.0.1:1") as client,
        pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:1"),
    ):
        client.get("/x")


def test_a_query_in_the_address_is_kept():
    seen = []

    def answer(request):
        seen.append(str(request.url))
        return httpx.Response(200, json={})

    with client_over(answer) as client:
        client.get("/x?expires=1")
        list(client.download("/y?expires=1"))
        list(client.download("/z", since=None, n=2))

    assert [url.removeprefix("http://127.0.0.1:1") for url in seen] == [
        "/x?expires=1",
        "/y?expires=1",
        "/z?n=2",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host",
        "host:8080",
        "ftp://host",
        "http://",
        "http://:80",
        "http://h:99999",
        "http://h?x=1",
        "http://h/#a",
    ],
)
def test_what_is_no_address_of_a_server_is_refused_before_anything_is_sent(url):
    with pytest.raises(UnusableConnection, match="no address of a server"):
        Client(url, "a token")


@pytest.mark.parametrize("secret", ["kéy", "a\nb", "a\x00b"])
def test_a_secret_that_no_header_holds_is_refused_and_not_repeated(secret):
    with pytest.raises(UnusableConnection) as error:
        Client("http://127.0.0.1:1", secret)

    assert secret not in str(error.value)
