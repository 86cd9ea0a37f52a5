"""Experience users: found, made, changed, deleted, and signed in by running workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from drover.app.answering import Asking, HostOperations, Request, each
from drover.app.catalog import Catalog
from drover.app.experience_sign_in import ExperienceSignIn, with_email
from drover.app.host._experience import by_id, by_query, by_tags, decoded, found
from drover.kinds.experience_user import KIND
from drover.model.errors import Missing
from drover.model.fields import is_id
from drover.query.kinds import EXPERIENCE_USERS

if TYPE_CHECKING:
    from drover.kinds.experience_user import ExperienceUser
    from drover.query.tree import Node


async def _find(asking: Asking, request: Request) -> dict[str, Any]:
    return await found(asking, request, KIND, _chosen(request))


def _chosen(request: Request) -> Node:
    if request["method"] == "query":
        return by_query(request, EXPERIENCE_USERS)
    if request["method"] == "userTags":
        return by_tags(request, "userTags", every=True)
    value = str(request["value"])
    return by_id(value) if is_id(value) else with_email(value)


async def _create(asking: Asking, request: Request) -> dict[str, Any]:
    body = msgspec.json.encode(request["body"])
    document = await asking.services[Catalog].create(
        asking.caller, KIND, asking.application_id, body
    )
    return decoded(KIND, document)


async def _update(asking: Asking, request: Request) -> dict[str, Any]:
    user = await _named(asking, request)
    body = {**request["body"], **_merged(user, request)}
    document = await asking.services[Catalog].patch(
        asking.caller, KIND, (asking.application_id, user.id, None), msgspec.json.encode(body)
    )
    if not request.get("cutOff"):
        return decoded(KIND, document)
    await asking.services[ExperienceSignIn].note(user, login=False, cut_off=True)
    return await _shown(asking, user)


def _merged(user: ExperienceUser, request: Request) -> dict[str, Any]:
    """Return the user's tags with those given: one without a value is taken away."""
    given = request.get("mergeTags")
    if not given:
        return {}
    merged = {**(user.user_tags or {}), **given}
    return {"userTags": {key: value for key, value in merged.items() if value}}


async def _delete(asking: Asking, request: Request) -> bool:
    user = await _named(asking, request)
    await asking.services[Catalog].delete(asking.caller, KIND, asking.application_id, user.id)
    return True


async def _authenticate(asking: Asking, request: Request) -> dict[str, Any] | None:
    """Return the user who signs in, and a new token where one is wanted; None for a stranger."""
    user = await _recognized(asking, request)
    if user is None:
        return None
    sign_in, login = asking.services[ExperienceSignIn], "password" in request
    user = await sign_in.note(user, login=login, cut_off=bool(request.get("cutOff")))
    answer: dict[str, Any] = {"user": await _shown(asking, user)}
    if request.get("makesToken"):
        answer["token"] = sign_in.token(user, request.get("ttlMs"), request.get("extra"))
    return answer


async def _recognized(asking: Asking, request: Request) -> ExperienceUser | None:
    """Return the user whom all that was given is of."""
    sign_in, application_id = asking.services[ExperienceSignIn], asking.application_id
    users = []
    if "token" in request:
        signed = await sign_in.by_token(application_id, request["token"])
        users.append(signed and signed.user)
    if "password" in request:
        email, password = request["email"], request["password"]
        users.append(await sign_in.by_password(application_id, email, password))
    first = users[0]
    if first is None or not all(user and user.id == first.id for user in users):
        return None
    email = str(request.get("email", first.email)).strip().lower()
    return first if email == first.email else None


async def _token(asking: Asking, request: Request) -> str:
    """Return a new token of a user; raises Missing."""
    user = await _named(asking, request)
    sign_in = asking.services[ExperienceSignIn]
    user = await sign_in.note(
        user, login=bool(request.get("login")), cut_off=bool(request.get("cutOff"))
    )
    return sign_in.token(user, request.get("ttlMs"), request.get("extra"))


async def _named(asking: Asking, request: Request) -> ExperienceUser:
    named = str(request["user"])
    if not named:
        raise Missing(f"{KIND.title} was not found")
    return await asking.services[ExperienceSignIn].find(asking.application_id, named)


async def _shown(asking: Asking, user: ExperienceUser) -> dict[str, Any]:
    return decoded(KIND, await asking.services[Catalog].get(KIND, asking.application_id, user.id))


OPERATIONS = HostOperations(
    {
        "user.find": each(_find),
        "user.create": each(_create),
        "user.update": each(_update),
        "user.delete": each(_delete),
        "user.authenticate": each(_authenticate),
        "user.token": each(_token),
    }
)
