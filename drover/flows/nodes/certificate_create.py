"""Certificate: Create: a new certificate and its key, of an authority or signed by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.key_fields import pem_of
from drover.flows.node import Node
from drover.flows.paging import whole_number

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

MOST_DAYS: Final = 36_500


def _compile(settings: Settings) -> Action:
    name = settings.template("commonNameTemplate", required=True)
    organization = settings.template("organizationTemplate")
    key_type = settings.template("keyTypeTemplate")
    days = whole_number(settings, "daysTemplate", default=365, least=1, most=MOST_DAYS)
    ca_certificate = pem_of(settings, "caCertificate", required=False)
    ca_key = pem_of(settings, "caKey", required=False)
    is_authority = settings.flag("isAuthority")

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        return {
            "name": name(payload),
            "organization": organization(payload),
            "key_type": key_type(payload).strip().lower() or "ec",
            "days": days(payload),
            "is_authority": is_authority,
            "ca_certificate": ca_certificate(payload),
            "ca_key": ca_key(payload),
        }

    write = settings.writer("resultPath", fresh=True)
    return Ask("certificate.issue", request, softly(write))


NODE = Node(
    type="CertificateCreateNode", name="certificate-create", category="data", compile=_compile
)
