"""Webhooks and endpoints of a real server: workflows started by HTTP, and their replies."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from examples.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.processes_measured


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Shop:
    """A server with one application, and a way to call it that adds nothing."""

    def __init__(self, running) -> None:
        self.running = running
        self.client = running.client
        self.address = running.url.removeprefix("http://")
        made = self.client.post("/applications", {"name": "Shop"})
        self.id = made["applicationId"]
        self.base = f"/applications/{self.id}"

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        link = HTTPConnection(self.address, timeout=120)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        link.request(method, path, body=body or None, headers=names)
        answer = link.getresponse()
        cookies = answer.headers.get_all("set-cookie") or []
        found = {name.lower(): value for name, value in answer.getheaders()}
        reply = Reply(answer.status, found, cookies, answer.read())
        link.close()
        return reply

    def webhook(self, **more: Any) -> dict[str, Any]:
        return self.client.post(f"{self.base}/webhooks", {"name": "hook", **more})

    def flow(self, trigger: str, key: str, *nodes: dict[str, Any], **config: Any) -> str:
        start = {"type": trigger, "key": key, "config": config, "outputIds": [[nodes[0]["id"]]]}
        flow = {"name": "answers", "triggers": [start], "nodes": list(nodes)}
        flow_class = "experience" if trigger == "endpoint" else "cloud"
        made = self.client.post(f"{self.base}/flows", {**flow, "flowClass": flow_class})
        return str(made["flowId"])

    def endpoint(self, method: str, route: str, **more: Any) -> str:
        body = {"method": method, "route": route, **more}
        made = self.client.post(f"{self.base}/experience/endpoints", body)
        return str(made["experienceEndpointId"])

    def path(self, path: str) -> str:
        return f"/experiences/{self.id}{path}"


@pytest.fixture(scope="module")
def server() -> Iterator:
    limits = {"reply_seconds": 30, "webhook_calls_in_10_seconds": 40, "max_body_bytes": 1_000_000}
    with serving(workers=1, script_workers=1, **limits) as running:
        yield running


@pytest.fixture
def shop(server) -> Shop:
    return Shop(server)


def node(kind: str, config: dict[str, Any], node_id: str = "reply") -> dict[str, Any]:
    return {"id": node_id, "type": kind, "config": config, "meta": {}, "outputIds": [[]]}


def echo(kind: str = "WebhookReplyNode", **more: Any) -> dict[str, Any]:
    return node(kind, {"bodyTemplateType": "payload", **more})


def test_a_webhook_that_does_not_wait_answers_at_once_with_its_own_code(shop):
    hook = shop.webhook(responseCode=202)

    reply = shop.call("POST", f"/webhooks/{hook['token']}", b"{}")

    assert (reply.status, reply.json) == (202, {"success": True})


def test_a_workflow_sees_the_call_and_its_reply_is_the_answer(shop):
    hook = shop.webhook(waitForReply=True)
    shop.flow("webhook", hook["id"], echo(responseCodeTemplate="{{data.body.code}}"))

    reply = shop.call(
        "PUT",
        f"/webhooks/{hook['token']}/a/b?x=1&y=2&y=3",
        b'{"code": 418}',
        Content_Type="application/json",
        Cookie="a=b",
        X_Odd="Yes",
    )

    assert reply.status == 418
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-content-type-options"] == "nosniff"
    payload = reply.json
    assert payload["triggerId"] == hook["id"]
    assert (payload["relayType"], payload["relayId"]) == ("public", "0" * 24)
    data = payload["data"]
    assert data["replyId"].startswith(f"{hook['id']}.")
    assert (data["method"], data["path"]) == ("put", "/a/b")
    assert data["query"] == {"x": "1", "y": ["2", "3"]}
    assert data["headers"]["x-odd"] == "Yes"
    assert "cookie" not in data["headers"]
    assert data["body"] == {"code": 418}


def test_what_no_message_can_carry_ends_neither_the_run_nor_its_neighbours(shop):
    """Whole numbers of more than 64 bits and halves of surrogate pairs, on their way everywhere."""
    hook = shop.webhook(waitForReply=True)
    decode = node("JsonDecodeNode", {"source": "data.body", "destination": "odd"}, "decode")
    note = node("DebugNode", {"message": "{{odd}}"}, "note")
    store = node(
        "StoreValueNode",
        {"keyName": "k", "valueType": "path", "valuePath": "odd", "resultPath": "kept"},
        "store",
    )
    function = node("RawFunctionNode", {"script": "payload.half = payload.odd[1] + '\\ud83d'"}, "f")
    again = node("StoreValueNode", {**store["config"], "valuePath": "half", "resultPath": "h"}, "a")
    chain = [decode, note, store, function, again, echo()]
    for one, following in itertools.pairwise(chain):
        one["outputIds"] = [[following["id"]]]
    shop.flow("webhook", hook["id"], *chain)

    text = b'[36893488147419103232, "\\ud83d"]'
    reply = shop.call("POST", f"/webhooks/{hook['token']}", text, Content_Type="text/plain")

    assert reply.status == 200
    number, text = reply.json["kept"]
    assert (float(number), text) == (2.0**65, "\ufffd")
    assert reply.json["h"] == "\ufffd" * 2


def test_a_workflow_on_errors_answers_for_a_run_whose_payload_is_withheld(shop):
    hook = shop.webhook(waitForReply=True)
    grow = node("MutateNode", {"rules": DOUBLED}, "grow")
    grow["outputIds"] = [["reply"]]
    told = node("WebhookReplyNode", {"bodyTemplate": "{{data.errorInfo.error.name}}"}, "told")
    triggers = [
        {"type": "webhook", "key": hook["id"], "config": {}, "outputIds": [["grow"]]},
        {"type": "flowError", "config": {"scope": "local"}, "outputIds": [["told"]]},
    ]
    flow = {"name": "answers", "triggers": triggers, "nodes": [grow, echo(), told]}
    shop.client.post(f"{shop.base}/flows", flow)

    reply = shop.call("POST", f"/webhooks/{hook['token']}", b"x" * 200_000)

    assert (reply.status, reply.body) == (200, b"PayloadTooLarge")


DOUBLED = [{"type": "copy", "source": "data.body", "destination": "again"}]
MULTIPART = (
    b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\n'
    b'--B\r\nContent-Disposition: form-data; name="f"; filename="x.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n\x00\xff\r\n--B--\r\n"
)


@pytest.mark.parametrize(
    ("kind", "body", "seen"),
    [
        ("application/json", b'{"a": [1]}', {"a": [1]}),
        ("application/json", b"{nope", "{nope"),
        ("application/json", b'{"cut": "\\ud83d", "n": 1e400}', {"cut": "\ufffd", "n": None}),
        ("application/json", b'{"$date": "soon"}', {"$date": "soon"}),
        (
            "application/json",
            b'[{"$date": "2026-01-02T03:04:05.678Z"}]',
            [{"$date": "2026-01-02T03:04:05.678Z"}],
        ),
        ("application/x-www-form-urlencoded", b"a=1&b=%20", {"a": "1", "b": " "}),
        ("multipart/form-data; boundary=B", MULTIPART, {"a": "one", "f": "00ff"}),
        ("multipart/form-data", MULTIPART, MULTIPART.decode(errors="replace")),
        ("text/csv", b"a,b", "a,b"),
        ("application/octet-stream", b"\x00\xff", "00ff"),
        ("", b"", None),
    ],
)
def test_a_body_is_parsed_as_its_type_says(shop, kind, body, seen):
    hook = shop.webhook(waitForReply=True, castBuffersAs="hex")
    told = {"bodyTemplateType": "json", "bodyTemplate": '{"body": {{jsonEncode data.body}}}'}
    shop.flow("webhook", hook["id"], node("WebhookReplyNode", told))

    reply = shop.call("POST", f"/webhooks/{hook['token']}", body, Content_Type=kind)

    assert reply.json == {"body": seen}


def test_only_the_first_reply_counts_and_odd_types_become_json(shop):
    hook = shop.webhook(waitForReply=True)
    header = {"keyTemplate": "Content-Type", "valueTemplate": "text/html"}
    evil = {"keyTemplate": "X-Bad", "valueTemplate": "a\r\nSet-Cookie: x=y"}
    first = node("WebhookReplyNode", {"bodyTemplate": "one", "headerInfo": [header, evil]})
    first["outputIds"] = [["second"]]
    second = node("WebhookReplyNode", {"bodyTemplate": "two"}, "second")
    shop.flow("webhook", hook["id"], first, second)

    reply = shop.call("GET", f"/webhooks/{hook['token']}")

    assert reply.body == b"one"
    assert reply.headers["content-type"] == "application/json"
    assert "x-bad" not in reply.headers
    assert reply.cookies == []


def test_two_servers_of_one_database_hand_replies_to_each_other(tmp_path, postgres_url):
    shared = {"database": postgres_url, "workers": 1, "script_workers": 1, "reply_seconds": 60}
    shared["admin_password"] = "the same on both"
    with (
        serving(str(tmp_path / "api"), roles="api", **shared) as api,
        serving(str(tmp_path / "engine"), roles="api,engine", **shared),
    ):
        shop = Shop(api)
        hook = shop.webhook(waitForReply=True)
        shop.flow("webhook", hook["id"], node("WebhookReplyNode", {"bodyTemplate": "over there"}))

        reply = shop.call("GET", f"/webhooks/{hook['token']}")

    assert reply.body == b"over there"


def test_a_call_without_a_reply_is_told_so_and_holds_up_nobody():
    with serving(workers=1, script_workers=1, reply_seconds=0.2, max_waiting_replies=1) as running:
        shop = Shop(running)
        hook = shop.webhook(waitForReply=True)
        nobody = shop.call("GET", f"/webhooks/{hook['token']}")
        shop.flow("webhook", hook["id"], node("DebugNode", {}))

        reply = shop.call("GET", f"/webhooks/{hook['token']}")

    assert (nobody.status, reply.status) == (200, 504)
    assert reply.json["type"] == "Timeout"


def test_more_calls_than_may_wait_are_refused_and_a_stop_ends_those_that_do():
    with serving(workers=1, script_workers=1, reply_seconds=600, max_waiting_replies=1) as running:
        shop = Shop(running)
        hook = shop.webhook(waitForReply=True)
        shop.flow("webhook", hook["id"], node("DebugNode", {}))
        found: list[int] = []

        def call() -> None:
            found.append(shop.call("GET", f"/webhooks/{hook['token']}").status)

        threads = [threading.Thread(target=call) for _ in range(2)]
        for thread in threads:
            thread.start()
        while not found:
            threads[0].join(0.05)
            threads[1].join(0.05)
        refused = list(found)
        running.process.terminate()
        for thread in threads:
            thread.join(60)

    assert refused == [429]
    assert found == [429, 503]


def test_unknown_tokens_disabled_hooks_and_too_much_are_refused(shop):
    disabled = shop.webhook(enabled=False)
    hook = shop.webhook()

    assert shop.call("POST", "/webhooks/unknown", b"{}").status == 404
    assert shop.call("POST", "/webhooks/%00%27--", b"{}").status == 404
    assert shop.call("POST", f"/webhooks/{disabled['token']}", b"{}").status == 404
    assert shop.call("POST", f"/webhooks/{hook['token']}", b"x" * 262_145).status == 413
    assert shop.call("POST", f"/webhooks/{hook['token']}", b"a&" * 1001, **FORM).status == 400


FORM = {"Content_Type": "application/x-www-form-urlencoded"}


def test_a_webhook_called_too_often_is_refused_while_others_are_not(shop):
    often, other = shop.webhook(), shop.webhook()

    def call(_number: int) -> int:
        return shop.call("GET", f"/webhooks/{often['token']}").status

    with ThreadPoolExecutor(20) as callers:  # all within ten seconds
        seen = set(callers.map(call, range(60)))

    assert seen == {200, 429}
    assert shop.call("GET", f"/webhooks/{other['token']}").status == 200


def test_basic_authentication_is_checked_and_kept_from_workflows(shop):
    hook = shop.webhook(waitForReply=True, basicAuthUsername="me", basicAuthPassword="se:cret")
    shop.flow("webhook", hook["id"], echo())
    good = f"Basic {base64.b64encode(b'me:se:cret').decode()}"
    path = f"/webhooks/{hook['token']}"

    assert shop.call("GET", path).status == 401
    assert shop.call("GET", path, Authorization="Basic bm86bm8=").status == 401
    reply = shop.call("GET", path, Authorization=good)
    assert reply.status == 200
    assert "authorization" not in reply.json["data"]["headers"]


def test_handshakes_and_signatures_of_other_services_are_checked(shop):
    facebook = shop.webhook(verificationType="facebook", verificationCode="c")["token"]
    fitbit = shop.webhook(verificationType="fitbit", verificationCode="c")["token"]
    twilio = shop.webhook(verificationType="twilio", verificationCode="c")["token"]
    alexa = shop.webhook(verificationType="alexa")["token"]
    asked = "?hub.mode=subscribe&hub.challenge=42&hub.verify_token"
    url = f"{shop.running.url}/webhooks/{twilio}"
    digest = hmac.new(b"c", f"{url}a1b2".encode(), hashlib.sha1).digest()
    signed = base64.b64encode(digest).decode()

    def post(token: str, signature: str) -> int:
        headers = {**FORM, "X_Twilio_Signature": signature}
        return shop.call("POST", f"/webhooks/{token}", b"b=2&a=1", **headers).status

    assert shop.call("GET", f"/webhooks/{facebook}{asked}=c").body == b"42"
    assert shop.call("GET", f"/webhooks/{facebook}{asked}=d").status == 403
    assert shop.call("GET", f"/webhooks/{fitbit}?verify=c").status == 204
    assert shop.call("GET", f"/webhooks/{fitbit}?verify=d").status == 404
    assert (post(twilio, signed), post(twilio, "x"), post(alexa, "")) == (200, 403, 403)


def test_an_endpoint_gives_its_parameters_and_answers_as_the_workflow_says(shop):
    endpoint = shop.endpoint("post", "/pumps/{id}/{rest*}")
    cookies = [
        {"nameTemplate": "seen", "valueTemplate": "1", "maxAgeTemplate": "60"},
        {"nameTemplate": "mood", "valueTemplate": "good"},
        {"nameTemplate": "__Host-x", "valueTemplate": "1"},
        {"nameTemplate": "odd", "valueTemplate": "a; Path=/, {{{jsonEncode data.params}}}"},
    ]
    shop.flow("endpoint", endpoint, echo("EndpointReplyNode", cookieInfo=cookies))

    reply = shop.call("POST", shop.path("/pumps/7/a/b?q=1"), b"hi", Cookie="k=v; n")

    assert reply.status == 200
    data = reply.json["data"]
    assert data["params"] == {"id": "7", "rest": "a/b"}
    assert data["cookies"] == {"k": "v", "n": ""}
    assert (data["query"], data["body"]) == ({"q": "1"}, "hi")
    assert reply.json["experience"]["endpoint"]["id"] == endpoint
    assert reply.json["triggerType"] == "endpoint"
    path = f"Path=/experiences/{shop.id}"
    assert reply.cookies == [
        f"seen=1; Max-Age=60; SameSite=Lax; HttpOnly; {path}",
        f"mood=good; SameSite=Lax; HttpOnly; {path}",
        f"odd=a%3B%20Path=/%2C%20{{%22id%22:%227%22%2C%22rest%22:%22a/b%22}}; SameSite=Lax; HttpOnly; {path}",
    ]
    assert reply.headers["content-security-policy"].startswith("sandbox")
    again = shop.call("POST", shop.path("/pumps/7/c"), Cookie=reply.cookies[2].partition(";")[0])
    assert again.json["data"]["cookies"] == {"odd": 'a; Path=/, {"id":"7","rest":"a/b"}'}


def test_the_most_exact_route_is_called_and_a_wildcard_trigger_hears_all(shop):
    shop.endpoint("get", "/{any*}")
    shop.endpoint("get", "/fixed")
    told = {"bodyTemplate": "{{experience.endpoint.route}}"}
    shop.flow("endpoint", "0" * 24, node("EndpointReplyNode", told))

    assert shop.call("GET", shop.path("/fixed")).body == b"/fixed"
    assert shop.call("GET", shop.path("/other/one")).body == b"/{any*}"
    assert shop.call("DELETE", shop.path("/fixed")).status == 404
    assert shop.call("GET", f"/experiences/{'5f' * 12}/fixed").status == 404


def test_redirects_and_endpoints_that_are_not_public(shop):
    to = {"type": "redirect", "value": "/sign-in?a=ö"}
    shop.endpoint("get", "/old", staticReply={**to, "statusCode": 301})
    shop.endpoint("get", "/page", staticReply={"type": "page", "value": "x"})
    shop.endpoint("get", "/members", access="authenticated")
    shop.endpoint("get", "/others", access="group", unauthorizedReply=to)
    goes = shop.endpoint("get", "/go")
    config = {"replyType": "redirect", "bodyTemplate": "https://example.com/{{data.query.to}}"}
    shop.flow("endpoint", goes, node("EndpointReplyNode", config))

    old, go = shop.call("GET", shop.path("/old")), shop.call("GET", shop.path("/go?to=x"))
    other = shop.call("GET", shop.path("/others"))

    assert (old.status, old.headers["location"]) == (301, "/sign-in?a=%C3%B6")
    assert (go.status, go.headers["location"]) == (302, "https://example.com/x")
    assert (other.status, other.headers["location"]) == (302, "/sign-in?a=%C3%B6")
    assert shop.call("GET", shop.path("/members")).status == 401
    assert shop.call("GET", shop.path("/page")).status == 404
    assert shop.call("GET", shop.path("/nowhere")).status == 404


def test_a_route_that_is_none_is_refused(shop):
    with pytest.raises(Exception, match="route"):
        shop.endpoint("get", "nowhere")
