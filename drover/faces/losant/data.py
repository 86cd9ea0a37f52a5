"""Questions about what devices reported: last values, and series over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from drover.app.device_series import (
    MOST_POINTS,
    DeviceSeries,
    Series,
    SeriesQuestion,
    Told,
    Window,
)
from drover.app.series import NONE, Aggregation, as_text
from drover.faces.losant._device_choice import chosen
from drover.faces.operation import Operation
from drover.model.errors import Invalid
from drover.model.fields import Ids, Key, TagFilters
from drover.model.instants import LAST_MS, to_text
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services
    from drover.faces.operation import Call

_PATH: Final = "/applications/{applicationId}/data"
_OWNERS: Final = ("Application", "Device", "Organization", "User")
_USUAL_LIMIT: Final = 1000
_AggregationName = Literal[
    "FIRST", "LAST", "COUNT", "MAX", "MIN", "MEDIAN", "MEAN", "SUM", "STD_DEV", "NONE"
]
_Instant = Annotated[float, Meta(ge=-LAST_MS, le=LAST_MS)]
_Length = Annotated[float, Meta(gt=0, le=LAST_MS)]


class HeldOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of an aggregation: the value whose time is summed up."""

    value: Annotated[str, Meta(max_length=255)] | int | float | bool | UnsetType = UNSET


class AggregationChoice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An aggregation with options."""

    type: _AggregationName | Literal["TIMEATVALUE"]
    options: HeldOptions = HeldOptions()


class LastValueQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body that asks for the newest value of an attribute."""

    attribute: Key
    device_ids: Ids | UnsetType = UNSET
    device_tags: TagFilters | UnsetType = UNSET
    device_query: dict[str, Any] | UnsetType = UNSET
    end: _Instant = 0


class TimeSeriesQuery(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """The body that asks for values over time."""

    start: _Instant | None = None
    end: _Instant = 0
    duration: _Length | None = None
    resolution: _Length | None = None
    aggregation: _AggregationName | AggregationChoice = "NONE"
    attributes: Annotated[tuple[Key, ...], Meta(max_length=256)] = ()
    device_ids: Ids | UnsetType = UNSET
    device_tags: TagFilters | UnsetType = UNSET
    device_query: dict[str, Any] | UnsetType = UNSET
    limit: Annotated[float, Meta(ge=1, le=MOST_POINTS)] | None = None
    order: Literal["asc", "desc"] = "asc"

    def wanted(self) -> Aggregation:
        """Return what becomes of the values; raises Invalid for options that do not fit."""
        if isinstance(self.aggregation, str):
            return Aggregation(self.aggregation)
        name, value = self.aggregation.type, self.aggregation.options.value
        if (name == "TIMEATVALUE") != (value is not UNSET):
            message = "TIMEATVALUE needs the option value, which no other aggregation takes"
            raise Invalid(message, field="aggregation")
        return Aggregation(name, "" if value is UNSET else as_text(value))


class _Calls:
    """The operations over the use cases."""

    def __init__(self, series: DeviceSeries) -> None:
        self._series = series

    async def last_values(self, call: Call) -> dict[str, Any]:
        """Return the newest value of an attribute, by device."""
        given = call.json(LastValueQuery)
        return await self._series.last_values(
            call.caller, call.application_id, chosen(given), given.attribute, given.end
        )

    async def series(self, call: Call) -> dict[str, Any]:
        """Return values over time, by device."""
        given = call.json(TimeSeriesQuery)
        asked = SeriesQuestion(
            devices=chosen(given),
            window=Window(
                end=given.end,
                start=given.start,
                duration=given.duration,
                resolution=given.resolution,
            ),
            wanted=given.wanted(),
            attributes=frozenset(given.attributes),
            limit=int(given.limit or _USUAL_LIMIT),
            descending=given.order == "desc",
        )
        found = await self._series.series(call.caller, call.application_id, asked)
        return _shown(given, asked, found)


def _shown(given: TimeSeriesQuery, asked: SeriesQuestion, found: Series) -> dict[str, Any]:
    return {
        "start": to_text(found.start_ms),
        "end": to_text(found.end_ms),
        "resolution": _plain(given.resolution),
        "aggregation": given.aggregation,
        "limit": asked.limit if asked.wanted.name == NONE else None,
        "order": given.order,
        "devices": {each.device.id: _of_device(each) for each in found.devices},
    }


def _plain(number: float | None) -> float | None:
    return int(number) if number is not None and number.is_integer() else number


def _of_device(told: Told) -> dict[str, Any]:
    tags: dict[str, list[str]] = {}
    for tag in told.device.tags:
        tags.setdefault(tag.key, []).append(tag.value)
    points = [{"time": to_text(time_ms), "data": data} for time_ms, data in told.points]
    return {"name": told.device.name, "tags": tags, "points": points}


def operations(services: Services) -> Iterator[Operation]:
    """Yield the questions about values of devices."""
    calls = _Calls(services[DeviceSeries])
    for verb, path, run, body, summary in (
        (
            "lastValueQuery",
            "last-value-query",
            calls.last_values,
            LastValueQuery,
            "Read the newest value of an attribute of many devices",
        ),
        (
            "timeSeriesQuery",
            "time-series-query",
            calls.series,
            TimeSeriesQuery,
            "Read values of many devices over time",
        ),
    ):
        yield Operation(
            method="POST",
            path=f"{_PATH}/{path}",
            scopes=for_operation("data", verb, _OWNERS, reads=True),
            run=run,
            name=f"data.{verb}",
            summary=summary,
            body=body,
        )
