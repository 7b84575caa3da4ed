"""Networks: small ones, for points in the plane and for images of 8x8 to 32x32 pixels.

The predictors are functions f(x, t) or f(x, t, y), so samplers, losses and bounds take them as they take an exact
answer.  None of them draws random numbers after it is made.
"""

from diffkit.nets.autoencoder import AutoEncoder, Code
from diffkit.nets.classifier import Classifier
from diffkit.nets.embeddings import FourierEmbedding, LabelEmbedding, SinusoidalEmbedding, drop_labels
from diffkit.nets.log_snr import LogSnr
from diffkit.nets.mlp import Mlp
from diffkit.nets.unet import UNet

__all__ = [
    "AutoEncoder",
    "Classifier",
    "Code",
    "FourierEmbedding",
    "LabelEmbedding",
    "LogSnr",
    "Mlp",
    "SinusoidalEmbedding",
    "UNet",
    "drop_labels",
]
