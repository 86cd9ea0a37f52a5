"""How requests of workflows sign in by a credential of their application.

A credential is for addresses alone that its own pattern names, whatever a workflow makes of its
URL, and is not sent on to where an answer redirects.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlencode, urljoin, urlsplit, urlunsplit

from msgspec import structs

from drover.app.credentials import whole_config
from drover.ports.web import WebFailure
from drover.query.glob import glob_matches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from urllib.parse import SplitResult

    from drover.app.answering import Asking
    from drover.ports.web import WebRequest

    SignIn = Callable[[WebRequest, str, str], WebRequest]
    """Adds the public and the secret half of a credential to a request."""

TYPE: Final = "http"

_HOST: Final = re.compile(r"[0-9A-Za-z.:_\[\]-]{1,255}")


async def settings_of(asking: Asking, name: str) -> Mapping[str, Any]:
    """Return the whole configuration of the HTTP credential with a name; raises WebFailure."""
    config = await whole_config(asking.store, asking.application_id, name, (TYPE,))
    if config is None:
        raise WebFailure("Refused", f"There is no enabled HTTP credential {name[:100]}")
    return config


def whole_url(config: Mapping[str, Any], url: str) -> str:
    """Return a URL, completed by the credential's base where it is only the rest of one."""
    if urlsplit(url).scheme:
        return url
    base = str(config["uri_match"]).rstrip("*")
    return urljoin(base if base.endswith("/") else f"{base}/", url.lstrip("/"))


def signed_in(config: Mapping[str, Any], request: WebRequest) -> WebRequest:
    """Return a request that signs in; raises WebFailure for an address that is not meant."""
    if not _is_meant(str(config["uri_match"]), request.url):
        raise WebFailure("Refused", "The URL does not match that of the credential")
    public, secret = str(config.get("public_value", "")), str(config.get("secret_value", ""))
    sign_in = _METHODS[config["auth_method"]]
    return structs.replace(sign_in(request, public, secret), follows=False)


def _is_meant(pattern: str, url: str) -> bool:
    """Tell whether an address is of a pattern: the host by itself, then the path or one below."""
    wanted, given = urlsplit(pattern), urlsplit(url)
    if wanted.scheme.lower() != given.scheme or not _is_host(wanted, given):
        return False
    path = given.path or "/"
    if ".." in unquote(path).split("/"):
        return False
    if "*" in wanted.path:
        return glob_matches(wanted.path, path)
    base = wanted.path.rstrip("/")
    return path == base or path.startswith(f"{base}/")


def _is_host(wanted: SplitResult, given: SplitResult) -> bool:
    if not _HOST.fullmatch(given.netloc):
        return False
    return glob_matches(wanted.netloc, given.netloc)


def _by_header(request: WebRequest, public: str, secret: str) -> WebRequest:
    return structs.replace(request, headers=(*request.headers, (public, secret)))


def _by_query(request: WebRequest, public: str, secret: str) -> WebRequest:
    parts = urlsplit(request.url)
    query = "&".join(filter(None, (parts.query, urlencode({public: secret}))))
    return structs.replace(request, url=urlunsplit(parts._replace(query=query)))


def _by_password(request: WebRequest, public: str, secret: str) -> WebRequest:
    return structs.replace(request, basic=(public, secret))


def _by_certificate(request: WebRequest, public: str, secret: str) -> WebRequest:
    return structs.replace(request, certificate=(secret, public))


_METHODS: Final[dict[str, SignIn]] = {
    "header": _by_header,
    "queryParam": _by_query,
    "basicAuth": _by_password,
    "clientCertificate": _by_certificate,
}
