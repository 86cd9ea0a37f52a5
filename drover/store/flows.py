"""What flows wait for, in the store."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from drover.ports.flows import FlowToRun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.ports.flows import FlowVersionKey, TriggerEntry
    from drover.store.driver import Row, Transaction


class FlowStore:
    """The trigger index within one transaction; see ``drover.ports.flows.FlowIndex``."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def subscribed(
        self, application_id: str, trigger_type: str, key: str
    ) -> Sequence[FlowToRun]:
        """Return each matching trigger of each enabled flow, in the version that runs."""
        params = {"application_id": application_id, "type": trigger_type, "key": key}
        return [_flow(row) for row in await self._tx.fetch("flow_subscribed", params)]

    async def replace(self, owner: FlowVersionKey, triggers: Sequence[TriggerEntry]) -> None:
        """Note what a version of a flow waits for, in place of what was noted before."""
        key = {
            "application_id": owner.application_id,
            "flow_id": owner.flow_id,
            "version_id": owner.version_id,
        }
        await self._tx.execute("flow_trigger_clear", key)
        rows = [
            {
                **key,
                "position": each.index,
                "type": each.type,
                "key": each.key,
                "config": each.config.decode(),
            }
            for each in triggers
        ]
        if rows:
            await self._tx.execute_many("flow_trigger_add", rows)

    async def using(self, application_id: str, trigger_types: Sequence[str], key: str) -> set[str]:
        """Return the ids of flows with such a trigger in any version, enabled or not."""
        found: set[str] = set()
        for trigger_type in trigger_types:
            params = {"application_id": application_id, "type": trigger_type, "key": key}
            found |= {row["flow_id"] for row in await self._tx.fetch("flow_using", params)}
        return found


def _flow(row: Row) -> FlowToRun:
    definition = _definition(row["document"], row["version"], row["application"])
    return FlowToRun(
        flow_id=row["flow_id"],
        tag=blake2b(definition, digest_size=12).hexdigest(),
        definition=definition,
        trigger_index=row["position"],
        config=row["config"].encode(),
    )


@lru_cache(maxsize=512)
def _definition(document: str, version: str | None, application: str) -> bytes:
    """Return what a worker compiles: a version's parts with names, ids and merged globals."""
    flow: dict[str, Any] = msgspec.json.decode(document)
    part: dict[str, Any] = flow if version is None else msgspec.json.decode(version)
    owner: dict[str, Any] = msgspec.json.decode(application)
    given = [*owner.get("globals", ()), *part.get("globals", ())]
    definition = {
        "id": flow["id"],
        "name": flow["name"],
        "flowClass": flow["flowClass"],
        "flowVersion": "develop" if version is None else part["version"],
        "applicationId": owner["id"],
        "applicationName": owner["name"],
        "triggers": part.get("triggers", []),
        "nodes": part.get("nodes", []),
        "globals": {each["key"]: _value(each["json"]) for each in given},
    }
    return msgspec.json.encode(definition)


def _value(text: str) -> Any:
    """Return a global's value; text that is no JSON stands for itself."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
