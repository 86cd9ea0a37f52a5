"""A real server for the whole run of tests, and what every answer of it must be."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from losant_rest import Client, LosantError

from examples.serving import EMAIL

if TYPE_CHECKING:
    from collections.abc import Callable

PASSWORD = "correct horse battery"
PATIENCE_S = 120
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_LIKE_A_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d")
_ID = re.compile(r"[0-9a-f]{24}")


@dataclass
class Vendor:
    """The vendor's client, signed in, with an application of its own."""

    client: Client
    url: str
    application: str
    key: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.key = {"applicationId": self.application}

    def raw(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send what the client would never send; ``path`` is below the application."""
        headers = {"Authorization": f"Bearer {self.client.auth_token}"}
        where = f"{self.url}/applications/{self.application}{path}"
        return httpx.request(method, where, headers=headers, timeout=60, **options)

    def as_token(self, *scopes: str) -> Client:
        """Return the client with an API token of the application."""
        made = self.client.application_api_tokens.post(
            **self.key, apiToken={"name": "narrow", "scope": list(scopes)}
        )
        return Client(auth_token=made["token"], url=self.url)

    def table(self, *columns: tuple[str, str, str]) -> dict[str, str]:
        """Make a data table and return how calls name it."""
        shape = [
            dict(zip(("name", "dataType", "constraint"), each, strict=True)) for each in columns
        ]
        made = self.client.data_tables.post(**self.key, dataTable={"name": "T", "columns": shape})
        return {**self.key, "dataTableId": made["id"]}

    def devices(self, count: int) -> list[str]:
        """Make devices and return their ids."""
        made = [
            self.client.devices.post(**self.key, device={"name": f"d{n}"}) for n in range(count)
        ]
        return [each["id"] for each in made]

    def flow(self, triggers: list[dict[str, Any]], *nodes: dict[str, Any]) -> dict[str, str]:
        """Make a workflow and return how calls name it."""
        body = {"name": "Flow", "triggers": triggers, "nodes": list(nodes)}
        made = self.client.flows.post(**self.key, flow=body)
        return {**self.key, "flowId": made["id"]}

    def stored(self, flow: dict[str, str], *names: str) -> dict[str, Any]:
        """Return a workflow's storage once it holds these names."""
        return until(
            lambda: self.client.flow.get_storage_entries(**flow), lambda kept: set(names) <= {*kept}
        )


def signed_in(url: str, email: str = EMAIL, password: str = PASSWORD) -> Client:
    """Return the client of somebody who signed in: the administrator if it is not said who."""
    credentials = {"email": email, "password": password}
    answer = Client(url=url).auth.authenticate_user(credentials=credentials)
    return Client(auth_token=answer["token"], url=url)


def until(look: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    """Look again and again until it holds; fail with what was seen last."""
    end = time.monotonic() + PATIENCE_S
    while not holds(seen := look()):
        assert time.monotonic() < end, seen
        time.sleep(0.05)
    return seen


def trigger(kind: str, key: str | None, node_id: str, **config: Any) -> dict[str, Any]:
    """Return a trigger wired to a node."""
    own = {} if key is None else {"key": key}
    meta = {"category": "trigger", "name": kind, "label": kind}
    return {"type": kind, **own, "config": config, "meta": meta, "outputIds": [[node_id]]}


def node(node_id: str, kind: str, *after: str, **config: Any) -> dict[str, Any]:
    """Return a node wired to those after it."""
    meta = {"label": node_id}
    return {"id": node_id, "type": kind, "config": config, "meta": meta, "outputIds": [[*after]]}


def keep(name: str, path: str = ".") -> dict[str, Any]:
    """Return a node that stores a part of the payload under its own name."""
    return node(name, "StoreValueNode", keyName=name, valueType="path", valuePath=path)


def sound(answer: Any, alias: str = "") -> Any:
    """Return an answer whose dates have three decimals and whose resource is all there."""
    for text in _texts(answer):
        assert not _LIKE_A_DATE.match(text) or _DATE.fullmatch(text), text
    if alias:
        assert _ID.fullmatch(answer["id"])
        assert answer[alias] == answer["id"]
        assert answer["_type"]
        assert re.fullmatch(r'"[^"]+"', answer["_etag"])
        assert answer["_links"]["self"]["href"].endswith(answer["id"])
    return answer


def refused(status: int, field_name: str, call: Callable[..., Any], **arguments: Any) -> None:
    """Assert that a call is refused with this status and a message naming the field."""
    with pytest.raises(LosantError) as error:
        call(**arguments)
    assert error.value.status == status, error.value.data
    assert (
        {"type", "message"}
        <= error.value.data.keys()
        <= {
            "type",
            "message",
            "validationErrors",
        }
    )
    assert field_name in error.value.data["message"], error.value.data


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return []


def as_json(value: Any) -> str:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":"))
