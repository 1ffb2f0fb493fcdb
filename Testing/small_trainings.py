"""Configurations of trainings that take seconds, for the tests: networks of a few channels, and few steps."""

from __future__ import annotations

from string import Template
from typing import Any

_TEXTS = Template("""
[network]
text_width = $text_width
width = 8
layers = 1
[text]
encoder = "$encoder"
count = $count
[batch]
count = 4
[training]
steps = $steps
learning_rate = 1e-3
warmup = 1
seed = 1
checkpoint_minutes = 1000
""")
_NETWORKS = Template("""
[autoencoder]
weights = "$autoencoder"
[autoencoder.network]
latent_channels = 4
channels = [8, 8]
residual_units = 1
[attribute_classifier]
weights = "texts/attribute_classifier.safetensors"
[attribute_classifier.network]
text_width = $text_width
width = 8
layers = 1
[network]
latent_channels = 4
channels = [16, 16]
head_channels = 16
[schedule]
timesteps = 200
[text]
encoder = "$encoder"
""")
_SEGMENTATION = Template("""
name = "tried"
[patches]
patch = [16, 16, 16]
spacing_mm = $spacing_mm
count = 2
rotate = 0.5
flip = 0.5
[network]
name = "unet"
channels = [4, 8]
strides = [2]
num_res_units = 0
[mix]
real = $real
synthetic = $synthetic
healthy = $healthy
[training]
steps = $steps
learning_rate = $learning_rate
warmup = $warmup
ema = $ema
seed = 1
checkpoint_minutes = $checkpoint_minutes
""")


def texts(**more: Any) -> str:
    """Of an attribute classifier on a few texts: `encoder` with its `text_width`, `count` of texts, `steps`."""
    return _TEXTS.substitute({"encoder": "minilm", "text_width": 384, "count": 40, "steps": 4, **more})


def networks(**more: Any) -> str:
    """The networks of a configuration for diffusion: weights of the `autoencoder`; `encoder` with its `text_width`."""
    usual = {"encoder": "minilm", "text_width": 384, "autoencoder": "autoencoder/autoencoder.safetensors"}
    return _NETWORKS.substitute({**usual, **more})


def segmentation(tables: str, **more: Any) -> str:
    """Of a segmenter on patches of 16 voxels: `spacing_mm`, shares (`real`, `synthetic`, `healthy`), `steps` and so on.

    Args:
        tables: What else it has: `[validation]`, `[source]`.
        more: Other values.
    """
    usual = {"spacing_mm": 2.0, "real": 1.0, "synthetic": 1.0, "healthy": 0.5, "steps": 6, "checkpoint_minutes": 3.0}
    usual |= {"learning_rate": "1e-3", "warmup": 1, "ema": 0.9}
    return _SEGMENTATION.substitute({**usual, **more}) + tables
