"""Long tasks: one module each, found by name."""
