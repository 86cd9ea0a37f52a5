"""How scopes stand to each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.model.errors import Forbidden, Invalid
from drover.model.scopes import (
    ALLOWED,
    DEFAULT,
    MOST_SCOPES,
    check_handed_on,
    covers,
    for_operation,
    is_read,
    requested,
    widened,
)

names = st.sampled_from(sorted(ALLOWED["user"]))
held_scopes = st.frozensets(names, max_size=5)
OWNERS = ("Application", "Organization", "User")


@pytest.mark.parametrize("holder", sorted(DEFAULT))
def test_a_token_without_wishes_gets_its_holders_default(holder):
    assert requested(None, holder) == requested([], holder) == DEFAULT[holder]
    assert DEFAULT[holder] <= ALLOWED[holder]


@pytest.mark.parametrize(
    ("holder", "name"),
    [
        ("application", "all.User"),
        ("application", "all.Organization"),
        ("application", "applications.get"),
        ("organization", "me.get"),
        ("organization", "all.User"),
        ("device", "all.Application"),
        ("device", "device.delete"),
        ("device", "device.*"),
        ("user", "device"),
        ("user", "device.fly"),
        ("user", "ALL.USER"),
    ],
)
def test_a_scope_beyond_the_holder_cannot_be_asked_for(holder, name):
    with pytest.raises(Invalid):
        requested([name], holder)


def test_more_scopes_than_there_are_cannot_be_asked_for():
    with pytest.raises(Invalid, match="At most"):
        requested(["all.User"] * (MOST_SCOPES + 1), "user")


@given(held_scopes, names)
def test_whoever_covers_a_scope_opens_no_less_than_it(held, wanted):
    """What a token hands on must not open an operation that it cannot open itself."""
    family, _, verb = wanted.partition(".")
    if family in ("all", "only") or verb == "*" or not covers(held, wanted):
        return
    owners = ["Application", "Organization", "Instance", "User"]
    reach = {owner for owner in owners if wanted in _reach(owner)}
    accepted = for_operation(family, verb, tuple(sorted(reach)))

    assert not held.isdisjoint(accepted)


def _reach(owner):
    """The scopes of the operations that list the wide scope of this level."""
    return {
        "Application": ALLOWED["application"],
        "Organization": ALLOWED["organization"],
        "Instance": frozenset(name for name in ALLOWED["user"] if name.startswith("instance")),
        "User": ALLOWED["user"],
    }[owner]


@given(held_scopes)
def test_a_token_covers_what_it_holds(held):
    assert all(covers(held, name) for name in held)


@given(names, names, names)
def test_covering_goes_through(first, second, third):
    if covers(frozenset({first}), second) and covers(frozenset({second}), third):
        assert covers(frozenset({first}), third)


@pytest.mark.parametrize(
    ("held", "wanted", "expected"),
    [
        ("all.User", "all.Application", True),
        ("all.User", "all.Instance.read", True),
        ("all.Organization", "all.Application", True),
        ("all.Organization", "all.User", False),
        ("all.Application", "all.Organization", False),
        ("all.Application.read", "all.Application", False),
        ("all.Application.read", "device.get", False),
        ("all.Application.bounded", "all.Application", False),
        ("all.User.read", "all.Application.read", True),
        ("device.*", "device.get", True),
        ("device.*", "devices.get", False),
        ("device.get", "device.*", False),
        ("devices.*", "device.get", False),
    ],
)
def test_one_scope_covers_another(held, wanted, expected):
    assert covers(frozenset({held}), wanted) is expected


def test_handing_on_more_than_one_has_is_forbidden_by_name():
    with pytest.raises(Forbidden, match=r"device\.delete"):
        check_handed_on(frozenset({"device.get"}), {"device.get", "device.delete"})


def test_an_operation_reads_when_a_reading_scope_opens_it():
    assert is_read(for_operation("device", "get", OWNERS, reads=True))
    assert not is_read(for_operation("device", "patch", OWNERS))


@pytest.mark.parametrize(
    ("accepted", "more"),
    [
        (
            for_operation("device", "get", OWNERS, reads=True),
            {"all.Application.bounded", "all.Organization.bounded", "all.User.bounded"},
        ),
        (for_operation("applicationApiTokens", "post", OWNERS), set()),
        (
            for_operation("org", "patch", ("Organization", "User")),
            {
                "all.Organization.bounded",
                "all.User.bounded",
                "only.Organization",
                "only.Organization.bounded",
            },
        ),
        (for_operation("me", "patch", ("User",)), {"only.User"}),
        (
            for_operation("me", "get", ("User",), reads=True),
            {"all.User.bounded", "only.User", "only.User.bounded", "only.User.read"},
        ),
        (frozenset({"application.import"}), set()),
    ],
)
def test_the_bounded_and_one_level_scopes_follow_from_the_others(accepted, more):
    assert widened(accepted) == accepted | more
