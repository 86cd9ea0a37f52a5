"""A server put together from its parts, and the process that it runs in."""
