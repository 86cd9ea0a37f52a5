"""Access keys: the credentials that devices of an application share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from msgspec import UNSET, Meta, Struct, UnsetType

from drover.app.access.access_keys import AccessKeys
from drover.faces.losant import _words
from drover.faces.losant._records import Collection, Document, envelope
from drover.faces.losant.orgs import IdText
from drover.faces.operation import Call, Operation
from drover.model.accounts import DeviceTag
from drover.model.bodies import Giver
from drover.model.fields import Key, Name, Prose, TagValue
from drover.model.scopes import for_operation
from drover.query.kinds import APPLICATION_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

Topic = Annotated[str, Meta(min_length=1, max_length=1024)]
Topics = Annotated[tuple[Topic, ...], Meta(max_length=1000)]
Addresses = Annotated[tuple[Annotated[str, Meta(max_length=48)], ...], Meta(max_length=100)]
FilterType = Literal["all", "whitelist", "blacklist", "none"]
AddressFilterType = Literal["all", "whitelist", "blacklist"]


class GivenTag(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tag that puts a device within reach."""

    key: Key
    value: TagValue


class ApplicationKeyPost(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """A new key and how far it reaches."""

    name: Name | UnsetType = UNSET
    description: Prose | UnsetType = UNSET
    device_ids: Annotated[tuple[IdText, ...], Meta(max_length=1000)] | UnsetType = UNSET
    device_tags: Annotated[tuple[GivenTag, ...], Meta(max_length=100)] | UnsetType = UNSET
    filter_type: FilterType | UnsetType = UNSET
    pub_topics: Topics | UnsetType = UNSET
    sub_topics: Topics | UnsetType = UNSET
    address_filter_type: AddressFilterType | UnsetType = UNSET
    addresses: Addresses | UnsetType = UNSET


class ApplicationKeyPatch(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """What may change of a key; which devices it covers never does."""

    status: Literal["active", "inactive"] | UnsetType = UNSET
    name: Name | UnsetType | None = UNSET
    description: Prose | UnsetType = UNSET
    filter_type: FilterType | UnsetType = UNSET
    pub_topics: Topics | UnsetType = UNSET
    sub_topics: Topics | UnsetType = UNSET
    address_filter_type: AddressFilterType | UnsetType = UNSET
    addresses: Addresses | UnsetType = UNSET


_GIVER = Giver({}, frozenset(), frozenset({"device_ids"}))
_PATH = "/applications/{applicationId}/keys"
_KEYS = Collection(
    type="applicationKey",
    path=_PATH,
    sortable=("key", "status", "id", "creationDate", "lastUpdated", "name"),
    filterable=("key", "status", "name"),
    default_sort="creationDate",
    default_descending=True,
    fields=APPLICATION_KEYS,
)


class _Calls:
    def __init__(self, keys: AccessKeys) -> None:
        self._keys = keys

    async def page(self, call: Call) -> Document:
        """Return one page."""
        found = await self._keys.all(call.application_id)
        return _KEYS.page(call, [_words.access_key(each) for each in found])

    async def post(self, call: Call) -> Document:
        """Create one; the answer alone has its secret."""
        fields = _GIVER.given(call.json(ApplicationKeyPost))
        given: tuple[GivenTag, ...] = fields.get("device_tags", ())
        fields["device_tags"] = tuple(DeviceTag(key=tag.key, value=tag.value) for tag in given)
        key, secret = await self._keys.create(call.caller, call.application_id, fields)
        return _shown(call, {**_words.access_key(key), "secret": secret})

    async def get(self, call: Call) -> Document:
        """Return one."""
        found = await self._keys.get(call.application_id, call.path["applicationKeyId"])
        return _shown(call, _words.access_key(found))

    async def patch(self, call: Call) -> Document:
        """Change one."""
        fields = _GIVER.given(call.json(ApplicationKeyPatch))
        key_id = call.path["applicationKeyId"]
        changed = await self._keys.change(call.caller, call.application_id, key_id, fields)
        return _shown(call, _words.access_key(changed))

    async def delete(self, call: Call) -> dict[str, Any]:
        """Revoke one."""
        key_id = call.path["applicationKeyId"]
        await self._keys.delete(call.caller, call.application_id, key_id)
        return {"success": True}


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on access keys."""
    calls, one = _Calls(services[AccessKeys]), f"{_PATH}/{{applicationKeyId}}"
    for method, path, verb, run, summary, body in (
        ("GET", _PATH, "get", calls.page, "List access keys", None),
        ("POST", _PATH, "post", calls.post, "Create an access key", ApplicationKeyPost),
        ("GET", one, "get", calls.get, "Read an access key", None),
        ("PATCH", one, "patch", calls.patch, "Change an access key", ApplicationKeyPatch),
        ("DELETE", one, "delete", calls.delete, "Revoke an access key", None),
    ):
        name = "applicationKey" if path == one else "applicationKeys"
        wide = ("Application", "Organization", "User")
        yield Operation(
            method=method,
            path=path,
            scopes=for_operation(name, verb, wide, reads=verb == "get"),
            run=run,
            name=f"{name}.{verb}",
            summary=summary,
            status=201 if verb == "post" else 200,
            body=cast("type[Struct] | None", body),
        )


def _shown(call: Call, document: Document) -> Document:
    path = _PATH.format_map(call.path)
    application = f"/applications/{call.application_id}"
    return envelope(
        call,
        "applicationKey",
        document,
        f"{path}/{document['id']}",
        application=application,
        applicationKeys=path,
    )
