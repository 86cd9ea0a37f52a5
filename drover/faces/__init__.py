"""HTTP edges: decode, call one use case, encode."""
