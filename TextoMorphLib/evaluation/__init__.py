"""Measurements of a model that anyone can repeat: how well words control lesions, and how fast."""
