"""The noise schedule and the sampler."""
