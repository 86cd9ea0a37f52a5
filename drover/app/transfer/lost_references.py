"""References to what is gone, which bundles leave out: an import would look for it in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from drover.model.kind import Kind
    from drover.ports.store import Session

_DECODE: Final = msgspec.json.Decoder().decode


class LostReferences:
    """Takes from the documents of a kind what they say of resources that are gone.

    ``kinds`` are those that may be referred to.
    """

    def __init__(self, kind: Kind[Any], kinds: Iterable[Kind[Any]]) -> None:
        known = {each.one: each for each in kinds}
        self._aims = {
            kind.wire_names[name]: known[target]
            for name, target in kind.references.items()
            if target in known
        }
        members = [(name, Any, None) for name in self._aims]
        self._read = msgspec.json.Decoder(msgspec.defstruct("References", members)).decode

    async def out_of(
        self, session: Session, application_id: str, documents: Sequence[bytes]
    ) -> Sequence[bytes]:
        """Return the documents of an application without references that lead nowhere."""
        if not self._aims:
            return documents
        read = [self._read(each) for each in documents]
        lost = {name: await self._lost(session, application_id, name, read) for name in self._aims}
        if not any(lost.values()):
            return documents
        return [_without(each, lost) for each in documents]

    async def _lost(
        self, session: Session, application_id: str, name: str, read: Sequence[Any]
    ) -> frozenset[str]:
        named = sorted({own for each in read for own in _ids(getattr(each, name))})
        if not named:
            return frozenset()
        return frozenset(await session.resources.absent(self._aims[name], application_id, named))


def _ids(value: str | list[str] | None) -> Iterator[str]:
    yield from [value] if isinstance(value, str) else value or ()


def _without(document: bytes, lost: Mapping[str, frozenset[str]]) -> bytes:
    value: dict[str, Any] = _DECODE(document)
    for name, gone in lost.items():
        own = value.get(name)
        if isinstance(own, list):
            value[name] = [each for each in own if each not in gone]
        elif own in gone:
            del value[name]
    return msgspec.json.encode(value)
