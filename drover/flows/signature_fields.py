"""What nodes that sign, and that check signatures, have in common: the key, and in what way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask, Each
from drover.flows.answers import throw_error
from drover.flows.language import to_text
from drover.flows.signatures import DSA_ENCODINGS, ENCODINGS, PADDINGS, Way

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

_KEY_TYPES: Final = ("string", "path")


def by_key(settings: Settings, act: Callable[[Visit, str], int]) -> Action:
    """Compile a node that uses a key: what the config says, or that of a credential."""
    if settings.holds("credentialNameTemplate"):
        name = settings.template("credentialNameTemplate", required=True)

        def settle(visit: Visit, answer: Mapping[str, Any]) -> int:
            throw_error(answer)
            return act(visit, str(answer["result"]["secret"]))

        return Ask("credential.key", lambda visit: {"name": name(visit.payload)}, settle)
    key = _key(settings)
    return Each(lambda visit: act(visit, key(visit.payload)))


def _key(settings: Settings) -> Callable[[Any], str]:
    kind = settings.literal("keyTemplateType", default=_KEY_TYPES[0], choices=_KEY_TYPES)
    if kind == "path":
        path = settings.path("keyTemplate", required=True, label="Key")
        return lambda payload: "" if path is None else to_text(path.get(payload))
    return settings.template("keyTemplate", required=True, label="Key")


def way_of(settings: Settings) -> Callable[[Any], Way]:
    """Compile in which way is signed."""
    algorithm = settings.template("algorithmTemplate")
    padding = settings.template("paddingTemplate")
    dsa_encoding = settings.template("dsaEncodingTemplate")

    def render(payload: Any) -> Way:
        return Way(
            algorithm(payload).strip().upper().replace("-", "") or "SHA256",
            padding(payload).strip() or PADDINGS[0],
            dsa_encoding(payload).strip() or DSA_ENCODINGS[0],
        )

    return render


def encoding_of(settings: Settings) -> Callable[[Any], str]:
    """Compile how a signature is written as text."""
    text = settings.template("signatureEncodingTemplate")
    return lambda payload: text(payload).strip().lower() or ENCODINGS[0]
