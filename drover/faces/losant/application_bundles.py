"""Applications as bundles: export, import, clone, and what became of imports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from drover.app import multipart
from drover.app.catalog import Catalog
from drover.app.long_tasks import Asked as TaskAsked
from drover.app.long_tasks import LongTasks
from drover.app.tasks import application_clone, application_export, application_import
from drover.app.transfer.downloads import PATH, Downloads
from drover.app.transfer.export import Wish
from drover.app.transfer.exports import Exports
from drover.app.transfer.import_orders import Asked, Done, Source, new_owner
from drover.app.transfer.imports import Imports
from drover.app.transfer.repository import RepositoryExports, RepoSource
from drover.faces.losant import _envelope
from drover.faces.losant._jobs import enqueued, told
from drover.faces.operation import Answer, Call, Operation
from drover.kinds.application import KIND
from drover.model.bodies import convert, decode
from drover.model.errors import Invalid
from drover.model.fields import Email, Id, Name, ShortProse, Url
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from drover.app.long_tasks import Listeners
    from drover.app.services import Services

_ONE: Final = "/applications/{applicationId}"
_Conflict = Literal["create", "error", "retain", "replace"]
_Include = Annotated[tuple[str, ...], Meta(max_length=100)]
_FORM: Final = ("importBundle", "email", "options")
_NEW_FORM: Final = (
    *_FORM,
    "ownerId",
    "ownerType",
    "includeDevices",
    "includeDataTableRows",
    "includeFiles",
)
_LEFT_OUT: Final = {
    "includeDevices": "Device",
    "includeDataTableRows": "DataTableRow",
    "includeFiles": "File",
}
"""What a form that says false leaves out of a new application."""
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_LONGEST_LIST: Final = 1000


class Repo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The branch and folder of a git repository."""

    branch: Annotated[str, Meta(max_length=255)] = ""
    directory: ShortProse = ""
    commit_message: ShortProse = ""


class RepoPlace(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The branch and folder of a git repository that a bundle comes from."""

    branch: Annotated[str, Meta(max_length=255)] = ""
    directory: ShortProse = ""


class _Wished(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    include_files: bool = False
    include_private_files: bool = False
    include_data_table_rows: bool = False
    include_devices: bool = False
    email: Email | None = None
    callback_url: Url | None = None
    force_job: bool = False

    @property
    def wish(self) -> Wish:
        """What of the application is wanted."""
        return Wish(
            devices=self.include_devices,
            rows=self.include_data_table_rows,
            files=self.include_files,
            private_files=self.include_private_files,
        )


class ExportPost(_Wished, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body that asks for an export."""

    export_type: Literal["zip", "repo"] = "zip"
    credential_name: Name | None = None
    repo: Repo | None = None


class ClonePost(_Wished, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body that asks for a copy of an application."""

    dry_run: bool = False
    owner_id: Id | None = None
    owner_type: Literal["user", "organization"] | None = None


class ImportOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """How a bundle is brought into an application."""

    from_application_id: Id | None = None
    import_url: Url | None = None
    callback_url: Url | None = None
    conflict_behavior: _Conflict = "create"
    dry_run: bool = False
    force_job: bool = False
    include: _Include | None = None
    credential_name: Name | None = None
    repo: RepoPlace | None = None


class NewImportOptions(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """How a bundle becomes a new application."""

    import_url: Url | None = None
    callback_url: Url | None = None
    include: _Include | None = None
    force_job: bool = False


class _Owner(Struct, frozen=True, kw_only=True, rename="camel"):
    """Whose an application is to be."""

    owner_id: Id | None = None
    owner_type: Literal["user", "organization"] | None = None


class _Calls:
    """The operations over the use cases."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._exports = services[Exports]
        self._imports = services[Imports]
        self._catalog = services[Catalog]
        self._tasks = services[LongTasks]

    async def export(self, call: Call) -> Any:
        """Make a bundle and tell where it can be fetched."""
        given = call.json(ExportPost)
        who = told(call, given.email, given.callback_url)
        here = call.application_id
        repo = await self._repository(here, given)
        if not repo and not given.force_job and await self._exports.is_small(here, given.wish):
            return {"url": await self._exports.run(here, given.wish)}
        wanted = TaskAsked(
            application_id=here,
            input={"wish": msgspec.to_builtins(given.wish), **repo},
            listeners=who,
        )
        return enqueued(await self._tasks.begin(call.caller, application_export.TASK, wanted))

    async def _repository(self, application_id: str, given: ExportPost) -> dict[str, Any]:
        """Return what the task is to know of a repository; raises Invalid."""
        if given.export_type == "zip":
            return {}
        if not given.credential_name:
            raise Invalid("A repository needs a credential", field="credentialName")
        await self._services[RepositoryExports].check(application_id, given.credential_name)
        place = msgspec.structs.asdict(given.repo or Repo())
        return {"repo": {"credential_name": given.credential_name, **place}}

    async def bring(self, call: Call) -> Answer:
        """Bring a bundle into an application."""
        form = _form(call, _FORM)
        options = decode(form.get("options", b""), ImportOptions)
        source = Source(
            bundle=form.get("importBundle"),
            url=options.import_url,
            application_id=_lower(options.from_application_id),
            repo=_repo_of(options),
        )
        asked = Asked(
            source=source,
            conflict=options.conflict_behavior,
            include=options.include,
            dry_run=options.dry_run,
            force_job=options.force_job,
            listeners=_listeners(call, form, options.callback_url),
        )
        done = await self._imports.run(
            call.caller, call.application_id, asked, application_import.TASK
        )
        if done.job_id:
            return enqueued(done.job_id)
        return Answer(_envelope.one(KIND, call, done.document))

    async def bring_new(self, call: Call) -> Answer:
        """Bring a bundle into a new application."""
        form = _form(call, _NEW_FORM)
        options = decode(form.get("options", b""), NewImportOptions)
        owner = convert({each: _text(form, each) for each in ("ownerId", "ownerType")}, _Owner)
        asked = Asked(
            source=Source(bundle=form.get("importBundle"), url=options.import_url),
            include=options.include,
            without=tuple(name for part, name in _LEFT_OUT.items() if not _flag(form, part)),
            force_job=options.force_job,
            owner=new_owner(call.caller, owner.owner_id, owner.owner_type),
            listeners=_listeners(call, form, options.callback_url),
        )
        done = await self._imports.run(call.caller, "", asked, application_import.TASK)
        return self._made(call, done)

    async def clone(self, call: Call) -> Answer:
        """Copy an application into a new one."""
        given = call.json(ClonePost)
        source = msgspec.json.decode(
            await self._catalog.get(KIND, call.application_id, call.application_id)
        )
        own = (given.owner_id or source["ownerId"], given.owner_type or source["ownerType"])
        asked = Asked(
            source=Source(application_id=call.application_id, wish=given.wish),
            dry_run=given.dry_run,
            force_job=given.force_job,
            owner=new_owner(call.caller, *own, f"Copy of {source['name']}"[:255]),
            listeners=told(call, given.email, given.callback_url),
        )
        done = await self._imports.run(
            call.caller, call.application_id, asked, application_clone.TASK
        )
        if given.dry_run and not done.job_id:
            tried = {"success": True, "requiresJob": done.requires_job}
            return Answer(msgspec.json.encode(tried), 200)
        return self._made(call, done)

    async def logs(self, call: Call) -> bytes:
        """Return what became of imports, newest first."""
        limit = call.whole("limit", 1, least=1, most=_LONGEST_LIST)
        found = await self._imports.logs(call.application_id, call.whole("since", 0), limit)
        shown = [msgspec.to_builtins(each) for each in found]
        return msgspec.json.encode([{**each, "importExecutionId": each["id"]} for each in shown])

    def _made(self, call: Call, done: Done) -> Answer:
        if done.job_id:
            return enqueued(done.job_id)
        shown = _envelope.one(KIND, call, done.document)
        return Answer(msgspec.json.encode({"application": msgspec.Raw(shown)}), 201)


def _repo_of(options: ImportOptions) -> RepoSource | None:
    if options.repo is None and options.credential_name is None:
        return None
    if options.credential_name is None:
        raise Invalid("A repository needs a credential", field="credentialName")
    place = options.repo or RepoPlace()
    return RepoSource(
        credential_name=options.credential_name, branch=place.branch, directory=place.directory
    )


def _form(call: Call, known: tuple[str, ...]) -> Mapping[str, bytes]:
    form = multipart.parts(call.headers.get("content-type", ""), call.body)
    unknown = sorted(set(form) - set(known))
    if unknown:
        raise Invalid(f"The form has an unknown part `{unknown[0][:80]}`", field=unknown[0][:80])
    return form


def _text(form: Mapping[str, bytes], name: str) -> str | None:
    return form[name].decode("utf-8", "replace") or None if name in form else None


def _flag(form: Mapping[str, bytes], name: str) -> bool:
    """Return a boolean of a form, true where it is not given; raises Invalid."""
    text = (_text(form, name) or "true").lower()
    if text not in _BOOLEANS:
        raise Invalid(f"{name} must be true or false", field=name)
    return _BOOLEANS[text]


def _listeners(call: Call, form: Mapping[str, bytes], callback_url: str | None) -> Listeners:
    """Return who is told: who is named, else the user who asks; raises Invalid."""
    named = told(call, _text(form, "email"), callback_url)
    if named.emails or call.caller.type != "user" or call.caller.email is None:
        return named
    return replace(named, emails=(call.caller.email,))


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on applications as bundles."""
    calls = _Calls(services)
    most_bytes = services[Imports].most_bytes
    yield Operation(
        method="POST",
        path=f"{_ONE}/export",
        scopes=KIND.scopes("export"),
        run=calls.export,
        name="application.export",
        summary="Export an application as a bundle",
        body=ExportPost,
    )
    yield Operation(
        method="POST",
        path=f"{_ONE}/clone",
        scopes=KIND.scopes("clone"),
        run=calls.clone,
        name="application.clone",
        summary="Copy an application into a new one",
        body=ClonePost,
        flawed_status=422,
    )
    yield from _imports(calls, most_bytes)
    yield _download(services[Downloads])


def _imports(calls: _Calls, most_bytes: int) -> Iterator[Operation]:
    yield Operation(
        method="POST",
        path=f"{_ONE}/import",
        scopes=KIND.scopes("import"),
        run=calls.bring,
        name="application.import",
        summary="Bring a bundle into an application",
        max_body_bytes=most_bytes,
        flawed_status=422,
    )
    yield Operation(
        method="POST",
        path="/applications/import",
        scopes=for_operation(KIND.many, "import", ("Organization", "User")),
        run=calls.bring_new,
        name="applications.import",
        summary="Bring a bundle into a new application",
        status=201,
        max_body_bytes=most_bytes,
        flawed_status=422,
    )
    yield Operation(
        method="GET",
        path=f"{_ONE}/importLogs",
        scopes=KIND.scopes("importLogs", reads=True),
        run=calls.logs,
        name="application.importLogs",
        summary="Tell what became of imports",
        parameters=("limit", "since"),
    )


def _download(downloads: Downloads) -> Operation:
    async def download(call: Call) -> Answer:
        signed = call.text("expires"), call.text("signature")
        name, content = await downloads.open(call.path["downloadId"], *signed)
        return Answer(
            content,
            headers={
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "private, no-store",
                "X-Content-Type-Options": "nosniff",
            },
            media_type="application/octet-stream",
        )

    return Operation(
        method="GET",
        path=PATH,
        scopes=None,  # the signature is the key
        run=download,
        name="download.get",
        summary="Fetch a file by its signed address",
        parameters=("expires", "signature"),
        ours=True,
    )
