"""Measures what a server does on this machine, beside bare SQLite on the same disk."""
