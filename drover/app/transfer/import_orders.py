"""What is asked of an import, and what a job that carries it out later needs to know."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from drover.app.long_tasks import NOBODY, Listeners
from drover.app.transfer.bringing import Conflict
from drover.app.transfer.export import EVERYTHING, Wish
from drover.app.transfer.repository import RepoSource
from drover.model.access import Caller, CallerType
from drover.model.bundle import ImportSource
from drover.model.errors import Forbidden, Invalid


class Source(Struct, frozen=True, kw_only=True):
    """Where a bundle comes from: a file, an address, another application, a template, a repository.

    ``wish`` says what is taken of the other application.
    """

    bundle: bytes | None = None
    url: str | None = None
    application_id: str | None = None
    template_id: str | None = None
    repo: RepoSource | None = None
    wish: Wish = EVERYTHING

    @property
    def type(self) -> ImportSource:
        """The word for it in logs; raises Invalid unless there is exactly one source."""
        words: tuple[tuple[object, ImportSource], ...] = (
            (self.bundle, "importBundle"),
            (self.url, "importUrl"),
            (self.application_id, "fromApplication"),
            (self.template_id, "importBundle"),
            (self.repo, "repository"),
        )
        given = [word for value, word in words if value is not None]
        if len(given) != 1:
            raise Invalid("One of importBundle, importUrl, fromApplicationId and repo is needed")
        return given[0]


class NewOwner(Struct, frozen=True, kw_only=True, rename="camel"):
    """Whose a new application is to be, and what it is called; empty is as the bundle says.

    ``given`` are more members of it that a caller gave.
    """

    owner_id: str
    owner_type: str
    name: str = ""
    given: dict[str, Any] = {}


def new_owner(
    caller: Caller, owner_id: str | None, owner_type: str | None, name: str = ""
) -> NewOwner:
    """Return whose a new application is to be, the caller's own where nothing else is said.

    Raises Forbidden for a caller who owns nothing.
    """
    own = caller.user_id or caller.org_id
    if owner_id is None and own is None:
        raise Forbidden("Applications cannot be created for this owner", field="ownerId")
    default = "organization" if caller.user_id is None else "user"
    wanted = (owner_id or own or "").lower()
    return NewOwner(owner_id=wanted, owner_type=owner_type or default, name=name)


class Asked(Struct, frozen=True, kw_only=True):
    """What is to be imported and how; ``include`` of None is everything but what is ``without``.

    ``owner`` makes it a new application. ``listeners`` hear of the end of a job.
    """

    source: Source
    conflict: Conflict = "create"
    include: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    dry_run: bool = False
    force_job: bool = False
    owner: NewOwner | None = None
    listeners: Listeners = NOBODY


class By(Struct, frozen=True, kw_only=True, rename="camel"):
    """Who asked."""

    type: CallerType
    id: str
    user_id: str | None = None
    org_id: str | None = None

    def caller(self) -> Caller:
        """Return them as a caller; what they may do was decided when they asked."""
        return Caller(
            type=self.type,
            id=self.id,
            user_id=self.user_id,
            org_id=self.org_id,
            scopes=frozenset(),
        )


class Order(Struct, frozen=True, kw_only=True, rename="camel"):
    """An import that was asked for. ``keeper_id`` is the owner who has one at a time."""

    import_id: str
    application_id: str
    keeper_id: str
    by: By
    source_type: ImportSource
    from_application_id: str | None = None
    template_id: str | None = None
    url: str | None = None
    repo: RepoSource | None = None
    wish: Wish = EVERYTHING
    conflict: Conflict = "create"
    include: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    dry_run: bool = False
    owner: NewOwner | None = None
    email: str | None = None
    callback_url: str | None = None
    imported_file_url: str | None = None


class Done(Struct, frozen=True, kw_only=True):
    """What became of an import: the application's document, or the id of the job that does it.

    ``requires_job`` tells of a dry run for a new application that only a job could try.
    """

    document: bytes = b""
    job_id: str = ""
    requires_job: bool = False
