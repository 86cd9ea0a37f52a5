"""Tenants of a running server, each with one resource of every kind, and a raw way to ask it."""

from __future__ import annotations

import http.client
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any, Final

from tests.support.certificates import certificate

PASSWORD: Final = "A long enough passw0rd!"
MISSING: Final = "5f" * 12
NAMED: Final = re.compile(r"\{(\w+)\}")
METHODS: Final = ("get", "post", "put", "patch", "delete", "options")
OWN: Final = "APPLICATION"
"""What stands for the application's id in a name that no two of them may share."""


DEVICE: Final = {
    "name": "d",
    "tags": [{"key": "k", "value": "v"}],
    "attributes": [{"name": kind, "dataType": kind} for kind in ("number", "string", "gps")],
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: status, headers in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """One kept connection that sends whatever it is told, without a client's good manners."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.host, _, port = url.removeprefix("http://").partition(":")
        self.port = int(port)
        self.token = token
        self._link = http.client.HTTPConnection(self.host, self.port, timeout=60)

    def ask(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        token: str | None = "",
    ) -> Reply:
        """Send a request and return the reply; a stream is read as far as its first event.

        ``token`` replaces the wire's own; None sends none.
        """
        sent = {"Content-Type": "application/json"} | (headers or {})
        used = self.token if token == "" else token
        if used is not None:
            sent["Authorization"] = f"Bearer {used}"
        try:
            return self._ask(method, target, body, sent)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self._link.close()  # the server may hang up between two requests
            return self._ask(method, target, body, sent)

    def _ask(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        self._link.request(method, target, body=body, headers=headers)
        answer = self._link.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        if found.get("content-type", "").startswith("text/event-stream"):
            reply = Reply(answer.status, found, answer.readline())
            self._link.close()
            return reply
        return Reply(answer.status, found, answer.read())

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._link.close()

    def send(self, method: str, target: str, body: Any = None) -> Any:
        """Ask with JSON and return JSON; raises AssertionError when the server refuses."""
        encoded = None if body is None else json.dumps(body).encode()
        reply = self.ask(method, target, encoded)
        assert reply.status < 300, (method, target, reply)
        return reply.json if reply.body else None


@dataclass(frozen=True, slots=True)
class Declared:
    """One operation as the server publishes it."""

    method: str
    path: str
    described: dict[str, Any] = field(repr=False, hash=False)

    @property
    def id(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def names(self) -> list[str]:
        return NAMED.findall(self.path)

    @property
    def guarded(self) -> bool:
        return "security" in self.described

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def query(self) -> list[str]:
        return [each["name"] for each in self.described["parameters"] if each["in"] == "query"]

    @property
    def body(self) -> dict[str, Any] | None:
        content = self.described.get("requestBody", {}).get("content", {})
        return content.get("application/json", {}).get("schema")

    def at(self, values: dict[str, str]) -> str:
        """Return its path with these values, and a missing id for what is not among them."""
        return NAMED.sub(lambda found: values.get(found[1], MISSING), self.path)


def operations(description: dict[str, Any]) -> list[Declared]:
    """Return every operation of an OpenAPI description."""
    return [
        Declared(method.upper(), path, described)
        for path, methods in description["paths"].items()
        for method, described in methods.items()
        if method in METHODS
    ]


@dataclass(slots=True)
class Tenant:
    """A user with an application of its own."""

    wire: Wire
    user_id: str
    email: str
    values: dict[str, str]

    def at(self, operation: Declared, **other: str) -> str:
        """Return the path of an operation on the tenant's own resources."""
        return operation.at(self._values_for(operation) | other)

    def _values_for(self, operation: Declared) -> dict[str, str]:
        first = operation.path.strip("/").partition("/")[0]
        token = self.values.get(f"{first}.apiTokenId", MISSING)
        return self.values | {"apiTokenId": token}


def tenant(admin: Wire, name: str) -> Tenant:
    """Make a user with one resource of every kind, and sign it in."""
    email = f"{name}@example.com"
    made = admin.send("POST", "/admin/users", {"email": email, "password": PASSWORD})
    wire = Wire(f"http://{admin.host}:{admin.port}")
    signed = wire.send("POST", "/auth/user", {"email": email, "password": PASSWORD})
    wire.token = signed["token"]
    return Tenant(wire, made["id"], email, _world(wire, made["id"]))


def _world(wire: Wire, user_id: str) -> dict[str, str]:
    application = wire.send("POST", "/applications", {"name": "Plant"})["id"]
    base = f"/applications/{application}"
    values = {"applicationId": application, "userId": user_id}

    def make(name: str, path: str, body: dict[str, Any]) -> str:
        made = wire.send("POST", path, body)
        values[name] = str(made.get("id") or made.get("applicationKeyId"))
        return values[name]

    make("deviceId", f"{base}/devices", DEVICE)
    flow = make("flowId", f"{base}/flows", {"name": "f"})
    make("flowVersionId", f"{base}/flows/{flow}/versions", {"version": "v"})
    column = {"name": "n", "dataType": "number", "constraint": "optional"}
    table = make("dataTableId", f"{base}/data-tables", {"name": "t", "columns": [column]})
    make("rowId", f"{base}/data-tables/{table}/rows", {"n": 1})
    make("eventId", f"{base}/events", {"level": "info", "subject": "s"})
    make("experienceGroupId", f"{base}/experience/groups", {"name": "g"})
    make(
        "experienceUserId",
        f"{base}/experience/users",
        {"email": "e@example.com", "password": PASSWORD},
    )
    make("webhookId", f"{base}/webhooks", {"name": "w"})
    for name, path, body in QUIET:
        make(name, f"{base}/{path}", own(body, application))
    make("applications.apiTokenId", f"{base}/tokens", {"name": "t", "scope": ["all.Application"]})
    make("applicationKeyId", f"{base}/keys", {"name": "k"})
    make("me.apiTokenId", "/me/tokens", {"name": "t", "scope": ["all.User.read"]})
    make("keyId", "/me/keys", {"name": "k"})
    org = make("orgId", "/orgs", {"name": "o"})
    make("orgs.apiTokenId", f"/orgs/{org}/tokens", {"name": "t", "scope": ["all.Organization"]})
    body = {"name": "j", "resourceType": "device", "iterationTimeout": 300}
    job = f"{base}/resource-jobs/{make('resourceJobId', f'{base}/resource-jobs', body)}"
    values["executionId"] = wire.send("POST", f"{job}/execute", {})["executionId"]
    values["iterationId"] = values["deviceId"]
    ended(wire, job, values["executionId"])
    return values


QUIET = (
    ("deviceRecipeId", "device-recipes", {"name": "r"}),
    ("dashboardId", "dashboards", {"name": "d"}),
    ("integrationId", "integrations", {"name": "i", "integrationType": "mqtt"}),
    (
        "credentialId",
        "credentials",
        {"name": "c", "type": "datadog", "datadogConfig": {"secretValue": "s"}},
    ),
    ("notebookId", "notebooks", {"name": "n"}),
    ("fileId", "files", {"name": "f", "type": "file"}),
    ("privateFileId", "privateFiles", {"name": "p", "type": "file"}),
    ("experienceViewId", "experience/views", {"name": "v", "viewType": "page"}),
    ("experienceSlugId", "experience/slugs", {"slug": f"abused-{OWN}"}),
    ("experienceDomainId", "experience/domains", {"domainName": f"{OWN}.example.com"}),
    ("experienceVersionId", "experience/versions", {"version": "v1"}),
    ("applicationCertificateId", "certificates", {"certificate": certificate()}),
    (
        "applicationCertificateAuthorityId",
        "certificate-authorities",
        {"name": "a", "caBundle": certificate()},
    ),
)
"""One resource of each kind that has no more to it, and the name of its id in paths."""


def own(body: dict[str, Any], application: str) -> dict[str, Any]:
    """Return a body with names of the application's own."""
    return json.loads(json.dumps(body).replace(OWN, application))


def ended(wire: Wire, base: str, execution_id: str, seconds: float = 60) -> dict[str, Any]:
    """Return an execution once it has ended; raises AssertionError when it does not."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = wire.send("GET", f"{base}/executions/{execution_id}")
        if found["status"] in {"completed", "errored", "canceled"}:
            return found
        time.sleep(0.05)
    raise AssertionError(f"the execution is stuck: {found}")
