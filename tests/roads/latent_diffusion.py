"""Lesson 12 by another road."""

import torch


def sampling_cost__layer_by_layer(T, height, width, layers, f, decoder):
    pixel = latent = 0
    for c_in, c_out, k in layers.tolist():
        pixel += T * height * width * k * k * c_in * c_out
        latent += T * (height // f) * (width // f) * k * k * c_in * c_out
    return pixel, latent + decoder


def vdm_weights__hyperbolic(log_snr):
    half = (log_snr[:-1] - log_snr[1:]) / 2
    return torch.sinh(half) * torch.exp(half)


def cold_step__one_difference(x_t, x_0_hat, t, degrade):
    x = x_t.clone()
    x += degrade(x_0_hat, t - 1)
    x -= degrade(x_0_hat, t)
    return x
