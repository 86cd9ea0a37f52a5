# Everything a newcomer types. Needs Python 3.11+, Node 20, git and make; nothing else.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup check test demo serve bench format
