"""Crypto: Verify: output 1 when a signature is of a text and a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.node import Node
from drover.flows.signature_fields import by_key, encoding_of, way_of
from drover.flows.signatures import CannotSign, is_signed, read

if TYPE_CHECKING:
    from drover.flows.actions import Action
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    data = settings.template("dataTemplate", required=True)
    signature = settings.template("signatureTemplate", required=True)
    way, encoding = way_of(settings), encoding_of(settings)
    write = settings.writer("resultPath", fresh=True)

    def act(visit: Visit, key: str) -> int:
        payload = visit.payload
        text = data(payload).encode("utf-8", "replace")
        told: bool | dict[str, dict[str, str]]
        try:
            given = read(signature(payload), encoding(payload))
            told = is_signed(key, text, given, way(payload))
        except CannotSign as error:
            told = {"error": {"type": "Validation", "message": str(error)}}
        if write is not None:
            write(visit, told)
        return int(told is True)

    return by_key(settings, act)


NODE = Node(
    type="CryptoVerifyNode", name="crypto-verify", category="logic", outputs=2, compile=_compile
)
