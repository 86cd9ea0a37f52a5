"""Device Certificate: Register: a certificate that devices sign in with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.key_fields import certificate_body, pem_of
from drover.flows.node import Node
from drover.flows.payload import dated

if TYPE_CHECKING:
    from typing import Any

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    certificate, body = pem_of(settings, "certificate"), certificate_body(settings)

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        return {"body": {**body(payload), "certificate": certificate(payload)}}

    write = settings.writer("resultPath", fresh=True)
    return Ask("certificate.register", request, softly(write, dated))


NODE = Node(
    type="RegisterDeviceCertificateNode",
    name="register-device-certificate",
    category="data",
    compile=_compile,
)
