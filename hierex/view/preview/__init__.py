"""The parts of the preview page."""
