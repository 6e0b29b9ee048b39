"""The parts of the granularity page."""
