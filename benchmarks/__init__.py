"""Benchmarks of the running venue and of its peers; `python -m benchmarks.run` is the entry."""
