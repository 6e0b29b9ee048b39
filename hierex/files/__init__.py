"""Files for other tools, and files that people bring back."""
