"""JWT: Verify: output 1 when a token is signed with a key and valid now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.node import Node
from drover.flows.web_tokens import BadToken, Signing, checked, signing

if TYPE_CHECKING:
    from drover.flows.actions import Action
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    token = settings.template("tokenTemplate", required=True)
    write = settings.writer("destinationPath", fresh=True)
    write_error = settings.writer("errorPath", fresh=True)

    def act(visit: Visit, by: Signing) -> int:
        text, now_ms = token(visit.payload), visit.run.now_ms()
        try:
            claims = checked(text, by.secret, now_ms, algorithm=by.algorithm, issuer=by.issuer)
        except BadToken as error:
            if write_error is not None:
                write_error(visit, {"message": str(error)})
            return 0
        if write is not None:
            write(visit, claims)
        return 1

    return signing(settings, act)


NODE = Node(type="JWTVerifyNode", name="jwt-verify", category="logic", outputs=2, compile=_compile)
