"""The parts of the next interest page."""
