"""Caged processes for scripts of users."""
