"""The command line: one module per command group, each a client of the HTTP API."""
