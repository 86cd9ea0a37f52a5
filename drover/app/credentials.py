"""Credentials in use, and keys that the server makes, so that the secret half never travels."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from msgspec import UNSET, structs

from drover.app.catalog import QuietHook
from drover.kinds.credential import KIND, lacks_secret, revealed
from drover.model.errors import Invalid
from drover.ports.resources import Listing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.store import Session, Store

KEY_BITS: Final = 2048


class CredentialKeys(QuietHook):
    """Makes a pair of keys where a caller asks for one: of them only the public half is shown."""

    async def prepare(self, _caller: Caller, _kind: Kind[Any], given: Any, /) -> Any:
        """Return the body with the keys that it asks for; raises Invalid."""
        changes: dict[str, Any] = {}
        for name, secret, make in (
            ("snowflake_config", "private_key", rsa_pair),
            ("git_config", "secret_value", ssh_pair),
        ):
            config = getattr(given, name)
            if config is UNSET:
                continue
            if config.public_key is not UNSET:
                raise Invalid("The public key follows from the private one", field="publicKey")
            if config.generate_private_key is True:
                private, public = await asyncio.to_thread(make)
                changes[name] = structs.replace(config, public_key=public, **{secret: private})
        return structs.replace(given, **changes)


async def whole_config(
    store: Store, application_id: str, name: str, types: Collection[str]
) -> Mapping[str, Any] | None:
    """Return the whole configuration of the enabled credential with a name, of one of the types.

    None where there is none.
    """

    async def look(session: Session) -> Mapping[str, Any] | None:
        listing = Listing(sort_field="id", limit=1, within={"name": name})
        page = await session.resources.page(KIND, application_id, listing)
        fitting = (
            each
            for each in page.items
            if each.enabled and each.type in types and not lacks_secret(each)
        )
        found = next(fitting, None)
        return None if found is None else revealed(found)

    return await store.read(look)


def rsa_pair() -> tuple[str, str]:
    """Return a new private and public RSA key in PEM."""
    private = rsa.generate_private_key(public_exponent=65_537, key_size=KEY_BITS)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return _pem(private, serialization.PrivateFormat.PKCS8), public.decode()


def ssh_pair() -> tuple[str, str]:
    """Return a new private and public key as OpenSSH writes them."""
    private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return _pem(private, serialization.PrivateFormat.OpenSSH), public.decode()


def _pem(
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, shape: serialization.PrivateFormat
) -> str:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, shape, plain).decode()
