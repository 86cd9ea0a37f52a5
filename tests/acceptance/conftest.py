"""Servers for the tests, the vendor's client on them, an application."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from losant_rest import Client

from examples.serving import EMAIL
from examples.serving import serving as real_server
from tests.support.catalog_server import serving
from tests.support.vendor import PASSWORD, Vendor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.catalog_server import CatalogServer


@pytest.fixture(scope="module")
def resource_server(tmp_path_factory) -> Iterator[CatalogServer]:
    with serving(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def losant(resource_server: CatalogServer) -> Client:
    return Client(auth_token="mine", url=resource_server.url)


@pytest.fixture
def plant(losant: Client) -> str:
    return losant.applications.post(application={"name": "Plant"})["id"]


@pytest.fixture(scope="session")
def signed_in() -> Iterator[Client]:
    """The vendor's client as the administrator of a real server, one for all tests."""
    settings = {
        "admin_password": PASSWORD,
        "min_iteration_timeout_ms": 200,
        "lease_seconds": 2,
        "heartbeat_seconds": 0.5,
        "sweep_seconds": 0.5,
        "workers": 1,
        "script_workers": 1,
    }
    with real_server(**settings) as running:
        answer = Client(url=running.url).auth.authenticate_user(
            credentials={"email": EMAIL, "password": PASSWORD}
        )
        yield Client(auth_token=answer["token"], url=running.url)


@pytest.fixture
def vendor(signed_in: Client) -> Vendor:
    made = signed_in.applications.post(application={"name": "Works"})
    return Vendor(signed_in, signed_in.url, made["applicationId"])
