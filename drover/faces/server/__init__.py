"""What a server says of itself, to whoever watches it: health, metrics, its API."""

from drover.faces.operation import Face
from drover.faces.refusals import refuse

FACE = Face(name="server", prefix="/", refuse=refuse)
