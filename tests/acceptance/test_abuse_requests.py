"""Storms of hostile requests over every operation that a server declares.

Nothing a caller sends gives a 5xx, another tenant's data or a half-written change.
"""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.acceptance.abuse_server import GROWING, Storm, assert_none, refusal_of, storming
from tests.support.abuse_bodies import BROKEN
from tests.support.abuse_world import MISSING, Declared, Tenant

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def storm():
    with storming() as running:
        yield running


@pytest.fixture(autouse=True)
def calm_after(storm):
    yield
    storm.assert_calm()


@pytest.fixture(scope="module")
def vandal(storm) -> Tenant:
    """A tenant whose requests are refused, so that one will do for many tests."""
    return storm.vandal()


@pytest.fixture
def rogue(storm) -> Iterator[Tenant]:
    """A tenant of the test's own, for requests of which some are taken; its token stays good."""
    made = storm.vandal()
    yield made
    made.wire.send("GET", "/me")


def sample(storm: Storm, operation: Declared) -> bytes | None:
    if not operation.writes:
        return None
    return json.dumps(storm.bodies.sample(operation.body or {"type": "object"})).encode()


def test_no_operation_opens_without_a_token_or_with_garbage_for_one(storm):
    flaws = []
    tokens = [None, "garbage", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "x" * 20_000]
    for operation in filter(lambda each: each.guarded, storm.operations):
        for token in tokens:
            path, body = storm.victim.at(operation), sample(storm, operation)
            reply = storm.admin.ask(operation.method, path, body, token=token)
            if reply.status != 401:
                flaws.append(f"{operation.id} {token}: {reply.status} {reply.body[:200]!r}")
    assert_none(flaws)


def test_a_token_counts_in_its_header_alone(storm):
    flaws = []
    token = storm.victim.wire.token
    for operation in filter(lambda each: each.guarded, storm.operations):
        path, body = storm.victim.at(operation), sample(storm, operation)
        cookies = {"Cookie": f"token={token}; Authorization=Bearer {token}; session={token}"}
        queries = f"?token={token}&access_token={token}&authorization=Bearer%20{token}"
        for target, headers in ((path, cookies), (path + queries, {})):
            reply = storm.admin.ask(operation.method, target, body, headers, token=None)
            if reply.status != 401:
                flaws.append(f"{operation.id}: {reply}")
    assert_none(flaws)


def is_bulk(operation: Declared) -> bool:
    """Tell whether an operation changes whatever a query matches."""
    last = operation.path.rsplit("/", 1)[1]
    if operation.method == "POST":
        return last in {"delete", "restore", "cancel"}
    return operation.method in {"PATCH", "DELETE"} and last in BULK


BULK = {"devices", "events", "jobs", "rows"}
EMPTY = [
    None,
    b"",
    b" ",
    b"null",
    b"[]",
    b'""',
    b'{"query":""}',
    b'{"query":null}',
    b'{"query":"{"}',
]
BROKEN_QUERIES = [
    "",
    "?query=",
    "?query=%20",
    "?query=%7B",
    "?query=id%3D",
    "?query=zz%20%3D%201",
    "?query=%00",
]


def test_a_bulk_change_without_a_good_query_is_refused_and_changes_nothing(storm, vandal):
    flaws = []
    bulk = [each for each in storm.operations if is_bulk(each)]
    for operation in bulk:
        before = everything(storm, vandal)
        for body in EMPTY:
            for query in BROKEN_QUERIES:
                reply = vandal.wire.ask(operation.method, vandal.at(operation) + query, body)
                if not 400 <= reply.status < 500:
                    flaws.append(f"{operation.id}{query} with {body}: {reply}")
        if everything(storm, vandal) != before:
            flaws.append(f"{operation.id}: changed something")
    assert len(bulk) >= 5
    assert_none(flaws)


def everything(storm: Storm, tenant: Tenant) -> list[object]:
    """Return the counts of all lists that a tenant has."""
    counts = []
    for operation in storm.operations:
        if operation.method == "GET" and operation.query and operation.id not in GROWING:
            reply = tenant.wire.ask("GET", tenant.at(operation))
            found = reply.json if reply.status == 200 and reply.body[:1] == b"{" else {}
            counts.append((operation.id, found.get("totalCount", found.get("count"))))
    return counts


NEEDED = f"?inviteId={MISSING}&userId={MISSING}&key=k&columnName=n"
"""Query parameters without which some operations answer 400 to everybody."""


def test_another_tenants_resource_looks_like_a_missing_one_byte_for_byte(storm, vandal):
    flaws = []
    for operation in storm.operations:
        if not operation.guarded or not operation.names or operation.path.startswith("/admin"):
            continue
        body = sample(storm, operation)
        theirs = vandal.wire.ask(operation.method, storm.victim.at(operation) + NEEDED, body)
        missing = vandal.wire.ask(operation.method, operation.at({}) + NEEDED, body)
        if (theirs.status, theirs.body) != (missing.status, missing.body) or theirs.status not in {
            400,
            404,
        }:
            flaws.append(f"{operation.id}: {theirs} {missing}")
    assert_none(flaws)


def test_another_tenants_resource_is_not_found_below_an_own_parent(storm, vandal):
    flaws = []
    for operation in storm.operations:
        own = {name: storm.victim.values.get(name, MISSING) for name in operation.names[1:]}
        if not operation.guarded or not own:
            continue
        body = sample(storm, operation)
        for depth in range(1, len(operation.names)):
            strange = {name: own[name] for name in operation.names[depth:]}
            lost = dict.fromkeys(strange, MISSING)
            if strange == lost:  # a name that nobody gave: it may be the vandal's own by now
                continue
            paths = [vandal.at(operation, **values) + NEEDED for values in (strange, lost)]
            theirs, missing = (vandal.wire.ask(operation.method, path, body) for path in paths)
            if (theirs.status, theirs.body) != (missing.status, missing.body):
                flaws.append(f"{operation.id}: {theirs} {missing}")
            elif theirs.status not in {400, 404}:
                flaws.append(f"{operation.id}: {theirs}")
    assert_none(flaws)


def test_a_method_that_a_path_has_not_is_405_and_names_those_it_has(storm):
    flaws = []
    by_path = {}
    for operation in storm.operations:
        by_path.setdefault(operation.path, set()).add(operation.method)
    for path, methods in by_path.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"} - methods:
            reply = storm.victim.wire.ask(method, Declared(method, path, {}).at({}))
            allowed = set(reply.headers.get("allow", "").split(", "))
            if reply.status != 405 or not methods <= allowed:
                flaws.append(f"{method} {path}: {reply.status} {allowed}")
    assert_none(flaws)


def test_broken_bodies_are_refused_and_change_nothing(storm, vandal):
    flaws = []
    for operation in filter(lambda each: each.writes and each.method != "DELETE", storm.operations):
        before = state_of(storm, vandal, operation)
        statuses = set()
        for name, body in BROKEN.items():
            reply = vandal.wire.ask(operation.method, vandal.at(operation), body)
            flaw = refusal_of(reply, f"{operation.id} with {name}")
            statuses.add(reply.status)
            flaws += [flaw] if flaw else []
            if reply.status < 400 and operation.body is not None and name not in FITTING:
                flaws.append(f"{operation.id} takes {name}: {reply.body[:200]!r}")
        if min(statuses) >= 400 and state_of(storm, vandal, operation) != before:
            flaws.append(f"{operation.id}: refused, and changed")
    assert_none(flaws)


FITTING = {"twice the same field", "a list"}
"""Bodies that some operations take: of a field sent twice the last counts, reports come in lists."""


def state_of(storm: Storm, tenant: Tenant, operation: Declared) -> object:
    """Return what a change would show in: the resource itself, or the count of its list."""
    reading = [
        each for each in storm.operations if each.method == "GET" and each.path == operation.path
    ]
    if not reading:
        return None
    reply = tenant.wire.ask("GET", tenant.at(reading[0]))
    shown = reply.json if b'"totalCount":' in reply.body else {}
    return shown.get("totalCount", reply.body)


def test_each_field_of_each_body_may_have_any_wrong_value(storm, rogue):
    flaws = []
    for operation in filter(lambda each: each.writes and each.body, storm.operations):
        for name, body in storm.bodies.wrong(operation.body):
            path = rogue.at(operation, **last_missing(operation))
            reply = rogue.wire.ask(operation.method, path, body)
            flaw = refusal_of(reply, f"{operation.id} with {name}: {body[-80:]!r}")
            flaws += [flaw] if flaw else []
    assert_none(flaws)


def last_missing(operation: Declared) -> dict[str, str]:
    """Return what keeps an operation that removes from removing what later ones need."""
    return {name: MISSING for name in operation.names[-1:] if operation.method == "DELETE"}


IDS = [
    "x",
    "5f" * 13,
    "zz" * 12,
    "%00" * 24,
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%2f..",
    "..",
    "%2F",
    "5f" * 11 + "5%27",
    "%ff%fe",
    "%ud800",
    "9" * 400,
    "-1",
    "1e400",
    "$where",
    "a" * 5000,
    "%0d%0aX-Evil:%201",
    "null",
    "*",
]


def test_ids_of_any_wrong_shape_are_refused_at_every_place(storm, vandal):
    flaws = []
    for operation in storm.operations:
        for name in operation.names:
            for text in IDS:
                path = vandal.at(operation, **{name: text})
                reply = vandal.wire.ask(operation.method, path, sample(storm, operation))
                flaw = refusal_of(reply, f"{operation.method} {path[:120]}")
                flaws += [flaw] if flaw else []
                if reply.status < 400 and name.endswith("Id"):
                    flaws.append(f"{operation.method} {path[:120]}: {reply}")
    assert_none(flaws)


def test_an_id_in_upper_case_is_the_same_id(storm, vandal):
    flaws = []
    for operation in filter(lambda each: each.method == "GET", storm.operations):
        if not operation.names or operation.id.endswith("ress"):
            continue
        upper = {name: text.upper() for name, text in vandal.values.items()}
        lower = vandal.wire.ask("GET", vandal.at(operation))
        found = vandal.wire.ask("GET", vandal.at(operation, **upper))
        if lower.status != found.status:
            flaws.append(f"{operation.id}: {lower.status} {found}")
    assert_none(flaws)


QUERY_TEXTS = [
    "",
    "'; DROP TABLE device; --",
    '" OR 1=1 --',
    ") UNION SELECT * FROM application --",
    "1; SELECT pg_sleep(9)",
    "\U0001f600",
    "%",
    "*" * 300,
    "[" * 50,
    "(a+)+$",
    "-1",
    "1e400",
    "1" + "0" * 400,
    "9223372036854775808",
    "999999999999999999",
    "NaN",
    "0x10",
    "1_0",
    "\u0663",
    "\u00b2",
    "null",
    "true",
    "{}",
    "[]",
    '{"$and":' * 300,
    '{"a":{"$in":[' + "1," * 2000 + "1]}}",
    '{"name":{"$gt":' + "9" * 400 + "}}",
    '{"name":{"$startsWith":"\\u0000"}}',
    '{"name":"\\ud800"}',
    '{"$where":"sleep(1000)"}',
    '{"tags":{"$tagKey":{}}}',
    "2026-99-99T99:99:99Z",
    "-271821-04-20",
    "+275760-09-13T00:00:00.001Z",
    "x" * 8000,
]


def spread(operations, texts):
    """Yield each text at each operation, and in each parameter that there is, with few repeated."""
    tried = set()
    for turn, operation in enumerate(operations):
        names = operation.query
        for (at, text), (place, name) in product(enumerate(texts), enumerate(names)):
            if (name, text) not in tried or (turn + at) % len(names) == place:
                tried.add((name, text))
                yield operation, name, text


def test_query_parameters_may_hold_anything(storm, vandal):
    flaws = []
    for operation, name, text in spread(storm.operations, QUERY_TEXTS):
        target = f"{vandal.at(operation, **last_missing(operation))}?{name}={quote(text)}"
        reply = vandal.wire.ask(operation.method, target, sample(storm, operation))
        flaw = refusal_of(reply, f"{operation.method} {operation.path} {name}={text[:60]}")
        flaws += [flaw] if flaw else []
    assert_none(flaws)


BRACKETS = [
    "{0}=1&{0}=2&{0}=3",
    "{0}[]=1&{0}[]=2",
    "{0}[0]=1&{0}[a]=2",
    "{0}[a]=1&{0}[a][b]=2",
    "{0}[a][b]=2&{0}[a]=1",
    "{0}[=1",
    "{0}]=1",
    "{0}[[a]]=1",
    "{0}[a][b][c][d][e][f]=1",
    "{0}[" + "9" * 5000 + "]=1",
    "{0}[0][key]=a&{0}[0][value]=b&{0}[1][key][x]=c",
    "{0}[-1]=1&{0}[1e9]=2",
    "{0}[1000000000]=x",
    "{0}[__proto__][x]=1",
    "{0}[%D9%A3]=1",
    "{0}[0]=%ff%fe",
    "{0}=%00",
    "{0}=%",
    "{}".format("&".join(["{0}=1"] * 2000)),
    "&" * 3000,
    "=&=&=",
    "filterField={0}&filter=" + "*a" * 200,
    "page=999999999999&perPage=999999999999",
    "limit=999999999999999999&offset=999999999999999999",
    "perPage=0&page=-1",
    "since=now&limit=all",
]


def test_query_strings_may_be_bent_in_any_way(storm, vandal):
    flaws = []
    for operation, name, text in spread(storm.operations, BRACKETS):
        target = f"{vandal.at(operation, **last_missing(operation))}?{text.format(name)}"
        reply = vandal.wire.ask(operation.method, target, sample(storm, operation))
        flaw = refusal_of(reply, f"{operation.method} {operation.path} {text[:60]} {name}")
        flaws += [flaw] if flaw else []
    assert_none(flaws)


def test_a_body_of_ten_megabytes_is_413_and_changes_nothing(storm, vandal):
    flaws = []
    huge = b'{"name":"' + b"x" * (10 << 20) + b'"}'
    writing = [each for each in storm.operations if each.writes and each.body]
    for operation in writing[::6]:
        before = state_of(storm, vandal, operation)
        reply = vandal.wire.ask(operation.method, vandal.at(operation), huge)
        if reply.status != 413 or state_of(storm, vandal, operation) != before:
            flaws.append(f"{operation.id}: {reply}")
    assert_none(flaws)


def test_random_bodies_get_an_answer_and_never_a_failure(storm, rogue):
    flaws: list[str] = []
    for operation in filter(lambda each: each.writes and each.body, storm.operations):
        path = rogue.at(operation, **last_missing(operation))

        @settings(
            max_examples=10,
            phases=[Phase.generate],
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(body=storm.bodies.random(operation.body))
        def try_it(body):
            reply = rogue.wire.ask(operation.method, path, json.dumps(body).encode())  # noqa: B023
            flaw = refusal_of(reply, f"{operation.id} with {json.dumps(body)[:300]}")  # noqa: B023
            flaws.extend([flaw] if flaw else [])

        try_it()
    assert_none(flaws)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Request-Id": "a" * 65},
        {"X-Request-Id": "x y; DROP"},
        {"X-Request-Id": "é".encode("latin-1")},
        {"Content-Type": "text/xml; charset=utf-7"},
        {"Content-Encoding": "gzip"},
        {"Accept": "application/\xff"},
        {"Idempotency-Key": "k" * 5000},
        {"Idempotency-Key": "\xff\xfe"},
        {"X-Forwarded-For": "1" * 5000},
        {"Host": "evil.example\x7f"},
        {"Cookie": "session=" + "x" * 3000},
        {"Range": "bytes=9-1,-,99999999999999999999-"},
        {"Expect": "200-maybe"},
        {"X-" + "a" * 5000: "1"},
    ],
    ids=lambda headers: str(headers)[:40],
)
def test_any_header_is_taken_or_refused_and_none_is_echoed(storm, vandal, headers):
    flaws = []
    for operation in storm.operations[::5]:
        body = sample(storm, operation)
        path = vandal.at(operation, **last_missing(operation))
        reply = vandal.wire.ask(operation.method, path, body, headers)
        if b"no broker" in reply.body:
            continue  # says when to come back, which looks like an echo
        if reply.status >= 500:
            flaws.append(f"{operation.id}: {reply}")
        echoed = set(map(str, headers.values())) & set(reply.headers.values())
        if echoed - {"text/xml; charset=utf-7"}:
            flaws.append(f"{operation.id}: {reply.headers}")
    assert_none(flaws)


@given(
    path=st.text(
        st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#?"), max_size=60
    )
)
@settings(
    max_examples=150,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_any_path_gets_an_answer(storm, path):
    reply = storm.victim.wire.ask("GET", "/" + path.lstrip("/"))

    assert refusal_of(reply, path) is None
