"""A visit to a page: who comes, the form they send, what they may do, and the answers to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import msgspec

from drover.app.about import ServerFacts
from drover.app.access.admit import Gate
from drover.app.applications import Applications
from drover.app.catalog import Catalog
from drover.faces.console._forms import MOST_BYTES, fields_of
from drover.faces.console._rendering import HTML, SECURITY, render
from drover.faces.console._session import FIELD, SESSION, check_form, cookie, form_token
from drover.faces.operation import Answer, Call, Operation
from drover.kinds.application import KIND as APPLICATION
from drover.model.access import Role
from drover.model.errors import Forbidden, Missing
from drover.ports.resources import Listing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from drover.app.services import Services

    Run = Callable[["Visit"], Awaitable[Answer]]

SWITCHED: Final = 20
"""Applications that the switcher of a page offers; the rest are on a page of their own."""

_POST: Final = "POST"


@dataclass(frozen=True, kw_only=True)
class Site:
    """What all pages need of the server."""

    facts: ServerFacts
    gate: Gate
    catalog: Catalog
    applications: Applications

    @classmethod
    def of(cls, services: Services) -> Site:
        """Return the site of a server."""
        return cls(
            facts=services[ServerFacts],
            gate=services[Gate],
            catalog=services[Catalog],
            applications=services[Applications],
        )


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One request for a page, or with a form of one."""

    site: Site
    call: Call
    token: str
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def now_ms(self) -> int:
        """The server's clock."""
        return self.site.facts.clock.now_ms()

    def asked(self, name: str) -> str:
        """Return a parameter of the address, without blanks around it; "" without one."""
        return self.call.query.get(name, "").strip()

    def given(self, name: str) -> str:
        """Return a field of the form, without blanks around it; "" without one."""
        return self.form.get(name, "").strip()

    async def may(self, scopes: frozenset[str], application_id: str | None = None) -> bool:
        """Tell whether the visitor may do what these scopes stand for, there."""
        if application_id is None:
            application_id = self.call.path.get("applicationId")
        try:
            await self.site.gate.admit(self.call.caller, application_id, scopes)
        except (Forbidden, Missing):
            return False
        return True

    def show(self, template: str, section: str, status: int = 200, /, **values: Any) -> Answer:
        """Return a page."""
        body = render(
            template,
            section=section,
            me=self.call.caller,
            administrates=self.call.caller.role is Role.ADMINISTRATOR,
            csrf=form_token(self.token),
            now_ms=self.now_ms,
            done=self.asked("done"),
            query=self.call.query,
            **values,
        )
        return Answer(body, status, dict(SECURITY), HTML)

    async def show_within(
        self, template: str, section: str, status: int = 200, /, **values: Any
    ) -> Answer:
        """Return a page of an application; raises Missing."""
        application_id = self.call.application_id
        document = await self.site.catalog.get(APPLICATION, application_id, application_id)
        listing = Listing(sort_field="name", limit=SWITCHED)
        others = await self.site.applications.list(self.call.caller, listing, None)
        values |= {
            "application": msgspec.json.decode(document),
            "others": [msgspec.json.decode(each) for each in others.items],
            "at": f"/console/applications/{application_id}",
        }
        return self.show(template, section, status, **values)

    def go(self, path: str, /, **parameters: str | int) -> Answer:
        """Lead on to another page; ``done`` among the parameters names what to tell there."""
        target = f"{path}?{urlencode(parameters)}" if parameters else path
        return Answer(b"", 303, {**SECURITY, "Location": target}, HTML)


def page(site: Site, path: str, scopes: frozenset[str], run: Run) -> Operation:
    """Return the operation that shows a page."""
    return _operation(site, "GET", path, scopes, run)


def act(site: Site, path: str, scopes: frozenset[str], run: Run) -> Operation:
    """Return the operation that takes a form; what it does needs the same scopes as elsewhere."""
    return _operation(site, _POST, path, scopes, run)


def _operation(site: Site, method: str, path: str, scopes: frozenset[str], run: Run) -> Operation:
    doc = (run.__doc__ or "").partition("\n")[0].rstrip(".")
    words = [part for part in path.split("/") if part and not part.startswith("{")]
    return Operation(
        method=method,
        path=path,
        scopes=scopes,
        run=partial(_visited, site, method, run),
        name=f"{'.'.join(words)}.{method.lower()}",
        summary=doc,
        max_body_bytes=MOST_BYTES,
        ours=True,
    )


async def _visited(site: Site, method: str, run: Run, call: Call) -> Answer:
    token = cookie(call.headers, SESSION, secure=site.facts.secure)
    form: Mapping[str, str] = {}
    if method == _POST:
        form = fields_of(call.body)
        check_form(call.headers, token, form.get(FIELD, ""))
    return await run(Visit(site=site, call=call, token=token, form=form))
