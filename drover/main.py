"""Wire everything and start: the only module that may import everything."""
