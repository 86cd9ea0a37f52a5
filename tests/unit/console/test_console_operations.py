"""Every operation of the console is closed to whoever is not signed in, but for those listed."""

from __future__ import annotations

import pytest

from drover.faces.declared import declared
from tests.support.any_services import AnyServices

OPEN = {
    "GET /",
    "GET /console",
    "GET /console/sign-in",
    "POST /console/sign-in",
    "GET /console/static/{file}",
}


DECLARED = [each for face, each in declared(AnyServices()) if face.name == "console"]
OPERATIONS = {f"{each.method} {each.path}": each for each in DECLARED}


def test_only_what_is_listed_needs_no_session():
    assert {at for at, each in OPERATIONS.items() if each.scopes is None} == OPEN


def test_pages_are_read_and_forms_are_sent_and_nothing_else():
    assert {each.method for each in DECLARED} == {"GET", "POST"}


@pytest.mark.parametrize("at", sorted(OPERATIONS))
def test_a_form_is_bounded_and_every_operation_says_what_it_does(at):
    operation = OPERATIONS[at]

    assert operation.summary
    assert operation.method == "GET" or operation.max_body_bytes <= 262_144


@pytest.mark.parametrize("at", sorted(at for at in OPERATIONS if at.startswith("GET ")))
def test_what_only_shows_is_open_to_who_only_looks(at):
    scopes = OPERATIONS[at].scopes
    asking = at in {"GET /console/jobs/cancel", "GET /console/jobs/delete"}

    assert scopes is None or asking or any(name.endswith(".read") for name in scopes)
