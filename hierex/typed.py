"""How long what people type may be."""

LONGEST_NAME = 80
LONGEST_TEXT = 500
