"""One resource server for the tests of a module, the vendor's client on it, an application."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from losant_rest import Client

from tests.support.catalog_server import serving

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
