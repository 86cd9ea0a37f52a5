"""The TMM-compatible dialect: jobs made of tasks that beacons fetch, under ``/api/jobs``."""

from __future__ import annotations

from drover.faces.operation import Face
from drover.faces.tmm._refusals import refuse

FACE = Face(name="tmm", prefix="/api/", refuse=refuse)
"""Callers come with a userkey, which may be in the body: the operations sign them in."""
