"""The parts of the logs page."""
