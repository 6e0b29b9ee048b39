"""What the README claims, measured: `make bench`, or one file at a time."""
