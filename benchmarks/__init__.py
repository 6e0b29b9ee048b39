"""Measurements, each run as `python -m benchmarks.bench_NAME`, with the threads that the app runs with."""

from hierex.threads import settle_threads

settle_threads()
