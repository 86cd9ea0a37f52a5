"""Hash: a digest of a text, keyed where there is a secret."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from drover.flows.actions import Action, Each
from drover.flows.node import Node
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

_ALGORITHMS: Final = {
    "md5": "md5",
    "sha1": "sha1",
    "sha256": "sha256",
    "sha384": "sha384",
    "sha512": "sha512",
    "ripemd": "ripemd160",
    "ripemd160": "ripemd160",
    "whirlpool": "whirlpool",
}
_DIGESTS: Final[dict[str, Callable[[bytes], str]]] = {
    "hex": bytes.hex,
    "base64": lambda digest: base64.b64encode(digest).decode(),
    "latin1": lambda digest: digest.decode("latin-1"),
}
_BYTES: Final[dict[str, Callable[[str], bytes]]] = {
    "utf8": lambda text: text.encode("utf-8", "replace"),
    "utf-8": lambda text: text.encode("utf-8", "replace"),
    "latin1": lambda text: text.encode("latin-1"),
    "binary": lambda text: text.encode("latin-1"),
    "hex": binascii.unhexlify,
    "base64": lambda text: base64.b64decode(text, validate=True),
}


def _compile(settings: Settings) -> Action:
    data = settings.template("dataTemplate", required=True)
    algorithm = settings.template("algorithmTemplate", default="SHA256")
    secret = settings.template("secretTemplate")
    encoding = settings.template("encodingTemplate", default="hex")
    data_encoding = settings.template("dataEncodingTemplate")
    secret_encoding = settings.template("secretEncodingTemplate")
    write = settings.writer("destinationPath", required=True, fresh=True)

    def act(visit: Visit) -> int:
        payload = visit.payload
        digest = _digest(
            algorithm(payload),
            _read(data(payload), data_encoding(payload)),
            _read(secret(payload), secret_encoding(payload)),
        )
        shown = _DIGESTS.get(encoding(payload).strip().lower())
        if shown is None:
            raise Thrown("Validation", "Encoding must be one of hex, base64, latin1")
        if write is not None:
            write(visit, shown(digest))
        return 0

    return Each(act)


def _read(text: str, encoding: str) -> bytes:
    reader = _BYTES.get(encoding.strip().lower() or "utf8")
    if reader is None:
        raise Thrown("Validation", f"'{encoding[:50]}' is not an encoding")
    try:
        return reader(text)
    except ValueError as error:
        raise Thrown("Validation", f"The text is not {encoding}: {error}") from error


def _digest(algorithm: str, data: bytes, secret: bytes) -> bytes:
    name = _ALGORITHMS.get(algorithm.strip().lower().replace("-", ""))
    if name is None:
        raise Thrown("Validation", f"'{algorithm[:50]}' is not an algorithm")
    if name not in hashlib.algorithms_available:
        raise Thrown("NotImplemented", f"This server has no {algorithm}")
    if secret:
        return hmac.new(secret, data, name).digest()
    return hashlib.new(name, data, usedforsecurity=False).digest()


NODE = Node(type="HashNode", name="hash", category="logic", compile=_compile)
