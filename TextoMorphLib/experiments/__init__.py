"""Experiments that take the whole chain, from tumours in healthy scans to what a segmenter finds in real ones."""
