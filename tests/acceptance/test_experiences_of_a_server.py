"""An application's own interface on a real server: users, pages, versions, and other origins."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from examples.serving import serving
from tests.acceptance.test_calls_from_outside import Shop, node

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.processes_measured

PASSWORD = "correct horse battery"
BASE = "sites.example.net"
OWN_HOST = "drover.example.net"


class Club(Shop):
    """An application with an endpoint that signs in, and users."""

    def __init__(self, running) -> None:
        super().__init__(running)
        self.sign_in_endpoint()

    def make(self, what: str, **body: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.client.post(f"{self.base}/experience/{what}", body)
        return made

    def user(self, email: str, **more: Any) -> str:
        return str(self.make("users", email=email, password=PASSWORD, **more)["id"])

    def sign_in_endpoint(self) -> None:
        auth = {
            "emailTemplate": "{{data.body.email}}",
            "passwordTemplate": "{{data.body.password}}",
            "tokenResultPath": "working.token",
            "ttlTemplate": "3600000",
            "extraDataJsonTemplate": '{"mood": "good"}',
        }
        check = node("ExperienceUserAuthNode", auth, "check")
        check["outputIds"] = [["no"], ["yes"]]
        no = node("EndpointReplyNode", {"responseCodeTemplate": "401"}, "no")
        yes = node("EndpointReplyNode", {"bodyTemplate": "{{working.token}}"}, "yes")
        self.flow("endpoint", self.endpoint("post", "/auth"), check, no, yes)

    def token(self, email: str, password: str = PASSWORD) -> str:
        body = json.dumps({"email": email, "password": password}).encode()
        reply = self.call("POST", self.path("/auth"), body, Content_Type="application/json")
        return reply.body.decode() if reply.status == 200 else ""

    def echo(self, route: str, **more: Any) -> None:
        told = {"bodyTemplateType": "payload"}
        self.flow("endpoint", self.endpoint("get", route, **more), node("EndpointReplyNode", told))


@pytest.fixture(scope="module")
def server() -> Iterator:
    more = {"experience_base": BASE, "own_hosts": OWN_HOST}
    with serving(workers=1, script_workers=1, reply_seconds=60, **more) as running:
        yield running


@pytest.fixture(scope="module")
def club(server) -> Club:
    return Club(server)


def test_members_come_in_by_header_or_cookie_and_strangers_do_not(club):
    ada = club.user("ada@example.com")
    club.echo("/members", access="authenticated")
    token = club.token("ada@example.com")

    by_header = club.call("GET", club.path("/members"), Authorization=f"Bearer {token}")
    by_cookie = club.call("GET", club.path("/members"), Cookie=f"authorization={quote(token)}")

    for reply in (by_header, by_cookie):
        experience = reply.json["experience"]
        assert experience["user"]["id"] == ada
        assert "password" not in experience["user"]
        assert experience["authInfo"] == {"mood": "good"}
        assert (reply.json["relayType"], reply.json["relayId"]) == ("experienceUser", ada)
    assert club.token("ada@example.com", "wrong password") == ""
    head, _, _ = token.rpartition(".")
    for bad in ("", "nonsense", f"{head}.AAAA", f"{token}x"):
        assert club.call("GET", club.path("/members"), Authorization=f"Bearer {bad}").status == 401


def test_a_token_opens_nothing_in_another_application(club, server):
    club.user("eve@example.com")
    token = club.token("eve@example.com")
    other = Club(server)
    other.echo("/members", access="authenticated")

    reply = other.call("GET", other.path("/members"), Authorization=f"Bearer {token}")

    assert reply.status == 401
    api = club.call("GET", f"{club.base}", Authorization=f"Bearer {token}")
    assert api.status == 401


def test_groups_and_devices_open_endpoints_to_their_users_alone(club):
    bob, cat = club.user("bob@example.com"), club.user("cat@example.com")
    device = club.client.post(f"{club.base}/devices", {"name": "pump"})["deviceId"]
    listed = club.endpoint("get", "/listed", access="group")
    top = club.make("groups", name="top", experienceUserIds=[bob], experienceEndpointIds=[listed])
    below = club.make("groups", name="below", parentId=top["id"], deviceIds=[device])
    club.flow("endpoint", listed, node("EndpointReplyNode", {"bodyTemplate": "in"}))
    club.echo("/below", access="group", experienceGroupIds=[below["id"]])
    about = {"access": "device", "deviceIdTemplate": "{{params.id}}"}
    club.echo("/devices/{id}", **about)
    tokens = [club.token(f"{name}@example.com") for name in ("bob", "cat")]

    def seen(path: str) -> list[int]:
        held = [{"Authorization": f"Bearer {token}"} for token in tokens]
        return [club.call("GET", club.path(path), **each).status for each in [*held, {}]]

    assert cat
    assert seen("/listed") == [200, 401, 401]
    assert seen("/below") == [200, 401, 401]
    assert seen(f"/devices/{device}") == [200, 401, 401]
    assert seen(f"/devices/{'5f' * 12}") == [401, 401, 401]
    assert seen("/devices/nonsense") == [401, 401, 401]


def view(club: Club, kind: str, name: str, body: str, **more: Any) -> str:
    return str(club.make("views", viewType=kind, name=name, body=body, **more)["id"])


def test_pages_are_put_together_of_layouts_and_components(club):
    view(club, "component", "greeting", "<b>{{who}}</b>")
    layout = view(club, "layout", "frame", '<title>{{section "title"}}</title>{{ page }}')
    body = (
        '{{#fillSection "title"}}{{request.query.t}}{{/fillSection}}'
        '<p>{{component "greeting" pageData}} {{request.params.id}} {{globals.hue}}</p>'
    )
    page = view(club, "page", "hello", body, layoutId=layout)
    plain = view(club, "page", "plain", "{{request.path}}", headers={"content-type": "text/plain"})
    club.endpoint("get", "/fixed", staticReply={"type": "page", "value": plain, "statusCode": 418})
    config = {
        "replyType": "page",
        "pageIdTemplate": page,
        "bodyTemplateType": "json",
        "bodyTemplate": '{"who": "<{{data.params.id}}>"}',
    }
    club.flow("endpoint", club.endpoint("get", "/hello/{id}"), node("EndpointReplyNode", config))

    reply = club.call("GET", club.path("/hello/7?t=%3Ci%3E"))
    fixed = club.call("GET", club.path("/fixed"))

    assert reply.body == b"<title>&lt;i&gt;</title><p><b>&lt;7&gt;</b> 7 </p>"
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["content-security-policy"].startswith("sandbox")
    assert (fixed.status, fixed.body) == (418, b"/fixed")
    assert fixed.headers["content-type"] == "text/plain"


def test_a_broken_page_is_told_and_breaks_nothing(club):
    broken = view(club, "page", "broken", "{{#if x}}")
    endless = view(club, "page", "endless", '{{component "self"}}')
    view(club, "component", "self", '{{component "self"}}x')
    for name, value in (("broken", broken), ("endless", endless), ("gone", "5f" * 12)):
        club.endpoint("get", f"/{name}", staticReply={"type": "page", "value": value})

    assert club.call("GET", club.path("/broken")).status == 400
    assert club.call("GET", club.path("/endless")).body == b"xxxxxxxx"
    assert club.call("GET", club.path("/gone")).status == 404


def globally(hue: str, *names: str) -> list[dict[str, str]]:
    return [{"key": name, "json": json.dumps(hue)} for name in names]


@pytest.fixture(scope="module")
def sites(server) -> tuple[Club, str, str]:
    """A version of a club that has moved on since, with the slug and domain that show it."""
    club = Club(server)
    page = view(club, "page", "home", "old {{globals.hue}}")
    club.endpoint("get", "/home", staticReply={"type": "page", "value": page})
    told = {"bodyTemplate": "{{globals.hue}} {{globals.own}} {{globals.far}} {{flowVersion}}"}
    start = {"type": "endpoint", "key": club.endpoint("get", "/globals"), "outputIds": [["reply"]]}
    graph = {
        "globals": globally("flow", "own"),
        "triggers": [start],
        "nodes": [node("EndpointReplyNode", told)],
    }
    body = {"name": "tells", "flowClass": "experience", **graph}
    flow = club.client.post(f"{club.base}/flows", body)
    club.client.post(f"{club.base}/flows/{flow['id']}/versions", {**graph, "version": "v1"})
    club.client.patch(f"{club.base}/globals", globally("app", "hue", "own", "far"))
    slug = club.make("slugs", slug=f"club-{club.id[-8:]}")
    domain = club.make("domains", domainName=f"{club.id[-8:]}.example.com")
    club.make(
        "versions",
        version="v1",
        slugIds=[slug["id"]],
        domainIds=[domain["id"]],
        globals=globally("version", "hue", "own"),
        responseHeaders={"X-From": "v1"},
        notFoundReply={"type": "redirect", "value": "/home"},
        endpointDefaultCors=True,
        allowedCorsOrigins=["https://one.example.com"],
    )
    club.client.patch(f"{club.base}/experience/views/{page}", {"body": "new"})
    club.endpoint("get", "/later", staticReply={"type": "redirect", "value": "/x"})
    return club, f"/sites/{slug['slug']}", f"/sites/{domain['domainName']}"


def test_a_version_shows_what_there_was_at_its_slug_and_domain(sites):
    club, slug, domain = sites

    old = club.call("GET", f"{slug}/home")
    later = club.call("GET", f"{slug}/later")

    assert club.call("GET", club.path("/home")).body == b"new"
    assert (old.body, old.headers["x-from"]) == (b"old version", "v1")
    assert club.call("GET", f"{domain.replace('example.com', 'EXAMPLE.com')}/home").body == old.body
    assert (later.status, later.headers["location"]) == (302, "/home")
    assert club.call("GET", "/sites/no-such-site/home").status == 404


def test_a_site_answers_by_host_and_nothing_else_does_there(sites):
    club, slug, domain = sites
    at = {name: name.removeprefix("/sites/") for name in (slug, domain)}

    for host in (f"{at[slug]}.{BASE}", f"{at[domain].upper()}:8080"):
        home = club.call("GET", "/home", Host=host)
        assert (home.status, home.body, home.headers["x-from"]) == (200, b"old version", "v1")
        assert "content-security-policy" not in home.headers
        root = club.call("GET", "/", Host=host, Accept="text/html")
        assert (root.status, root.headers["location"]) == (302, "/home")  # not to the console
        for path in (
            "/console",
            "/metrics",
            "/me",
            "/applications",
            f"/experiences/{club.id}/home",
        ):
            assert club.call("GET", path, Host=host).status == 302  # what the site finds nowhere
    assert club.call("GET", f"{domain}/home", Host=at[domain]).body == b"old version"
    for path in ("/home", "/"):
        assert club.call("GET", path, Host=f"nobodys.{BASE}", Accept="text/html").status == 404
    assert club.call("GET", "/home", Host="unknown.example.org").status == 404


def test_no_domain_or_slug_takes_calls_that_are_not_its_own(club, sites):
    _, slug, _ = sites
    short = slug.removeprefix("/sites/")
    thief = Club(club.running)
    thief.endpoint("get", "/home", staticReply={"type": "redirect", "value": "/stolen"})
    for name in (OWN_HOST, short, "127.0.0.1", "localhost"):
        thief.make("domains", domainName=name, version="develop")

    for host in (OWN_HOST, "127.0.0.1", "localhost", f"localhost:{thief.id[:2]}"):
        assert club.call("GET", "/whitelabels/domain", Host=host).status == 200
        assert club.call("GET", "/home", Host=host).status == 404
    assert club.call("GET", "/home", Host=f"{short}.{BASE}").body == b"old version"
    assert club.call("GET", f"{slug}/home").body == b"old version"


def test_a_cookie_at_a_host_is_for_all_its_paths(club):
    keeps = {"cookieInfo": [{"nameTemplate": "mood", "valueTemplate": "good"}]}
    club.flow("endpoint", club.endpoint("get", "/keep"), node("EndpointReplyNode", keeps))
    name = f"keeps-{club.id[-8:]}"
    club.make("slugs", slug=name, version="develop")

    by_host = club.call("GET", "/keep", Host=f"{name}.{BASE}")
    by_path = club.call("GET", f"/sites/{name}/keep")

    assert by_host.headers["set-cookie"].endswith("; Path=/")
    assert by_path.headers["set-cookie"].endswith(f"; Path=/sites/{name}")


def test_globals_of_the_flow_count_before_those_of_the_version_and_the_application(sites):
    club, slug, _ = sites

    assert club.call("GET", f"{slug}/globals").body == b"version flow app v1"
    assert club.call("GET", club.path("/globals")).body == b"app flow app develop"


def test_pages_of_listed_origins_alone_may_read_answers(sites):
    club, slug, _ = sites
    one = {"Origin": "https://one.example.com"}
    asks = {**one, "Access_Control_Request_Method": "GET"}

    may = club.call("OPTIONS", f"{slug}/home", Access_Control_Request_Headers="x-a", **asks)
    read = club.call("GET", f"{slug}/home", **one)
    other = club.call("GET", f"{slug}/home", Origin="https://two.example.com")

    assert read.headers["access-control-allow-origin"] == "https://one.example.com"
    assert "access-control-allow-origin" not in other.headers
    assert may.status == 204
    assert may.headers["access-control-allow-methods"] == "GET"
    assert may.headers["access-control-allow-headers"] == "x-a"
    assert club.call("OPTIONS", f"{slug}/nowhere", **asks).status == 404


def test_a_workflow_calls_the_api_of_its_own_application_and_makes_a_key(club):
    api = {
        "resource": "devices",
        "action": "post",
        "params": [{"name": "device", "type": "json", "value": '{"name": "made"}'}],
        "responsePath": "working.made",
    }
    key = {"dataMethod": "individualFields", "nameTemplate": "k", "resultPath": "working.key"}
    file = {
        "fileNameTemplate": "a.txt",
        "fileContentsTemplate": "{{working.made.result.deviceId}}",
        "resultPath": "working.file",
    }
    steps = [
        node("LosantApiNode", api, "api"),
        node("CreateAccessKeyNode", key, "key"),
        node("FileCreateNode", file, "file"),
        node("EndpointReplyNode", {"bodyTemplateType": "path", "bodyTemplate": "working"}),
    ]
    for step, following in pairwise(steps):
        step["outputIds"] = [[following["id"]]]
    club.flow("endpoint", club.endpoint("get", "/make"), *steps)

    working = club.call("GET", club.path("/make")).json

    device_id = working["made"]["result"]["deviceId"]
    credentials = {key: working["key"][key] for key in ("key", "secret")}
    signed = club.client.post("/auth/device", {"deviceId": device_id, **credentials})
    assert signed["deviceId"] == device_id
    fetched = club.call("GET", working["file"]["url"].removeprefix(club.running.url))
    assert fetched.body == device_id.encode()
