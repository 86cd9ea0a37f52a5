"""The Losant-compatible dialect: resources, jobs, sign-in, MQTT over HTTP."""

from drover.faces.operation import Face
from drover.faces.refusals import refuse

FACE = Face(name="losant", prefix="/", refuse=refuse)
