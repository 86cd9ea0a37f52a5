"""Hosts that are a domain's or a slug's, and those that are the server's own."""

from __future__ import annotations

import pytest

from drover.app.experience_hosts import ExperienceHosts, OwnNames, host_of

OWN = OwnNames(hosts=frozenset({"drover.example.com"}), base="sites.example.com", told=True)


class Registered:
    """A store that has some domains, and counts how often it is asked."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.asked = 0
        self.resources = self

    async def glance(self, work):
        self.asked += 1
        return await work(self)

    async def by_own_name(self, _kind, name: str) -> object | None:
        return object() if name in self.names else None


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("Club.Example.com:8080", "club.example.com"),
        ("club.example.com.", "club.example.com"),
        ("localhost:8080", ""),
        ("drover", ""),
        ("127.0.0.1:8080", ""),
        ("127.1", ""),
        ("[::1]:8080", ""),
        ("", ""),
        ("*.example.com", ""),
        ("a/../b.example.com", ""),
        ("a.example.com\n", ""),
        ("a" * 250 + ".com", ""),
        ("a." * 40 + "com", ""),
        ("club.example.com:" + "8" * 60_000, ""),
    ],
)
def test_only_names_with_a_dot_can_be_domains(header, host):
    assert host_of(header) == host


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("club.example.org", "club.example.org"),
        ("CLUB.example.org:1", "club.example.org"),
        ("any.example.net", "*.example.net"),
        ("one.any.example.net", ""),
        ("example.net", ""),
        ("pumps.sites.example.com", "pumps"),
        ("sites.example.com", ""),
        ("other.example.org", ""),
    ],
)
async def test_a_host_names_a_domain_a_wildcard_or_a_slug_below_the_base(header, name):
    hosts = ExperienceHosts(Registered("club.example.org", "*.example.net"), OWN)

    assert await hosts.name_at(header) == name


async def test_no_domain_takes_what_the_server_itself_is_called():
    store = Registered("drover.example.com", "*.example.com", "127.0.0.1", "drover")
    hosts = ExperienceHosts(store, OWN)

    for header in ("Drover.example.com:443", "127.0.0.1", "drover", "localhost:1"):
        assert await hosts.name_at(header) == ""
    assert store.asked == 0


async def test_a_server_that_was_not_told_its_names_gives_none_away():
    store = Registered("drover.example.org", "*.example.org")
    hosts = ExperienceHosts(store, OwnNames(hosts=frozenset({"machine"}), base="sites.example.com"))

    assert await hosts.name_at("drover.example.org") == ""
    assert await hosts.name_at("any.example.org") == ""
    assert await hosts.name_at("pumps.sites.example.com") == "pumps"
    assert store.asked == 0


async def test_no_wildcard_takes_a_whole_top_level_domain():
    hosts = ExperienceHosts(Registered("*.com", "*.example.net"), OWN)

    assert await hosts.name_at("example.com") == ""
    assert await hosts.name_at("any.example.net") == "*.example.net"


def test_hosts_below_the_servers_own_are_not_apart_from_it():
    hosts = ExperienceHosts(Registered(), OWN)

    assert hosts.is_apart("club.example.org")
    assert not hosts.is_apart("club.drover.example.com")
