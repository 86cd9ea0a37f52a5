"""Use cases: what the faces may ask for."""
