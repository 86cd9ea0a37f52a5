"""Which scopes open the operations of this dialect, held against those that are published."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drover.faces import losant
from drover.faces.declared import declared
from drover.model.scopes import ALLOWED, GRANTING, for_operation, is_read, widened
from tests.support.any_services import AnyServices

LEVELS = {"A": "Application", "D": "Device", "O": "Organization", "U": "User"}
OPEN = {
    "POST /uploads/{}/{}/{}",
    "GET /content/{}/{}/{}",
    "GET /notebook-files/{}/{}",
    "POST /auth/user",
    "POST /auth/device",
    "GET /auth/ssoDomain",
    "GET /whitelabels/domain",
    "GET /invites",
    "POST /invites",
    "GET /reports/{}",
    "GET /downloads/{}",
    "GET /dashboards/{}",
    "POST /dashboards/{}/validateContext",
    *(f"{method} /webhooks/{{}}/{{}}" for method in ("GET", "POST", "PUT", "PATCH", "DELETE")),
    *(
        f"{method} /{site}/{{}}/{{}}"
        for site in ("experiences", "sites")
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    ),
}
"""The operations that need no token: signing in, what carries a secret or signature itself, what
an application's own interface asks of its callers by itself, and what may be public."""


def published():
    """The published scopes by method and path."""
    found = {}
    text = (Path(__file__).parent / "published_scopes.txt").read_text()
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        method, path, name, marks = line.split()
        family, verb = name.split(".")
        owners = tuple(LEVELS[each] for each in marks if each in LEVELS)
        scopes = for_operation(family, verb, owners, reads="r" in marks)
        if "c" in marks:
            scopes |= {f"all.{owner}.cli" for owner in owners if owner in ("Application", "User")}
        found[f"{method} {path}"] = scopes
    return found


PUBLISHED = published()
OPERATIONS = {
    f"{operation.method} {re.sub(r'{[^}]*}', '{}', operation.path)}": operation
    for face, operation in declared(AnyServices())
    if face is losant.FACE
}
GUARDED = {at: each for at, each in OPERATIONS.items() if each.scopes is not None}


STRICTER = {"POST /applications/{}/events/delete"}
"""Published as open to tokens that only read, which delete nothing here."""


@pytest.mark.parametrize("at", sorted(OPERATIONS.keys() & PUBLISHED.keys() - STRICTER))
def test_an_operation_opens_to_exactly_the_published_scopes(at):
    assert OPERATIONS[at].scopes == PUBLISHED[at]


def test_only_what_is_listed_needs_no_token():
    assert OPERATIONS.keys() - GUARDED.keys() <= OPEN


@pytest.mark.parametrize("at", sorted(STRICTER))
def test_a_deletion_is_closed_to_tokens_that_only_read(at):
    assert PUBLISHED[at] > GUARDED[at].scopes
    assert not is_read(GUARDED[at].scopes)


@pytest.mark.parametrize("at", sorted(GUARDED))
def test_every_scope_of_an_operation_can_be_asked_for(at):
    assert GUARDED[at].scopes <= ALLOWED["user"]


@pytest.mark.parametrize("at", sorted(GUARDED))
def test_the_reading_scopes_are_listed_on_reads_alone(at):
    wide = {name for name in GUARDED[at].scopes if name.startswith("all.")}
    levels = {name for name in wide if name.count(".") == 1}
    reading = {name.removesuffix(".read") for name in wide if name.endswith(".read")}

    assert reading in (set(), levels)
    if at.startswith(("PATCH", "DELETE", "PUT")):
        assert not reading


@pytest.mark.parametrize("at", sorted(PUBLISHED))
def test_what_hands_out_access_is_closed_to_bounded_tokens(at):
    bounded = {name for name in widened(PUBLISHED[at]) if name.endswith(".bounded")}

    assert bool(bounded) is not bool(PUBLISHED[at] & GRANTING)


@pytest.mark.parametrize("at", sorted(PUBLISHED))
def test_one_level_tokens_reach_only_what_no_lower_level_does(at):
    scopes = PUBLISHED[at]
    opened = widened(scopes)

    assert ("only.User" in opened) is not bool({"all.Application", "all.Organization"} & scopes)
    assert ("only.User.read" in opened) is ("only.User" in opened and is_read(scopes))
