"""Routes of endpoints: what is one, what a path gives it, which of several comes first."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.kinds.experience_endpoint import KIND
from drover.model.errors import Invalid
from drover.model.kind import Stamp
from drover.model.routes import matched, precedence, route_parts


def test_a_path_gives_each_name_of_its_route_a_value():
    parts = route_parts("/pumps/{id}/readings/{day}")

    assert matched(parts, "/pumps/7/readings/monday") == {"id": "7", "day": "monday"}
    assert matched(parts, "/pumps/7/readings") is None
    assert matched(parts, "/tanks/7/readings/monday") is None


def test_a_last_name_with_a_star_takes_all_that_follows():
    parts = route_parts("/files/{path*}")

    assert matched(parts, "/files/a/b/c.txt") == {"path": "a/b/c.txt"}
    assert matched(parts, "/files/a") == {"path": "a"}
    assert matched(parts, "/files") is None


def test_slashes_at_the_end_and_twice_do_not_matter():
    assert matched(route_parts("/"), "") == {}
    assert matched(route_parts("/a/"), "//a") == {}


@pytest.mark.parametrize(
    "route",
    [
        "pumps",
        "",
        "/{id}/{id}",
        "/{path*}/more",
        "/a{id}",
        "/{}",
        "/a b",
        "/x?y=1",
        "/" + "a/" * 33,
        "/" + "a" * 256,
    ],
)
def test_other_texts_are_no_routes(route):
    assert route_parts(route) is None


def test_the_most_exact_of_several_routes_comes_first():
    routes = ["/{any*}", "/{name}", "/fixed"]

    ordered = sorted(routes, key=lambda route: precedence(route_parts(route)))

    assert ordered == ["/fixed", "/{name}", "/{any*}"]


@given(st.text(alphabet="/{}*ab ?", max_size=20), st.text(alphabet="/ab", max_size=20))
def test_any_route_and_path_are_matched_or_not(route, path):
    parts = route_parts(route)

    found = None if parts is None else matched(parts, path)

    assert found is None or set(found) == {part.text for part in parts if part.named}


def made(route):
    stamp = Stamp(id="a" * 24, application_id="b" * 24, now_ms=0)
    return KIND.create(msgspec.json.encode({"method": "get", "route": route}), stamp)


def test_an_endpoint_is_called_by_its_method_and_route_and_needs_a_good_one():
    assert made("/pumps/{id}").method_and_route == "GET /pumps/{id}"
    with pytest.raises(Invalid) as refused:
        made("pumps")
    assert refused.value.field == "route"
