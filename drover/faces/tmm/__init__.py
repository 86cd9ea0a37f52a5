"""The TMM-compatible dialect: jobs made of tasks that beacons fetch, under ``/api/jobs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from drover.faces.operation import Face
from drover.faces.tmm._refusals import refuse
from drover.faces.tmm.documents import shown

if TYPE_CHECKING:
    from drover.model.beacon_job import BeaconJob

FACE = Face(name="tmm", prefix="/api/", refuse=refuse)
"""Callers come with a userkey, which may be in the body: the operations sign them in."""


def callback_body(job: BeaconJob) -> bytes:
    """Return what a callback tells of a job that has ended: the job as it is shown."""
    return msgspec.json.encode(shown(job))
