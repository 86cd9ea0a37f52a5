"""Everything about bundles, put together for a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drover.app.signed_links import SignedLinks
from drover.app.transfer.bringing import Tools
from drover.app.transfer.downloads import Downloads
from drover.app.transfer.export import Exporter
from drover.app.transfer.exports import Exports
from drover.app.transfer.file_content import FileContents
from drover.app.transfer.import_ledger import ImportLedger
from drover.app.transfer.imports import Imports
from drover.app.transfer.imports import Surroundings as ImportSurroundings
from drover.app.transfer.repository import RepositoryExports
from drover.app.transfer.sources import Sources
from drover.app.transfer.templates import Templates, TemplateSurroundings
from drover.app.transfer.zip_file import ZipLimits
from drover.kinds.application import KIND as APPLICATION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drover.app.applications import Owners
    from drover.app.assembly import Library
    from drover.app.jobs.assembly import Machine
    from drover.model.access import Caller
    from drover.ports.repositories import Repositories
    from drover.ports.store import Store
    from drover.ports.web import Web

MOST_BUNDLE_BYTES: Final = 100_000_000


@dataclass(frozen=True, kw_only=True)
class BundleLimits:
    """What a server takes and gives: bytes of a bundle, packed and unpacked, files, and seconds."""

    bundle_bytes: int = MOST_BUNDLE_BYTES
    unpacked_bytes: int = 1_000_000_000
    download_seconds: int = 86_400


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """What bundles need of the rest of a server: who may own what, who may read what."""

    store: Store
    library: Library
    machine: Machine
    web: Web
    owners: Owners
    admit: Callable[[Caller, str, frozenset[str]], Awaitable[None]]
    repositories: Repositories


@dataclass(frozen=True, kw_only=True)
class TransferServices:
    """The use cases of bundles."""

    exports: Exports
    imports: Imports
    downloads: Downloads
    templates: Templates
    repositories: RepositoryExports

    @property
    def services(self) -> tuple[object, ...]:
        """What faces ask for."""
        return (self.exports, self.imports, self.downloads, self.templates, self.repositories)


def build(around: Neighbours, limits: BundleLimits) -> TransferServices:
    """Return the use cases over the store of a server."""
    catalog, machine = around.library.catalog, around.machine
    seconds = limits.download_seconds
    links = SignedLinks(machine.report_key, machine.public_url, seconds, machine.clock)
    downloads = Downloads(around.store, machine.blobs, links, machine.ids, seconds)
    exporter = Exporter(around.store, list(catalog.kinds.values()), machine.blobs)

    async def may_export(caller: Caller, application_id: str) -> None:
        await around.admit(caller, application_id, APPLICATION.scopes("export"))

    repositories = RepositoryExports(around.store, exporter, around.repositories)
    sources = Sources(
        exporter=exporter,
        repositories=repositories,
        blobs=machine.blobs,
        web=around.web,
        may_export=may_export,
        limits=ZipLimits(bytes=limits.unpacked_bytes, text_bytes=limits.unpacked_bytes // 4),
        most_bytes=limits.bundle_bytes,
    )
    imports = Imports(
        ImportSurroundings(
            store=around.store,
            tools=Tools(catalog, around.library.rows, machine.ids),
            sources=sources,
            downloads=downloads,
            ledger=ImportLedger(around.store),
            files=FileContents(around.store, machine.blobs, machine.ids),
            owners=around.owners,
            tasks=around.library.tasks,
        )
    )
    return TransferServices(
        exports=Exports(exporter, downloads),
        imports=imports,
        downloads=downloads,
        templates=_templates(around, sources, imports),
        repositories=repositories,
    )


def _templates(around: Neighbours, sources: Sources, imports: Imports) -> Templates:
    return Templates(
        TemplateSurroundings(
            store=around.store,
            catalog=around.library.catalog,
            exporter=sources.exporter,
            blobs=sources.blobs,
            imports=imports,
            owners=around.owners,
            may_export=sources.may_export,
        )
    )
