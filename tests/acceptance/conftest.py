"""Servers for the tests, the vendor's client on them, an application."""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from losant_rest import Client

from examples.serving import serving as real_server
from tests.conftest import created
from tests.support.catalog_server import serving
from tests.support.vendor import PASSWORD, Vendor
from tests.support.vendor import signed_in as client_signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.catalog_server import CatalogServer


ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def measured_processes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the processes that a module marked ``processes_measured`` starts tell their coverage."""
    marked = request.node.get_closest_marker("processes_measured")
    if marked is None or not request.config.getoption("cov_source", default=None):
        yield
        return
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("COVERAGE_PROCESS_START", str(ROOT / "tools" / "coverage_processes.ini"))
        environ.setenv("COVERAGE_FILE", os.environ.get("COVERAGE_FILE", str(ROOT / ".coverage")))
        yield


@pytest.fixture(scope="module")
def resource_server_on_sqlite(tmp_path_factory) -> Iterator[CatalogServer]:
    with serving(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture(scope="module")
def resource_server_on_postgres(tmp_path_factory, postgres_server: str) -> Iterator[CatalogServer]:
    url = asyncio.run(created(postgres_server, f"resources_{uuid4().hex}"))
    with serving(tmp_path_factory.mktemp("store"), postgres_url=url) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def resource_server(request: pytest.FixtureRequest) -> CatalogServer:
    """A server on each store in turn."""
    found: CatalogServer = request.getfixturevalue(f"resource_server_on_{request.param}")
    return found


@pytest.fixture
def losant(resource_server: CatalogServer) -> Client:
    return Client(auth_token="mine", url=resource_server.url)


@pytest.fixture
def plant(losant: Client) -> str:
    return losant.applications.post(application={"name": "Plant"})["id"]


@contextmanager
def client_of(**settings: object) -> Iterator[Client]:
    """The vendor's client as the administrator of a real server."""
    quick = {
        "admin_password": PASSWORD,
        "min_iteration_timeout_ms": 200,
        "heartbeat_seconds": 0.5,
        "sweep_seconds": 0.5,
        "workers": 1,
        "script_workers": 1,
    }
    with real_server(**quick, **settings) as running:
        yield client_signed_in(running.url)


@pytest.fixture(scope="session")
def on_sqlite() -> Iterator[Client]:
    """The client of a server on SQLite, one for all tests."""
    with client_of() as client:
        yield client


@pytest.fixture(scope="session")
def on_postgres(postgres_server: str) -> Iterator[Client]:
    """The client of a server on PostgreSQL, one for all tests."""
    with client_of(database=asyncio.run(created(postgres_server, "vendors_client"))) as client:
        yield client


@pytest.fixture(params=["sqlite", "postgres"])
def signed_in(request: pytest.FixtureRequest) -> Client:
    """The client of a server on each store in turn."""
    found: Client = request.getfixturevalue(f"on_{request.param}")
    return found


@pytest.fixture
def vendor(signed_in: Client) -> Vendor:
    made = signed_in.applications.post(application={"name": "Works"})
    return Vendor(signed_in, signed_in.url, made["applicationId"])
