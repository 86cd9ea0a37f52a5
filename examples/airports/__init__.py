"""A resource job over the world's airports: the demonstration that `make demo` runs."""
