"""The usual five operations of a kind, declared: whatever runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.faces.operation import Operation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drover.faces.operation import Call
    from drover.model.kind import Kind


_SUMMARIES: Final = {
    "list": "List each {title}",
    "post": "Create {a} {title}",
    "get": "Read one {title}",
    "patch": "Change {a} {title}",
    "delete": "Delete {a} {title}",
}
_OF_MANY: Final = frozenset({"list", "post"})


def usual(
    kind: Kind[Any],
    verb: str,
    run: Callable[[Call], Awaitable[Any]],
    parameters: tuple[str, ...] = (),
    *,
    gives_way: bool = False,
    identifier: str = "",
) -> Operation:
    """Return the operation of a kind: ``list``, ``post``, ``get``, ``patch`` or ``delete``.

    ``identifier`` names what one resource is asked for by, where that is not its id.
    """
    of_many, action, title = verb in _OF_MANY, "get" if verb == "list" else verb, kind.title.lower()
    many = f"/applications/{{applicationId}}/{kind.path}"
    return Operation(
        method=action.upper(),
        path=many if of_many else f"{many}/{{{identifier or kind.identifier}}}",
        scopes=kind.scopes(action, collection=of_many),
        run=run,
        name=f"{kind.many if of_many else kind.one}.{action}",
        summary=_SUMMARIES[verb].format(title=title, a="an" if title[0] in "aeio" else "a"),
        status={"post": 201, "patch": kind.patch_status}.get(verb, 200),
        body={"post": kind.post_type, "patch": kind.patch_type}.get(verb),
        parameters=parameters,
        gives_way=gives_way,
        kind=kind.one,
    )
