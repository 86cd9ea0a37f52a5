"""Workflow nodes, one file each."""
