"""The Losant-compatible dialect."""
