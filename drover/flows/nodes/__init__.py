"""Workflow nodes: one module each, found by name."""
