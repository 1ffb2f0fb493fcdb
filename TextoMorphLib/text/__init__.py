"""Frozen text encoders: what the denoiser reads."""
