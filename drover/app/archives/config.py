"""What an application's archive configuration means: what is archived, and where to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from drover.app.credentials_named import credential_named
from drover.flows.language.errors import LanguageError, RenderLimit
from drover.flows.language.templates import compile_template
from drover.model.errors import Invalid
from drover.ports.archives import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.kinds.application import Application, ArchiveConfig
    from drover.ports.archives import Place, Places
    from drover.ports.store import Session

DELAY_DAYS: Final = 31
"""How old a day is that is archived, where the configuration does not say: its state may still be
overwritten until then."""

_SEGMENT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,126}")
_TAG: Final = "{{"


def needed(application: Application) -> ArchiveConfig:
    """Return the configuration, its templates rendered over the application's globals.

    Raises Invalid where there is none, and for a text that cannot be rendered.
    """
    config = application.archive_config
    if config is UNSET or config is None:
        raise Invalid("The application has no archiveConfig", field="archiveConfig")
    plain = msgspec.to_builtins(config)
    rendered = _rendered(plain, _payload(application), "archiveConfig")
    if rendered == plain:
        return config
    try:
        return msgspec.convert(rendered, type(config))
    except msgspec.ValidationError as error:
        raise Invalid(f"A template of archiveConfig: {error}", field="archiveConfig") from error


def directory(application: Application) -> str:
    """Return the folder of an application's archives, with a slash after it, or nothing.

    Raises Invalid for one that cannot be rendered, or that leads out of the place of archives.
    """
    given = needed(application).directory
    text = (given or "").strip().strip("/")
    if text and not all(_SEGMENT.fullmatch(part) for part in text.split("/")):
        message = "is made of names of letters, digits, dots, dashes and underscores"
        raise _refused("archiveConfig.directory", message)
    return f"{text}/" if text else ""


def place_of(config: ArchiveConfig, places: Places, credential: Mapping[str, Any]) -> Place:
    """Return where archives go, opened with what the credential holds, if one is named.

    Raises Invalid for a bucket that cannot be one.
    """
    target = _target(config, credential)
    return places.own() if target is None else places.of(target)


def check_place(config: ArchiveConfig, places: Places) -> None:
    """Raise Invalid for a bucket that cannot be one; one named by a credential is not looked at."""
    if config.credential_name is UNSET and _credential_kind(config):
        place_of(config, places, {})


async def credential_of(session: Session, application: Application) -> Mapping[str, Any]:
    """Return what the named credential holds, nothing where none is; raises Invalid."""
    config = needed(application)
    kind = _credential_kind(config)
    if config.credential_name is UNSET or not kind:
        return {}
    return await credential_named(session, application.id, config.credential_name, kind)


def delay_days(config: ArchiveConfig) -> int:
    """Return how many days old a day must be to be archived."""
    return DELAY_DAYS if config.delay_days is UNSET else config.delay_days


def devices_chosen(config: ArchiveConfig) -> Callable[[Mapping[str, Any]], bool]:
    """Return what tells whether a device, given as its document, is archived."""
    ids = {each.lower() for each in config.device_ids or ()}
    tags = [tag for tag in msgspec.to_builtins(config.device_tags or ()) if tag]

    def listed(device: Mapping[str, Any]) -> bool:
        own = device.get("tags") or ()
        return device["id"] in ids or any(_matches(tag, each) for each in own for tag in tags)

    return _by_mode(config.mode, listed)


def tables_chosen(config: ArchiveConfig) -> Callable[[Mapping[str, Any]], bool]:
    """Return what tells whether a data table, given as its document, is archived."""
    ids = {each.lower() for each in config.data_table_ids or ()}
    return _by_mode(config.data_tables_mode, lambda table: table["id"] in ids)


def _by_mode(
    mode: Any, listed: Callable[[Mapping[str, Any]], bool]
) -> Callable[[Mapping[str, Any]], bool]:
    if mode == "whitelist":
        return listed
    if mode == "blacklist":
        return lambda each: not listed(each)
    return lambda _each: True


def _matches(wanted: Mapping[str, str], tag: Mapping[str, str]) -> bool:
    return all(tag.get(name) == value for name, value in wanted.items())


def _credential_kind(config: ArchiveConfig) -> str:
    for kind, given in (("aws", config.s3), ("gcp", config.gcs), ("azure", config.azure)):
        if given is not UNSET and given.bucket:
            return kind
    return ""


def _target(config: ArchiveConfig, credential: Mapping[str, Any]) -> Target | None:
    """Return the bucket; what the configuration itself says of its key goes before."""
    if config.s3 is not UNSET and config.s3.bucket:
        given = config.s3
        return Target(
            kind="s3",
            bucket=given.bucket,
            key=given.access_key_id or credential.get("access_key_id", ""),
            secret=given.secret_access_key or credential.get("secret_access_key", ""),
            region=given.region or credential.get("region", ""),
        )
    if config.gcs is not UNSET and config.gcs.bucket:
        key = config.gcs.key_json or credential.get("key_json", "")
        return Target(kind="gcs", bucket=config.gcs.bucket, key=key)
    if config.azure is not UNSET:
        kept = config.azure
        return Target(
            kind="azure",
            bucket=kept.bucket,
            key=kept.account or credential.get("account", ""),
            secret=kept.account_key or credential.get("account_key", ""),
        )
    return None


def _payload(application: Application) -> dict[str, Any]:
    known = {each.key: msgspec.json.decode(each.json) for each in application.globals}
    return {**known, "globals": known}


def _rendered(value: Any, payload: dict[str, Any], field: str) -> Any:
    """Return a value of the configuration with the templates in it rendered."""
    if isinstance(value, dict):
        return {name: _rendered(each, payload, f"{field}.{name}") for name, each in value.items()}
    if isinstance(value, list):
        return [_rendered(each, payload, field) for each in value]
    if isinstance(value, str) and _TAG in value:
        return _filled(value, payload, field)
    return value


def _filled(template: str, payload: dict[str, Any], field: str) -> str:
    """Return a rendered text; raises Invalid where nothing came of it, or of its first name."""
    try:
        text = compile_template(template)(payload).strip()
    except (LanguageError, RenderLimit) as error:
        raise _refused(field, f"cannot be rendered: {error}") from error
    if not text or (text[0] == "/" != template.strip()[0]):
        raise _refused(field, "names a global that the application does not have")
    return text


def _refused(field: str, why: str) -> Invalid:
    return Invalid(f"`{field}` {why}", field=field)
