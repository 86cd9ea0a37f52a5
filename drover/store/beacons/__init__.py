"""Jobs of beacons in one transaction; see ``drover.ports.beacons``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from drover.model.beacon_job import TEMPLATE
from drover.model.errors import Duplicate, Missing
from drover.ports.beacons import Callback, Eligible, LogEnds, LogLine, LogSize, Setting
from drover.store.beacons.callbacks import note_due_callbacks
from drover.store.beacons.listing import MOST_UNTAKEN, Untaken, counting, listing, untaken_of
from drover.store.beacons.rows import added, is_kept, job_of, labels_of, saved, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.model.beacon_job import BeaconJob, NewBeaconJob
    from drover.ports.beacons import Change, DueCopy, Sought, Wish
    from drover.store.driver import Row, Transaction

__all__ = ["BeaconStore"]

_NOBODY: Final = "-"


class BeaconStore:
    """Jobs of beacons."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def add(self, new: NewBeaconJob, now_ms: int) -> BeaconJob:
        """Store one; raises Duplicate when its unique key is taken."""
        if self._tx.dialect == "postgres":
            row = await self._tx.fetch_one("postgres_beacon_add", _whole(new, now_ms))
            return added(new, _number(row), now_ms)
        number = _number(await self._tx.fetch_one("beacon_execution_add", _execution(new, now_ms)))
        await self._tx.execute("beacon_job_add", {**_job(new), "number": number})
        return added(new, number, now_ms)

    async def add_all(self, new: Sequence[NewBeaconJob], now_ms: int) -> list[BeaconJob]:
        """Store some whose keys nobody else has, on PostgreSQL in one trip."""
        if self._tx.dialect != "postgres":
            return [await self.add(each, now_ms) for each in new]
        rows = await self._tx.fetch_many(
            "postgres_beacon_add", [_whole(each, now_ms) for each in new]
        )
        return [added(each, row["number"], now_ms) for each, row in zip(new, rows, strict=True)]

    async def add_copies(self, copies: Sequence[DueCopy], now_ms: int) -> None:
        """Store the jobs that templates add, each once for its moment; two statements for all."""
        rows = [(each.template, each.due_ms, each.id) for each in copies]
        text = msgspec.json.encode(rows).decode()
        await self._tx.execute("beacon_executions_copy", {"copies": text, "now_ms": now_ms})
        await self._tx.execute("beacon_jobs_copy", {"copies": text})

    async def hold_keys(self, keys: Sequence[str]) -> None:
        """Keep others from holding some unique keys so; SQLite has one writer anyway."""
        if self._tx.dialect == "postgres":
            await self._tx.fetch("postgres_beacon_hold_keys", {"keys": list(keys)})

    async def by_unique_key(self, unique_in: str, unique_key: str) -> BeaconJob | None:
        """Return the job that holds a key."""
        params = {"unique_in": unique_in, "unique_key": unique_key}
        row = await self._tx.fetch_one("beacon_by_unique_key", params)
        return None if row is None else await self.get(row["number"])

    async def free_key(self, unique_in: str, unique_key: str, now_ms: int) -> None:
        """Free a key whose time is over, or whose job was discarded."""
        params = {"unique_in": unique_in, "unique_key": unique_key, "now_ms": now_ms}
        await self._tx.execute("beacon_free_key", params)

    async def get(self, number: int) -> BeaconJob:
        """Return one; raises Missing."""
        return _there(await self._tx.fetch_one("beacon_get", {"number": number}))

    async def seen(self, numbers: Sequence[int]) -> tuple[Mapping[int, BeaconJob], int]:
        """Return those that are there as they stand, by number, and the store's clock; one trip."""
        rows = await self._tx.fetch_many("beacon_seen", [{"number": each} for each in numbers])
        clock = min((row["now_ms"] for row in rows if row["now_ms"] is not None), default=None)
        jobs = {row["number"]: job_of(row) for row in rows}
        return jobs, await self._tx.now_ms() if clock is None and jobs else clock or 0

    async def hold(self, number: int) -> BeaconJob:
        """Return one that nobody else changes before this unit of work ends; raises Missing."""
        return await self._held(number, discarded=0)

    async def _held(self, number: int, *, discarded: int) -> BeaconJob:
        params = {"number": number, "discarded": discarded}
        return _there(await self._tx.fetch_one("beacon_hold", params))

    async def next(self, wish: Wish, now_ms: int) -> BeaconJob | None:
        """Return the best eligible job and keep others from taking it."""
        params = {
            "names": list(wish.names),
            "everybody": int(wish.sight.owners is None),
            "owners": sorted(wish.sight.owners or ()),
            "labels": sorted(wish.labels),
            "now_ms": now_ms,
        }
        row = await self._tx.fetch_one("beacon_next", params)
        return None if row is None else await self.hold(row["number"])

    async def save(self, seen: BeaconJob, job: BeaconJob, *, discarded: bool = False) -> bool:
        """Write what was done to a job, unless it has changed since it was seen."""
        row = saved(seen, job, discarded=discarded)
        if is_kept(seen, job):
            return await self._tx.execute("beacon_renew", row) > 0
        if await self._tx.fetch_one("beacon_save", {**row, "place": 0}) is None:
            return False
        if _is_told(seen, job):
            await note_due_callbacks(self._tx, [job.number], job.completed_ms)
        return True

    async def save_all(self, changes: Sequence[Change]) -> list[bool]:
        """Write what was done to some jobs, on PostgreSQL in one trip; tell which were written."""
        if self._tx.dialect != "postgres":
            return [await self.save(*each) for each in changes]
        told = any(_is_told(*each) for each in changes)
        statement = "postgres_beacon_save_told" if told else "beacon_save"
        rows = [{**saved(*each), "place": place} for place, each in enumerate(changes)]
        # In one order for everybody, so that no two wait for each other.
        rows.sort(key=lambda row: (row["number"], row["place"]))
        written = {row["place"] for row in await self._tx.fetch_many(statement, rows)}
        return [place in written for place in range(len(changes))]

    async def page(
        self, sought: Sought, *, after: int, offset: int, limit: int
    ) -> Sequence[BeaconJob]:
        """Return jobs by number from after ``after`` on, without their tasks."""
        found = await self._untaken(sought, after)
        asked = listing(sought, self._tx.dialect, found.numbers)
        params = {**asked.params, "after": found.after, "offset": offset, "limit": limit}
        return [job_of(row) for row in await self._tx.fetch_sql(asked.sql, params)]

    async def count(self, sought: Sought) -> int:
        """Count the jobs that a list shows."""
        found = await self._untaken(sought, 0)
        asked = counting(sought, self._tx.dialect, found.numbers)
        rows = await self._tx.fetch_sql(asked.sql, {**asked.params, "after": found.after})
        return int(rows[0]["count"])

    async def _untaken(self, sought: Sought, after: int) -> Untaken:
        """Return among which jobs to look, where nobody may have those that are sought.

        Few are looked at by themselves, whatever else there is; many are met soon from about the
        first of them on.
        """
        name = untaken_of(sought.query)
        if name is None:
            return Untaken(None, after)
        params = {"name": name, "limit": MOST_UNTAKEN}
        rows = await self._tx.fetch("beacon_untaken", params)
        if len(rows) < MOST_UNTAKEN:
            return Untaken([row["number"] for row in rows], after)
        if after == 0:
            (row,) = await self._tx.fetch("beacon_before_untaken", params)
            after = (row["number"] or 1) - 1  # none where all were taken meanwhile
        return Untaken(None, after)

    async def eligible(self, names: Sequence[str], now_ms: int, limit: int) -> Sequence[Eligible]:
        """Return queued jobs of these beacons that are due."""
        params = {"names": list(names), "now_ms": now_ms, "limit": limit}
        rows = await self._tx.fetch("beacon_eligible", params)
        return [
            Eligible(row["queue"], row["owner_id"], frozenset(labels_of(row["labels"])))
            for row in rows
        ]

    async def next_due_ms(self, names: Sequence[str], now_ms: int) -> int | None:
        """Return when the next job of these beacons that is not due yet will be."""
        params = {"names": list(names), "now_ms": now_ms}
        row = await self._tx.fetch_one("beacon_next_due", params)
        return None if row is None else row["next_ms"]

    async def expired(self, now_ms: int, limit: int) -> Sequence[BeaconJob]:
        """Return jobs whose lease or time is over, held until the end of the unit of work."""
        rows = await self._tx.fetch("beacon_expired", {"now_ms": now_ms, "limit": limit})
        # One that is shown no more has a clock still, which ends it.
        return [await self._held(row["number"], discarded=1) for row in rows]

    async def beside(self, account_id: str) -> Sequence[str] | None:
        """Return the accounts that share an organisation with one; None for an administrator."""
        rows = await self._tx.fetch("beacon_accounts_beside", {"account_id": account_id})
        if any(row["administers"] for row in rows):
            return None
        return [row["account_id"] for row in rows if row["account_id"] is not None]

    async def kept(self, numbers: Sequence[int]) -> Mapping[int, int]:
        """Return the fences of those of some jobs whose worker is to go on, by number."""
        rows = await self._tx.fetch("beacon_kept", {"numbers": list(numbers)})
        return {row["number"]: row["fence"] for row in rows}

    async def put_clock(self, until_ms: int) -> int:
        """Give jobs that are to be cancelled and have no lease one that ends; return how many."""
        return await self._tx.execute("beacon_put_clock", {"until_ms": until_ms})

    async def add_lines(self, number: int, lines: Sequence[LogLine]) -> LogSize:
        """Add lines to a job's log and return its size; taken places stay as they are."""
        rows = {each.seq: (each.seq, each.at_ms, each.line) for each in lines}
        text = msgspec.json.encode(list(rows.values())).decode()
        sizes = await self._tx.fetch("beacon_log_add", {"number": number, "lines": text})
        return await self._count_lines(number, len(sizes), sum(row["size"] for row in sizes))

    async def drop_lines(self, number: int, size: int) -> None:
        """Drop the first lines of a job's log, of at least so many bytes together."""
        gone = await self._tx.fetch("beacon_log_drop", {"number": number, "size": size})
        dropped = max((row["seq"] for row in gone), default=0)
        await self._count_lines(number, -len(gone), -sum(row["size"] for row in gone), dropped)

    async def log_ends(self, number: int) -> LogEnds:
        """Return between which places a job's log has its lines."""
        row = await self._tx.fetch_one("beacon_log_ends", {"number": number})
        return LogEnds(0, 0) if row is None else LogEnds(row["dropped"], row["last"] or 0)

    async def before_last_lines(self, number: int, count: int) -> int:
        """Return the place after which a job's log has its last lines, so many at the most."""
        row = await self._tx.fetch_one("beacon_log_before_last", {"number": number, "count": count})
        return 0 if row is None else int(row["seq"])

    async def lines(self, number: int, after: int, limit: int) -> Sequence[LogLine]:
        """Return lines of a job's log from after a place on."""
        params = {"number": number, "after": after, "limit": limit}
        rows = await self._tx.fetch("beacon_log_page", params)
        return [LogLine(seq=row["seq"], at_ms=row["at_ms"], line=row["line"]) for row in rows]

    async def _count_lines(self, number: int, lines: int, size: int, dropped: int = 0) -> LogSize:
        params = {"number": number, "lines": lines, "bytes": size, "dropped": dropped}
        row = await self._tx.fetch_one("beacon_log_count", params)
        return LogSize(0, 0) if row is None else LogSize(row["log_lines"], row["log_bytes"])

    async def put_setting(
        self, name: str, owner_id: str, *, paused: bool | None, lease_ms: int | None
    ) -> None:
        """Note what is set for a beacon; what is None stays as it is."""
        params = {
            "name": name,
            "owner_id": owner_id,
            "paused": None if paused is None else int(paused),
            "lease_ms": lease_ms,
        }
        await self._tx.execute("beacon_setting_put", params)

    async def settings(self) -> Sequence[Setting]:
        """Return what is set for beacons, by name."""
        return [
            Setting(
                name=row["name"],
                owner_id=row["owner_id"],
                paused=bool(row["paused"]),
                lease_ms=row["lease_ms"],
            )
            for row in await self._tx.fetch("beacon_settings")
        ]

    async def to_call(self, now_ms: int, after: str, limit: int) -> Sequence[str]:
        """Return the hosts that callbacks are to be made to, in order from after one on."""
        params = {"now_ms": now_ms, "after": after, "limit": limit}
        return [row["host"] for row in await self._tx.fetch("beacon_callback_hosts", params)]

    async def claim_callbacks(
        self, host: str, now_ms: int, until_ms: int, limit: int
    ) -> Sequence[Callback]:
        """Take callbacks of jobs that have ended; nobody else has them until ``until_ms``."""
        params = {"host": host, "now_ms": now_ms, "until_ms": until_ms, "limit": limit}
        rows = await self._tx.fetch("beacon_callback_claim", params)
        return [
            Callback(await self.get(row["number"]), row["callback_url"], row["callback_tries"])
            for row in rows
        ]

    async def end_callback(self, callback: Callback, again_ms: int | None) -> None:
        """Forget a callback, or put it off."""
        params: dict[str, Any] = {"number": callback.job.number, "tries": callback.tries}
        if again_ms is None:
            await self._tx.execute("beacon_callback_done", params)
        else:
            await self._tx.execute("beacon_callback_again", {**params, "due_ms": again_ms})


def _execution(new: NewBeaconJob, now_ms: int) -> dict[str, Any]:
    return {
        "id": new.id,
        "kind": new.kind,
        "name": new.name,
        "owner_id": new.owner_id,
        "unique_in": new.unique_in,
        "state": state_of(new).value,
        "source_type": new.source_type,
        "source_id": new.source_id,
        "duplicate_of": new.duplicate_of,
        "unique_key": new.unique_key,
        "now_ms": now_ms,
        "due_ms": now_ms if new.queued_ms is None else new.queued_ms,
        "queued_ms": new.queued_ms,
        "beacon_name": new.beacon_name,
        "priority": new.priority,
        "timeout_ms": new.timeout_ms,
        "max_retries": new.max_attempts - 1,
        "retry_delay_ms": new.retry_delay_ms,
        # A template is no job: the inventory of jobs does not show it.
        "discarded": int(new.kind == TEMPLATE),
    }


def _whole(new: NewBeaconJob, now_ms: int) -> dict[str, Any]:
    job = _job(new)
    # Both tables have a column of this name.
    job["shown_key"] = job.pop("unique_key")
    return {**_execution(new, now_ms), **job}


def _number(row: Row | None) -> int:
    if row is None:
        raise Duplicate("A job with this unique_key is there already", field="unique_key")
    return int(row["number"])


def _job(new: NewBeaconJob) -> dict[str, Any]:
    return {
        "user_number": new.user_number,
        "user_guid": new.user_guid,
        "tasks": new.tasks.decode(),
        "steps": new.steps,
        "lease_ms": new.lease_ms,
        "labels": msgspec.json.encode(new.labels).decode() if new.labels else None,
        "unique_key": None if new.key_is_ours else new.unique_key,
        "unique_until_ms": new.unique_until_ms,
        "callback_url": new.callback_url,
        "callback_host": _host(new.callback_url),
    }


def _host(url: str | None) -> str:
    """Return who is called, by the host's name: ports of one are one; a dash stands for nobody."""
    return _NOBODY if url is None else urlsplit(url).hostname or _NOBODY


def _is_told(seen: BeaconJob, job: BeaconJob) -> bool:
    """Tell whether a job has just ended and somebody is to hear of it."""
    ended = seen.completed_ms is None and job.completed_ms is not None
    return ended and job.callback_url is not None


def _there(row: Row | None) -> BeaconJob:
    if row is None:
        raise Missing("Job was not found")
    return job_of(row)
