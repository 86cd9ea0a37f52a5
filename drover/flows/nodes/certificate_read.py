"""Certificate: Read: what certificates in PEM say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from drover.flows.actions import Action, Each
from drover.flows.key_fields import pem_of
from drover.flows.node import Node
from drover.flows.payload import moment
from drover.flows.visit import Thrown
from drover.model.certificate import read_certificates
from drover.model.errors import Invalid

if TYPE_CHECKING:
    from typing import Any

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit
    from drover.model.certificate import CertificateInfo


def _compile(settings: Settings) -> Action:
    certificate = pem_of(settings, "certificate")
    write = settings.writer("resultPath", required=True, fresh=True)

    def act(visit: Visit) -> int:
        try:
            found = read_certificates(certificate(visit.payload), "certificate")
        except Invalid as error:
            raise Thrown("Validation", error.message) from error
        if write is not None:
            shown = [_shown(each) for each in found]
            write(visit, {**shown[0], "chain": shown[1:]})
        return 0

    return Each(act)


def _shown(info: CertificateInfo) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(info)
    for name in ("notValidBefore", "notValidAfter"):
        shown[name] = moment(shown[name])
    return shown


NODE = Node(type="CertificateReadNode", name="certificate-read", category="data", compile=_compile)
