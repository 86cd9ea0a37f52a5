"""What starts workflows: every published type of trigger, its config and its ``meta``.

Unknown keys are flaws here, unlike in nodes. Source: Losant-compatible nodes, section 8.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from drover.model.cron import rule_of, zone_of
from drover.model.errors import Invalid
from drover.model.topics import is_filter, is_reserved

Check = Callable[[Any], str | None]
"""Tells what is wrong with a value; None when nothing is."""

GENERATED: Final = frozenset({"timer", "virtualButton", "flowError"})
"""Types whose missing keys the server makes."""

DEVICE_CREATE_KEY: Final = "/"

UTC: Final = "UTC"
"""The zone of a timer that names none."""

_FOREIGN_RULES: Final = frozenset({"@annually", "@midnight"})
"""Names of cron rules that other dialects know and timers do not."""

_EVENT_LEVELS: Final = frozenset({"any", "info", "warning", "error", "critical"})
_YEAR_S: Final = 366 * 24 * 3600
_ATTRIBUTE: Final = re.compile(r"[0-9a-zA-Z_-]{1,255}")
_ID: Final = re.compile(r"[A-Fa-f\d]{24}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One type of trigger: the editor's names for it, the keys of its config and its ``meta``."""

    names: tuple[str, ...]
    config: Mapping[str, Check]
    meta: Mapping[str, Check]
    required: tuple[str, ...] = ()
    edge_only: bool = False


def config_flaws(trigger_type: str, trigger: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Tell what is wrong with a known type's key, config and meta: (place, message) each."""
    known = TRIGGERS[trigger_type]
    config = {} if trigger.get("config") is None else trigger["config"]
    meta = {} if trigger.get("meta") is None else trigger["meta"]
    yield from _object_flaws(config, known.config, "/config")
    yield from _object_flaws(meta, known.meta, "/meta")
    for key in known.required:
        if isinstance(config, Mapping) and key not in config:
            yield f"/config/{key}", f"{key} is required"
    if isinstance(meta, Mapping) and meta.get("name", known.names[0]) not in known.names:
        yield "/meta/name", f"must be one of {', '.join(known.names)}"
    if isinstance(config, Mapping):
        rule = _RULES.get(trigger_type)
        yield from rule(trigger.get("key"), config, meta) if rule else ()


# ---------------------------------------------------------------------- checks of single values


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _number(value: Any) -> str | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return None if is_number else "must be a number"


def _whole(least: int, most: int) -> Check:
    def check(value: Any) -> str | None:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return None if is_whole and least <= value <= most else f"must be from {least} to {most}"

    return check


def _text(most: int, least: int = 0) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "must be text"
        within = least <= len(value) <= most
        return None if within else f"must have from {least} to {most} characters"

    return check


def _choice(*choices: str) -> Check:
    return lambda value: None if value in choices else f"must be one of {', '.join(choices)}"


def _list(check_entry: Check, most: int, least: int = 0) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, list) or not least <= len(value) <= most:
            return f"must be a list of from {least} to {most} entries"
        return next(filter(None, map(check_entry, value)), None)

    return check


def _attribute(value: Any) -> str | None:
    named = isinstance(value, str) and _ATTRIBUTE.fullmatch(value)
    return None if named else "must hold names of attributes"


def _object(fields: Mapping[str, Check], required: tuple[str, ...] = ()) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return "must be an object"
        for key in required:
            if key not in value:
                return f"{key} is required"
        found = next(_object_flaws(value, fields, ""), None)
        return f"{found[0].removeprefix('/')} {found[1]}" if found else None

    return check


def _device(value: Any) -> str | None:
    known = value in (None, "") or (isinstance(value, str) and _ID.fullmatch(value))
    return None if known else "must be the id of a device"


def _object_flaws(value: Any, fields: Mapping[str, Check], place: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        yield place, "must be an object"
        return
    for key, item in value.items():
        check = fields.get(key)
        problem = "is not known here" if check is None else check(item)
        if problem is not None:
            yield f"{place}/{key}", f"{key} {problem}"


# ---------------------------------------------------------------------- rules of single types

_Rule = Callable[[Any, Mapping[str, Any], Any], Iterator[tuple[str, str]]]


def _timer(_key: Any, config: Mapping[str, Any], _meta: Any) -> Iterator[tuple[str, str]]:
    seconds, cron, zone = config.get("seconds"), config.get("cron"), config.get("tz")
    if seconds is None and not cron:
        yield "/config", "A timer needs seconds or a cron expression"
    if seconds is not None and _number(seconds) is None and not 1 <= seconds < _YEAR_S:
        yield "/config/seconds", "Seconds must be at least 1 and less than a year"
    if isinstance(cron, str) and cron.strip().lower() in _FOREIGN_RULES:
        yield "/config/cron", f"{cron} is not known here"
    elif isinstance(cron, str) and cron:
        yield from _told("/config/cron", rule_of, cron)
    if isinstance(zone, str) and zone:
        yield from _told("/config/tz", zone_of, zone)


def _told(place: str, read: Callable[[str], object], text: str) -> Iterator[tuple[str, str]]:
    try:
        read(text)
    except Invalid as error:
        yield place, error.message


def _button(_key: Any, _config: Any, meta: Any) -> Iterator[tuple[str, str]]:
    text = meta.get("payload") if isinstance(meta, Mapping) else None
    if not isinstance(text, str) or not text.strip():
        return
    try:
        payload = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        yield "/meta/payload", f"The payload is not JSON: {error}"
        return
    if not isinstance(payload, dict):
        yield "/meta/payload", "The payload must be an object"


def _event(key: Any, _config: Any, _meta: Any) -> Iterator[tuple[str, str]]:
    if key is not None and key not in _EVENT_LEVELS:
        yield "/key", f"key must be one of {', '.join(sorted(_EVENT_LEVELS))}"


def _device_create(key: Any, _config: Any, _meta: Any) -> Iterator[tuple[str, str]]:
    if key not in (None, DEVICE_CREATE_KEY):
        yield "/key", f"key must be {DEVICE_CREATE_KEY}"


def _topic(key: Any, _config: Any, _meta: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(key, str):
        return
    if key.startswith("$") or is_reserved(key):
        yield "/key", "A topic may not begin with losant or $"
    elif key and not is_filter(key):
        yield "/key", "A topic has no blanks, + and # fill whole levels, and # is the last"


def _inactivity(_key: Any, config: Mapping[str, Any], _meta: Any) -> Iterator[tuple[str, str]]:
    seconds = config.get("seconds")
    if seconds is not None and _number(seconds) is None and not 1 <= seconds <= _YEAR_S:
        yield "/config/seconds", f"Seconds must be from 1 to {_YEAR_S}"


_RULES: Final[dict[str, _Rule]] = {
    "timer": _timer,
    "virtualButton": _button,
    "event": _event,
    "deviceCreate": _device_create,
    "mqttTopic": _topic,
    "deviceIdInactivity": _inactivity,
    "deviceTagInactivity": _inactivity,
}

# ---------------------------------------------------------------------- the types

_BASE_META: Final[dict[str, Check]] = {
    "category": _choice("trigger"),
    "name": _text(255),
    "label": _text(255, least=1),
    "x": _number,
    "y": _number,
    "uiId": _text(48),
    "description": _text(32767),
}
_META: Final[dict[str, Check]] = {
    **_BASE_META,
    "icon": _text(1024),
    "color": _text(1024),
    "inputCount": _number,
    "outputCount": _number,
    "id": _text(48),
}
_LONG: Final = _text(1024)
_SHORT: Final = _text(255)
_TINY: Final = _text(48)


def _flags(*names: str) -> dict[str, Check]:
    return dict.fromkeys(names, _flag)


def _texts(check: Check, *names: str) -> dict[str, Check]:
    return dict.fromkeys(names, check)


def _plain(*names: str, edge_only: bool = False) -> Trigger:
    """Return a type without config."""
    return Trigger(names=names, config={}, meta=_META | {"triggerId": _TINY}, edge_only=edge_only)


_DEVICE: Final = Trigger(
    names=("deviceIdsTags", "device", "deviceTag"),
    config={
        "attributeBlacklist": _list(_attribute, 100),
        "attributeWhitelist": _list(_attribute, 100),
        "maxAge": _number,
        "triggerOn": _choice("batch", "individual", "both"),
        "batchBehavior": _choice("once", "each"),
        "allowInvalid": _flag,
    },
    meta=_META
    | {
        "timeUnit": _TINY,
        "maxAgeToggle": _flag,
        "allowedAttributeType": _choice("attributeWhitelist", "any", "attributeBlacklist"),
    },
)
_INACTIVITY: Final = Trigger(
    names=("deviceIdsTagsInactivity",), config={"seconds": _number}, meta=_META
)
_FILE_CHANGES: Final = _flags(
    "fileAdded", "fileChanged", "fileRemoved", "directoryAdded", "directoryRemoved"
)
_SNMP_USER: Final = _object(
    {
        **_texts(_LONG, "name", "authKey", "encryptionKey"),
        "securityLevel": _choice("none", "auth", "authAndEncrypt"),
        "authMethod": _choice("sha", "md5"),
        "encryptionMethod": _choice("aes", "des"),
    },
    ("name", "securityLevel"),
)

_SERVER: Final[dict[str, Trigger]] = {
    "appFile": Trigger(
        names=("appFile",),
        config=_flags("create", "update", "delete", "public", "private"),
        meta=_META,
    ),
    "customNodeStart": _plain("customNodeStart"),
    "dataTable": Trigger(
        names=("dataTable",),
        config=_flags("insert", "bulkInsert", "update", "delete"),
        meta=_META,
    ),
    "deviceCreate": _plain("deviceCreate"),
    "deviceId": _DEVICE,
    "deviceTag": _DEVICE,
    "deviceIdConnect": _plain("deviceIdsTagsConnect"),
    "deviceTagConnect": _plain("deviceIdsTagsConnect"),
    "deviceIdDisconnect": _plain("deviceIdsTagsDisconnect"),
    "deviceTagDisconnect": _plain("deviceIdsTagsDisconnect"),
    "deviceIdInactivity": _INACTIVITY,
    "deviceTagInactivity": _INACTIVITY,
    "endpoint": Trigger(
        names=("endpoint",), config={"experienceVersion": _text(255, least=1)}, meta=_META
    ),
    "event": Trigger(
        names=("event",),
        config={"subject": _SHORT, **_flags("new", "acknowledged", "resolved")},
        meta=_META,
    ),
    "flowError": Trigger(
        names=("flowError",),
        config={"scope": _choice("local", "global", "experience", "cloud")},
        meta=_META,
    ),
    "inboundEmail": _plain("inboundEmail"),
    "integration": Trigger(
        names=("azureEventHub", "googlePubSub", "mqtt", "particle", "sqs", "websocket"),
        config=_flags("connect", "message", "disconnect", "failure"),
        meta=_META | {"triggerId": _TINY},
    ),
    "mqttTopic": Trigger(
        names=("mqtt",),
        config={"integrationId": _choice("losant", "local", "external")},
        meta=_META | {"triggerId": _TINY},
    ),
    "notebook": _plain("notebook"),
    "resourceJobComplete": _plain("resourceJobComplete"),
    "resourceJobIteration": _plain("resourceJobIteration"),
    "resourceJobIterationTimeout": _plain("resourceJobIterationTimeout"),
    "timer": Trigger(
        names=("timer",),
        config={"seconds": _number, **_texts(_SHORT, "cron", "tz")},
        meta=_META
        | {
            "timerTypeSelect": _choice("cronWeekly", "seconds", "cron"),
            **_texts(_SHORT, "timeAt", "timezone"),
            "weekdays": _list(_number, 7),
        },
    ),
    "virtualButton": Trigger(
        names=("virtualButton",),
        config={},
        meta=_META | {"groupId": _TINY, "payload": _text(262_144), "deviceId": _device},
    ),
    "webhook": _plain("webhook"),
}


def _edge(
    *names: str,
    config: Mapping[str, Check],
    meta: Mapping[str, Check] = _META,
    required: tuple[str, ...] = (),
) -> Trigger:
    return Trigger(names=names, config=config, meta=meta, required=required, edge_only=True)


_EDGE: Final[dict[str, Trigger]] = {
    "beckhoff": _edge(
        "beckhoff",
        config={
            **_texts(_LONG, "localAmsNetId", "localAdsPort", "targetAmsNetId", "targetAdsPort"),
            **_texts(_LONG, "routerHost", "routerTcpPort", "configName"),
            "cycleTimeMs": _whole(10, 3_600_000),
            "subscriptions": _list(lambda _entry: None, 100),
        },
    ),
    "deviceCommand": _plain("deviceCommand", edge_only=True),
    "direct": _edge("direct", config={}),
    "fileTail": _edge(
        "fileTail",
        config={"path": _LONG, **_texts(_TINY, "encoding", "byteLength", "delimiter")},
    ),
    "fileWatch": _edge("fileWatch", config={"path": _LONG, **_FILE_CHANGES}),
    "onBoot": _plain("onBoot", "eeaInit", edge_only=True),
    "onConnect": _plain("onConnect", edge_only=True),
    "onDisconnect": _plain("onDisconnect", edge_only=True),
    "onSync": _edge(
        "onSync",
        config={"syncTypes": _list(_choice("application", "device", "peripheral"), 3, least=1)},
        meta=_BASE_META,
    ),
    "opcua": _edge(
        "opcua",
        config={
            **_texts(_LONG, "uri", "username", "password", "configName"),
            **_texts(_SHORT, "securityPolicy", "securityMode", "nameSpace", "identifier"),
            **_texts(_text(32767), "cert", "privateKey"),
            "samplingInterval": _SHORT,
            "eventFilter": _list(_SHORT, 100),
        },
    ),
    "redis": _edge(
        "redisTrigger",
        config={**_texts(_LONG, "host", "password", "topic"), "port": _text(16), **_FILE_CHANGES},
    ),
    "request": _edge(
        "request",
        config={
            "method": _choice("*", "delete", "get", "options", "patch", "post", "put"),
            "route": _LONG,
        },
        meta=_META | {"triggerId": _TINY},
    ),
    "serial": _edge(
        "serial",
        config={
            **_texts(_LONG, "path", "writeOnOpen"),
            **dict.fromkeys(("baudRate", "dataBits", "stopBits"), _number),
            "parity": _text(8),
            "rtscts": _flag,
            **_texts(_TINY, "encoding", "writeOnOpenEncoding", "byteLength"),
            **_texts(_TINY, "delimiter", "delimiterEncoding"),
        },
        meta=_META | {"parseBy": _choice("byteLength", "delimiter")},
    ),
    "snmpTrap": _edge(
        "snmpTrap",
        config={
            "udpPort": _text(5),
            "snmpTrapConfig": _object({"community": _LONG, "user": _SNMP_USER}),
        },
        required=("udpPort", "snmpTrapConfig"),
    ),
    "udp": _plain("udp", edge_only=True),
}

TRIGGERS: Final[Mapping[str, Trigger]] = {**_SERVER, **_EDGE}
"""Every published type of trigger, by its name."""
