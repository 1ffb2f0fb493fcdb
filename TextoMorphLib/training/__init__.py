"""The data engine and the training commands."""
