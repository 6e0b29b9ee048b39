"""The parts of the descriptions page."""
