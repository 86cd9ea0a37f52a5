"""Keys of credentials, for nodes that sign: they go to the worker, never to a payload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.answering import Asking, HostOperations, Request, each
from drover.app.credentials import whole_config
from drover.model.errors import Invalid, Missing

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES: Final = ("jwt", "gcp")


async def _key(asking: Asking, request: Request) -> dict[str, Any]:
    """Return the secret, the algorithm and the issuer of a credential; raises Missing, Invalid."""
    name = str(request["name"])
    config = await whole_config(asking.store, asking.application_id, name, _TYPES)
    if config is None:
        raise Missing(f"There is no enabled credential {name[:100]} that signs")
    if "key_json" in config:
        return {"secret": _private_key(config["key_json"]), "algorithm": "RS256"}
    return _signs(config)


def _signs(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: config[name] for name in ("secret", "algorithm", "issuer") if name in config}


def _private_key(key_json: str) -> str:
    key = msgspec.json.decode(key_json, type=dict[str, Any]).get("private_key")
    if not isinstance(key, str):
        raise Invalid("The credential has no private key")
    return key


OPERATIONS = HostOperations({"credential.key": each(_key)})
