"""What every resource of an application has in common."""

from __future__ import annotations

from msgspec import Struct

from drover.model.fields import Id, ReadOnly
from drover.model.instants import InstantText


class Resource(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=False):
    """Identity and dates; concrete kinds add their own fields.

    A resource is stored as the JSON it is shown as, so that reading one costs no decoding.
    """

    id: ReadOnly[Id]
    application_id: ReadOnly[Id]
    creation_date: ReadOnly[InstantText]
    last_updated: ReadOnly[InstantText]
