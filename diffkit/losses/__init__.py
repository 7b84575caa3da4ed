"""Losses, each one value per example: noise prediction, score matching, the denoising autoencoder."""

from diffkit.losses.autoencoder import denoising_autoencoder
from diffkit.losses.noise import draw_t, simple, vlb, weighted
from diffkit.losses.score import denoising, explicit, implicit, multilevel, sliced

__all__ = [
    "denoising",
    "denoising_autoencoder",
    "draw_t",
    "explicit",
    "implicit",
    "multilevel",
    "simple",
    "sliced",
    "vlb",
    "weighted",
]
