"""Whatever is done to beacon jobs, in whatever order: both stores answer alike.

What a server with a store of its own remembers of jobs must not show; the other store remembers
nothing, so it tells what is right.
"""

from __future__ import annotations

import random

import pytest

from drover.model.access import Role
from tests.support.tmm_server import TmmServer

STEPS = 60
BEACONS = ("default", "left", "right")
WORKERS = ("", "a", "b")
ACTIONS = (
    *("pickup", "start", "update", "heartbeat", "end") * 3,
    *("release", "log", "cancel", "retry", "take", "show", "pause", "resume", "configure"),
    *("run out", "discard", "list", "create", "create", "create"),
)


class Play:
    """The same steps at one store; jobs are named by the order in which they were created."""

    def __init__(self, server):
        self.server = server
        self.jobs = []
        self.fences = {}

    async def begin(self):
        await self.server.begin()
        ann = await self.server.user(self.server.token, "ann@example.com")
        self.keys = (self.server.userkey, await self.server.new_key(ann, Role.USER))

    async def step(self, action, job, key, form):
        if action == "create":
            return self.told(await self.server.send("POST", "", self.keys[key], data=form))
        if action in ("pause", "resume", "configure"):
            data = {"action": action, **form}
            return self.told(await self.server.send("POST", "", self.keys[key], data=data))
        if action == "take":
            path = "?action=pickup"
            return self.told(await self.server.send("POST", path, self.keys[key], data=form))
        if action == "list":
            return self.told(await self.server.send("GET", "", self.keys[key]))
        return await self.on_one(action, self.jobs[job % len(self.jobs)], key, form)

    async def on_one(self, action, number, key, form):
        if action == "run out":
            return await self.server.run_out(number)
        if action == "discard":
            return await self.server.store.write(
                lambda session: session.inventory.discard([number])
            )
        if "fence" in form:
            form = {**form, "fence": self.fences.get(number, 1) - form["fence"]}
        path = f"/{number}" if action == "show" else f"/{number}?action={action}"
        method = "GET" if action == "show" else "POST"
        return self.told(await self.server.send(method, path, self.keys[key], data=form))

    def told(self, answer):
        if answer.status_code == 204:
            return 204
        body = answer.json()
        shown = [self.shape(each) for each in body] if isinstance(body, list) else self.shape(body)
        return answer.status_code, shown

    def shape(self, body):
        if "fence" not in body:
            return {name: self.shape(body[name]) if name == "job" else body[name] for name in body}
        number = body["id"]
        if number not in self.jobs:
            self.jobs.append(number)
        self.fences[number] = body["fence"] or 0
        return {name: self.plain(name, value) for name, value in body.items()}

    def plain(self, name, value):
        if name in ("id", "duplicate_of"):
            return None if value is None else self.jobs.index(value)
        if name.endswith("_time") or name == "lease_until":
            return value is not None
        return "-" if "guid" in name else value


def _form(chance, action):
    form = {}
    if action == "create":
        form = {"name": "job", "tasks": '[{"cmd":"a"},{"cmd":"b"}]', "q": chance.choice("0111")}
        form |= chance.choice(({}, {"lease": "900"}, {"max_attempts": "1"}, {"unique_key": "k"}))
        form |= chance.choice(({}, {"q_time": "4000000000"}, {"labels": "x"}, {"priority": "5"}))
    if action in ("create", "pause", "resume", "configure", "take"):
        form["beacon_name"] = chance.choice(BEACONS)
    if action == "configure":
        form["lease"] = chance.choice(("0", "3000"))
    if action == "update":
        form["curtask"] = chance.choice("0123")
    if action == "log":
        form["line"] = "x"
    if action == "end":
        form |= chance.choice(({}, {"result[]": "1"}, {"failed": "1", "error": "odd"}))
    if action not in ("create", "pause", "resume", "configure", "show", "list"):
        worker = chance.choice(WORKERS)
        form |= {"worker": worker} if worker else {}
        form |= {"fence": chance.choice((0, 0, 0, 1))} if chance.random() < 0.3 else {}
    return form


@pytest.mark.parametrize("seed", range(6))
async def test_both_stores_answer_alike_whatever_is_done(seed, sqlite_database, postgres_database):
    chance = random.Random(seed)
    plays = Play(TmmServer(sqlite_database)), Play(TmmServer(postgres_database))
    for each in plays:
        await each.begin()
        await each.step("create", 0, 0, {"name": "first", "q": "1"})

    for count in range(STEPS):
        action = chance.choice(ACTIONS)
        job, key, form = chance.randrange(99), int(chance.random() < 0.2), _form(chance, action)
        one, other = [await each.step(action, job, key, form) for each in plays]
        assert one == other, (count, action, job, key, form)

    for each in plays:
        await each.server.close()
