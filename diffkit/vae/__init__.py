"""Variational autoencoders of one, two and T levels: the road to the diffusion model."""

from diffkit.vae.bounds import Bound, fixed_encoder, levels, noising_encoders, one_level, standard, two_levels
from diffkit.vae.linear import LinearModel
from diffkit.vae.nets import GaussianNet, Vae

__all__ = [
    "Bound",
    "GaussianNet",
    "LinearModel",
    "Vae",
    "fixed_encoder",
    "levels",
    "noising_encoders",
    "one_level",
    "standard",
    "two_levels",
]
