"""Make many devices by one recipe, from the rows of a CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from drover.app.devices import NewDevice
from drover.kinds.application_key import KIND as KEY
from drover.kinds.device import KIND as DEVICE
from drover.kinds.device_recipe import KIND
from drover.model.bodies import convert
from drover.model.errors import Invalid, TooLarge, reached
from drover.model.fields import Email, Id, Url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from drover.app.catalog import Catalog
    from drover.app.devices import Devices
    from drover.kinds.device_recipe import DeviceRecipe
    from drover.model.access import Caller
    from drover.ports.store import Session, Store

MOST_ROWS: Final = 10_000
RECIPE_TAG: Final = "DeviceRecipe"
"""The tag that tells which recipe a device was made by."""
BATCH: Final = 200
"""Devices that are made in one unit of work."""
_RESULTS: Final = ("deviceId", "accessKey", "accessSecret", "error")

_Column = Annotated[str, Meta(max_length=255)]


class BulkCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Which devices to make: the rows of ``csv``, or ``count`` of the same."""

    csv: str | UnsetType = UNSET
    count: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    name_column: _Column | UnsetType = UNSET
    description_column: _Column | UnsetType = UNSET
    gateway_id_column: _Column | UnsetType = UNSET
    parent_id_column: _Column | UnsetType = UNSET
    make_unique_key_secret: bool = False
    email: Email | UnsetType = UNSET
    callback_url: Url | UnsetType = UNSET
    gateway_id: Id | UnsetType = UNSET
    parent_id: Id | UnsetType | None = UNSET


@dataclass(slots=True)
class Line:
    """One row: what it says, and what became of it."""

    given: dict[str, str]
    outcome: dict[str, str] = field(default_factory=dict)
    body: Struct | None = None

    @property
    def lacks_key(self) -> bool:
        """Whether there is a device and no access key for it."""
        return "deviceId" in self.outcome and "accessKey" not in self.outcome

    def fail(self, error: Invalid) -> None:
        """Note why there is no device."""
        self.outcome["error"] = error.message


@dataclass(frozen=True, slots=True)
class BulkCreated:
    """How many devices were made and were not, and the rows with what became of each."""

    created: int
    failed: int
    csv_result: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of a request."""

    columns: Sequence[str]
    lines: Sequence[Line]

    @property
    def result(self) -> BulkCreated:
        """What became of them."""
        failed = sum("error" in line.outcome for line in self.lines)
        return BulkCreated(len(self.lines) - failed, failed, _csv(self.columns, self.lines))


class DeviceRecipes:
    """Makes devices by recipes."""

    def __init__(self, store: Store, catalog: Catalog, devices: Devices) -> None:
        self._store = store
        self._catalog = catalog
        self._devices = devices

    async def sheet(self, application_id: str, recipe_id: str, wanted: BulkCreate) -> Sheet:
        """Return the rows of a request, those noted as failed that can be no devices.

        Raises Missing for the recipe, Invalid for rows that are no CSV, TooLarge.
        """
        recipe = await self._store.read(
            lambda session: session.resources.get(KIND, application_id, recipe_id)
        )
        columns, rows = rows_of(wanted)
        lines = [Line(row) for row in rows]
        for line in lines:
            _shape(line, recipe, wanted)
        await self._store.read(lambda session: _refuse_absent(session, application_id, lines))
        return Sheet(columns, lines)

    async def create(
        self, caller: Caller, application_id: str, sheet: Sheet, *, with_keys: bool
    ) -> BulkCreated:
        """Make a device for each row; one that cannot be made keeps no other back."""
        good = [line for line in sheet.lines if not line.outcome]
        for start in range(0, len(good), BATCH):
            await self._make(caller, application_id, good[start : start + BATCH])
        if with_keys:
            for line in good:
                await self.give_key(caller, application_id, line)
        return sheet.result

    async def make_within(
        self, session: Session, caller: Caller, application_id: str, lines: Sequence[Line]
    ) -> Sequence[str]:
        """Make the devices of rows that can be some, within a unit of work; return their ids.

        Raises Invalid where one of them cannot be made after all.
        """
        good = [line for line in lines if not line.outcome]
        bodies = [NewDevice(line.body) for line in good if line.body is not None]
        ids = await self._devices.create_within(session, caller, application_id, bodies)
        for line, device_id in zip(good, ids, strict=True):
            line.outcome["deviceId"] = device_id
        return ids

    async def give_key(self, caller: Caller, application_id: str, line: Line) -> None:
        """Make an access key for the device of a row, where it lacks one."""
        if not line.lacks_key:
            return
        body = msgspec.json.encode({"deviceIds": [line.outcome["deviceId"]]})
        made = msgspec.json.decode(await self._catalog.create(caller, KEY, application_id, body))
        line.outcome |= {"accessKey": made["key"], "accessSecret": made["secret"]}

    async def _make(self, caller: Caller, application_id: str, lines: Sequence[Line]) -> None:
        bodies = [NewDevice(line.body) for line in lines if line.body is not None]
        try:
            ids = await self._devices.create_many(caller, application_id, bodies)
        except Invalid as error:
            if len(lines) == 1:
                lines[0].fail(error)
                return
            for line in lines:  # one of them does not fit: the others still do
                await self._make(caller, application_id, [line])
            return
        for line, device_id in zip(lines, ids, strict=True):
            line.outcome["deviceId"] = device_id


def body_of(recipe: DeviceRecipe, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of one device by a recipe; what is given besides wins.

    Of tags those of the same key, and of attributes those of the same name.
    """
    made = _body({}, recipe, BulkCreate())
    merged = {
        name: [
            *(each for each in made.get(name, ()) if each[key] not in _keys(given.get(name), key)),
            *given[name],
        ]
        for name, key in (("tags", "key"), ("attributes", "name"))
        if isinstance(given.get(name), list)
    }
    return {**made, **given, **merged}


def _keys(entries: Any, key: str) -> set[Any]:
    return {
        each[key] for each in entries if isinstance(each, dict) and isinstance(each.get(key), str)
    }


def rows_of(wanted: BulkCreate) -> tuple[Sequence[str], Sequence[dict[str, str]]]:
    """Return the columns and rows that a request gives; raises Invalid, TooLarge."""
    if wanted.csv is UNSET:
        if wanted.count is UNSET:
            raise Invalid("csv or count is required", field="csv")
        return (), [{} for _ in range(_few(wanted.count))]
    reader = csv.reader(io.StringIO(wanted.csv.removeprefix("\ufeff")), strict=True)
    try:
        columns, *rows = [row for row in reader if row] or [[]]
    except csv.Error as error:
        raise Invalid(f"The CSV cannot be read: {error}", field="csv") from error
    _check_columns(columns, wanted)
    _few(len(rows))
    if any(len(row) != len(columns) for row in rows):
        raise Invalid("Each row of the CSV needs as many values as there are columns", field="csv")
    return columns, [dict(zip(columns, row, strict=True)) for row in rows]


def _few(count: int) -> int:
    if count > MOST_ROWS:
        raise reached("recipe_rows", TooLarge(f"At most {MOST_ROWS} devices are made at a time"))
    return count


def _check_columns(columns: Sequence[str], wanted: BulkCreate) -> None:
    if not columns or len(set(columns)) < len(columns):
        raise Invalid("Each column of the CSV needs a name of its own", field="csv")
    for name in ("name", "description", "gateway_id", "parent_id"):
        column = getattr(wanted, f"{name}_column")
        if column is not UNSET and column not in columns:
            raise Invalid(f"The CSV has no column {column}", field="csv")


def _shape(line: Line, recipe: DeviceRecipe, wanted: BulkCreate) -> None:
    try:
        line.body = convert(_body(line.given, recipe, wanted), DEVICE.post_type)
    except Invalid as error:
        line.fail(error)


def _body(row: dict[str, str], recipe: DeviceRecipe, wanted: BulkCreate) -> dict[str, Any]:
    made = msgspec.to_builtins(recipe)
    shared = ("attributes", "deviceClass", "systemInterval", "keepDuplicates")
    body = {name: made[name] for name in shared if name in made}
    mapped = set()
    for name, default in (
        ("name", made.get("deviceName", recipe.name)),
        ("description", made.get("deviceDescription")),
        ("gatewayId", wanted.gateway_id or made.get("gatewayId")),
        ("parentId", wanted.parent_id or made.get("parentId")),
    ):
        column = getattr(wanted, f"{_attribute(name)}_column")
        mapped.add(column)
        if value := row.get(column) or default:
            body[name] = value
    own = [{"key": key, "value": row[key]} for key in row if key not in mapped and row[key]]
    body["tags"] = [*made["tags"], *own, {"key": RECIPE_TAG, "value": recipe.id}]
    return body


def _attribute(wire_name: str) -> str:
    return wire_name.replace("Id", "_id")


async def _refuse_absent(session: Session, application_id: str, lines: Sequence[Line]) -> None:
    wanted = {each for line in lines for each in _references(line)}
    absent = set(await session.resources.absent(DEVICE, application_id, sorted(wanted)))
    for line in lines:
        for each in _references(line):
            if each in absent:
                line.fail(Invalid(f"Device {each} was not found"))


def _references(line: Line) -> Iterator[str]:
    for name in ("gateway_id", "parent_id"):
        value = getattr(line.body, name, UNSET)
        if isinstance(value, str):
            yield value.lower()


def _csv(columns: Sequence[str], lines: Sequence[Line]) -> str:
    shown = [each for each in _RESULTS if any(each in line.outcome for line in lines)]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*columns, *shown])
    for line in lines:
        own = [line.outcome.get(each, "") for each in shown]
        writer.writerow([*(line.given[each] for each in columns), *own])
    return text.getvalue()
