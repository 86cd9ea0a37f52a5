"""Crypto: Sign: the signature of a text by a private key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.node import Node
from drover.flows.signature_fields import by_key, encoding_of, way_of
from drover.flows.signatures import CannotSign, shown, sign

if TYPE_CHECKING:
    from drover.flows.actions import Action
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    data = settings.template("dataTemplate", required=True)
    way, encoding = way_of(settings), encoding_of(settings)
    write = settings.writer("resultPath", fresh=True)

    def act(visit: Visit, key: str) -> int:
        payload = visit.payload
        text = data(payload).encode("utf-8", "replace")
        told: dict[str, Any]
        try:
            told = {"signature": shown(sign(key, text, way(payload)), encoding(payload))}
        except CannotSign as error:
            told = {"error": {"type": "Validation", "message": str(error)}}
        if write is not None:
            write(visit, told)
        return 0

    return by_key(settings, act)


NODE = Node(type="CryptoSignNode", name="crypto-sign", category="logic", compile=_compile)
