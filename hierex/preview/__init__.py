"""What chosen people would be shown, otherwise, side by side, and how it was judged."""
