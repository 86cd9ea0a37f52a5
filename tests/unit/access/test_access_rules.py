"""Callers, roles and limits: the rules that need no store."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.app.access.network import address_allowed, check_addresses
from drover.app.access.redaction import HIDDEN, redact, redact_event, redact_text
from drover.app.access.secrets import digest, matches
from drover.app.access.throttle import Rule, Throttle, Window
from drover.app.access.verified import Verified
from drover.app.devices import check_sight, sight
from drover.kinds.device import Device
from drover.model.access import Caller, DeviceLimit, MemberRole, role_allows
from drover.model.accounts import AccessKey, Member, ResourceRole
from drover.model.errors import AccountLocked, Invalid, Missing, TooMany
from drover.model.fields import Tag
from drover.model.scopes import for_operation
from drover.query.evaluate import matches as query_matches
from tests.support.access_server import FakeClock

OWNERS = ("Application", "Organization", "User")
READ = for_operation("device", "get", OWNERS, reads=True)
WRITE = for_operation("device", "patch", OWNERS)
GRANT = for_operation("applicationKeys", "post", OWNERS)
NOW = "2026-01-02T03:04:05.678Z"
MINE, OTHER, LISTED = "a" * 24, "b" * 24, "c" * 24


def device(limit=None):
    return Caller(
        type="device", id=MINE, device_id=MINE, scopes=frozenset({"all.Device"}), device_limit=limit
    )


@pytest.mark.parametrize(
    ("role", "reads", "writes", "grants"),
    [
        (MemberRole.ADMIN, True, True, True),
        (MemberRole.EDIT, True, True, True),
        (MemberRole.COLLABORATE, True, True, False),
        (MemberRole.VIEW, True, False, False),
        (MemberRole.NONE, False, False, False),
    ],
)
def test_each_role_allows_its_own(role, reads, writes, grants):
    assert role_allows(role, READ, reads=True) is reads
    assert role_allows(role, WRITE, reads=False) is writes
    assert role_allows(role, GRANT, reads=False) is grants


@pytest.mark.parametrize("role", list(MemberRole))
@pytest.mark.parametrize("own", [MemberRole.COLLABORATE, MemberRole.VIEW, MemberRole.NONE])
def test_a_role_of_its_own_counts_below_editor(role, own):
    member = Member(
        organization_id=OTHER,
        account_id=MINE,
        role=role,
        application_roles=(ResourceRole(resource_id=LISTED, role=own),),
    )

    assert member.role_in(OTHER) is role
    kept = role in (MemberRole.ADMIN, MemberRole.EDIT)
    assert member.role_in(LISTED) is (role if kept else own)


def test_a_caller_holds_a_scope_when_any_is_accepted():
    caller = device()

    assert caller.holds(frozenset({"device.get", "all.Device"}))
    assert not caller.holds(frozenset({"device.get"}))


def test_only_a_device_is_limited_to_what_it_may_report_for():
    caller = device()

    assert caller.may_report_for(MINE, None)
    assert caller.may_report_for(OTHER, MINE)
    assert not caller.may_report_for(OTHER, None)
    assert Caller(type="user", id=MINE, scopes=frozenset()).may_report_for(OTHER, None)


tags = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("12")), max_size=3)
limits = st.builds(
    DeviceLimit,
    ids=st.frozensets(st.sampled_from([OTHER, LISTED]), max_size=2),
    tags=st.frozensets(
        st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from(["1", "2", None])), max_size=2
    ),
)


@given(st.none() | limits, st.sampled_from([MINE, OTHER, LISTED]), tags)
def test_lists_and_single_reads_show_a_device_the_same(limit, device_id, tags):
    caller = device(limit)
    row = {"id": device_id, "tags": [{"key": key, "value": value} for key, value in tags]}
    one = Device(
        id=device_id,
        application_id=MINE,
        creation_date=NOW,
        last_updated=NOW,
        name="d",
        tags=tuple(Tag(key=key, value=value) for key, value in tags),
    )

    listed = query_matches(sight(caller), row)

    assert listed is caller.covers_device(device_id, tags)
    try:
        check_sight(caller, one)
    except Missing:
        assert not listed
    else:
        assert listed


# Secrets


def test_a_secret_matches_its_own_digest_only():
    kept = digest("secret")

    assert matches("secret", kept)
    assert not matches("Secret", kept)
    assert not matches("", None)
    assert not matches("secret", None)


@given(st.text())
def test_any_text_can_be_held_against_a_digest(text):
    assert matches(text, digest(text)) is (len(text) <= 512)


# Throttling


def test_a_window_opens_again_after_its_time():
    clock = FakeClock()
    window = Window(clock, Rule(attempts=2, window_ms=1000))
    window.add("a")
    window.add("a")
    assert window.wait_ms("a") == 1000
    assert window.wait_ms("b") == 0

    clock.advance(1)

    assert window.wait_ms("a") == 0
    window.add("a")
    assert window.wait_ms("a") == 0


def test_a_window_forgets_the_longest_unseen_first():
    window = Window(FakeClock(), Rule(attempts=1, window_ms=1000), most=2)

    for name in "abc":
        window.add(name)

    assert len(window) == 2
    assert window.wait_ms("a") == 0
    assert window.wait_ms("c") > 0


def test_a_success_clears_the_account_and_takes_the_address_back():
    clock = FakeClock()
    throttle = Throttle(clock, Rule(2, 1000), Rule(2, 1000))
    for _ in range(5):
        throttle.begin("a", "1.1.1.1")
        throttle.succeed("a", "1.1.1.1")
    throttle.begin("a", "1.1.1.1")
    throttle.begin("b", "1.1.1.1")

    with pytest.raises(TooMany) as slowed:
        throttle.begin("c", "1.1.1.1")
    assert slowed.value.limit == "sign_ins_from_an_address"
    assert not isinstance(slowed.value, AccountLocked)
    throttle.succeed("b", "1.1.1.1")
    throttle.begin("a", "1.1.1.1")
    with pytest.raises(AccountLocked) as locked:
        throttle.begin("a")
    assert locked.value.limit == "sign_ins_of_an_account"
    assert locked.value.retry_after_s == 1
    throttle.release("a")
    throttle.begin("a")


# What was verified


def test_what_was_verified_counts_at_its_revision_only():
    verified = Verified(most=2)
    verified.keep("a", 1, "x")

    assert verified.find("a", 1) == "x"
    assert verified.find("a", 2) is None
    assert verified.find("b", 1) is None
    verified.keep("b", 1, "y")
    verified.keep("a", 2, "z")
    verified.keep("c", 2, "w")
    assert len(verified) == 2
    assert verified.find("b", 1) is None
    assert verified.find("a", 2) == "z"


# Addresses


def key(kind, *addresses):
    return AccessKey(
        id=MINE,
        application_id=MINE,
        key="k",
        secret_digest="d",
        created_ms=0,
        address_filter_type=kind,
        addresses=addresses,
    )


@pytest.mark.parametrize(
    ("kind", "addresses", "peer", "allowed"),
    [
        ("all", (), "", True),
        ("whitelist", ("10.0.0.0/8",), "10.1.2.3", True),
        ("whitelist", ("10.0.0.0/8",), "::ffff:10.1.2.3", True),
        ("whitelist", ("10.0.0.0/8",), "11.1.2.3", False),
        ("whitelist", ("::1",), "::1", True),
        ("whitelist", ("10.0.0.1",), "not-an-address", False),
        ("blacklist", ("10.0.0.1",), "10.0.0.1", False),
        ("blacklist", ("10.0.0.1",), "10.0.0.2", True),
        ("blacklist", ("10.0.0.1",), "", False),
    ],
)
def test_an_address_passes_the_list_of_a_key(kind, addresses, peer, allowed):
    assert address_allowed(key(kind, *addresses), peer) is allowed


def test_a_list_holds_addresses_and_blocks_only():
    check_addresses(["10.0.0.1", "10.0.0.0/8", "::1", "fe80::/10", "10.0.0.1/8"])

    with pytest.raises(Invalid) as flawed:
        check_addresses(["10.0.0.1", "everyone"])
    assert flawed.value.field == "addresses.1"


# Logs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/api/jobs?userkey=abc&x=1", f"/api/jobs?userkey={HIDDEN}&x=1"),
        ("/x?USERKEY=abc", f"/x?USERKEY={HIDDEN}"),
        ("/invites?email=a&token=abc#f", f"/invites?email=a&token={HIDDEN}#f"),
        ("Bearer abcdefghijkl", f"Bearer {HIDDEN}"),
        ("has drover_t_abcdefgh-_1 in it", f"has {HIDDEN} in it"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_secrets_in_texts_are_hidden(text, expected):
    assert redact_text(text) == expected


def test_secrets_are_hidden_by_name_however_deep():
    event = {
        "event": "request",
        "headers": {"Authorization": "Basic YTpi", "X-API-KEY-SECRET": "s", "accept": "*/*"},
        "bodies": [{"password": "p", "newPassword": "n", "name": "x"}],
        "ids": ("a", 1),
    }

    assert redact_event(None, "info", event) == {
        "event": "request",
        "headers": {"Authorization": HIDDEN, "X-API-KEY-SECRET": HIDDEN, "accept": "*/*"},
        "bodies": [{"password": HIDDEN, "newPassword": HIDDEN, "name": "x"}],
        "ids": ("a", 1),
    }


@given(st.recursive(st.none() | st.text() | st.integers(), lambda v: st.lists(v) | st.tuples(v)))
def test_redaction_keeps_the_shape(value):
    assert type(redact(value)) is type(value)
    assert redact(redact(value)) == redact(value)
