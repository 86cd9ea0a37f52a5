"""JWT: Verify: output 1 when a token is signed with a key and valid now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.actions import Action, Each
from drover.flows.node import Node
from drover.flows.web_tokens import BadToken, checked, key_of

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    token = settings.template("tokenTemplate", required=True)
    secret = key_of(settings)
    algorithm = settings.template("algorithmTemplate")
    issuer = settings.template("issuerTemplate")
    write = settings.writer("destinationPath", fresh=True)
    write_error = settings.writer("errorPath", fresh=True)

    def act(visit: Visit) -> int:
        payload = visit.payload
        try:
            claims = checked(
                token(payload),
                secret(payload),
                visit.run.now_ms(),
                algorithm=algorithm(payload).strip(),
                issuer=issuer(payload),
            )
        except BadToken as error:
            if write_error is not None:
                write_error(visit, {"message": str(error)})
            return 0
        if write is not None:
            write(visit, claims)
        return 1

    return Each(act)


NODE = Node(type="JWTVerifyNode", name="jwt-verify", category="logic", outputs=2, compile=_compile)
