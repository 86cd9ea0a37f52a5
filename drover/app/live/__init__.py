"""Devices that are connected: what they say, what they hear, who watches."""
