"""What a lesion looks like, in numbers, and whether that is what was asked for."""
