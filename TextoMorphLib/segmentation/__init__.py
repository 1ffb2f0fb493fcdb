"""Segmentation: networks by name, and whole scans through them."""
