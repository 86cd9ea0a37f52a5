"""Benchmarks as commands: each figure beside a bound taken in the same run."""
