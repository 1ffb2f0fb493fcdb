"""Lesions with known attributes: kinds and their numbers, shapes, and the renderer."""
